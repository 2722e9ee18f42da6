#include "node/wait_time.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace sluice::node {
namespace {

// Longer waits are mistakes, and could not be told from overflow.
constexpr Duration kWaitMax = std::chrono::hours(24 * 365 * 100);

class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  // Exactly `digits` digits.
  std::optional<int> number(std::size_t digits) {
    if (rest_.size() < digits) return std::nullopt;
    int value = 0;
    for (const char c : rest_.substr(0, digits)) {
      if (c < '0' || c > '9') return std::nullopt;
      value = value * 10 + (c - '0');
    }
    rest_.remove_prefix(digits);
    return value;
  }
  bool take(std::string_view any_of) {
    if (rest_.empty() || any_of.find(rest_.front()) == std::string_view::npos) return false;
    last_ = rest_.front();
    rest_.remove_prefix(1);
    return true;
  }
  // The digits of a fraction as microseconds; further ones are dropped.
  std::optional<std::chrono::microseconds> fraction() {
    std::int64_t value = 0;
    std::size_t digits = 0;
    while (digits < rest_.size() && rest_[digits] >= '0' && rest_[digits] <= '9') {
      if (digits < 6) value = value * 10 + (rest_[digits] - '0');
      ++digits;
    }
    if (digits == 0) return std::nullopt;
    rest_.remove_prefix(digits);
    for (; digits < 6; ++digits) value *= 10;
    return std::chrono::microseconds(value);
  }
  char last() const { return last_; }
  bool is_empty() const { return rest_.empty(); }

 private:
  std::string_view rest_;
  char last_ = 0;
};

std::optional<WallTime> read_time(std::string_view text) {
  Reader reader(text);
  const auto year = reader.number(4);
  if (!year || !reader.take("-")) return std::nullopt;
  const auto month = reader.number(2);
  if (!month || !reader.take("-")) return std::nullopt;
  const auto day = reader.number(2);
  if (!day || !reader.take("Tt ")) return std::nullopt;
  const auto hour = reader.number(2);
  if (!hour || !reader.take(":")) return std::nullopt;
  const auto minute = reader.number(2);
  if (!minute || !reader.take(":")) return std::nullopt;
  const auto second = reader.number(2);
  if (!second) return std::nullopt;
  std::chrono::microseconds fraction{0};
  if (reader.take(".")) {
    const auto read = reader.fraction();
    if (!read) return std::nullopt;
    fraction = *read;
  }
  if (!reader.take("Zz+-")) return std::nullopt;
  std::chrono::minutes offset{0};
  if (const char sign = reader.last(); sign == '+' || sign == '-') {
    const auto hours = reader.number(2);
    if (!hours || !reader.take(":")) return std::nullopt;
    const auto minutes = reader.number(2);
    if (!minutes || *hours > 23 || *minutes > 59) return std::nullopt;
    offset = std::chrono::minutes((sign == '-' ? -1 : 1) * (*hours * 60 + *minutes));
  }
  const std::chrono::year_month_day date(std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day)));
  // A leap second (60) is the first of the next minute.
  if (!reader.is_empty() || !date.ok() || *hour > 23 || *minute > 59 || *second > 60)
    return std::nullopt;
  return WallTime(std::chrono::sys_days(date)) + std::chrono::hours(*hour) +
         std::chrono::minutes(*minute) + std::chrono::seconds(*second) + fraction - offset;
}

}  // namespace

Result<WallTime> parse_rfc3339(std::string_view text) {
  if (const std::optional<WallTime> time = read_time(text)) return *time;
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("'{}' is no time; write 2026-11-21T22:10:54Z", text.substr(0, 64)));
}

Result<Duration> wait_for(const Json& time, WallTime now) {
  const std::string* text = time.as_string();
  if (text == nullptr) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("the time of a wait is a text like 30s or 2026-11-21T22:10:54Z, not {}",
                            time.type_name()));
  }
  Duration left{0};
  if (const std::optional<WallTime> until = read_time(*text)) {
    // Compared in µs: the difference of years as ns would still fit, but not every year does.
    const auto far = std::chrono::duration_cast<std::chrono::microseconds>(kWaitMax);
    left = std::clamp(*until - now, std::chrono::microseconds(0), far);
  } else if (const Result<Duration> duration = parse_duration(*text)) {
    left = *duration;
  } else {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("'{}' is no time of a wait; write a duration like 30s, or a time like "
                            "2026-11-21T22:10:54Z",
                            text->substr(0, 64)));
  }
  if (left < Duration(0)) left = Duration(0);
  return std::min(left, kWaitMax);
}

}  // namespace sluice::node
