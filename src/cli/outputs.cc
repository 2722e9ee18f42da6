#include "cli/outputs.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <set>
#include <span>

#include "base/file.h"
#include "cli/document.h"
#include "cli/download.h"
#include "cli/file_name.h"
#include "cli/long_list.h"
#include "cli/problem.h"
#include "model/names.h"

namespace sluice::cli {
namespace {

// More than a few screens is nothing to look at.
constexpr std::size_t kShownMax = 64 << 10;
// A list or map that fits one line of a terminal beside its name stands in one line.
constexpr std::size_t kOneLineMax = 72;
// Bytes of unknown meaning are fetched to be looked at only when they are few.
constexpr std::size_t kBytesShownMax = 4 << 10;

bool is_reference(const Json& value) { return !text_member(value, "$ref").empty(); }

bool has_references(const Json& value) {
  if (is_reference(value)) return true;
  const Json::List* list = value.as_list();
  return list != nullptr && std::any_of(list->begin(), list->end(), has_references);
}

// Nothing but references and holes, also in lists in it.
bool holds_no_values(const Json& value) {
  if (value.is_null() || is_reference(value)) return true;
  const Json::List* list = value.as_list();
  return list != nullptr && std::all_of(list->begin(), list->end(), holds_no_values);
}

// A list whose elements are objects of their own. A json output that is a list looks the same in
// the document where it is inline; the type decides if it is known.
bool is_list_output(const Json& value, const model::Type* type) {
  if (value.as_list() == nullptr) return false;
  if (type != nullptr && type->kind != model::Kind::kAny) return type->is_list();
  if (type != nullptr && type->is_list()) return true;
  return has_references(value) && holds_no_values(value);
}

std::uint64_t size_of(const Json& value) {
  if (is_reference(value))
    return static_cast<std::uint64_t>(std::max<std::int64_t>(int_member(value, "size"), 0));
  if (value.as_list() == nullptr) return 0;
  std::uint64_t size = 0;
  for (const Json& element : *value.as_list()) size += size_of(element);
  return size;
}

// How many levels of lists lead to a reference.
std::size_t levels_of(const Json& value) {
  const Json::List* list = value.as_list();
  if (list == nullptr) return 0;
  std::size_t levels = 0;
  for (const Json& element : *list) levels = std::max(levels, levels_of(element));
  return levels + 1;
}

// Below its name and indented, or behind it when it is one line.
std::string labelled(std::string_view name, std::string_view text) {
  while (text.ends_with('\n')) text.remove_suffix(1);
  if (text.find('\n') == std::string_view::npos) return fmt::format("{}: {}\n", name, text);
  std::string out = fmt::format("{}:\n  ", name);
  for (const char c : text) {
    out += c;
    if (c == '\n') out += "  ";
  }
  return out + '\n';
}

std::string elsewhere(Session& session, const Json& run, std::string_view name,
                      std::string_view what, std::size_t levels = 0) {
  std::string address = session.client.address().base + output_request(run, name).path;
  for (std::size_t i = 0; i < levels; ++i) address += "/INDEX";
  return labelled(name, fmt::format("{} (--out DIR saves it; it is at {})", what, address));
}

Result<std::string> shown_reference(Session& session, const Json& run, const std::string& name,
                                    const Json& value) {
  const std::uint64_t size = size_of(value);
  const std::string_view type = text_member(value, "type");
  const bool is_readable = type.starts_with("text/") || type.starts_with("application/json");
  if (size <= (is_readable ? kShownMax : kBytesShownMax)) {
    SLUICE_TRY(const Response response, session.client.send(output_request(run, name)));
    if (!response.is_success()) return fail(problem_error(response));
    if (is_readable || printable(response.body) == response.body)
      return labelled(name, response.body);
  }
  return elsewhere(session, run, name,
                   fmt::format("{}{}{}", to_text(ByteCount{size}), type.empty() ? "" : " ",
                               printable_line(type)));
}

std::string shown_value(const Json& value) {
  if (const std::string* plain = value.as_string()) return *plain;
  std::string line = to_text(value);
  return line.size() <= kOneLineMax ? line : to_pretty_text(value);
}

Result<std::string> shown_output(Session& session, const Json& run, const std::string& name,
                                 const Json& value) {
  if (is_long_list(value, output_request(run, name))) {
    return elsewhere(session, run, name,
                     fmt::format("list of {}, {}", int_member(value, "count"),
                                 to_text(ByteCount{size_of(value)})),
                     1);
  }
  if (is_reference(value)) return shown_reference(session, run, name, value);
  if (has_references(value)) {
    return elsewhere(
        session, run, name,
        fmt::format("list of {}, {}", value.as_list()->size(), to_text(ByteCount{size_of(value)})),
        levels_of(value));
  }
  const std::string text = shown_value(value);
  if (text.size() <= kShownMax) return labelled(name, text);
  return elsewhere(session, run, name, to_text(ByteCount{to_text(value).size()}));
}

// Names taken in one directory: a second file of a name gets a prefix that tells them apart.
class Names {
 public:
  std::string take(std::string_view wanted, const std::string& fallback) {
    std::string name = safe_file_name(wanted, fallback);
    if (!taken_.insert(name).second) {
      name = fmt::format("{}-{}", fallback, name);
      taken_.insert(name);
    }
    return name;
  }

