#include "cli/inputs.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <tuple>

#include "cli/document.h"
#include "model/names.h"

namespace sluice::cli {
namespace {

using model::Kind;

std::unexpected<Error> mistake(std::string message) {
  return fail(ErrorCode::kInvalidArgument, std::move(message));
}

std::string shown_value(const std::string& text) {
  return model::shown(text.size() > 60 ? text.substr(0, 60) + "…" : text);
}

bool is_textual(Kind kind) {
  return kind == Kind::kText || kind == Kind::kBytes || kind == Kind::kAny;
}

std::string_view content_type(const model::Type& type) {
  if (type.is_list()) return "application/json";
  switch (type.kind) {
    case Kind::kText:
      return "text/plain; charset=utf-8";
    case Kind::kJson:
    case Kind::kInt:
    case Kind::kFloat:
    case Kind::kBool:
      return "application/json";
    case Kind::kAny:
    case Kind::kBytes:
    case Kind::kArray:
    case Kind::kFile:
      return "application/octet-stream";
  }
  return "application/octet-stream";
}

Result<std::string> decode_base64(std::string_view text) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  if (text.size() % 4 != 0) return mistake("$base64 is not a multiple of four characters");
  while (text.ends_with('=')) text.remove_suffix(1);
  std::string out;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const std::size_t digit = kDigits.find(c);
    if (digit == std::string_view::npos)
      return mistake("$base64 has a character that is not base 64");
    bits = (bits << 6) | static_cast<std::uint32_t>(digit);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out += static_cast<char>((bits >> count) & 0xff);
    }
  }
  return out;
}

// The bytes that a JSON value is as an input of its own: text raw, other values as JSON.
Result<std::string> bytes_of(const model::Type& type, const Json& value) {
  const std::string* text = value.as_string();
  if (text != nullptr && is_textual(type.kind) && !type.is_list()) return *text;
  if (value.as_map() != nullptr && value.as_map()->size() == 1 && type.kind != Kind::kJson) {
    if (const Json* encoded = value.find("$base64");
        encoded != nullptr && encoded->as_string() != nullptr) {
      return decode_base64(*encoded->as_string());
    }
  }
  return to_text(value);
}

// Values of one input, in order.
struct Values {
  const InputPort* port;
  std::vector<const Given*> given;
  const Json* from_document = nullptr;

  bool streams() const {
    return std::any_of(given.begin(), given.end(), [](const Given* one) {
      return one->from != Given::From::kValue || !is_utf8(one->text);
    });
  }
  bool uses_stdin() const {
    return std::any_of(given.begin(), given.end(),
                       [](const Given* one) { return one->from == Given::From::kStdin; });
  }
};

// `[1, 2]` for a list of numbers can only be the whole list; for a list of anything else it may
// well be one element, so that there each -i is one.
bool is_whole_list(const model::Type& type, const Values& values) {
  const Kind kind = type.kind;
  return type.lists == 1 && values.given.size() == 1 && values.given[0]->text.starts_with('[') &&
         (kind == Kind::kInt || kind == Kind::kFloat || kind == Kind::kBool);
}

Result<Json> to_json(const Values& values) {
  if (values.from_document != nullptr) return *values.from_document;
  const model::Type& type = values.port->type;
  if (!type.is_list()) return parse_value(type, values.given[0]->text);
  if (is_whole_list(type, values)) return parse_value(type, values.given[0]->text);
  Json list = Json::list();
  for (const Given* one : values.given) {
    SLUICE_TRY(Json element, parse_value(type.element(), one->text));
    list.push(std::move(element));
  }
  return list;
}

Status add_value_part(const Values& values, const model::Type& type, const Json& value,
                      std::vector<Part>& parts) {
  SLUICE_TRY(std::string bytes, bytes_of(type, value));
  parts.push_back({.name = values.port->name,
                   .content_type = std::string(content_type(type)),
                   .file_name = {},
                   .bytes = std::move(bytes)});
  return {};
}

