#include "evaluate/answer.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "evaluate/operands.h"

namespace sluice::evaluate {
namespace {

using Kind = core::ComputedOutput::Kind;
using expr::Outcome;
using expr::Ref;
using expr::Value;
using expr::Want;

class Answering {
 public:
  Answering(const core::Compute& question, const Task& task, const Sight& sight,
            expr::Evaluation& evaluation, std::uint64_t steps_max)
      : question_(question),
        task_(task),
        operands_(task, sight),
        evaluation_(evaluation),
        steps_max_(steps_max) {
    answer_.computed.attempt = question.attempt;
  }

  Answer run() {
    switch (task_.step.roots) {
      case model::Roots::kValues:
        values();
        break;
      case model::Roots::kFlags:
        flags();
        break;
      case model::Roots::kChoice:
        choice();
        break;
      case model::Roots::kFailure:
        failure();
        break;
    }
    sort_unique(used_);
    sort_unique(needs_);
    for (const Ref& ref : used_) answer_.computed.used.push_back(operands_.datum(ref));
    for (const Ref& ref : needs_) answer_.computed.needs.push_back(operands_.datum(ref));
    return std::move(answer_);
  }

 private:
  static void sort_unique(std::vector<Ref>& refs) {
    std::sort(refs.begin(), refs.end());
    refs.erase(std::unique(refs.begin(), refs.end()), refs.end());
  }
  std::uint32_t roots() const {
    return static_cast<std::uint32_t>(task_.step.program->roots().size());
  }
  bool is_given(std::uint32_t port) const { return (question_.given >> port & 1) != 0; }

  const Outcome& evaluate(std::uint32_t root, Want want) {
    const Outcome& outcome = evaluation_.evaluate(*task_.step.program, root, operands_, want);
    answer_.steps += evaluation_.steps();
    if (outcome.exhausted || answer_.steps > steps_max_) answer_.is_exhausted = true;
    return outcome;
  }
  // What an unknown outcome waits for.
  void wait(const Outcome& outcome) {
    needs_.insert(needs_.end(), outcome.needs.begin(), outcome.needs.end());
    needs_.insert(needs_.end(), outcome.used.begin(), outcome.used.end());
    for (const Ref& ref : outcome.reads) {
      const std::optional<core::Known> known = operands_.known(ref);
      if (known && known->state == core::Known::State::kObject)
        answer_.reads.push_back(known->object);
    }
  }
  void use(const Outcome& outcome) {
    used_.insert(used_.end(), outcome.used.begin(), outcome.used.end());
  }

  core::ComputedOutput& give(std::uint32_t port, Kind kind) {
    return answer_.computed.outputs.emplace_back(core::ComputedOutput{.port = port, .kind = kind});
  }
  // `what`: the output that failed, where the step has several.
  core::Failure describe(std::uint32_t root, std::string name, std::string_view message,
                         std::optional<expr::Spot> spot = std::nullopt) const {
    std::string text = fmt::format("step '{}'", task_.step.name);
    if (root < task_.step.outputs.size() && !task_.step.outputs[root].name.empty() &&
        task_.step.outputs[root].name != task_.step.name)
      text += fmt::format(", '{}'", task_.step.outputs[root].name);
    text += fmt::format(": {}", message);
    if (spot && !task_.step.text.empty())
      text +=
          fmt::format(" (character {} of '{}')", spot->offset + 1, task_.step.text.substr(0, 200));
    else if (spot)
      text += fmt::format(" (character {} of the expression)", spot->offset + 1);
    return {.name = std::move(name), .message = std::move(text)};
  }
  core::Failure describe(std::uint32_t root, const expr::Failure& failure) const {
    return describe(root, failure.name, failure.message, failure.spot);
  }
  // A value that is certain, but does not fit where it goes. Into an input that is the same mistake
  // as by a link: the expression itself is good.
  core::Failure misfit(std::uint32_t root, const Error& error) const {
    const bool is_large = error.code() == ErrorCode::kResourceExhausted;
    const char* name = task_.step.helper ? "InvalidInput" : "BadExpression";
    return describe(root, is_large ? "TooLarge" : name, error.message());
  }
  // An error of root `root`. False: it ends the whole task.
  bool broken(std::uint32_t port, core::Failure failure) {
    if (task_.step.helper) {
      give(port, Kind::kBroken).failure = std::move(failure);
      return true;
    }
    answer_.computed.outputs.clear();
    answer_.values.clear();
    answer_.computed.failure = std::move(failure);
    return false;
  }
  bool is_over() const { return answer_.computed.failure.has_value(); }

