// Completions per second and bytes per waiting task of core alone: no workers, no store. A
// completion is everything that core hears and says of one task: StartTask, TaskStarted, Emitted,
// TaskDone, Commit, Committed, Release. Shapes of 10^2, 10^4, 10^6 tasks; prints a table, or JSON
// with --json; --shape TEXT measures only the shapes whose name contains it.
//
// Setting up a run and dropping it are part of the figures. Deriving the graph of a workflow is
// not: it is made once for all runs of an app (`graph us`, in microseconds).

#include <time.h>

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "core/graph.h"
#include "core/scheduler.h"
#include "core/table.h"
#include "core/testing/plan_builder.h"

namespace sluice::core::testing {
namespace {

// Time on a core, not on the wall: the figure is about one core, whoever else uses the machine.
double cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

struct Row {
  std::string shape;
  std::uint32_t tasks = 0;
  std::uint64_t completions = 0;
  std::uint64_t events = 0;
  double seconds = 0;
  double bytes_per_waiting = 0;
  double graph_seconds = 0;  // Once per app and workflow, not in `seconds`.
};

// Answers every action at once, as a node with instant workers would.
class World {
 public:
  World(std::shared_ptr<const model::App> app, std::uint32_t slots)
      : scheduler_(limits_, NodeId{1}, Random(1)), app_(std::move(app)) {
    limits_.tasks_per_run = 10'000'000;
    apply(SlotsChanged{slots});
  }

  void submit() {
    run_ = RunKey::make(1, ++generation_);
    apply(RunSubmitted{.run = run_, .app = app_, .workflow = 0});
  }
  void forget() { apply(ForgetRun{run_}); }
  void set_slots(std::uint32_t slots) { apply(SlotsChanged{slots}); }
  // Elements that the tasks of a step emit.
  void emits_list(std::uint32_t step, std::uint32_t count) {
    list_step_ = step;
    list_count_ = count;
  }
  void work() {
    while (!todo_.empty()) {
      const Todo todo = todo_.pop();
      if (todo.kind == Todo::Kind::kCommit) {
        apply(event_ = Committed{todo.attempt});
        continue;
      }
      if (todo.kind == Todo::Kind::kCredit) {
        apply(event_ = Consumed{todo.attempt, todo.slot, 8});
        continue;
      }
      apply(event_ = TaskStarted{todo.attempt});
      const std::uint32_t count = todo.attempt.task.step == list_step_ ? list_count_ : 1;
      for (std::uint32_t i = 0; i < count; ++i)
        apply(event_ = Emitted{todo.attempt, 0, {.id = ObjectId{++objects_}, .size = 8}});
      apply(event_ = TaskDone{todo.attempt});
    }
  }
  bool ended() const { return ended_; }
  std::uint64_t completions() const { return completions_; }
  std::uint64_t events() const { return events_; }
  std::size_t memory() const { return scheduler_.memory_bytes(); }

 private:
  void apply(const Event& event) {
    actions_.clear();
    ++events_;
    scheduler_.apply(event, TimePoint{}, actions_);
    for (const Action& action : actions_.list) {
      if (const auto* start = std::get_if<StartTask>(&action)) {
        todo_.push({start->attempt, Todo::Kind::kRun});
      } else if (const auto* deliver = std::get_if<Deliver>(&action)) {
        // One frame of credit for many elements, as a worker sends it.
        if (deliver->kind == Deliver::Kind::kElement && ++consumed_ % 8 == 0)
          todo_.push({deliver->attempt, Todo::Kind::kCredit, deliver->slot});
      } else if (const auto* commit = std::get_if<Commit>(&action)) {
        ++completions_;
        todo_.push({commit->attempt, Todo::Kind::kCommit});
      } else if (std::holds_alternative<RunEnded>(action)) {
        ended_ = true;
      }
    }
  }

