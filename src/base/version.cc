#include "base/version.h"

namespace sluice {

// SLUICE_VERSION is given to this file alone, so that a new version rebuilds only this file.
std::string_view version() { return SLUICE_VERSION; }

}  // namespace sluice
