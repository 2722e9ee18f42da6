#include "bundle/packages.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <functional>
#include <optional>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "bundle/internal/child.h"
#include "model/names.h"

extern char** environ;

namespace sluice::bundle {
namespace {

namespace fs = std::filesystem;
using model::Mistakes;
using model::shown;

constexpr std::string_view kPath = "/usr/local/bin:/usr/bin:/bin";
constexpr ByteCount kOutputMax = 8_MiB;
// A line for people, and the lines of an error.
constexpr std::size_t kLineMax = 300;
constexpr std::size_t kErrorLines = 6;

std::string_view manager_of(Manifest::Kind kind) {
  return kind == Manifest::Kind::kPython ? "pip" : "npm";
}

// ---- commands

std::optional<fs::path> find_program(std::string_view name) {
  std::string_view rest = kPath;
  while (!rest.empty()) {
    const auto end = rest.find(':');
    fs::path path = fs::path(rest.substr(0, end)) / name;
    if (::access(path.c_str(), X_OK) == 0) return path;
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  }
  return std::nullopt;
}

struct Tools {
  fs::path interpreter;
  fs::path manager;  // npm; of Python the interpreter itself.
  fs::path setpriv;
};

Result<Tools> find_tools(Manifest::Kind kind) {
  Tools tools;
  const auto find = [](std::string_view name, std::string_view package) -> Result<fs::path> {
    const std::optional<fs::path> found = find_program(name);
    if (found) return *found;
    return fail(ErrorCode::kFailedPrecondition,
                fmt::format("the server needs `{}` to install packages, and it is not in {}: "
                            "install {}",
                            name, kPath, package));
  };
  SLUICE_TRY(tools.setpriv, find("setpriv", "util-linux"));
  if (kind == Manifest::Kind::kPython) {
    tools.interpreter = tools.manager = "/usr/bin/python3";
  } else {
    SLUICE_TRY(tools.interpreter, find("node", "nodejs"));
    SLUICE_TRY(tools.manager, find("npm", "npm"));
  }
  return tools;
}

std::vector<std::string> environment_for(const PackageSource& source, const fs::path& home) {
  std::vector<std::string> environment = source.environment;
  environment.push_back(fmt::format("PATH={}", kPath));
  environment.emplace_back("LC_ALL=C.UTF-8");
  for (const char* name : {"HOME", "TMPDIR", "npm_config_cache"})
    environment.push_back(fmt::format("{}={}", name, home.native()));
  return environment;
}

// Two tries: a registry that is down is to be said soon.
std::vector<std::string> install_command(const Manifest& manifest, const Tools& tools,
                                         const fs::path& work, const fs::path& into) {
  // With the server goes whatever it installs, also after kill -9.
  std::vector<std::string> argv{tools.setpriv, "--pdeathsig", "KILL", "--"};
  const auto add = [&](std::initializer_list<std::string> words) {
    argv.insert(argv.end(), words);
  };
  if (manifest.kind == Manifest::Kind::kPython) {
    add({tools.manager, "-I", "-m", "pip", "install", "--target", into,
         "--only-binary=:all:", "--requirement", work / "requirements.txt"});
    add({"--no-input", "--no-cache-dir", "--progress-bar", "off", "--disable-pip-version-check",
         "--retries", "1", "--timeout", "15", "--root-user-action", "ignore"});
  } else {
    add({tools.manager, "ci", "--prefix", into, "--ignore-scripts", "--omit", "dev", "--no-audit",
         "--no-fund", "--no-update-notifier", "--progress=false", "--loglevel", "http"});
    add({"--fetch-retries", "1", "--fetch-retry-mintimeout", "1000", "--fetch-timeout", "30000"});
  }
  return argv;
}

// Packages are made for an interpreter and a machine: `cpython-311 x86_64 glibc 2.36`.
Result<std::string> platform_of(Manifest::Kind kind, const Tools& tools) {
  constexpr ChildLimits kLimits{.time = std::chrono::seconds(30), .output = 1_KiB};
  if (kind == Manifest::Kind::kPython) {
    return run_child({tools.interpreter, "-I", "-S", "-c",
                      "import os, platform, sys; print(sys.implementation.cache_tag, "
                      "platform.machine(), os.confstr('CS_GNU_LIBC_VERSION'))"},
                     "", kLimits);
  }
  return run_child({tools.interpreter, "-p",
                    "process.versions.modules + ' ' + process.platform + ' ' + process.arch"},
                   "", kLimits);
}

std::string key_of(const Manifest& manifest, std::string_view platform) {
  Sha256Stream stream;
  for (const std::string_view part :
       {manager_of(manifest.kind), platform, std::string_view(manifest.requirements),
        std::string_view(manifest.lock)}) {
    stream.update(fmt::format("{}:", part.size()));
    stream.update(part);
  }
  return fmt::format("{}-{}", manager_of(manifest.kind), to_hex(stream.finish()).substr(0, 32));
}

// ---- trees

// The bytes of the files below `folder`; a file that goes meanwhile counts nothing.
ByteCount size_of(const fs::path& folder) {
  std::uint64_t size = 0;
  std::error_code error;
  for (auto at = fs::recursive_directory_iterator(folder, error);
       !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
    std::error_code gone;
    if (at->is_regular_file(gone) && !at->is_symlink(gone)) {
      const std::uint64_t file = at->file_size(gone);
      if (!gone) size += file;
    }
  }
  return ByteCount{size};
}

// `to` becomes a tree of the same files: links, no copies, so that each can go without the other.
Status link_tree(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::copy(from, to,
           fs::copy_options::recursive | fs::copy_options::create_hard_links |
               fs::copy_options::copy_symlinks,
           error);
  if (error) {
    return fail(
        system_error(error.value(), fmt::format("link {} to {}", from.native(), to.native())));
  }
  return {};
}

// The least recently used entries beyond the limit go. Versions have links of their own.
void trim_cache(const fs::path& cache, ByteCount max) {
  struct Entry {
    fs::file_time_type used;
    fs::path path;
    ByteCount size;
  };
  std::vector<Entry> entries;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(cache, error)) {
    std::error_code gone;
    const auto used = fs::last_write_time(entry.path(), gone);
    if (!gone) entries.push_back({used, entry.path(), size_of(entry.path())});
  }
  std::ranges::sort(entries, std::greater(), &Entry::used);
  std::uint64_t kept = 0;
  for (const Entry& entry : entries) {
    kept += entry.size.value;
    if (kept <= max.value || &entry == entries.data()) continue;
    if (Status removed = remove_tree(entry.path); !removed)
      log::warning("{}", removed.error().message());
  }
}

// ---- what the package managers say

// Calls `take` with each whole line of what comes in pieces.
class Lines {
 public:
  explicit Lines(const std::function<void(std::string_view)>& take) : take_(take) {}
  void add(std::string_view piece) {
    rest_ += piece;
    std::size_t begin = 0;
    for (auto end = rest_.find('\n'); end != std::string::npos; end = rest_.find('\n', begin)) {
      const std::string_view line = std::string_view(rest_).substr(begin, end - begin);
      if (!line.empty()) take_(line.substr(0, kLineMax));
      begin = end + 1;
    }
    rest_.erase(0, begin);
    if (rest_.size() > kLineMax * 16) rest_.clear();
  }

