#pragma once

// A small working node for tests of the HTTP server: it keeps apps and runs in memory and answers
// on a thread of its own, as the real one does. Workflows: `echo` (input data), `pair` (a: text, b:
// file), `many` (items: a list), `none` (no inputs), `slow` (like echo, ends when end_slow() says
// so).

#include <unistd.h>

#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include <fmt/ranges.h>

#include "api/control.h"
#include "base/file.h"
#include "base/random.h"

namespace sluice::api {

class FakeControl final : public Control {
 public:
  struct Element {
    std::string file_name;
    std::string content;  // The first MiB.
    std::uint64_t size = 0;
    bool is_closed = false;
  };
  struct Run {
    std::string workflow;
    std::string state = "RUNNING";
    OpenRun open;
    std::map<std::string, std::vector<Element>> inputs;
    std::string log;
  };
  struct Seen {
    std::uint64_t pieces = 0;
    std::uint64_t piece_max = 0;
    std::uint64_t writes_waiting_max = 0;
    std::vector<std::string> aborted;
    std::vector<std::filesystem::path> archives;
  };

  FakeControl() : thread_([this] { work(); }) {}
  ~FakeControl() override {
    {
      std::lock_guard lock(mutex_);
      is_over_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  // ---- For tests ----
  void end_slow(const std::string& state = "SUCCEEDED") {
    std::lock_guard lock(mutex_);
    for (auto& [id, run] : runs_) {
      if (run.state == "RUNNING") run.state = state;
    }
    changed_.notify_all();
  }
  void add_log(const RunId& id, const std::string& text) {
    std::lock_guard lock(mutex_);
    runs_[id].log += text;
    changed_.notify_all();
  }
  std::map<RunId, Run> runs_now() {
    std::lock_guard lock(mutex_);
    return runs_;
  }
  Seen seen() {
    std::lock_guard lock(mutex_);
    return seen_;
  }
  // While held, write_input is not answered.
  void hold_writes(bool is_held) {
    std::lock_guard lock(mutex_);
    holds_writes_ = is_held;
    changed_.notify_all();
  }
  void set_ready(bool is_ready) {
    std::lock_guard lock(mutex_);
    is_ready_ = is_ready;
  }
  // What the output `file` of every run is.
  std::string file_content = "0123456789";
  std::string file_name = "r\xc3\xa9sum\xc3\xa9 \"1\".txt";
  // Drops every reply from now on, as a node that is going down might.
  bool drops_replies = false;

  // ---- Control ----
  void deploy(std::string app, std::filesystem::path archive, Reply<DeployResult> reply) override {
    post([this, app, archive, reply = std::move(reply)]() mutable {
      seen_.archives.push_back(archive);
      std::ifstream file(archive, std::ios::binary);
      const std::string content{std::istreambuf_iterator<char>(file), {}};
      if (content == "broken") {
        return reply(DeployResult{.mistakes = {{.file = "sluice.yaml",
                                                .line = 3,
                                                .column = 7,
                                                .message = "unknown step 'splt'",
                                                .hint = "did you mean 'split'?"}}});
      }
      if (content == "full") return reply(fail(ErrorCode::kUnavailable, "the node is full"));
      apps_[app] = content.size();
      Json document = Json::map();
      document.set("app", app).set("size", Json(std::uint64_t{content.size()}));
      reply(DeployResult{.document = document});
    });
  }
  void delete_app(std::string app, Reply<void> reply) override {
    post([this, app, reply = std::move(reply)]() mutable {
      if (apps_.erase(app) == 0)
        return reply(fail(ErrorCode::kNotFound, "there is no app '" + app + "'"));
      reply({});
    });
  }
  void apps(Reply<Json> reply) override {
    post([this, reply = std::move(reply)]() mutable {
      Json list = Json::list();
      for (const auto& [name, size] : apps_) list.push(Json(name));
      reply(Json(Json::Map{{"apps", std::move(list)}}));
    });
  }
  void workflows(Reply<Json> reply) override { answer("workflows", std::move(reply)); }
  void workflow(std::string name, Reply<Json> reply) override {
    if (name == "ambiguous")
      return reply(fail(ErrorCode::kFailedPrecondition, "a.ambiguous or b.ambiguous"));
    if (inputs_of(name).empty() && name != "none")
      return reply(fail(ErrorCode::kNotFound, "there is no workflow '" + name + "'"));
    answer(name, std::move(reply));
  }
  void functions(Reply<Json> reply) override { answer("functions", std::move(reply)); }
  void function(std::string name, Reply<Json> reply) override { answer(name, std::move(reply)); }

  void start_run(OpenRun open, Json inputs, Reply<RunOpened> reply) override {
    post([this, open = std::move(open), inputs = std::move(inputs),
          reply = std::move(reply)]() mutable {
      const auto names = inputs_of(open.workflow);
      if (open.workflow != "none" && names.empty())
        return reply(fail(ErrorCode::kNotFound, "there is no workflow '" + open.workflow + "'"));
      if (open.idempotency_key == "taken")
        return reply(fail(ErrorCode::kInvalidArgument, "the key was used with another body"));
      if (open.idempotency_key == "busy")
        return reply(
            fail(ErrorCode::kResourceExhausted, "10000 runs are in flight (limit runs_in_flight)"));
      Run run{.workflow = open.workflow, .open = open};
      for (const auto& [name, value] : *inputs.as_map()) {
        if (!names.contains(name))
          return reply(fail(ErrorCode::kInvalidArgument, "there is no input '" + name + "'"));
        const std::string text = value.as_string() != nullptr ? *value.as_string() : to_text(value);
        run.inputs[name].push_back(
            Element{.content = text, .size = text.size(), .is_closed = true});
      }
      if (open.workflow != "slow") run.state = "SUCCEEDED";
      reply(opened(std::move(run)));
    });
  }
  void open_run(OpenRun open, Reply<RunOpened> reply) override {
    post([this, open = std::move(open), reply = std::move(reply)]() mutable {
      if (inputs_of(open.workflow).empty())
        return reply(fail(ErrorCode::kNotFound, "there is no workflow '" + open.workflow + "'"));
      RunOpened made = opened(Run{.workflow = open.workflow, .open = open});
      made.abort = [this, id = made.run](std::string why) {
        post([this, id, why] {
          seen_.aborted.push_back(why);
          runs_.erase(id);
        });
      };
      reply(std::move(made));
    });
  }
  void open_input(RunId id, std::string name, std::string file_name_given,
                  Reply<InputStream> reply) override {
    post([this, id, name, file_name_given, reply = std::move(reply)]() mutable {
      Run& run = runs_[id];
      const auto names = inputs_of(run.workflow);
      if (name.empty() && names.size() == 1) name = *names.begin();
      if (!names.contains(name))
        return reply(fail(ErrorCode::kNotFound, "there is no input '" + name + "'"));
      auto& elements = run.inputs[name];
      if (!elements.empty() && run.workflow != "many")
        return reply(fail(ErrorCode::kAlreadyExists, "the input '" + name + "' is no list"));
      elements.push_back(Element{.file_name = file_name_given});
      const InputStream stream = InputStream::make(static_cast<std::uint32_t>(streams_.size()), 1);
      streams_.push_back(Stream{id, name, elements.size() - 1});
      reply(stream);
    });
  }
  void write_input(InputStream stream, std::string bytes, Reply<void> reply) override {
    {
      std::lock_guard lock(mutex_);
      seen_.writes_waiting_max = std::max(seen_.writes_waiting_max, ++writes_waiting_);
      ++seen_.pieces;
      seen_.piece_max = std::max<std::uint64_t>(seen_.piece_max, bytes.size());
    }
    post(
        [this, stream, bytes = std::move(bytes), reply = std::move(reply)]() mutable {
          --writes_waiting_;
          Element& element = at(stream);
          element.size += bytes.size();
          if (element.content.size() < (1 << 20)) element.content += bytes;
          if (element.content.starts_with("toolarge"))
            return reply(
                fail(ErrorCode::kResourceExhausted, "TooLarge: the input has at most 8 bytes"));
          reply({});
        },
        Hold::kWrites);
  }
  void close_input(InputStream stream, Reply<void> reply) override {
    post([this, stream, reply = std::move(reply)]() mutable {
      at(stream).is_closed = true;
      reply({});
    });
  }
  void finish_upload(RunId id, Reply<void> reply) override {
    post([this, id, reply = std::move(reply)]() mutable {
      Run& run = runs_[id];
      for (const auto& name : inputs_of(run.workflow)) {
        if (run.inputs.contains(name)) continue;
        runs_.erase(id);
        return reply(fail(ErrorCode::kInvalidArgument, "the input '" + name + "' is missing"));
      }
      if (run.workflow == "echo" && run.inputs["data"].front().content == "busy")
        return reply(fail(ErrorCode::kUnavailable, "the node is busy"));
      if (run.workflow != "slow") run.state = "SUCCEEDED";
      reply({});
    });
  }
  void run(RunId id, std::optional<Duration> wait, Reply<Json> reply) override {
    const TimePoint until = std::chrono::steady_clock::now() + wait.value_or(Duration(0));
    post_when([this, id] { return !runs_.contains(id) || runs_[id].state != "RUNNING"; }, until,
              [this, id, reply = std::move(reply)]() mutable {
                if (!runs_.contains(id)) return reply(no_run(id));
                reply(document_of(id));
              });
  }
  void runs(RunFilter filter, Reply<Json> reply) override {
    post([this, filter, reply = std::move(reply)]() mutable {
      Json list = Json::list();
      for (const auto& [id, run] : runs_) {
        if (!filter.state.empty() && run.state != filter.state) continue;
        if (!filter.workflow.empty() && run.workflow != filter.workflow) continue;
        if (list.as_list() == nullptr || list.as_list()->size() < filter.limit)
          list.push(document_of(id));
      }
      reply(Json(Json::Map{{"runs", std::move(list)}}));
    });
  }
  void tasks(RunId id, TaskFilter filter, Reply<Json> reply) override {
    post([this, id, filter, reply = std::move(reply)]() mutable {
      if (!runs_.contains(id)) return reply(no_run(id));
      reply(Json(Json::Map{
          {"tasks", Json::list()}, {"step", Json(filter.step)}, {"state", Json(filter.state)}}));
    });
  }
  void output(RunId id, std::string name, OutputPath path, Reply<OutputBytes> reply) override {
    post([this, id, name, path, reply = std::move(reply)]() mutable {
      if (!runs_.contains(id)) return reply(no_run(id));
      if (name == "nested") {
        const std::string content = fmt::format("{}", fmt::join(path, "-"));
        return reply(OutputBytes{.content = content,
                                 .size = content.size(),
                                 .content_type = "text/plain",
                                 .etag = "n1"});
      }
      if (name == "file") return reply(file_output());
      if (!runs_[id].inputs.contains(name))
        return reply(fail(ErrorCode::kNotFound, "there is no output '" + name + "'"));
      const auto& elements = runs_[id].inputs[name];
      const std::size_t at_index = path.empty() ? 0 : path.front();
      if (at_index >= elements.size())
        return reply(fail(ErrorCode::kFailedPrecondition, "that element is not there yet"));
      const std::string& content = elements[at_index].content;
      reply(OutputBytes{.content = content,
                        .size = content.size(),
                        .content_type = "text/plain; charset=utf-8",
                        .etag = "e1"});
    });
  }
  void output_page(RunId id, std::string name, OutputPath path, ListPage page,
                   Reply<Json> reply) override {
    post([this, id, name, path, page, reply = std::move(reply)]() mutable {
      if (!runs_.contains(id)) return reply(no_run(id));
      reply(Json(Json::Map{{"of", Json(fmt::format("{}/{}", name, fmt::join(path, "/")))},
                           {"limit", Json(page.limit)},
                           {"first", Json(page.first)}}));
    });
  }
  void task_output(RunId id, std::string task, std::string name, OutputPath path,
                   Reply<OutputBytes> reply) override {
    post([this, id, task, name, path, reply = std::move(reply)]() mutable {
      if (!runs_.contains(id)) return reply(no_run(id));
      std::string content = task + "/" + name;
      for (const std::uint32_t index : path) content += "/" + std::to_string(index);
      reply(OutputBytes{
          .content = content, .size = content.size(), .content_type = "application/octet-stream"});
    });
  }
  void logs(LogQuery query, Reply<LogChunk> reply) override {
    const TimePoint until = std::chrono::steady_clock::now() + query.wait.value_or(Duration(0));
    const auto has_news = [this, query] {
      return !runs_.contains(query.run) || runs_[query.run].state != "RUNNING" ||
             runs_[query.run].log.size() > query.after;
    };
    post_when(has_news, until, [this, query, reply = std::move(reply)]() mutable {
      if (!runs_.contains(query.run))
        return reply(fail(ErrorCode::kNotFound, "there is no such run"));
      const Run& run = runs_[query.run];
      // Little by little, as a large log would come.
      const std::string text = run.log.substr(query.after, 16);
      const std::uint64_t next = query.after + text.size();
      reply(LogChunk{
          .text = text, .next = next, .is_last = run.state != "RUNNING" && next == run.log.size()});
    });
  }
  void trace(RunId id, Reply<Json> reply) override {
    post([this, id, reply = std::move(reply)]() mutable {
      if (!runs_.contains(id)) return reply(no_run(id));
      reply(Json(Json::Map{{"traceEvents", Json::list()}}));
    });
  }
  // The step `s` waits for `approved`; others do not wait.
  void answer(RunId id, std::string step, Json outputs, Reply<Json> reply) override {
    post([this, id, step, outputs, reply = std::move(reply)]() mutable {
      if (!runs_.contains(id)) return reply(no_run(id));
      if (step != "s") return reply(fail(ErrorCode::kFailedPrecondition, "it does not wait"));
      if (outputs.find("approved") == nullptr || outputs.as_map()->size() != 1)
        return reply(fail(ErrorCode::kInvalidArgument, "its output is 'approved'"));
      reply(document_of(id));
    });
  }
  void cancel(RunId id, Reply<Json> reply) override {
    post([this, id, reply = std::move(reply)]() mutable {
      if (!runs_.contains(id)) return reply(no_run(id));
      if (runs_[id].state == "RUNNING") runs_[id].state = "CANCELLED";
      reply(document_of(id));
    });
  }
  void delete_run(RunId id, Reply<void> reply) override {
    post([this, id, reply = std::move(reply)]() mutable {
      if (!runs_.contains(id)) return reply(fail(ErrorCode::kNotFound, "there is no such run"));
      if (runs_[id].state == "RUNNING")
        return reply(fail(ErrorCode::kFailedPrecondition, "the run is running; cancel it first"));
      runs_.erase(id);
      reply({});
    });
  }
  void apart(std::move_only_function<void()> work, Reply<void> reply) override {
    post([work = std::move(work), reply = std::move(reply)]() mutable {
      work();
      work = nullptr;
      reply({});
    });
  }
  void workers(Reply<Json> reply) override { answer("workers", std::move(reply)); }
  void nodes(Reply<Json> reply) override { answer("nodes", std::move(reply)); }
  void version(Reply<Json> reply) override { answer("version", std::move(reply)); }
  void metrics(Reply<std::string> reply) override {
    post([reply = std::move(reply)]() mutable { reply(std::string("sluice_runs_total 1\n")); });
  }
  void ready(Reply<void> reply) override {
    post([this, reply = std::move(reply)]() mutable {
      if (!is_ready_) return reply(fail(ErrorCode::kUnavailable, "the node is starting"));
      reply({});
    });
  }

 private:
  enum class Hold : bool { kNothing, kWrites };
  struct Stream {
    RunId run;
    std::string name;
    std::size_t element;
  };
  struct Work {
    std::function<bool()> is_due;  // Null: at once.
    TimePoint until;
    Hold hold = Hold::kNothing;
    std::move_only_function<void()> deed;
  };

  static std::set<std::string> inputs_of(const std::string& workflow) {
    if (workflow == "echo" || workflow == "slow") return {"data"};
    if (workflow == "pair") return {"a", "b"};
    if (workflow == "many") return {"items"};
    return {};
  }
  static std::unexpected<Error> no_run(const RunId&) {
    return fail(ErrorCode::kNotFound, "there is no such run");
  }
  void post(std::move_only_function<void()> deed, Hold hold = Hold::kNothing) {
    enqueue(Work{.hold = hold, .deed = std::move(deed)});
  }
  void post_when(std::function<bool()> is_due, TimePoint until,
                 std::move_only_function<void()> deed) {
    enqueue(Work{.is_due = std::move(is_due), .until = until, .deed = std::move(deed)});
  }
  void enqueue(Work work) {
    std::lock_guard lock(mutex_);
    if (drops_replies) return;
    queue_.push_back(std::move(work));
    changed_.notify_all();
  }
  void answer(std::string name, Reply<Json> reply) {
    post([name, reply = std::move(reply)]() mutable {
      reply(Json(Json::Map{{"name", Json(name)}}));
    });
  }
  RunOpened opened(Run run) {
    const RunId id = RunId::make(WallTime{std::chrono::seconds(++clock_)}, random_);
    runs_[id] = std::move(run);
    return RunOpened{.run = id, .durability = "express"};
  }
  Element& at(InputStream stream) {
    const Stream& one = streams_.at(stream.index());
    return runs_[one.run].inputs[one.name].at(one.element);
  }
  Json document_of(const RunId& id) {
    const Run& run = runs_[id];
    Json outputs = Json::map();
    for (const auto& [name, elements] : run.inputs)
      outputs.set(name, Json(elements[0].content.substr(0, 64)));
    Json document = Json::map();
    document.set("id", id.to_text());
    document.set("workflow", run.workflow);
    document.set("state", run.state);
    document.set("outputs", std::move(outputs));
    return document;
  }
  OutputBytes file_output() {
    std::string path = "/tmp/sluice-fake-XXXXXX";
    Fd file(::mkstemp(path.data()));
    ::unlink(path.c_str());
    if (!write_all(file, file_content)) std::abort();
    return OutputBytes{.content = std::move(file),
                       .size = file_content.size(),
                       .content_type = "application/octet-stream",
                       .file_name = file_name,
                       .etag = "f1"};
  }

  void work() {
    std::unique_lock lock(mutex_);
    while (!is_over_) {
      const TimePoint now = std::chrono::steady_clock::now();
      TimePoint next = now + std::chrono::hours(1);
      bool did = false;
      for (auto it = queue_.begin(); it != queue_.end(); ++it) {
        if (it->hold == Hold::kWrites && holds_writes_) continue;
        if (it->is_due && !it->is_due() && now < it->until) {
          next = std::min(next, it->until);
          continue;
        }
        Work one = std::move(*it);
        queue_.erase(it);
        one.deed();
        did = true;
        break;
      }
      if (!did) changed_.wait_until(lock, next);
    }
  }

  std::mutex mutex_;  // Over everything below and the lines for tests.
  std::condition_variable changed_;
  std::deque<Work> queue_;
  std::map<RunId, Run> runs_;
  std::map<std::string, std::size_t> apps_;
  std::vector<Stream> streams_;
  Seen seen_;
  std::uint64_t writes_waiting_ = 0;
  bool holds_writes_ = false;
  bool is_ready_ = true;
  bool is_over_ = false;
  int clock_ = 1000;
  Random random_{11};
  std::thread thread_;
};

}  // namespace sluice::api
