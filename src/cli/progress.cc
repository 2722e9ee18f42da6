#include "cli/progress.h"

#include <algorithm>

#include "base/units.h"
#include "cli/document.h"

namespace sluice::cli {
namespace {

struct Line {
  std::string text;
  bool has_ended = false;
};

Line step_line(const Json& step, std::size_t name_width) {
  const std::int64_t done = int_member(step, "succeeded") + int_member(step, "failed") +
                            int_member(step, "skipped") + int_member(step, "cancelled");
  const std::int64_t total = int_member(step, "total");
  const bool is_final = bool_member(step, "total_is_final");
  const std::string name = printable_line(text_member(step, "name"));
  // A total that may still grow is not the end.
  Line line{.text = name, .has_ended = is_final && done >= total};
  line.text.append(name_width - std::min(name_width, display_width(name)) + 2, ' ');
  line.text += fmt::format("{:>7}", fmt::format("{}/{}{}", done, total, is_final ? "" : "+"));
  const auto add = [&](std::string_view key, std::string_view word) {
    if (const std::int64_t count = int_member(step, key); count > 0)
      line.text += fmt::format("  {} {}", count, word);
  };
  add("running", "running");
  add("blocked", "blocked");
  add("failed", "failed");
  add("skipped", "skipped");
  if (const std::int64_t bytes = int_member(step, "bytes"); bytes > 0) {
    line.text += "  " + to_text(ByteCount{static_cast<std::uint64_t>(bytes)});
  }
  return line;
}

}  // namespace

std::vector<std::string> progress_lines(const Json& run, std::size_t columns, std::size_t rows) {
  const Json::List& steps = list_member(run, "steps");
  std::size_t name_width = 0;
  for (const Json& step : steps) {
    name_width = std::max(name_width, display_width(printable_line(text_member(step, "name"))));
  }
  name_width = std::min(name_width, columns / 2);
  std::vector<Line> lines;
  for (const Json& step : steps) lines.push_back(step_line(step, name_width));
  std::size_t left_out = 0;
  if (lines.size() > rows) {
    left_out = lines.size() - std::max<std::size_t>(rows, 1) + 1;
    for (std::size_t drop = left_out; drop > 0; --drop) {
      const auto ended =
          std::find_if(lines.begin(), lines.end(), [](const Line& line) { return line.has_ended; });
      lines.erase(ended != lines.end() ? ended : std::prev(lines.end()));
    }
  }
  std::vector<std::string> out;
  for (const Line& line : lines) out.push_back(cut_to_width(line.text, columns));
  if (left_out > 0)
    out.push_back(cut_to_width(fmt::format("… and {} more steps", left_out), columns));
  return out;
}

void Progress::show(const Json& run) {
  // One row stays free: a line end on the last row would scroll, and the redraw would miss.
  draw(progress_lines(run, terminal_.columns - 1, std::max<std::size_t>(terminal_.rows, 3) - 1));
}

void Progress::show_line(const std::string& line) {
  draw({cut_to_width(line, terminal_.columns - 1)});
}

void Progress::clear() { draw({}); }

void Progress::draw(const std::vector<std::string>& lines) {
  if (!terminal_.can_redraw) return;
  // One write, so that nothing flickers: up to the first line, each line anew, the rest erased.
  std::string text;
  if (drawn_ > 0) text += fmt::format("\x1b[{}A", drawn_);
  for (const std::string& line : lines) text += "\r\x1b[2K" + line + '\n';
  if (drawn_ > lines.size()) text += "\x1b[J";
  drawn_ = lines.size();
  if (!text.empty()) write_error(text);
}

}  // namespace sluice::cli
