// Any bytes as the spelling of a type, or as two: what is accepted survives its own text, and
// `fits` answers for every pair.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "model/type.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice::model;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t cut = text.find(' ');
  const auto from = parse_type(text.substr(0, cut));
  if (!from) {
    SLUICE_ASSERT(!from.error().message().empty());
    return 0;
  }
  const auto again = parse_type(to_text(*from));
  SLUICE_ASSERT(again && *again == *from, "{}", to_text(*from));
  if (from->is_list()) {
    Type whole = *from;
    whole.access = Access::kWhole;
    whole.optional = false;
    SLUICE_ASSERT(whole.element().list_of() == whole, "{}", to_text(whole));
  }
  if (cut == std::string_view::npos) return 0;
  const auto to = parse_type(text.substr(cut + 1));
  if (!to) return 0;
  const Fit fit = fits(*from, *to);
  // Putting both into a list changes nothing but the question of holes.
  if (from->access == Access::kWhole && to->access == Access::kWhole && from->lists < 8 &&
      to->lists < 8 && !from->optional && !to->optional) {
    SLUICE_ASSERT(fits(from->list_of(), to->list_of()) == fit);
  }
  return 0;
}
