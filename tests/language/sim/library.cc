#include "library.h"

#include <cmath>
#include <utility>

#include "arguments.h"
#include "base/file.h"
#include "functions.h"
#include "yaml_json.h"

namespace sluice::language {
namespace {

const Port* find_port(const std::vector<Port>& ports, std::string_view name) {
  for (const Port& port : ports)
    if (port.name == name) return &port;
  return nullptr;
}

Result<std::vector<Port>> read_ports(const Json* ports) {
  std::vector<Port> result;
  if (ports == nullptr) return result;
  for (const auto& [name, written] : *ports->as_map()) {
    const Json* type = written.as_map() != nullptr ? written.find("type") : &written;
    const Json* default_value = written.find("default");
    SLUICE_TRY(model::Type parsed, model::parse_type(*type->as_string()));
    result.push_back(
        {name, parsed, default_value != nullptr ? std::optional(*default_value) : std::nullopt});
  }
  return result;
}

// `  name: { … }`: the line that declares a function.
std::string declaration_of(std::string_view text, const std::string& name) {
  const std::size_t begin = text.find("\n  " + name + ": {") + 1;
  return std::string(text.substr(begin, text.find('\n', begin) + 1 - begin));
}

bool convert_number(Json& value, model::Kind kind) {
  if (kind == model::Kind::kFloat) return value.as_int() != nullptr || value.as_double() != nullptr;
  if (value.as_int() != nullptr) return true;
  const double* real = value.as_double();
  if (real == nullptr || std::trunc(*real) != *real || std::abs(*real) >= 0x1p63) return false;
  value = Json(static_cast<std::int64_t>(*real));
  return true;
}

}  // namespace

bool Function::reads(const Port& port) const {
  return port.type.access != model::Access::kWhole ||
         (name == "open_then_read" && port.name == "y");
}

const Port* Function::find_input(std::string_view port) const { return find_port(inputs, port); }
const Port* Function::find_output(std::string_view port) const { return find_port(outputs, port); }

Result<Library> load_library(const std::string& path) {
  SLUICE_TRY(std::string text, read_file(path, kFileMax));
  SLUICE_TRY(Json document, yaml_to_json(text, path));
  Library library;
  for (const auto& [name, written] : *document.find("functions")->as_map()) {
    Function function{.name = name};
    SLUICE_TRY(function.inputs, read_ports(written.find("inputs")));
    SLUICE_TRY(function.outputs, read_ports(written.find("outputs")));
    function.has_effects = written.find("replay") != nullptr;
    function.declaration = declaration_of(text, name);
    library.emplace(name, std::move(function));
  }
  return library;
}

bool convert(Json& value, const model::Type& type) {
  if (type.optional && value.is_null()) return true;
  if (type.is_list()) {
    Json::List* elements = value.as_list();
    if (elements == nullptr) return false;
    model::Type element = type.element();
    for (Json& each : *elements)
      if (!convert(each, element)) return false;
    return true;
  }
  switch (type.kind) {
    case model::Kind::kAny:
    case model::Kind::kJson:
      return true;
    case model::Kind::kInt:
    case model::Kind::kFloat:
      return convert_number(value, type.kind);
    case model::Kind::kBool:
      return value.as_bool() != nullptr;
    case model::Kind::kBytes:
    case model::Kind::kText:
    case model::Kind::kFile:
      return value.as_string() != nullptr;
    case model::Kind::kArray:
      return false;
  }
  return false;
}

std::unique_ptr<Script> start(const Function& function, const Json& inputs, const Call& call) {
  Json given = Json::map();
  for (const Port& port : function.inputs) {
    if (function.reads(port)) continue;
    const Json* written = inputs.find(port.name);
    Json value = written != nullptr ? *written : port.default_value ? *port.default_value : Json();
    if (written == nullptr && !port.default_value && !port.type.optional) {
      return playback({failure("InvalidInput", "input `" + port.name + "` is missing")});
    }
    if (!convert(value, port.type)) {
      return playback({failure("InvalidInput", "input `" + port.name + "` is " + to_text(value) +
                                                   ", not " + model::to_text(port.type))});
    }
    given.set(port.name, std::move(value));
  }
  return start_script(function.name, Arguments(std::move(given)), call);
}

}  // namespace sluice::language
