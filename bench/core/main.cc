// Completions per second and bytes per waiting task of core alone: no workers, no store. A
// completion is everything that core hears and says of one task: StartTask, TaskStarted, Emitted,
// TaskDone (of an expression Compute, Computed), Commit, Committed, Release. It ends with a commit,
// and these are counted: of a flow the task that opens the scope and the tasks inside, of a step
// with `when` the condition and the step, of a loop what runs in its rounds. What is undone and
// made again is counted once.
//
// Shapes of 10^2, 10^4, 10^6 tasks (elements, rounds). ns/event must not grow with their number,
// but for what the caches cost. Setting up a run and dropping it are part of the figures. Deriving
// the graph of a workflow is not: it is made once for all runs of an app (`graph us`, in
// microseconds).
//
// Time is that on a core, and of several rounds the best one counts: others who use the machine
// only ever make it slower. They make the floor slower, too, which is measured between the rounds
// and printed beside each figure: events and actions that are made and heard in the same way,
// and one record of a task that is written for each, with nothing decided.
//
// `bytes/waiting`: what a run holds per element (per step of a chain) when no task may start but
// all that needs no worker is done: tasks wait for a CPU slot or for each other, expressions for
// data.
//
//   bench_core [--json] [--shape TEXT] [--tasks N] [--rounds N]

#include <time.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "core/graph.h"
#include "shapes.h"
#include "world.h"

