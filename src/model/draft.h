#pragma once

// The app as it is written: names not resolved, types of ports perhaps unknown, and the place of
// every word. Made by parse_app, read by check_app; what could not be read is left out or marked
// broken, after its mistake was reported, so that the check says nothing about it again.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/units.h"
#include "model/plan.h"
#include "model/reference.h"
#include "model/report.h"
#include "model/type.h"

namespace sluice::model {

struct Word {
  std::string text;
  Place place;
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
  std::optional<std::vector<DraftPort>> inputs;  // None: all from the code.
  std::optional<std::vector<DraftPort>> outputs;
  Place inputs_place;
  Place outputs_place;
  std::optional<ByteCount> memory;
  double cpu = 1;
  std::optional<Duration> timeout;
  std::optional<Retry> retry;
  std::vector<std::pair<std::string, std::string>> env;
  bool is_broken = false;
};

// What stands where a value is wanted.
struct DraftSource {
  Reference reference;  // kText: `literal` is the value.
  Json literal;
  Place place;
};

struct DraftBinding {
  Word port;
  DraftSource source;
};

struct DraftStep {
  Word name;
  std::optional<Word> call;
  std::vector<DraftBinding> bindings;
  std::optional<DraftSource> foreach;
  std::uint32_t concurrency = 0;
  std::vector<Word> after;
  std::optional<Duration> timeout;
  std::optional<Retry> retry;
  std::vector<Mention> mentions;  // In what was refused: not unused.
  // Its `in` or `foreach` could not be read, or may stand under an unknown key.
  bool is_broken = false;
};

struct DraftOutput {
  Word name;
  DraftSource source;
};

struct DraftWorkflow {
  Word name;
  std::vector<DraftPort> inputs;
  bool has_inputs = true;  // False: `inputs` could not be read, or may stand under an unknown key.
  std::vector<DraftStep> steps;
  std::vector<DraftOutput> outputs;
  std::optional<Duration> timeout;
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