 private:
  const std::function<void(std::string_view)>& take_;
  std::string rest_;
};

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    if (!line.empty()) lines.push_back(line);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
  return lines;
}

bool is_error_line(std::string_view line) {
  return line.starts_with("ERROR:") || line.starts_with("npm ERR!") ||
         line.starts_with("npm error");
}

// What it calls errors, or else its last lines; in one line.
std::string error_text(std::string_view output) {
  std::vector<std::string_view> lines = lines_of(output);
  std::vector<std::string_view> errors;
  std::ranges::copy_if(lines, std::back_inserter(errors), is_error_line);
  if (errors.empty()) errors = std::move(lines);
  if (errors.size() > kErrorLines) errors.resize(kErrorLines);
  std::string text;
  for (const std::string_view line : errors) {
    text += text.empty() ? "" : " / ";
    text += line.substr(0, kLineMax);
  }
  std::ranges::replace_if(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
  return text;
}

bool contains_one(std::string_view text, std::span<const std::string_view> needles) {
  return std::ranges::any_of(
      needles, [&](std::string_view one) { return text.find(one) != std::string_view::npos; });
}

// pip tells these apart in words, npm by codes.
bool is_unreachable(std::string_view output) {
  constexpr std::array<std::string_view, 14> kSigns{"NewConnectionError",
                                                    "Failed to establish a new connection",
                                                    "Temporary failure in name resolution",
                                                    "ConnectTimeoutError",
                                                    "ReadTimeoutError",
                                                    "ProtocolError(",
                                                    "ProxyError",
                                                    "SSLError",
                                                    " code ECONN",
                                                    " code ENOTFOUND",
                                                    " code EAI_AGAIN",
                                                    " code ETIMEDOUT",
                                                    " code ERR_SOCKET",
                                                    " code E50"};
  return contains_one(output, kSigns);
}

// The line of the package that the error is about: pip and npm quote it.
std::uint32_t line_in_question(const Manifest& manifest, std::string_view output) {
  std::string said;
  for (const std::string_view line : lines_of(output)) {
    if (!is_error_line(line)) continue;
    for (const char c : line)
      said +=
          c == '_' || c == '.' ? '-' : static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    said += ' ';
  }
  for (const Wanted& wanted : manifest.wanted) {
    std::string name = wanted.name;
    std::ranges::replace_if(name, [](char c) { return c == '_' || c == '.'; }, '-');
    for (auto at = said.find(name); at != std::string::npos; at = said.find(name, at + 1)) {
      const auto is_part = [&](std::size_t i) {
        return i < said.size() &&
               (std::isalnum(static_cast<unsigned char>(said[i])) != 0 || said[i] == '-');
      };
      if ((at == 0 || !is_part(at - 1)) && !is_part(at + name.size())) return wanted.line;
    }
  }
  return 1;
}

// An error of the machine or of the network, or nothing where it is a mistake of the app.
Status judge_failure(const Manifest& manifest, std::string_view output, Mistakes& mistakes) {
  const std::string_view manager = manager_of(manifest.kind);
  if (output.find("No module named pip") != std::string_view::npos) {
    return fail(ErrorCode::kFailedPrecondition,
                "the server needs pip to install packages, and /usr/bin/python3 has none: install "
                "python3-pip");
  }
  if (output.find("No space left on device") != std::string_view::npos)
    return fail(ErrorCode::kResourceExhausted, "the disk of the server is full");
  if (is_unreachable(output)) {
    return fail(ErrorCode::kUnavailable,
                fmt::format("the registry of {} cannot be reached, so the packages of {} cannot be "
                            "installed; {} in the environment of `sluice serve` names another. {} "
                            "said: {}",
                            manager, file_of(manifest.kind),
                            manifest.kind == Manifest::Kind::kPython ? "PIP_INDEX_URL"
                                                                     : "npm_config_registry",
                            manager, error_text(output)));
  }
  std::string hint = manifest.kind == Manifest::Kind::kPython
                         ? "only wheels for the server's Python are installed; a package that has "
                           "none goes into the app's folder"
                         : "the lock file must fit: npm install --package-lock-only";
  mistakes.push_back({std::string(file_of(manifest.kind)), line_in_question(manifest, output), 1,
                      fmt::format("{} could not install: {}", manager, error_text(output)),
                      std::move(hint)});
  return {};
}

// An entry is whole, or is not there, also after a loss of power. Tens of thousands of small files
// are sooner written all at once than synced one by one.
Status sync_file_system(const fs::path& folder) {
  SLUICE_TRY(const Fd fd, open_file(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (::syncfs(fd.get()) != 0) return fail(system_error(errno, "sync " + folder.native()));
  return {};
}

// A folder that is gone with its owner.
class TemporaryFolder {
 public:
  static Result<TemporaryFolder> create(const fs::path& parent) {
    SLUICE_OK(make_directory(parent));
    std::string path = (parent / "packages-XXXXXX").native();
    if (::mkdtemp(path.data()) == nullptr)
      return fail(system_error(errno, "create a folder in " + parent.native()));
    return TemporaryFolder(std::move(path));
  }
  TemporaryFolder(TemporaryFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TemporaryFolder& operator=(TemporaryFolder&&) = delete;
  ~TemporaryFolder() {
    if (path_.empty()) return;
    if (Status removed = remove_tree(path_); !removed)
      log::warning("{}", removed.error().message());
  }
  const fs::path& path() const { return path_; }

 private:
  explicit TemporaryFolder(fs::path path) : path_(std::move(path)) {}
  fs::path path_;
};

// Installs into `into`, a new folder; false: it was a mistake, which is said.
Result<bool> install(const Manifest& manifest, const Tools& tools, const fs::path& work,
                     const fs::path& into, const PackageSource& source,
                     const std::function<void(std::string_view)>& progress, std::stop_token stop,
                     Mistakes& mistakes) {
  SLUICE_OK(make_directory(into));
  if (manifest.kind == Manifest::Kind::kPython) {
    SLUICE_OK(write_file(work / "requirements.txt", manifest.requirements, Sync::kNo));
  } else {
    SLUICE_OK(write_file(into / "package.json", manifest.requirements, Sync::kNo));
    SLUICE_OK(write_file(into / "package-lock.json", manifest.lock, Sync::kNo));
  }
  const auto check_size = [&]() -> Status {
    if (size_of(into).value + size_of(work).value <= source.limits.installed.value) return {};
    return fail(ErrorCode::kResourceExhausted,
                fmt::format("the packages of {} take more than {}", file_of(manifest.kind),
                            to_text(source.limits.installed)));
  };
  Lines lines(progress);
  ChildProgram program;
  program.argv = install_command(manifest, tools, work, into);
  program.environment = environment_for(source, work);
  program.directory = work;
  program.limits = {.time = source.limits.time, .output = kOutputMax};
  program.errors_are_output = true;
  program.on_output = [&lines](std::string_view piece) { lines.add(piece); };
  program.check = check_size;
  program.stop = std::move(stop);
  Result<ChildEnd> end = run_program(program);
  if (!end) {
    return fail(std::move(end).error().wrap(
        fmt::format("install the packages of {}", file_of(manifest.kind))));
  }
  if (!end->is_good()) {
    SLUICE_OK(judge_failure(manifest, end->output, mistakes));
    return false;
  }
  SLUICE_OK(check_size());
  return true;
}

}  // namespace

std::vector<std::string> package_environment() {
  constexpr std::array<std::string_view, 16> kNames{
      "PIP_INDEX_URL",     "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST",      "PIP_CERT",
      "PIP_NO_INDEX",      "PIP_FIND_LINKS",      "REQUESTS_CA_BUNDLE",    "SSL_CERT_FILE",
      "SSL_CERT_DIR",      "NODE_EXTRA_CA_CERTS", "npm_config_registry",   "NPM_CONFIG_REGISTRY",
      "npm_config_cafile", "NPM_TOKEN",           "NPM_CONFIG_USERCONFIG", "npm_config_userconfig"};
  constexpr std::array<std::string_view, 6> kProxies{"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
                                                     "http_proxy", "https_proxy", "no_proxy"};
  std::vector<std::string> environment;
  for (char** at = environ; *at != nullptr; ++at) {
    const std::string_view variable = *at;
    const std::string_view name = variable.substr(0, variable.find('='));
    if (std::ranges::find(kNames, name) != kNames.end() ||
        std::ranges::find(kProxies, name) != kProxies.end())
      environment.emplace_back(variable);
  }
  return environment;
}

fs::path packages_folder(const fs::path& version, Manifest::Kind kind) {
  return version / (kind == Manifest::Kind::kPython ? "python_packages" : "node_modules");
}

Status install_packages(const Manifest& manifest, const fs::path& version,
                        const PackageSource& source,
                        const std::function<void(std::string_view)>& progress, std::stop_token stop,
                        Mistakes& mistakes) {
  SLUICE_TRY(const Tools tools, find_tools(manifest.kind));
  SLUICE_TRY(const std::string platform, platform_of(manifest.kind, tools));
  SLUICE_OK(make_directory(source.cache));
  const fs::path entry = source.cache / key_of(manifest, platform);
  const fs::path target = packages_folder(version, manifest.kind);
  std::error_code error;
  if (fs::is_directory(entry, error)) {
    fs::last_write_time(entry, fs::file_time_type::clock::now(), error);
    progress(fmt::format("the packages of {} are here already", file_of(manifest.kind)));
    return link_tree(entry, target);
  }
  progress(fmt::format("installing {} packages of {}, and what they need", manifest.wanted.size(),
                       file_of(manifest.kind)));
  for (const std::string& name : manifest.with_scripts)
    progress(fmt::format("the install script of '{}' is not run", shown(name)));
  // Temporary folders are in the cache's file system, for a rename makes the entry.
  SLUICE_TRY(const TemporaryFolder work, TemporaryFolder::create(source.scratch));
  const fs::path into = work.path() / "packages";
  SLUICE_TRY(const bool is_installed, install(manifest, tools, work.path(), into, source, progress,
                                              std::move(stop), mistakes));
  if (!is_installed) return {};
  const bool is_python = manifest.kind == Manifest::Kind::kPython;
  const fs::path result = is_python ? into : into / "node_modules";
  SLUICE_OK(make_directory(result));  // All that was wanted may be for other platforms.
  SLUICE_OK(sync_file_system(result));
  fs::rename(result, entry, error);
  if (error) return fail(system_error(error.value(), "keep the packages in " + entry.native()));
  trim_cache(source.cache, source.limits.cached);
  return link_tree(entry, target);
}

}  // namespace sluice::bundle
