#include "node/cache_header.h"

#include <gtest/gtest.h>

namespace sluice::node {
namespace {

CacheKey some_key() {
  CacheKey key{};
  key[3] = 7;
  return key;
}

std::vector<CachedValue> some_values() {
  return {{.port = 0, .size = 3, .checksum = {.high = 1, .low = 2}, .object = {}},
          {.port = 1, .kind = CachedValue::Kind::kHole, .object = {}},
          {.port = 1,
           .meta = {.kind = 3, .name = "ä \"b\"\n.txt", .file_mode = 0755},
           .size = 1ULL << 40,
           .object = {}}};
}

Result<std::vector<CachedValue>> read(std::string_view text, const CacheKey& key) {
  SLUICE_TRY(const CacheLine line, read_cache_line(text));
  return read_cache_header(line, text.substr(line.line, line.header), key);
}

TEST(CacheHeader, IsReadAsItWasWritten) {
  const std::string text = write_cache_header(some_key(), some_values());
  const auto values = read(text + "bytes behind it", some_key());
  ASSERT_TRUE(values) << values.error().message();
  ASSERT_EQ(values->size(), 3U);
  EXPECT_EQ((*values)[0].checksum, (Checksum{.high = 1, .low = 2}));
  EXPECT_EQ((*values)[1].kind, CachedValue::Kind::kHole);
  EXPECT_EQ((*values)[2].meta, some_values()[2].meta);
  EXPECT_EQ((*values)[2].size, 1ULL << 40);
}

TEST(CacheHeader, OfAnotherKeyIsDamage) {
  const auto values = read(write_cache_header(some_key(), some_values()), CacheKey{});
  ASSERT_FALSE(values);
  EXPECT_EQ(values.error().code(), ErrorCode::kDataLoss);
}

TEST(CacheHeader, WithAnyByteChangedOrMissingIsDamage) {
  const std::string text = write_cache_header(some_key(), some_values());
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string damaged = text;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    EXPECT_FALSE(read(damaged, some_key())) << "byte " << i;
    EXPECT_FALSE(read(text.substr(0, i), some_key())) << i << " bytes of it";
  }
  EXPECT_FALSE(read("", some_key()));
  EXPECT_FALSE(read("sluice-cache 1 99999999999999999999 0\n", some_key()));
}

}  // namespace
}  // namespace sluice::node
