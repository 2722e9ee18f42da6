#pragma once

// What an app asks a package registry for: `requirements.txt`, or `package.json` with its lock
// file, at the top of the app. Read and judged here; packages.h installs it. Only what a registry
// serves ready to use is taken (wheels, tarballs whose checksum the lock file knows), so that no
// deploy ever runs code of a package.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/mistake.h"

namespace sluice::bundle {

struct File;

// One package that is asked for, and the line that asks.
struct Wanted {
  std::string name;  // As the registry compares it: `my_Pkg` is `my-pkg` for Python.
  std::uint32_t line = 1;
};

struct Manifest {
  enum class Kind : std::uint8_t { kPython, kNode };
  Kind kind = Kind::kPython;
  std::vector<Wanted> wanted;
  // What the installation depends on, of the app's: the files' contents.
  std::string requirements;  // requirements.txt, or package.json.
  std::string lock;          // package-lock.json.
  // Packages of Node that would run a script when installed; it is not run.
  std::vector<std::string> with_scripts;
};

// The file that people know the manifest by.
std::string_view file_of(Manifest::Kind kind);

// The manifests of the app that ask for anything. What is wrong in one is added to `mistakes`, and
// it is then not among the result. A `node_modules` folder in the app is used as it is, so that
// nothing is asked for. An Error: a file cannot be read.
Result<std::vector<Manifest>> read_manifests(const std::filesystem::path& directory,
                                             const std::vector<File>& files,
                                             model::Mistakes& mistakes);

}  // namespace sluice::bundle
