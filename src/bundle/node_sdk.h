#pragma once

// The SDK for Node.js, carried inside the binary like that for Python (python_sdk.h). The node
// unpacks it at start.

#include <filesystem>
#include <string_view>

#include "base/limits.h"
#include "base/result.h"

namespace sluice::bundle {

std::string_view node_sdk_archive();
// Replaces what is at `folder`.
Status unpack_node_sdk(const std::filesystem::path& folder, const Limits& limits);

}  // namespace sluice::bundle
