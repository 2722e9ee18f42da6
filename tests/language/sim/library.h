#pragma once

// The functions of tests/language/functions.yaml for the simulator. functions.py has the same for
// the engine; functions_test.py holds both together: a change here is a change there. Texts that
// are split, sharded or put into upper case are ASCII.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "model/type.h"
#include "script.h"

namespace sluice::language {

struct Port {
  std::string name;
  model::Type type;
  std::optional<Json> default_value;
};

struct Function {
  std::string name;
  std::vector<Port> inputs;
  std::vector<Port> outputs;
  bool has_effects = false;  // `replay: never`
  std::string declaration;   // Its line of functions.yaml.

  // Whether the code asks for this input while it runs (kRead): all streams and pipes, and what is
  // read by name. A task that starts early may begin without it.
  bool reads(const Port& port) const;
  const Port* find_input(std::string_view port) const;
  const Port* find_output(std::string_view port) const;
};

// By name.
using Library = std::map<std::string, Function, std::less<>>;
Result<Library> load_library(const std::string& path);

// A script for one attempt. `inputs` has a member for each input that is there and not read while
// the code runs; one that is absent is taken as null or its default. Inputs that do not fit their
// ports give a script that fails with InvalidInput, as the engine does.
std::unique_ptr<Script> start(const Function& function, const Json& inputs, const Call& call);

// Whether a value fits a port of this type; a float that is an integer becomes one for an `int`.
bool convert(Json& value, const model::Type& type);

}  // namespace sluice::language
