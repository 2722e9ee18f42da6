#include "model/expr/program.h"

#include <array>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "model/expr/fake_knowledge.h"
#include "model/expr/functions.h"

namespace sluice::expr {
namespace {

FakeNames names() {
  return {{{"split.chunks", type_of("list<bytes>")},
           {"split.size", type_of("int")},
           {"inputs.text", type_of("text")},
           {"maybe.x", type_of("optional<json>")},
           {"holes.x", type_of("list<optional<int>>")},
           {"lists.x", type_of("list<list<text>>")},
           {"item", type_of("bytes")},
           {"index", type_of("int")},
           {"ratio", type_of("float")},
           {"any.x", type_of("any")},
           {"flag", type_of("bool")}}};
}

std::shared_ptr<const Program> compile(std::string_view text, Mistakes& mistakes,
                                       Checking checking = Checking::kStrict) {
  Syntax syntax;
  const auto root = syntax.add_template(text, mistakes);
  if (!root) return nullptr;
  const std::array roots{*root};
  return Program::compile(syntax, roots, names(), mistakes, checking);
}

struct Row {
  std::string_view text;
  std::string_view result;
};

TEST(Program, KnowsTheTypeOfARootWithoutData) {
  const std::vector<Row> rows{
      {"${split.chunks}", "list<bytes>"},
      {"${split.chunks[0]}", "bytes"},
      {"${split.size + 1}", "int"},
      {"${split.size + 1.5}", "float"},
      {"${split.size > 3 && flag}", "bool"},
      {"a ${split.size}", "text"},
      {"${maybe.x}", "optional<json>"},
      {"${maybe.x.a.b}", "optional<json>"},
      {"${maybe.x + 1}", "optional<json>"},
      {"${has(maybe.x)}", "bool"},
      {"${first(maybe.x, split.size)}", "json"},
      {"${first(maybe.x, maybe.x)}", "optional<json>"},
      {"${first(split.size, 1)}", "int"},
      {"${present(maybe.x, split.size)}", "list<json>"},
      {"${any(1, split.size, index)}", "optional<list<int>>"},
      {"${holes.x}", "list<optional<int>>"},
      {"${present(holes.x)}", "list<int>"},
      {"${holes.x[1]}", "optional<int>"},
      {"${holes.x.map(h, h + 1)}", "list<optional<int>>"},
      {"${split.chunks.map(c, {'n': size(split.chunks)})}", "list<json>"},
      {"${lists.x.flatten()}", "list<text>"},
      {"${lists.x.map(l, l[index])}", "list<text>"},
      {"${[item, split.chunks[0]]}", "list<bytes>"},
      {"${[maybe.x, 1]}", "list<optional<json>>"},
      {"${[item, 1]}", "list<any>"},
      {"${range(split.size)}", "list<int>"},
      {"${flag ? 1 : 2.5}", "float"},
      {"${flag ? 1 : 'a'}", "json"},
      {"${split.chunks + [item]}", "list<bytes>"},
      {"${{'a': 1}}", "json"},
      {"${maybe.x.all(e, e > 1)}", "optional<bool>"},
      {"${-split.size}", "int"},
      {"${string(split.size)}", "text"},
      {"${dyn(split.size)}", "any"},
  };
  for (const Row& row : rows) {
    Mistakes mistakes;
    const auto program = compile(row.text, mistakes);
    ASSERT_TRUE(program) << row.text << ": " << mistakes[0].message;
    EXPECT_EQ(model::to_text(program->roots()[0].type), row.result) << row.text;
  }
}

TEST(Program, SaysAtDeployWhatMustFail) {
  const std::vector<Row> rows{
      {"${1 + true}", "4 '+' has no meaning between an int and a bool"},
      {"${split.size + 'a'}",
       "13 '+' has no meaning between an int and a text; write string(x), or a template: \"text "
       "${x}\""},
      {"${split.chunks + item}",
       "15 '+' has no meaning between a list and bytes; bytes, arrays and "
       "files are handed on; give them to a function"},
      {"${splt.chunks}", "2 unknown name 'splt'"},
      {"${flagg}", "2 unknown name 'flagg'; did you mean 'flag'?"},
      {"${None}", "2 unknown name 'None'; did you mean 'null'?"},
      {"${item.name}",
       "7 bytes has no field 'name'; bytes, arrays and files are handed on; give "
       "them to a function"},
      {"${split.chunks.size}",
       "15 a list has no field 'size'; of each element: x.map(e, e.size); of one: x[0].size"},
      {"${sizee(split.chunks)}", "2 unknown function 'sizee'; did you mean 'size'?"},
      {"${len(split.chunks)}", "2 unknown function 'len'; write size(x)"},
      {"${upper(flag)}",
       "2 unknown function 'upper'; expressions have first, present, any, has, size, range, "
       "flatten, map, "
       "filter, all, exists, exists_one, contains, startsWith, endsWith, matches, int, double, "
       "string, "
       "bool, type, dyn; for anything else call a function of your own"},
      {"${split.chunks.first()}", "15 unknown method 'first'; write first(a, b, …), first(list)"},
      {"${flatten(lists.x)}", "2 unknown function 'flatten'; write x.flatten()"},
      {"${size()}", "2 'size' takes 1 argument, not 0; write size(x), x.size()"},
      {"${'a'.matches()}",
       "6 'matches' takes 1 argument, not 0; write x.matches(pattern), matches(x, pattern)"},
      {"${split.chunks.map(1, 2)}",
       "19 the first argument of 'map' is a new name; write x.map(e, value), x.map(e, condition, "
       "value)"},
      {"${'a'.matches('(')}",
       "6 invalid pattern: missing ): (; patterns are those of RE2; write them as r'...'"},
      {"${split.size ? 1 : 2}", "8 '?' needs a bool, not an int; compare it: x != 0"},
      {"${inputs.text && flag}", "9 '&&' needs a bool, not a text; compare it: x != ''"},
      {"${flag < 1}", "7 '<' cannot compare a bool with an int"},
      {"${[1] < [2]}", "6 '<' cannot compare a list with a list"},
      {"${item == 'a'}",
       "7 '==' cannot look into bytes; bytes, arrays and files are handed on; give "
       "them to a function"},
      {"${'a' in inputs.text}",
       "6 'in' needs a list or a map, not a text; of a text: text.contains(part)"},
      {"${split.chunks['a']}", "15 the index of a list is an int, not a text"},
      {"${split.chunks[-1]}",
       "15 the index of a list is not negative; the last element is x[size(x) - 1]"},
      {"${split.size[0]}", "12 an int has no elements"},
      {"a ${item}",
       "4 bytes cannot appear in a text; declare it as text, or give it to a function"},
      {"${{'a': item}}",
       "8 bytes, arrays and files cannot be part of a map: a map is one JSON value; a list can "
       "hold "
       "them; or give them to the function as an input of its own"},
      {"${{[1]: 1}}", "3 the key of a map is a text, an int or a bool, not a list"},
      {"${range(-1)}", "2 'range' of a negative number"},
      {"${inputs.text.contains(1)}", "14 'contains' needs a text, not an int"},
      {"${1 / 0}", "4 division by zero"},
      {"${[1, 2][5]}", "8 the list has no element 5"},
      {"${-ratio && flag}", "2 '&&' needs a bool, not a double; compare it: x != 0"},
      {"${any('a', flag, flag)}",
       "2 the first argument of 'any' is a number, not a text; write any(1, a.x, b.x)"},
  };
  for (const Row& row : rows) {
    Mistakes mistakes;
    EXPECT_FALSE(compile(row.text, mistakes)) << row.text;
    ASSERT_EQ(mistakes.size(), 1U) << row.text;
    EXPECT_EQ(fmt::format("{} {}{}{}", mistakes[0].spot.offset, mistakes[0].message,
                          mistakes[0].hint.empty() ? "" : "; ", mistakes[0].hint),
              row.result);
  }
}

TEST(Program, ReportsAllMistakesOfAllRoots) {
  Syntax syntax;
  Mistakes mistakes;
  const std::array roots{*syntax.add_template("${x + y}", mistakes),
                         *syntax.add_template("${1 + true + z}", mistakes)};
  EXPECT_FALSE(Program::compile(syntax, roots, names(), mistakes));
  ASSERT_EQ(mistakes.size(), 4U);
  EXPECT_EQ(mistakes[1].spot, (Spot{0, 6}));
  EXPECT_EQ(mistakes[2].spot, (Spot{1, 4}));
  EXPECT_EQ(mistakes[3].spot, (Spot{1, 13}));
}

TEST(Program, SaysWhatARootNames) {
  Mistakes mistakes;
  const auto plain = compile("${ (split.chunks) }", mistakes);
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->roots()[0].plain, 0U);
  const auto several =
      compile("${split.chunks[index] == null ? item : split.size}", mistakes, Checking::kLate);
  ASSERT_TRUE(several);
  EXPECT_EQ(several->roots()[0].plain, std::nullopt);
  EXPECT_EQ(several->roots()[0].variables, (std::vector<std::uint32_t>{0, 1, 6, 7}));
  EXPECT_FALSE(several->roots()[0].is_constant);
  EXPECT_FALSE(several->roots()[0].is_timed);
  const auto timed = compile("${any(1, split.size, index)}", mistakes);
  EXPECT_TRUE(timed->roots()[0].is_timed);
  const auto constant = compile("${[1, 2].map(e, e * 2)}", mistakes);
  EXPECT_TRUE(constant->roots()[0].is_constant);
  EXPECT_TRUE(mistakes.empty());
}

TEST(Program, ANameBoundByAMacroHidesOthers) {
  Mistakes mistakes;
  const auto program = compile("${split.chunks.map(item, item)}", mistakes);
  ASSERT_TRUE(program);
  EXPECT_EQ(program->roots()[0].variables, (std::vector<std::uint32_t>{0}));
  // Outside of the macro it is what it was; with a dot before it also inside.
  const auto outside = compile("${[split.chunks.map(item, .item), [item]]}", mistakes);
  ASSERT_TRUE(outside);
  EXPECT_EQ(outside->roots()[0].variables, (std::vector<std::uint32_t>{0, 6}));
}

TEST(Program, EveryFunctionIsDescribed) {
  ASSERT_EQ(function_help().size(), function_rows().size());
  for (std::size_t i = 0; i < function_rows().size(); ++i)
    EXPECT_EQ(function_help()[i].name, function_rows()[i].name);
}

}  // namespace
}  // namespace sluice::expr
