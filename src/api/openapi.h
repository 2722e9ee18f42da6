#pragma once

#include <string_view>

namespace sluice::api {

// src/api/openapi.json, byte for byte; openapi.cmake puts it into the binary.
std::string_view openapi_text();

}  // namespace sluice::api
