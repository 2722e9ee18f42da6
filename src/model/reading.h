#pragma once

// How a value that a step is bound to is read: element by element, as a stream, whole. What `sluice
// graph` draws and `sluice explain` says of a link is decided here, by the rules of the language.

#include <cstdint>
#include <string>
#include <string_view>

#include "model/written_step.h"

namespace sluice::model {

enum class Carries : std::uint8_t {
  kElements,   // One element for one task: no barrier.
  kStream,     // A list or the bytes of a value, while they are being written.
  kValue,      // One value.
  kWholeList,  // A list that must be closed, with all its elements.
  kCondition,  // What `when`, a branch or `while` asks.
  kAfter,      // No data, order alone.
};
// `elements`, `stream`, `value`, `list`, `condition`, `after`.
std::string_view to_text(Carries carries);

// Who reads.
enum class Reader : std::uint8_t {
  kFunction,  // By the type of the port.
  kFlow,      // Hands everything on to the steps inside.
  kSet,       // Hands on, too; so does an output of a workflow.
  kForeach,   // Takes the elements one by one.
  kCondition,
  kPlain,  // `wait`, `fail`: one value.
};
Reader reader_of(const WrittenAction& action);

Carries carried(const WrittenName& name, const WrittenValue& value, Reader reader);

// `a.x > 3` for `${a.x > 3}`, `30s` for the literal text `"30s"`; templates and other literals as
// they are.
std::string bare(std::string_view text);
std::string bare(const WrittenValue& value);

}  // namespace sluice::model
