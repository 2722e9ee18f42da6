#pragma once

// Collects the mistakes of one file. All of them are wanted in one go, but a hostile file must not
// turn into an endless answer: beyond kMistakesMax the rest is counted as one.

#include <cstdint>
#include <string>
#include <utility>

#include "model/mistake.h"

namespace sluice::model {

struct Place {
  std::uint32_t line = 1;
  std::uint32_t column = 1;

  friend bool operator==(const Place&, const Place&) = default;
};

class Report {
 public:
  // Nobody corrects more at once, and at ~200 bytes each this bounds an answer to 100 KB.
  static constexpr std::size_t kMistakesMax = 500;

  Report(Mistakes& mistakes, std::string file) : mistakes_(mistakes), file_(std::move(file)) {}

  void add(Place place, std::string message, std::string hint = {}) {
    if (mistakes_.size() > kMistakesMax) return;
    if (mistakes_.size() == kMistakesMax) {
      message = "there are more mistakes than these";
      hint = "correct these first";
    }
    mistakes_.push_back({file_, place.line, place.column, std::move(message), std::move(hint)});
  }
  const std::string& file() const { return file_; }
  // No mistake is taken any more: what costs time to say need not be said.
  bool is_full() const { return mistakes_.size() > kMistakesMax; }

 private:
  Mistakes& mistakes_;
  std::string file_;
};

}  // namespace sluice::model
