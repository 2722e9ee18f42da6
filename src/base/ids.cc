#include "base/ids.h"

#include <cstring>

namespace sluice {
namespace {
constexpr std::string_view kBase32 = "0123456789abcdefghjkmnpqrstvwxyz";
constexpr std::size_t kTextSize = 26;  // 26 × 5 = 130 bits: the first character is at most '7'.
constexpr std::size_t kNameMax = 63;

bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
}  // namespace

RunId RunId::make(WallTime now, Random& random) {
  RunId id;
  const auto ms = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count());
  for (std::size_t i = 0; i < 6; ++i) id.bytes[i] = static_cast<std::uint8_t>(ms >> (40 - 8 * i));
  const std::uint64_t a = random.next();
  const std::uint64_t b = random.next();
  std::memcpy(&id.bytes[6], &a, 8);
  std::memcpy(&id.bytes[14], &b, 2);
  return id;
}

std::string RunId::to_text() const {
  unsigned __int128 value = 0;
  for (const std::uint8_t byte : bytes) value = (value << 8) | byte;
  std::string text(kTextSize, '0');
  for (std::size_t i = kTextSize; i-- > 0; value >>= 5) {
    text[i] = kBase32[static_cast<std::size_t>(value & 31)];
  }
  return text;
}

Result<RunId> RunId::parse(std::string_view text) {
  if (text.size() != kTextSize || text[0] > '7') {
    return fail(
        ErrorCode::kInvalidArgument,
        fmt::format("'{}' is not a run id: it has 26 characters of 0-9a-z", text.substr(0, 64)));
  }
  unsigned __int128 value = 0;
  for (const char c : text) {
    const std::size_t digit = kBase32.find(c);
    if (digit == std::string_view::npos) {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("'{}' is not a run id: '{}' is not a character of one", text, c));
    }
    value = (value << 5) | digit;
  }
  RunId id;
  for (std::size_t i = 16; i-- > 0; value >>= 8) id.bytes[i] = static_cast<std::uint8_t>(value);
  return id;
}

WallTime RunId::time() const {
  std::uint64_t ms = 0;
  for (std::size_t i = 0; i < 6; ++i) ms = (ms << 8) | bytes[i];
  return WallTime{std::chrono::milliseconds{ms}};
}

bool is_name(std::string_view text) {
  if (text.empty() || text.size() > kNameMax || text[0] == '-') return false;
  for (const char c : text) {
    if (!is_alpha(c) && !is_digit(c) && c != '-') return false;
  }
  return true;
}

bool is_identifier(std::string_view text) {
  if (text.empty() || text.size() > kNameMax || is_digit(text[0])) return false;
  for (const char c : text) {
    if (!is_alpha(c) && !is_digit(c)) return false;
  }
  return true;
}

}  // namespace sluice

std::size_t std::hash<sluice::RunId>::operator()(const sluice::RunId& id) const noexcept {
  std::uint64_t low = 0;
  std::memcpy(&low, &id.bytes[8], 8);
  return low;  // The last eight bytes are random already.
}
