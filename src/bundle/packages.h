#pragma once

// Installs what a manifest asks for, with the package manager of the system (`pip`, `npm`): only
// packages that are ready to use, no script of any package is run. What was installed once for the
// same files and the same interpreter is kept, and taken from there the next time.
// Blocking I/O, minutes of it: a bulk thread of the node.

#include <chrono>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "bundle/manifest.h"
#include "model/mistake.h"

namespace sluice::bundle {

// Beyond: an error that names the limit; the cache drops what was used least recently.
struct PackageLimits {
  ByteCount installed = 8_GiB;  // Of one manifest.
  ByteCount cached = 16_GiB;    // All that is kept.
  Duration time = std::chrono::minutes(15);
};

// Where packages come from and go to.
struct PackageSource {
  std::filesystem::path cache;    // A folder of its own; entries are named by their content.
  std::filesystem::path scratch;  // For temporary folders; whoever owns it empties it at start.
  // NAME=VALUE for the package managers: registries, proxies, certificates.
  std::vector<std::string> environment;
  PackageLimits limits = {};
};

// Those of this process's variables that are for the package managers.
std::vector<std::string> package_environment();

// Where the packages of a kind are in the folder of a version: beside its `bundle`, so that Node
// finds `node_modules` by itself.
std::filesystem::path packages_folder(const std::filesystem::path& version, Manifest::Kind kind);

// Installs into packages_folder(version, …). What the registry does not have, or what does not fit
// this machine, is added to `mistakes`. kUnavailable: the registry cannot be reached;
// kFailedPrecondition: the package manager is not on this machine; kCancelled: stopped. `progress`
// gets lines for people.
Status install_packages(const Manifest& manifest, const std::filesystem::path& version,
                        const PackageSource& source,
                        const std::function<void(std::string_view)>& progress, std::stop_token stop,
                        model::Mistakes& mistakes);

}  // namespace sluice::bundle