 private:
  std::set<std::string> taken_;
};

Status make_output_directory(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);  // The user's umask, unlike make_directory.
  if (!error && std::filesystem::is_directory(path, error)) return {};
  const int number = error ? error.value() : ENOTDIR;
  return fail(ErrorCode::kInvalidArgument,
              system_error(number, fmt::format("create directory {}", path.native())).message());
}

// Saves the list at `at` of an output, a list in it into a directory of its number. `type` is that
// of the list, where it is known.
struct ListSaver {
  Session& session;
  const Json& run;
  const std::string& name;
  std::vector<std::filesystem::path>& saved;
  std::vector<std::size_t> at;

  bool is_list(const Json& value, const model::Type* type) const {
    return is_list_output(value, type) || is_long_list(value, element_request(run, name, at));
  }

  Status save(const Json& list, const model::Type* type, const std::filesystem::path& directory) {
    SLUICE_OK(make_output_directory(directory));
    const bool is_known = type != nullptr && type->is_list();
    const model::Type element_type = is_known ? type->element() : model::Type{};
    Names names;
    const auto save_element = [&](std::size_t index, const Json& element) -> Status {
      at.push_back(index);
      SLUICE_OK(save_one(element, is_known ? &element_type : nullptr, directory,
                         fmt::format("{:06}", index), names));
      at.pop_back();
      return {};
    };
    const Json::List* elements = list.as_list();
    if (elements == nullptr)
      return each_element(session, element_request(run, name, at), save_element);
    for (std::size_t index = 0; index < elements->size(); ++index)
      SLUICE_OK(save_element(index, (*elements)[index]));
    return {};
  }

  // The element at `at`.
  Status save_one(const Json& element, const model::Type* type,
                  const std::filesystem::path& directory, const std::string& fallback,
                  Names& names) {
    if (is_list(element, type))
      return save(element, type, directory / names.take(fallback, fallback));
    SLUICE_TRY(const Download done, download(session.client, element_request(run, name, at),
                                             directory, [&](const Response& response) {
                                               return names.take(response.file_name, fallback);
                                             }));
    if (done.status != 404) saved.push_back(done.path);  // 404: a hole; its number stays free.
    return {};
  }
};

}  // namespace

std::vector<OutputPort> output_ports(const Json& workflow) {
  std::vector<OutputPort> ports;
  for (const Json& output : list_member(workflow, "outputs")) {
    const Result<model::Type> type = model::parse_type(text_member(output, "type"));
    ports.push_back({.name = std::string(name_of(output)), .type = type ? *type : model::Type{}});
  }
  return ports;
}