namespace sluice::core::testing {
namespace {

double cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

struct Row {
  std::string_view shape;
  std::uint32_t tasks = 0;
  double per_second = 0;  // Completions,
  double per_event = 0;   // and nanoseconds.
  double floor = 0;       // Nanoseconds per event.
  double bytes_per_waiting = 0;
  double graph_seconds = 0;  // Once per app and workflow.
};

// Nanoseconds per event when nothing is decided.
double floor_of(std::uint32_t tasks) {
  struct Record {
    Attempt attempt;
    std::uint64_t written[3] = {};
  };
  std::vector<Record> records(tasks);
  Actions actions;
  Fifo<Attempt> todo;
  Event event;
  std::uint64_t events = 0;
  const auto hear = [&](std::uint32_t index, std::size_t what) {
    actions.clear();
    ++events;
    std::visit(
        [&](const auto& heard) {
          using Heard = std::decay_t<decltype(heard)>;
          if constexpr (requires(Heard h) { h.attempt.epoch; })
            records[index].written[what] = heard.attempt.epoch + index;
        },
        event);
    if (what == 0) actions.list.emplace_back(StartTask{.attempt = records[index].attempt});
    if (what == 1) actions.list.emplace_back(Commit{.attempt = records[index].attempt});
    if (what == 2) actions.list.emplace_back(Release{});
    for (const Action& action : actions.list)
      if (const auto* start = std::get_if<StartTask>(&action)) todo.push(start->attempt);
  };
  const double begin = cpu_seconds();
  double seconds = 0;
  do {
    for (std::uint32_t i = 0; i < tasks; ++i) {
      records[i].attempt.task.index = i;
      event = Committed{records[i].attempt};
      hear(i, 0);
      const Attempt attempt = todo.pop();
      event = TaskStarted{attempt};
      hear(attempt.task.index, 1);
      event = Emitted{.attempt = attempt, .port = 0, .object = {.id = ObjectId{i}, .size = 8}};
      hear(attempt.task.index, 2);
      event = TaskDone{attempt};
      hear(attempt.task.index, 1);
    }
    seconds = cpu_seconds() - begin;
  } while (seconds < 0.01);
  return seconds * 1e9 / static_cast<double>(events);
}

double bytes_per_waiting(const Shape& shape, std::uint32_t tasks) {
  // No task may start but the one that makes the list.
  World world(shape, 1);
  const std::size_t before = world.memory();
  world.submit();
  world.set_slots(0);
  world.work();
  return static_cast<double>(world.memory() - before) / tasks;
}

Row measure(std::string_view name, const Shape& shape, std::uint32_t tasks, std::uint32_t rounds) {
  Row row{.shape = name, .tasks = tasks};
  {
    const Limits limits;
    const double begin = cpu_seconds();
    const Graph graph(*shape.plan.app(), 0, limits);
    row.graph_seconds = cpu_seconds() - begin;
  }
  row.bytes_per_waiting = bytes_per_waiting(shape, tasks);
  World world(shape, 64);
  const auto run = [&] {
    world.submit();
    world.work();
    if (!world.ended()) {
      fmt::print(stderr, "the run of '{}' with {} tasks did not end\n", name, tasks);
      std::abort();
    }
    world.forget();
  };
  run();  // Makes the graph.
  for (std::uint32_t round = 0; round < rounds; ++round) {
    const double floor = floor_of(tasks);
    if (round == 0 || floor < row.floor) row.floor = floor;
    const std::uint64_t completions = world.completions();
    const std::uint64_t events = world.events();
    const double begin = cpu_seconds();
    double seconds = 0;
    do {
      run();
      seconds = cpu_seconds() - begin;
    } while (seconds < 0.05);
    const double rate = static_cast<double>(world.completions() - completions) / seconds;
    if (rate < row.per_second) continue;
    row.per_second = rate;
    row.per_event = seconds * 1e9 / static_cast<double>(world.events() - events);
  }
  return row;
}

void print(const std::vector<Row>& rows) {
  fmt::print("{:<22} {:>9} {:>13} {:>9} {:>9} {:>14} {:>9}\n", "shape", "tasks", "completions/s",
             "ns/event", "floor", "bytes/waiting", "graph us");
  for (const Row& row : rows)
    fmt::print("{:<22} {:>9} {:>13.0f} {:>9.1f} {:>9.1f} {:>14.1f} {:>9.0f}\n", row.shape,
               row.tasks, row.per_second, row.per_event, row.floor, row.bytes_per_waiting,
               row.graph_seconds * 1e6);
}

void print_json(const std::vector<Row>& rows) {
  fmt::print("[\n");
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Row& row = rows[i];
    fmt::print(
        "  {{\"shape\":\"{}\",\"tasks\":{},\"completions_per_second\":{:.0f},"
        "\"ns_per_event\":{:.1f},\"floor_ns_per_event\":{:.1f},"
        "\"bytes_per_waiting_task\":{:.1f},\"graph_seconds\":{:.6f}}}{}\n",
        row.shape, row.tasks, row.per_second, row.per_event, row.floor, row.bytes_per_waiting,
        row.graph_seconds, i + 1 < rows.size() ? "," : "");
  }
  fmt::print("]\n");
}

bool parse(std::string_view text, std::uint32_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size() && number > 0;
}

}  // namespace
}  // namespace sluice::core::testing

int main(int argc, char** argv) {
  using namespace sluice::core::testing;
  bool json = false;
  std::string_view only;
  std::uint32_t only_tasks = 0;
  std::uint32_t rounds = 8;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const bool has_value = i + 1 < argc;
    bool is_good = true;
    if (argument == "--json")
      json = true;
    else if (argument == "--shape" && has_value)
      only = argv[++i];
    else if (argument == "--tasks" && has_value)
      is_good = parse(argv[++i], only_tasks);
    else if (argument == "--rounds" && has_value)
      is_good = parse(argv[++i], rounds);
    else
      is_good = false;
    if (is_good) continue;
    fmt::print(stderr, "usage: {} [--json] [--shape TEXT] [--tasks N] [--rounds N]\n", argv[0]);
    return 2;
  }
  std::vector<std::uint32_t> sizes = {100, 10'000, 1'000'000};
  if (only_tasks != 0) sizes = {only_tasks};
  std::vector<Row> rows;
  for (const std::uint32_t tasks : sizes)
    for (const ShapeOf& shape : shapes())
      if (tasks <= shape.most && shape.name.find(only) != std::string_view::npos)
        rows.push_back(measure(shape.name, shape.make(tasks), tasks,
                               std::min(rounds, tasks > 100'000 ? 3U : rounds)));
  if (json)
    print_json(rows);
  else
    print(rows);
}
