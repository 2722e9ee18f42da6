#include "model/parse.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/draft.h"
#include "model/internal/order_steps.h"
#include "model/literal.h"
#include "model/plan_promises.h"

namespace sluice::model {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::string_view kFunctions = R"(
app: words
functions:
  split:
    runtime: python3
    handler: words.split
    inputs: { text: bytes, parts: { type: int, default: 8 } }
    outputs: { chunks: list<bytes> }
    timeout: 5s
    retry: { attempts: 2, backoff: 10ms, factor: 3, max_backoff: 2s, jitter: none, errors: [Timeout] }
    env: { LEVEL: 3, PRICE: "$${X}" }
    resources: { cpu: 0.5, memory: 256Mi }
  count:
    runtime: python3
    handler: words.count
    inputs: { chunk: bytes }
    outputs: { counts: json, odd: optional<int> }
  merge:
    runtime: python3
    handler: pkg.words.merge
    inputs: { counts: stream<json>, limits: optional<list<int>>, note: { type: text, default: none } }
    outputs: { total: json }
)";

struct Outcome {
  std::optional<App> app;
  std::string mistakes;
};

Outcome load(const std::string& yaml, const std::vector<CodePorts>& code = {},
             const Limits& limits = {}) {
  Mistakes mistakes;
  Outcome outcome;
  if (const auto draft = parse_app(yaml, limits, mistakes)) {
    outcome.app = check_app(*draft, code, limits, mistakes);
  }
  for (const Mistake& mistake : mistakes) outcome.mistakes += to_text(mistake) + "\n";
  EXPECT_EQ(outcome.app.has_value(), mistakes.empty());
  if (outcome.app) check_promises(*outcome.app);
  return outcome;
}

Outcome load_steps(std::string_view steps, std::string_view inputs = "{ text: bytes }",
                   std::string_view outputs = "{}") {
  return load(fmt::format(
      "{}workflows:\n  main:\n    inputs: {}\n    outputs: {}\n    timeout: 1h\n    steps:\n{}",
      kFunctions, inputs, outputs, steps));
}

constexpr std::string_view kSteps = R"(
      merge: { call: merge, in: { counts: "${count.counts}" }, after: [split], timeout: 1m }
      count: { call: count, foreach: "${split.chunks}", in: { chunk: "${item}" }, concurrency: 3, retry: { attempts: 4 } }
      split: { call: split, in: { parts: 4, text: "${inputs.text}" } }
)";

TEST(App, IsReadWithReferencesAsIndexes) {
  const Outcome outcome =
      load_steps(kSteps, "{ text: bytes }",
                 "{ total: '${merge.total}', fixed: [1, { a: true }], same: '${inputs.text}' }");
  ASSERT_TRUE(outcome.app) << outcome.mistakes;
  const App& app = *outcome.app;
  EXPECT_EQ(app.name, "words");
  EXPECT_EQ(app.find_workflow("other"), nullptr);
  const Workflow& workflow = *app.find_workflow("main");
  EXPECT_EQ(workflow.timeout, std::chrono::hours(1));
  ASSERT_EQ(workflow.steps.size(), 3U);
  const Step& split = workflow.steps[0];
  const Step& count = workflow.steps[1];
  const Step& merge = workflow.steps[2];
  EXPECT_EQ(split.name, "split");
  EXPECT_EQ(count.name, "count");
  EXPECT_EQ(merge.name, "merge");
  ASSERT_EQ(split.slots.size(), 2U);  // In order of ports, not as written.
  EXPECT_EQ(split.slots[0].port, 0U);
  EXPECT_EQ(split.slots[0].source, Source(InputRef{0}));
  EXPECT_EQ(split.slots[1].source, Source(Literal{Json(4)}));
  EXPECT_EQ(count.foreach, Source(StepRef{0, 0}));
  EXPECT_EQ(count.slots[0].source, Source(ItemRef{}));
  EXPECT_EQ(count.concurrency, 3U);
  EXPECT_EQ(merge.slots[0].source, Source(StepRef{1, 0}));
  EXPECT_THAT(merge.after, ElementsAre(0));
  ASSERT_EQ(workflow.outputs.size(), 3U);
  EXPECT_EQ(workflow.outputs[0].source, Source(StepRef{2, 0}));
  EXPECT_EQ(to_text(workflow.outputs[0].type), "json");
  EXPECT_EQ(workflow.outputs[1].source, Source(Literal{parse_json(R"([1,{"a":true}])").value()}));
  EXPECT_EQ(workflow.outputs[2].source, Source(InputRef{0}));
  EXPECT_EQ(to_text(workflow.output_type(app, 0, 0)), "list<bytes>");
  EXPECT_EQ(to_text(workflow.output_type(app, 1, 0)), "list<json>");
  EXPECT_EQ(to_text(workflow.output_type(app, 1, 1)), "list<optional<int>>");
}

