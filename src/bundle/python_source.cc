#include "bundle/python_source.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "base/file.h"
#include "base/json.h"
#include "bundle/internal/child.h"
#include "bundle/internal/python_script.h"
#include "model/literal.h"
#include "model/names.h"

namespace sluice::bundle {
namespace {

using model::CodePorts;
using model::CodeWanted;
using model::Mistake;
using model::Mistakes;

// Code that people write is a few hundred KiB; a tree takes hundreds of times its text.
constexpr ByteCount kSourceMax = 1_MiB;
constexpr ChildLimits kChildLimits{.time = std::chrono::seconds(10), .output = 16_MiB};

// One file and those of its functions that are wanted.
struct Source {
  std::string path;
  std::string content;
  std::vector<const CodeWanted*> wanted;
};

std::string_view function_name(const CodeWanted& wanted) {
  return std::string_view(wanted.handler).substr(wanted.handler.rfind('.') + 1);
}

bool has_file(const std::vector<File>& files, std::string_view path) {
  return std::ranges::binary_search(files, path, {},
                                    [](const File& file) -> std::string_view { return file.path; });
}

Mistake at_handler(const CodeWanted& wanted, std::string message, std::string hint) {
  return {"sluice.yaml", wanted.line, wanted.column, std::move(message), std::move(hint)};
}

// `pkg.words.count` is `count` in pkg/words.py, or in pkg/words/__init__.py.
std::string find_module(const CodeWanted& wanted, const std::filesystem::path& directory,
                        const std::vector<File>& files, Mistakes& mistakes) {
  std::string stem = wanted.handler.substr(0, wanted.handler.rfind('.'));
  std::ranges::replace(stem, '.', '/');
  const std::string file = stem + ".py";
  const std::string package = stem + "/__init__.py";
  if (has_file(files, file)) return file;
  if (has_file(files, package)) return package;
  std::error_code error;
  if (std::filesystem::exists(directory / file, error)) {
    mistakes.push_back(at_handler(wanted, fmt::format("'{}' is excluded by .sluiceignore", file),
                                  "add '!" + file + "' there"));
    return {};
  }
  std::vector<std::string> modules;
  for (const File& other : files) {
    if (other.path.ends_with(".py")) modules.push_back(other.path);
  }
  mistakes.push_back(at_handler(wanted, fmt::format("there is no file '{}' in the app", file),
                                model::did_you_mean_or_list(file, modules)));
  return {};
}

// The request: one line of JSON, [{"size": …, "functions": […]}…], then the files one after
// another.
std::string request_for(const std::vector<Source>& sources) {
  Json header = Json::list();
  for (const Source& source : sources) {
    Json functions = Json::list();
    for (const CodeWanted* wanted : source.wanted) functions.push(Json(function_name(*wanted)));
    Json entry = Json::map();
    entry.set("size", Json(std::uint64_t{source.content.size()}));
    entry.set("functions", std::move(functions));
    header.push(std::move(entry));
  }
  std::string request = to_text(header) + "\n";
  for (const Source& source : sources) request += source.content;
  return request;
}

std::uint32_t number(const Json& map, std::string_view key) {
  const Json* value = map.find(key);
  const std::int64_t* number = value == nullptr ? nullptr : value->as_int();
  return number == nullptr || *number < 1 || *number > 100'000'000
             ? 1U
             : static_cast<std::uint32_t>(*number);
}

std::string text(const Json& map, std::string_view key) {
  const Json* value = map.find(key);
  const std::string* result = value == nullptr ? nullptr : value->as_string();
  return result == nullptr ? std::string() : *result;
}

bool flag(const Json& map, std::string_view key) {
  const Json* value = map.find(key);
  const bool* result = value == nullptr ? nullptr : value->as_bool();
  return result != nullptr && *result;
}

// What the script spells is within the language, but for oddities like twenty nested lists.
model::Type type_of(const std::string& spelling) {
  const Result<model::Type> type = model::parse_type(spelling);
  return type ? *type : model::Type{};
}

// False: the function has no usable inputs.
bool read_parameter(const Json& said, const std::string& file, CodePorts& ports,
                    Mistakes& mistakes) {
  model::Port port{text(said, "name"), type_of(text(said, "type")), std::nullopt};
  if (const auto problem = model::identifier_problem(port.name)) {
    // One with a default is the code's own affair: it is no input then.
    if (!flag(said, "required")) return true;
    mistakes.push_back({file, number(said, "line"), number(said, "column"),
                        fmt::format("the parameter '{}' cannot be an input: {}",
                                    model::shown(port.name), problem->message),
                        "rename the parameter"});
    return false;
  }
  if (flag(said, "required")) {
    ports.inputs.push_back(std::move(port));
    return true;
  }
  if (!flag(said, "has_default")) {
    ports.inputs_if_declared.push_back(std::move(port));
    return true;
  }
  const Json* value = said.find("default");
  const bool is_none = value == nullptr || value->is_null();
  if (is_none) {
    port.type.optional = true;  // What is absent is None, which is what the default says.
  } else {
    port.default_value = *value;
    if (const auto problem = model::literal_problem(*value, port.type)) {
      mistakes.push_back({file, number(said, "default_line"), number(said, "default_column"),
                          fmt::format("the default of '{}' is wrong: by its annotation it {}",
                                      model::shown(port.name), *problem),
                          "make the default and the annotation agree"});
    }
  }
  ports.inputs.push_back(std::move(port));
  return true;
}

void read_function(const Json& said, const CodeWanted& wanted, const std::string& file,
                   std::vector<CodePorts>& result, Mistakes& mistakes) {
  if (flag(said, "missing")) {
    std::vector<std::string> names;
    if (const Json* list = said.find("names"); list != nullptr && list->as_list() != nullptr) {
      for (const Json& name : *list->as_list()) {
        if (name.as_string() != nullptr) names.push_back(*name.as_string());
      }
    }
    mistakes.push_back(
        at_handler(wanted, fmt::format("{} has no function '{}'", file, function_name(wanted)),
                   model::did_you_mean_or_list(function_name(wanted), names)));
    return;
  }
  if (said.find("mistake") != nullptr) {
    mistakes.push_back({file, number(said, "line"), number(said, "column"), text(said, "mistake"),
                        text(said, "hint")});
    return;
  }
  CodePorts ports;
  ports.function = wanted.function;
  ports.file = file;
  ports.is_generator = flag(said, "generator");
  if (const Json* inputs = said.find("inputs"); inputs != nullptr && inputs->as_list() != nullptr) {
    bool is_good = true;
    for (const Json& input : *inputs->as_list()) {
      is_good = read_parameter(input, file, ports, mistakes) && is_good;
    }
    if (!is_good) return;
  }
  if (const Json* reads = said.find("reads"); reads != nullptr && reads->as_list() != nullptr) {
    for (const Json& name : *reads->as_list())
      if (name.as_string() != nullptr) ports.reads.push_back(*name.as_string());
  }
  ports.outputs.push_back({"result", type_of(text(said, "returns")), std::nullopt});
  result.push_back(std::move(ports));
}

void read_answer(const Json& answer, const Source& source, std::vector<CodePorts>& result,
                 Mistakes& mistakes) {
  if (answer.find("syntax") != nullptr) {
    const std::string said = text(answer, "syntax");
    const bool is_encoding = said.starts_with("(unicode error)");
    mistakes.push_back({source.path, number(answer, "line"), number(answer, "column"),
                        is_encoding ? "the file is not UTF-8"
                                    : fmt::format("not valid Python: {}", model::shown(said)),
                        is_encoding ? "save it as UTF-8, or name its encoding in the first line: "
                                      "# -*- coding: latin-1 -*-"
                                    : ""});
    return;
  }
  const Json* functions = answer.find("functions");
  if (functions == nullptr) return;
  for (const CodeWanted* wanted : source.wanted) {
    const Json* said = functions->find(function_name(*wanted));
    if (said != nullptr) read_function(*said, *wanted, source.path, result, mistakes);
  }
}

// False: the interpreter came to no answer (a crash, a limit); no mistake was added.
Result<bool> ask_python(const std::vector<Source>& sources, std::vector<CodePorts>& result,
                        Mistakes& mistakes) {
  Result<std::string> output =
      run_child({"/usr/bin/python3", "-I", "-S", "-c", std::string(python_script())},
                request_for(sources), kChildLimits);
  if (!output) {
    const ErrorCode code = output.error().code();
    if (code == ErrorCode::kNotFound) {
      return fail(ErrorCode::kFailedPrecondition,
                  "Python functions need /usr/bin/python3, which is not there: install python3");
    }
    if (code == ErrorCode::kInternal || code == ErrorCode::kDeadlineExceeded ||
        code == ErrorCode::kResourceExhausted) {
      return false;
    }
    return fail(std::move(output).error().wrap("look at the Python code"));
  }
  SLUICE_TRY(const Json answers, parse_json(*output));
  if (answers.as_list() == nullptr || answers.as_list()->size() != sources.size()) return false;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    read_answer((*answers.as_list())[i], sources[i], result, mistakes);
  }
  return true;
}

}  // namespace

