#pragma once

// The folder in which a program runs: watched for the files that are outputs, and opened so that
// nothing outside of it can be meant. products.h decides.

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "program/products.h"

namespace sluice::program {

// A file as it was when it was emitted.
struct FileState {
  std::uint64_t inode = 0;
  std::uint64_t size = 0;
  std::int64_t modified = 0;  // ns
  friend bool operator==(const FileState&, const FileState&) = default;
};

struct OpenFile {
  Fd fd;
  FileState state;
  std::uint16_t mode = 0;
};

class Folder {
 public:
  // `files`: one per output that is a file or a glob. They must outlive this.
  static Result<Folder> open(const std::string& path, std::vector<ProductFiles*> files);

  // -1: nothing to be watched, or the system has no watches left; the files are then found when
  // the command has ended.
  int watch_fd() const { return watch_.get(); }
  bool lacks_watch() const { return lacks_watch_; }
  // Tells `files` what has happened since.
  void hear();
  // Tells them of matches that were not heard of: at the end, or where the system lost count.
  void look();

  // kNotFound: it is not there. kInvalidArgument: it is no plain file inside of this folder (a
  // link, a folder, …), as a sentence behind the name.
  Result<OpenFile> open_file(const std::string& path) const;
  // Nothing where it is not there any more.
  std::optional<FileState> state_of(const std::string& path) const;

 private:
  Folder() = default;
  void watch(const std::string& folder);
  void look_into(const std::string& folder, std::vector<std::string>& found);
  bool is_interesting(const std::string& folder) const;

  Fd folder_;
  Fd watch_;
  std::string path_;
  std::vector<ProductFiles*> files_;
  std::unordered_map<int, std::string> watched_;  // By watch descriptor: relative, "" the top.
  bool lacks_watch_ = false;
};

}  // namespace sluice::program
