#include "node/output_views.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <span>

#include <fmt/ranges.h>

#include "base/file.h"
#include "base/hash.h"
#include "node/values.h"

namespace sluice::node {
namespace {

using Path = api::OutputPath;

constexpr std::uint64_t kInlineOutputMax = 1 << 20;  // A JSON or text output inside the document.
constexpr std::uint64_t kDocumentMax = 4 << 20;      // All of them together, or those of a page.
constexpr std::uint64_t kListMax = 16 << 20;         // In the document of one list.
// A list of more elements, those of lists in it counted, is an array only while its text is small.
constexpr std::size_t kElementsMax = 1000;
// What a reference takes inside a document, its name not counted.
constexpr std::uint64_t kReferenceText = 128;

std::string hex_of(const Checksum& checksum) {
  return fmt::format("{:016x}{:016x}", checksum.high, checksum.low);
}

Result<std::string> kept_text(const RunRecord& run, const KeptValue& value) {
  if (const auto* text = std::get_if<std::string>(&value.content)) return *text;
  if (const auto* packed = std::get_if<Packed>(&value.content)) {
    std::string bytes(value.size, '\0');
    const ssize_t got =
        ::pread(run.pack.get(), bytes.data(), bytes.size(), static_cast<off_t>(packed->offset));
    if (got != static_cast<ssize_t>(bytes.size()))
      return fail(ErrorCode::kDataLoss, "a kept output cannot be read");
    return bytes;
  }
  return read_file(std::get<std::filesystem::path>(value.content), ByteCount{value.size});
}

// `NAME`, `NAME/3`, `NAME/0/3`: below outputs/, and in messages.
std::string address_of(const std::string& name, const Path& path) {
  return path.empty() ? name : fmt::format("{}/{}", name, fmt::join(path, "/"));
}

// Of one conversation: the run, and how many bytes may still go inside the document.
struct Showing {
  const RunRecord& run;
  const std::string& name;
  std::uint64_t& budget;
};

std::string address_in(const Showing& showing, const Path& path) {
  return fmt::format("/api/v1/runs/{}/outputs/{}", showing.run.id.to_text(),
                     address_of(showing.name, path));
}

Json reference(const Showing& showing, const Path& path, const KeptValue& value) {
  Json document;
  document.set("$ref", address_in(showing, path))
      .set("size", value.size)
      .set("type", content_type(value.meta));
  if (!value.meta.name.empty()) document.set("name", value.meta.name);
  return document;
}

bool is_inline(const KeptValue& value, std::uint64_t budget) {
  const bool readable = value.meta.kind == SLUICE_KIND_JSON || value.meta.kind == SLUICE_KIND_TEXT;
  return readable && value.saved && value.size <= std::min(kInlineOutputMax, budget);
}

// The value inside the document where it is JSON or text and small enough, a reference otherwise.
Json value_json(const Showing& showing, const Path& path, const KeptValue& value) {
  if (value.hole) return Json();
  if (is_inline(value, showing.budget)) {
    Result<std::string> text = kept_text(showing.run, value);
    if (text) {
      showing.budget -= value.size;
      if (value.meta.kind == SLUICE_KIND_TEXT) return Json(std::move(*text));
      if (Result<Json> json = parse_json(*text)) return std::move(*json);
    }
  }
  return reference(showing, path, value);
}

// A list output, or a list in one: all its values, or of a list of lists its marks.
struct List {
  Path path;
  const KeptOutput& output;
  std::span<const std::int32_t> marks;

