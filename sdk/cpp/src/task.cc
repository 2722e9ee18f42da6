#include "task.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace sluice::detail {
namespace {

constexpr std::size_t kPiece = 48 << 10;
constexpr int kWantAfterMs = 1;  // Who waits for less is not worth two frames.

bool is_list(const Port& port) {
  return port.shape == Shape::kList || port.shape == Shape::kStream;
}

std::shared_ptr<Arriving> from_item(const Item& item) {
  auto made = std::make_shared<Arriving>();
  made->item = item;
  if (item.is_list) {
    for (const Item& each : item.elements) made->elements.push_back(from_item(each));
    made->item.elements.clear();
    made->is_closed = true;
  }
  return made;
}

void write_all(int file, Bytes bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(file, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw std::system_error(errno, std::generic_category(), "write an input's file");
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
}

}  // namespace

Task::Task(Program& program, Channel& channel, std::uint64_t handle, std::string about)
    : program_(program),
      channel_(channel),
      handle_(handle),
      about_text_(std::move(about)),
      about_(parse_json(about_text_)),
      inputs_(program.inputs.size()) {
  const JsonValue* announced = about_.find("inputs");
  if (announced == nullptr || announced->as_list() == nullptr) {
    throw ProtocolError("a start without its inputs");
  }
  for (const JsonValue& each : *announced->as_list()) {
    const auto* number = each.as_number();
    if (number == nullptr || !number->integer || *number->integer < 0 ||
        static_cast<std::size_t>(*number->integer) >= inputs_.size()) {
      throw ProtocolError("a start with inputs that were not declared");
    }
    inputs_[static_cast<std::size_t>(*number->integer)].is_announced = true;
  }
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    InputState& input = inputs_[i];
    const Input& declared = program_.inputs[i];
    if (input.is_announced && is_list(declared.port)) {
      input.top = std::make_shared<Arriving>();
      input.top->item.is_list = true;
      input.stack.push_back(input.top);
    } else if (!input.is_announced) {
      Item item;
      item.is_hole = true;
      if (declared.has_default) item = default_item(declared.port, declared.default_value);
      input.top = from_item(item);
      input.is_local = true;
    }
  }
}

// ---- frames ----

Task::InputState& Task::state(std::size_t input) {
  if (input >= inputs_.size() || !inputs_[input].is_announced) {
    throw ProtocolError("a frame for an input that `start` did not announce");
  }
  return inputs_[input];
}

Item Task::range_item(Span payload) const {
  if (payload.size() != sizeof(sluice_range)) throw ProtocolError("a range of a wrong size");
  const auto range = struct_of<sluice_range>(payload);
  const auto mapping = channel_.region(range.region);
  if (mapping == nullptr || range.length > mapping->size() ||
      range.offset > mapping->size() - range.length) {
    throw ProtocolError("a range in a region that is not mapped, or beyond its end");
  }
  Item item;
  item.bytes = {mapping->data() + range.offset, range.length};
  item.hold = mapping;
  return item;
}

std::shared_ptr<Arriving> Task::arriving(std::uint8_t flags, Span payload, InputState& input) {
  auto made = std::make_shared<Arriving>();
  if ((flags & SLUICE_FLAG_HOLE) != 0) {
    made->item.is_hole = true;
    return made;
  }
  const auto value = struct_of<sluice_value>(payload);
  Span rest = payload.subspan(sizeof value);
  if (value.name_length > rest.size()) throw ProtocolError("a name that is cut off");
  const std::string name(text_of(rest.first(value.name_length)));
  rest = rest.subspan(value.name_length);
  if (value.kind == SLUICE_KIND_LIST) {
    made->item.is_list = true;
  } else if ((flags & SLUICE_PLACE_MASK) == SLUICE_PLACE_RANGE) {
    made->item = range_item(rest);
  } else if ((flags & SLUICE_PLACE_MASK) == SLUICE_PLACE_INLINE) {
    auto kept = std::make_shared<const std::string>(text_of(rest));
    made->item.bytes = bytes_of(*kept);
    made->item.hold = std::move(kept);
  } else {
    made->is_complete = false;
    input.open = made;
  }
  made->item.kind = value.kind;
  made->item.name = name;
  made->item.mode = value.file_mode;
  return made;
}

