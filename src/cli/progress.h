#pragma once

// The live view of a run on a terminal: one line per step, redrawn in place.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "cli/terminal.h"

namespace sluice::cli {

// One line per step of the run's document, none longer than `columns`, at most `rows` lines: what
// does not fit (steps that have ended first, then the last ones) is counted in a last line.
std::vector<std::string> progress_lines(const Json& run, std::size_t columns, std::size_t rows);

// Owns the lines it drew last. Draws nothing where the terminal cannot move its cursor.
class Progress {
 public:
  explicit Progress(const Terminal& terminal) : terminal_(terminal) {}
  void show(const Json& run);
  void show_line(const std::string& line);
  // Takes the lines away: what follows is the result.
  void clear();

 private:
  void draw(const std::vector<std::string>& lines);

  const Terminal& terminal_;
  std::size_t drawn_ = 0;
};

}  // namespace sluice::cli
