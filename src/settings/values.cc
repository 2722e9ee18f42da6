#include "settings/values.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include <fmt/format.h>

#include "base/check.h"
#include "model/names.h"

namespace sluice::settings {
namespace {

std::unexpected<Error> wrong(std::string message) {
  return fail(ErrorCode::kInvalidArgument, std::move(message));
}

// All of the text is a number of type T.
template <class T>
bool parse_number(std::string_view text, T& value) {
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc{} && stop == end;
}

std::vector<std::string> split_at_commas(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    if (comma > 0) parts.emplace_back(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return parts;
}

bool is_choice(std::string_view choices, std::string_view word) {
  while (!choices.empty()) {
    const std::size_t bar = std::min(choices.find('|'), choices.size());
    if (choices.substr(0, bar) == word) return true;
    choices.remove_prefix(std::min(bar + 1, choices.size()));
  }
  return false;
}

bool is_within(const Setting& setting, double value) {
  return value >= setting.least && (setting.most == 0 || value <= setting.most);
}

}  // namespace

Result<Address> parse_address(std::string_view text) {
  Address address;
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return wrong("no port");
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return wrong("which part is the port?");  // An IPv6 address without brackets.
  }
  if (host.empty() || !parse_number(text.substr(colon + 1), address.port)) return wrong("no port");
  address.host = host;
  return address;
}

bool is_loopback(std::string_view host) {
  return host == "localhost" || host == "::1" ||
         (host.starts_with("127.") &&
          host.find_first_not_of("0123456789.") == std::string_view::npos);
}

Result<Values::Value> Values::parse(const Setting& setting, const std::vector<std::string>& words) {
  if (setting.type == SettingType::kNames) return Value(words);
  if (words.size() != 1) return wrong(fmt::format("takes one value, not {}", words.size()));
  const std::string& word = words.front();
  const auto refused = [&] {
    return wrong(fmt::format("'{}' is not {}", model::shown(word), takes(setting)));
  };
  switch (setting.type) {
    case SettingType::kAddress:
      if (!parse_address(word)) return refused();
      return Value(word);
    case SettingType::kSize: {
      const Result<ByteCount> size = parse_byte_count(word);
      if (!size || !is_within(setting, static_cast<double>(size->value))) return refused();
      return Value(*size);
    }
    case SettingType::kTime: {
      const Result<Duration> time = parse_duration(word);
      if (!time || !is_within(setting, std::chrono::duration<double>(*time).count()))
        return refused();
      return Value(*time);
    }
    case SettingType::kCount: {
      std::uint32_t number = 0;
      if (!parse_number(word, number) || !is_within(setting, number)) return refused();
      return Value(number);
    }
    case SettingType::kPercent: {
      std::string_view percent = word;
      if (percent.ends_with('%')) percent.remove_suffix(1);
      double number = 0;
      if (!parse_number(percent, number) || !(number > 0 && number <= 100)) return refused();
      return Value(number / 100);
    }
    case SettingType::kChoice:
      if (!is_choice(setting.choices, word)) return refused();
      return Value(word);
    case SettingType::kPath:
      if (word.empty()) return refused();
      return Value(word);
    case SettingType::kUrl:  // Checked by the client, which knows what it can talk to.
    case SettingType::kSecret:
    case SettingType::kNames:
      return Value(word);
  }
  std::abort();  // Every type is named above.
}

std::array<Values::Kept, Values::kCount> Values::defaults() {
  std::array<Kept, kCount> kept;
  for (const Setting& setting : all_settings()) {
    Kept& one = kept[static_cast<std::size_t>(setting.id)];
    if (setting.type == SettingType::kNames) one.value = std::vector<std::string>();
    if (setting.default_value.empty()) continue;
    Result<Value> value = parse(setting, {std::string(setting.default_value)});
    SLUICE_ASSERT(value.has_value());
    one.value = std::move(*value);
  }
  return kept;
}

Status Values::take(const Setting& setting, const std::vector<std::string>& words,
                    std::string place, std::string_view file) {
  Kept& kept = kept_[static_cast<std::size_t>(setting.id)];
  if (kept.is_given || words.empty()) return {};
  Result<Value> value = parse(setting, words);
  if (!value) return wrong(fmt::format("{}: {}", place, value.error().message()));
  kept = {.is_given = true,
          .place = std::move(place),
          .file = std::string(file),
          .value = std::move(*value)};
  return {};
}

Status Values::take_flag(const Setting& setting, const std::vector<std::string>& words) {
  return take(setting, words, flag_of(setting), {});
}

Status Values::take_variables(const Environment& environment) {
  for (const Setting& setting : all_settings()) {
    if (!setting.has_variable || !is_read_by(setting, side_)) continue;
    const std::string variable = variable_of(setting);
    const std::string text = environment(variable.c_str());
    if (text.empty()) continue;
    SLUICE_OK(take(setting,
                   setting.type == SettingType::kNames ? split_at_commas(text)
                                                       : std::vector<std::string>{text},
                   variable, {}));
  }
  return {};
}

Status Values::take_file(std::string_view file, std::string_view text) {
  SLUICE_TRY(const std::vector<TomlEntry> entries, read_toml(text, file));
  for (const TomlEntry& entry : entries) {
    const Setting* const setting = find_setting(entry.key);
    if (setting == nullptr) {
      std::vector<std::string> names;
      for (const Setting& one : all_settings()) {
        if (one.has_key) names.emplace_back(one.name);
      }
      return wrong(fmt::format("{}:{}: no setting '{}'; {}", file, entry.line,
                               model::shown(entry.key),
                               model::did_you_mean_or_list(entry.key, names)));
    }
    if (!setting->has_key) {
      return wrong(fmt::format("{}:{}: '{}' cannot be set in a file; give {}", file, entry.line,
                               setting->name, flag_of(*setting)));
    }
    if (!is_read_by(*setting, side_)) continue;
    const std::string place = fmt::format("{}:{}: {}", file, entry.line, setting->name);
    if (entry.is_list && setting->type != SettingType::kNames)
      return wrong(place + ": takes one value, not a list");
    SLUICE_OK(take(*setting, entry.values, place, file));
  }
  files_.emplace_back(file);
  return {};
}

template <class T>
const T& Values::value(SettingId id) const {
  const T* const held = std::get_if<T>(&kept_[static_cast<std::size_t>(id)].value);
  SLUICE_ASSERT(held != nullptr);
  return *held;
}

const std::string& Values::text(SettingId id) const { return value<std::string>(id); }
ByteCount Values::size(SettingId id) const { return value<ByteCount>(id); }
Duration Values::time(SettingId id) const { return value<Duration>(id); }
std::uint32_t Values::count(SettingId id) const { return value<std::uint32_t>(id); }
double Values::share(SettingId id) const { return value<double>(id); }
const std::vector<std::string>& Values::names(SettingId id) const {
  return value<std::vector<std::string>>(id);
}

bool Values::is_given(SettingId id) const { return kept_[static_cast<std::size_t>(id)].is_given; }

std::string Values::place(SettingId id) const {
  const Kept& kept = kept_[static_cast<std::size_t>(id)];
  return kept.is_given ? kept.place : flag_of(setting(id));
}

const std::string& Values::file(SettingId id) const {
  return kept_[static_cast<std::size_t>(id)].file;
}

}  // namespace sluice::settings
