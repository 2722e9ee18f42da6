#pragma once

// Values of one step (or of the outputs of a workflow): compiled, typed, and compared with what
// they are bound to.

#include <span>
#include <string>
#include <vector>

#include "model/internal/checked.h"
#include "model/internal/name_scope.h"
#include "model/report.h"

namespace sluice::model {

class ValueChecker {
 public:
  ValueChecker(const DraftTexts& texts, NameScope& scope, Report& report)
      : texts_(texts), syntax_(texts.syntax), scope_(scope), report_(report) {}

  CheckedValue check(const DraftValue& value, const Visible& visible);
  // Of `when`, `while`; `key` is for the message.
  CheckedValue check_condition(const DraftValue& value, const Visible& visible,
                               std::string_view key);
  // One program for values that were checked before and are not broken.
  Compiled compile_together(std::span<const DraftValue* const> values, const Visible& visible);
  // The conditions of a `switch`; null for a branch without one: `true`.
  Compiled compile_choice(std::span<const DraftValue* const> conditions, const Visible& visible);

 private:
  std::optional<Compiled> compile(std::span<const expr::Syntax::Node> roots,
                                  const Visible& visible);
  expr::Syntax::Node node_of(const DraftValue& value);
  void report(const expr::Mistake& mistake);

  const DraftTexts& texts_;
  expr::Syntax syntax_;  // With constants for what has no expression.
  NameScope& scope_;
  Report& report_;
};

// As in messages: `split.chunks`, or what stands there.
std::string what_of(const CheckedValue& value, const NameScope& scope);
// Whether the value is another for each element of a foreach.
bool is_per_element(const CheckedValue& value);
bool is_per_element(const Compiled& compiled);

// Says it if the value cannot be bound to the port. `where` as in "input 'x' of step 's'".
struct Fitting {
  const Port& port;
  std::string where;
  bool in_foreach = false;
};
bool check_fit(const CheckedValue& value, const Fitting& to, const NameScope& scope,
               Report& report);

// Whether an expression can yield such a value: lists of lists of bytes, arrays and files cannot be
// put together, since that is one value of JSON.
bool is_computable(const Type& type);
// What a computed value of this type is in the plan: lists of lists are JSON.
Type as_computed(Type type);

}  // namespace sluice::model
