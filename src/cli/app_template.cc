#include "cli/app_template.h"

#include <algorithm>
#include <array>

namespace sluice::cli {
namespace {

struct Language {
  std::string_view name;
  AppTemplate (*make)();
};

constexpr std::array kLanguages{Language{"python", python_template},
                                Language{"node", node_template}, Language{"cpp", cpp_template},
                                Language{"shell", shell_template}};

}  // namespace

std::optional<AppTemplate> app_template(std::string_view language) {
  const auto* const found = std::ranges::find(kLanguages, language, &Language::name);
  if (found == kLanguages.end()) return std::nullopt;
  return found->make();
}

std::string filled(std::string_view content, const std::string& app, const std::string& directory) {
  std::string out(content);
  const auto replace = [&](std::string_view mark, const std::string& value) {
    for (std::size_t at = 0; (at = out.find(mark, at)) != std::string::npos; at += value.size()) {
      out.replace(at, mark.size(), value);
    }
  };
  replace("@APP@", app);
  replace("@DIR@", directory);
  return out;
}

}  // namespace sluice::cli
