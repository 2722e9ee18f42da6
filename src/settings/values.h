#pragma once

// The values of the settings of one process: what was given, in which place, and what holds
// otherwise. Places are taken from the highest rank to the lowest; the first that names a setting
// has it. Nothing here reads the environment or a file (read.h does), so a test can give all of it.

#include <array>
#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "settings/setting.h"
#include "settings/toml.h"

namespace sluice::settings {

// The variable of that name, empty where it is not set.
using Environment = std::function<std::string(const char* name)>;

class Values {
 public:
  explicit Values(Side side) : side_(side) {}

  // Each refuses what does not fit, naming the place: `--memory: …`, `SLUICE_MEMORY: …`,
  // `sluice.toml:3: memory: …`. Settings of the other side are passed over; keys that nobody has
  // are mistakes.
  Status take_flag(const Setting& setting, const std::vector<std::string>& words);
  Status take_variables(const Environment& environment);
  Status take_file(std::string_view file, std::string_view text);

  // What was given, or the default. The setting's type has to be the one that is asked for.
  const std::string& text(SettingId id) const;  // kAddress, kPath, kChoice, kUrl, kSecret
  ByteCount size(SettingId id) const;
  Duration time(SettingId id) const;
  std::uint32_t count(SettingId id) const;
  double share(SettingId id) const;  // 10% is 0.1
  const std::vector<std::string>& names(SettingId id) const;

  bool is_given(SettingId id) const;
  // The place that named it, for messages; the flag where none did.
  std::string place(SettingId id) const;
  // Those that were taken, in their order.
  const std::vector<std::string>& files() const { return files_; }
  // The file that named it; empty where it came from elsewhere.
  const std::string& file(SettingId id) const;

 private:
  using Value = std::variant<std::string, ByteCount, Duration, std::uint32_t, double,
                             std::vector<std::string>>;
  struct Kept {
    bool is_given = false;
    std::string place;
    std::string file;
    Value value;
  };
  static Result<Value> parse(const Setting& setting, const std::vector<std::string>& words);
  Status take(const Setting& setting, const std::vector<std::string>& words, std::string place,
              std::string_view file);
  template <class T>
  const T& value(SettingId id) const;

  static constexpr std::size_t kCount = static_cast<std::size_t>(SettingId::kToken) + 1;
  static std::array<Kept, kCount> defaults();

  Side side_;
  std::vector<std::string> files_;
  std::array<Kept, kCount> kept_ = defaults();
};

// HOST:PORT. The host is without the brackets of an IPv6 address.
struct Address {
  std::string host;
  std::uint16_t port = 0;
};
Result<Address> parse_address(std::string_view text);
// Reached from this machine alone. Names other than localhost may mean anything.
bool is_loopback(std::string_view host);

}  // namespace sluice::settings
