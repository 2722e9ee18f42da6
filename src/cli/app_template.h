#pragma once

// The apps that `sluice init` writes: the same small one in each language, so that who knows one
// can read the others.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::cli {

struct TemplateFile {
  std::string_view name;
  std::string_view content;  // `@APP@` and `@DIR@` are filled in.
};
using AppTemplate = std::vector<TemplateFile>;

AppTemplate python_template();
AppTemplate node_template();
AppTemplate cpp_template();
AppTemplate shell_template();

// What each of them has beside its code: a text of three paragraphs.
inline constexpr std::string_view kSampleText =
    R"(It was a bright cold day in early spring. The gates of the lock stood open.

Water found its own way down the steps. It asked nobody for permission, and it never waited for the last
drop before the first one moved.

Who opens a gate decides where the water goes! The rest is left to the water.
)";

// The template of a language as `--lang` spells it; nothing where there is none.
std::optional<AppTemplate> app_template(std::string_view language);
inline constexpr std::string_view kTemplateLanguages = "python, node, cpp or shell";

// `app` is its name, `directory` how the user spelt where it is (for the README's commands).
std::string filled(std::string_view content, const std::string& app, const std::string& directory);

}  // namespace sluice::cli
