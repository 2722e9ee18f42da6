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
constexpr std::uint64_t kDocumentMax = 4 << 20;      // All of them together.
constexpr std::uint64_t kListMax = 16 << 20;         // In the document of one list.

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

Json reference(const Showing& showing, const Path& path, const KeptValue& value) {
  Json document;
  document
      .set("$ref", fmt::format("/api/v1/runs/{}/outputs/{}", showing.run.id.to_text(),
                               address_of(showing.name, path)))
      .set("size", value.size)
      .set("type", content_type(value.meta));
  if (!value.meta.name.empty()) document.set("name", value.meta.name);
  return document;
}

// The value inside the document where it is JSON or text and small enough, a reference otherwise.
Json value_json(const Showing& showing, const Path& path, const KeptValue& value) {
  if (value.hole) return Json();
  const bool readable = value.meta.kind == SLUICE_KIND_JSON || value.meta.kind == SLUICE_KIND_TEXT;
  if (readable && value.saved && value.size <= std::min(kInlineOutputMax, showing.budget)) {
    Result<std::string> text = kept_text(showing.run, value);
    if (text) {
      showing.budget -= value.size;
      if (value.meta.kind == SLUICE_KIND_TEXT) return Json(std::move(*text));
      if (Result<Json> json = parse_json(*text)) return std::move(*json);
    }
  }
  return reference(showing, path, value);
}

// What is inside a list of lists; `path` leads to it.
Json nested_json(const Showing& showing, const KeptOutput& output,
                 std::span<const std::int32_t> inside, Path path) {
  std::vector<Json> open;
  open.push_back(Json::list());
  path.push_back(0);
  for (const std::int32_t mark : inside) {
    if (mark == NestedList::kBegin) {
      open.push_back(Json::list());
      path.push_back(0);
      continue;
    }
    if (mark == NestedList::kEnd) {
      Json inner = std::move(open.back());
      open.pop_back();
      path.pop_back();
      open.back().push(std::move(inner));
    } else {
      open.back().push(value_json(showing, path, output.values[static_cast<std::size_t>(mark)]));
    }
    ++path.back();
  }
  return std::move(open.front());
}

Json output_json(const Showing& showing, const KeptOutput& output) {
  if (!output.is_list) return value_json(showing, {}, output.values.front());
  if (!output.nested.is_empty())
    return nested_json(showing, output, output.nested.find({}, true).inside, {});
  Json list = Json::list();
  for (std::uint32_t i = 0; i < output.values.size(); ++i)
    list.push(value_json(showing, {i}, output.values[i]));
  return list;
}

api::OutputBytes json_bytes(const Json& value) {
  std::string text = to_text(value);
  const std::uint64_t size = text.size();
  std::string etag = hex_of(checksum(std::as_bytes(std::span(text))));
  return {.content = std::move(text),
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
  if (path.empty()) return {.kind = output.complete ? Kind::kList : Kind::kNotYet};
  if (!output.nested.is_empty()) return output.nested.find(path, output.complete);
  const std::size_t size = output.values.size();
  if (path[0] >= size) {
    return {.kind = output.complete ? Kind::kBeyond : Kind::kNotYet, .size = size};
  }
  if (path.size() > 1) return {.kind = Kind::kNoList, .depth = 1};
  return {.kind = Kind::kLeaf, .leaf = path[0]};
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
    case Kind::kList: {
      std::uint64_t budget = kListMax;
      const Showing showing{.run = run, .name = name, .budget = budget};
      return json_bytes(path.empty() ? output_json(showing, output)
                                     : nested_json(showing, output, part.inside, path));
    }
    case Kind::kLeaf:
      break;
  }
  const KeptValue& value = output.values[part.leaf];
  if (!value.saved) return not_there(run, output, what);
  if (value.hole) return fail(ErrorCode::kNotFound, fmt::format("output '{}' is absent", what));
  return value_bytes(run, value);
}

}  // namespace sluice::node
