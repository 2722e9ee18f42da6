#pragma once

// Which files of a program's folder are outputs, and when: the deciding half of program/folder.h,
// which tells it what happens there. Pure, and one tracker per output that is a file or a glob.
//
// The elements of a glob are its matches in the order in which they appeared. An element is emitted
// when its file is closed and a later match has appeared, or when the command has ended: the last
// one may still be written to. `emit: closed`: at the first close, in that order. A single file is
// emitted when the command has ended, or at its first close. What changes afterwards was emitted
// half: that is a mistake of the program, and is_changed() says so for good.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "program/description.h"

namespace sluice::program {

// Whether a path (relative, `/` between its parts) is one that the pattern means. `*` and `?` take
// neither `/` nor a leading dot.
bool matches(std::string_view pattern, std::string_view path);
// Whether a match may lie somewhere below this folder.
bool may_contain(std::string_view pattern, std::string_view folder);

class ProductFiles {
 public:
  explicit ProductFiles(const Product& product);

  bool is_wanted(std::string_view path) const;
  const std::string& pattern() const { return pattern_; }

  // What happens to a path that is wanted.
  void appeared(const std::string& path, bool is_closed);
  void written(const std::string& path);
  void closed(const std::string& path);
  void gone(const std::string& path);
  // Is there, whatever became of it before: only news where it was not known.
  void found(const std::string& path) { add(path); }
  // The command has ended: nobody writes any more.
  void ended() { has_ended_ = true; }

  // The file that is to be emitted now; it counts as emitted. A single file comes also if nothing
  // was ever heard of it: whether it is there is seen when it is opened.
  std::optional<std::string> next();
  // The first that changed after it was emitted.
  const std::optional<std::string>& changed() const { return changed_; }

 private:
  struct File {
    std::uint64_t order = 0;  // Of appearance.
    bool is_open = true;
    bool was_closed = false;
    bool is_emitted = false;
  };

  File& add(const std::string& path);
  // Known and emitted: then this is a change.
  bool is_late(const File& file, const std::string& path);
  void close(File& file, const std::string& path);
  std::string emit(std::map<std::uint64_t, std::string>::iterator at);

  const bool is_glob_;
  const bool at_first_close_;
  const std::string pattern_;
  std::unordered_map<std::string, File> files_;
  std::map<std::uint64_t, std::string> waiting_;  // Not emitted, by order of appearance.
  std::map<std::uint64_t, std::string> closed_;   // `emit: closed`: by order of first close.
  std::uint64_t last_order_ = 0;
  std::uint64_t last_close_ = 0;
  bool has_ended_ = false;
  bool is_single_done_ = false;
  std::optional<std::string> changed_;
};

}  // namespace sluice::program
