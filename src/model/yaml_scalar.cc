#include <charconv>

#include "model/yaml.h"

namespace sluice::model {

std::optional<Json> scalar_to_json(const YamlValue& scalar) {
  std::string_view text = scalar.text;
  if (scalar.quoted) return Json(text);
  if (scalar.is_null()) return Json();
  if (text == "true" || text == "True" || text == "TRUE") return Json(true);
  if (text == "false" || text == "False" || text == "FALSE") return Json(false);

  std::string_view digits = text;
  const bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.remove_prefix(1);
  if (digits == ".inf" || digits == ".Inf" || digits == ".INF") return std::nullopt;
  if (text == ".nan" || text == ".NaN" || text == ".NAN") return std::nullopt;
  const bool is_radix = text.starts_with("0x") || text.starts_with("0o");
  if (digits.empty() || digits.starts_with('-') || digits.starts_with('+') ||
      digits.find_first_not_of(is_radix ? "0123456789abcdefABCDEFxo" : "0123456789.eE+-") !=
          std::string_view::npos) {
    return Json(text);
  }
  std::int64_t integer = 0;
  const int base = text.starts_with("0x") ? 16 : text.starts_with("0o") ? 8 : 10;
  std::string_view number = base == 10 ? (negative ? text : digits) : text.substr(2);
  if (base != 10 && number.starts_with('-')) return Json(text);
  const char* end = number.data() + number.size();
  auto parsed = std::from_chars(number.data(), end, integer, base);
  if (parsed.ptr == end && parsed.ec == std::errc{}) return Json(integer);
  if (base != 10) return Json(text);

  // from_chars takes `.5` and `5.`, as the schema does, but also wants no sign `+`.
  double real = 0;
  parsed = std::from_chars(number.data(), end, real);
  if (parsed.ptr != end) return Json(text);
  if (parsed.ec != std::errc{}) return std::nullopt;  // 1e999: beyond a double.
  return Json(real);
}

}  // namespace sluice::model
