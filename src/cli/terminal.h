#pragma once

// The process's three streams: who is at the other end, and text made harmless for a terminal. Data
// goes to standard output, everything else to standard error; nothing else in cli writes to either.

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice::cli {

struct Terminal {
  bool output_is_terminal = false;
  bool error_is_terminal = false;
  bool has_colour = false;  // Standard error understands colours and the user did not refuse them.
  bool can_redraw = false;  // Standard error can move its cursor: not TERM=dumb.
  std::size_t columns = 80;
  std::size_t rows = 24;
};

// `term` and `no_color` are the variables of these names (empty: not set).
Terminal inspect_terminal(std::string_view term, std::string_view no_color);

// To standard output. kCancelled when its reader has gone: nobody wants the rest, that is no
// failure.
Status write_output(std::string_view bytes);
// To standard error. If that fails there is nobody left to tell.
void write_error(std::string_view text);
// `text` and a line's end, in red before the colon of `error: …` where colours are wanted.
void write_error_line(const Terminal& terminal, std::string_view kind, std::string_view text);

// Well-formed printable text as it is, with line ends and tabs; control characters and bytes that
// are not UTF-8 as `\x1b`: no output of a function can drive the user's terminal. Text may come in
// pieces.
class TerminalText {
 public:
  std::string filter(std::string_view bytes);
  // What is left of a character that never became whole.
  std::string finish();
  bool has_escaped() const { return has_escaped_; }

 private:
  std::string rest_;
  bool has_escaped_ = false;
};
std::string printable(std::string_view bytes);
// The same on one line: line ends and tabs are escaped too.
std::string printable_line(std::string_view bytes);

// How many columns a terminal gives this text: wide characters two, combining ones none.
std::size_t display_width(std::string_view text);
// Cut to at most `columns`, with `…` where something is missing.
std::string cut_to_width(std::string_view text, std::size_t columns);

}  // namespace sluice::cli