  // ---- kValues ----

  void values() {
    for (std::uint32_t port = 0; port < roots() && !is_over(); ++port) {
      if (!is_given(port)) value(port);
    }
  }

  // True: there is no value, and this says why.
  bool is_answered(std::uint32_t port, const Outcome& outcome) {
    switch (outcome.kind) {
      case Outcome::Kind::kUnknown:
        wait(outcome);
        return true;
      case Outcome::Kind::kAbsent:
        use(outcome);
        give(port, Kind::kAbsent);
        return true;
      case Outcome::Kind::kError:
        use(outcome);
        broken(port, describe(port, outcome.failure));
        return true;
      case Outcome::Kind::kView:
      case Outcome::Kind::kValue:
        return false;
    }
    std::abort();
  }

  void value(std::uint32_t port) {
    const model::Type& type = task_.step.outputs[port].type;
    const Outcome& outcome = evaluate(port, Want::kValue);
    if (is_answered(port, outcome)) return;
    if (outcome.kind == Outcome::Kind::kView) {
      if (!type.is_list() || !view(port, outcome, outcome.view, outcome.drop_holes))
        read_value(port);
      return;
    }
    const Value& value = outcome.value;
    if (value.kind() == Value::Kind::kHole) {
      use(outcome);
      give(port, Kind::kAbsent);
      return;
    }
    if (value.kind() == Value::Kind::kRef) {
      const Ref ref = value.as_ref();
      if (type.is_list() ? !view(port, outcome, ref, false) : !reference(port, outcome, ref))
        read_value(port);
      return;
    }
    if (value.kind() == Value::Kind::kList) {
      if (!type.is_list() || !list(port, outcome, type)) read_value(port);
      return;
    }
    plain(port, outcome, type);
  }

  // Hands on one value. False: it is no data of core, or a list that must be put together.
  bool reference(std::uint32_t port, const Outcome& outcome, const Ref& ref) {
    if (!is_handed_on(ref)) return false;
    use(outcome);
    give(port, Kind::kValue)
        .pieces.push_back({.kind = core::Piece::Kind::kDatum, .datum = operands_.datum(ref)});
    return true;
  }
  // A single value of core, there or still to come.
  bool is_handed_on(const Ref& ref) const {
    const std::optional<core::Known> known = operands_.known(ref);
    return known && (known->state == core::Known::State::kObject ||
                     known->state == core::Known::State::kUnknown ||
                     known->state == core::Known::State::kAbsent);
  }

  // Hands on a list. False: it is no list of core's, but perhaps an array of JSON.
  bool view(std::uint32_t port, const Outcome& outcome, const Ref& ref, bool drop_holes) {
    const std::optional<core::Known> known = operands_.known(ref);
    if (!known || known->state != core::Known::State::kList) return false;
    if (ref.depth == 0) {
      use(outcome);
      core::ComputedOutput& output = give(port, Kind::kView);
      output.view = operands_.datum(ref);
      output.drop_holes = drop_holes;
      return true;
    }
    // A list in a list is handed on once it is closed.
    std::vector<core::Piece> pieces;
    if (!known->closed) {
      needs_.push_back(ref);
      return true;
    }
    std::vector<Ref> used = {ref};
    bool is_certain = true;
    for (std::uint32_t i = 0; i < known->count; ++i) {
      Ref element = ref;
      element.index[element.depth++] = i;
      const std::optional<core::Known> inner =
          drop_holes ? operands_.known(element) : std::optional<core::Known>();
      if (inner && inner->state == core::Known::State::kUnknown) {
        needs_.push_back(element);
        is_certain = false;
      }
      if (inner) used.push_back(element);
      if (inner && inner->state == core::Known::State::kAbsent) continue;
      pieces.push_back(
          {.kind = core::Piece::Kind::kDatum, .object = {}, .datum = operands_.datum(element)});
    }
    if (!is_certain) return true;
    use(outcome);
    used_.insert(used_.end(), used.begin(), used.end());
    give(port, Kind::kList).pieces = std::move(pieces);
    return true;
  }

