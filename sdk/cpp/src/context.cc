#include "sluice/context.h"

#include <stdexcept>

#include "task.h"

namespace sluice {
namespace {

std::string_view text_member(const detail::Task& task, std::string_view key) {
  const detail::JsonValue* member = task.about().find(key);
  const std::string* text = member == nullptr ? nullptr : member->as_text();
  return text == nullptr ? std::string_view() : std::string_view(*text);
}

std::optional<std::int64_t> int_member(const detail::Task& task, std::string_view key) {
  const detail::JsonValue* member = task.about().find(key);
  const auto* number = member == nullptr ? nullptr : member->as_number();
  return number == nullptr ? std::nullopt : number->integer;
}

template <class Ports, class NameOf>
std::size_t index_of(const Ports& ports, std::string_view name, std::string_view what,
                     NameOf name_of) {
  std::string names;
  for (std::size_t i = 0; i < ports.size(); ++i) {
    if (name_of(ports[i]) == name) return i;
    names += (i == 0 ? "`" : ", `") + name_of(ports[i]) + "`";
  }
  throw std::invalid_argument("there is no " + std::string(what) + " `" + std::string(name) +
                              "`; declared: " + (names.empty() ? "none" : names));
}

}  // namespace

namespace detail {

std::size_t input_index(Task& task, std::string_view name) {
  return index_of(task.program().inputs, name, "input",
                  [](const Input& input) { return input.port.name; });
}
const Port& input_port(Task& task, std::size_t input) {
  return task.program().inputs.at(input).port;
}
Item take_value(Task& task, std::size_t input) { return task.take_value(input); }
std::optional<Item> take_element(Task& task, std::size_t input) { return task.take_element(input); }
Bytes take_piece(Task& task, std::size_t input) { return task.take_piece(input); }
std::string file_name(Task& task, std::size_t input) { return task.file_name(input); }
std::filesystem::path file_of(Task& task, std::size_t input, const Item& item) {
  return task.file_of(input, item);
}
std::size_t output_index(Task& task, std::string_view name) {
  return index_of(task.program().outputs, name, "output",
                  [](const Port& port) { return port.name; });
}
std::size_t output_count(Task& task) { return task.program().outputs.size(); }
const Port& output_port(Task& task, std::size_t output) {
  return task.program().outputs.at(output);
}
void emit(Task& task, std::size_t output, const Given& given) { task.emit(output, given); }
bool may_lack(Task& task, std::size_t output) { return task.may_lack(output); }
void about_to_call(Task& task) { task.about_to_call(); }

}  // namespace detail

std::string_view Context::run() const { return text_member(*task_, "run"); }
std::string_view Context::app() const { return text_member(*task_, "app"); }
std::string_view Context::workflow() const { return text_member(*task_, "workflow"); }
std::string_view Context::step() const { return text_member(*task_, "step"); }
std::string_view Context::path() const { return text_member(*task_, "path"); }
std::string_view Context::token() const { return text_member(*task_, "token"); }

std::optional<std::uint64_t> Context::index() const {
  const auto found = int_member(*task_, "index");
  return found ? std::optional<std::uint64_t>(static_cast<std::uint64_t>(*found)) : std::nullopt;
}

std::uint64_t Context::attempt() const {
  return static_cast<std::uint64_t>(int_member(*task_, "attempt").value_or(1));
}

std::optional<std::chrono::steady_clock::time_point> Context::deadline() const {
  const auto left = int_member(*task_, "deadline_ms");
  if (!left) return std::nullopt;
  return task_->began() + std::chrono::milliseconds(*left);
}

bool Context::cancelled() const { return task_->is_cancelled(); }
void Context::log(std::string_view text) { task_->log(text); }

void Context::emit_hole(std::string_view output) {
  task_->emit(detail::output_index(*task_, output), {});
}

Writer Context::open(std::string_view output, std::string_view file_name) {
  const std::size_t index = detail::output_index(*task_, output);
  task_->open(index, file_name);
  return {*task_, index};
}

Room Context::room(std::string_view output, std::size_t size) {
  Room room;
  room.task_ = task_;
  room.output_ = detail::output_index(*task_, output);
  const detail::Port& port = detail::output_port(*task_, room.output_);
  if (port.element != "bytes" && port.element != "text" && port.element != "file" &&
      port.element != "any") {
    throw InvalidOutput("output `" + port.name + "`: room() is for bytes, text and files");
  }
  const detail::Program& program = task_->program();
  if (program.is_shared && size > program.inline_max) {
    const detail::Grant grant = task_->alloc(size);
    room.region_ = grant.range.region;
    room.offset_ = grant.range.offset;
    room.bytes_ = {grant.mapping->data() + grant.range.offset, size};
    room.hold_ = grant.mapping;
  } else {
    room.own_.resize(size);
    room.bytes_ = room.own_;
  }
  return room;
}

Room::Room(Room&& other) noexcept
    : task_(std::exchange(other.task_, nullptr)),
      output_(other.output_),
      bytes_(std::exchange(other.bytes_, {})),
      region_(other.region_),
      offset_(other.offset_),
      hold_(std::move(other.hold_)),
      own_(std::move(other.own_)) {}

void Room::emit(std::size_t size) {
  if (task_ == nullptr || size > bytes_.size()) {
    throw std::logic_error("a Room is emitted once, with at most its size");
  }
  detail::Task& task = *std::exchange(task_, nullptr);
  if (region_ == 0) {
    using What = detail::Given::What;
    const bool is_text = task.program().outputs.at(output_).element == "text";
    task.emit(output_,
              {.what = is_text ? What::kChars : What::kBytes, .bytes = bytes_.first(size)});
    return;
  }
  task.emit_range(
      output_,
      {.mapping = nullptr,
       .range = {.region = region_, .reserved = 0, .offset = offset_, .length = bytes_.size()}},
      size);
}

Writer::Writer(Writer&& other) noexcept
    : task_(std::exchange(other.task_, nullptr)), output_(other.output_) {}

// Not closed here: on the way of an exception what was written must not pass for the whole. The
// task completes it when the function has returned.
Writer::~Writer() = default;

void Writer::write(Bytes bytes) {
  if (task_ == nullptr) throw std::logic_error("a write to an output that is closed");
  task_->grow(output_, bytes);
}

void Writer::close() {
  if (task_ != nullptr) std::exchange(task_, nullptr)->seal(output_);
}

}  // namespace sluice
