#include "cli/terminal.h"

#include <locale.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include <cerrno>
#include <cstdint>

#include "base/fd.h"
#include "cli/interrupt.h"

namespace sluice::cli {
namespace {

// One character at the front of `bytes`. size 0: not yet whole; is_valid false: its first byte is
// none.
struct Character {
  std::uint32_t code = 0;
  std::size_t size = 0;
  bool is_valid = false;
};

Character first_character(std::string_view bytes) {
  const auto lead = static_cast<unsigned char>(bytes[0]);
  if (lead < 0x80) return {.code = lead, .size = 1, .is_valid = true};
  std::size_t size = 0;
  std::uint32_t code = 0;
  std::uint32_t least = 0;
  if ((lead & 0xe0) == 0xc0) {
    size = 2, code = lead & 0x1fU, least = 0x80;
  } else if ((lead & 0xf0) == 0xe0) {
    size = 3, code = lead & 0x0fU, least = 0x800;
  } else if ((lead & 0xf8) == 0xf0) {
    size = 4, code = lead & 0x07U, least = 0x10000;
  } else {
    return {.size = 1};
  }
  for (std::size_t i = 1; i < size; ++i) {
    if (i >= bytes.size()) return {};
    const auto next = static_cast<unsigned char>(bytes[i]);
    if ((next & 0xc0) != 0x80) return {.size = 1};
    code = (code << 6) | (next & 0x3fU);
  }
  if (code < least || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return {.size = 1};
  return {.code = code, .size = size, .is_valid = true};
}

bool is_control(std::uint32_t code) { return code < 0x20 || (code >= 0x7f && code < 0xa0); }

// wcwidth answers by the locale, and what it shall answer does not depend on the user's.
int character_width(std::uint32_t code) {
  static const locale_t utf8 = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", locale_t{});
  if (code < 0x7f || utf8 == locale_t{}) return 1;
  const locale_t before = ::uselocale(utf8);
  const int width = ::wcwidth(static_cast<wchar_t>(code));
  ::uselocale(before);
  return width < 0 ? 1 : width;
}

void escape(std::string_view bytes, std::string& out) {
  for (const char c : bytes)
    fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(c));
}

std::string escaped(std::string_view bytes, bool keep_lines) {
  std::string out;
  while (!bytes.empty()) {
    const Character character = first_character(bytes);
    const std::size_t size = character.size == 0 ? bytes.size() : character.size;
    const std::string_view text = bytes.substr(0, size);
    bytes.remove_prefix(size);
    if (text == "\n" || text == "\t") {
      out += keep_lines ? text : std::string_view(text == "\n" ? "\\n" : "\\t");
    } else if (!character.is_valid || is_control(character.code)) {
      escape(text, out);
    } else {
      out += text;
    }
  }
  return out;
}

}  // namespace

Terminal inspect_terminal(std::string_view term, std::string_view no_color) {
  Terminal terminal;
  terminal.output_is_terminal = ::isatty(STDOUT_FILENO) == 1;
  terminal.error_is_terminal = ::isatty(STDERR_FILENO) == 1;
  terminal.can_redraw = terminal.error_is_terminal && !term.empty() && term != "dumb";
  terminal.has_colour = terminal.can_redraw && no_color.empty();
  struct winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0) {
    terminal.columns = size.ws_col;
    terminal.rows = size.ws_row;
  }
  return terminal;
}

Status write_output(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (put < 0) {
      if (errno == EINTR && interrupt::signal() == 0) continue;
      if (errno == EINTR || errno == EPIPE)
        return fail(ErrorCode::kCancelled, "standard output is closed");
      const Error error = system_error(errno, "write to standard output");
      return fail(ErrorCode::kInternal, error.message());
    }
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  return {};
}

void write_error(std::string_view text) {
  while (!text.empty()) {
    const ssize_t put = ::write(STDERR_FILENO, text.data(), text.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return;
    text.remove_prefix(static_cast<std::size_t>(put));
  }
}

void write_error_line(const Terminal& terminal, std::string_view kind, std::string_view text) {
  write_error(terminal.has_colour ? fmt::format("\x1b[31m{}:\x1b[0m {}\n", kind, printable(text))
                                  : fmt::format("{}: {}\n", kind, printable(text)));
}

std::string TerminalText::filter(std::string_view bytes) {
  rest_ += bytes;
  std::size_t whole = rest_.size();
  // A character of which the end has not come waits for the next piece; it is at most three bytes.
  for (std::size_t back = 1; back <= 3 && back <= rest_.size(); ++back) {
    const std::size_t at = rest_.size() - back;
    if ((static_cast<unsigned char>(rest_[at]) & 0xc0) == 0x80) continue;
    if (first_character(std::string_view(rest_).substr(at)).size == 0) whole = at;
    break;
  }
  const std::string text = escaped(std::string_view(rest_).substr(0, whole), true);
  has_escaped_ = has_escaped_ || text.size() != whole;
  rest_.erase(0, whole);
  return text;
}

std::string TerminalText::finish() {
  std::string out = escaped(rest_, true);
  has_escaped_ = has_escaped_ || out.size() != rest_.size();
  rest_.clear();
  return out;
}

std::string printable(std::string_view bytes) { return escaped(bytes, true); }
std::string printable_line(std::string_view bytes) { return escaped(bytes, false); }

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    const Character character = first_character(text);
    width += static_cast<std::size_t>(character.is_valid ? character_width(character.code) : 1);
    text.remove_prefix(std::max<std::size_t>(character.size, 1));
  }
  return width;
}

std::string cut_to_width(std::string_view text, std::size_t columns) {
  if (display_width(text) <= columns) return std::string(text);
  std::string out;
  std::size_t width = 0;
  while (!text.empty()) {
    const Character character = first_character(text);
    const auto next =
        static_cast<std::size_t>(character.is_valid ? character_width(character.code) : 1);
    if (width + next + 1 > columns) break;
    const std::size_t size = std::max<std::size_t>(character.size, 1);
    out += text.substr(0, size);
    width += next;
    text.remove_prefix(size);
  }
  return columns == 0 ? std::string() : out + "…";
}

}  // namespace sluice::cli
