#pragma once

// An app as files: a directory on an author's machine, an archive on its way, a directory of one
// version in the data directory. Ignore rules (`.sluiceignore`, gitignore syntax, plus built-in
// `.git`, `__pycache__`, `*.pyc`, `node_modules/.cache`, files of editors), the digest that makes
// the version, and the ports that Python code declares, read from its syntax tree (nothing of the
// code is run).
// Blocking I/O: called by the cli, and on a bulk thread of the node.

#include <filesystem>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/limits.h"
#include "base/result.h"
#include "bundle/manifest.h"
#include "model/mistake.h"
#include "model/plan.h"

namespace sluice::bundle {

struct File {
  std::string path;  // Relative, `/` between parts, sorted bytewise.
  ByteCount size;
  bool executable = false;
};

// The files of the app below `directory` that belong to it. Symbolic links, sockets, names that are
// not UTF-8 and more than the limits are errors that name the path.
Result<std::vector<File>> list_files(const std::filesystem::path& directory, const Limits& limits);

// The folders that they lie in or may come to lie in: those that no rule ignores, "" for
// `directory` itself first. With the same errors.
Result<std::vector<std::string>> list_folders(const std::filesystem::path& directory,
                                              const Limits& limits);

// SHA-256 over the sorted (path, executable, content): independent of times, owners and order.
Result<Sha256> digest(const std::filesystem::path& directory, const std::vector<File>& files);

// A tar (ustar/pax, zstd) of these files, with fixed times and owners, appended to `out`.
Status pack(const std::filesystem::path& directory, const std::vector<File>& files,
            std::string& out, const Limits& limits);
// The reverse: tar, plain or gzip or zstd, into a new empty `directory`. Refuses absolute names,
// `..`, links, devices, duplicates, and more than the limits (also of the unpacked size). Nothing
// is left on error.
Status unpack(std::string_view archive, const std::filesystem::path& directory,
              const Limits& limits);

// Everything `sluice validate` and `sluice deploy` check: reads sluice.yaml, looks at the code, and
// validates. `app` is set iff there is no mistake. An Error is an I/O problem, not a mistake.
struct Checked {
  std::optional<model::App> app;
  std::vector<Manifest> manifests;  // Of packages that a deploy has to install.
  model::Mistakes mistakes;
};
Result<Checked> check(const std::filesystem::path& directory, const Limits& limits);

}  // namespace sluice::bundle
