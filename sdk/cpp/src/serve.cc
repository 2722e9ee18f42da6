// The worker's life: say hello, find the function, run task after task, end.

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>

#include "failure.h"
#include "sluice/sluice.h"
#include "task.h"

namespace sluice {
namespace {

using Clock = std::chrono::steady_clock;
using detail::Channel;
using detail::ProtocolError;
using detail::Shape;
using detail::Span;
using detail::Task;
using Functions = std::initializer_list<std::pair<std::string, Function>>;

constexpr std::string_view kSdk = "cpp 0.1.0";
constexpr int kExitUsage = 64;
constexpr int kExitProtocol = 70;
// A SIGTERM and a cancel that come within this time belong together; one alone means: stop.
constexpr std::chrono::seconds kTogether(5);
constexpr int kUnexplainedMs = 500;

int wake_descriptor = -1;

extern "C" void sluice_on_sigterm(int /*signal*/) {
  const int saved = errno;
  const std::uint64_t once = 1;
  // Full means that it is readable already.
  [[maybe_unused]] const ssize_t written = ::write(wake_descriptor, &once, sizeof once);
  errno = saved;
}

struct LoadError : Error {
  explicit LoadError(const std::string& message) : Error("LoadError", message) {}
};

std::string_view name_of(Shape shape) {
  constexpr std::array<std::string_view, 4> kNames{"one value", "a whole list (std::vector)",
                                                   "a Stream", "a Pipe"};
  return kNames[static_cast<std::size_t>(shape)];
}

// Whether a parameter of one shape can read a port of the other.
bool fits(Shape parameter, const detail::Port& port) {
  if (port.element == "any" && port.shape == Shape::kValue) return parameter != Shape::kPipe;
  const bool is_list = port.shape == Shape::kList || port.shape == Shape::kStream;
  if (is_list) return parameter == Shape::kList || parameter == Shape::kStream;
  const bool is_raw = port.element == "bytes" || port.element == "text" || port.element == "file";
  return parameter == Shape::kValue || (parameter == Shape::kPipe && is_raw);
}

class Worker {
 public:
  Worker(int socket, int wake, bool is_shared, Functions functions)
      : functions_(functions), channel_(socket, wake, [this](const auto& header, Span payload) {
          on_frame(header, payload);
        }) {
    program_.is_shared = is_shared;
  }

  int run() {
    const sluice_hello hello{.abi = SLUICE_ABI_VERSION,
                             .mode = static_cast<std::uint32_t>(
                                 program_.is_shared ? SLUICE_HELLO_SHM : SLUICE_HELLO_COPY)};
    channel_.queue({.type = SLUICE_FRAME_HELLO}, {detail::span_of(hello), bytes_of(kSdk)});
    channel_.flush();
    while (program_.setup_text.empty()) channel_.receive(-1);
    try {
      load();
    } catch (...) {
      send_failed(0, detail::describe_failure(std::current_exception()));
      channel_.flush();
      return 1;
    }
    note_files();
    channel_.queue({.type = SLUICE_FRAME_READY});
    channel_.flush();
    while (!is_stopping_) {
      if (waiting_.empty()) {
        idle();
      } else {
        run_next();
      }
    }
    return 0;
  }

 private:
  // ---- the code ----

  void load() {
    setup_ = detail::parse_json(program_.setup_text);
    const auto* abi = member("abi").as_number();
    if (abi == nullptr || abi->integer != SLUICE_ABI_VERSION) {
      throw LoadError("the node speaks another version of the worker protocol than this program (" +
                      std::to_string(SLUICE_ABI_VERSION) +
                      "): build it with the SDK of the server");
    }
    if (const std::string* scratch = member("scratch").as_text()) program_.scratch = *scratch;
    if (const auto* lazy = setup_.find("lazy_started");
        lazy != nullptr && lazy->as_bool() != nullptr) {
      program_.is_started_lazy = *lazy->as_bool();
    }
    const std::string* handler = member("handler").as_text();
    program_.function = find(handler == nullptr ? "" : *handler);
    try {
      read_ports();
    } catch (const std::invalid_argument& error) {
      throw LoadError("the declared ports: " + std::string(error.what()));
    }
    check_function(*handler);
  }

  const detail::JsonValue& member(std::string_view key) const {
    static const detail::JsonValue kNone;
    const detail::JsonValue* found = setup_.find(key);
    return found == nullptr ? kNone : *found;
  }