Result<std::string> choose_raw_output(const std::vector<OutputPort>& ports,
                                      const std::string& wanted) {
  std::vector<std::string> names;
  for (const OutputPort& port : ports) names.push_back(port.name);
  const auto refuse = [](std::string text) {
    return fail(ErrorCode::kInvalidArgument, std::move(text));
  };
  if (names.empty()) return refuse("the workflow has no outputs, so -o raw has nothing to write");
  if (wanted.empty() && names.size() > 1) {
    return refuse(fmt::format("the workflow has {} outputs: choose one for -o raw with --output {}",
                              names.size(), fmt::join(names, "|")));
  }
  const std::string& name = wanted.empty() ? names.front() : wanted;
  const auto at = std::find(names.begin(), names.end(), name);
  if (at == names.end()) {
    return refuse(fmt::format("no output '{}': {}", model::shown(name),
                              model::did_you_mean_or_list(name, names)));
  }
  if (ports[static_cast<std::size_t>(at - names.begin())].type.is_list()) {
    return refuse(
        fmt::format("output '{}' is a list; --out DIR saves its elements as files", name));
  }
  return name;
}

Status show_outputs(Session& session, const Json& run) {
  for (const auto& [name, value] : map_member(run, "outputs")) {
    SLUICE_TRY(const std::string text, shown_output(session, run, name, value));
    SLUICE_OK(write_output(session.terminal.output_is_terminal ? printable(text) : text));
  }
  return {};
}

namespace {

// The bytes that are asked for, to standard output; `absent` is what a 404 means.
Status write_bytes(Session& session, const Request& request,
                   const std::optional<std::string>& absent) {
  TerminalText harmless;
  const bool is_terminal = session.terminal.output_is_terminal;
  SLUICE_TRY(const Response response, session.client.send(request, [&](std::string_view bytes) {
    return write_output(is_terminal ? harmless.filter(bytes) : std::string(bytes));
  }));
  if (response.status == 404 && absent) return fail(ErrorCode::kNotFound, *absent);
  if (!response.is_success()) return fail(problem_error(response));
  if (!is_terminal) return {};
  SLUICE_OK(write_output(harmless.finish()));
  if (harmless.has_escaped()) {
    write_error(
        "\nnote: bytes that are not text are shown as \\x…; write to a file or a pipe for the "
        "bytes themselves\n");
  }
  return {};
}

}  // namespace

Status write_raw_output(Session& session, const Json& run, const std::string& name) {
  return write_bytes(session, output_request(run, name),
                     fmt::format("output '{}' is absent in this run", name));
}

Status write_task_output(Session& session, const std::string& run, const std::string& task,
                         const std::string& output) {
  const std::size_t slash = output.find('/');
  const std::string name = output.substr(0, slash);
  const std::string index = slash == std::string::npos ? "" : output.substr(slash + 1);
  const std::string path = index.empty()
                               ? api_path({"runs", run, "tasks", task, "outputs", name})
                               : api_path({"runs", run, "tasks", task, "outputs", name, index});
  return write_bytes(session, Request{.path = path}, std::nullopt);
}

Result<std::vector<std::filesystem::path>> save_outputs(Session& session, const Json& run,
                                                        const std::vector<OutputPort>& ports,
                                                        const std::filesystem::path& directory) {
  SLUICE_OK(make_output_directory(directory));
  std::vector<std::filesystem::path> saved;
  Names names;
  for (const auto& [name, value] : map_member(run, "outputs")) {
    const auto port = std::find_if(ports.begin(), ports.end(),
                                   [&](const OutputPort& one) { return one.name == name; });
    // Output names are identifiers, but this one comes from the network.
    const std::string own_name = safe_file_name(name, "output");
    const model::Type* type = port != ports.end() ? &port->type : nullptr;
    ListSaver saver{.session = session, .run = run, .name = name, .saved = saved, .at = {}};
    if (saver.is_list(value, type)) {
      SLUICE_OK(saver.save(value, type, directory / names.take(own_name, own_name)));
      continue;
    }
    SLUICE_TRY(const Download done,
               download(session.client, output_request(run, name), directory,
                        [&](const Response& response) {
                          return names.take(
                              response.file_name.empty() ? own_name : response.file_name, own_name);
                        }));
    if (done.status != 404) saved.push_back(done.path);
  }
  return saved;
}

}  // namespace sluice::cli
