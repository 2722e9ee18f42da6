#pragma once

// An output as an answer: whole, a range, or not at all because the client has it. Pure.

#include "api/control.h"
#include "api/request_head.h"
#include "api/response.h"

namespace sluice::api {

// The parts of a request's head that decide it, kept while Control looks for the bytes.
struct OutputConditions {
  std::string range;  // Empty for HEAD: a range is only defined for GET.
  std::string if_range;
  std::string if_none_match;
};

OutputConditions conditions_of(const RequestHead& head);
Response output_response(const OutputConditions& conditions, OutputBytes bytes);

}  // namespace sluice::api
