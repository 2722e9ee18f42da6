#include "node/app_registry.h"

#include <charconv>

#include "base/file.h"
#include "base/log.h"
#include "bundle/bundle.h"
#include "node/supported.h"

namespace sluice::node {
namespace {

// Versions kept beside the current one, so that `@N` and a quick roll-back work. Older ones go when
// no run is pinned to them.
constexpr std::size_t kOldVersionsKept = 2;
constexpr ByteCount kStateFileMax = 64_KiB;

}  // namespace

Result<Prepared> prepare_bundle(const std::filesystem::path& archive,
                                const std::filesystem::path& folder, const Limits& limits,
                                const PackageInstall& packages) {
  const auto prepare = [&]() -> Result<Prepared> {
    SLUICE_OK(make_directory(folder));
    const std::filesystem::path bundle = folder / "bundle";
    SLUICE_TRY(const std::string bytes, read_file(archive, limits.bundle_bytes));
    SLUICE_OK(bundle::unpack(bytes, bundle, limits));
    SLUICE_TRY(const std::vector<bundle::File> files, bundle::list_files(bundle, limits));
    Prepared prepared{.folder = folder, .digest = {}, .app = {}, .mistakes = {}};
    SLUICE_TRY(prepared.digest, bundle::digest(bundle, files));
    SLUICE_TRY(bundle::Checked checked, bundle::check(bundle, limits));
    if (checked.app) checked.mistakes = not_there_yet(*checked.app);
    if (!checked.mistakes.empty()) checked.app.reset();
    if (checked.app) {
      for (const bundle::Manifest& manifest : checked.manifests) {
        SLUICE_OK(bundle::install_packages(manifest, folder, packages.source, packages.progress,
                                           packages.stop, checked.mistakes));
      }
      if (!checked.mistakes.empty()) checked.app.reset();
    }
    prepared.app = std::move(checked.app);
    prepared.mistakes = std::move(checked.mistakes);
    return prepared;
  };
  Result<Prepared> prepared = prepare();
  if (!prepared || !prepared->app) {
    if (Status removed = remove_tree(folder); !removed)
      log::warning("{}", removed.error().message());
  }
  return prepared;
}

AppRegistry::AppRegistry(std::filesystem::path apps, const Limits& limits,
                         std::move_only_function<void(AppVersion&)> on_version_gone)
    : apps_(std::move(apps) / "default"),
      limits_(limits),
      on_version_gone_(std::move(on_version_gone)) {}

AppVersionPtr AppRegistry::make_version(const std::string& name, std::uint32_t number,
                                        Sha256 digest, model::App app) {
  AppVersionPtr version(new AppVersion, [this](AppVersion* gone) {
    on_version_gone_(*gone);
    delete gone;
  });
  version->name = name;
  version->number = number;
  version->digest = digest;
  version->folder = apps_ / name / fmt::format("{}", number);
  version->pools.resize(app.functions.size());
  version->app = std::make_shared<const model::App>(std::move(app));
  return version;
}

void AppRegistry::load() {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(apps_, ignored)) {
    const std::string name = entry.path().filename().native();
    if (!std::filesystem::exists(entry.path() / "state.json")) {
      // A deleted app whose folders were still in use, or a first deployment that never finished.
      if (Status removed = remove_tree(entry.path()); !removed)
        log::warning("{}", removed.error().message());
      continue;
    }
    const auto load_app = [&]() -> Status {
      SLUICE_TRY(const std::string text, read_file(entry.path() / "state.json", kStateFileMax));
      SLUICE_TRY(const Json state, parse_json(text));
      const Json* current = state.find("current");
      const Json* last = state.find("last");
      if (current == nullptr || current->as_int() == nullptr || last == nullptr ||
          last->as_int() == nullptr) {
        return fail(ErrorCode::kDataLoss, "state.json has no `current` and `last`");
      }
      App app{.versions = {},
              .current = static_cast<std::uint32_t>(*current->as_int()),
              .last = static_cast<std::uint32_t>(*last->as_int())};
      for (const auto& folder : std::filesystem::directory_iterator(entry.path())) {
        const std::string number_text = folder.path().filename().native();
        std::uint32_t number = 0;
        const auto parsed =
            std::from_chars(number_text.data(), number_text.data() + number_text.size(), number);
        if (parsed.ec != std::errc{} || parsed.ptr != number_text.data() + number_text.size())
          continue;
        const std::filesystem::path bundle = folder.path() / "bundle";
        SLUICE_TRY(const std::vector<bundle::File> files, bundle::list_files(bundle, limits_));
        SLUICE_TRY(const Sha256 digest, bundle::digest(bundle, files));
        SLUICE_TRY(bundle::Checked checked, bundle::check(bundle, limits_));
        if (!checked.app) {
          return fail(ErrorCode::kDataLoss, fmt::format("version {}: {}", number,
                                                        model::to_text(checked.mistakes.front())));
        }
        for (const bundle::Manifest& manifest : checked.manifests) {
          std::error_code gone;
          if (std::filesystem::exists(bundle::packages_folder(folder.path(), manifest.kind), gone))
            continue;
          return fail(ErrorCode::kDataLoss,
                      fmt::format("version {}: the packages of {} are not there any more; deploy "
                                  "the app again",
                                  number, bundle::file_of(manifest.kind)));
        }
        app.versions[number] = make_version(name, number, digest, std::move(*checked.app));
      }
      if (!app.versions.contains(app.current)) {
        return fail(ErrorCode::kDataLoss,
                    fmt::format("its current version {} is not there", app.current));
      }
      by_name_[name] = std::move(app);
      return {};
    };
    if (Status loaded = load_app(); !loaded) {
      log::error("an app on disk cannot be read; it is left as it is{}{}", log::field("app", name),
                 log::field("error", loaded.error().message()));
    }
  }
}