  bool is_nested() const { return !output.nested.is_empty(); }
  // Elements with those of lists in it; for a list of lists the brackets count too.
  std::size_t entries() const { return is_nested() ? marks.size() : output.values.size(); }
  std::size_t count() const {
    if (!is_nested()) return output.values.size();
    std::size_t elements = 0;
    for (auto rest = marks; !rest.empty(); ++elements) rest = NestedList::behind_first(rest);
    return elements;
  }
  const KeptValue* value(std::size_t entry) const {
    if (!is_nested()) return &output.values[entry];
    return marks[entry] < 0 ? nullptr : &output.values[static_cast<std::size_t>(marks[entry])];
  }
};

// Whether the list is written out, or too long for it: then not all of it is looked at.
bool is_array(const Showing& showing, const List& list, std::uint64_t text_max) {
  if (list.entries() <= kElementsMax) return true;
  std::uint64_t text = 0;
  std::uint64_t budget = showing.budget;
  for (std::size_t i = 0; i < list.entries() && text <= text_max; ++i) {
    const KeptValue* value = list.value(i);
    text += 2;
    if (value == nullptr || value->hole) continue;
    const bool fits = is_inline(*value, budget);
    if (fits) budget -= value->size;
    text += fits ? value->size : kReferenceText + value->meta.name.size();
  }
  return text <= text_max;
}

Json list_reference(const Showing& showing, const List& list) {
  std::uint64_t size = 0;
  for (std::size_t i = 0; i < list.entries(); ++i) {
    if (const KeptValue* value = list.value(i)) size += value->size;
  }
  return std::move(Json()
                       .set("$ref", address_in(showing, list.path))
                       .set("count", list.count())
                       .set("size", size)
                       .set("type", "application/json"));
}

Json list_json(const Showing& showing, const List& list);

// Calls `see` with the elements from `first` on, as they are in a document, until it says no.
template <class See>
void each_element(const Showing& showing, const List& list, std::size_t first, See see) {
  Path path = list.path;
  path.push_back(static_cast<std::uint32_t>(first));
  if (!list.is_nested()) {
    for (; path.back() < list.output.values.size(); ++path.back()) {
      if (!see(value_json(showing, path, list.output.values[path.back()]))) return;
    }
    return;
  }
  auto rest = list.marks;
  for (std::size_t i = 0; i < first && !rest.empty(); ++i) rest = NestedList::behind_first(rest);
  for (; !rest.empty(); ++path.back()) {
    const auto behind = NestedList::behind_first(rest);
    const auto element = rest.first(rest.size() - behind.size());
    const bool is_list = element.front() == NestedList::kBegin;
    if (!see(is_list ? list_json(showing, {.path = path,
                                           .output = list.output,
                                           .marks = element.subspan(1, element.size() - 2)})
                     : value_json(showing, path,
                                  list.output.values[static_cast<std::size_t>(element.front())])))
      return;
    rest = behind;
  }
}

// Elements that are no lists, in all lists in it.
std::size_t values_in(const Json& element) {
  const Json::List* list = element.as_list();
  if (list == nullptr) return 1;
  std::size_t values = 0;
  for (const Json& one : *list) values += values_in(one);
  return values;
}

Json list_json(const Showing& showing, const List& list) {
  if (!is_array(showing, list, kInlineOutputMax)) return list_reference(showing, list);
  Json elements = Json::list();
  each_element(showing, list, 0, [&](Json element) {
    elements.push(std::move(element));
    return true;
  });
  return elements;
}

Json output_json(const Showing& showing, const KeptOutput& output) {
  if (!output.is_list) return value_json(showing, {}, output.values.front());
  return list_json(showing,
                   {.path = {}, .output = output, .marks = output.nested.find({}, true).inside});
}

// The whole list; written element by element, so that only its text is in memory.
Result<api::OutputBytes> list_bytes(const Showing& showing, const List& list) {
  if (!is_array(showing, list, kListMax)) {
    return fail(
        ErrorCode::kInvalidArgument,
        fmt::format("output '{}' is a list of {} elements, too long for one answer: ask for "
                    "pages of it (?limit=1000, then &cursor=), or for its elements (/INDEX)",
                    address_of(showing.name, list.path), list.count()));
  }
  std::string text = "[";
  each_element(showing, list, 0, [&](const Json& element) {
    if (text.size() > 1) text += ',';
    text += to_text(element);
    return true;
  });
  text += ']';
  const std::uint64_t size = text.size();
  std::string etag = hex_of(checksum(std::as_bytes(std::span(text))));
  return api::OutputBytes{.content = std::move(text),
                          .size = size,
                          .content_type = "application/json",
                          .file_name = {},
                          .etag = std::move(etag)};
}

Result<api::OutputBytes> value_bytes(const RunRecord& run, const KeptValue& value) {
  api::OutputBytes bytes{.content = {},
                         .size = value.size,
                         .content_type = content_type(value.meta),
                         .file_name = value.meta.name,
                         .etag = hex_of(value.checksum)};
  if (const auto* path = std::get_if<std::filesystem::path>(&value.content)) {
    SLUICE_TRY(bytes.content, open_file(*path, O_RDONLY));
  } else {
    SLUICE_TRY(bytes.content, kept_text(run, value));
  }
  return bytes;
}

std::unexpected<Error> not_there(const RunRecord& run, const KeptOutput& output,
                                 const std::string& what) {
  if (output.absent)
    return fail(ErrorCode::kNotFound, fmt::format("output '{}' is absent in this run", what));
  if (is_ended(run.state)) {
    return fail(ErrorCode::kNotFound,
                fmt::format("the run ended {} without output '{}'", to_string(run.state), what));
  }
  return fail(
      ErrorCode::kFailedPrecondition,
      fmt::format("output '{}' is not there yet; the run is {}", what, to_string(run.state)));
}

// What a path leads to in a list, nested or not.
NestedList::Part part_of(const KeptOutput& output, const Path& path) {
  using Kind = NestedList::Part::Kind;
  if (!output.nested.is_empty()) return output.nested.find(path, output.complete);
  if (path.empty()) return {.kind = output.complete ? Kind::kList : Kind::kNotYet};
  const std::size_t size = output.values.size();
  if (path[0] >= size) {
    return {.kind = output.complete ? Kind::kBeyond : Kind::kNotYet, .size = size};
  }
  if (path.size() > 1) return {.kind = Kind::kNoList, .depth = 1};
  return {.kind = Kind::kLeaf, .leaf = path[0]};
}

// What a path of an output leads to, once it is there: a list, or else a value.
struct Found {
  const KeptOutput& output;
  NestedList::Part part;
};

Result<Found> find_part(const RunRecord& run, const std::string& name, const Path& path) {
  using Kind = NestedList::Part::Kind;
  const auto& declared = run.plan().outputs;
  const auto found = std::find_if(declared.begin(), declared.end(),
                                  [&](const auto& output) { return output.name == name; });
  if (found == declared.end()) {
    return fail(ErrorCode::kNotFound, fmt::format("workflow '{}' has no output '{}'",
                                                  run.plan().name, name.substr(0, 64)));
  }
  const KeptOutput& output = run.outputs[static_cast<std::size_t>(found - declared.begin())];
  const auto there = [&](std::size_t depth) {
    return address_of(name, Path(path.begin(), path.begin() + static_cast<std::ptrdiff_t>(depth)));
  };
  const std::string what = there(path.size());
  if (!output.is_list) {
    if (output.values.empty()) return not_there(run, output, what);
    if (!path.empty())
      return fail(ErrorCode::kNotFound, fmt::format("output '{}' is no list", name));
  }
  const NestedList::Part part =
      output.is_list ? part_of(output, path) : NestedList::Part{.kind = Kind::kLeaf};
  switch (part.kind) {
    case Kind::kNotYet:
      return not_there(run, output, what);
    case Kind::kBeyond:
      return fail(ErrorCode::kNotFound,
                  fmt::format("output '{}' has {} elements", there(part.depth), part.size));
    case Kind::kNoList:
      return fail(ErrorCode::kNotFound, fmt::format("output '{}' is no list", there(part.depth)));
    case Kind::kList:
    case Kind::kLeaf:
      break;
  }
  return Found{.output = output, .part = part};
}

}  // namespace

Json outputs_json(const RunRecord& run) {
  Json outputs = Json::map();
  if (run.state != RunState::kSucceeded) return outputs;
  std::uint64_t budget = kDocumentMax;
  for (std::size_t i = 0; i < run.outputs.size(); ++i) {
    const KeptOutput& output = run.outputs[i];
    if (output.absent || (!output.is_list && output.values.empty())) continue;
    const std::string& name = run.plan().outputs[i].name;
    outputs.set(name, output_json({.run = run, .name = name, .budget = budget}, output));
  }
  return outputs;
}

Result<api::OutputBytes> output_bytes(const RunRecord& run, const std::string& name,
                                      const Path& path) {
  SLUICE_TRY(const Found found, find_part(run, name, path));
  if (found.part.kind == NestedList::Part::Kind::kList) {
    std::uint64_t budget = kListMax;
    return list_bytes({.run = run, .name = name, .budget = budget},
                      {.path = path, .output = found.output, .marks = found.part.inside});
  }
  const KeptValue& value = found.output.values[found.part.leaf];
  const std::string what = address_of(name, path);
  if (!value.saved) return not_there(run, found.output, what);
  if (value.hole) return fail(ErrorCode::kNotFound, fmt::format("output '{}' is absent", what));
  return value_bytes(run, value);
}

Result<Json> output_page(const RunRecord& run, const std::string& name, const Path& path,
                         const api::ListPage& page) {
  SLUICE_TRY(const Found found, find_part(run, name, path));
  const std::string what = address_of(name, path);
  if (found.part.kind != NestedList::Part::Kind::kList) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("output '{}' is no list: leave out limit and cursor", what));
  }
  std::uint64_t budget = kDocumentMax;
  const Showing showing{.run = run, .name = name, .budget = budget};
  const List list{.path = path, .output = found.output, .marks = found.part.inside};
  const std::size_t count = list.count();
  Json elements = Json::list();
  std::uint64_t references = 0;
  if (page.first < count) {
    each_element(showing, list, page.first, [&](Json element) {
      references += values_in(element) * kReferenceText;
      elements.push(std::move(element));
      // Of long lists in the list fewer make a page.
      return elements.as_list()->size() < page.limit && references < budget;
    });
  }
  const std::size_t next = page.first + elements.as_list()->size();
  Json document;
  document.set("elements", std::move(elements)).set("count", count);
  if (next < count) document.set("cursor", fmt::format("{}", next));
  return document;
}

