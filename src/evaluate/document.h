#pragma once

// The value of an object, parsed, as expressions look into it. Immutable; shared by evaluations on
// any thread.

#include <cstdint>
#include <memory>
#include <string>

#include "base/ids.h"
#include "model/expr/evaluate.h"

namespace sluice::evaluate {

class Document {
 public:
  // `kind` is the object's; of bytes, arrays and files nothing is looked into.
  static std::shared_ptr<const Document> parse(model::Kind kind, std::string bytes);
  // Something that cannot be read, for this reason.
  static std::shared_ptr<const Document> unreadable(std::string why);

  expr::Reading reading() const { return {.state = state_, .json = &json_, .message = message_}; }
  // About what it takes in memory.
  std::size_t memory() const { return memory_; }

 private:
  expr::Reading::State state_ = expr::Reading::State::kLoaded;
  Json json_;
  std::string message_;
  std::size_t memory_ = 0;
};
using DocumentPtr = std::shared_ptr<const Document>;

// What can be said of a value before its bytes are seen; kNotLoaded: they have to be.
expr::Reading reading_of(model::Kind kind, std::uint64_t size);

// Larger values are not looked into.
inline constexpr std::uint64_t kDocumentBytesMax = 1 << 20;

}  // namespace sluice::evaluate
