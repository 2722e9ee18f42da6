#pragma once

// A world around core for its benchmark: every action is answered at once, as a node with instant
// workers would, and nothing is looked at that core does not say.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/scheduler.h"
#include "core/table.h"
#include "core/testing/plan_builder.h"

namespace sluice::core::testing {

// What an expression of a step gives once all its operands are known; what the tasks of a step do.
enum class Gives : std::uint8_t { kValue, kFlag, kFlagButInRound };
enum class Does : std::uint8_t {
  kWork,
  kFail,        // Always.
  kFailOnce,    // After it has written all, then it writes the same.
  kChangeOnce,  // The same, then it writes something else.
};
struct Program {
  std::uint32_t workflow = 0;
  std::uint32_t step = 0;
  std::uint32_t operands = 0;
  Gives gives = Gives::kValue;
  std::uint32_t round = 0;  // kFlagButInRound: the last one.
};

// A workflow, and how its tasks behave.
struct Shape {
  PlanBuilder plan;
  std::uint32_t list_step = 0xffffffff;  // Its tasks emit lists,
  std::uint32_t list_count = 0;          // of so many elements.
  std::vector<Program> programs;
  std::uint32_t odd_step = 0xffffffff;
  Does odd = Does::kWork;
};

// Answers every action at once, as a node with instant workers would.
class World {
 public:
  World(const Shape& shape, std::uint32_t slots)
      : limits_(limits()),
        scheduler_(limits_, NodeId{1}, Random(1)),
        shape_(shape),
        app_(shape.plan.app()) {
    apply(SlotsChanged{slots});
  }
  static Limits limits() {
    Limits limits;
    limits.tasks_per_run = 10'000'000;
    return limits;
  }

  void submit() {
    run_ = RunKey::make(1, ++generation_);
    ended_ = false;
    scopes_.resize(1);
    apply(RunSubmitted{.run = run_, .app = app_, .workflow = 0});
  }
  void forget() { apply(ForgetRun{run_}); }
  void set_slots(std::uint32_t slots) { apply(SlotsChanged{slots}); }
  void work() {
    while (true) {
      while (!todo_.empty()) perform(todo_.pop());
      const std::optional<TimePoint> next = scheduler_.next_deadline();
      if (!next) return;
      now_ = *next;
      apply(event_ = DeadlineReached{});
    }
  }
  bool ended() const { return ended_; }
  std::uint64_t completions() const { return completions_; }
  std::uint64_t events() const { return events_; }
  std::uint64_t rolled_back() const { return scheduler_.counters().rolled_back; }
  std::size_t memory() const { return scheduler_.memory_bytes(); }

 private:
  struct Todo {
    Attempt attempt;
    enum class Kind : std::uint8_t { kRun, kCommit, kCredit, kCompute } kind = Kind::kRun;
    std::uint32_t slot = 0;  // kRun: the number of the attempt.
    std::uint64_t given = 0;
  };