Status AppRegistry::save_state(const std::string& name, const App& app) {
  Json state;
  state.set("current", app.current).set("last", app.last);
  return write_file(apps_ / name / "state.json", to_text(state));
}

Result<AppRegistry::Installed> AppRegistry::install(Prepared prepared) {
  Result<Installed> installed = install_in(prepared);
  if (!installed) {
    if (Status removed = remove_tree(prepared.folder); !removed)
      log::warning("{}", removed.error().message());
  }
  return installed;
}

// The app as it is now changes last: a deploy that fails has changed nothing.
Result<AppRegistry::Installed> AppRegistry::install_in(Prepared& prepared) {
  const std::string name = prepared.app->name;
  const auto found = by_name_.find(name);
  App app = found == by_name_.end() ? App{} : found->second;
  // Numbers are not used again while runs may be pinned to a deleted app's folders.
  app.last = std::max(app.last, numbers_of_deleted_[name]);
  for (auto& [number, version] : app.versions) {
    if (version->digest != prepared.digest) continue;
    // The same content is the same version; deploying an old one again makes it current.
    SLUICE_OK(remove_tree(prepared.folder));
    const Installed installed{.version = version, .is_new = false};
    if (app.current != number) {
      app.current = number;
      SLUICE_OK(save_state(name, app));
      by_name_[name] = std::move(app);
    }
    return installed;
  }
  AppVersionPtr version =
      make_version(name, app.last + 1, prepared.digest, std::move(*prepared.app));
  version->keep_folder = false;  // Until all has gone well.
  SLUICE_OK(make_directory(apps_ / name));
  // A folder of this number is what a crash between rename and save_state left.
  SLUICE_OK(remove_tree(version->folder));
  if (std::rename(prepared.folder.c_str(), version->folder.c_str()) != 0) {
    return fail(
        system_error(errno, fmt::format("move the bundle to {}", version->folder.native())));
  }
  app.last = app.current = version->number;
  app.versions[version->number] = version;
  SLUICE_OK(save_state(name, app));
  version->keep_folder = true;
  prune(app);
  by_name_[name] = std::move(app);
  return Installed{.version = std::move(version), .is_new = true};
}

