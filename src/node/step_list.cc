// The steps of a run with their tasks by state (views.h: steps_json): those of its workflow, and
// behind a step that is a flow or a loop those inside of it.

#include <array>

#include "node/scope_view.h"
#include "node/views.h"

namespace sluice::node {
namespace {

constexpr std::array<std::string_view, 10> kStateKeys = {
    "waiting",  "ready",     "preparing", "running", "blocked",
    "finished", "succeeded", "failed",    "skipped", "cancelled"};

// Flows in flows may be written so that they have any number of steps.
constexpr std::size_t kStepsShown = 1000;

std::uint32_t in_state(const StepCounts& counts, core::TaskState state) {
  return counts.by_state[static_cast<std::size_t>(state)];
}

class StepList {
 public:
  StepList(const RunTable& runs, const RunRecord& run) : runs_(runs), run_(run) { sum_up(); }

  void list(std::uint32_t place);
  std::size_t left_out() const { return left_out_; }
  Json take() { return std::move(list_); }

 private:
  void sum_up();
  // Whether no task of the steps inside will come any more, as far as that is said by those that
  // have them inside.
  bool is_final_around(std::uint32_t place) const;
  void add(const std::string& name, const StepCounts& counts);

  const RunTable& runs_;
  const RunRecord& run_;
  std::vector<RunScopes::Counts> counts_;  // By place.
  Json list_ = Json::list();
  std::size_t left_out_ = 0;
};

void StepList::sum_up() {
  for (const RunScopes::Place& place : run_.scopes.places()) {
    counts_.push_back(place.closed);
    for (StepCounts& counts : counts_.back()) counts.total_is_final = true;
  }
  ScopeView root(runs_, run_, 0);
  for (std::uint32_t step = 0; step < root.steps().size(); ++step)
    counts_[0].push_back(root.counts(step));
  for (const std::uint32_t scope : run_.scopes.open_ones()) {
    const RunScopes::Scope& record = run_.scopes.at(scope);
    if (record.is_hidden) continue;
    ScopeView view(runs_, run_, scope);
    for (std::uint32_t step = 0; step < view.steps().size(); ++step) {
      StepCounts& counts = counts_[record.place][step];
      node::add(counts, view.counts(step));
      counts.total_is_final = counts.total_is_final && view.counts(step).total_is_final;
    }
  }
  // A parent stands before its children.
  for (std::uint32_t place = 1; place < counts_.size(); ++place) {
    if (is_final_around(place)) continue;
    for (StepCounts& counts : counts_[place]) counts.total_is_final = false;
  }
}

bool StepList::is_final_around(std::uint32_t place) const {
  const RunScopes::Place& inside = run_.scopes.places()[place];
  const StepCounts& around = counts_[inside.parent][inside.step];
  const bool may_begin = in_state(around, core::TaskState::kWaiting) != 0 ||
                         in_state(around, core::TaskState::kReady) != 0 ||
                         in_state(around, core::TaskState::kPreparing) != 0;
  const bool may_go_on = inside.is_loop && in_state(around, core::TaskState::kRunning) != 0;
  return around.total_is_final && !may_begin && !may_go_on;
}

void StepList::add(const std::string& name, const StepCounts& counts) {
  if (list_.as_list()->size() == kStepsShown) {
    ++left_out_;
    return;
  }
  Json entry;
  entry.set("name", name).set("total", counts.total).set("total_is_final", counts.total_is_final);
  for (std::size_t state = 0; state < kStateKeys.size(); ++state)
    entry.set(kStateKeys[state], counts.by_state[state]);
  list_.push(std::move(entry));
}

void StepList::list(std::uint32_t place) {
  const std::vector<RunScopes::Place>& places = run_.scopes.places();
  const std::vector<ShownStep>& steps = run_.scopes.shown(places[place].workflow);
  for (std::uint32_t step = 0; step < steps.size(); ++step) {
    // The step of a loop's body is the loop, which is there already.
    if (!places[place].is_internal)
      add((place == 0 ? "" : places[place].path + "~") + std::string(steps[step].name),
          counts_[place][step]);
    for (std::uint32_t inside = place + 1; inside < places.size(); ++inside)
      if (places[inside].parent == place && places[inside].step == step) list(inside);
  }
}

}  // namespace

void set_steps(Json& document, const RunTable& runs, const RunRecord& run) {
  StepList steps(runs, run);
  steps.list(0);
  document.set("steps", steps.take());
  if (steps.left_out() > 0)
    document.set("steps_left_out", static_cast<std::uint64_t>(steps.left_out()));
}

}  // namespace sluice::node