  const Function* find(std::string_view name) const {
    std::string names;
    for (const auto& [known, function] : functions_) {
      if (known == name) return &function;
      names += (names.empty() ? "`" : ", `") + known + "`";
    }
    throw LoadError("the program serves no function `" + std::string(name) +
                    "`; it has: " + (names.empty() ? "none" : names));
  }

  void read_ports() {
    const auto* inputs = member("inputs").as_list();
    const auto* outputs = member("outputs").as_list();
    if (inputs == nullptr || outputs == nullptr) throw std::invalid_argument("there are none");
    for (const detail::JsonValue& each : *inputs) {
      detail::Input input{.port = detail::port_of(each), .has_default = false, .default_value = {}};
      if (const detail::JsonValue* value = each.find("default")) {
        input.has_default = true;
        input.default_value = *value;
        (void)detail::default_item(input.port, *value);  // A wrong one is found here.
      }
      program_.inputs.push_back(std::move(input));
    }
    for (const detail::JsonValue& each : *outputs) {
      program_.outputs.push_back(detail::port_of(each));
    }
  }

  void check_function(const std::string& name) const {
    const Function& function = *program_.function;
    const std::string who = "function `" + name + "` ";
    if (function.shapes.size() != program_.inputs.size()) {
      throw LoadError(who + "has " + std::to_string(function.shapes.size()) +
                      " parameters for inputs, but " + std::to_string(program_.inputs.size()) +
                      " inputs are declared: parameters are the inputs in their order");
    }
    for (std::size_t i = 0; i < function.shapes.size(); ++i) {
      const detail::Port& port = program_.inputs[i].port;
      if (fits(function.shapes[i], port)) continue;
      throw LoadError(who + "reads input `" + port.name + "` as " +
                      std::string(name_of(function.shapes[i])) + ", but it is declared as " +
                      port.type);
    }
    if (function.results > program_.outputs.size()) {
      throw LoadError(who + "returns " + std::to_string(function.results) + " results, but " +
                      std::to_string(program_.outputs.size()) + " outputs are declared");
    }
  }

  // ---- frames ----

  void on_frame(const sluice_frame_header& header, Span payload) {
    if (header.type == SLUICE_FRAME_SETUP && program_.setup_text.empty()) {
      program_.setup_text = text_of(payload);
      return;
    }
    if (header.type == SLUICE_FRAME_START) return on_start(header.handle, payload);
    if (header.type == SLUICE_FRAME_STOP) {
      is_stopping_ = true;
      return;
    }
    Task* task = find_task(header.handle);
    if (header.type == SLUICE_FRAME_CANCEL) return on_cancel(task, std::string(text_of(payload)));
    // It has ended, or is about to: its frames are no errors.
    if (task == nullptr || task->cancel_reason()) return;
    switch (header.type) {
      case SLUICE_FRAME_ELEMENT:
        return task->on_element(header.port, header.flags, payload);
      case SLUICE_FRAME_CHUNK:
        return task->on_chunk(header.port, header.flags, payload);
      case SLUICE_FRAME_END:
        return task->on_end(header.port, header.flags);
      case SLUICE_FRAME_CREDIT:
        return task->on_credit(payload);
      case SLUICE_FRAME_GRANT:
        return task->on_grant(header.flags, payload);
      default:
        throw ProtocolError("an unexpected frame of type " + std::to_string(header.type));
    }
  }

  Task* find_task(std::uint64_t handle) {
    if (running_ != nullptr && running_->handle() == handle) return running_.get();
    const auto found =
        std::ranges::find(waiting_, handle, [](const auto& t) { return t->handle(); });
    return found == waiting_.end() ? nullptr : found->get();
  }

  void on_start(std::uint64_t handle, Span payload) {
    if (program_.function == nullptr || find_task(handle) != nullptr ||
        waiting_.size() + (running_ != nullptr ? 1 : 0) >= SLUICE_TASKS_HELD_MAX) {
      throw ProtocolError("a start before ready, twice, or of too many tasks");
    }
    waiting_.push_back(
        std::make_unique<Task>(program_, channel_, handle, std::string(text_of(payload))));
  }