void Task::on_element(std::uint16_t port, std::uint8_t flags, Span payload) {
  InputState& input = state(port);
  const bool is_of_list = is_list(program_.inputs[port].port);
  if (input.open != nullptr || (is_of_list ? input.stack.empty() : input.top != nullptr)) {
    throw ProtocolError("an element where none can be");
  }
  auto made = arriving(flags, payload, input);
  if (!is_of_list) {
    input.top = std::move(made);
    return;
  }
  input.stack.back()->elements.push_back(made);
  if (made->item.is_list) input.stack.push_back(std::move(made));
}

void Task::on_chunk(std::uint16_t port, std::uint8_t flags, Span payload) {
  InputState& input = state(port);
  if (input.open == nullptr) throw ProtocolError("a chunk where no value is open");
  Item part;
  if ((flags & SLUICE_PLACE_MASK) == SLUICE_PLACE_RANGE) {
    part = range_item(payload);
  } else {
    auto kept = std::make_shared<const std::string>(text_of(payload));
    part.bytes = bytes_of(*kept);
    part.hold = std::move(kept);
  }
  input.open->parts.push_back(std::move(part));
}

void Task::on_end(std::uint16_t port, std::uint8_t flags) {
  InputState& input = state(port);
  if ((flags & SLUICE_FLAG_VALUE) == 0) {
    if (input.open != nullptr || input.stack.size() != 1) {
      throw ProtocolError("the end of a list that is not there, or while something in it is open");
    }
    input.stack.back()->is_closed = true;
    input.stack.clear();
  } else if (input.open != nullptr) {
    input.open->is_complete = true;
    input.open = nullptr;
  } else if (input.stack.size() > 1) {
    input.stack.back()->is_closed = true;
    input.stack.pop_back();
  } else {
    throw ProtocolError("the end of a value where none is open");
  }
}

void Task::on_credit(Span payload) { credit_ += struct_of<sluice_credit>(payload).bytes; }

void Task::on_grant(std::uint8_t flags, Span payload) {
  grant_.emplace();
  if ((flags & SLUICE_FLAG_REFUSED) != 0) {
    refused_ = text_of(payload);
    return;
  }
  grant_->range = struct_of<sluice_range>(payload);
  grant_->mapping = channel_.region(grant_->range.region);
  const auto& [mapping, range] = *grant_;
  if (mapping == nullptr || !mapping->is_writable() || range.length > mapping->size() ||
      range.offset > mapping->size() - range.length) {
    throw ProtocolError("a grant in a region that is not mapped, or cannot be written");
  }
}

void Task::cancel(std::string reason) {
  if (!cancel_reason_) cancel_reason_ = std::move(reason);
}

// ---- what may be done now ----

void Task::check_thread() const {
  if (std::this_thread::get_id() != thread_) {
    throw std::logic_error(
        "a Context, Stream or Pipe belongs to the thread that the function runs in");
  }
}

void Task::check() {
  check_thread();
  if (cancel_reason_) {
    is_cancel_told_ = true;
    throw Cancelled(*cancel_reason_);
  }
  if (is_over_)
    throw std::logic_error("the task has ended: nothing can be read or emitted any more");
}

template <class Ready>
void Task::wait(Ready ready, std::optional<std::size_t> input) {
  check();
  bool is_wanted = false;
  while (!ready()) {
    if (input) return_credit(*input);
    channel_.flush();
    const bool is_quick = input.has_value() && !is_wanted;
    if (channel_.receive(is_quick ? kWantAfterMs : -1) == Channel::Came::kNothing && is_quick) {
      is_wanted = true;
      queue(SLUICE_FRAME_WANT, 0, *input);
    }
    check();
  }
  if (is_wanted) queue(SLUICE_FRAME_WANT, SLUICE_FLAG_RELEASED, *input);
}

void Task::queue(std::uint8_t type, std::uint8_t flags, std::size_t port,
                 std::initializer_list<Span> parts) {
  channel_.queue({.length = 0,
                  .type = type,
                  .flags = flags,
                  .port = static_cast<std::uint16_t>(port),
                  .handle = handle_},
                 parts);
}

bool Task::is_cancelled() {
  check_thread();
  channel_.flush();
  while (!cancel_reason_ && channel_.receive(0) == Channel::Came::kFrames) {
  }
  return cancel_reason_.has_value();
}

