#include "program/task.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>

#include "base/json.h"
#include "base/log.h"
#include "runtime/process_table.h"
#include "runtime/scratch.h"

extern char** environ;  // NOLINT: the C library's name.

namespace sluice::program {
namespace {

constexpr std::size_t kPrintedPiece = 60 << 10;  // Fits a frame.
constexpr std::size_t kTextMax = 4096;           // Of a message to the node.
// A program whose input pipe is empty, and for which nothing is here, waits for other steps. The
// pipe does not tell when it is emptied, so it is asked, ever more rarely.
constexpr int kStarvedFirstMs = 2;
constexpr int kStarvedMostMs = 100;
constexpr int kHuntAgainMs = 20;  // While what a program left behind is being ended.

std::string short_text(std::string text) {
  if (text.size() > kTextMax) text.resize(kTextMax);
  return text;
}

// What a program gets of this process's environment: all but the connection.
std::vector<std::string> own_environment() {
  std::vector<std::string> variables;
  for (char** at = environ; *at != nullptr; ++at) {
    if (!std::string_view(*at).starts_with("SLUICE_FD=")) variables.emplace_back(*at);
  }
  return variables;
}

// A later one of the same name replaces an earlier one.
void set_variable(std::vector<std::string>& variables, std::string variable) {
  const std::string name = variable.substr(0, variable.find('=') + 1);
  std::erase_if(variables, [&](const std::string& other) { return other.starts_with(name); });
  variables.push_back(std::move(variable));
}

std::string path_variable(const std::vector<std::string>& variables) {
  for (const std::string& variable : variables) {
    if (variable.starts_with("PATH=")) return variable.substr(5);
  }
  return {};
}

bool is_program(const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
         ::access(path.c_str(), X_OK) == 0;
}

TaskFailure start_failure(const Error& error) {
  const ErrorCode code = error.code();
  const bool is_no_program = code == ErrorCode::kNotFound || code == ErrorCode::kPermissionDenied ||
                             code == ErrorCode::kInvalidArgument;
  if (is_no_program) return {"LoadError", error.message()};
  return {code == ErrorCode::kResourceExhausted ? "TooLarge" : "Crash", error.message()};
}

}  // namespace

Task::Task(const Description& description, Connection& connection, std::uint64_t handle,
           std::vector<std::uint16_t> announced, std::string folder, bool uses_shared_memory,
           std::vector<std::string> about)
    : description_(description),
      connection_(connection),
      handle_(handle),
      folder_(std::move(folder)),
      uses_shared_memory_(uses_shared_memory),
      about_(std::move(about)),
      inputs_(description, std::move(announced), folder_ + "/in") {
  for (const char* below : {"", "/work", "/tmp"}) {
    if (::mkdir((folder_ + below).c_str(), 0700) == 0) continue;
    fail({"Crash", fmt::format("make the program's folder: {}", ::strerrordesc_np(errno))});
    break;
  }
}

Task::~Task() = default;

void Task::remove_folder() {
  if (const Status removed = runtime::remove_scratch(folder_); !removed) {
    log::warning("a program's folder stays until this worker ends{}",
                 log::field("error", removed.error().message()));
  }
}

// ---- What comes from the node -----------------------------------------------------------------

void Task::on_frame(const wire::Frame& frame) {
  if (is_over() || is_failing()) return;
  Outcome<void> taken;
  switch (frame.header.type) {
    case SLUICE_FRAME_ELEMENT:
      taken = inputs_.on_element(frame, connection_);
      break;
    case SLUICE_FRAME_CHUNK:
      taken = inputs_.on_chunk(frame, connection_);
      break;
    case SLUICE_FRAME_END:
      taken = inputs_.on_end(frame);
      break;
    case SLUICE_FRAME_CREDIT:
      if (const Result<sluice_credit> credit = wire::decode_credit(frame.payload)) {
        credit_.bytes += credit->bytes;
      }
      return;
    case SLUICE_FRAME_GRANT: {
      if (!emission_) return;
      if ((frame.header.flags & SLUICE_FLAG_REFUSED) != 0) {
        emission_->on_refused(
            std::string(reinterpret_cast<const char*>(frame.payload.data()), frame.payload.size()));
        return;
      }
      const Result<sluice_range> range = wire::decode_range(frame.payload);
      if (!range) return;
      if (auto region = connection_.region(*range)) emission_->on_grant(*range, std::move(*region));
      return;
    }
    default:
      return;
  }
  // Data for a program that waited: the node knows that, since it sent it.
  is_blocked_ = false;
  starved_looks_ = 0;
  if (!taken) fail(std::move(taken.error()));
}

void Task::cancel(std::string reason) {
  if (is_over() || cancelled_) return;
  cancelled_ = std::move(reason);
  if (!processes_) return;
  processes_->signal(SIGTERM);
  processes_->signal(SIGCONT);  // One that is stopped would not hear it.
}

void Task::fail(TaskFailure failure) {
  if (!failure_) failure_ = std::move(failure);
  emission_.reset();
  if (processes_) processes_->signal(SIGKILL);
}

// ---- Stages -----------------------------------------------------------------------------------

void Task::advance(bool is_first) {
  is_again_ = false;
  switch (stage_) {
    case Stage::kGathering:
      gather(is_first);
      break;
    case Stage::kRunning:
      run();
      break;
    case Stage::kDraining:
      drain();
      break;
    case Stage::kOver:
      return;
  }
  if (!is_over()) inputs_.give_credit(connection_, handle_);
}

void Task::gather(bool is_first) {
  if (is_failing()) return answer();
  const Outcome<bool> copied = inputs_.copy();
  if (!copied) {
    fail(copied.error());
    return answer();
  }
  is_again_ = *copied;
  if (!is_first || !inputs_.is_ready()) return;
  if (Outcome<void> started = start(); !started) {
    fail(std::move(started.error()));
    return answer();
  }
  stage_ = Stage::kRunning;
  is_again_ = true;
}

Outcome<void> Task::start() {
  Result<CommandLine> line = build_command_line(description_, inputs_.texts());
  if (!line) return std::unexpected(TaskFailure{"TooLarge", line.error().message()});
  if (line->arguments.empty()) {
    return std::unexpected(TaskFailure{"LoadError",
                                       "the list of arguments is empty: there is no "
                                       "program to run"});
  }
  StartProgram start{.path = {},
                     .arguments = std::move(line->arguments),
                     .environment = own_environment(),
                     .folder = folder_ + "/work"};
  for (const std::string& variable : about_) set_variable(start.environment, variable);
  set_variable(start.environment, "SLUICE_APP=" + description_.code);
  set_variable(start.environment, "TMPDIR=" + folder_ + "/tmp");
  set_variable(start.environment, "HOME=" + folder_ + "/tmp");
  set_variable(start.environment, "PWD=" + start.folder);
  for (std::string& variable : line->variables) {
    set_variable(start.environment, std::move(variable));
  }
  const std::string path = path_variable(start.environment);
  start.path = find_program(start.arguments.front(), path, description_.code, is_program);
  if (start.path.empty()) {
    return std::unexpected(
        TaskFailure{"LoadError", fmt::format("the program '{}' is not found in {}",
                                             short_text(start.arguments.front()), path)});
  }
  std::vector<ProductFiles*> watched;
  bool is_early = false;  // Something leaves before the end.
  for (std::uint16_t i = 0; i < description_.products.size(); ++i) {
    const Product& product = description_.products[i];
    if (product.from == Product::From::kPrinted) continue;
    file_outputs_.push_back(i);
    trackers_.push_back(std::make_unique<ProductFiles>(product));
    watched.push_back(trackers_.back().get());
    is_early = is_early || product.from == Product::From::kGlob || product.at_first_close;
  }
  if (!is_early) watched.clear();
  Result<Folder> folder = Folder::open(start.folder, std::move(watched));
  if (!folder) return std::unexpected(TaskFailure{"Crash", folder.error().message()});
  program_folder_.emplace(std::move(*folder));
  if (program_folder_->lacks_watch()) {
    log::warning(
        "the system has no inotify instance left (fs.inotify.max_user_instances): files "
        "leave when the program has ended");
  }
  int ends[2];
  if (description_.standard_input) {
    if (::pipe2(ends, O_CLOEXEC) != 0) {
      return std::unexpected(TaskFailure{"Crash", "make a pipe for the standard input"});
    }
    start.input = Fd(ends[0]);
    input_ = Fd(ends[1]);
    ::fcntl(input_.get(), F_SETFL, O_NONBLOCK);  // Our end only.
  }
  if (const auto printed = description_.printed()) {
    if (::pipe2(ends, O_CLOEXEC) != 0) {
      return std::unexpected(TaskFailure{"Crash", "make a pipe for the standard output"});
    }
    output_ = Fd(ends[0]);
    start.output = Fd(ends[1]);
    ::fcntl(output_.get(), F_SETFL, O_NONBLOCK);
    printed_check_.emplace(description_.products[*printed].content);
  }
  connection_.send(SLUICE_FRAME_STARTED, 0, 0, handle_);
  const Result<pid_t> pid = start_program(std::move(start));
  if (!pid) return std::unexpected(start_failure(pid.error()));
  processes_.emplace(*pid);
  is_child_news_ = true;  // It may have ended before somebody looked.
  return {};
}

void Task::run() {
  bool is_gone = false;
  if (is_child_news_ || processes_->is_leader_gone()) {
    is_child_news_ = false;
    is_gone = processes_->has_ended();
  }
  if (!is_failing()) {
    feed();
    Outcome<bool> read = read_printed();
    if (!read) {
      fail(std::move(read.error()));
    } else {
      is_again_ = *read;
      program_folder_->hear();
      if (Outcome<bool> emitted = emit(); !emitted) {
        fail(std::move(emitted.error()));
      } else {
        is_again_ = is_again_ || *emitted;
      }
    }
  }
  if (!is_gone) return;
  input_.reset();
  if (!is_failing()) failure_ = failure_of_end();
  stage_ = Stage::kDraining;
  is_again_ = true;
  if (is_failing()) return;
  // Nobody writes any more.
  program_folder_->hear();
  program_folder_->look();
  for (const auto& tracker : trackers_) tracker->ended();
}

void Task::drain() {
  if (is_failing()) return answer();
  const Outcome<bool> read = read_printed();
  const Outcome<bool> emitted = read ? emit() : Outcome<bool>(false);
  if (!read || !emitted) {
    fail(read ? emitted.error() : read.error());
    return answer();
  }
  is_again_ = *read || *emitted;
  if (is_again_ || output_ || emission_) return;
  if (Outcome<void> unchanged = check_unchanged(); !unchanged) fail(std::move(unchanged.error()));
  answer();
}

std::optional<TaskFailure> Task::failure_of_end() const {
  const ProgramEnd end = processes_->end();
  if (end.was_signalled && end.code == SIGKILL) {
    // Nobody here sent it: it was lost by no fault of its own. This worker goes with it, so that
    // the node takes it as it takes any worker that is killed from outside.
    ::kill(::getpid(), SIGKILL);
  }
  if (end.was_signalled) {
    return TaskFailure{"Crash", fmt::format("the program was killed by signal {} ({})", end.code,
                                            ::strsignal(end.code))};
  }
  if (end.code == 0) return std::nullopt;
  return TaskFailure{"ExitStatus", fmt::format("the program exited with status {}", end.code)};
}

void Task::answer() {
  stage_ = Stage::kOver;
  input_.reset();
  output_.reset();
  emission_.reset();
  if (!is_failing()) {
    connection_.send(SLUICE_FRAME_DONE, 0, 0, handle_);
    return;
  }
  if (cancelled_) failure_ = TaskFailure{"Cancelled", *cancelled_};
  Json json = Json().set("name", failure_->name).set("message", short_text(failure_->message));
  json.set("trace", "").set("bases", Json::list());
  const std::string text = to_text(json);
  connection_.send(SLUICE_FRAME_FAILED, 0, 0, handle_, {std::as_bytes(std::span(text))});
}

// ---- Standard input and output ----------------------------------------------------------------

void Task::feed() {
  if (!input_) return;
  StandardInput& standard = inputs_.standard_input();
  const Result<std::uint64_t> credit = standard.write_to(input_);
  if (!credit) return fail({"DataLost", credit.error().message()});
  if (*credit > 0) {
    const sluice_credit back{.bytes = static_cast<std::uint32_t>(*credit), .elements = 0};
    connection_.send(SLUICE_FRAME_CREDIT, 0,
                     static_cast<std::uint16_t>(*description_.standard_input), handle_,
                     {wire::encode(back)});
  }
  if (standard.is_over()) {
    input_.reset();
  } else if (standard.is_empty()) {
    check_starved();
  }
}

void Task::check_starved() {
  if (is_blocked_ || !inputs_.standard_input().has_reader()) return;
  pollfd reader{.fd = input_.get(), .events = 0, .revents = 0};
  if (::poll(&reader, 1, 0) > 0 && (reader.revents & POLLERR) != 0) {
    return inputs_.standard_input().lose_reader();
  }
  int unread = 0;
  if (::ioctl(input_.get(), FIONREAD, &unread) != 0) return;
  // Not at the first look: a gap between two chunks is not worth two frames.
  if (starved_looks_++ == 0 || unread > 0) return;
  is_blocked_ = true;
  connection_.send(SLUICE_FRAME_WANT, 0, static_cast<std::uint16_t>(*description_.standard_input),
                   handle_);
}

Outcome<void> Task::send_printed(std::string_view bytes) {
  const std::uint32_t number = *description_.printed();
  const Product& product = description_.products[number];
  const auto port = static_cast<std::uint16_t>(number);
  if (const Status checked = printed_check_->add(bytes); !checked) {
    return std::unexpected(
        TaskFailure{"InvalidOutput", fmt::format("output '{}': what the program printed {}",
                                                 product.name, checked.error().message())});
  }
  if (!is_printed_open_) {
    is_printed_open_ = true;
    sluice_value value{};
    value.kind = wire_kind(product.content);
    value.name_length =
        product.content == Content::kFile ? static_cast<std::uint16_t>(product.name.size()) : 0;
    value.size = UINT64_MAX;
    connection_.send(
        SLUICE_FRAME_EMIT, SLUICE_PLACE_OPEN, port, handle_,
        {wire::encode(value), std::as_bytes(std::span(product.name).first(value.name_length))});
  }
  if (!bytes.empty()) {
    connection_.send(SLUICE_FRAME_GROW, SLUICE_PLACE_INLINE, port, handle_,
                     {std::as_bytes(std::span(bytes))});
  }
  return {};
}

Outcome<void> Task::end_printed() {
  const std::uint32_t number = *description_.printed();
  const Product& product = description_.products[number];
  const auto port = static_cast<std::uint16_t>(number);
  const auto wrong = [&](const std::string& what) {
    return std::unexpected(
        TaskFailure{"InvalidOutput",
                    fmt::format("output '{}': what the program printed {}", product.name, what)});
  };
  output_.reset();
  if (is_json(product.content)) {
    // Nothing printed is nothing given.
    if (product.is_optional && printed_json_.empty()) return {};
    const Result<std::string> json = checked_json(printed_json_, product.content);
    if (!json) return wrong(json.error().message());
    printed_json_ = *json;
  }
  if (const Status checked = printed_check_->finish(); !checked) {
    return wrong(checked.error().message());
  }
  if (is_json(product.content)) {
    emission_.emplace(port, product, std::move(printed_json_), handle_, uses_shared_memory_);
    return {};
  }
  if (Outcome<void> sent = send_printed({}); !sent) return sent;
  connection_.send(SLUICE_FRAME_SEAL, 0, port, handle_);
  return {};
}

// True: there was something.
Outcome<bool> Task::read_printed() {
  if (!output_ || connection_.is_full()) return false;
  const bool is_collected = is_json(description_.products[*description_.printed()].content);
  std::array<char, kPrintedPiece> buffer;
  const std::size_t room =
      is_collected
          ? buffer.size()
          : static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), credit_.bytes));
  if (room == 0) return false;
  const ssize_t got = ::read(output_.get(), buffer.data(), room);
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return false;
  // The end: of those who wrote to it, only what is being ended now may be left.
  if (got <= 0) {
    is_printed_over_ = true;
    // One value is on its way at a time.
    if (stage_ != Stage::kDraining || (is_collected && emission_)) return false;
    if (Outcome<void> ended = end_printed(); !ended) return std::unexpected(ended.error());
    return true;
  }
  const std::string_view bytes(buffer.data(), static_cast<std::size_t>(got));
  if (!is_collected) {
    credit_.bytes -= bytes.size();
    if (Outcome<void> sent = send_printed(bytes); !sent) return std::unexpected(sent.error());
    return true;
  }
  if (printed_json_.size() + bytes.size() > kJsonMax) {
    return std::unexpected(TaskFailure{
        "InvalidOutput",
        fmt::format("output '{}': what the program printed is more than {} bytes of JSON; let it "
                    "write a file",
                    description_.products[*description_.printed()].name, kJsonMax)});
  }
  printed_json_ += bytes;
  return true;
}

