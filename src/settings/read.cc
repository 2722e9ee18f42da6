#include "settings/read.h"

#include <unistd.h>

#include <cstdlib>

#include <fmt/format.h>

#include "base/file.h"

namespace sluice::settings {
namespace {

constexpr ByteCount kFileMax = 1_MiB;
constexpr const char* kSystemFile = "/etc/sluice/config.toml";

std::vector<std::filesystem::path> usual_files(const Environment& environment) {
  std::string home = environment("XDG_CONFIG_HOME");
  if (home.empty() && !environment("HOME").empty()) home = environment("HOME") + "/.config";
  std::vector<std::filesystem::path> files{"sluice.toml"};
  if (!home.empty()) files.push_back(std::filesystem::path(home) / "sluice/config.toml");
  files.emplace_back(kSystemFile);
  return files;
}

}  // namespace

std::string process_variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

Result<Values> read_settings(Side side, const std::vector<FlagWords>& flags,
                             const Environment& environment) {
  Values values(side);
  for (const FlagWords& flag : flags) SLUICE_OK(values.take_flag(setting(flag.id), flag.words));
  SLUICE_OK(values.take_variables(environment));
  if (values.is_given(SettingId::kConfig)) {
    const std::string& file = values.text(SettingId::kConfig);
    Result<std::string> text = read_file(file, kFileMax);
    if (!text) {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("{}: {}", values.place(SettingId::kConfig), text.error().message()));
    }
    SLUICE_OK(values.take_file(file, *text));
    return values;
  }
  for (const std::filesystem::path& file : usual_files(environment)) {
    std::error_code error;
    if (!std::filesystem::exists(file, error)) continue;
    Result<std::string> text = read_file(file, kFileMax);
    // The system's file may hold what only the server's user is to know.
    if (!text && text.error().code() == ErrorCode::kPermissionDenied && file == kSystemFile)
      continue;
    if (!text) return fail(text.error());
    SLUICE_OK(values.take_file(file.native(), *text));
  }
  return values;
}

Result<std::filesystem::path> data_directory(const Values& values, const Environment& environment) {
  if (values.is_given(SettingId::kData))
    return std::filesystem::path(values.text(SettingId::kData));
  if (::geteuid() == 0) return std::filesystem::path("/var/lib/sluice");
  if (const std::string home = environment("XDG_DATA_HOME"); !home.empty())
    return std::filesystem::path(home) / "sluice";
  if (const std::string home = environment("HOME"); !home.empty())
    return std::filesystem::path(home) / ".local/share/sluice";
  return fail(ErrorCode::kInvalidArgument,
              "neither HOME nor XDG_DATA_HOME is set: say with --data where to keep runs and apps");
}

}  // namespace sluice::settings