  // A list that was built, or an array. False: something in it has to be read first.
  bool list(std::uint32_t port, const Outcome& outcome, const model::Type& type) {
    const Value& value = outcome.value;
    const std::size_t count = value.size();
    for (std::size_t i = 0; i < count; ++i) {
      const Value element = value.at(i);
      if (element.kind() == Value::Kind::kRef && !is_handed_on(element.as_ref())) return false;
      if (element.kind() == Value::Kind::kList) return false;
    }
    return pieces(port, outcome, type);
  }

  bool pieces(std::uint32_t port, const Outcome& outcome, const model::Type& type) {
    use(outcome);
    const model::Type element_type = type.element();
    core::ComputedOutput output{.port = port, .kind = Kind::kList};
    const auto number = static_cast<std::uint32_t>(answer_.computed.outputs.size());
    const std::size_t values_before = answer_.values.size();
    const std::size_t count = outcome.value.size();
    output.pieces.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      const Value element = outcome.value.at(i);
      core::Piece& piece = output.pieces.emplace_back();
      const bool is_null = element.kind() == Value::Kind::kNull && (type.holes & 1) != 0;
      if (element.kind() == Value::Kind::kHole || is_null) {
        piece.kind = core::Piece::Kind::kHole;
        continue;
      }
      if (element.kind() == Value::Kind::kRef) {
        piece.kind = core::Piece::Kind::kDatum;
        piece.datum = operands_.datum(element.as_ref());
        continue;
      }
      Result<Made> made = make_value(element, element_type);
      if (!made) {
        answer_.values.resize(values_before);
        broken(port, misfit(port, Error(made.error().code(),
                                        fmt::format("element {}: {}", i, made.error().message()))));
        return true;
      }
      answer_.values.push_back(
          {.output = number, .piece = static_cast<std::uint32_t>(i), .value = std::move(*made)});
    }
    answer_.computed.outputs.push_back(std::move(output));
    return true;
  }

  void plain(std::uint32_t port, const Outcome& outcome, const model::Type& type) {
    use(outcome);
    if (type.is_list()) {
      broken(port, misfit(port, Error(ErrorCode::kInvalidArgument, "the value must be a list")));
      return;
    }
    Result<Made> made = make_value(outcome.value, type);
    if (!made) {
      broken(port, misfit(port, made.error()));
      return;
    }
    answer_.values.push_back({.output = static_cast<std::uint32_t>(answer_.computed.outputs.size()),
                              .piece = 0,
                              .value = std::move(*made)});
    give(port, Kind::kValue).pieces.emplace_back();
  }

  // The value as JSON: a list that becomes one value, or an array that is taken apart.
  void read_value(std::uint32_t port) {
    const model::Type& type = task_.step.outputs[port].type;
    const Outcome& outcome = evaluate(port, Want::kJson);
    if (is_answered(port, outcome)) return;
    if (type.is_list() && outcome.value.kind() == Value::Kind::kList) {
      pieces(port, outcome, type);
    } else {
      plain(port, outcome, type);
    }
  }

  // ---- conditions ----

  void flags() {
    for (std::uint32_t port = 0; port < roots() && !is_over(); ++port) {
      if (is_given(port)) continue;
      const Outcome& outcome = evaluate(port, Want::kCondition);
      if (outcome.kind == Outcome::Kind::kUnknown) {
        wait(outcome);
        continue;
      }
      use(outcome);
      if (outcome.kind == Outcome::Kind::kError) {
        broken(port, describe(port, outcome.failure));
      } else {
        give(port, is_true(outcome) ? Kind::kFlag : Kind::kAbsent);
      }
    }
  }