Status check_task_output(const RunRecord& run, const std::string& task, const std::string& name) {
  Result<std::vector<NamedPart>> parts = named_parts(run.app(), run.workflow, task, PathOf::kTask);
  if (!parts) {
    // A loop as a whole has the outputs of its last round.
    auto round = named_parts(run.app(), run.workflow, task + ".1", PathOf::kTask);
    if (!round || !run.app().workflows[round->front().workflow].is_internal)
      return fail(std::move(parts).error());
    parts = std::move(round);
  }
  std::vector<std::string> names;
  for (const NamedPart& part : *parts) {
    const model::Step& step = run.app().workflows[part.workflow].steps[part.step];
    const auto& ports = step.action == model::Action::kCall
                            ? run.app().functions[step.function].outputs
                            : step.outputs;
    for (const model::Port& port : ports)
      if (std::find(names.begin(), names.end(), port.name) == names.end())
        names.push_back(port.name);
  }
  if (std::find(names.begin(), names.end(), name) == names.end()) {
    return fail(ErrorCode::kNotFound,
                fmt::format("task '{}' has no output '{}'; there is {}", task, name.substr(0, 64),
                            names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "))));
  }
  if (run.plan().keep == model::Keep::kAll) return {};
  return fail(
      ErrorCode::kNotFound,
      fmt::format("output '{}' of task '{}' is not kept: intermediate data is released with "
                  "its last reader; make it an output of the workflow, or give the workflow "
                  "`keep: all`",
                  name, task));
}

}  // namespace sluice::node
