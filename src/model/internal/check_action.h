#pragma once

// What a step, a branch or a clause does: which function or workflow is meant, and whether it gets
// what it needs.

#include <string>

#include "model/internal/check_step.h"

namespace sluice::model {

// Whether the task may be skipped because a required input is absent: for an element of a foreach,
// or altogether.
struct MaySkip {
  bool element = false;
  bool whole = false;
};

struct ActionPlace {
  std::string who;  // "step 's'", for messages.
  Place name_place;
  bool in_foreach = false;
  bool together = false;   // All outputs of a `set` are one task.
  bool is_broken = false;  // Perhaps something stands under an unknown key:
                           // nothing is missing.
};

class ActionChecker {
 public:
  ActionChecker(const Callables& callables, ValueChecker& values, NameScope& scope, Report& report)
      : callables_(callables), values_(values), scope_(scope), report_(report) {}

  // The target and, as far as they do not depend on values, the outputs.
  CheckedAction resolve(const DraftAction& draft);
  void check(const DraftAction& draft, const ActionPlace& place, const Visible& visible,
             CheckedAction& action, MaySkip& may_skip);

 private:
  void resolve_target(const DraftAction& draft, CheckedAction& action);
  void check_flow_output(const DraftAction& draft, Port& output);
  void check_in(const DraftAction& draft, const ActionPlace& place, const Visible& visible,
                CheckedAction& action, MaySkip& may_skip);
  void check_binding(const DraftBinding& binding, const ActionPlace& place, const Visible& visible,
                     CheckedAction& action, MaySkip& may_skip);
  void check_run(const DraftAction& draft, const ActionPlace& place, const Visible& visible,
                 CheckedAction& action, MaySkip& may_skip);
  void check_set(const DraftAction& draft, const ActionPlace& place, const Visible& visible,
                 CheckedAction& action);
  void check_wait(const DraftAction& draft, const Visible& visible, CheckedAction& action);
  void check_fail(const DraftAction& draft, const Visible& visible, CheckedAction& action);
  // Null: not known; nothing is said.
  const std::vector<Port>* inputs_of(const CheckedAction& action) const;
  std::string target_of(const CheckedAction& action) const;

  const Callables& callables_;
  ValueChecker& values_;
  NameScope& scope_;
  Report& report_;
};

}  // namespace sluice::model
