// Targets, parameterised field values and ranges, each from the same bytes.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "api/byte_range.h"
#include "api/header_value.h"
#include "api/multipart.h"
#include "api/parameters.h"
#include "api/target.h"
#include "base/json.h"

namespace {

using namespace sluice::api;

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto target = parse_target(text)) {
    for (const std::string& segment : target->segments) {
      require(sluice::is_utf8(segment) && segment.find('\0') == std::string::npos);
      require(percent_decoded(percent_encoded(segment)) == segment);
    }
    for (const auto& [name, value] : target->query) require(target->find(name) == &value);
  }
  if (const auto value = parse_header_value(text)) {
    (void)boundary_of(text);
    if (const auto name = file_name_of(*value)) require(name->find('/') == std::string::npos);
  }
  (void)parse_seconds("wait", text);
  (void)parse_index(text);
  for (const std::uint64_t of :
       {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1000}, ~std::uint64_t{0}}) {
    const RangeChoice choice = choose_range(text, of);
    if (const auto* range = std::get_if<ByteRange>(&choice)) {
      require(range->size > 0 && range->first < of && range->size <= of - range->first);
    }
  }
  return 0;
}
