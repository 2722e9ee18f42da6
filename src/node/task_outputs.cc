#include "node/task_outputs.h"

#include <fcntl.h>
#include <unistd.h>

#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/file.h"
#include "base/json.h"
#include "node/values.h"
#include "wire/abi.h"

namespace sluice::node {
namespace {

using Entry = TaskOutputs::Entry;

constexpr std::size_t kBuffered = 64 << 10;
constexpr std::size_t kReadAtOnce = 256 << 10;
constexpr std::uint64_t kInlineMax = 1 << 20;     // A JSON or text element inside of the document.
constexpr std::uint64_t kDocumentMax = 16 << 20;  // All of them together.
constexpr std::string_view kDropped = "[\"~\",";

std::string hex_of(const Checksum& checksum) {
  return fmt::format("{:016x}{:016x}", checksum.high, checksum.low);
}

// Where a line says that the bytes are.
struct Found {
  Entry::Kind kind = Entry::Kind::kValue;
  std::uint32_t index = 0;
  store::Meta meta;
  std::uint64_t size = 0;
  std::string etag;
  std::int64_t offset = -1;  // In `values`; else in a file.
  std::uint64_t file = 0;
};

std::string beginning_of(std::string_view task, std::string_view output) {
  return fmt::format("[{},{},", to_text(Json(std::string(task))),
                     to_text(Json(std::string(output))));
}

// The lines are the server's own; what is not as it was written is damage.
Result<Found> read_line(std::string_view line) {
  const auto damaged = [] { return fail(ErrorCode::kDataLoss, "a kept output is damaged"); };
  const Result<Json> json = parse_json(line);
  const Json::List* list = json ? json->as_list() : nullptr;
  if (list == nullptr || list->size() != 11) return damaged();
  const auto number = [&](std::size_t i) { return (*list)[i].as_int(); };
  const auto text = [&](std::size_t i) { return (*list)[i].as_string(); };
  for (const std::size_t i : {2U, 3U, 4U, 5U, 8U, 9U, 10U})
    if (number(i) == nullptr) return damaged();
  if (text(6) == nullptr || text(7) == nullptr || *number(2) < 0 || *number(2) > 3)
    return damaged();
  return Found{.kind = static_cast<Entry::Kind>(*number(2)),
               .index = static_cast<std::uint32_t>(*number(3)),
               .meta = {.kind = static_cast<std::uint8_t>(*number(4)),
                        .name = *text(7),
                        .file_mode = static_cast<std::uint16_t>(*number(8))},
               .size = static_cast<std::uint64_t>(*number(5)),
               .etag = *text(6),
               .offset = *number(9),
               .file = static_cast<std::uint64_t>(*number(10))};
}

// Whether what was said of the task went with that of the task at `dropped`.
bool is_inside(std::string_view task, std::string_view dropped) {
  if (!task.starts_with(dropped)) return false;
  return task.size() == dropped.size() || task[dropped.size()] == '~' ||
         task[dropped.size()] == '.';
}

// Calls `each` for every line of the file.
template <class Each>
Status for_each_line(const Fd& file, const Each& each) {
  std::string rest;
  std::string buffer(kReadAtOnce, '\0');
  while (true) {
    const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(system_error(errno, "read the index of kept outputs"));
    if (got == 0) return {};
    rest.append(buffer.data(), static_cast<std::size_t>(got));
    std::size_t begin = 0;
    for (std::size_t end; (end = rest.find('\n', begin)) != std::string::npos; begin = end + 1)
      SLUICE_OK(each(std::string_view(rest).substr(begin, end - begin)));
    rest.erase(0, begin);
  }
}

Result<std::vector<Found>> find(const std::filesystem::path& folder, std::string_view task,
                                std::string_view output, std::optional<std::uint32_t> element) {
  std::vector<Found> found;
  Result<Fd> index = open_file(folder / "index", O_RDONLY);
  if (!index) return found;  // Nothing is kept yet.
  const std::string beginning = beginning_of(task, output);
  SLUICE_OK(for_each_line(*index, [&](std::string_view line) -> Status {
    if (line.starts_with(kDropped)) {
      const Result<Json> json = parse_json(line);
      const Json::List* list = json ? json->as_list() : nullptr;
      const std::string* dropped =
          list != nullptr && list->size() == 2 ? (*list)[1].as_string() : nullptr;
      if (dropped != nullptr && is_inside(task, *dropped)) found.clear();
      return {};
    }
    if (!line.starts_with(beginning)) return {};
    SLUICE_TRY(Found one, read_line(line));
    // A list is written from its beginning, each time that it is.
    if (one.kind == Entry::Kind::kValue || (one.index == 0 && one.kind != Entry::Kind::kClosed))
      found.clear();
    if (element && one.kind != Entry::Kind::kClosed && one.kind != Entry::Kind::kValue &&
        one.index != *element)
      return {};
    found.push_back(std::move(one));
    return {};
  }));
  return found;
}

Result<std::string> text_of(const std::filesystem::path& folder, const Found& value) {
  if (value.offset < 0)
    return read_file(folder / std::to_string(value.file), ByteCount{value.size});
  SLUICE_TRY(const Fd file, open_file(folder / "values", O_RDONLY));
  std::string bytes(value.size, '\0');
  const ssize_t got =
      ::pread(file.get(), bytes.data(), bytes.size(), static_cast<off_t>(value.offset));
  if (got != static_cast<ssize_t>(bytes.size()))
    return fail(ErrorCode::kDataLoss, "a kept output cannot be read");
  return bytes;
}

Result<api::OutputBytes> bytes_of(const std::filesystem::path& folder, const Found& value) {
  api::OutputBytes bytes{.content = {},
                         .size = value.size,
                         .content_type = content_type(value.meta),
                         .file_name = value.meta.name,
                         .etag = value.etag};
  if (value.offset >= 0) {
    SLUICE_TRY(bytes.content, text_of(folder, value));
    return bytes;
  }
  Result<Fd> file = open_file(folder / std::to_string(value.file), O_RDONLY);
  if (!file)
    return fail(ErrorCode::kFailedPrecondition, "the output is still being written; try again");
  bytes.content = std::move(*file);
  return bytes;
}

Json element_json(const std::filesystem::path& folder, const std::string& address,
                  const Found& value, std::uint64_t& budget) {
  if (value.kind == Entry::Kind::kHole) return Json();
  const bool readable = value.meta.kind == SLUICE_KIND_JSON || value.meta.kind == SLUICE_KIND_TEXT;
  if (readable && value.size <= std::min(kInlineMax, budget)) {
    if (Result<std::string> text = text_of(folder, value)) {
      budget -= value.size;
      if (value.meta.kind == SLUICE_KIND_TEXT) return Json(std::move(*text));
      if (Result<Json> json = parse_json(*text)) return std::move(*json);
    }
  }
  Json reference;
  reference.set("$ref", fmt::format("{}/{}", address, value.index))
      .set("size", value.size)
      .set("type", content_type(value.meta));
  if (!value.meta.name.empty()) reference.set("name", value.meta.name);
  return reference;
}

}  // namespace

Status TaskOutputs::add_text(std::string line) {
  index_ += line;
  index_ += '\n';
  if (values_.size() + index_.size() < kBuffered) return {};
  return flush();
}

Status TaskOutputs::add_line(const Entry& entry, std::int64_t offset, std::uint64_t file) {
  return add_text(fmt::format("{}{},{},{},{},\"{}\",{},{},{},{}]",
                              beginning_of(entry.task, entry.output), static_cast<int>(entry.kind),
                              entry.index, entry.meta.kind, entry.size, hex_of(entry.checksum),
                              to_text(Json(entry.meta.name)), entry.meta.file_mode, offset, file));
}

Status TaskOutputs::add(const Entry& entry, std::string_view bytes) {
  const std::uint64_t offset = values_written_ + values_.size();
  values_ += bytes;
  return add_line(entry, static_cast<std::int64_t>(offset), 0);
}

Result<std::filesystem::path> TaskOutputs::add_file(const Entry& entry) {
  SLUICE_OK(add_line(entry, -1, ++last_file_));
  return folder_ / std::to_string(last_file_);
}

Status TaskOutputs::drop(std::string_view task) {
  return add_text(fmt::format("{}{}]", kDropped, to_text(Json(std::string(task)))));
}

// Values first: what the index names is there.
Status TaskOutputs::flush() {
  if (values_.empty() && index_.empty()) return {};
  if (!index_file_) {
    SLUICE_OK(make_directory(folder_));
    SLUICE_TRY(values_file_, open_file(folder_ / "values", O_WRONLY | O_CREAT | O_APPEND));
    SLUICE_TRY(index_file_, open_file(folder_ / "index", O_WRONLY | O_CREAT | O_APPEND));
  }
  SLUICE_OK(write_all(values_file_, values_));
  values_written_ += std::exchange(values_, {}).size();
  SLUICE_OK(write_all(index_file_, index_));
  index_written_ += std::exchange(index_, {}).size();
  return {};
}

Status TaskOutputs::close() {
  Status flushed = flush();
  values_file_ = Fd();
  index_file_ = Fd();
  return flushed;
}

Result<api::OutputBytes> read_task_output(const std::filesystem::path& folder,
                                          const std::string& address, std::string_view task,
                                          std::string_view output,
                                          std::optional<std::uint32_t> element) {
  SLUICE_TRY(const std::vector<Found> found, find(folder, task, output, element));
  const std::string what = fmt::format("output '{}' of task '{}'", output, task);
  if (found.empty()) return fail(ErrorCode::kNotFound, what + " is not there");
  if (found.front().kind == Entry::Kind::kValue) {
    if (element) return fail(ErrorCode::kNotFound, what + " is no list");
    return bytes_of(folder, found.front());
  }
  if (element) {
    if (found.front().kind == Entry::Kind::kClosed) {
      return fail(ErrorCode::kNotFound,
                  fmt::format("{} has {} elements", what, found.front().index));
    }
    if (found.front().kind == Entry::Kind::kHole)
      return fail(ErrorCode::kNotFound, fmt::format("element {} of {} is absent", *element, what));
    return bytes_of(folder, found.front());
  }
  std::uint64_t budget = kDocumentMax;
  Json list = Json::list();
  for (const Found& one : found)
    if (one.kind != Entry::Kind::kClosed) list.push(element_json(folder, address, one, budget));
  std::string text = to_text(list);
  const std::uint64_t size = text.size();
  return api::OutputBytes{.content = std::move(text),
                          .size = size,
                          .content_type = "application/json",
                          .file_name = {},
                          .etag = {}};
}

}  // namespace sluice::node