Result<std::vector<CodePorts>> read_python_ports(const std::filesystem::path& directory,
                                                 const std::vector<File>& files,
                                                 const std::vector<CodeWanted>& wanted,
                                                 Mistakes& mistakes) {
  std::map<std::string, Source> by_path;
  for (const CodeWanted& one : wanted) {
    if (one.runtime != model::Runtime::kPython3) continue;
    const std::string path = find_module(one, directory, files, mistakes);
    if (path.empty()) continue;
    Source& source = by_path[path];
    source.path = path;
    source.wanted.push_back(&one);
  }
  std::vector<Source> sources;
  for (auto& [path, source] : by_path) {
    Result<std::string> content = read_file(directory / path, kSourceMax);
    if (!content && content.error().code() == ErrorCode::kResourceExhausted) {
      mistakes.push_back({path, 1, 1,
                          fmt::format("the file is larger than {}", to_text(kSourceMax)),
                          "move data into files of its own"});
      continue;
    }
    if (!content) return fail(std::move(content).error());
    source.content = std::move(*content);
    sources.push_back(std::move(source));
  }
  std::vector<CodePorts> result;
  if (sources.empty()) return result;
  SLUICE_TRY(const bool is_answered, ask_python(sources, result, mistakes));
  if (is_answered) return result;
  // One file was too much for the interpreter: find out which.
  for (Source& source : sources) {
    std::vector<Source> alone;
    alone.push_back(std::move(source));
    SLUICE_TRY(const bool is_good, ask_python(alone, result, mistakes));
    if (!is_good) {
      mistakes.push_back({alone[0].path, 1, 1, "Python could not read this file within its limits",
                          "make it smaller or less deeply nested"});
    }
  }
  return result;
}

}  // namespace sluice::bundle