  // Every start is answered once, also a cancelled one.
  void on_cancel(Task* task, std::string reason) {
    cancelled_at_ = Clock::now();
    if (task == nullptr) return;
    if (task == running_.get()) return task->cancel(std::move(reason));
    send_failed(task->handle(), detail::failure_payload("Cancelled", reason));
    std::erase_if(waiting_, [&](const auto& each) { return each.get() == task; });
    channel_.flush();
  }

  void idle() {
    channel_.flush();
    if (channel_.receive(-1) != Channel::Came::kSignal || !waiting_.empty()) return;
    // A SIGTERM while nothing runs: the one of a cancel that was heard before, or comes now.
    const auto is_explained = [&] { return Clock::now() - cancelled_at_ < kTogether; };
    const auto until = Clock::now() + std::chrono::milliseconds(kUnexplainedMs);
    while (!is_explained() && waiting_.empty() && !is_stopping_) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
      if (left <= 0) {
        is_stopping_ = true;
      } else {
        channel_.receive(static_cast<int>(left));
      }
    }
  }

  // ---- tasks ----

  void run_next() {
    running_ = std::move(waiting_.front());
    waiting_.pop_front();
    Task& task = *running_;
    std::string failure;
    try {
      program_.function->call(task);
      task.close_outputs();
    } catch (const ProtocolError&) {
      throw;
    } catch (...) {
      failure = detail::describe_failure(std::current_exception());
    }
    if (task.cancel_reason()) failure = detail::failure_payload("Cancelled", *task.cancel_reason());
    std::cout.flush();
    std::cerr.flush();
    std::fflush(nullptr);
    task.finish();
    if (failure.empty()) {
      channel_.queue({.type = SLUICE_FRAME_DONE, .handle = task.handle()});
    } else {
      send_failed(task.handle(), failure);
    }
    running_.reset();
    channel_.flush();
    remove_files();
  }

  void send_failed(std::uint64_t handle, const std::string& payload) {
    channel_.queue({.type = SLUICE_FRAME_FAILED, .handle = handle}, {bytes_of(payload)});
  }

  // ---- the working folder ----

  void note_files() {
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(program_.scratch, ignored)) {
      files_at_load_.insert(entry.path());
    }
  }

  // What a task made there is gone before the next one.
  void remove_files() {
    if (::chdir(program_.scratch.c_str()) != 0) is_stopping_ = true;
    std::error_code ignored;
    std::vector<std::filesystem::path> made;
    for (const auto& entry : std::filesystem::directory_iterator(program_.scratch, ignored)) {
      if (!files_at_load_.contains(entry.path())) made.push_back(entry.path());
    }
    for (const auto& path : made) std::filesystem::remove_all(path, ignored);
  }

  Functions functions_;
  detail::Program program_;
  detail::JsonValue setup_;
  Channel channel_;
  std::unique_ptr<Task> running_;
  std::deque<std::unique_ptr<Task>> waiting_;  // Held and not begun.
  bool is_stopping_ = false;
  Clock::time_point cancelled_at_ = Clock::now() - 2 * kTogether;
  std::set<std::filesystem::path> files_at_load_;
};

int explain(const char* program, Functions functions) {
  std::fprintf(stderr,
               "%s serves functions of Sluice workflows, and is started by `sluice serve`:\n"
               "    runtime: native, binary: PATH of this program, handler: one of\n",
               program);
  for (const auto& [name, function] : functions) std::printf("%s\n", name.c_str());
  return kExitUsage;
}

}  // namespace

int serve(int argc, char** argv, Functions functions) {
  const char* text = std::getenv("SLUICE_FD");
  const int socket = text == nullptr ? -1 : std::atoi(text);
  if (socket < 3) return explain(argc > 0 ? argv[0] : "this program", functions);
  const char* copy = std::getenv("SLUICE_COPY");
  const bool is_shared = copy == nullptr || std::string_view(copy) != "1";
  ::unsetenv("SLUICE_FD");

  wake_descriptor = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  struct sigaction action{};
  action.sa_handler = sluice_on_sigterm;
  ::sigaction(SIGTERM, &action, nullptr);
  action.sa_handler = SIG_IGN;  // Ctrl-C in a terminal is for the server, not for its workers.
  ::sigaction(SIGINT, &action, nullptr);
  try {
    return Worker(socket, wake_descriptor, is_shared, functions).run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "sluice: the node broke the protocol: %s\n", error.what());
    return kExitProtocol;
  }
}

}  // namespace sluice
