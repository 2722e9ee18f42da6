// Any bytes as a command of the shell, `@` for a reference: the scanner answers for each, however
// the text is cut into pieces, and what it has lost it does not find again.

#include "model/shell_quoting.h"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/check.h"

namespace {

using sluice::model::ShellPlace;
using sluice::model::ShellScanner;

std::vector<ShellPlace> places(std::string_view text, std::size_t piece) {
  ShellScanner scanner;
  std::vector<ShellPlace> found;
  while (!text.empty()) {
    if (text.front() == '@') {
      found.push_back(scanner.reference());
      text.remove_prefix(1);
      continue;
    }
    const std::string_view next = text.substr(0, std::min(piece, text.find('@')));
    scanner.text(next);
    text.remove_prefix(next.size());
  }
  (void)scanner.unclosed();
  return found;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::vector<ShellPlace> whole = places(text, text.size() + 1);
  SLUICE_ASSERT(whole == places(text, 1), "cut differently, it is read differently");
  bool is_lost = false;
  for (const ShellPlace place : whole) {
    SLUICE_ASSERT(!is_lost || place == ShellPlace::kUncertain);
    is_lost = place == ShellPlace::kUncertain;
  }
  return 0;
}
