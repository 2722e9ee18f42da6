#pragma once

// Whether a server could listen at an address now. Only a guess about the next moment: the server
// that is started then has the last word.

#include "base/result.h"
#include "settings/values.h"

namespace sluice::cli {

// kUnavailable: somebody else does; any other error: nobody can.
Status probe_listen(const settings::Address& address);

}  // namespace sluice::cli