  void perform(const Todo& todo) {
    switch (todo.kind) {
      case Todo::Kind::kCommit:
        apply(event_ = Committed{todo.attempt});
        return;
      case Todo::Kind::kCredit:
        apply(event_ = Consumed{todo.attempt, todo.slot, 8});
        return;
      case Todo::Kind::kCompute:
        apply(answer(todo));
        return;
      case Todo::Kind::kRun:
        break;
    }
    const std::uint32_t step = todo.attempt.task.step;
    const bool is_outer = todo.attempt.task.scope == 0;
    const bool is_odd = is_outer && step == shape_.odd_step;
    const bool fails = is_odd && (shape_.odd == Does::kFail || todo.slot == 1);
    apply(event_ = TaskStarted{todo.attempt});
    const std::uint32_t count = is_outer && step == shape_.list_step ? shape_.list_count : 1;
    const std::uint64_t value = is_odd && fails && shape_.odd == Does::kChangeOnce ? 1 : 0;
    if (!fails || shape_.odd != Does::kFail)
      for (std::uint32_t i = 0; i < count; ++i)
        apply(event_ = Emitted{todo.attempt, 0, object(value)});
    // Readers of what is void now have read it.
    if (fails) {
      while (!todo_.empty() && shape_.odd != Does::kFail) perform(todo_.pop());
      apply(event_ = TaskFailed{todo.attempt, {.name = "Odd", .message = {}}});
    } else {
      apply(event_ = TaskDone{todo.attempt});
    }
  }
  Object object(std::uint64_t value) {
    return {.id = ObjectId{++objects_}, .size = 8, .checksum = {.high = 0, .low = value}};
  }
  // Its memory is used again: what an answer costs to make is the node's.
  const Event& answer(const Todo& todo) {
    auto& computed = std::get<Computed>(answer_);
    const TaskKey& task = todo.attempt.task;
    const Scope scope = scopes_[task.scope];
    const auto program = std::ranges::find_if(shape_.programs, [&](const Program& candidate) {
      return candidate.workflow == scope.workflow && candidate.step == task.step;
    });
    computed.attempt = todo.attempt;
    computed.used.clear();
    computed.needs.clear();
    bool is_certain = true;
    for (std::uint32_t slot = 0; slot < program->operands; ++slot) {
      is_certain =
          is_certain && scheduler_.look(task, {.slot = slot}).state != Known::State::kUnknown;
      computed.used.push_back({.slot = slot});
    }
    if (!is_certain) {
      computed.used.swap(computed.needs);
      computed.outputs.clear();
      return answer_;
    }
    computed.outputs.resize(1);
    ComputedOutput& output = computed.outputs[0];
    output.pieces.clear();
    output.kind = ComputedOutput::Kind::kValue;
    if (program->gives == Gives::kValue)
      output.pieces.push_back({.object = object(0)});
    else if (program->gives == Gives::kFlagButInRound && scope.round == program->round)
      output.kind = ComputedOutput::Kind::kAbsent;
    else
      output.kind = ComputedOutput::Kind::kFlag;
    return answer_;
  }

  void apply(const Event& event) {
    actions_.clear();
    ++events_;
    scheduler_.apply(event, now_, actions_);
    for (const Action& action : actions_.list) {
      if (const auto* start = std::get_if<StartTask>(&action)) {
        todo_.push({start->attempt, Todo::Kind::kRun, start->number});
      } else if (const auto* asked = std::get_if<Compute>(&action)) {
        todo_.push({asked->attempt, Todo::Kind::kCompute, 0, asked->given});
      } else if (const auto* opened = std::get_if<ScopeOpened>(&action)) {
        if (opened->scope >= scopes_.size()) scopes_.resize(opened->scope + 1);
        scopes_[opened->scope] = {opened->workflow, opened->round};
      } else if (const auto* over = std::get_if<EndAttempt>(&action)) {
        // Its frames may be on their way; it is heard after them.
        ended_attempts_.push_back(over->attempt);
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
    while (!ended_attempts_.empty()) {
      const Attempt over = ended_attempts_.back();
      ended_attempts_.pop_back();
      apply(Event(AttemptEnded{over}));
    }
  }

  Limits limits_;
  Scheduler scheduler_;
  const Shape& shape_;
  std::shared_ptr<const model::App> app_;
  TimePoint now_{};
  Actions actions_;
  std::vector<Attempt> ended_attempts_;
  struct Scope {
    std::uint32_t workflow = 0;
    std::uint32_t round = 0;
  };
  std::vector<Scope> scopes_{1};  // By their number, of which none is used twice in a run.
  Fifo<Todo> todo_;
  Event event_;
  Event answer_ = Computed{};
  std::uint32_t consumed_ = 0;
  RunKey run_;
  std::uint32_t generation_ = 0;
  std::uint64_t objects_ = 0;
  std::uint64_t completions_ = 0;
  std::uint64_t events_ = 0;
  bool ended_ = false;
};

}  // namespace sluice::core::testing
