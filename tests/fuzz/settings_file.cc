// A configuration file may hold anything. Whatever is accepted has values of the types of the
// table, and every refusal names a line of the file.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "settings/values.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using sluice::settings::SettingId;
  const std::string text(reinterpret_cast<const char*>(data), size);
  sluice::settings::Values values(sluice::settings::Side::kBoth);
  const sluice::Status taken = values.take_file("f", text);
  if (!taken) {
    const std::string& message = taken.error().message();
    SLUICE_ASSERT(message.starts_with("f:"), "{}", message);
    const std::size_t line = std::stoul(message.substr(2, 10));
    SLUICE_ASSERT(line >= 1 && line <= 1 + static_cast<std::size_t>(std::ranges::count(text, '\n')),
                  "{}", message);
    return 0;
  }
  SLUICE_ASSERT(values.count(SettingId::kWorkers) <= 4096);
  SLUICE_ASSERT(values.size(SettingId::kMemory).value >= 16U << 20);
  SLUICE_ASSERT(values.share(SettingId::kRetentionDisk) > 0);
  SLUICE_ASSERT(sluice::settings::parse_address(values.text(SettingId::kListen)).has_value());
  return 0;
}
