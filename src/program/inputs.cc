#include "program/inputs.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/file.h"

namespace sluice::program {
namespace {

constexpr std::size_t kPieceSize = 64 << 10;  // Of standard input; what a pipe takes.
constexpr std::size_t kSliceSize = 4 << 20;   // Of a copy, before somebody else may do something.
// Files that are linked and not copied; each keeps a descriptor open.
constexpr std::size_t kLinkedMax = 256;
constexpr std::string_view kNameless = "input";

std::unexpected<TaskFailure> protocol(std::string message) {
  return std::unexpected(TaskFailure{"Crash", "the node broke the protocol: " + message});
}

std::unexpected<TaskFailure> no_room(int error) {
  return std::unexpected(TaskFailure{
      "TooLarge",
      fmt::format("an input has no room in the scratch folder: {}", std::strerror(error))});
}

std::string_view text_of(wire::Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// False: errno says why.
bool write_whole(const Fd& file, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(file.get(), bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  return true;
}

// A file that is an argument can only be read.
mode_t read_only(std::uint16_t mode) { return ((mode == 0 ? 0444U : mode) | 0400U) & 0555U; }

}  // namespace

Result<std::uint64_t> StandardInput::write_to(const Fd& pipe) {
  std::uint64_t credit = 0;
  std::array<char, kPieceSize> buffer;
  while (!parts_.empty()) {
    Part& part = parts_.front();
    std::uint64_t put = part.size;
    if (!is_unread_) {
      std::string_view bytes;
      if (part.region != nullptr) {
        const ssize_t got = ::pread(part.region->fd.get(), buffer.data(),
                                    std::min<std::uint64_t>(part.size, buffer.size()),
                                    static_cast<off_t>(part.offset));
        if (got <= 0) return fail(ErrorCode::kDataLoss, "an input is cut short");
        bytes = {buffer.data(), static_cast<std::size_t>(got)};
      } else {
        bytes = std::string_view(part.bytes).substr(part.offset, part.size);
      }
      const ssize_t written = ::write(pipe.get(), bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
      if (written < 0) {
        is_unread_ = true;  // EPIPE: it has read what it wanted.
        continue;
      }
      put = static_cast<std::uint64_t>(written);
    }
    part.offset += put;
    part.size -= put;
    if (part.is_credited) credit += put;
    if (part.size == 0) parts_.pop_front();
  }
  return credit;
}

Inputs::Inputs(const Description& description, std::vector<std::uint16_t> announced,
               std::string folder)
    : description_(description),
      folder_(std::move(folder)),
      ports_(description.inputs.size()),
      texts_(description.inputs.size()) {
  for (const std::uint16_t port : announced) ports_[port].is_announced = true;
  // What is absent is complete; a standard input that is absent is empty.
  for (std::size_t i = 0; i < ports_.size(); ++i) {
    ports_[i].is_complete = !ports_[i].is_announced;
    if (description.standard_input == i && !ports_[i].is_announced) standard_input_.close();
  }
  if (!description.standard_input) standard_input_.close();
}

bool Inputs::is_ready() const {
  for (std::size_t i = 0; i < ports_.size(); ++i) {
    if (!ports_[i].is_complete && description_.standard_input != i) return false;
  }
  return copies_.empty();
}

Outcome<Inputs::Port*> Inputs::find(const wire::Frame& frame) {
  if (frame.header.port >= ports_.size() || !ports_[frame.header.port].is_announced) {
    return protocol(fmt::format("a frame for input {}", frame.header.port));
  }
  return &ports_[frame.header.port];
}

bool Inputs::goes_by_path(std::uint16_t port, std::uint8_t kind) const {
  switch (description_.inputs[port].as) {
    case As::kPath:
      return true;
    case As::kText:
      return false;
    case As::kByKind:
      return kind != SLUICE_KIND_TEXT && kind != SLUICE_KIND_JSON;
  }
  return false;
}

// Each in a folder of its own, so that it can have the name that it came with.
Outcome<std::string> Inputs::new_path(std::uint16_t number, std::string_view name) {
  if (name.empty()) name = kNameless;
  if (name.find('/') != std::string_view::npos || name.find('\0') != std::string_view::npos ||
      name == "." || name == "..") {
    return std::unexpected(
        TaskFailure{"InvalidInput", fmt::format("input '{}' has a name that is no file name",
                                                description_.inputs[number].name)});
  }
  if (files_ == 0 && ::mkdir(folder_.c_str(), 0700) != 0) return no_room(errno);
  const std::string folder = fmt::format("{}/{}", folder_, ++files_);
  if (::mkdir(folder.c_str(), 0700) != 0) return no_room(errno);
  return fmt::format("{}/{}", folder, name);
}

Outcome<void> Inputs::begin_file(std::uint16_t number, Port& port, const wire::ValueView& value) {
  Outcome<std::string> path = new_path(number, value.name);
  if (!path) return std::unexpected(path.error());
  port.file = Fd(::open(path->c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600));
  if (!port.file) return no_room(errno);
  port.mode = value.value.file_mode;
  bytes_ += path->size() + 1;
  texts_[number].push_back(std::move(*path));
  return {};
}

Outcome<void> Inputs::add_text(std::uint16_t number, Port& port, std::string_view bytes) {
  bytes_ += bytes.size();
  if (bytes_ > kArgumentsMax) {
    return std::unexpected(TaskFailure{
        "TooLarge", fmt::format("'{}' makes the arguments larger than {} bytes; give it as 'in: {{ "
                                "stdin: ... }}'",
                                description_.inputs[number].name, kArgumentsMax)});
  }
  port.text += bytes;
  return {};
}

Outcome<void> Inputs::end_value(std::uint16_t number, Port& port) {
  port.is_value_open = false;
  if (description_.standard_input == number) {
    standard_input_.close();
  } else if (port.is_path) {
    if (port.file && ::fchmod(port.file.get(), read_only(port.mode)) != 0) return no_room(errno);
    port.file.reset();
  } else {
    Result<std::string> text =
        as_argument(std::exchange(port.text, {}), port.is_json, description_.inputs[number].name);
    if (!text) return std::unexpected(TaskFailure{"InvalidInput", text.error().message()});
    texts_[number].push_back(std::move(*text));
  }
  if (description_.inputs[number].is_list) {
    ++port.credit_elements;
  } else {
    port.is_complete = true;
  }
  return {};
}

Outcome<void> Inputs::add_range(std::uint16_t number, Port& port, const wire::ValueView& value,
                                const Connection& connection) {
  Result<std::shared_ptr<const Region>> region = connection.region(value.range);
  if (!region) return protocol(region.error().message());
  if (!port.is_path) {
    if (value.range.length > kArgumentsMax)
      return add_text(number, port, std::string(kArgumentsMax + 1, ' '));
    std::string bytes(value.range.length, '\0');
    const ssize_t got = ::pread((*region)->fd.get(), bytes.data(), bytes.size(),
                                static_cast<off_t>(value.range.offset));
    if (got != static_cast<ssize_t>(bytes.size())) {
      return std::unexpected(TaskFailure{"DataLost", "an input is cut short"});
    }
    return add_text(number, port, bytes);
  }
  const bool is_whole_file = (*region)->is_file && value.range.offset == 0 &&
                             value.range.length == (*region)->size && linked_.size() < kLinkedMax;
  if (is_whole_file) {
    Outcome<std::string> path = new_path(number, value.name);
    if (!path) return std::unexpected(path.error());
    // With the number of this process: the program and its children can open it as well.
    const std::string target = fmt::format("/proc/{}/fd/{}", ::getpid(), (*region)->fd.get());
    if (::symlink(target.c_str(), path->c_str()) != 0) return no_room(errno);
    linked_.push_back(std::move(*region));
    bytes_ += path->size() + 1;
    texts_[number].push_back(std::move(*path));
    return {};
  }
  if (Outcome<void> begun = begin_file(number, port, value); !begun) return begun;
  copies_.push_back({.region = std::move(*region),
                     .offset = value.range.offset,
                     .left = value.range.length,
                     .file = std::move(port.file),
                     .mode = port.mode});
  return {};
}

Outcome<void> Inputs::on_element(const wire::Frame& frame, const Connection& connection) {
  const Outcome<Port*> found = find(frame);
  if (!found) return std::unexpected(found.error());
  Port& port = **found;
  const std::uint16_t number = frame.header.port;
  const Result<wire::ValueView> value = wire::decode_value(frame.payload, frame.header.flags);
  if (!value) return protocol(value.error().message());
  if (port.is_value_open || port.is_complete) return protocol("an element behind the last one");
  if (value->is_hole || value->value.kind == SLUICE_KIND_LIST) {
    return std::unexpected(TaskFailure{
        "InvalidInput",
        fmt::format("'{}' has an element that is {}; an argument is one value",
                    description_.inputs[number].name, value->is_hole ? "absent" : "a list")});
  }
  if (description_.standard_input == number) {
    switch (value->place) {
      case wire::Place::kInline:
        standard_input_.add({.bytes = std::string(text_of(value->bytes)),
                             .region = nullptr,
                             .size = value->bytes.size()});
        return end_value(number, port);
      case wire::Place::kRange: {
        Result<std::shared_ptr<const Region>> region = connection.region(value->range);
        if (!region) return protocol(region.error().message());
        standard_input_.add({.bytes = {},
                             .region = std::move(*region),
                             .offset = value->range.offset,
                             .size = value->range.length});
        return end_value(number, port);
      }
      case wire::Place::kOpen:
        port.is_value_open = true;
        return {};
    }
  }
  port.is_path = goes_by_path(number, value->value.kind);
  port.is_json = value->value.kind == SLUICE_KIND_JSON;
  switch (value->place) {
    case wire::Place::kInline: {
      Outcome<void> taken;
      if (port.is_path) {
        taken = begin_file(number, port, *value);
        if (taken && !write_whole(port.file, text_of(value->bytes))) return no_room(errno);
      } else {
        taken = add_text(number, port, text_of(value->bytes));
      }
      if (!taken) return taken;
      return end_value(number, port);
    }
    case wire::Place::kRange:
      if (Outcome<void> taken = add_range(number, port, *value, connection); !taken) return taken;
      return end_value(number, port);
    case wire::Place::kOpen:
      port.is_value_open = true;
      if (port.is_path) return begin_file(number, port, *value);
      return {};
  }
  return {};
}

Outcome<void> Inputs::on_chunk(const wire::Frame& frame, Connection& connection) {
  const Outcome<Port*> found = find(frame);
  if (!found) return std::unexpected(found.error());
  Port& port = **found;
  const std::uint16_t number = frame.header.port;
  const Result<wire::PieceView> piece = wire::decode_piece(frame.payload, frame.header.flags);
  if (!piece) return protocol(piece.error().message());
  if (!port.is_value_open) return protocol("a chunk of nothing");
  std::shared_ptr<const Region> region;
  std::string copy;
  std::string_view bytes = text_of(piece->bytes);
  if (piece->place == wire::Place::kRange) {
    Result<std::shared_ptr<const Region>> shown = connection.region(piece->range);
    if (!shown) return protocol(shown.error().message());
    region = std::move(*shown);
  }
  if (description_.standard_input == number) {
    standard_input_.add({.bytes = region ? std::string() : std::string(bytes),
                         .region = region,
                         .offset = region ? piece->range.offset : 0,
                         .size = piece->size(),
                         .is_credited = true});
    return {};
  }
  if (region) {
    if (piece->size() > SLUICE_CREDIT_BYTES) return protocol("more than it had credit for");
    copy.resize(piece->size());
    const ssize_t got = ::pread(region->fd.get(), copy.data(), copy.size(),
                                static_cast<off_t>(piece->range.offset));
    if (got != static_cast<ssize_t>(copy.size())) {
      return std::unexpected(TaskFailure{"DataLost", "an input is cut short"});
    }
    bytes = copy;
  }
  port.credit_bytes += static_cast<std::uint32_t>(bytes.size());
  if (!port.is_path) return add_text(number, port, bytes);
  if (!write_whole(port.file, bytes)) return no_room(errno);
  return {};
}

Outcome<void> Inputs::on_end(const wire::Frame& frame) {
  const Outcome<Port*> found = find(frame);
  if (!found) return std::unexpected(found.error());
  Port& port = **found;
  if ((frame.header.flags & SLUICE_FLAG_VALUE) == 0) {
    port.is_complete = true;
    return {};
  }
  if (!port.is_value_open) return protocol("the end of nothing");
  return end_value(frame.header.port, port);
}

Outcome<bool> Inputs::copy() {
  if (copies_.empty()) return false;
  Copy& copy = copies_.front();
  std::array<char, kPieceSize> buffer;
  for (std::size_t done = 0; done < kSliceSize && copy.left > 0;) {
    const ssize_t got =
        ::pread(copy.region->fd.get(), buffer.data(),
                std::min<std::uint64_t>(buffer.size(), copy.left), static_cast<off_t>(copy.offset));
    if (got <= 0) return std::unexpected(TaskFailure{"DataLost", "an input is cut short"});
    const auto size = static_cast<std::size_t>(got);
    if (!write_whole(copy.file, {buffer.data(), size})) return no_room(errno);
    copy.offset += size;
    copy.left -= size;
    done += size;
  }
  if (copy.left == 0) {
    if (::fchmod(copy.file.get(), read_only(copy.mode)) != 0) return no_room(errno);
    copies_.pop_front();
  }
  return true;
}

void Inputs::give_credit(Connection& connection, std::uint64_t handle) {
  for (std::size_t i = 0; i < ports_.size(); ++i) {
    Port& port = ports_[i];
    // Further files only when these are written: each copy that waits holds an open one.
    const std::uint32_t elements = copies_.empty() ? std::exchange(port.credit_elements, 0) : 0;
    if (port.credit_bytes == 0 && elements == 0) continue;
    const sluice_credit credit{.bytes = std::exchange(port.credit_bytes, 0), .elements = elements};
    connection.send(SLUICE_FRAME_CREDIT, 0, static_cast<std::uint16_t>(i), handle,
                    {wire::encode(credit)});
  }
}

}  // namespace sluice::program
