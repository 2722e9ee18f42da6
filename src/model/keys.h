#pragma once

// Every key of `sluice.yaml`, once: the reader, the JSON Schema and the reference of the language
// are made from this table, so that none of them can know a key that the others do not.

#include <cstdint>
#include <span>
#include <string_view>

namespace sluice::model {

// A map of the file with keys of its own.
enum class Section : std::uint8_t {
  kApp,
  kFunction,
  kPort,
  kResources,
  kRetry,
  kWorkers,
  kWorkflow,
  kStep,
  kFailure,  // `fail: { name, message }`
  kBranch,   // One of a `switch`.
  kClause,   // One `catch`.
  kProduct,  // One of `out`: `{ path, type, emit }`
};
inline constexpr std::size_t kSectionCount = 12;

enum class KeyState : std::uint8_t { kKnown, kReserved };

// What stands behind a key.
enum class KeyShape : std::uint8_t {
  kWord,          // A plain word; `pattern` says which.
  kChoice,        // One of `choices`.
  kDuration,      // `30s`
  kSize,          // `256Mi`
  kNumber,        // From `least` to `most`.
  kCount,         // The same, without fraction.
  kFlag,          // `true` or `false`.
  kWords,         // A list of words.
  kTexts,         // A map of names to plain values.
  kType,          // A port type.
  kPorts,         // A map of names to port types.
  kLiteral,       // Anything without `${…}`.
  kValue,         // Anything, `${…}` inside.
  kText,          // A text, `${…}` inside.
  kCondition,     // `${…}` that is true or false.
  kValues,        // A map of names to anything, `${…}` inside.
  kList,          // A list, or `${…}` that is one.
  kTimeOrPorts,   // A duration, a time, `${…}`, or a map of ports.
  kMap,           // A map with the keys of section `of`.
  kMaps,          // A map of names to such maps.
  kMapList,       // A list of such maps.
  kMapOrMapList,  // One such map or a list of them.
  kCommand,       // A text or a list of texts, `${…}` inside.
  kProducts,      // A map of names to paths, or to maps with the keys of section `of`.
  kAnything,      // Not read yet.
};

struct Key {
  std::string_view name;
  KeyShape shape;
  std::string_view about;  // One line for the schema and the reference.
  KeyState state = KeyState::kKnown;
  Section of = Section::kApp;     // kMap…
  std::string_view choices = {};  // kChoice: `full|none`.
  double least = 0;               // kNumber, kCount.
  double most = 0;
  std::string_view pattern = {};  // kWord, kMaps (of the names): a regular expression.
  bool is_required = false;
};

// What somebody who comes from elsewhere writes, and what to tell them.
struct KeyHint {
  std::string_view written;
  std::string_view hint;
};

// For the reference: what holds where a key is left out (nothing: it cannot be), and an example: of
// an app a whole file, of a workflow one of the map `workflows`, of what belongs to a function one
// of `functions`, of all else one of `steps`.
struct KeyExample {
  std::string_view key;
  std::string_view left_out;
  std::string_view yaml;
};

// In the order in which they are explained.
std::span<const Key> keys_of(Section section);
const Key* find_key(Section section, std::string_view name);
std::span<const KeyHint> key_hints(Section section);
std::span<const KeyExample> key_examples(Section section);
// The beginning of a file in which the examples of workflows and steps can stand.
std::string_view example_setting();
// As in messages: `a step`, `'retry'`.
std::string_view section_name(Section section);
// A few words on what the section is, for the schema and the reference.
std::string_view section_about(Section section);

// The keys of a step, a branch and a clause of which exactly one (in a clause: at most one) says
// what is done.
inline constexpr std::string_view kActions[] = {"call", "run",  "flow",  "set",
                                                "wait", "fail", "switch"};
bool is_action(std::string_view key);

// Names in the file as regular expressions (contracts: names).
inline constexpr std::string_view kNamePattern = "^[A-Za-z0-9_][A-Za-z0-9_-]{0,62}$";
inline constexpr std::string_view kIdentifierPattern = "^[A-Za-z_][A-Za-z0-9_]{0,62}$";

}  // namespace sluice::model
