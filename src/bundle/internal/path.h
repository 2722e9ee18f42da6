#pragma once

// Which paths may be in an app: the same rule for what is on disk and what is in an archive.

#include <string_view>

#include "base/result.h"

namespace sluice::bundle {

// Relative, UTF-8, without `.`, `..`, empty parts and control characters, at most 1,024 bytes and
// 64 parts. The error names the path.
Status check_path(std::string_view path);

}  // namespace sluice::bundle
