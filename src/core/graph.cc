#include "core/graph.h"

#include <utility>

#include "base/check.h"

namespace sluice::core {

Graph::Graph(const model::App& app, std::uint32_t workflow, const Limits& limits, bool inner)
    : inner_(inner), app_(&app) {
  SLUICE_ASSERT(workflow < app_->workflows.size());
  workflow_ = &app_->workflows[workflow];
  step_count_ = static_cast<std::uint32_t>(workflow_->steps.size());
  add_ports();
  add_slots(limits);
  link();
}

void Graph::add_ports() {
  steps_.resize(step_count_ + workflow_->inputs.size());
  ports_.reserve(steps_.size());
  for (std::uint32_t s = 0; s < steps_.size(); ++s) {
    StepInfo& info = steps_[s];
    info.ports.first = static_cast<std::uint32_t>(ports_.size());
    if (s >= step_count_) {
      info.is_input = true;
      info.ports.count = 1;
      const std::uint8_t lists = workflow_->inputs[s - step_count_].type.lists;
      info.is_foreach = inner_ && lists != 0;
      info.root_step = s;
      info.root_port = static_cast<std::uint32_t>(ports_.size());
      ports_.push_back({.step = s, .is_list = lists > (inner_ ? 1 : 0)});
      continue;
    }
    const model::Step& step = workflow_->steps[s];
    info.action = step.action;
    info.is_scope = step.action == model::Action::kFlow || step.action == model::Action::kLoop;
    has_scopes_ = has_scopes_ || info.is_scope;
    info.by_port = step.action != model::Action::kCall && step.action != model::Action::kWait;
    info.on_committed = step.effects || step.action == model::Action::kWait;
    info.is_foreach = step.foreach.has_value();
    info.concurrency = info.is_foreach ? step.concurrency : 0;
    const std::vector<model::Port>& outputs =
        step.action == model::Action::kCall ? app_->functions[step.function].outputs : step.outputs;
    info.first_error = static_cast<std::uint32_t>(outputs.size());
    if (info.is_scope && info.is_foreach &&
        (info.concurrency == 0 || info.concurrency > kScopesOpen))
      info.concurrency = kScopesOpen;
    info.ports.count = static_cast<std::uint32_t>(outputs.size() + step.catches.size());
    for (std::uint32_t p = 0; p < info.ports.count; ++p)
      ports_.push_back(
          {.step = s, .number = p, .is_list = p < info.first_error && outputs[p].type.is_list()});
  }
}

SlotInfo Graph::resolve(const model::Source& source, const StepInfo* reader) const {
  SlotInfo slot;
  const auto bind = [&](std::uint32_t step, std::uint32_t number) {
    SLUICE_ASSERT(step < steps_.size() && number < steps_[step].ports.count);
    slot.step = step;
    slot.port = steps_[step].ports.first + number;
    const bool is_list = ports_[slot.port].is_list;
    if (steps_[step].is_foreach)
      slot.shape = is_list ? Shape::kTaskLists : Shape::kTaskCells;
    else
      slot.shape = is_list ? Shape::kList : Shape::kCell;
  };
  const auto bind_peer = [&](std::uint32_t step, std::uint32_t number) {
    bind(step, number);
    if (!steps_[step].is_foreach) return;
    SLUICE_ASSERT(reader != nullptr && reader->is_foreach);
    slot.is_peer = true;
    slot.shape = ports_[slot.port].is_list ? Shape::kList : Shape::kCell;
  };
  if (const auto* input = std::get_if<model::InputRef>(&source)) {
    bind(step_count_ + input->input, 0);
  } else if (const auto* step = std::get_if<model::StepRef>(&source)) {
    bind(step->step, step->output);
  } else if (const auto* peer = std::get_if<model::PeerRef>(&source)) {
    bind_peer(peer->step, peer->output);
  } else if (const auto* error = std::get_if<model::ErrorRef>(&source)) {
    bind_peer(error->step, steps_[error->step].first_error + error->clause);
  } else if (std::holds_alternative<model::ItemRef>(source)) {
    SLUICE_ASSERT(reader != nullptr && reader->is_foreach);
    slot.step = reader->driver_step;
    slot.port = reader->driver_port;
    slot.is_item = true;
    // An element of a foreach is what one of its tasks emitted: a list where the port is one.
    slot.shape =
        steps_[slot.step].is_foreach && ports_[slot.port].is_list ? Shape::kList : Shape::kCell;
  } else if (std::holds_alternative<model::IndexRef>(source)) {
    slot.literal = Binding::Kind::kIndex;
  } else if (std::holds_alternative<model::RoundRef>(source)) {
    slot.literal = Binding::Kind::kRound;
  } else if (std::holds_alternative<model::RunIdRef>(source)) {
    slot.literal = Binding::Kind::kRunId;
  }
  return slot;
}

void Graph::add_slots(const Limits& limits) {
  std::size_t count = 0;
  for (const model::Step& step : workflow_->steps) count += step.slots.size();
  slots_.reserve(count);
  for (std::uint32_t s = 0; s < step_count_; ++s) {
    const model::Step& step = workflow_->steps[s];
    StepInfo& info = steps_[s];
    const std::optional<Duration> timeout = model::effective_timeout(*app_, step);
    info.has_timeout = timeout.has_value() || step.action == model::Action::kCall;
    info.timeout = timeout.value_or(limits.attempt_timeout);
    info.cached = step.cache && step.action == model::Action::kCall && !info.on_committed;
    if (info.is_foreach) {
      const SlotInfo driver = resolve(*step.foreach, nullptr);
      SLUICE_ASSERT(driver.shape != Shape::kNothing && driver.shape != Shape::kCell);
      info.driver_step = driver.step;
      info.driver_port = driver.port;
      const bool chained = steps_[driver.step].is_foreach;
      info.root_step = chained ? steps_[driver.step].root_step : driver.step;
      info.root_port = chained ? steps_[driver.step].root_port : driver.port;
    }
    info.slots.first = static_cast<std::uint32_t>(slots_.size());
    info.slots.count = static_cast<std::uint32_t>(step.slots.size());
    std::uint32_t items = 0;
    std::uint32_t items_in_pieces = 0;
    const bool may_be_early = step.start == model::StartMode::kEarly &&
                              step.action == model::Action::kCall && !info.on_committed;
    for (const model::Slot& declared : step.slots) {
      SlotInfo slot = resolve(declared.source, &info);
      slot.use = declared.use;
      if (declared.use == model::Use::kPort && step.action == model::Action::kCall) {
        const model::Port& port = app_->functions[step.function].inputs[declared.port];
        // What may be taken from the cache is known by all of its inputs.
        slot.access = info.cached ? model::Access::kWhole : port.type.access;
        slot.required = !port.type.optional && !port.default_value;
      } else if (declared.use == model::Use::kOperand ||
                 (declared.use == model::Use::kPort && step.action != model::Action::kWait)) {
        // Seen through as it comes, by the expression or the inner workflow.
        slot.access = model::Access::kStream;
        slot.required = false;
        slot.waited = false;
      }
      slot.late = may_be_early && slot.use == model::Use::kPort && slot.shape != Shape::kNothing &&
                  !slot.is_item;
      if (slot.late) info.early = steps_[slot.step].feeds_early = true;
      if (slot.is_peer) {
        info.has_peers = info.has_peers || slot.waited;
      } else if (slot.is_item) {
        ++items;
        const bool in_pieces = slot.shape == Shape::kCell ? slot.access == model::Access::kPipe
                                                          : slot.access != model::Access::kWhole;
        if (in_pieces) ++items_in_pieces;
      } else if (slot.shape != Shape::kNothing && slot.waited) {
        ++info.common_count;
        if (slot.late) ++info.late_count;
        if (inner_ || slot.step < step_count_) ++info.step_sources;
      }
      slots_.push_back(slot);
    }
    info.item_may_be_open = items != 0 && items == items_in_pieces;
  }
  for (const model::WorkflowOutput& output : workflow_->outputs)
    outputs_.push_back(resolve(output.source, nullptr));
}

// Calls `drivers(port, step)`, `rooted(port, step)`, `commons(port, link)`, `peers(port, link)`,
// `outputs(port, output)` and `after(step, later)` for every connection there is, in the order of
// what is named second.
template <class Drivers, class Rooted, class Commons, class Peers, class Outputs, class After>
void Graph::for_each_connection(const Drivers& drivers, const Rooted& rooted,
                                const Commons& commons, const Peers& peers, const Outputs& outputs,
                                const After& after) {
  for (std::uint32_t s = step_count_; s < steps_.size(); ++s)
    if (steps_[s].is_foreach) rooted(ports_[steps_[s].root_port], s);
  for (std::uint32_t s = 0; s < step_count_; ++s) {
    const StepInfo& info = steps_[s];
    if (info.is_foreach) {
      drivers(ports_[info.driver_port], s);
      rooted(ports_[info.root_port], s);
    }
    for (std::uint32_t i = 0; i < info.slots.count; ++i) {
      const SlotInfo& slot = slots_[info.slots.first + i];
      if (slot.shape == Shape::kNothing || slot.is_item) continue;
      if (slot.is_peer)
        peers(ports_[slot.port], Link{s, i});
      else
        commons(ports_[slot.port], Link{s, i});
    }
    for (const std::uint32_t before : workflow_->steps[s].after) after(steps_[before], s);
  }
  for (std::uint32_t o = 0; o < outputs_.size(); ++o)
    if (outputs_[o].shape != Shape::kNothing) outputs(ports_[outputs_[o].port], o);
}

// Once to count, once to fill: no list of lists, which would cost more than all the rest.
void Graph::link() {
  for_each_connection([](PortInfo& port, std::uint32_t) { ++port.drivers.count; },
                      [](PortInfo& port, std::uint32_t) { ++port.rooted.count; },
                      [](PortInfo& port, const Link&) { ++port.commons.count; },
                      [](PortInfo& port, const Link&) { ++port.peers.count; },
                      [](PortInfo& port, std::uint32_t) { ++port.outputs.count; },
                      [this](StepInfo& step, std::uint32_t later) {
                        ++step.after.count;
                        ++steps_[later].after_count;
                      });
  std::uint32_t indexes = 0;
  std::uint32_t links = 0;
  const auto place = [](Range& range, std::uint32_t& end) {
    range.first = end;
    end += std::exchange(range.count, 0);
  };
  for (PortInfo& port : ports_) {
    // One task in each step that shares the elements of this list.
    port.weight = port.rooted.count;
    for (Range* range : {&port.drivers, &port.outputs, &port.rooted}) place(*range, indexes);
    place(port.commons, links);
    place(port.peers, links);
  }
  for (StepInfo& step : steps_) place(step.after, indexes);
  indexes_.resize(indexes);
  links_.resize(links);
  const auto put = [this](Range& range, std::uint32_t index) {
    indexes_[range.first + range.count++] = index;
  };
  for_each_connection([&](PortInfo& port, std::uint32_t step) { put(port.drivers, step); },
                      [&](PortInfo& port, std::uint32_t step) { put(port.rooted, step); },
                      [this](PortInfo& port, const Link& link) {
                        links_[port.commons.first + port.commons.count++] = link;
                      },
                      [this](PortInfo& port, const Link& link) {
                        links_[port.peers.first + port.peers.count++] = link;
                      },
                      [&](PortInfo& port, std::uint32_t output) { put(port.outputs, output); },
                      [&](StepInfo& step, std::uint32_t later) { put(step.after, later); });
}

std::size_t Graph::memory_bytes() const {
  return sizeof(*this) + steps_.capacity() * sizeof(StepInfo) +
         ports_.capacity() * sizeof(PortInfo) +
         (slots_.capacity() + outputs_.capacity()) * sizeof(SlotInfo) +
         indexes_.capacity() * sizeof(std::uint32_t) + links_.capacity() * sizeof(Link);
}

}  // namespace sluice::core
