#include "model/mistake.h"

#include <fmt/format.h>

namespace sluice::model {

std::string to_text(const Mistake& mistake) {
  std::string text =
      fmt::format("{}:{}:{}: {}", mistake.file, mistake.line, mistake.column, mistake.message);
  if (!mistake.hint.empty()) text += fmt::format("\n    hint: {}", mistake.hint);
  return text;
}

}  // namespace sluice::model