TEST(App, HasTheSettingsOfFunctionsAndStepsTheStepsWin) {
  const Outcome outcome = load_steps(kSteps);
  ASSERT_TRUE(outcome.app) << outcome.mistakes;
  const App& app = *outcome.app;
  const Function& split = app.functions[0];
  EXPECT_EQ(split.memory, 256_MiB);
  EXPECT_EQ(split.cpu, 0.5);
  ASSERT_EQ(split.env.size(), 2U);
  EXPECT_EQ(split.env[0], std::make_pair(std::string("LEVEL"), std::string("3")));
  EXPECT_EQ(split.env[1].second, "${X}");
  EXPECT_EQ(split.inputs[1].default_value, Json(8));
  const auto& steps = app.workflows[0].steps;
  EXPECT_EQ(effective_timeout(app, steps[0]), std::chrono::seconds(5));
  EXPECT_EQ(effective_timeout(app, steps[1]), std::nullopt);
  EXPECT_EQ(effective_timeout(app, steps[2]), std::chrono::minutes(1));
  const Retry retry = effective_retry(app, steps[0]);
  EXPECT_EQ(retry.attempts, 2U);
  EXPECT_EQ(retry.backoff, std::chrono::milliseconds(10));
  EXPECT_EQ(retry.factor, 3);
  EXPECT_EQ(retry.backoff_max, std::chrono::seconds(2));
  EXPECT_FALSE(retry.full_jitter);
  EXPECT_THAT(retry.errors, ElementsAre("Timeout"));
  EXPECT_EQ(effective_retry(app, steps[1]).attempts, 4U);
  EXPECT_EQ(effective_retry(app, steps[2]).attempts, 1U);
}

TEST(App, KeepsTheOrderOfTheFileAmongStepsThatAreFree) {
  const Outcome outcome = load_steps(R"(
      c: { call: split, in: { text: "${inputs.text}" }, after: [z] }
      b: { call: split, in: { text: "${inputs.text}" } }
      z: { call: split, in: { text: "${inputs.text}" } }
      a: { call: split, in: { text: "${inputs.text}" } }
)");
  ASSERT_TRUE(outcome.app) << outcome.mistakes;
  std::vector<std::string> names;
  for (const Step& step : outcome.app->workflows[0].steps) names.push_back(step.name);
  EXPECT_THAT(names, ElementsAre("b", "z", "c", "a"));
}

