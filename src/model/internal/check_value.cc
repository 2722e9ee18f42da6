#include "model/internal/check_value.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "base/check.h"
#include "model/internal/mentions.h"
#include "model/internal/read_value.h"
#include "model/literal.h"
#include "model/names.h"

namespace sluice::model {

expr::Syntax::Node ValueChecker::node_of(const DraftValue& value) {
  return value.node ? *value.node : syntax_.add_constant(value.literal.value_or(Json()));
}

void ValueChecker::report(const expr::Mistake& mistake) {
  std::string hint = mistake.hint;
  if (mistake.spot.text < texts_.texts.size()) {
    const std::string dashed =
        scope_.dashed_hint(texts_.texts[mistake.spot.text].text, mistake.spot.offset);
    if (!dashed.empty()) hint = dashed;
  }
  report_.add(place_of(texts_, mistake.spot), mistake.message, std::move(hint));
}

std::optional<Compiled> ValueChecker::compile(std::span<const expr::Syntax::Node> roots,
                                              const Visible& visible) {
  Compiled compiled;
  std::map<Name, std::uint32_t> numbers;
  const expr::Resolve resolve = [&](std::span<const std::string_view> names)
      -> std::expected<expr::Resolution, expr::Unresolved> {
    if (report_.is_full()) return std::unexpected(expr::Unresolved{"", "", 0});
    auto meaning = scope_.resolve(names, visible);
    if (!meaning) return std::unexpected(std::move(meaning.error()));
    const auto [number, is_new] =
        numbers.emplace(meaning->name, static_cast<std::uint32_t>(compiled.names.size()));
    if (is_new) compiled.names.push_back(meaning->name);
    return expr::Resolution{number->second, meaning->names, meaning->type};
  };
  expr::Mistakes mistakes;
  compiled.program = expr::Program::compile(syntax_, roots, resolve, mistakes);
  for (const expr::Mistake& mistake : mistakes) {
    report(mistake);
    if (mistake.spot.text >= texts_.texts.size()) continue;
    // What stands behind the mistake was perhaps not looked at.
    std::vector<Mention> mentions;
    collect_mentions(texts_.texts[mistake.spot.text].text, mentions);
    scope_.use(mentions);
  }
  if (compiled.program == nullptr) return std::nullopt;
  return compiled;
}

CheckedValue ValueChecker::check(const DraftValue& value, const Visible& visible) {
  CheckedValue checked;
  checked.place = value.place;
  checked.text = value.text;
  if (value.literal) {
    checked.literal = value.literal;
    return checked;
  }
  if (!value.node) return checked;
  const expr::Syntax::Node root = *value.node;
  std::optional<Compiled> compiled = compile({&root, 1}, visible);
  if (!compiled) return checked;
  const expr::Root& result = compiled->program->roots()[0];
  checked.type = result.type;
  if (result.plain) {
    checked.link = compiled->names[*result.plain];
  } else {
    checked.compiled = std::move(compiled);
  }
  return checked;
}

CheckedValue ValueChecker::check_condition(const DraftValue& value, const Visible& visible,
                                           std::string_view key) {
  CheckedValue checked = check(value, visible);
  if (checked.is_broken() || checked.literal) return checked;
  const Type& type = checked.type;
  const bool fits = !type.is_list() && (type.kind == Kind::kBool || type.kind == Kind::kJson ||
                                        type.kind == Kind::kAny);
  if (fits) return checked;
  report_.add(checked.place,
              fmt::format("'{}' must be true or false, but {} is {}", key, what_of(checked, scope_),
                          to_text(type)),
              type.is_list() ? "to ask whether it has elements write ${size(...) > 0}"
                             : "compare it, like ${... == \"yes\"} or ${... > 0}; "
                               "${has(...)} asks "
                               "whether it is there");
  return {};
}

Compiled ValueChecker::compile_together(std::span<const DraftValue* const> values,
                                        const Visible& visible) {
  std::vector<expr::Syntax::Node> roots;
  roots.reserve(values.size());
  for (const DraftValue* value : values) roots.push_back(node_of(*value));
  return compile(roots, visible).value_or(Compiled{});
}

Compiled ValueChecker::compile_choice(std::span<const DraftValue* const> conditions,
                                      const Visible& visible) {
  std::vector<expr::Syntax::Node> roots;
  roots.reserve(conditions.size());
  for (const DraftValue* condition : conditions) {
    roots.push_back(condition == nullptr ? syntax_.add_constant(Json(true)) : node_of(*condition));
  }
  return compile(roots, visible).value_or(Compiled{});
}

std::string what_of(const CheckedValue& value, const NameScope& scope) {
  if (!value.link) {
    return value.text.empty() ? "the value here" : fmt::format("'{}'", shown(value.text));
  }
  const Name& name = *value.link;
  const DraftWorkflow& draft = scope.draft();
  switch (name.kind) {
    case Name::Kind::kInput:
      return fmt::format("inputs.{}", shown(draft.inputs[name.owner].name.text));
    case Name::Kind::kOutput:
      return fmt::format("{}.{}", shown(draft.steps[name.owner].name.text),
                         shown(scope.steps[name.owner].ports[name.output].name));
    case Name::Kind::kItem:
      return "item";
    case Name::Kind::kIndex:
      return "index";
    case Name::Kind::kPrevious:
      return "the value of the round before";
    case Name::Kind::kRound:
      return "round";
    case Name::Kind::kError:
      return "error";
    case Name::Kind::kRunId:
      return "run.id";
  }
  std::abort();  // Every kind is named above.
}

bool is_per_element(const Compiled& compiled) {
  return std::ranges::any_of(compiled.names, [](const Name& name) {
    return name.kind == Name::Kind::kItem || name.kind == Name::Kind::kIndex ||
           name.kind == Name::Kind::kError;
  });
}

bool is_per_element(const CheckedValue& value) {
  if (value.link) {
    return value.link->kind == Name::Kind::kItem || value.link->kind == Name::Kind::kIndex ||
           value.link->kind == Name::Kind::kError;
  }
  return value.compiled && is_per_element(*value.compiled);
}

bool is_computable(const Type& type) {
  return type.lists < 2 ||
         (type.kind != Kind::kBytes && type.kind != Kind::kArray && type.kind != Kind::kFile);
}

Type as_computed(Type type) {
  type.access = Access::kWhole;
  if (type.lists >= 2) return Type{.kind = Kind::kJson, .optional = type.optional};
  return type;
}

namespace {

std::string mismatch_hint(const CheckedValue& value, const Fitting& to, const NameScope& scope) {
  const Type& from = value.type;
  const Type& wanted = to.port.type;
  const std::string what = what_of(value, scope);
  Type without_holes = from;
  without_holes.holes = 0;
  if (from.holes != 0 && fits(without_holes, wanted) != Fit::kNo) {
    return fmt::format("elements may be missing: {} drops them; or take '{}' as {}",
                       value.link ? fmt::format("${{present({})}}", what) : "present(...)",
                       shown(to.port.name), wanted.element().optional ? "json" : to_text([&] {
                         Type element = wanted.element();
                         element.optional = true;
                         Type list = element.list_of();
                         list.access = wanted.access;
                         return list;
                       }()));
  }
  if (from.is_list() && value.link && !to.in_foreach && fits(from.element(), wanted) != Fit::kNo) {
    return fmt::format("for one task per element write 'foreach: ${{{}}}' and '{}: ${{item}}'",
                       what, shown(to.port.name));
  }
  if (wanted.is_list() && fits(from, wanted.element()) != Fit::kNo) {
    return value.link ? fmt::format(
                            "'{}' wants a whole list: for a list of one write "
                            "[\"${{{}}}\"]",
                            shown(to.port.name), what)
                      : fmt::format("'{}' wants a whole list", shown(to.port.name));
  }
  if (!wanted.is_list() && wanted.kind == Kind::kText && !from.is_list() &&
      (from.kind == Kind::kInt || from.kind == Kind::kFloat || from.kind == Kind::kBool)) {
    return value.link ? fmt::format("as a text: ${{string({})}}", what) : "as a text: string(...)";
  }
  if (!wanted.is_list() && !from.is_list() && from.kind == Kind::kText &&
      (wanted.kind == Kind::kInt || wanted.kind == Kind::kFloat)) {
    const std::string_view function = wanted.kind == Kind::kInt ? "int" : "double";
    return value.link ? fmt::format("as a number: ${{{}({})}}", function, what)
                      : fmt::format("as a number: {}(...)", function);
  }
  return {};
}

}  // namespace

bool check_fit(const CheckedValue& value, const Fitting& to, const NameScope& scope,
               Report& report) {
  if (value.is_broken()) return false;
  const Type& type = to.port.type;
  if (value.literal) {
    const auto problem = literal_problem(*value.literal, type);
    if (!problem) return true;
    const bool is_unquoted = type.kind == Kind::kText && !type.is_list();
    report.add(value.place, fmt::format("{} {}", to.where, *problem),
               is_unquoted ? "quote it if a text is meant" : "");
    return false;
  }
  if (fits(value.type, type) == Fit::kNo) {
    report.add(value.place,
               fmt::format("{} takes {}, but {} is {}", to.where, to_text(type),
                           what_of(value, scope), to_text(value.type)),
               mismatch_hint(value, to, scope));
    return false;
  }
  if (value.compiled && !is_computable(type)) {
    report.add(value.place,
               fmt::format("{} takes {}: a list of lists that an expression "
                           "puts together is part "
                           "of the language but not there yet",
                           to.where, to_text(type)),
               "pass on a list of lists as it is, by its name alone");
    return false;
  }
  return true;
}

}  // namespace sluice::model
