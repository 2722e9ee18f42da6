#pragma once

// The Python SDK, carried inside the binary as a tar archive (src/CMakeLists.txt packs it), so that
// one file is the whole product. Unpacked into the data directory at start.

#include <filesystem>
#include <string_view>

#include "base/limits.h"
#include "base/result.h"

namespace sluice::node {

std::string_view python_sdk_archive();
// Replaces what is at `folder`.
Status unpack_python_sdk(const std::filesystem::path& folder, const Limits& limits);

}  // namespace sluice::node
