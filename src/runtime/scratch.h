#pragma once

// Scratch folders hold whatever a worker left there, so that removing one must cope with folders
// that their maker took its own rights from.

#include <filesystem>

#include "base/result.h"

namespace sluice::runtime {

// Removes the tree, links not followed; a missing one is fine.
Status remove_scratch(const std::filesystem::path& folder);

}  // namespace sluice::runtime