TEST(App, PassesHolesThroughChainsOfForeach) {
  const Outcome outcome = load_steps(R"(
      a: { call: count, foreach: "${inputs.texts}", in: { chunk: "${item}" } }
      b: { call: count, foreach: "${inputs.texts}", in: { chunk: "${item}" } }
      c: { call: count, foreach: "${a.counts}", in: { chunk: "${item}" } }
)",
                                     "{ texts: list<optional<bytes>> }");
  ASSERT_TRUE(outcome.app) << outcome.mistakes;
  EXPECT_EQ(to_text(outcome.app->workflows[0].output_type(*outcome.app, 2, 0)),
            "list<optional<json>>");
  // A list with holes does not fit a list without.
  const Outcome holes = load_steps(R"(
      a: { call: count, foreach: "${inputs.texts}", in: { chunk: "${item}" } }
      m: { call: merge, in: { counts: "${a.counts}" } }
)",
                                   "{ texts: list<optional<bytes>> }");
  EXPECT_THAT(holes.mistakes,
              HasSubstr("takes stream<json>, but a.counts is list<optional<json>>"));
}

TEST(App, TakesNullForWhatIsOptionalAndTextsWithEscapes) {
  const Outcome outcome = load_steps(R"(
      m: { call: merge, in: { counts: [1, two, null], limits: null, note: "costs $${X}" } }
)",
                                     "{}");
  ASSERT_TRUE(outcome.app) << outcome.mistakes;
  const auto& slots = outcome.app->workflows[0].steps[0].slots;
  ASSERT_EQ(slots.size(), 2U);
  EXPECT_EQ(slots[1].port, 2U);
  EXPECT_EQ(slots[1].source, Source(Literal{Json("costs ${X}")}));
}

CodePorts code_of_split() {
  CodePorts code;
  code.function = "split";
  code.file = "words.py";
  code.inputs = {{"text", parse_type("bytes").value(), std::nullopt},
                 {"parts", parse_type("int").value(), Json(8)}};
  code.outputs = {{"result", parse_type("list<bytes>").value(), std::nullopt}};
  code.is_generator = true;
  return code;
}

TEST(App, TakesPortsFromTheCode) {
  const auto yaml = [](std::string_view ports) {
    return fmt::format(
        "app: a\nfunctions:\n  split: {{ runtime: python3, handler: words.split{} }}\nworkflows:\n "
        " w:\n    "
        "inputs: {{ text: bytes }}\n    steps:\n      split: {{ call: split, in: {{ text: "
        "\"${{inputs.text}}\" }} }}\n",
        ports);
  };
  const Outcome all = load(yaml(""), {code_of_split()});
  ASSERT_TRUE(all.app) << all.mistakes;
  EXPECT_EQ(all.app->functions[0].outputs[0].name, "result");
  EXPECT_EQ(to_text(all.app->functions[0].outputs[0].type), "list<bytes>");
  const Outcome part = load(yaml(", inputs: { text: , }, outputs: { chunks: }"), {code_of_split()});
  ASSERT_TRUE(part.app) << part.mistakes;
  ASSERT_EQ(part.app->functions[0].inputs.size(), 2U);
  EXPECT_EQ(to_text(part.app->functions[0].inputs[0].type), "bytes");
  EXPECT_EQ(part.app->functions[0].inputs[1].default_value, Json(8));
  EXPECT_EQ(part.app->functions[0].outputs[0].name, "chunks");
  EXPECT_EQ(to_text(part.app->functions[0].outputs[0].type), "list<bytes>");
  EXPECT_THAT(load(yaml("")).mistakes, HasSubstr("the ports of function 'split' are not known"));
}

TEST(App, NamesTheCodeThatIsWanted) {
  Mistakes mistakes;
  const auto draft = parse_app(kFunctions, Limits{}, mistakes);
  ASSERT_NE(draft, nullptr);
  const std::vector<CodeWanted> wanted = code_wanted(*draft);
  ASSERT_EQ(wanted.size(), 3U);
  EXPECT_EQ(wanted[2].handler, "pkg.words.merge");
  EXPECT_EQ(wanted[2].line, 20U);
  EXPECT_EQ(wanted[2].column, 14U);
}

