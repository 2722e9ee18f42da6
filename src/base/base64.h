#pragma once

// RFC 4648 base64 with padding: how JSON carries bytes that are not UTF-8.

#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice {

std::string base64(std::string_view bytes);
Result<std::string> from_base64(std::string_view text);

}  // namespace sluice
