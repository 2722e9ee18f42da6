#pragma once

// The apps of this node and their versions, on disk and in memory. A version's folder lives while
// it is among the newest of its app, or while a run is pinned to it. Loop thread; the file work of
// a deployment (prepare) is a free function for a bulk thread.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "api/control.h"
#include "base/hash.h"
#include "base/limits.h"
#include "bundle/packages.h"
#include "model/plan.h"
#include "runtime/runtime.h"

namespace sluice::node {

// One deployed version. Shared by the registry and by the runs pinned to it; when the last of them
// lets go, the registry's `on_version_gone` ends its pools and removes its folder.
struct AppVersion {
  std::string ns = "default";
  std::string name;
  std::uint32_t number = 1;
  Sha256 digest{};
  std::filesystem::path
      folder;  // apps/NS/APP/N; the bundle is below `bundle`, its packages beside.
  std::shared_ptr<const model::App> app;
  std::vector<runtime::PoolId> pools;  // Per function; made when first used.
  bool keep_folder =
      true;  // False once the registry dropped it: the folder goes with the last run.

  std::filesystem::path bundle() const { return folder / "bundle"; }
  // Where Python packages are that came with the app; may not be there.
  std::filesystem::path python_packages() const {
    return bundle::packages_folder(folder, bundle::Manifest::Kind::kPython);
  }
};
using AppVersionPtr = std::shared_ptr<AppVersion>;

struct WorkflowAddress {
  AppVersionPtr version;
  std::uint32_t workflow = 0;
};

// An archive unpacked and checked, its packages installed, on its way to become a version.
struct Prepared {
  std::filesystem::path folder;  // Below scratch; holds `bundle/` and the packages.
  Sha256 digest{};
  std::optional<model::App> app;
  model::Mistakes mistakes;
};
// How the packages that an app asks for are installed.
struct PackageInstall {
  bundle::PackageSource source;
  std::function<void(std::string_view)> progress;  // Any thread.
  std::stop_token stop;
};

// Bulk thread; installs packages, so it may take minutes. Removes its folder on error or mistakes.
Result<Prepared> prepare_bundle(const std::filesystem::path& archive,
                                const std::filesystem::path& folder, const Limits& limits,
                                const PackageInstall& packages);

class AppRegistry {
 public:
  AppRegistry(std::filesystem::path apps, const Limits& limits,
              std::move_only_function<void(AppVersion&)> on_version_gone);

  // At start: what is on disk. A version that cannot be read is reported and left alone.
  void load();

  // Makes the prepared bundle the current version of its app: an existing version when the content
  // is the same, else the next number. Renames and syncs; a few file operations.
  struct Installed {
    AppVersionPtr version;
    bool is_new = false;
  };
  // What fails changes nothing, and leaves nothing of `prepared`.
  Result<Installed> install(Prepared prepared);
  Status remove(const std::string& app);

  AppVersionPtr current(const std::string& app) const;
  // `name`, `app.name`, `app.name@N`: kNotFound, or kFailedPrecondition (409) naming the
  // candidates.
  Result<WorkflowAddress> find(std::string_view address) const;
  std::vector<AppVersionPtr> all_current() const;  // By name.

 private:
  struct App {
    std::map<std::uint32_t, AppVersionPtr> versions;
    std::uint32_t current = 0;
    std::uint32_t last = 0;  // Highest number ever given.
  };

  AppVersionPtr make_version(const std::string& name, std::uint32_t number, Sha256 digest,
                             model::App app);
  Result<Installed> install_in(Prepared& prepared);
  Status save_state(const std::string& name, const App& app);
  void prune(App& app);

  std::filesystem::path apps_;
  const Limits& limits_;
  std::move_only_function<void(AppVersion&)> on_version_gone_;
  std::map<std::string, App, std::less<>> by_name_;
  std::map<std::string, std::uint32_t> numbers_of_deleted_;  // Highest number given; until restart.
};

}  // namespace sluice::node