  static bool is_true(const Outcome& outcome) {
    return outcome.kind == Outcome::Kind::kValue && outcome.value.as_bool();
  }

  void choice() {
    for (std::uint32_t port = 0; port < roots(); ++port) {
      // Given already: it was not this one, or the others would be given too.
      if (is_given(port)) continue;
      const Outcome& outcome = evaluate(port, Want::kCondition);
      if (outcome.kind == Outcome::Kind::kUnknown) return wait(outcome);
      use(outcome);
      if (outcome.kind == Outcome::Kind::kError) {
        if (!broken(port, describe(port, outcome.failure))) return;
      } else if (!is_true(outcome)) {
        give(port, Kind::kAbsent);
        continue;
      } else {
        give(port, Kind::kFlag);
      }
      for (std::uint32_t other = port + 1; other < roots(); ++other) give(other, Kind::kAbsent);
      return;
    }
  }

  // ---- fail ----

  void failure() {
    struct Part {
      Outcome::Kind kind = Outcome::Kind::kUnknown;
      std::string text;
      core::Failure failure;
      std::vector<Ref> used;
    };
    const auto read = [&](std::uint32_t root) {
      const Outcome& outcome = evaluate(root, Want::kJson);
      Part part{.kind = outcome.kind, .text = {}, .failure = {}, .used = outcome.used};
      if (outcome.kind == Outcome::Kind::kUnknown) wait(outcome);
      if (outcome.kind == Outcome::Kind::kError) part.failure = describe(root, outcome.failure);
      if (outcome.kind != Outcome::Kind::kValue) return part;
      if (outcome.value.kind() == Value::Kind::kText) {
        part.text = outcome.value.as_text();
      } else {
        part.kind = Outcome::Kind::kError;
        part.failure = describe(
            root, "BadExpression",
            root == 0 ? "the name of a failure is a text" : "the message of a failure is a text");
      }
      return part;
    };
    Part name = read(0);
    Part message = read(1);
    const auto is = [&](Outcome::Kind kind) { return name.kind == kind || message.kind == kind; };
    if (is(Outcome::Kind::kAbsent)) {
      // Certain, whatever the other part may be.
      const Part& absent = name.kind == Outcome::Kind::kAbsent ? name : message;
      used_.insert(used_.end(), absent.used.begin(), absent.used.end());
      needs_.clear();
      answer_.reads.clear();
      answer_.computed.skipped = true;
      return;
    }
    if (is(Outcome::Kind::kUnknown)) return;
    used_.insert(used_.end(), name.used.begin(), name.used.end());
    used_.insert(used_.end(), message.used.begin(), message.used.end());
    if (is(Outcome::Kind::kError)) {
      Part& wrong = name.kind == Outcome::Kind::kError ? name : message;
      answer_.computed.failure = std::move(wrong.failure);
    } else if (name.text.empty()) {
      answer_.computed.failure = describe(0, "BadExpression", "the name of a failure is empty");
    } else {
      answer_.computed.failure =
          core::Failure{.name = std::move(name.text), .message = std::move(message.text)};
    }
  }

  const core::Compute& question_;
  const Task& task_;
  Operands operands_;
  expr::Evaluation& evaluation_;
  const std::uint64_t steps_max_;
  std::vector<Ref> used_;
  std::vector<Ref> needs_;
  Answer answer_;
};

}  // namespace

Answer answer(const core::Compute& question, const Task& task, const Sight& sight,
              expr::Evaluation& evaluation, std::uint64_t steps_max) {
  return Answering(question, task, sight, evaluation, steps_max).run();
}

core::Computed broken_answer(const core::Compute& question, core::Failure failure) {
  core::Computed computed;
  computed.attempt = question.attempt;
  computed.failure = std::move(failure);
  return computed;
}

}  // namespace sluice::evaluate
