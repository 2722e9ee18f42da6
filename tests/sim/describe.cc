#include "describe.h"

#include <fmt/format.h>

namespace sluice::sim {
namespace {

std::string name_of(RunKey run) { return fmt::format("run {}.{}", run.index(), run.generation()); }

std::string name_of(const core::Failure& failure) {
  return failure.counts ? failure.name : failure.name + " (does not count)";
}

std::string name_of(const std::optional<core::Object>& object) {
  return object ? sim::describe(*object) : "nothing";
}

std::string name_of(const core::Datum& datum) {
  std::string text = fmt::format("slot{}", datum.slot);
  for (std::uint32_t i = 0; i < datum.depth; ++i) text += fmt::format("[{}]", datum.index[i]);
  return text;
}

std::string name_of(const core::Piece& piece) {
  if (piece.kind == core::Piece::Kind::kObject) return sim::describe(piece.object);
  return piece.kind == core::Piece::Kind::kDatum ? name_of(piece.datum) : "hole";
}

std::string name_of(const core::Fact& fact) {
  constexpr const char* kKinds[] = {"emitted", "sealed",    "done",    "skipped",    "failed",
                                    "voided",  "run ended", "counted", "port ended", "began"};
  return fmt::format("{} {} port {} [{}] {}", kKinds[static_cast<int>(fact.kind)],
                     describe(fact.attempt), fact.port, fact.index, describe(fact.object));
}

struct EventText {
  std::string operator()(const core::RunSubmitted& e) const {
    return fmt::format("RunSubmitted {} owner {}", name_of(e.run), e.owner.value);
  }
  std::string operator()(const core::InputReady& e) const {
    return fmt::format("InputReady {} {} {}", name_of(e.run), e.input, describe(e.object));
  }
  std::string operator()(const core::InputElement& e) const {
    return fmt::format("InputElement {} {} {}", name_of(e.run), e.input, describe(e.object));
  }
  std::string operator()(const core::InputClosed& e) const {
    return fmt::format("InputClosed {} {}", name_of(e.run), e.input);
  }
  std::string operator()(const core::InputAbsent& e) const {
    return fmt::format("InputAbsent {} {}", name_of(e.run), e.input);
  }
  std::string operator()(const core::TaskStarted& e) const {
    return "TaskStarted " + describe(e.attempt);
  }
  std::string operator()(const core::TaskBlocked& e) const {
    return "TaskBlocked " + describe(e.attempt);
  }
  std::string operator()(const core::TaskUnblocked& e) const {
    return "TaskUnblocked " + describe(e.attempt);
  }
  std::string operator()(const core::WorkerShort& e) const {
    return fmt::format("WorkerShort {}{}", describe(e.attempt),
                       e.only_function ? " of its function" : "");
  }
  std::string operator()(const core::Emitted& e) const {
    return fmt::format("Emitted {} port {} {}", describe(e.attempt), e.port, describe(e.object));
  }
  std::string operator()(const core::Sealed& e) const {
    return fmt::format("Sealed {} port {} {}", describe(e.attempt), e.port, describe(e.object));
  }
  std::string operator()(const core::Consumed& e) const {
    return fmt::format("Consumed {} slot {} {}", describe(e.attempt), e.slot, e.elements);
  }
  std::string operator()(const core::TaskDone& e) const {
    return "TaskDone " + describe(e.attempt);
  }
  std::string operator()(const core::TaskFailed& e) const {
    return fmt::format("TaskFailed {} {}", describe(e.attempt), name_of(e.failure));
  }
  std::string operator()(const core::AttemptEnded& e) const {
    return "AttemptEnded " + describe(e.attempt);
  }
  std::string operator()(const core::Computed& e) const {
    constexpr const char* kKinds[] = {"absent", "flag", "value", "list", "view", "broken"};
    std::string text = "Computed " + describe(e.attempt);
    for (const core::ComputedOutput& output : e.outputs) {
      text += fmt::format(" {}={}", output.port, kKinds[static_cast<int>(output.kind)]);
      if (output.kind == core::ComputedOutput::Kind::kView) text += " " + name_of(output.view);
      for (const core::Piece& piece : output.pieces) text += " " + name_of(piece);
    }
    for (const core::Datum& datum : e.used) text += " used " + name_of(datum);
    for (const core::Datum& datum : e.needs) text += " needs " + name_of(datum);
    if (e.failure) text += " fails " + e.failure->name;
    return text + (e.skipped ? " skipped" : "");
  }
  std::string operator()(const core::WaitUntil& e) const {
    return "WaitUntil " + describe(e.attempt);
  }
  std::string operator()(const core::NotCached& e) const {
    return "NotCached " + describe(e.attempt);
  }
  std::string operator()(const core::Committed& e) const {
    return "Committed " + describe(e.attempt);
  }
  std::string operator()(const core::CancelRun& e) const { return "CancelRun " + name_of(e.run); }
  std::string operator()(const core::FailRun& e) const { return "FailRun " + name_of(e.run); }
  std::string operator()(const core::ForgetRun& e) const { return "ForgetRun " + name_of(e.run); }
  std::string operator()(const core::SlotsChanged& e) const {
    return fmt::format("SlotsChanged {}", e.slots);
  }
  std::string operator()(const core::DeadlineReached&) const { return "DeadlineReached"; }
  std::string operator()(const core::Fact& e) const { return "Fact " + name_of(e); }
};

struct ActionText {
  const core::Actions& actions;

