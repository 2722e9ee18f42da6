#include "evaluate/answer.h"

#include <map>

#include <gtest/gtest.h>

#include "evaluate/snapshot.h"
#include "model/expr/fake_knowledge.h"

namespace sluice::evaluate {
namespace {

using Kind = core::ComputedOutput::Kind;
using State = core::Known::State;

// Data by slot; elements of lists by (slot, index).
class FakeSight final : public Sight {
 public:
  struct One {
    core::Known known;
    model::Kind kind = model::Kind::kJson;
    DocumentPtr document;  // Null: not loaded.
  };
  std::map<core::Datum, One> data;

  void absent(core::Datum datum) { data[datum].known.state = State::kAbsent; }
  void list(core::Datum datum, std::uint32_t count, bool closed = true) {
    core::Known& known = data[datum].known;
    known.state = State::kList;
    known.count = count;
    known.closed = closed;
  }
  void object(core::Datum datum, const std::string& bytes, model::Kind kind = model::Kind::kJson,
              bool loaded = true) {
    One& one = data[datum];
    one.known.state = State::kObject;
    one.known.object = {.id = ObjectId{++last_}, .size = bytes.size(), .checksum = {}};
    one.kind = kind;
    if (loaded) one.document = Document::parse(kind, bytes);
  }

  core::Known look(const core::Datum& datum) const override {
    const auto found = data.find(datum);
    return found == data.end() ? core::Known() : found->second.known;
  }
  model::Kind kind(const core::Datum& datum, const core::Object&) const override {
    return data.at(datum).kind;
  }
  expr::Reading read(const core::Datum& datum, const core::Object& object) const override {
    const One& one = data.at(datum);
    return one.document ? one.document->reading() : reading_of(one.kind, object.size);
  }

 private:
  std::uint64_t last_ = 0;
};

core::Datum slot(std::uint32_t number) { return {.slot = number}; }
core::Datum element(std::uint32_t number, std::uint32_t index) {
  return {.slot = number, .depth = 1, .index = {index, 0}};
}

class AnswerTest : public testing::Test {
 protected:
  // A step over variables a, b, … of these types, one root per text. Gates stand before the
  // operands, so that slots and variables have other numbers.
  void program(const std::vector<std::string>& texts, const std::vector<std::string>& types,
               const std::vector<std::string>& outputs) {
    expr::FakeNames names;
    step = {};
    step.name = "s";
    step.helper = true;
    step.action = model::Action::kCompute;
    step.slots.push_back({0, model::StepRef{0, 0}, model::Use::kGate});
    for (std::uint32_t i = 0; i < types.size(); ++i) {
      names.names.emplace_back(std::string(1, static_cast<char>('a' + i)), expr::type_of(types[i]));
      step.slots.push_back({i, model::StepRef{i, 0}, model::Use::kOperand});
    }
    expr::Syntax syntax;
    expr::Mistakes mistakes;
    std::vector<expr::Syntax::Node> roots;
    for (const std::string& text : texts)
      roots.push_back(syntax.add_template(text, mistakes).value());
    step.program = expr::Program::compile(syntax, roots, names, mistakes);
    ASSERT_TRUE(step.program) << mistakes.front().message;
    for (const std::string& type : outputs)
      step.outputs.push_back({.name = "o", .type = expr::type_of(type), .default_value = {}});
  }
  Answer ask(std::uint64_t given = 0) {
    return answer({.attempt = {}, .given = given}, {.step = step, .index = 3, .run_id = "r"}, sight,
                  evaluation);
  }

