#pragma once

// The app as it is written: names not resolved, types of ports perhaps unknown, and the place of
// every word. Made by parse_app, read by check_app; what could not be read is left out or marked
// broken, after its mistake was reported, so that the check says nothing about it again.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/units.h"
#include "model/command.h"
#include "model/expr/syntax.h"
#include "model/plan.h"
#include "model/report.h"
#include "model/type.h"

namespace sluice::model {

struct Word {
  std::string text;
  Place place;
};

// `a.b` as it stands in an expression: of step a, or of `inputs`.
struct Mention {
  std::string owner;
  std::string name;
};

struct DraftPort {
  Word name;
  std::optional<Type> type;  // None: taken from the code, else `any`.
  Place type_place;
  std::optional<Json> default_value;
  Place default_place;
  bool is_broken = false;  // Its type could not be read: no further remarks.
};

struct DraftFunction {
  Word name;
  std::optional<Runtime> runtime;
  std::optional<Word> handler;
  std::optional<Word> binary;                    // Native functions.
  std::optional<std::vector<DraftPort>> inputs;  // None: all from the code.
  std::optional<std::vector<DraftPort>> outputs;
  Place inputs_place;
  Place outputs_place;
  std::optional<ByteCount> memory;
  double cpu = 1;
  std::optional<Duration> timeout;
  std::optional<Retry> retry;
  std::vector<std::pair<std::string, std::string>> env;
  bool effects = false;
  bool cache = false;
  std::uint32_t parallel = 1;
  std::optional<Function::Workers> workers;
  bool is_broken = false;
};

// The trees of all expressions of one step, or of the outputs of a workflow,
// and where each of their texts stands in the file.
struct DraftTexts {
  struct Text {
    Place place;
    std::string text;
    bool verbatim = false;  // Byte n of the text stands n bytes behind the place.
  };
  expr::Syntax syntax;
  std::vector<Text> texts;  // By their numbers in the syntax.
};

// What stands where a value is wanted. Neither literal nor node: it could not
// be read.
struct DraftValue {
  Place place;
  std::optional<Json> literal;             // Without any `${…}`.
  std::optional<expr::Syntax::Node> node;  // Of the texts of its step or workflow.
  std::string text;                        // As written; of lists and maps the beginning.
  bool is_broken() const { return !literal && !node; }
};

struct DraftBinding {
  Word port;
  DraftValue value;
};

// `run:` and `out:`.
struct DraftCommand {
  struct Piece {
    std::string text;
    std::optional<DraftValue> value;  // Instead of a text.
    bool in_quotes = false;           // Shell: between double quotes.
    bool is_alone = true;             // A whole argument, or word of the shell.
  };
  struct Product {
    Word name;
    Command::Product file;
    Type type;
  };
  bool is_shell = false;
  std::vector<std::vector<Piece>> words;
  std::vector<Product> products;
};

enum class ActionKind : std::uint8_t { kNone, kCall, kRun, kFlow, kSet, kWait, kFail };

// What a step, a branch or a `catch` does.
struct DraftAction {
  ActionKind kind = ActionKind::kNone;
  Place place;
  std::optional<Word> target;           // kCall, kFlow; none: it could not be read.
  std::optional<DraftCommand> command;  // kRun; none: it could not be read.
  std::vector<DraftBinding> in;
  std::vector<DraftBinding> set;
  std::optional<DraftValue> time;  // kWait; else `answers`.
  std::vector<DraftPort> answers;
  std::optional<DraftValue> fail_name;
  std::optional<DraftValue> fail_message;
  // Its `in` could not be read, or may stand under an unknown key: nothing is
  // missing.
  bool is_broken = false;
};

struct DraftBranch {
  Place place;
  std::optional<DraftValue> when;
  DraftAction action;
};

struct DraftClause {
  Place place;
  std::vector<Word> errors;
  DraftAction action;  // kNone: the outputs are absent.
};

struct DraftStep {
  Word name;
  DraftAction action;                 // kNone where there are branches, or it is broken.
  std::vector<DraftBranch> branches;  // Of a `switch`.
  std::optional<Place> switch_place;
  std::optional<DraftValue> foreach;
  std::uint32_t concurrency = 0;
  std::vector<Word> after;
  std::optional<DraftValue> when;
  std::optional<DraftValue> loop;  // `while`
  std::uint32_t rounds = 0;        // `max`
  std::optional<Duration> timeout;
  std::optional<Retry> retry;
  std::vector<DraftClause> clauses;
  std::optional<StartMode> start;
  std::optional<bool> effects;
  std::optional<bool> cache;
  std::optional<double> cpu;
  std::optional<ByteCount> memory;
  Place start_place, effects_place, cache_place, resources_place;
  DraftTexts texts;
  std::vector<Mention> mentions;  // In what was refused: not unused.
  // Its action or `foreach` could not be read, or may stand under an unknown
  // key.
  bool is_broken = false;
};

struct DraftWorkflow {
  Word name;
  std::vector<DraftPort> inputs;
  bool has_inputs = true;  // False: `inputs` could not be read, or may stand under an unknown key.
  std::vector<DraftStep> steps;
  std::vector<DraftBinding> outputs;
  DraftTexts texts;  // Of the outputs.
  std::optional<Duration> timeout;
  OnFailure on_failure = OnFailure::kStop;
  Keep keep = Keep::kOutputs;
  std::vector<Mention> mentions;
  bool is_broken = false;
};

class Draft {
 public:
  Word app;
  std::vector<DraftFunction> functions;
  std::vector<DraftWorkflow> workflows;
  bool has_functions = true;  // False: `functions` itself could not be read.
};

}  // namespace sluice::model
