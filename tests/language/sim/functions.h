#pragma once

// What the functions of the corpus do (functions.cc), and those of them that read streams
// (stream_functions.cc).

#include <memory>
#include <string_view>

#include "arguments.h"
#include "script.h"

namespace sluice::language {

// Null for a function that is not there.
std::unique_ptr<Script> start_script(std::string_view name, const Arguments& in, const Call& call);
std::unique_ptr<Script> start_stream_script(std::string_view name, const Arguments& in);

}  // namespace sluice::language
