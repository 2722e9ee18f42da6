#include "model/time_text.h"

#include <algorithm>
#include <chrono>

namespace sluice::model {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Takes `digits` digits from the front; -1 if they are not there.
int take_number(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return -1;
  int number = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    if (!is_digit(text[i])) return -1;
    number = number * 10 + (text[i] - '0');
  }
  text.remove_prefix(digits);
  return number;
}

bool take(std::string_view& text, std::string_view any_of) {
  if (text.empty() || !any_of.contains(text.front())) return false;
  text.remove_prefix(1);
  return true;
}

bool is_between(int value, int least, int most) { return value >= least && value <= most; }

}  // namespace

bool is_rfc3339(std::string_view text) {
  const int year = take_number(text, 4);
  if (year < 0 || !take(text, "-")) return false;
  const int month = take_number(text, 2);
  if (!take(text, "-")) return false;
  const int day = take_number(text, 2);
  const std::chrono::year_month_day date{std::chrono::year{year},
                                         std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (month < 0 || day < 0 || !date.ok() || !take(text, "Tt")) return false;
  if (!is_between(take_number(text, 2), 0, 23) || !take(text, ":")) return false;
  if (!is_between(take_number(text, 2), 0, 59) || !take(text, ":")) return false;
  if (!is_between(take_number(text, 2), 0, 59)) return false;
  if (take(text, ".")) {
    const auto end = std::ranges::find_if_not(text, is_digit);
    if (end == text.begin()) return false;
    text.remove_prefix(static_cast<std::size_t>(end - text.begin()));
  }
  if (take(text, "Zz")) return text.empty();
  if (!take(text, "+-")) return false;
  if (!is_between(take_number(text, 2), 0, 23) || !take(text, ":")) return false;
  return is_between(take_number(text, 2), 0, 59) && text.empty();
}

bool is_error_name(std::string_view text) {
  if (text.empty() || text.size() > 255 || is_digit(text.front())) return false;
  return std::ranges::all_of(text, [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c == '.' || c == ':' || c == '$';
  });
}

}  // namespace sluice::model
