#include "node/cache_header.h"

#include <charconv>
#include <span>

#include <fmt/format.h>

#include "base/json.h"
#include "wire/abi.h"

namespace sluice::node {
namespace {

constexpr std::string_view kMagic = "sluice-cache 1 ";
constexpr std::size_t kHeaderMax = 16 << 20;

std::string hex_of(const Checksum& checksum) {
  return fmt::format("{:016x}{:016x}", checksum.high, checksum.low);
}

std::unexpected<Error> damaged() {
  return fail(ErrorCode::kDataLoss, "a file of the cache is damaged");
}

bool read_hex(std::string_view text, std::uint64_t& value) {
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  return read.ec == std::errc{} && read.ptr == text.data() + text.size();
}

Result<Checksum> checksum_of(std::string_view text) {
  Checksum checksum;
  if (text.size() != 32 || !read_hex(text.substr(0, 16), checksum.high) ||
      !read_hex(text.substr(16), checksum.low))
    return damaged();
  return checksum;
}

Result<CachedValue> value_of(const Json& json) {
  const Json::List* list = json.as_list();
  if (list == nullptr || list->size() != 7) return damaged();
  for (const std::size_t i : {0U, 1U, 2U, 3U, 6U})
    if ((*list)[i].as_int() == nullptr || *(*list)[i].as_int() < 0) return damaged();
  const std::string* sum = (*list)[4].as_string();
  const std::string* name = (*list)[5].as_string();
  if (sum == nullptr || name == nullptr) return damaged();
  CachedValue value{
      .port = static_cast<std::uint32_t>(*(*list)[0].as_int()),
      .kind = *(*list)[1].as_int() == 0 ? CachedValue::Kind::kValue : CachedValue::Kind::kHole,
      .meta = {.kind = static_cast<std::uint8_t>(*(*list)[2].as_int()),
               .name = *name,
               .file_mode = static_cast<std::uint16_t>(*(*list)[6].as_int())},
      .size = static_cast<std::uint64_t>(*(*list)[3].as_int()),
      .checksum = {},
      .object = {}};
  if (value.meta.kind > SLUICE_KIND_FILE) return damaged();
  SLUICE_TRY(value.checksum, checksum_of(*sum));
  return value;
}

}  // namespace

std::string write_cache_header(const CacheKey& key, const std::vector<CachedValue>& values) {
  Json list = Json::list();
  for (const CachedValue& value : values) {
    Json one = Json::list();
    one.push(value.port).push(static_cast<int>(value.kind)).push(int{value.meta.kind});
    one.push(value.size).push(hex_of(value.checksum)).push(value.meta.name);
    one.push(int{value.meta.file_mode});
    list.push(std::move(one));
  }
  Json header;
  header.set("key", to_hex(key)).set("values", std::move(list));
  const std::string text = to_text(header);
  return fmt::format("{}{} {}\n{}", kMagic, text.size(),
                     hex_of(checksum(std::as_bytes(std::span(text)))), text);
}

Result<CacheLine> read_cache_line(std::string_view text) {
  const std::size_t end = text.substr(0, kCacheLineMax).find('\n');
  if (end == std::string_view::npos || !text.starts_with(kMagic)) return damaged();
  const std::string_view rest = text.substr(kMagic.size(), end - kMagic.size());
  const std::size_t space = rest.find(' ');
  CacheLine line{.line = end + 1, .header = 0, .checksum = {}};
  const auto read =
      std::from_chars(rest.data(), rest.data() + std::min(space, rest.size()), line.header);
  if (space == std::string_view::npos || read.ec != std::errc{} ||
      read.ptr != rest.data() + space || line.header > kHeaderMax)
    return damaged();
  SLUICE_TRY(line.checksum, checksum_of(rest.substr(space + 1)));
  return line;
}

Result<std::vector<CachedValue>> read_cache_header(const CacheLine& line, std::string_view header,
                                                   const CacheKey& key) {
  if (header.size() != line.header || checksum(std::as_bytes(std::span(header))) != line.checksum)
    return damaged();
  const Result<Json> json = parse_json(header);
  const Json* names = json ? json->find("key") : nullptr;
  const Json* list = json ? json->find("values") : nullptr;
  if (names == nullptr || names->as_string() == nullptr || *names->as_string() != to_hex(key) ||
      list == nullptr || list->as_list() == nullptr)
    return damaged();
  std::vector<CachedValue> values;
  for (const Json& one : *list->as_list()) {
    SLUICE_TRY(CachedValue value, value_of(one));
    values.push_back(std::move(value));
  }
  return values;
}

}  // namespace sluice::node
