#pragma once

// The inputs of a call, already checked against their ports, and the few words in which the bodies
// of functions are written.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "script.h"

namespace sluice::language {

class Arguments {
 public:
  explicit Arguments(Json given) : given_(std::move(given)) {}

  const Json& value(std::string_view port) const { return *given_.find(port); }
  bool is_null(std::string_view port) const { return value(port).is_null(); }
  std::int64_t integer(std::string_view port) const { return *value(port).as_int(); }
  double real(std::string_view port) const {
    const Json& given = value(port);
    return given.as_int() != nullptr ? static_cast<double>(*given.as_int()) : *given.as_double();
  }
  bool truth(std::string_view port) const { return *value(port).as_bool(); }
  const std::string& text(std::string_view port) const { return *value(port).as_string(); }
  const Json::List& list(std::string_view port) const { return *value(port).as_list(); }

 private:
  Json given_;
};

inline Step emit(std::string_view port, Json value) {
  return {.kind = Step::Kind::kEmit, .port = std::string(port), .value = std::move(value)};
}

// Classes as in functions.py: a Refused is an Unwilling, all are Exceptions.
inline Step failure(std::string_view name, std::string message) {
  Step step{.kind = Step::Kind::kFail, .text = std::string(name), .message = std::move(message)};
  if (name == "Refused") step.bases.emplace_back("Unwilling");
  step.bases.emplace_back("Exception");
  return step;
}

}  // namespace sluice::language