  model::Step step;
  FakeSight sight;
  expr::Evaluation evaluation;
};

TEST_F(AnswerTest, AValueBecomesAnObjectOfThePortsType) {
  program({"${a + 1}"}, {"int"}, {"int"});
  EXPECT_EQ(ask().computed.needs, (std::vector<core::Datum>{slot(1)}));
  sight.object(slot(1), "41", model::Kind::kJson, false);
  EXPECT_EQ(ask().reads.size(), 1U);
  sight.object(slot(1), "41");
  const Answer answer = ask();
  ASSERT_EQ(answer.computed.outputs.size(), 1U);
  EXPECT_EQ(answer.computed.outputs[0].kind, Kind::kValue);
  ASSERT_EQ(answer.values.size(), 1U);
  EXPECT_EQ(answer.values[0].value.bytes, "42");
  EXPECT_EQ(answer.computed.used, (std::vector<core::Datum>{slot(1)}));
  EXPECT_TRUE(ask(1).computed.outputs.empty()) << "it was given before";
}

TEST_F(AnswerTest, AReferenceIsHandedOnUnread) {
  program({"${first(a, b)}"}, {"optional<bytes>", "bytes"}, {"bytes"});
  sight.absent(slot(1));
  EXPECT_EQ(ask().computed.needs, (std::vector<core::Datum>{slot(1), slot(2)}))
      << "the second may be absent, too, and the first may come back";
  sight.object(slot(2), "anything", model::Kind::kBytes, false);
  const Answer answer = ask();
  EXPECT_TRUE(answer.reads.empty());
  EXPECT_TRUE(answer.values.empty());
  ASSERT_EQ(answer.computed.outputs.size(), 1U);
  ASSERT_EQ(answer.computed.outputs[0].pieces.size(), 1U);
  EXPECT_EQ(answer.computed.outputs[0].pieces[0].kind, core::Piece::Kind::kDatum);
  EXPECT_EQ(answer.computed.outputs[0].pieces[0].datum, slot(2));
}

TEST_F(AnswerTest, AListThatIsOneValueIsPutTogetherAndAnArrayIsTakenApart) {
  program({"${a}", "${b}"}, {"list<int>", "json"}, {"json", "list<int>"});
  sight.list(slot(1), 2);
  sight.object(element(1, 0), "1");
  sight.object(element(1, 1), "2");
  sight.object(slot(2), "[3, 4, 5]");
  const Answer answer = ask();
  ASSERT_EQ(answer.computed.outputs.size(), 2U);
  EXPECT_EQ(answer.computed.outputs[0].kind, Kind::kValue);
  EXPECT_EQ(answer.computed.outputs[1].kind, Kind::kList);
  ASSERT_EQ(answer.values.size(), 4U);
  EXPECT_EQ(answer.values[0].value.bytes, "[1,2]");
  EXPECT_EQ(answer.values[3].output, 1U);
  EXPECT_EQ(answer.values[3].piece, 2U);
  EXPECT_EQ(answer.values[3].value.bytes, "5");
}

TEST_F(AnswerTest, AListIsHandedOnWhileItGrows) {
  program({"${present(a)}"}, {"list<optional<bytes>>"}, {"list<bytes>"});
  sight.list(slot(1), 1, false);
  const Answer answer = ask();
  ASSERT_EQ(answer.computed.outputs.size(), 1U);
  EXPECT_EQ(answer.computed.outputs[0].kind, Kind::kView);
  EXPECT_EQ(answer.computed.outputs[0].view, slot(1));
  EXPECT_TRUE(answer.computed.outputs[0].drop_holes);
}

TEST_F(AnswerTest, AnErrorOfAHelperIsItsOutputAndOfAnotherStepItsFailure) {
  program({"${1 / a}"}, {"int"}, {"int"});
  sight.object(slot(1), "0");
  const Answer helper = ask();
  ASSERT_EQ(helper.computed.outputs.size(), 1U);
  EXPECT_EQ(helper.computed.outputs[0].kind, Kind::kBroken);
  EXPECT_EQ(helper.computed.outputs[0].failure.name, "BadExpression");
  EXPECT_NE(helper.computed.outputs[0].failure.message.find("step 's'"), std::string::npos);
  step.helper = false;
  const Answer plain = ask();
  EXPECT_TRUE(plain.computed.outputs.empty());
  ASSERT_TRUE(plain.computed.failure);
  EXPECT_NE(plain.computed.failure->message.find("division by zero"), std::string::npos);
}

TEST_F(AnswerTest, TheFirstConditionThatIsTrueIsChosenAndTheOthersAreAbsent) {
  program({"${a == 1}", "${b == 1}", "${true}"}, {"int", "int"}, {"bool", "bool", "bool"});
  step.roots = model::Roots::kChoice;
  sight.object(slot(1), "0");
  const Answer first = ask();
  ASSERT_EQ(first.computed.outputs.size(), 1U)
      << "the second is not known, so neither is the third";
  EXPECT_EQ(first.computed.outputs[0].kind, Kind::kAbsent);
  EXPECT_EQ(first.computed.needs, (std::vector<core::Datum>{slot(2)}));
  sight.object(slot(2), "1");
  const Answer second = ask(1);
  ASSERT_EQ(second.computed.outputs.size(), 2U);
  EXPECT_EQ(second.computed.outputs[0].kind, Kind::kFlag);
  EXPECT_EQ(second.computed.outputs[0].port, 1U);
  EXPECT_EQ(second.computed.outputs[1].kind, Kind::kAbsent);
  EXPECT_EQ(second.computed.used, (std::vector<core::Datum>{slot(2)}));
}

TEST_F(AnswerTest, AFailIsMadeOfTextsOrSkipped) {
  program({"Refused", "no ${a}"}, {"text"}, {});
  step.roots = model::Roots::kFailure;
  step.helper = false;
  EXPECT_FALSE(ask().computed.failure);
  sight.object(slot(1), "room", model::Kind::kText);
  ASSERT_TRUE(ask().computed.failure);
  EXPECT_EQ(ask().computed.failure->name, "Refused");
  EXPECT_EQ(ask().computed.failure->message, "no room");
  sight.absent(slot(1));
  EXPECT_TRUE(ask().computed.skipped);
}

TEST_F(AnswerTest, ASnapshotTakenInPiecesIsAnsweredLikeTheWorld) {
  program({"${a.map(x, x + b)}"}, {"list<int>", "int"}, {"list<int>"});
  sight.list(slot(1), 3);
  for (std::uint32_t i = 0; i < 3; ++i) sight.object(element(1, i), std::to_string(i));
  sight.object(slot(2), "10");
  Snapshot snapshot(step);
  std::size_t turns = 1;
  while (!snapshot.take(sight, 2)) ++turns;
  EXPECT_GT(turns, 2U);
  const Task task{.step = step, .index = 0, .run_id = "r"};
  Answer answer = evaluate::answer({}, task, snapshot, evaluation);
  for (int i = 0; i < 4 && !answer.reads.empty(); ++i) {
    for (const core::Object& object : answer.reads) {
      for (const auto& [datum, one] : sight.data) {
        if (one.known.object.id == object.id) snapshot.add(object.id, one.document);
      }
    }
    answer = evaluate::answer({}, task, snapshot, evaluation);
  }
  ASSERT_EQ(answer.values.size(), 3U);
  EXPECT_EQ(answer.values[2].value.bytes, "12");
  EXPECT_EQ(answer.computed.used, ask().computed.used);
}

TEST_F(AnswerTest, WhatTakesMoreStepsThanAllowedSaysSo) {
  program({"${a.map(x, x + 1)}"}, {"list<int>"}, {"list<int>"});
  sight.list(slot(1), 300);
  for (std::uint32_t i = 0; i < 300; ++i) sight.object(element(1, i), "1");
  expr::Budget budget;
  budget.steps = 100;
  expr::Evaluation small(budget);
  const Task task{.step = step, .index = 0, .run_id = "r"};
  EXPECT_TRUE(answer({}, task, sight, small).is_exhausted);
  EXPECT_FALSE(ask().is_exhausted);
}

}  // namespace
}  // namespace sluice::evaluate