Status add_parts(const Values& values, std::vector<Part>& parts) {
  const model::Type& type = values.port->type;
  const model::Type one_type = type.is_list() ? type.element() : type;
  if (!values.streams()) {
    SLUICE_TRY(const Json value, to_json(values));
    const Json::List* list = type.is_list() ? value.as_list() : nullptr;
    if (list == nullptr) return add_value_part(values, type, value, parts);
    // An empty list has no part; the server could not tell it from a missing input.
    if (list->empty())
      return mistake("an empty list cannot be combined with files; give it alone in --json");
    for (const Json& element : *list) SLUICE_OK(add_value_part(values, one_type, element, parts));
    return {};
  }
  for (const Given* one : values.given) {
    if (one->from == Given::From::kValue && is_utf8(one->text)) {
      SLUICE_TRY(const Json value, parse_value(one_type, one->text));
      SLUICE_OK(add_value_part(values, one_type, value, parts));
      continue;
    }
    Part part{.name = values.port->name,
              .content_type = std::string(content_type(one_type)),
              .file_name = {},
              .bytes = {}};
    if (one->from == Given::From::kFile) {
      part.file_name = std::filesystem::path(one->text).filename().native();
      part.bytes = FileBytes{one->text};
    } else if (one->from == Given::From::kStdin) {
      part.bytes = StdinBytes{};
    } else if (one_type.kind == Kind::kBytes || one_type.kind == Kind::kAny) {
      part.bytes = one->text;
    } else {
      return mistake("the value is not UTF-8");
    }
    parts.push_back(std::move(part));
  }
  return {};
}

// Sorts what was given by port; names that are no input are mistakes.
std::vector<Values> sort_by_port(const std::vector<InputPort>& ports,
                                 const std::vector<Given>& given, const Json& document,
                                 std::vector<std::string>& mistakes) {
  std::vector<Values> sorted;
  std::vector<std::string> names;
  for (const InputPort& port : ports) {
    sorted.push_back({.port = &port, .given = {}, .from_document = document.find(port.name)});
    names.push_back(port.name);
  }
  const auto unknown = [&](const std::string& name) {
    mistakes.push_back(fmt::format("no input '{}': {}", model::shown(name),
                                   names.empty() ? std::string("the workflow has none")
                                                 : model::did_you_mean_or_list(name, names)));
  };
  for (const Given& one : given) {
    const auto port = std::find(names.begin(), names.end(), one.name);
    if (port == names.end()) {
      unknown(one.name);
    } else {
      Values& values = sorted[static_cast<std::size_t>(port - names.begin())];
      values.given.push_back(&one);
      values.from_document = nullptr;
    }
  }
  if (document.as_map() != nullptr) {
    for (const auto& [name, value] : *document.as_map()) {
      if (std::find(names.begin(), names.end(), name) == names.end()) unknown(name);
    }
  }
  return sorted;
}

// Mistakes that need no value.
void check_counts(const std::vector<Values>& sorted, std::vector<std::string>& mistakes) {
  std::size_t stdin_uses = 0;
  for (const Values& values : sorted) {
    const InputPort& port = *values.port;
    if (values.given.empty() && values.from_document == nullptr && port.is_required) {
      mistakes.push_back(fmt::format("input '{}' ({}) is missing: give it with -i {}=…", port.name,
                                     model::to_text(port.type), port.name));
    }
    if (values.given.size() > 1 && !port.type.is_list()) {
      mistakes.push_back(fmt::format("input '{}' is not a list ({}), and was given {} times",
                                     port.name, model::to_text(port.type), values.given.size()));
    }
    for (const Given* one : values.given) stdin_uses += one->from == Given::From::kStdin ? 1 : 0;
  }
  if (stdin_uses > 1) mistakes.emplace_back("only one input can be read from standard input (@-)");
}

}  // namespace

std::vector<InputPort> input_ports(const Json& workflow) {
  std::vector<InputPort> ports;
  for (const Json& input : list_member(workflow, "inputs")) {
    const Result<model::Type> type = model::parse_type(text_member(input, "type"));
    InputPort port{.name = std::string(name_of(input)), .type = type ? *type : model::Type{}};
    port.is_required = input.find("default") == nullptr && !port.type.optional;
    ports.push_back(std::move(port));
  }
  return ports;
}

