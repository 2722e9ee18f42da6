// A result does not depend on who was faster. For random expressions over random data:
//  - what is certain on a part of the data is what all of the data gives;
//  - `used` is enough: data that are not in it can be any other without changing the outcome;
//  - `needs` and `reads` are enough: who reveals only these, one at a time, comes to the end.

#include <algorithm>
#include <array>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "model/expr/fake_knowledge.h"

namespace sluice::expr {
namespace {

using Random = std::mt19937_64;

std::size_t below(Random& random, std::size_t end) { return random() % end; }
bool chance(Random& random, int percent) { return below(random, 100) < std::size_t(percent); }

// a, b, c: one value; d: a list; e: a list of lists; m: a JSON map; j: a JSON list; x: bytes.
enum Variable : std::uint32_t { kA, kB, kC, kD, kE, kM, kJ, kX, kVariables };

FakeNames names() {
  return {{{"a", type_of("optional<any>")},
           {"b", type_of("any")},
           {"c", type_of("json")},
           {"d", type_of("list<optional<any>>")},
           {"e", type_of("list<list<any>>")},
           {"m", type_of("json")},
           {"j", type_of("json")},
           {"x", type_of("bytes")}}};
}

FakeDatum random_scalar(Random& random, int absent_percent) {
  if (chance(random, absent_percent)) return FakeDatum::absent();
  switch (below(random, 7)) {
    case 0:
      return FakeDatum::value(true);
    case 1:
      return FakeDatum::value(false);
    case 2:
      return FakeDatum::value(2.5);
    case 3:
      return FakeDatum::value("s");
    case 4:
      return FakeDatum::value(Json());
    default:
      return FakeDatum::value(std::int64_t(below(random, 3)));
  }
}

FakeDatum random_list(Random& random, int depth) {
  if (chance(random, 8)) return FakeDatum::absent();
  std::vector<FakeDatum> elements;
  for (std::size_t i = below(random, 4); i > 0; --i)
    elements.push_back(depth > 1 ? random_list(random, depth - 1) : random_scalar(random, 20));
  return FakeDatum::list(std::move(elements));
}

FakeDatum random_datum(Random& random, std::uint32_t variable) {
  Json json;
  switch (variable) {
    case kD:
      return random_list(random, 1);
    case kE:
      return random_list(random, 2);
    case kM:
      if (chance(random, 10)) return FakeDatum::absent();
      json = Json::map();
      if (chance(random, 80)) json.set("x", random_scalar(random, 0).json);
      if (chance(random, 50)) json.set("y", Json(Json::List{Json(1), Json("t")}));
      return FakeDatum::value(json);
    case kJ:
      if (chance(random, 10)) return FakeDatum::absent();
      json = Json::list();
      for (std::size_t i = below(random, 4); i > 0; --i) json.push(random_scalar(random, 0).json);
      return FakeDatum::value(json);
    case kX:
      return chance(random, 20) ? FakeDatum::absent() : FakeDatum::bytes();
    default:
      return random_scalar(random, 25);
  }
}

FakeKnowledge random_world(Random& random) {
  FakeKnowledge world;
  for (std::uint32_t i = 0; i < kVariables; ++i) world.variables.push_back(random_datum(random, i));
  return world;
}

// ---- Expressions -------------------------------------------------------------------------------

std::string generate(Random& random, int depth) {
  constexpr std::array kLeaves{"a", "b", "c", "d", "e",    "m",   "j", "x",
                               "1", "2", "0", "s", "true", "'s'", "d", "m.x"};
  const auto g = [&] { return generate(random, depth - 1); };
  if (depth == 0 || chance(random, 20)) {
    const std::string leaf = kLeaves[below(random, kLeaves.size())];
    return leaf == "s" ? "null" : leaf;
  }
  const auto pick = [&](std::initializer_list<const char*> of) {
    return std::string(of.begin()[below(random, of.size())]);
  };
  const auto lists = [&] {
    return chance(random, 70) ? pick({"d", "e", "j", "m.y", "e[0]", "present(d)", "range(2)"})
                              : g();
  };
  switch (below(random, 26)) {
    case 0:
      return "(" + g() + " && " + g() + ")";
    case 1:
      return "(" + g() + " || " + g() + ")";
    case 2:
      return "!" + g();
    case 3:
      return "(" + g() + " ? " + g() + " : " + g() + ")";
    case 4:
      return "(" + g() + pick({" + ", " - ", " * ", " / ", " % "}) + g() + ")";
    case 5:
      return "(" + g() + pick({" == ", " != "}) + g() + ")";
    case 6:
      return "(" + g() + pick({" < ", " <= ", " > ", " >= "}) + g() + ")";
    case 7:
      return "first(" + g() + ", " + g() + ")";
    case 8:
      return "present(" + g() + ", " + g() + ")";
    case 9:
      return "has(" + pick({"m.x", "m.y", "a", "b", "d", "x", "e[1]", "d[0]"}) + ")";
    case 10:
      return "[" + g() + ", " + g() + "]";
    case 11:
      return "[" + g() + ", " + g() + "][" + pick({"0", "1", "c"}) + "]";
    case 12:
      return lists() + "[" + pick({"0", "1", "2", "a", "-1 + 1"}) + "]";
    case 13:
      return "e[" + pick({"0", "1"}) + "][" + pick({"0", "1", "b"}) + "]";
    case 14:
      return "size(" + lists() + ")";
    case 15:
      return lists() + ".map(v, " + pick({"v", "v + 1", "[v]", "has(v)", "a"}) + ")";
    case 16:
      return lists() + ".filter(v, " + pick({"has(v)", "v == 1", "true", "b", "v"}) + ")";
    case 17:
      return lists() + pick({".exists(v, v == ", ".all(v, v != ", ".exists_one(v, v == "}) + g() +
             ")";
    case 18:
      return lists() + ".flatten()";
    case 19:
      return pick({"present(", "first("}) + lists() + ")";
    case 20:
      return "{'k': " + g() + ", 'l': " + g() + "}" + pick({"", ".k", "['l']"});
    case 21:
      return g() + " in " + lists();
    case 22:
      return "string(" + g() + ")";
    case 23:
      return lists() + ".map(v, " + g() + ", v)";
    case 24:
      return "m" + pick({".x", ".y", ".z", "['x']", ".y[0]"});
    default:
      return "(" + lists() + " + " + lists() + ")";
  }
}

std::shared_ptr<const Program> compile(const std::string& text, bool is_template) {
  Syntax syntax;
  Mistakes mistakes;
  const auto root = is_template ? syntax.add_template("<${" + text + "}>", mistakes)
                                : syntax.add_expression(text, mistakes);
  if (!root) return nullptr;
  const std::array roots{*root};
  return Program::compile(syntax, roots, names(), mistakes, Checking::kLate);
}

// ---- What an outcome means ---------------------------------------------------------------------

std::string show(const FakeKnowledge& world, const FakeDatum* datum, bool drop_holes = false) {
  if (!datum || datum->look.state == Look::State::kAbsent) return "absent";
  if (datum->look.state != Look::State::kList)
    return datum->reading == Reading::State::kOpaque ? "bytes" : to_text(datum->json);
  std::string out = "[";
  for (const FakeDatum& element : datum->elements) {
    const std::string text = show(world, &element);
    if (text != "absent" || !drop_holes) out += (text == "absent" ? "hole" : text) + " ";
  }
  return out + "]";
}

std::string show(const FakeKnowledge& world, const Value& value) {
  if (value.kind() == Value::Kind::kHole) return "hole";
  if (value.kind() == Value::Kind::kRef) {
    const std::string text = show(world, world.find(value.as_ref()));
    return text == "absent" ? "hole" : text;
  }
  if (value.kind() != Value::Kind::kList) return to_json_text(value).value();
  std::string out = "[";
  for (std::size_t i = 0; i < value.size(); ++i) out += show(world, value.at(i)) + " ";
  return out + "]";
}

// With references resolved in `world`, where all is known.
std::string show(const FakeKnowledge& world, const Outcome& outcome) {
  switch (outcome.kind) {
    case Outcome::Kind::kUnknown:
      return "unknown";
    case Outcome::Kind::kAbsent:
      return "absent";
    case Outcome::Kind::kError:
      return outcome.failure.name + ": " + outcome.failure.message;
    case Outcome::Kind::kView:
      return show(world, world.find(outcome.view), outcome.drop_holes);
    case Outcome::Kind::kValue:
      break;
  }
  if (outcome.value.kind() == Value::Kind::kRef)
    return show(world, world.find(outcome.value.as_ref()));
  return show(world, outcome.value);
}

// ---- Parts of a world --------------------------------------------------------------------------

FakeDatum part_of(Random& random, const FakeDatum& whole) {
  if (chance(random, 35)) return FakeDatum::unknown();
  FakeDatum part = whole;
  if (part.look.state == Look::State::kList) {
    const std::size_t count = below(random, part.elements.size() + 1);
    part.look.closed = count == part.elements.size() && chance(random, 50);
    part.elements.resize(count);
    part.look.count = static_cast<std::uint32_t>(count);
    for (FakeDatum& element : part.elements) element = part_of(random, element);
  }
  if (part.look.state == Look::State::kObject) {
    if (chance(random, 15)) return std::move(part).growing();
    if (chance(random, 15) && part.reading == Reading::State::kLoaded)
      return std::move(part).unloaded();
  }
  return part;
}

FakeKnowledge part_of(Random& random, const FakeKnowledge& world) {
  FakeKnowledge part;
  for (const FakeDatum& datum : world.variables) part.variables.push_back(part_of(random, datum));
  return part;
}

void collect(const Value& value, std::set<Ref>& out) {
  if (value.kind() == Value::Kind::kRef) out.insert(value.as_ref());
  if (value.kind() != Value::Kind::kList) return;
  for (std::size_t i = 0; i < value.size(); ++i) collect(value.at(i), out);
}

// Another world in which all data of `kept` are as they were. A list that is kept keeps its size,
// not its elements; `all` keeps these, too.
FakeDatum mutate(Random& random, const FakeDatum& datum, const Ref& ref, const std::set<Ref>& kept,
                 const std::set<Ref>& handed_on, bool& is_kept) {
  if (handed_on.contains(ref)) {
    is_kept = true;
    return datum;
  }
  is_kept = kept.contains(ref);
  if (datum.look.state != Look::State::kList || ref.depth == 2)
    return is_kept ? datum : random_datum(random, ref.depth == 0 ? ref.variable : kA);
  FakeDatum other = datum;
  std::size_t least = 0;
  for (std::uint32_t i = 0; i < other.elements.size(); ++i) {
    Ref element = ref;
    element.index[element.depth++] = i;
    bool keeps = false;
    FakeDatum changed = mutate(random, datum.elements[i], element, kept, handed_on, keeps);
    if (keeps) least = i + 1;
    // Elements of a list of lists stay lists.
    const bool is_outer = ref.variable == kE && ref.depth == 0;
    if (!keeps && is_outer) changed = random_list(random, 1);
    other.elements[i] = changed;
  }
  const bool must_stay = is_kept || least > 0;
  if (!is_kept) {
    const std::size_t size = least + below(random, 4);
    while (other.elements.size() > size) other.elements.pop_back();
    while (other.elements.size() < size) {
      other.elements.push_back(ref.variable == kE && ref.depth == 0 ? random_list(random, 1)
                                                                    : random_scalar(random, 20));
    }
    if (!must_stay && chance(random, 20)) return FakeDatum::absent();
  }
  other.look.count = static_cast<std::uint32_t>(other.elements.size());
  is_kept = must_stay;
  return other;
}

FakeKnowledge mutate(Random& random, const FakeKnowledge& world, const Outcome& outcome) {
  std::set<Ref> handed_on;
  if (outcome.kind == Outcome::Kind::kValue) collect(outcome.value, handed_on);
  if (outcome.kind == Outcome::Kind::kView) handed_on.insert(outcome.view);
  const std::set<Ref> kept(outcome.used.begin(), outcome.used.end());
  FakeKnowledge other;
  for (std::uint32_t i = 0; i < kVariables; ++i) {
    bool is_kept = false;
    other.variables.push_back(
        mutate(random, world.variables[i], {i, 0, {}}, kept, handed_on, is_kept));
  }
  return other;
}

// Makes a little more known of `ref`; false if all of it was.
bool reveal(FakeKnowledge& part, const FakeKnowledge& world, const Ref& ref, bool is_read) {
  FakeDatum* known = &part.variables[ref.variable];
  const FakeDatum* whole = &world.variables[ref.variable];
  for (std::uint32_t i = 0; i < ref.depth; ++i) {
    if (whole->look.state != Look::State::kList || whole->elements.size() <= ref.index[i]) break;
    if (known->look.state != Look::State::kList) *known = FakeDatum::list({}, false);
    if (known->elements.size() <= ref.index[i]) {
      known->elements.resize(ref.index[i] + 1);
      known->look.count = ref.index[i] + 1;
    }
    known = &known->elements[ref.index[i]];
    whole = &whole->elements[ref.index[i]];
  }
  if (is_read) {
    EXPECT_EQ(known->reading, Reading::State::kNotLoaded);
    known->reading = whole->reading;
    return true;
  }
  if (whole->look.state != Look::State::kList) {
    const bool was_known = known->look.state != Look::State::kUnknown && known->look.sealed;
    *known = *whole;
    if (known->reading == Reading::State::kLoaded && known->look.state == Look::State::kObject)
      known->reading = Reading::State::kNotLoaded;
    return !was_known;
  }
  if (known->look.state != Look::State::kList) *known = FakeDatum::list({}, false);
  if (known->elements.size() < whole->elements.size()) {
    known->elements.emplace_back();
    ++known->look.count;
    return true;
  }
  const bool was_closed = known->look.closed;
  known->look.closed = true;
  return !was_closed;
}

class Confluence : public testing::TestWithParam<Want> {};

TEST_P(Confluence, WhatIsCertainNeverChanges) {
  Random random(7);
  int early = 0;
  int certain = 0;
  for (int i = 0; i < 30'000 && !HasFailure(); ++i) {
    const std::string text = generate(random, 3);
    const auto program = compile(text, chance(random, 5));
    ASSERT_TRUE(program) << text;
    const FakeKnowledge world = random_world(random);
    Evaluation evaluation;
    const std::string full = show(world, evaluation.evaluate(*program, 0, world, GetParam()));
    ASSERT_NE(full, "unknown") << text;
    for (int k = 0; k < 3; ++k) {
      const FakeKnowledge part = part_of(random, world);
      const Outcome& outcome = evaluation.evaluate(*program, 0, part, GetParam());
      if (outcome.kind == Outcome::Kind::kUnknown) {
        EXPECT_FALSE(outcome.needs.empty() && outcome.reads.empty()) << text;
        continue;
      }
      ++early;
      EXPECT_EQ(show(world, outcome), full) << text;
      EXPECT_TRUE(outcome.needs.empty() && outcome.reads.empty());
    }
    ++certain;
  }
  EXPECT_GT(early, certain / 2);
}

TEST_P(Confluence, WhatIsNotUsedDoesNotMatter) {
  Random random(11);
  for (int i = 0; i < 30'000 && !HasFailure(); ++i) {
    const std::string text = generate(random, 3);
    const auto program = compile(text, false);
    ASSERT_TRUE(program) << text;
    const FakeKnowledge world = random_world(random);
    const FakeKnowledge part = part_of(random, world);
    Evaluation evaluation;
    const Outcome& outcome = evaluation.evaluate(*program, 0, part, GetParam());
    if (outcome.kind == Outcome::Kind::kUnknown) continue;
    Evaluation again;
    for (int k = 0; k < 3; ++k) {
      const FakeKnowledge other = mutate(random, world, outcome);
      const Outcome& changed = again.evaluate(*program, 0, other, GetParam());
      std::string used;
      for (const Ref& ref : outcome.used)
        used += fmt::format(" {}:{}:{}", "abcdemjx"[ref.variable], ref.depth, ref.index[0]);
      EXPECT_EQ(show(other, changed), show(world, outcome)) << text << "\nused" << used;
    }
  }
}

TEST_P(Confluence, WhatItIsStuckOnIsEnough) {
  Random random(13);
  for (int i = 0; i < 20'000 && !HasFailure(); ++i) {
    const std::string text = generate(random, 3);
    const auto program = compile(text, false);
    ASSERT_TRUE(program) << text;
    const FakeKnowledge world = random_world(random);
    FakeKnowledge part;
    part.variables.resize(kVariables);
    Evaluation evaluation;
    const std::string full = show(world, evaluation.evaluate(*program, 0, world, GetParam()));
    for (int round = 0;; ++round) {
      ASSERT_LT(round, 200) << text;
      const Outcome& outcome = evaluation.evaluate(*program, 0, part, GetParam());
      if (outcome.kind != Outcome::Kind::kUnknown) {
        EXPECT_EQ(show(world, outcome), full) << text;
        break;
      }
      bool has_more = false;
      for (const Ref& ref : outcome.reads) has_more |= reveal(part, world, ref, true);
      if (!has_more && !outcome.needs.empty()) {
        const std::size_t start = below(random, outcome.needs.size());
        for (std::size_t k = 0; k < outcome.needs.size() && !has_more; ++k) {
          const Ref& ref = outcome.needs[(start + k) % outcome.needs.size()];
          has_more = reveal(part, world, ref, false);
        }
      }
      ASSERT_TRUE(has_more) << text << ": stuck on what is known";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(AllWants, Confluence,
                         testing::Values(Want::kValue, Want::kCondition, Want::kJson));

}  // namespace
}  // namespace sluice::expr
