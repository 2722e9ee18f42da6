#include "shapes.h"

#include <cmath>
#include <utility>

namespace sluice::core::testing {
namespace {

Shape chain(std::uint32_t length) {
  Shape shape;
  PlanBuilder& plan = shape.plan;
  std::uint32_t last = plan.step({.name = "first"});
  for (std::uint32_t i = 1; i < length; ++i)
    last = plan.step({.name = "s", .in = {{out_of(last)}}});
  plan.output(out_of(last));
  return shape;
}

// With a step 0 that emits a list.
Shape split(std::uint32_t width) {
  Shape shape;
  shape.list_step = shape.plan.step({.name = "split", .out = {true}});
  shape.list_count = width;
  return shape;
}

// As long as it is wide.
Shape grid(std::uint32_t tasks) {
  const auto side = static_cast<std::uint32_t>(std::lround(std::sqrt(tasks)));
  Shape shape = split(side);
  std::uint32_t last = 0;
  for (std::uint32_t i = 0; i < side; ++i)
    last = shape.plan.step({.name = "s", .foreach = out_of(last), .in = {{item()}}});
  return shape;
}

Shape fan_out(std::uint32_t width) {
  Shape shape = split(width);
  shape.plan.step({.name = "each", .foreach = out_of(0), .in = {{item()}}});
  return shape;
}

Shape join(std::uint32_t width, model::Access access) {
  Shape shape = split(width);
  const auto each = shape.plan.step({.name = "each", .foreach = out_of(0), .in = {{item()}}});
  const auto all = shape.plan.step({.name = "all", .in = {{out_of(each), access}}});
  shape.plan.output(out_of(all));
  return shape;
}

// `set` per element; with `common`, of a value that is the same for all, too; with `late`, that
// value comes when all have asked for it.
Shape computed(std::uint32_t width, bool common, bool late) {
  Shape shape = split(width);
  PlanBuilder& plan = shape.plan;
  std::vector<In> in = {{item()}};
  if (common)
    in.push_back({out_of(late ? plan.step({.name = "late", .in = {{out_of(0)}}})
                              : plan.step({.name = "value"}))});
  const auto set = plan.compute({.name = "set", .foreach = out_of(0), .in = in});
  shape.programs = {{.step = set, .operands = static_cast<std::uint32_t>(in.size())}};
  return shape;
}

Shape gated(std::uint32_t width) {
  Shape shape = split(width);
  PlanBuilder& plan = shape.plan;
  const auto when = plan.compute({.name = "when", .foreach = out_of(0), .in = {{item()}}});
  plan.step({.name = "each", .foreach = out_of(0), .in = {{item()}}, .gates = {peer(when)}});
  shape.programs = {{.step = when, .operands = 1, .gives = Gives::kFlag}};
  return shape;
}

Shape flows(std::uint32_t width) {
  Shape shape = split(width);
  PlanBuilder& plan = shape.plan;
  const std::uint32_t inner = plan.begin();
  const model::Source x = plan.input();
  plan.output(out_of(plan.step({.name = "inside", .in = {{x}}})));
  plan.begin(0);
  plan.scope({.name = "flow", .foreach = out_of(0), .in = {{item()}}}, inner);
  return shape;
}

Shape loop(std::uint32_t rounds) {
  Shape shape;
  PlanBuilder& plan = shape.plan;
  const std::uint32_t body = plan.begin();
  const model::Source start = plan.input();
  const model::Source previous = plan.input();
  plan.flow().inputs[1].previous = 0;
  const auto work =
      plan.step({.name = "work", .in = {{start}, {.source = previous, .optional = true}}});
  const auto again = plan.compute({.name = "again", .in = {{out_of(work)}}});
  plan.output(out_of(work));
  plan.output(out_of(again));
  plan.begin(0);
  const auto first = plan.step({.name = "first"});
  const auto loop = plan.scope({.name = "loop", .in = {{out_of(first)}}}, body);
  model::Step& step = plan.flow().steps[loop];
  step.action = model::Action::kLoop;
  step.again = 1;
  step.rounds = rounds;
  plan.output(out_of(loop));
  shape.programs = {{.workflow = body,
                     .step = again,
                     .operands = 1,
                     .gives = Gives::kFlagButInRound,
                     .round = rounds}};
  return shape;
}

Shape caught(std::uint32_t width) {
  Shape shape = split(width);
  PlanBuilder& plan = shape.plan;
  const auto each =
      plan.step({.name = "each", .foreach = out_of(0), .in = {{item()}}, .catches = {{"Odd"}}});
  plan.step(
      {.name = "instead", .foreach = out_of(0), .in = {{item()}}, .choices = {error_of(each, 0)}});
  shape.odd_step = each;
  shape.odd = Does::kFail;
  return shape;
}

// A producer that fails when all that it has written was read.
Shape undone(std::uint32_t width, Does odd) {
  Shape shape;
  PlanBuilder& plan = shape.plan;
  shape.list_step =
      plan.step({.name = "split", .out = {true}, .retry = model::Retry{.attempts = 2}});
  shape.list_count = width;
  shape.odd_step = shape.list_step;
  shape.odd = odd;
  const auto set = plan.compute({.name = "set", .foreach = out_of(0), .in = {{item()}}});
  const auto each = plan.step({.name = "each", .foreach = out_of(set), .in = {{item()}}});
  const auto all = plan.step({.name = "all", .in = {{out_of(each), model::Access::kStream}}});
  plan.output(out_of(all));
  shape.programs = {{.step = set, .operands = 1}};
  return shape;
}

}  // namespace

const std::vector<ShapeOf>& shapes() {
  using model::Access;
  static const std::vector<ShapeOf> all = {
      {"chain of steps", chain},
      {"chains of foreach", grid},
      {"fan-out", fan_out},
      {"join", [](std::uint32_t n) { return join(n, Access::kWhole); }},
      {"join as stream", [](std::uint32_t n) { return join(n, Access::kStream); }},
      {"set", [](std::uint32_t n) { return computed(n, false, false); }},
      {"set with one value", [](std::uint32_t n) { return computed(n, true, false); }},
      {"set with a late value", [](std::uint32_t n) { return computed(n, true, true); }},
      {"when", gated},
      {"flow per element", flows},
      {"rounds of a loop", loop},
      {"catch", caught},
      {"early data kept", [](std::uint32_t n) { return undone(n, Does::kFailOnce); }},
      {"early data taken back", [](std::uint32_t n) { return undone(n, Does::kChangeOnce); }},
  };
  return all;
}

}  // namespace sluice::core::testing