  std::string operator()(const core::StartTask& a) const {
    constexpr const char* kKinds[] = {"literal", "index", "round", "run id",
                                      "object",  "list",  "late",  "absent"};
    std::string text = fmt::format("StartTask {} number {}", describe(a.attempt), a.number);
    for (std::uint32_t i = 0; i < a.bindings_count; ++i) {
      const core::Binding& binding = actions.bindings[a.bindings_first + i];
      text += fmt::format(" {}={}", binding.slot, kKinds[static_cast<int>(binding.kind)]);
      if (binding.kind == core::Binding::Kind::kObject) text += " " + describe(binding.object);
    }
    return text;
  }
  std::string operator()(const core::Compute& a) const {
    return fmt::format("Compute {} given {:b}", describe(a.attempt), a.given);
  }
  std::string operator()(const core::BeginWait& a) const {
    return "BeginWait " + describe(a.attempt);
  }
  std::string operator()(const core::Retain& a) const {
    return fmt::format("Retain object {}", a.object.index());
  }
  std::string operator()(const core::ScopeOpened& a) const {
    return fmt::format("ScopeOpened {} of {} round {}", a.scope, describe(a.task), a.round);
  }
  std::string operator()(const core::ScopeClosed& a) const {
    return fmt::format("ScopeClosed {} {}", name_of(a.run), a.scope);
  }
  std::string operator()(const core::Recall& a) const { return "Recall " + describe(a.attempt); }
  std::string operator()(const core::KeepOutput& a) const {
    return fmt::format("KeepOutput {} port {} {} {}", describe(a.attempt), a.port, a.index,
                       describe(a.object));
  }
  std::string operator()(const core::Bind& a) const {
    return fmt::format("Bind {} slot {} kind {} {}", describe(a.attempt), a.binding.slot,
                       static_cast<int>(a.binding.kind), describe(a.binding.object));
  }
  std::string operator()(const core::Deliver& a) const {
    constexpr const char* kKinds[] = {"element", "hole", "list begins", "list ends", "closed"};
    return fmt::format("Deliver {} slot {} {} {}", describe(a.attempt), a.slot,
                       kKinds[static_cast<int>(a.kind)],
                       a.kind == core::Deliver::Kind::kElement ? describe(a.object) : "");
  }
  std::string operator()(const core::EndAttempt& a) const {
    constexpr const char* kReasons[] = {"cancelled", "timeout", "rolled back", "run ended",
                                        "put back"};
    return fmt::format("EndAttempt {} {}", describe(a.attempt),
                       kReasons[static_cast<int>(a.reason)]);
  }
  std::string operator()(const core::Commit& a) const {
    constexpr const char* kResults[] = {"outputs", "skipped", "failed", "caught"};
    return fmt::format("Commit {} number {} {}", describe(a.attempt), a.number,
                       kResults[static_cast<int>(a.result)]);
  }
  std::string operator()(const core::Release& a) const {
    return fmt::format("Release object {}", a.object.index());
  }
  std::string operator()(const core::OutputElement& a) const {
    return fmt::format("OutputElement {} {}[{}] {}", name_of(a.run), a.output, a.index,
                       name_of(a.object));
  }
  std::string operator()(const core::OutputReady& a) const {
    return fmt::format("OutputReady {} {} {}", name_of(a.run), a.output,
                       a.is_list ? fmt::format("{} elements", a.count) : name_of(a.object));
  }
  std::string operator()(const core::TaskRetries& a) const {
    return fmt::format("TaskRetries {} number {} after {} at {}", describe(a.attempt), a.number,
                       name_of(a.failure), a.at.time_since_epoch().count());
  }
  std::string operator()(const core::RunEnded& a) const {
    constexpr const char* kStates[] = {"succeeded", "failed", "cancelled", "timed out"};
    return fmt::format("RunEnded {} {}{}", name_of(a.run), kStates[static_cast<int>(a.state)],
                       a.failed_task ? " by " + describe(*a.failed_task) : "");
  }
  std::string operator()(const core::RunDrained& a) const { return "RunDrained " + name_of(a.run); }
  std::string operator()(const core::Forward& a) const {
    return fmt::format("Forward to {}: {}", a.node.value, name_of(a.fact));
  }
};

}  // namespace

std::string describe(const core::TaskKey& task) {
  return fmt::format("{}.{}:{}s{}.{}", task.run.index(), task.run.generation(),
                     task.scope == 0 ? "" : fmt::format("scope{}:", task.scope), task.step,
                     task.index);
}
std::string describe(const core::Attempt& attempt) {
  return fmt::format("{}#{}", describe(attempt.task), attempt.epoch);
}
std::string describe(const core::Object& object) {
  if (!object.id) return "no object";
  return fmt::format("object {} {:08x}{}", object.id.index(), object.checksum.high >> 32,
                     object.sealed ? "" : " open");
}
std::string describe(const core::Event& event) { return std::visit(EventText{}, event); }
std::string describe(const core::Action& action, const core::Actions& actions) {
  return std::visit(ActionText{actions}, action);
}

}  // namespace sluice::sim
