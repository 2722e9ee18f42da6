#include "verdict.h"

namespace sluice::language {
namespace {

Json json(std::string_view text) { return parse_json(text).value(); }

CaseRun succeeds(std::string_view outputs) {
  return {.name = "case", .state = "SUCCEEDED", .outputs = {json(outputs)}};
}

TEST(Verdict, OutputsAreComparedAsJson) {
  const CaseRun expected = succeeds(R"({"a": 2, "b": [1.0, {"c": null, "d": true}]})");
  Ended seen{.state = "SUCCEEDED",
             .outputs = json(R"({"b": [1, {"d": true, "c": null}], "a": 2.0})")};
  EXPECT_EQ(complaint(expected, seen), std::nullopt);
  for (const char* wrong :
       {R"({"a": 2})", R"({"a": 2, "b": []})", R"({"a": true, "b": [1, {"c": null, "d": true}]})",
        R"({"a": 2, "b": [1, {"c": null, "d": 1}]})",
        R"({"a": 2, "b": [1, {"c": null, "d": true}], "more": 0})"}) {
    seen.outputs = json(wrong);
    EXPECT_NE(complaint(expected, seen), std::nullopt) << wrong;
  }
}

TEST(Verdict, LargeIntegersAreNotRounded) {
  const Ended seen{.state = "SUCCEEDED", .outputs = json(R"({"a": 9007199254740993})")};
  EXPECT_EQ(complaint(succeeds(R"({"a": 9007199254740993})"), seen), std::nullopt);
  EXPECT_NE(complaint(succeeds(R"({"a": 9007199254740992})"), seen), std::nullopt);
}

TEST(Verdict, OneOfSeveralOutputsIsEnough) {
  CaseRun expected = succeeds(R"({"a": 1})");
  expected.outputs.push_back(json(R"({"a": 2})"));
  EXPECT_EQ(complaint(expected, {.state = "SUCCEEDED", .outputs = json(R"({"a": 2})")}),
            std::nullopt);
  EXPECT_NE(complaint(expected, {.state = "SUCCEEDED", .outputs = json(R"({"a": 3})")}),
            std::nullopt);
}

TEST(Verdict, AnErrorIsComparedByWhatTheCaseSays) {
  CaseRun expected{.name = "case", .state = "FAILED"};
  expected.errors = {json(R"({"name": "Broken", "message": "purpose", "task": "a~b"})")};
  Ended seen{.state = "FAILED",
             .error_name = "Broken",
             .error_message = "on purpose",
             .error_task = "a.1~b.20"};
  EXPECT_EQ(complaint(expected, seen), std::nullopt);
  seen.error_message = "other";
  EXPECT_NE(complaint(expected, seen), std::nullopt);
  expected.errors.push_back(json(R"({"name": "Broken"})"));
  EXPECT_EQ(complaint(expected, seen), std::nullopt);
  seen.state = "SUCCEEDED";
  EXPECT_NE(complaint(expected, seen), std::nullopt);
}

TEST(Verdict, TasksAndEffectsAreCounted) {
  CaseRun expected = succeeds("{}");
  expected.tasks = json(R"({"a": 2, "b~c": 0})");
  expected.effects = std::vector<Json>{json(R"(["x", "y"])")};
  Ended seen{.state = "SUCCEEDED", .succeeded = {{"a", 2}}, .effects = {"x", "y"}};
  EXPECT_EQ(complaint(expected, seen), std::nullopt);
  seen.effects = {"y", "x"};
  EXPECT_NE(complaint(expected, seen), std::nullopt);
  expected.effects.reset();
  expected.effects_set = json(R"(["x", "y"])");
  EXPECT_EQ(complaint(expected, seen), std::nullopt);
  expected.reused = json(R"({"a": 1})");
  EXPECT_EQ(complaint(expected, seen), std::nullopt);
  seen.reused.emplace();
  EXPECT_EQ(complaint(expected, seen), "0 tasks of `a` came from the cache, expected 1");
  (*seen.reused)["a"] = 1;
  EXPECT_EQ(complaint(expected, seen), std::nullopt);
  seen.succeeded["b~c"] = 1;
  EXPECT_NE(complaint(expected, seen), std::nullopt);
}

TEST(Verdict, TheStepOfATaskIsItsPathWithoutIndexes) {
  EXPECT_EQ(step_of("count"), "count");
  EXPECT_EQ(step_of("count.7.2"), "count");
  EXPECT_EQ(step_of("outer.3~inner2.0~x"), "outer~inner2~x");
}

}  // namespace
}  // namespace sluice::language