void AppRegistry::prune(App& app) {
  std::size_t kept = 0;
  for (auto at = app.versions.rbegin(); at != app.versions.rend();) {
    if (at->first == app.current || kept++ < kOldVersionsKept) {
      ++at;
      continue;
    }
    at->second->keep_folder = false;
    at = std::make_reverse_iterator(app.versions.erase(std::next(at).base()));
  }
}

Status AppRegistry::remove(const std::string& name) {
  const auto found = by_name_.find(name);
  if (found == by_name_.end())
    return fail(ErrorCode::kNotFound, fmt::format("there is no app '{}'", name));
  // The state goes first: after a crash here the app is gone, and its folders are swept by number.
  std::error_code ignored;
  std::filesystem::remove(apps_ / name / "state.json", ignored);
  for (auto& [number, version] : found->second.versions) version->keep_folder = false;
  numbers_of_deleted_[name] = found->second.last;
  by_name_.erase(found);
  return {};
}

AppVersionPtr AppRegistry::current(const std::string& app) const {
  const auto found = by_name_.find(app);
  return found == by_name_.end() ? nullptr : found->second.versions.at(found->second.current);
}

std::vector<AppVersionPtr> AppRegistry::all_current() const {
  std::vector<AppVersionPtr> all;
  for (const auto& [name, app] : by_name_) all.push_back(app.versions.at(app.current));
  return all;
}

Result<WorkflowAddress> AppRegistry::find(std::string_view address) const {
  std::string_view rest = address;
  std::optional<std::uint32_t> pinned;
  if (const auto at = rest.find('@'); at != std::string_view::npos) {
    const std::string_view text = rest.substr(at + 1);
    std::uint32_t number = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
    if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("'{}' is not a version: write app.workflow@3", text));
    }
    pinned = number;
    rest = rest.substr(0, at);
  }
  std::string_view wanted_app;
  if (const auto dot = rest.find('.'); dot != std::string_view::npos) {
    wanted_app = rest.substr(0, dot);
    rest = rest.substr(dot + 1);
  }

  std::vector<WorkflowAddress> found;
  for (const auto& [name, app] : by_name_) {
    if (!wanted_app.empty() && name != wanted_app) continue;
    const std::uint32_t number = pinned.value_or(app.current);
    const auto version = app.versions.find(number);
    if (version == app.versions.end()) continue;
    const auto& workflows = version->second->app->workflows;
    for (std::uint32_t i = 0; i < workflows.size(); ++i) {
      if (workflows[i].name == rest && !workflows[i].is_internal)
        found.push_back({.version = version->second, .workflow = i});
    }
  }
  if (found.size() == 1) return found.front();
  if (found.empty()) {
    std::string known;
    for (const auto& [name, app] : by_name_) {
      for (const auto& workflow : app.versions.at(app.current)->app->workflows) {
        if (workflow.is_internal) continue;
        known += fmt::format("{}{}.{}", known.empty() ? "" : ", ", name, workflow.name);
        if (known.size() > 300) break;
      }
    }
    return fail(ErrorCode::kNotFound,
                fmt::format("there is no workflow '{}'; {}", address,
                            known.empty() ? "nothing is deployed yet (sluice deploy DIR)"
                                          : "there are: " + known));
  }
  std::string names;
  for (const auto& candidate : found) {
    names += fmt::format("{}{}.{}", names.empty() ? "" : ", ", candidate.version->name, rest);
  }
  return fail(ErrorCode::kFailedPrecondition,
              fmt::format("several apps have a workflow '{}': name one of {}", rest, names));
}

}  // namespace sluice::node
