#include "model/expr/evaluate.h"

#include <array>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "model/expr/fake_knowledge.h"

namespace sluice::expr {
namespace {

// What the expressions below name, in the order of their numbers.
class EvaluateTest : public testing::Test {
 protected:
  EvaluateTest() {
    add("n", "int", FakeDatum::value(3));
    add("t", "text", FakeDatum::value("äb"));
    add("j", "json", FakeDatum::value(parse_json(R"({"a":[1,2.0,null],"b":{"c":"d"}})").value()));
    add("u", "json", FakeDatum::unknown());
    add("no", "optional<json>", FakeDatum::absent());
    add("list", "list<int>", FakeDatum::list({FakeDatum::value(1), FakeDatum::value(2)}));
    add("open", "list<int>",
        FakeDatum::list({FakeDatum::value(1), FakeDatum::unknown(), FakeDatum::value(7)}, false));
    add("holes", "list<optional<int>>",
        FakeDatum::list({FakeDatum::absent(), FakeDatum::value(5), FakeDatum::absent()}));
    add("blob", "bytes", FakeDatum::bytes());
    add("blobs", "list<bytes>", FakeDatum::list({FakeDatum::bytes(), FakeDatum::bytes()}));
    add("late", "json", FakeDatum::value(5).unloaded());
    add("growing", "text", FakeDatum::value("x").growing());
    add("index", "int", FakeDatum::number(1));
    add("error", "optional<json>", failure());
    add("empty", "list<int>", FakeDatum::list({}));
    add("deep", "list<list<int>>",
        FakeDatum::list({FakeDatum::list({FakeDatum::value(1)}),
                         FakeDatum::list({FakeDatum::value(2), FakeDatum::value(3)})}));
    add("begun", "list<int>", FakeDatum::list({}, false));
    add("rate", "float", FakeDatum::value(3));
    FakeDatum large = FakeDatum::value("x");
    large.reading = Reading::State::kTooLarge;
    add("large", "json", large);
    add("gone", "optional<list<int>>", FakeDatum::absent());
    FakeDatum constant = FakeDatum::value("r1");
    constant.look.constant = true;
    add("run.id", "text", constant);
  }

  void add(std::string name, std::string_view type, FakeDatum datum) {
    names_.names.emplace_back(std::move(name), type_of(type));
    knowledge_.variables.push_back(std::move(datum));
  }
  static FakeDatum failure() {
    FakeDatum datum;
    datum.look.state = Look::State::kFailure;
    datum.look.name = "Timeout";
    datum.look.message = "too slow";
    return datum;
  }

  const Outcome& evaluate(std::string_view text, Want want = Want::kValue) {
    Syntax syntax;
    Mistakes mistakes;
    const auto root = syntax.add_template(text, mistakes);
    EXPECT_TRUE(root) << text;
    const std::array roots{root.value_or(0)};
    program_ = Program::compile(syntax, roots, names_, mistakes, Checking::kLate);
    return evaluation_.evaluate(*program_, 0, knowledge_, want);
  }

  std::string name(const Ref& ref) const {
    std::string out = names_.names[ref.variable].first;
    for (std::uint32_t i = 0; i < ref.depth; ++i) out += fmt::format("[{}]", ref.index[i]);
    return out;
  }
  std::string text_of(const Value& value) const {
    if (value.kind() == Value::Kind::kRef) return "&" + name(value.as_ref());
    if (value.kind() == Value::Kind::kHole) return "hole";
    if (value.kind() != Value::Kind::kList) return to_json_text(value).value();
    std::string out;
    for (std::size_t i = 0; i < value.size(); ++i)
      out += (i > 0 ? ", " : "") + text_of(value.at(i));
    return "[" + out + "]";
  }
  std::string all(const std::vector<Ref>& refs) const {
    std::string out;
    for (const Ref& ref : refs) out += (out.empty() ? "" : " ") + name(ref);
    return out;
  }
  // The outcome in a line: `3 < n`, `unknown: u; read late`, `absent < no`.
  std::string result(std::string_view text, Want want = Want::kValue) {
    const Outcome& outcome = evaluate(text, want);
    std::string out;
    switch (outcome.kind) {
      case Outcome::Kind::kUnknown:
        return "unknown: " + all(outcome.needs) +
               (outcome.reads.empty() ? "" : "; read " + all(outcome.reads));
      case Outcome::Kind::kAbsent:
        out = "absent";
        break;
      case Outcome::Kind::kError:
        out = outcome.failure.name + ": " + outcome.failure.message;
        break;
      case Outcome::Kind::kView:
        out = (outcome.drop_holes ? "view without holes " : "view ") + name(outcome.view);
        break;
      case Outcome::Kind::kValue:
        out = text_of(outcome.value);
        break;
    }
    return outcome.used.empty() ? out : out + " < " + all(outcome.used);
  }