void Task::about_to_call() {
  check();
  queue(SLUICE_FRAME_STARTED, 0, 0);
  if (!program_.is_started_lazy) channel_.flush();
}

// ---- inputs ----

void Task::return_credit(std::size_t input) {
  InputState& owing = inputs_[input];
  if (owing.bytes_owed == 0 && owing.elements_owed == 0) return;
  const sluice_credit credit{.bytes = owing.bytes_owed, .elements = owing.elements_owed};
  queue(SLUICE_FRAME_CREDIT, 0, input, {span_of(credit)});
  owing.bytes_owed = 0;
  owing.elements_owed = 0;
}

void Task::owe(std::size_t input, std::uint32_t bytes, std::uint32_t elements) {
  InputState& owing = inputs_[input];
  if (owing.is_local) return;
  owing.bytes_owed += bytes;
  owing.elements_owed += elements;
  if (owing.bytes_owed >= SLUICE_CREDIT_BYTES / 2 ||
      owing.elements_owed >= SLUICE_CREDIT_ELEMENTS / 2) {
    return_credit(input);
    channel_.flush();
  }
}

// The value with all its bytes; those of chunks are collected.
Item Task::whole(std::size_t input, Arriving& value) {
  if (value.is_complete && value.parts.empty()) return value.item;
  std::string all;
  while (true) {
    wait([&] { return !value.parts.empty() || value.is_complete; }, input);
    if (value.parts.empty()) break;
    const Bytes part = value.parts.front().bytes;
    all += text_of(part);
    owe(input, static_cast<std::uint32_t>(part.size()), 0);
    value.parts.pop_front();
  }
  auto kept = std::make_shared<const std::string>(std::move(all));
  value.item.bytes = bytes_of(*kept);
  value.item.hold = std::move(kept);
  return value.item;
}

Item Task::resolve(std::size_t input, Arriving& value) {
  if (!value.item.is_list) return whole(input, value);
  Item list = value.item;
  while (true) {
    wait([&] { return !value.elements.empty() || value.is_closed; }, input);
    if (value.elements.empty()) return list;
    const std::shared_ptr<Arriving> element = std::move(value.elements.front());
    value.elements.pop_front();
    owe(input, 0, 1);
    list.elements.push_back(resolve(input, *element));
  }
}

Item Task::take_value(std::size_t input) {
  InputState& taken = inputs_.at(input);
  wait([&] { return taken.top != nullptr; }, input);
  const std::shared_ptr<Arriving> top = taken.top;
  Item item = resolve(input, *top);
  if (item.is_list) taken.top = from_item(item);  // Again for read(), as it was.
  return item;
}

std::optional<Item> Task::take_element(std::size_t input) {
  InputState& taken = inputs_.at(input);
  if (taken.top == nullptr || !taken.top->item.is_list) return std::nullopt;  // Absent.
  Arriving& list = *taken.top;
  wait([&] { return !list.elements.empty() || list.is_closed; }, input);
  if (list.elements.empty()) return std::nullopt;
  const std::shared_ptr<Arriving> element = std::move(list.elements.front());
  list.elements.pop_front();
  owe(input, 0, 1);
  return resolve(input, *element);
}

Bytes Task::take_piece(std::size_t input) {
  InputState& taken = inputs_.at(input);
  wait([&] { return taken.top != nullptr; }, input);
  Arriving& value = *taken.top;
  if (value.is_complete && value.parts.empty()) {
    taken.piece = std::exchange(value.item, Item{});
    return taken.piece.bytes;
  }
  wait([&] { return !value.parts.empty() || value.is_complete; }, input);
  if (value.parts.empty()) return {};
  taken.piece = std::move(value.parts.front());
  value.parts.pop_front();
  owe(input, static_cast<std::uint32_t>(taken.piece.bytes.size()), 0);
  return taken.piece.bytes;
}

std::string Task::file_name(std::size_t input) {
  InputState& taken = inputs_.at(input);
  wait([&] { return taken.top != nullptr; }, input);
  return taken.top->item.name;
}

