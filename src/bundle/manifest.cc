#include "bundle/manifest.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/file.h"
#include "base/json.h"
#include "bundle/bundle.h"
#include "model/names.h"

namespace sluice::bundle {
namespace {

constexpr std::string_view kRequirements = "requirements.txt";
constexpr std::string_view kPackage = "package.json";
constexpr std::string_view kLock = "package-lock.json";
// People's lists have a few hundred lines; a lock file of a large web application some 20,000.
constexpr ByteCount kRequirementsMax = 1_MiB;
constexpr ByteCount kLockMax = 16_MiB;

using model::Mistakes;
using model::shown;

constexpr std::string_view kOnlyRegistry =
    "what a registry does not have goes into the app's folder as it is";

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\f\v";
  const auto begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// ---- requirements.txt (https://pip.pypa.io/en/stable/reference/requirements-file-format/)

// One requirement or option: lines that end in a backslash are one with the next.
struct LogicalLine {
  std::string text;
  std::uint32_t line = 1;
};

std::vector<LogicalLine> logical_lines(std::string_view text) {
  std::vector<LogicalLine> lines;
  std::uint32_t number = 0;
  bool is_continued = false;
  while (!text.empty()) {
    const auto end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    ++number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    // A comment begins the line, or after a blank: `#` is also in addresses.
    for (std::size_t at = line.find('#'); at != std::string_view::npos;
         at = line.find('#', at + 1)) {
      if (at != 0 && line[at - 1] != ' ' && line[at - 1] != '\t') continue;
      line = line.substr(0, at);
      break;
    }
    const bool goes_on = line.ends_with('\\');
    if (goes_on) line.remove_suffix(1);
    if (is_continued) {
      lines.back().text += line;
    } else {
      lines.push_back({.text = std::string(line), .line = number});
    }
    is_continued = goes_on;
  }
  return lines;
}

// Options that choose among packages or registries. Others reach out of the file, or run code.
bool is_known_option(std::string_view option) {
  constexpr std::array<std::string_view, 8> kKnown{
      "-i",    "--index-url",     "--extra-index-url", "--no-index",
      "--pre", "--prefer-binary", "--require-hashes",  "--trusted-host"};
  return std::ranges::find(kKnown, option.substr(0, option.find_first_of(" =\t"))) != kKnown.end();
}

// `My_Pkg.x` and `my-pkg-x` are one package (PEP 503).
std::string normal_name(std::string_view name) {
  std::string normal;
  for (const char c : name) {
    const bool is_separator = c == '-' || c == '_' || c == '.';
    if (is_separator && normal.ends_with('-')) continue;
    normal += is_separator ? '-' : static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  }
  return normal;
}

struct Requirement {
  std::string name;     // Empty: `problem` says why.
  std::string problem;  // What is wrong.
};

Requirement read_requirement(std::string_view line) {
  std::size_t end = 0;
  while (end < line.size() &&
         (is_word(line[end]) || line[end] == '-' || line[end] == '_' || line[end] == '.'))
    ++end;
  const std::string_view name = line.substr(0, end);
  std::string_view rest = trimmed(line.substr(end));
  if (line.find("://") != std::string_view::npos || rest.starts_with('@')) {
    return {.name = {}, .problem = "a package by its address is not installed, only by its name"};
  }
  if (name.empty() || !is_word(name.front()) || rest.starts_with('/') || name.ends_with(".whl") ||
      name.ends_with(".tar.gz")) {
    return {.name = {}, .problem = fmt::format("'{}' is no package of a registry", shown(line))};
  }
  if (rest.starts_with('[')) {
    const auto close = rest.find(']');
    if (close == std::string_view::npos) return {.name = {}, .problem = "the '[' is not closed"};
    rest = trimmed(rest.substr(close + 1));
  }
  constexpr std::string_view kNext = "<>=!~(;";
  const bool is_plain = rest.empty() || kNext.find(rest.front()) != std::string_view::npos ||
                        rest.starts_with("--hash");
  if (!is_plain || !is_word(name.back())) {
    return {.name = {},
            .problem = fmt::format("'{}' is not a requirement: name, then version, then marker",
                                   shown(line))};
  }
  return {.name = normal_name(name), .problem = {}};
}

std::optional<Manifest> read_requirements(std::string text, Mistakes& mistakes) {
  Manifest manifest{.kind = Manifest::Kind::kPython,
                    .wanted = {},
                    .requirements = {},
                    .lock = {},
                    .with_scripts = {}};
  const std::size_t before = mistakes.size();
  const auto wrong = [&](std::uint32_t line, std::string message, std::string_view hint) {
    mistakes.push_back(
        {std::string(kRequirements), line, 1, std::move(message), std::string(hint)});
  };
  if (!is_utf8(text)) {
    wrong(1, "the file is not UTF-8", "save it as UTF-8");
    return std::nullopt;
  }
  for (const LogicalLine& logical : logical_lines(text)) {
    const std::string_view line = trimmed(logical.text);
    if (line.empty()) continue;
    if (line.starts_with('-')) {
      if (!is_known_option(line)) {
        wrong(logical.line,
              fmt::format("'{}' is not an option for a deploy",
                          shown(line.substr(0, line.find_first_of(" =")))),
              kOnlyRegistry);
      }
      continue;
    }
    Requirement requirement = read_requirement(line);
    if (!requirement.problem.empty()) {
      wrong(logical.line, std::move(requirement.problem), kOnlyRegistry);
    } else {
      manifest.wanted.push_back({.name = std::move(requirement.name), .line = logical.line});
    }
  }
  if (mistakes.size() != before || manifest.wanted.empty()) return std::nullopt;
  manifest.requirements = std::move(text);
  return manifest;
}

// ---- package.json (https://docs.npmjs.com/cli/configuring-npm/package-lock-json)

std::uint32_t line_of(std::string_view text, std::string_view needle) {
  const auto at = text.find(needle);
  if (at == std::string_view::npos) return 1;
  return 1 + static_cast<std::uint32_t>(std::ranges::count(text.substr(0, at), '\n'));
}

std::string_view text_at(const Json& map, std::string_view key) {
  const Json* value = map.find(key);
  return value == nullptr || value->as_string() == nullptr ? std::string_view()
                                                           : std::string_view(*value->as_string());
}

bool is_true(const Json& map, std::string_view key) {
  const Json* value = map.find(key);
  return value != nullptr && value->as_bool() != nullptr && *value->as_bool();
}

// What is wrong with one entry of `packages` in the lock file; empty: nothing.
std::string lock_problem(const std::string& path, const Json& entry) {
  if (entry.as_map() == nullptr) return fmt::format("'{}' is not an object", shown(path));
  const std::string_view resolved = text_at(entry, "resolved");
  if (is_true(entry, "link") || !path.starts_with("node_modules/"))
    return fmt::format("'{}' is a folder outside of the registry", shown(path));
  if (path.find("..") != std::string::npos)
    return fmt::format("'{}' is not a path inside of node_modules", shown(path));
  if (is_true(entry, "inBundle")) return {};  // Comes inside of another one.
  // npm can be told to leave the address out: then it is the registry's.
  if (!resolved.empty() && !resolved.starts_with("https://") && !resolved.starts_with("http://")) {
    return fmt::format("'{}' comes from '{}', which is no registry", shown(path), shown(resolved));
  }
  if (text_at(entry, "integrity").empty())
    return fmt::format("'{}' has no checksum (`integrity`)", shown(path));
  return {};
}

void check_lock(std::string_view text, Manifest& manifest, Mistakes& mistakes) {
  const auto wrong = [&](std::uint32_t line, std::string message, std::string_view hint) {
    mistakes.push_back({std::string(kLock), line, 1, std::move(message), std::string(hint)});
  };
  JsonLimits limits;
  limits.bytes = kLockMax.value;
  const Result<Json> lock = parse_json(text, limits);
  if (!lock)
    return wrong(1, lock.error().message(), "write it anew: npm install --package-lock-only");
  const Json* packages = lock->find("packages");
  if (packages == nullptr || packages->as_map() == nullptr) {
    return wrong(1, "the file has no `packages`: it is of npm 6 or older",
                 "write it anew with npm 7 or newer: npm install --package-lock-only");
  }
  for (const auto& [path, entry] : *packages->as_map()) {
    if (path.empty()) continue;  // The app itself.
    const std::string problem = lock_problem(path, entry);
    if (!problem.empty()) {
      wrong(line_of(text, '"' + path + '"'), problem, kOnlyRegistry);
      continue;
    }
    if (is_true(entry, "hasInstallScript") && !is_true(entry, "dev"))
      manifest.with_scripts.push_back(path.substr(path.rfind("node_modules/") + 13));
  }
}

Result<std::optional<Manifest>> read_package(const std::filesystem::path& directory, bool has_lock,
                                             std::string text, Mistakes& mistakes) {
  const std::size_t before = mistakes.size();
  const auto wrong = [&](std::uint32_t line, std::string message, std::string_view hint) {
    mistakes.push_back({std::string(kPackage), line, 1, std::move(message), std::string(hint)});
  };
  const Result<Json> package = parse_json(text);
  if (!package || package->as_map() == nullptr) {
    wrong(1, package ? "the file is not an object" : package.error().message(), "");
    return std::nullopt;
  }
  Manifest manifest{.kind = Manifest::Kind::kNode,
                    .wanted = {},
                    .requirements = {},
                    .lock = {},
                    .with_scripts = {}};
  for (const char* key : {"dependencies", "optionalDependencies"}) {
    const Json* wanted = package->find(key);
    if (wanted == nullptr) continue;
    if (wanted->as_map() == nullptr) {
      wrong(line_of(text, fmt::format("\"{}\"", key)), fmt::format("`{}` is not an object", key),
            "");
      continue;
    }
    for (const auto& [name, version] : *wanted->as_map())
      manifest.wanted.push_back({.name = name, .line = line_of(text, '"' + name + '"')});
  }
  if (mistakes.size() != before || manifest.wanted.empty()) return std::nullopt;
  if (!has_lock) {
    wrong(manifest.wanted.front().line,
          "there are dependencies, but no package-lock.json in the app",
          "write it: npm install --package-lock-only");
    return std::nullopt;
  }
  Result<std::string> lock = read_file(directory / kLock, kLockMax);
  if (!lock && lock.error().code() == ErrorCode::kResourceExhausted) {
    mistakes.push_back({std::string(kLock), 1, 1,
                        fmt::format("the file is larger than {}", to_text(kLockMax)), ""});
    return std::nullopt;
  }
  if (!lock) return fail(std::move(lock).error());
  check_lock(*lock, manifest, mistakes);
  if (mistakes.size() != before) return std::nullopt;
  manifest.requirements = std::move(text);
  manifest.lock = std::move(*lock);
  return manifest;
}

}  // namespace

std::string_view file_of(Manifest::Kind kind) {
  return kind == Manifest::Kind::kPython ? kRequirements : kPackage;
}

Result<std::vector<Manifest>> read_manifests(const std::filesystem::path& directory,
                                             const std::vector<File>& files, Mistakes& mistakes) {
  const auto has = [&](std::string_view path) {
    return std::ranges::find(files, path, &File::path) != files.end();
  };
  const bool has_modules = std::ranges::any_of(
      files, [](const File& file) { return file.path.starts_with("node_modules/"); });
  std::vector<Manifest> manifests;
  for (const Manifest::Kind kind : {Manifest::Kind::kPython, Manifest::Kind::kNode}) {
    const std::string_view name = file_of(kind);
    if (!has(name) || (kind == Manifest::Kind::kNode && has_modules)) continue;
    Result<std::string> text = read_file(directory / name, kRequirementsMax);
    if (!text && text.error().code() == ErrorCode::kResourceExhausted) {
      mistakes.push_back({std::string(name), 1, 1,
                          fmt::format("the file is larger than {}", to_text(kRequirementsMax)),
                          ""});
      continue;
    }
    if (!text) return fail(std::move(text).error());
    std::optional<Manifest> manifest;
    if (kind == Manifest::Kind::kPython) {
      manifest = read_requirements(std::move(*text), mistakes);
    } else {
      SLUICE_TRY(manifest, read_package(directory, has(kLock), std::move(*text), mistakes));
    }
    if (manifest) manifests.push_back(std::move(*manifest));
  }
  return manifests;
}

}  // namespace sluice::bundle
