#include "cli/log_follower.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "cli/document.h"
#include "cli/interrupt.h"
#include "cli/problem.h"
#include "cli/session.h"

namespace sluice::cli {
namespace {

// So many runs are followed at a time; others wait for a thread, and their logs come later.
constexpr std::size_t kFollowers = 8;
// Beyond this many that wait, logs of the newest are left out, and a line says so.
constexpr std::size_t kWaitingMax = 1000;
// Ids of runs that were seen; the server forgets ended runs as well.
constexpr std::size_t kSeenMax = 20'000;
constexpr auto kInterval = std::chrono::milliseconds(250);
constexpr std::size_t kLineMax = 64 << 10;

struct Run {
  std::string id;
  std::string workflow;
};

// Whole lines, each behind the run that it is of: what several threads print does not mix.
class Lines {
 public:
  Lines(const Run& run, bool is_terminal)
      : prefix_(
            fmt::format("{} {} ", printable_line(run.workflow),
                        run.id.substr(run.id.size() - std::min<std::size_t>(run.id.size(), 6)))),
        is_terminal_(is_terminal) {}

  Status take(std::string_view bytes) {
    std::string out;
    while (!bytes.empty()) {
      const std::size_t end = bytes.find('\n');
      rest_ += bytes.substr(0, end);
      bytes.remove_prefix(end == std::string_view::npos ? bytes.size() : end + 1);
      if (end != std::string_view::npos || rest_.size() > kLineMax) flush(out);
    }
    return write_output(out);
  }
  Status finish() {
    std::string out;
    if (!rest_.empty()) flush(out);
    return write_output(out);
  }

 private:
  void flush(std::string& out) {
    out += prefix_ + (is_terminal_ ? printable_line(rest_) : rest_) + '\n';
    rest_.clear();
  }

  std::string prefix_;
  bool is_terminal_;
  std::string rest_;
};

class Threads final : public LogFollower {
 public:
  Threads(ServerAddress address, const Terminal& terminal)
      : address_(std::move(address)), terminal_(terminal) {}
  ~Threads() override { Threads::finish(); }

  Status start() {
    // What may fail comes before the first thread.
    SLUICE_TRY(HttpClient client, HttpClient::create(address_));
    SLUICE_TRY([[maybe_unused]] const std::vector<Run> old, new_runs(client));
    std::vector<HttpClient> clients;
    for (std::size_t i = 0; i < kFollowers; ++i) {
      SLUICE_TRY(HttpClient follower, HttpClient::create(address_));
      clients.push_back(std::move(follower));
    }
    threads_.emplace_back([this, finder = std::move(client)]() mutable { find(finder); });
    for (HttpClient& follower : clients)
      threads_.emplace_back([this, one = std::move(follower)]() mutable { follow_all(one); });
    return {};
  }

  void finish() override {
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

 private:
  // Finder. Those that were not seen before, the oldest first.
  Result<std::vector<Run>> new_runs(HttpClient& client) {
    std::vector<Run> runs;
    std::string cursor;
    do {
      Request request{.path = api_path({"runs"})};
      request.query.emplace_back("limit", "100");
      if (!cursor.empty()) request.query.emplace_back("cursor", cursor);
      SLUICE_TRY(const Json page, client.json(request));
      bool has_known = false;
      for (const Json& document : list_member(page, "runs")) {
        Run run{.id = std::string(text_member(document, "id")),
                .workflow = std::string(text_member(document, "workflow"))};
        if (seen_.insert(run.id).second) {
          runs.insert(runs.begin(), std::move(run));
        } else {
          has_known = true;
        }
      }
      cursor = has_known || runs.size() >= kWaitingMax ? "" : text_member(page, "cursor");
    } while (!cursor.empty());
    // Ids grow with time: the smallest are the oldest.
    while (seen_.size() > kSeenMax) seen_.erase(seen_.begin());
    return runs;
  }

  void find(HttpClient& client) {
    while (!interrupt::sleep(kInterval)) {
      Result<std::vector<Run>> runs = new_runs(client);
      if (!runs) break;  // The server is gone, or a signal came.
      std::size_t left_out = 0;
      {
        const std::scoped_lock lock(mutex_);
        for (Run& run : *runs) {
          if (waiting_.size() == kWaitingMax) {
            ++left_out;
          } else {
            waiting_.push_back(std::move(run));
          }
        }
      }
      changed_.notify_all();
      if (left_out > 0) {
        write_error_line(terminal_, "warning",
                         fmt::format("too many runs at a time: logs of {} are not shown; "
                                     "`sluice logs RUN` shows them",
                                     left_out));
      }
    }
    {
      const std::scoped_lock lock(mutex_);
      is_over_ = true;
    }
    changed_.notify_all();
  }

  void follow_all(HttpClient& client) {
    while (true) {
      Run run;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return is_over_ || !waiting_.empty(); });
        if (is_over_) return;
        run = std::move(waiting_.front());
        waiting_.pop_front();
      }
      // A run that was deleted meanwhile, or a server that is gone: the finder knows.
      static_cast<void>(follow(client, run));
    }
  }

  Status follow(HttpClient& client, const Run& run) {
    Request request{.path = api_path({"runs", run.id, "logs"})};
    request.query.emplace_back("follow", "true");
    Lines lines(run, terminal_.output_is_terminal);
    SLUICE_TRY(const Response response,
               client.send(request, [&](std::string_view bytes) { return lines.take(bytes); }));
    SLUICE_OK(lines.finish());
    if (!response.is_success()) return fail(problem_error(response));
    SLUICE_TRY(const Json document, client.json({.path = api_path({"runs", run.id})}));
    std::string line = fmt::format("{} {} {}\n", printable_line(run.workflow), run.id,
                                   printable_line(text_member(document, "state")));
    if (const Json* error = document.find("error")) {
      line += fmt::format("  {}: {}\n", printable_line(text_member(*error, "name")),
                          printable(text_member(*error, "message")));
    }
    write_error(line);
    return {};
  }

  const ServerAddress address_;
  const Terminal terminal_;
  std::set<std::string> seen_;  // Finder.
  std::vector<std::thread> threads_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Run> waiting_;  // With mutex_.
  bool is_over_ = false;     // With mutex_.
};

}  // namespace

Result<std::unique_ptr<LogFollower>> LogFollower::start(const ServerAddress& address,
                                                        const Terminal& terminal) {
  auto threads = std::make_unique<Threads>(address, terminal);
  SLUICE_OK(threads->start());
  return threads;
}

}  // namespace sluice::cli