std::filesystem::path Task::file_of(std::size_t input, const Item& item) {
  const std::string& port = program_.inputs.at(input).port.name;
  const std::string name = item.name.empty() ? port : item.name;
  if (name.find_first_of(std::string_view("/\0", 2)) != name.npos || name == "." || name == "..") {
    throw InvalidInput("input `" + port + "`: its name is no file name");
  }
  if (folder_.empty()) {
    folder_ = std::filesystem::path(program_.scratch) / (".in-" + std::to_string(handle_));
  }
  const std::filesystem::path folder = folder_ / std::to_string(++files_);
  std::filesystem::create_directories(folder);
  const std::filesystem::path path = folder / name;
  const int file = ::open(path.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
  if (file < 0) throw std::system_error(errno, std::generic_category(), "make an input's file");
  try {
    write_all(file, item.bytes);
  } catch (...) {
    ::close(file);
    throw;
  }
  ::fchmod(file, item.mode == 0 ? 0644 : item.mode & 0777);
  ::close(file);
  return path;
}

// ---- outputs ----

std::size_t Task::checked_output(std::size_t output) {
  check();
  const Port& port = program_.outputs.at(output);
  const auto wrong = [&](const char* what) {
    return InvalidOutput("output `" + port.name + "`: " + what);
  };
  if (open_.contains(output)) throw wrong("what open() gave is not closed yet");
  if (port.shape != Shape::kList && filled_.contains(output)) {
    throw wrong("it already has its value");
  }
  return output;
}

void Task::take_credit(std::size_t size) {
  const auto wanted = static_cast<std::int64_t>(size);
  if (credit_ < wanted) wait([&] { return credit_ >= wanted; }, std::nullopt);
  credit_ -= wanted;
}

void Task::begin_value(std::size_t output, const Encoded& encoded, std::uint8_t place,
                       std::initializer_list<Span> rest) {
  const sluice_value value{.kind = encoded.kind,
                           .reserved = {},
                           .name_length = static_cast<std::uint16_t>(encoded.name.size()),
                           .file_mode = encoded.mode,
                           .size = encoded.size};
  std::vector<std::byte> tail;
  for (const Span part : rest) tail.insert(tail.end(), part.begin(), part.end());
  queue(SLUICE_FRAME_EMIT, place, output, {span_of(value), bytes_of(encoded.name), tail});
}

void Task::emit(std::size_t output, const Given& given) {
  checked_output(output);
  const Port& port = program_.outputs[output];
  if (given.what == Given::What::kNothing) {
    if (port.shape != Shape::kList || !port.elements_optional) {
      throw InvalidOutput("output `" + port.name +
                          "`: nothing was given, and it is no list<optional>");
    }
    const sluice_value none{};
    queue(SLUICE_FRAME_EMIT, SLUICE_FLAG_HOLE, output, {span_of(none)});
    filled_.insert(output);
    return channel_.flush();
  }
  const Encoded encoded = encode(port, given);
  filled_.insert(output);
  if (encoded.file >= 0) {
    try {
      send_file(output, encoded);
    } catch (...) {
      ::close(encoded.file);
      throw;
    }
    ::close(encoded.file);
  } else if (encoded.size <= program_.inline_max) {
    take_credit(encoded.size);
    begin_value(output, encoded, SLUICE_PLACE_INLINE, {bytes_of(encoded.head), encoded.bytes});
  } else if (program_.is_shared) {
    const Grant grant = alloc(encoded.size);
    std::byte* target = grant.mapping->data() + grant.range.offset;
    std::ranges::copy(bytes_of(encoded.head), target);
    std::ranges::copy(encoded.bytes, target + encoded.head.size());
    sluice_range range = grant.range;
    range.length = encoded.size;
    begin_value(output, encoded, SLUICE_PLACE_RANGE, {span_of(range)});
  } else {
    begin_value(output, encoded, SLUICE_PLACE_OPEN, {});
    open_.insert(output);
    grow(output, bytes_of(encoded.head));
    grow(output, encoded.bytes);
    seal(output);
  }
  if (port.shape == Shape::kList) channel_.flush();  // Its reader may start on it now.
}

void Task::send_file(std::size_t output, const Encoded& encoded) {
  const auto changed = [&] {
    return InvalidOutput("output `" + program_.outputs[output].name +
                         "`: the file changed its size while it was read");
  };
  begin_value(output, encoded, SLUICE_PLACE_OPEN, {});
  open_.insert(output);
  std::vector<std::byte> buffer(kPiece);
  std::uint64_t done = 0;
  while (true) {
    const ssize_t count = ::read(encoded.file, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw std::system_error(errno, std::generic_category(), "read an output's file");
    if (count == 0) break;
    done += static_cast<std::uint64_t>(count);
    if (done > encoded.size) throw changed();
    grow(output, Bytes(buffer).first(static_cast<std::size_t>(count)));
  }
  if (done != encoded.size) throw changed();
  seal(output);
}

void Task::open(std::size_t output, std::string_view file_name) {
  checked_output(output);
  const Port& port = program_.outputs[output];
  Encoded encoded;
  encoded.size = UINT64_MAX;
  encoded.kind = port.element == "text"   ? SLUICE_KIND_TEXT
                 : port.element == "file" ? SLUICE_KIND_FILE
                                          : SLUICE_KIND_BYTES;
  if (port.element == "file") {
    encoded.name = file_name.empty() ? std::string_view(port.name) : file_name;
    encoded.mode = 0644;
    if (encoded.name.size() > 255 || encoded.name.find('/') != std::string::npos ||
        encoded.name == "." || encoded.name == "..") {
      throw std::invalid_argument(encoded.name + " is no file name");
    }
  } else if (port.element != "text" && port.element != "bytes" && port.element != "any") {
    throw InvalidOutput("output `" + port.name + "`: a value of type " + port.element +
                        " cannot be written in pieces: emit() it");
  }
  begin_value(output, encoded, SLUICE_PLACE_OPEN, {});
  channel_.flush();
  filled_.insert(output);
  open_.insert(output);
}

void Task::grow(std::size_t output, Bytes bytes) {
  check();
  if (!open_.contains(output)) throw std::logic_error("a write to an output that is closed");
  while (!bytes.empty()) {
    const Bytes piece = bytes.first(std::min(bytes.size(), kPiece));
    take_credit(piece.size());
    queue(SLUICE_FRAME_GROW, 0, output, {piece});
    channel_.flush();
    bytes = bytes.subspan(piece.size());
  }
}

void Task::seal(std::size_t output) {
  check();
  if (open_.erase(output) == 0) return;
  queue(SLUICE_FRAME_SEAL, 0, output);
  channel_.flush();
}

Grant Task::alloc(std::size_t size) {
  check();
  const std::uint64_t wanted = size;
  grant_.reset();
  queue(SLUICE_FRAME_ALLOC, 0, 0, {span_of(wanted)});
  wait([&] { return grant_.has_value(); }, std::nullopt);
  Grant grant = std::move(*grant_);
  grant_.reset();
  if (grant.mapping == nullptr) throw TooLarge(refused_);
  if (grant.range.length < size) throw ProtocolError("a grant that is too small");
  return grant;
}

void Task::emit_range(std::size_t output, const Grant& grant, std::size_t size) {
  checked_output(output);
  const Port& port = program_.outputs[output];
  Encoded encoded;
  encoded.kind = port.element == "text"   ? SLUICE_KIND_TEXT
                 : port.element == "file" ? SLUICE_KIND_FILE
                                          : SLUICE_KIND_BYTES;
  if (port.element == "file") {
    encoded.name = port.name;
    encoded.mode = 0644;
  }
  encoded.size = size;
  sluice_range range = grant.range;
  range.length = size;
  begin_value(output, encoded, SLUICE_PLACE_RANGE, {span_of(range)});
  filled_.insert(output);
  if (port.shape == Shape::kList) channel_.flush();
}

bool Task::may_lack(std::size_t output) const {
  const Port& port = program_.outputs.at(output);
  return port.optional || port.shape == Shape::kList || filled_.contains(output);
}

void Task::log(std::string_view text) {
  check();
  std::string line(text);
  if (!line.ends_with('\n')) line += '\n';
  for (std::size_t at = 0; at < line.size(); at += kPiece) {
    queue(SLUICE_FRAME_LOG, 0, 0, {bytes_of(std::string_view(line).substr(at, kPiece))});
  }
  channel_.flush();
}

void Task::close_outputs() {
  while (!open_.empty()) seal(*open_.begin());
}

void Task::finish() {
  is_over_ = true;
  inputs_.clear();
  if (folder_.empty()) return;
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

}  // namespace sluice::detail