// ---- Files ------------------------------------------------------------------------------------

// Opens the next file that is to leave; false: there is none now.
Outcome<bool> Task::begin_emission() {
  for (std::size_t i = 0; i < trackers_.size(); ++i) {
    if (const auto& changed = trackers_[i]->changed()) {
      return std::unexpected(TaskFailure{
          "InvalidOutput",
          fmt::format("output '{}': '{}' changed after it had been emitted; write it under a name "
                      "that does not match, and rename it when it is whole",
                      description_.products[file_outputs_[i]].name, *changed)});
    }
    const std::optional<std::string> path = trackers_[i]->next();
    if (!path) continue;
    const std::uint16_t number = file_outputs_[i];
    const Product& product = description_.products[number];
    Result<OpenFile> file = program_folder_->open_file(*path);
    if (!file && file.error().code() == ErrorCode::kNotFound) {
      // An element that has been removed again is none.
      if (product.from == Product::From::kGlob || product.is_optional) return true;
      return std::unexpected(TaskFailure{
          "InvalidOutput",
          fmt::format("output '{}': the program ended without writing '{}'{}", product.name, *path,
                      stage_ == Stage::kDraining ? "" : " (it is gone again)")});
    }
    if (!file) {
      return std::unexpected(TaskFailure{
          "InvalidOutput",
          fmt::format("output '{}': '{}' {}", product.name, *path, file.error().message())});
    }
    emission_.emplace(number, product, *path, std::move(*file), handle_, uses_shared_memory_);
    return true;
  }
  return false;
}