TEST(App, IsBounded) {
  std::string steps;
  for (int i = 0; i < 1001; ++i)
    steps += fmt::format("      s{}: {{ call: split, in: {{ text: a }} }}\n", i);
  EXPECT_THAT(load_steps(steps, "{}").mistakes, HasSubstr("has 1001 steps, more than 1000"));

  std::string mistakes;
  for (int i = 0; i < 900; ++i) mistakes += fmt::format("      s{}: {{ call: splitt{} }}\n", i, i);
  const Outcome many = load_steps(mistakes, "{}");
  EXPECT_THAT(many.mistakes, HasSubstr("there are more mistakes than these"));
  EXPECT_LE(std::ranges::count(many.mistakes, '\n'), 2 * 501);

  const std::string long_expression = "${" + std::string(20'000, 'a') + "}";
  EXPECT_THAT(load_steps(fmt::format("      s: {{ call: split, in: {{ text: \"{}\" }} }}\n",
                                     long_expression),
                         "{}")
                  .mistakes,
              HasSubstr("longer than 16 KiB"));
}

TEST(App, ChainsOfAThousandStepsAreFine) {
  std::string steps =
      "      s0: { call: count, foreach: '${inputs.texts}', in: { chunk: '${item}' } }\n";
  for (int i = 1; i < 1000; ++i) {
    steps = fmt::format(
                "      s{}: {{ call: count, foreach: '${{s{}.counts}}', in: {{ chunk: '${{item}}' "
                "}} }}\n",
                i, i - 1) +
            steps;
  }
  const Outcome outcome = load_steps(steps, "{ texts: list<bytes> }");
  ASSERT_TRUE(outcome.app) << outcome.mistakes;
  EXPECT_EQ(outcome.app->workflows[0].steps[999].name, "s999");
  EXPECT_EQ(to_text(outcome.app->workflows[0].output_type(*outcome.app, 999, 0)), "list<json>");
}

TEST(Steps, OnCyclesAreFoundOnce) {
  const StepOrder order = order_steps({{1}, {2}, {0}, {}, {3, 0}, {5}, {3, 3}});
  EXPECT_THAT(order.order, ElementsAre(3, 6));
  ASSERT_EQ(order.cycles.size(), 2U);
  EXPECT_THAT(order.cycles[0], ElementsAre(0, 1, 2));
  EXPECT_THAT(order.cycles[1], ElementsAre(5));
  EXPECT_TRUE(order_steps({}).order.empty());
}

TEST(Literals, FitPortsAsValuesDo) {
  struct Case {
    std::string_view json;
    std::string_view type;
    std::string_view problem;
  };
  const std::vector<Case> cases{
      {"1", "int", ""},
      {"3.0", "int", ""},
      {"3.5", "int", "takes int, not 3.5 (a float)"},
      {"1", "float", ""},
      {"1", "text", "takes text, not 1 (an int)"},
      {"\"x\"", "bytes", ""},
      {R"({"$base64":"AA=="})", "bytes", ""},
      {"{}", "bytes", "takes bytes, not a map"},
      {"null", "json", ""},
      {"null", "any", ""},
      {"null", "optional<int>", ""},
      {"null", "int", "takes int, not null"},
      {"null", "bytes", "takes bytes, not null"},
      {"[1,2]", "list<int>", ""},
      {"[1,2]", "stream<int>", ""},
      {"[1,[\"x\"]]", "list<json>", ""},
      {"[[1],[\"x\"]]", "list<list<int>>",
       R"(takes list<list<int>>, but element [1][0] is "x" (a text))"},
      {"[1,null]", "list<int>", "takes list<int>, but element [1] is null"},
      {"[1,null]", "list<optional<int>>", ""},
      {"\"x\"", "file", "takes file, which cannot be written as a literal"},
      {"true", "bool", ""},
      {"\"true\"", "bool", "takes bool, not \"true\" (a text)"},
  };
  for (const Case& one : cases) {
    EXPECT_EQ(
        literal_problem(parse_json(one.json).value(), parse_type(one.type).value()).value_or(""),
        one.problem)
        << one.json << " for " << one.type;
  }
}

}  // namespace
}  // namespace sluice::model