  Limits limits_;
  Scheduler scheduler_;
  std::shared_ptr<const model::App> app_;
  Actions actions_;
  struct Todo {
    Attempt attempt;
    enum class Kind : std::uint8_t { kRun, kCommit, kCredit } kind = Kind::kRun;
    std::uint32_t slot = 0;
  };
  Fifo<Todo> todo_;
  Event event_;
  std::uint32_t consumed_ = 0;
  RunKey run_;
  std::uint32_t generation_ = 0;
  std::uint32_t list_step_ = 0xffffffff;
  std::uint32_t list_count_ = 0;
  std::uint64_t objects_ = 0;
  std::uint64_t completions_ = 0;
  std::uint64_t events_ = 0;
  bool ended_ = false;
};

// Repeats a small shape until the clock can see it.
Row measure(std::string shape, std::uint32_t tasks, const PlanBuilder& plan,
            std::uint32_t list_step, std::uint32_t list_count) {
  Row row{.shape = std::move(shape), .tasks = tasks};
  {
    const Limits limits;
    const double begin = cpu_seconds();
    const Graph graph(*plan.app(), 0, limits);
    row.graph_seconds = cpu_seconds() - begin;
  }
  {
    // No task may start but the one that makes the list: all others wait.
    World world(plan.app(), 1);
    const std::size_t before = world.memory();
    world.emits_list(list_step, list_count);
    world.submit();
    world.set_slots(0);
    world.work();
    row.bytes_per_waiting = static_cast<double>(world.memory() - before) / tasks;
  }
  World world(plan.app(), 64);
  world.emits_list(list_step, list_count);
  const auto run = [&] {
    world.submit();
    world.work();
    if (!world.ended()) std::abort();
    world.forget();
  };
  run();  // Makes the graph.
  const std::uint64_t completions = world.completions();
  const std::uint64_t events = world.events();
  const double begin = cpu_seconds();
  do {
    run();
    row.seconds = cpu_seconds() - begin;
  } while (row.seconds < 0.4);
  row.completions = world.completions() - completions;
  row.events = world.events() - events;
  return row;
}

constexpr std::uint32_t kNoList = 0xffffffff;

Row chain(std::uint32_t length) {
  PlanBuilder plan;
  std::uint32_t last = plan.step({.name = "first"});
  for (std::uint32_t i = 1; i < length; ++i)
    last = plan.step({.name = "s", .in = {{out_of(last)}}});
  plan.output(out_of(last));
  return measure("chain of steps", length, plan, kNoList, 0);
}

Row grid(std::uint32_t length, std::uint32_t width) {
  PlanBuilder plan;
  std::uint32_t last = plan.step({.name = "split", .out = {true}});
  for (std::uint32_t i = 0; i < length; ++i)
    last = plan.step({.name = "s", .foreach = out_of(last), .in = {{item()}}});
  return measure(fmt::format("chain of {} x foreach", length), length * width, plan, 0, width);
}

Row fan_out(std::uint32_t width) {
  PlanBuilder plan;
  const auto split = plan.step({.name = "split", .out = {true}});
  plan.step({.name = "each", .foreach = out_of(split), .in = {{item()}}});
  return measure("fan-out", width, plan, split, width);
}

Row join(std::uint32_t width, model::Access access) {
  PlanBuilder plan;
  const auto split = plan.step({.name = "split", .out = {true}});
  const auto each = plan.step({.name = "each", .foreach = out_of(split), .in = {{item()}}});
  const auto all = plan.step({.name = "all", .in = {{out_of(each), access}}});
  plan.output(out_of(all));
  return measure(access == model::Access::kWhole ? "join" : "join as stream", width, plan, split,
                 width);
}

}  // namespace
}  // namespace sluice::core::testing

int main(int argc, char** argv) {
  using namespace sluice::core::testing;
  using sluice::model::Access;
  bool json = false;
  std::string_view only;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--json") {
      json = true;
    } else if (argument == "--shape" && i + 1 < argc) {
      only = argv[++i];
    } else {
      fmt::print(stderr, "usage: {} [--json] [--shape TEXT]\n", argv[0]);
      return 2;
    }
  }
  std::vector<Row> rows;
  const auto add = [&](std::string_view shape, const std::function<Row()>& measured) {
    if (shape.find(only) != std::string_view::npos) rows.push_back(measured());
  };
  for (const std::uint32_t n : {100U, 10'000U, 1'000'000U}) {
    add("chain of steps", [n] { return chain(n); });
    const std::uint32_t side = n == 10'000 ? 100 : 1000;
    if (n > 100) add("chain of foreach", [side] { return grid(side, side); });
    add("fan-out", [n] { return fan_out(n); });
    add("join", [n] { return join(n, Access::kWhole); });
    add("join as stream", [n] { return join(n, Access::kStream); });
  }
  if (json) fmt::print("[\n");
  if (!json)
    fmt::print("{:<26} {:>9} {:>15} {:>10} {:>14} {:>10}\n", "shape", "tasks", "completions/s",
               "ns/event", "bytes/waiting", "graph us");
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Row& row = rows[i];
    const double rate = static_cast<double>(row.completions) / row.seconds;
    const double per_event = row.seconds * 1e9 / static_cast<double>(row.events);
    if (json)
      fmt::print(
          "  {{\"shape\":\"{}\",\"tasks\":{},\"completions_per_second\":{:.0f},"
          "\"ns_per_event\":{:.1f},\"bytes_per_waiting_task\":{:.1f},\"graph_seconds\":{:.6f}}}"
          "{}\n",
          row.shape, row.tasks, rate, per_event, row.bytes_per_waiting, row.graph_seconds,
          i + 1 < rows.size() ? "," : "");
    else
      fmt::print("{:<26} {:>9} {:>15.0f} {:>10.1f} {:>14.1f} {:>10.0f}\n", row.shape, row.tasks,
                 rate, per_event, row.bytes_per_waiting, row.graph_seconds * 1e6);
  }
  if (json) fmt::print("]\n");
}