// True: there is more to do at once.
Outcome<bool> Task::emit() {
  if (!emission_) {
    const Outcome<bool> begun = begin_emission();
    if (!begun || !*begun) return begun;
    if (!emission_) return true;
  }
  const Outcome<Emission::Step> step = emission_->step(connection_, credit_);
  if (!step) return std::unexpected(step.error());
  if (*step != Emission::Step::kDone) return *step == Emission::Step::kMore;
  // Of what leaves at the end nothing can change any more.
  if (stage_ == Stage::kRunning) emitted_.emplace(emission_->path(), emission_->state());
  emission_.reset();
  return true;
}

Outcome<void> Task::check_unchanged() const {
  for (const auto& [path, state] : emitted_) {
    const std::optional<FileState> now = program_folder_->state_of(path);
    if (!now || *now == state) continue;
    return std::unexpected(TaskFailure{
        "InvalidOutput",
        fmt::format("'{}' changed after it had been emitted; write it under a name that does not "
                    "match, and rename it when it is whole",
                    path)});
  }
  return {};
}

// ---- Waiting ----------------------------------------------------------------------------------

int Task::wish(std::vector<pollfd>& watched) const {
  if (is_again_) return 0;
  int timeout = -1;
  const auto at_most = [&](int wanted) {
    timeout = timeout < 0 ? wanted : std::min(timeout, wanted);
  };
  if (stage_ == Stage::kGathering || stage_ == Stage::kOver) return -1;
  if (processes_->is_leader_gone() && stage_ == Stage::kRunning) at_most(kHuntAgainMs);
  if (is_failing()) return timeout;
  if (input_ && !inputs_.has_standard_input()) {
    if (!is_blocked_ && inputs_.has_reader()) {
      at_most(std::min(kStarvedFirstMs << std::min(starved_looks_, 6), kStarvedMostMs));
    }
  } else if (input_) {
    watched.push_back({.fd = input_.get(), .events = POLLOUT});
  }
  const bool has_room = credit_.bytes > 0 && !connection_.is_full();
  // Its end is readable for as long as it is open: nothing to be woken by.
  if (output_ && has_room && !is_printed_over_)
    watched.push_back({.fd = output_.get(), .events = POLLIN});
  if (program_folder_->watch_fd() >= 0 && !emission_) {
    watched.push_back({.fd = program_folder_->watch_fd(), .events = POLLIN});
  }
  return timeout;
}

}  // namespace sluice::program
