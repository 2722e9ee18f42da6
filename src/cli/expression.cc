#include "cli/expression.h"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "cli/terminal.h"
#include "model/expr/evaluate.h"
#include "model/expr/program.h"
#include "model/expr/syntax.h"
#include "model/names.h"

namespace sluice::cli {
namespace {

// As in a run: a value that is looked into has at most so many bytes as JSON.
constexpr std::size_t kReadMax = 1 << 20;

class Variables final : public expr::Knowledge {
 public:
  explicit Variables(const Json::Map& members) : members_(members) {
    for (const auto& [name, value] : members) {
      sizes_.push_back(to_text(value).size());
      names_.emplace_back(name);
    }
  }

  // A member may have dots in its name; the longest that fits is meant.
  std::expected<expr::Resolution, expr::Unresolved> resolve(
      std::span<const std::string_view> names) const {
    std::optional<expr::Resolution> found;
    std::string dotted;
    for (std::uint32_t i = 0; i < names.size(); ++i) {
      dotted += (i > 0 ? "." : "") + std::string(names[i]);
      const auto at = std::ranges::find(members_, dotted, &Json::Member::first);
      if (at == members_.end()) continue;
      found = expr::Resolution{static_cast<std::uint32_t>(at - members_.begin()), i + 1, {}};
    }
    if (found) return *found;
    return std::unexpected(expr::Unresolved{
        fmt::format("unknown name '{}'", model::shown(names[0])),
        names_.empty() ? "--json FILE gives values to names"
                       : model::did_you_mean(names[0], std::span<const std::string>(names_)),
        0});
  }

  expr::Look look(const expr::Ref& ref) const override {
    expr::Look look;
    look.state = expr::Look::State::kObject;
    look.size = sizes_[ref.variable];
    return look;
  }
  expr::Reading read(const expr::Ref& ref) const override {
    using State = expr::Reading::State;
    if (sizes_[ref.variable] > kReadMax) return {State::kTooLarge, nullptr, {}};
    return {State::kLoaded, &members_[ref.variable].second, {}};
  }

 private:
  const Json::Map& members_;
  std::vector<std::size_t> sizes_;
  std::vector<std::string> names_;
};

// `1:3: division by zero`, the line, and a caret below the place.
std::string located(std::string_view text, std::size_t offset, std::string_view message,
                    std::string_view hint) {
  offset = std::min(offset, text.size());
  const std::size_t line_begin = offset == 0 ? 0 : text.rfind('\n', offset - 1) + 1;
  const std::size_t line_end = std::min(text.find('\n', offset), text.size());
  const std::string_view before = text.substr(line_begin, offset - line_begin);
  const auto lines = 1 + std::ranges::count(text.substr(0, offset), '\n');
  const auto is_first_byte = [](char c) { return (c & 0xC0) != 0x80; };
  const auto column = 1 + std::ranges::count_if(before, is_first_byte);
  std::string out = fmt::format("{}:{}: {}\n", lines, column, printable_line(message));
  // The line as far as it fits; a caret in a line of 16 KiB helps nobody.
  if (line_end - line_begin <= 200) {
    std::string indent;
    for (const char c : before) {
      if (is_first_byte(c)) indent.push_back(c == '\t' ? '\t' : ' ');
    }
    out += fmt::format("    {}\n    {}^\n",
                       printable(text.substr(line_begin, line_end - line_begin)), indent);
  }
  if (!hint.empty()) out += fmt::format("    hint: {}\n", printable_line(hint));
  return out;
}

}  // namespace

Evaluated evaluate_expression(std::string_view expression, const Json& variables) {
  static const Json::Map kNone;
  const Variables knowledge(variables.as_map() ? *variables.as_map() : kNone);
  const auto resolve = [&](std::span<const std::string_view> names) {
    return knowledge.resolve(names);
  };
  Evaluated result;
  expr::Syntax syntax;
  expr::Mistakes mistakes;
  const auto root = syntax.add_expression(expression, mistakes);
  if (!root) {
    const expr::Mistake& mistake = mistakes[0];
    result.mistake = located(expression, mistake.spot.offset, mistake.message, mistake.hint);
    return result;
  }
  const std::array roots{*root};
  const auto program =
      expr::Program::compile(syntax, roots, resolve, mistakes, expr::Checking::kLate);
  expr::Evaluation evaluation;
  const expr::Outcome& outcome = evaluation.evaluate(*program, 0, knowledge, expr::Want::kJson);
  if (outcome.kind == expr::Outcome::Kind::kAbsent) {
    result.is_good = true;
    result.is_absent = true;
    return result;
  }
  std::string message = outcome.failure.message;
  std::size_t offset = outcome.failure.spot.offset;
  if (outcome.kind == expr::Outcome::Kind::kValue) {
    auto json = expr::to_json_text(outcome.value);
    if (json) {
      result.is_good = true;
      result.json = std::move(*json);
      return result;
    }
    message = json.error().message();
    offset = 0;
  }
  // What deploy would say of the same place has a hint.
  std::string hint;
  static_cast<void>(
      expr::Program::compile(syntax, roots, resolve, mistakes, expr::Checking::kStrict));
  for (const expr::Mistake& mistake : mistakes) {
    if (mistake.spot.offset != offset || mistake.hint.empty()) continue;
    message = mistake.message;
    hint = mistake.hint;
  }
  result.mistake = located(expression, offset, message, hint);
  return result;
}

}  // namespace sluice::cli