  struct Row {
    std::string_view text;
    std::string_view result;
  };
  void check(const std::vector<Row>& rows, Want want = Want::kValue) {
    for (const Row& row : rows) EXPECT_EQ(result(row.text, want), row.result) << row.text;
  }

  FakeNames names_;
  FakeKnowledge knowledge_;
  Evaluation evaluation_;
  std::shared_ptr<const Program> program_;
};

TEST_F(EvaluateTest, NamesAreHandedOnUnread) {
  check({
      {"${blob}", "&blob"},
      {"${late}", "&late"},
      {"${u}", "&u"},
      {"${growing}", "&growing"},
      {"${no}", "absent < no"},
      {"${list}", "view list"},
      {"${begun}", "view begun"},
      {"${gone}", "absent < gone"},
      {"${blobs[1]}", "&blobs[1] < blobs[1]"},
      {"${deep[1][0]}", "&deep[1][0] < deep[1] deep[1][0]"},
      {"${[blob, u, late]}", "[&blob, &u, &late]"},
      {"${n > 2 ? blob : u}", "&blob < n"},
      {"${blobs + [blob]}", "[&blobs[0], &blobs[1], &blob] < blobs"},
      {"${blobs.map(b, [b, blob])}", "[[&blobs[0], &blob], [&blobs[1], &blob]] < blobs"},
      {"${deep.map(d, d[index])}", "BadExpression: the list has no element 1 < deep deep[0]"},
      {"${deep.map(d, d[0])}", "[&deep[0][0], &deep[1][0]] < deep deep[0][0] deep[1][0]"},
      {"${deep.flatten()}", "[&deep[0][0], &deep[1][0], &deep[1][1]] < deep deep[0] deep[1]"},
      {"${index}", "1"},
      {"${run.id}", "&run.id"},
  });
}

TEST_F(EvaluateTest, OnlyWhatIsLookedIntoIsRead) {
  check({
      {"${late + 1}", "unknown: ; read late"},
      {"${late + u}", "unknown: u; read late"},
      {"${j.b.c}", R"("d" < j)"},
      {"${j.a[1]}", "2.0 < j"},
      {"${j['b']}", R"({"c":"d"} < j)"},
      {"${size(t)}", "2 < t"},
      {"${growing + 'a'}", "unknown: growing"},
      {"${blob + 1}", "BadExpression: bytes, arrays and files cannot be looked into < blob"},
      {"${large.x}", "TooLarge: the expression looks into a value of more than 1 MiB < large"},
      {"${{'a': late}}", "unknown: ; read late"},
      {"${[list] == [[1, 2]]}", "true < list list[0] list[1]"},
      {"${n}: ${list}, ${j.a}", R"("3: [1,2], [1,2.0,null]" < n j list list[0] list[1])"},
      {"${error.name}: ${error.message}", R"("Timeout: too slow" < error)"},
      {"${error}", R"({"name":"Timeout","message":"too slow"} < error)"},
      {"${run.id}/${index}", R"("r1/1")"},
      {"${rate / 2}", "1.5 < rate"},
  });
}

TEST_F(EvaluateTest, AValueIsThereAsSoonAsItIsCertain) {
  check({
      {"${true || u}", "true"},
      {"${u || n == 3}", "true < n"},
      {"${u && n != 3}", "false < n"},
      {"${u && n == 3}", "unknown: u"},
      {"${(u > 1) || 1 / 0 > 1}", "unknown: u"},
      {"${open[0]}", "&open[0] < open[0]"},
      {"${open[0] + 1}", "2 < open[0]"},
      {"${open[1]}", "&open[1] < open[1]"},
      {"${open[1] + 1}", "unknown: open[1]"},
      {"${open[9]}", "unknown: open[9]"},
      {"${list[9]}", "BadExpression: the list has no element 9 < list"},
      {"${begun[0]}", "unknown: begun[0]"},
      {"${gone[0]}", "absent < gone"},
      {"${size(list)}", "2 < list"},
      {"${size(open)}", "unknown: open"},
      {"${open.map(o, o)}", "unknown: open"},
      {"${open.exists(o, o == 7)}", "true < open[2]"},
      {"${open.all(o, o == 7)}", "false < open[0]"},
      {"${open.exists(o, o == 8)}", "unknown: open open[1]"},
      {"${first(open)}", "&open[0] < open[0]"},
      {"${first(holes)}", "&holes[1] < holes[0] holes[1]"},
      {"${first(empty)}", "absent < empty"},
      {"${first(no, u)}", "unknown: u"},
      {"${first(n, u)}", "&n < n"},
      {"${first(no, list)}", "view list < no list"},
      {"${first(no, gone)}", "absent < no gone"},
      {"${has(u)}", "unknown: u"},
      {"${has(begun)}", "unknown: begun"},
      {"${has(open)}", "true < open"},
      {"${has(growing)}", "unknown: growing"},
      {"${has(no)}", "false < no"},
      {"${has(j.b)} ${has(j.x)} ${has(no.x)}", R"("true false false" < j no)"},
  });
}

TEST_F(EvaluateTest, AbsenceSpreadsAsErrorsDo) {
  check({
      {"${no + 1}", "absent < no"},
      {"${u + no}", "absent < no"},
      {"${1 / 0 + no}", "absent < no"},
      {"${no && false}", "false"},
      {"${no && true}", "absent < no"},
      {"${no && u}", "unknown: u"},
      {"${no || 1 / 0 > 0}", "absent < no"},
      {"${no ? 1 : 2}", "absent < no"},
      {"${[no, 1]}", "[&no, 1]"},
      {"${[no + 1, 1]}", "[hole, 1] < no"},
      {"${{'a': no}}", R"({"a":null} < no)"},
      {"${holes[0]}", "absent < holes[0]"},
      {"${holes[0] + 1}", "absent < holes[0]"},
      {"${holes.map(h, h + 1)}", "[hole, 6, hole] < holes holes[0] holes[1] holes[2]"},
      {"${holes.filter(h, h > 1)}", "[&holes[1]] < holes holes[0] holes[1] holes[2]"},
      {"${holes.exists(h, h == 1)}", "absent < holes holes[0] holes[1] holes[2]"},
      {"${holes.exists(h, h == 5)}", "true < holes[1]"},
      {"${size(holes)}", "3 < holes"},
      {"text ${no}", "absent < no"},
      {"${[holes] == [[null, 5, null]]}", "true < holes holes[0] holes[1] holes[2]"},
  });
}

TEST_F(EvaluateTest, SelectionsTakeSeveralReferencesOrOneList) {
  check({
      {"${present(no, n)}", "[&n] < n no"},
      {"${present(n, u)}", "unknown: u"},
      {"${present(n, u)[0]}", "&n < n"},
      {"${present(u, n)[0]}", "unknown: u"},
      {"${present(open)}", "view without holes open"},
      {"${present(holes)[0]}", "&holes[1] < holes[0] holes[1]"},
      {"${size(present(holes))}", "1 < holes holes[0] holes[1] holes[2]"},
      {"${present(gone)}", "absent < gone"},
      {"${present(blob)}", "[&blob] < blob"},
      {"${any(1, u, n)}", "[&n] < n"},
      {"${any(2, n, u, t)}", "[&n, &t] < n t"},
      {"${any(2, no, n)}", "absent < n no"},
      {"${any(2, u, n)}", "unknown: u"},
      {"${any(2, open)}", "[&open[0], &open[2]] < open[0] open[2]"},
      {"${any(3, open)}", "unknown: open open[1]"},
      {"${any(1, holes)}", "[&holes[1]] < holes[1]"},
      {"${first([no, n])}", "&n < n no"},
      {"${first(j.a)}", "1 < j"},
      {"${range(3)}", "[0, 1, 2]"},
      {"${range(n).map(i, i * 2)}", "[0, 2, 4] < n"},
  });
}

TEST_F(EvaluateTest, NumbersFollowTheirRules) {
  check({
      {"${7 / 2} ${-7 / 2} ${-7 % 3} ${7 / 2.0}", R"("3 -3 -1 3.5")"},
      {"${9223372036854775807 + 1}", "BadExpression: the result does not fit 64 bits"},
      {"${1 % 0}", "BadExpression: division by zero"},
      {"${1.0 / 0.0}", "BadExpression: the result is NaN or infinite"},
      {"${1.0 / 0.0 > 5}", "true"},
      {"${[1.0, 0.0 / 0.0]}", "BadExpression: the result is NaN or infinite"},
      {"${{'a': [1.0 / 0.0]}}", "BadExpression: the result is NaN or infinite"},
      {"${1 == 1.0 && 2 > 1.5 && [1] == [1.0]}", "true"},
      {"${int('12') + int(3.9) + int('-4')}", "11"},
      {"${int('12x')}", "BadExpression: 'int' cannot convert this text"},
      {"${double('1e3')}", "1000.0"},
      {"${string(1.5) + string(true) + string([1, 'a'])}", R"("1.5true[1,\"a\"]")"},
      {"${1 + 'a'}", "BadExpression: '+' has no meaning between an int and a text"},
      {"${{1: 'a', true: 'b'}}", R"({"1":"a","true":"b"})"},
      {"${{'a': 1, 'a': 2}}", "BadExpression: a key of the map appears twice"},
  });
  EXPECT_FALSE(to_json_text(evaluate("${{1: 'a', '1': 'b'}}").value).has_value());
}

TEST_F(EvaluateTest, AConditionIsABool) {
  check(
      {
          {"${n > 2}", "true < n"},
          {"${n}", "BadExpression: a condition is a bool, not an int < n"},
          {"${no}", "absent < no"},
          {"${u}", "unknown: u"},
      },
      Want::kCondition);
}

TEST_F(EvaluateTest, JsonIsReadWhole) {
  check(
      {
          {"${list}", "[1, 2] < list list[0] list[1]"},
          {"${holes}", "[null, 5, null] < holes holes[0] holes[1] holes[2]"},
          {"${open}", "unknown: open"},
          {"${[late, growing, u]}", "unknown: u growing; read late"},
          {"${blob}", "BadExpression: bytes, arrays and files cannot be looked into < blob"},
      },
      Want::kJson);
}

TEST_F(EvaluateTest, AnErrorSaysWhere) {
  const Outcome& outcome = evaluate("a ${n} b ${j.b.x + 1}");
  ASSERT_EQ(outcome.kind, Outcome::Kind::kError);
  EXPECT_EQ(outcome.failure.message, "no field 'x'");
  EXPECT_EQ(outcome.failure.spot, (Spot{0, 15}));
}

TEST_F(EvaluateTest, StepsAndMemoryAreBounded) {
  const std::string_view steps = "BadExpression: the expression takes more than 1000000 steps";
  const std::string_view memory =
      "TooLarge: the expression builds more than 16 MiB of lists and texts";
  const std::string k = "range(1000)";
  EXPECT_EQ(result("${" + k + ".map(a, " + k + ".map(b, " + k + ".map(c, c)))}"), steps);
  EXPECT_EQ(result("${" + k + ".exists(a, " + k + ".exists(b, a + b < 0))}"), steps);
  EXPECT_EQ(result("${" + k + ".exists(a, " + k + ".exists(b, " + k + ".exists(c, false)))}"),
            steps);
  EXPECT_EQ(result("${range(1000001)}"), "BadExpression: a list of more than 1,000,000 elements");
  std::string doubling = "'0123456789abcdef'";
  for (int i = 0; i < 30; ++i) doubling = "[" + doubling + "].map(x, x + x)[0]";
  EXPECT_EQ(result("${" + doubling + "}"), memory);
  // What might have been cheaper with more known is not an error yet.
  EXPECT_EQ(result("${u || " + k + ".exists(a, " + k + ".exists(b, a + b < 0))}"), "unknown: u");
  // A pattern that would take for ever elsewhere.
  const std::string text = "[" + k + ".map(x, 'aaaaaaaaaa')].map(l, string(l))[0]";
  EXPECT_EQ(result("${" + text + ".matches('(a*)*(a*)*(a*)*!')}"), "false");
}

TEST_F(EvaluateTest, OneComparisonReadsAtMostAMebibyte) {
  FakeDatum large = FakeDatum::value("x");
  large.look.size = 600 << 10;
  knowledge_.variables[5] = FakeDatum::list({large, large});
  EXPECT_EQ(result("${list[0] == list[1]}"), "true < list[0] list[1]");
  EXPECT_EQ(
      result("${list == ['x', 'x']}"),
      "TooLarge: the expression looks into a value of more than 1 MiB < list list[0] list[1]");
}

}  // namespace
}  // namespace sluice::expr
