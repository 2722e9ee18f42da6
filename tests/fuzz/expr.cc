// Any bytes as an expression or a template: parsed, compiled and evaluated over a little data of
// which a part is known. Nothing may crash, and what is certain must not change with more.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "model/expr/fake_knowledge.h"

namespace {

using namespace sluice;
using namespace sluice::expr;

FakeNames names() {
  return {{{"a", type_of("json")},
           {"b", type_of("optional<json>")},
           {"l", type_of("list<json>")},
           {"m", type_of("list<list<int>>")},
           {"x", type_of("bytes")},
           {"item", type_of("any")}}};
}

FakeKnowledge world(std::uint8_t bits) {
  FakeKnowledge known;
  const auto part = [&](FakeDatum datum) {
    const bool is_known = (bits & 1) != 0;
    bits = static_cast<std::uint8_t>(bits >> 1);
    return is_known ? std::move(datum) : FakeDatum::unknown();
  };
  Json map = Json::map();
  map.set("k", Json(Json::List{Json(1), Json(2.5), Json("t"), Json(true), Json()}));
  known.variables.push_back(part(FakeDatum::value(map)));
  known.variables.push_back(part(FakeDatum::absent()));
  known.variables.push_back(
      part(FakeDatum::list({FakeDatum::value(3), FakeDatum::absent(), FakeDatum::value("s")})));
  known.variables.push_back(part(FakeDatum::list({FakeDatum::list({FakeDatum::value(1)})})));
  known.variables.push_back(part(FakeDatum::bytes()));
  known.variables.push_back(part(FakeDatum::number(7)));
  return known;
}

std::string shown(const Outcome& outcome) {
  if (outcome.kind == Outcome::Kind::kError) return outcome.failure.name + outcome.failure.message;
  if (outcome.kind != Outcome::Kind::kValue) return "";
  const auto json = to_json_text(outcome.value);
  return json ? *json : json.error().message();
}

void evaluate(const Program& program, std::uint8_t bits) {
  const Budget budget{.steps = 20'000, .elements = 1000, .memory = 1 << 20, .json = 1 << 16};
  Evaluation evaluation(budget);
  Evaluation full(budget);
  const FakeKnowledge part = world(bits);
  const FakeKnowledge all = world(0xFF);
  for (std::uint32_t root = 0; root < program.roots().size(); ++root) {
    evaluation.evaluate(program, root, part, Want::kValue);
    evaluation.evaluate(program, root, part, Want::kCondition);
    const Outcome& early = evaluation.evaluate(program, root, part, Want::kJson);
    const Outcome& late = full.evaluate(program, root, all, Want::kJson);
    SLUICE_ASSERT(late.kind != Outcome::Kind::kUnknown);
    if (early.kind == Outcome::Kind::kUnknown) {
      SLUICE_ASSERT(!early.needs.empty() || !early.reads.empty());
    } else if (!program.roots()[root].is_timed) {
      SLUICE_ASSERT(early.kind == late.kind);
      SLUICE_ASSERT(shown(early) == shown(late));
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  Syntax syntax;
  Mistakes mistakes;
  const auto root = (data[0] & 1) != 0 ? syntax.add_template(text, mistakes)
                                       : syntax.add_expression(text, mistakes);
  SLUICE_ASSERT(root.has_value() == mistakes.empty());
  for (const Mistake& mistake : mistakes) SLUICE_ASSERT(mistake.spot.offset <= text.size());
  if (!root) return 0;
  const std::array roots{*root};
  for (const Checking checking : {Checking::kStrict, Checking::kLate}) {
    Mistakes wrong;
    const auto program = Program::compile(syntax, roots, names(), wrong, checking);
    SLUICE_ASSERT((program != nullptr) == wrong.empty());
    if (program) evaluate(*program, data[1]);
  }
  return 0;
}