Result<Given> parse_given(std::string_view argument) {
  const std::size_t equals = argument.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    return mistake(fmt::format("-i {}: write NAME=VALUE, NAME=@FILE or NAME=@- (standard input)",
                               model::shown(argument)));
  }
  Given given{.name = std::string(argument.substr(0, equals)), .text = {}};
  std::string_view value = argument.substr(equals + 1);
  if (value == "@-") {
    given.from = Given::From::kStdin;
  } else if (value.starts_with('@')) {
    given.from = Given::From::kFile;
    value.remove_prefix(1);
    if (value.empty())
      return mistake(fmt::format("-i {}=@: a path is missing after @", given.name));
    given.text = value;
  } else {
    given.text = value;
  }
  return given;
}

Result<Json> parse_value(const model::Type& type, const std::string& text) {
  const auto wanted = [&](std::string_view what) {
    return mistake(fmt::format("'{}' is not {}", shown_value(text), what));
  };
  if (type.is_list()) {
    Result<Json> parsed = parse_json(text);
    if (!parsed || parsed->as_list() == nullptr) return wanted("a JSON list");
    return parsed;
  }
  switch (type.kind) {
    case Kind::kJson: {
      Result<Json> parsed = parse_json(text);
      if (parsed) return parsed;
      return mistake(fmt::format("'{}' is {} (a string is written '\"…\"', with its quotes)",
                                 shown_value(text), parsed.error().message()));
    }
    case Kind::kInt: {
      std::int64_t value = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
      if (error == std::errc::result_out_of_range) return wanted("an integer of 64 bits");
      if (error != std::errc{} || end != text.data() + text.size()) return wanted("an integer");
      return Json(value);
    }
    case Kind::kFloat: {
      double value = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
      if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) {
        return wanted("a number");
      }
      return Json(value);
    }
    case Kind::kBool:
      if (text == "true" || text == "false") return Json(text == "true");
      return wanted("true or false");
    case Kind::kText:
    case Kind::kBytes:
    case Kind::kAny:
      if (!is_utf8(text)) return mistake("the value is not UTF-8");
      return Json(text);
    case Kind::kArray:
      return mistake("an array is given as an .npy file: NAME=@FILE");
    case Kind::kFile:
      return mistake("a file is given by its path: NAME=@FILE");
  }
  return Json();
}

Result<RunBody> to_run_body(const std::vector<InputPort>& ports, const std::vector<Given>& given,
                            const Json& document) {
  std::vector<std::string> mistakes;
  if (!document.is_null() && document.as_map() == nullptr) {
    return mistake("--json: the document must be a map of input names to values");
  }
  std::vector<Values> sorted = sort_by_port(ports, given, document, mistakes);
  check_counts(sorted, mistakes);

  const bool streams =
      std::any_of(sorted.begin(), sorted.end(), [](const Values& one) { return one.streams(); });
  RunBody body;
  if (!streams) body.inputs = Json::map();
  // What is at hand first, what may come slowly last: parts are read in order, and a run starts on
  // them while the rest is still on its way.
  std::sort(sorted.begin(), sorted.end(), [](const Values& a, const Values& b) {
    return std::tuple(a.streams(), a.uses_stdin(), a.port) <
           std::tuple(b.streams(), b.uses_stdin(), b.port);
  });
  for (const Values& values : sorted) {
    if (values.given.empty() && values.from_document == nullptr) continue;
    if (values.given.size() > 1 && !values.port->type.is_list()) continue;  // Already a mistake.
    Status added;
    if (streams) {
      added = add_parts(values, body.parts);
    } else if (Result<Json> value = to_json(values)) {
      body.inputs->set(values.port->name, std::move(*value));
    } else {
      added = fail(std::move(value).error());
    }
    if (!added)
      mistakes.push_back(fmt::format("input '{}': {}", values.port->name, added.error().message()));
  }
  if (!mistakes.empty()) return mistake(fmt::format("{}", fmt::join(mistakes, "\n")));
  return body;
}

}  // namespace sluice::cli
