// What attempts do: a worker that carries out a script, a wait, a person who answers.

#include <algorithm>
#include <utility>

#include "case_world.h"
#include "model/time_text.h"

namespace sluice::language {
namespace {

// What a doomed attempt emits in place of the real thing.
Json lie(const Json& value) {
  if (const bool* truth = value.as_bool()) return Json(!*truth);
  if (const std::int64_t* number = value.as_int()) return Json(-1 - *number % 100);
  if (const std::string* text = value.as_string()) return Json(*text + "?");
  if (const Json::List* list = value.as_list()) {
    Json::List result;
    for (const Json& each : *list) result.push_back(lie(each));
    return result;
  }
  return value;
}

// Lies lead to arguments that the scripts are not made for: sizes must be sizes.
bool is_sane(const Function& function, const Json& inputs) {
  for (const auto& [name, port] : {std::pair("shard", "n"), std::pair("blocks", "rows"),
                                   std::pair("cut", "length"), std::pair("improve", "x")}) {
    const Json* given = function.name == name ? inputs.find(port) : nullptr;
    if (given != nullptr && given->as_int() != nullptr && *given->as_int() <= 0) return false;
  }
  const Json* sizes = function.name == "combine" ? inputs.find("sizes") : nullptr;
  return sizes == nullptr || std::ranges::all_of(*sizes->as_list(), [](const Json& size) {
           return *size.as_int() >= 0;
         });
}

std::uint32_t number_of(const std::vector<model::Port>& ports, std::string_view name) {
  const auto found =
      std::ranges::find_if(ports, [&](const model::Port& port) { return port.name == name; });
  SLUICE_ASSERT(found != ports.end(), "there is no port {}", name);
  return static_cast<std::uint32_t>(found - ports.begin());
}

}  // namespace

// ---- the life of an attempt

CaseWorld::Live CaseWorld::retire(Live& live) {
  Live gone = std::move(live);
  for (const ObjectId id : gone.uses) objects_.unuse(id);
  live_.erase(gone.attempt.task);
  give_workers();
  return gone;
}

// Whose turn it is next depends on nothing that the language promises.
void CaseWorld::give_workers() {
  std::vector<Live*> waiting;
  std::size_t busy = 0;
  for (auto& [task, live] : live_) {
    if (live.plan == nullptr || live.is_recalling) continue;
    if (live.has_worker) ++busy;
    if (!live.has_worker && !live.is_end_asked) waiting.push_back(&live);
  }
  while (!waiting.empty() && (hostility_.workers == 0 || busy < hostility_.workers)) {
    const std::size_t i = random_.below(waiting.size());
    waiting[i]->has_worker = true;
    waiting.erase(waiting.begin() + static_cast<std::ptrdiff_t>(i));
    ++busy;
    for (Live* other : waiting) other->is_short_told = false;
  }
}

// What is not read by name is waited for before the call.
bool CaseWorld::lacks_parameter(const Live& live) {
  return live.plan != nullptr && std::ranges::any_of(live.inputs, [&](const auto& each) {
           const model::Slot& slot = live.step->slots[each.first];
           const Port* port = live.function->find_input(live.plan->inputs[slot.port].name);
           return each.second.kind == core::Binding::Kind::kLate && !live.function->reads(*port);
         });
}

void CaseWorld::fail(Live& live, core::Failure failure) {
  const Live gone = retire(live);
  apply(core::TaskFailed{gone.attempt, std::move(failure)});
  stale_perhaps(gone);
}

void CaseWorld::lose(Live& live) {
  fail(live, {.name = "WorkerLost", .message = "simulated", .bases = {}, .counts = false});
}

// It has told its lies; others may believe them for a while.
void CaseWorld::linger(Live& live) {
  live.is_lingering = true;
  live.lost_after = static_cast<std::uint32_t>(random_.below(40));
}

void CaseWorld::done(Live& live) {
  const Live gone = retire(live);
  apply(core::TaskDone{gone.attempt});
  stale_perhaps(gone);
}

// What is said of an attempt that is over is stale; its objects are given back all the same.
void CaseWorld::stale_perhaps(const Live& gone) {
  if (!random_.chance(hostility_.stale)) return;
  if (gone.plan == nullptr || gone.plan->outputs.empty() || random_.chance(0.3)) {
    apply(core::TaskDone{gone.attempt});
    return;
  }
  apply(core::Emitted{gone.attempt, 0, objects_.add(Json("stale"), model::Kind::kText)});
}

void CaseWorld::credit(Live& live) {
  std::vector<std::uint32_t> slots;
  for (const auto& [slot, input] : live.inputs)
    if (input.owed > 0) slots.push_back(slot);
  const std::uint32_t slot = slots[random_.below(slots.size())];
  Input& input = live.inputs.at(slot);
  const auto elements = static_cast<std::uint32_t>(1 + random_.below(input.owed));
  input.owed -= elements;
  apply(core::Consumed{live.attempt, slot, elements});
}

bool CaseWorld::can_step(const Live& live) const {
  if (live.is_end_asked) return false;
  if (live.is_recalling) return true;
  if (live.plan != nullptr && !live.has_worker) return !live.is_short_told;
  if (!live.is_started) return !live.is_blocked || !lacks_parameter(live);
  if (live.plan == nullptr) return !live.step->is_answer && !live.is_time_told;
  if (live.lost_after == 0U) return true;
  if (live.script == nullptr) {
    return std::ranges::all_of(live.inputs, [&](const auto& each) {
      const model::Slot& slot = live.step->slots[each.first];
      const Port* port = live.function->find_input(live.plan->inputs[slot.port].name);
      return live.function->reads(*port) || each.second.kind != core::Binding::Kind::kList ||
             each.second.is_closed;
    });
  }
  if (!live.awaits.empty()) return gates_.contains(live.awaits);
  return live.reads.empty() || is_read_ready(live);
}

void CaseWorld::step(Live& live) {
  if (live.is_recalling) return answer_recall(live);
  if (live.plan != nullptr && !live.has_worker) {
    live.is_short_told = true;
    apply(core::WorkerShort{.attempt = live.attempt});
    return;
  }
  if (!live.is_started) {
    if (const bool lacks = lacks_parameter(live); lacks || live.is_blocked) {
      live.is_blocked = lacks;
      if (lacks)
        apply(core::TaskBlocked{live.attempt});
      else
        apply(core::TaskUnblocked{live.attempt});
      return;
    }
    live.is_started = true;
    apply(core::TaskStarted{live.attempt});
    return;
  }
  if (live.plan == nullptr) return step_wait(live);
  if (live.lost_after == 0U) return lose(live);
  if (live.lost_after) --*live.lost_after;
  if (live.is_lingering) return;
  if (live.is_blocked) {
    live.is_blocked = false;
    apply(core::TaskUnblocked{live.attempt});
    return;
  }
  if (live.script == nullptr) return begin_script(live);
  script_step(live);
}

void CaseWorld::begin_script(Live& live) {
  Json inputs = Json::map();
  for (auto& [slot, input] : live.inputs) {
    const std::string& name = live.plan->inputs[live.step->slots[slot].port].name;
    if (live.function->reads(*live.function->find_input(name))) continue;
    if (input.kind == core::Binding::Kind::kList)
      inputs.set(name, Json::List(input.elements.begin(), input.elements.end()));
    else
      inputs.set(name, input.value);
  }
  if (const Json* x = inputs.find("x")) live.x = *x;
  if (!is_sane(*live.function, inputs)) {
    live.script = playback(
        {{.kind = Step::Kind::kFail, .text = "ValueError", .message = "not a size", .bases = {}}});
    return;
  }
  const Call call{.attempt = live.number, .failures = failures_[live.plan->name + to_text(live.x)]};
  live.script = start(*live.function, inputs, call);
}

// ---- the steps of a script

const CaseWorld::Input* CaseWorld::input_of(const Live& live, std::string_view port) {
  for (const auto& [slot, input] : live.inputs)
    if (live.plan->inputs[live.step->slots[slot].port].name == port) return &input;
  return nullptr;
}

// An input that is not there is at its end.
bool CaseWorld::is_read_ready(const Live& live) const {
  const Input* input = input_of(live, live.reads);
  if (input == nullptr) return true;
  if (input->kind == core::Binding::Kind::kLate) return false;
  if (input->kind == core::Binding::Kind::kObject) return objects_.is_sealed(input->object);
  return input->kind != core::Binding::Kind::kList || !input->elements.empty() || input->is_closed;
}

std::optional<Json> CaseWorld::take_read(Live& live) {
  auto* input = const_cast<Input*>(input_of(live, live.reads));
  const bool is_stream =
      live.function->find_input(live.reads)->type.access == model::Access::kStream;
  live.reads.clear();
  if (input == nullptr) return std::nullopt;
  if (is_stream && input->kind != core::Binding::Kind::kList) {
    // An array of JSON: the node hands its elements on.
    const Json::List& elements = *input->value.as_list();
    input->elements.assign(elements.begin(), elements.end());
    input->kind = core::Binding::Kind::kList;
    input->is_closed = true;
  }
  if (input->kind == core::Binding::Kind::kList) {
    if (input->elements.empty()) return std::nullopt;
    Json element = std::move(input->elements.front());
    input->elements.pop_front();
    return element;
  }
  if (std::exchange(input->is_read, true)) return std::nullopt;
  if (input->kind == core::Binding::Kind::kObject) return objects_.value(input->object);
  return input->value;
}

void CaseWorld::script_step(Live& live) {
  std::optional<Json> read;
  if (!live.reads.empty()) read = take_read(live);
  live.awaits.clear();
  const Step step = live.script->next(read);
  switch (step.kind) {
    case Step::Kind::kEmit:
      return emit(live, step);
    case Step::Kind::kRead:
      live.reads = step.port;
      live.is_blocked = !is_read_ready(live);
      break;
    case Step::Kind::kAwait:
      live.awaits = step.text;
      return;
    case Step::Kind::kAct:
      // With the worker lost from here on, the effect would be seen twice: that is what `replay`
      // says of it, and no case counts on it.
      live.lost_after.reset();
      live.lies = false;
      effects_.push_back(step.text);
      trace_.line("  act " + step.text);
      return;
    case Step::Kind::kOpen:
      gates_.insert(step.text);
      return;
    case Step::Kind::kDone:
      if (live.lies) return linger(live);
      while (!live.growing.empty()) seal(live, live.growing.begin()->first);
      return done(live);
    case Step::Kind::kFail:
      if (live.lies) return linger(live);
      ++failures_[live.plan->name + to_text(live.x)];
      return fail(live, {.name = step.text, .message = step.message, .bases = step.bases});
  }
  if (live.is_blocked) apply(core::TaskBlocked{live.attempt});
}

void CaseWorld::emit(Live& live, const Step& step) {
  const std::uint32_t port = number_of(live.plan->outputs, step.port);
  model::Type type = live.plan->outputs[port].type;
  if (type.is_list()) type = type.element();
  if (live.growing.contains(port)) seal(live, port);
  const bool is_open = random_.chance(hostility_.open_outputs);
  const core::Object object =
      objects_.add(live.lies ? lie(step.value) : step.value, type, !is_open);
  if (is_open) live.growing[port] = object.id;
  apply(core::Emitted{live.attempt, port, object});
}

void CaseWorld::seal(Live& live, std::uint32_t port) {
  const auto growing = live.growing.extract(port);
  apply(core::Sealed{live.attempt, port, objects_.seal(growing.mapped())});
}

// ---- waits

void CaseWorld::step_wait(Live& live) {
  live.is_time_told = true;
  const auto time = live.inputs.find(0);
  const std::string* text = time == live.inputs.end() ? nullptr : time->second.value.as_string();
  const Result<Duration> duration =
      text == nullptr ? Result<Duration>(sluice::fail(ErrorCode::kInvalidArgument, "no text"))
                      : parse_duration(*text);
  if (duration) {
    apply(core::WaitUntil{live.attempt, now_ + *duration});
  } else if (text != nullptr && model::is_rfc3339(*text)) {
    apply(core::WaitUntil{live.attempt, now_});  // All moments of the corpus are past.
  } else {
    fail(live, {.name = "InvalidInput", .message = "not a time", .bases = {}});
  }
}

bool CaseWorld::can_answer() const {
  const Json::List& answers = *expected_.answers.as_list();
  if (answered_ == answers.size()) return false;
  const Json& next = answers[answered_];
  std::string path = *next.find("step")->as_string();
  if (const Json* index = next.find("index")) path += "." + std::to_string(*index->as_int());
  return std::ranges::any_of(live_, [&](const auto& each) {
    const Live& live = each.second;
    return live.plan == nullptr && live.step->is_answer && live.is_started && !live.is_end_asked &&
           path_of(each.first) == path;
  });
}

void CaseWorld::answer_wait() {
  const Json& next = (*expected_.answers.as_list())[answered_++];
  std::string path = *next.find("step")->as_string();
  if (const Json* index = next.find("index")) path += "." + std::to_string(*index->as_int());
  const auto found =
      std::ranges::find_if(live_, [&](const auto& each) { return path_of(each.first) == path; });
  Live& live = found->second;
  for (const auto& [name, value] : *next.find("values")->as_map()) {
    const std::uint32_t port = number_of(live.step->outputs, name);
    const model::Type& type = live.step->outputs[port].type;
    if (!type.is_list()) {
      apply(core::Emitted{live.attempt, port, objects_.add(value, type)});
      continue;
    }
    for (const Json& element : *value.as_list())
      apply(core::Emitted{live.attempt, port, objects_.add(element, type.element())});
  }
  done(live);
}

}  // namespace sluice::language
