#include "node/run_log.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "node/written_steps.h"

namespace sluice::node {
namespace {

constexpr std::size_t kReadMax = 64 << 10;
constexpr std::size_t kLineMax = 8 << 10;  // Longer lines are cut into several.
constexpr std::size_t kTailMax = 4 << 10;

// Of the step or task itself, of one of its rounds, or of a step inside of it.
bool is_inside(std::string_view path, std::string_view outer) {
  return path.starts_with(outer) &&
         (path.size() == outer.size() || path[outer.size()] == '~' || path[outer.size()] == '.');
}

std::string repaired(std::string_view text) {
  if (is_utf8(text)) return std::string(text);
  // A function may print in any encoding: bytes above 127 that are not UTF-8 are shown as \xNN.
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    std::size_t size = 1;
    const auto lead = static_cast<unsigned char>(text[i]);
    if (lead >= 0xc0) size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0x80 || (size > 1 && is_utf8(text.substr(i, size)) && i + size <= text.size())) {
      out.append(text.substr(i, size));
      i += size;
    } else {
      out += fmt::format("\\x{:02x}", lead);
      ++i;
    }
  }
  return out;
}

}  // namespace

void RunLog::add_line(std::string_view path, std::string_view line,
                      const std::filesystem::path& folder) {
  const std::string entry = fmt::format("{} | {}\n", path, line);
  if (!file_ && memory_.size() + entry.size() <= Limits::kInlineMax) {
    memory_ += entry;
    size_ += entry.size();
    return;
  }
  if (!file_) {
    if (Status made = make_directory(folder); !made) {
      log::error("the log of a run cannot be kept: {}", made.error().message());
      is_full_ = true;
      return;
    }
    Result<Fd> file = open_file(folder / "log", O_RDWR | O_CREAT | O_APPEND);
    if (!file) {
      log::error("the log of a run cannot be kept: {}", file.error().message());
      is_full_ = true;
      return;
    }
    file_ = std::move(*file);
  }
  if (Status written = write_all(file_, entry); !written) {
    log::error("the log of a run is cut short: {}", written.error().message());
    is_full_ = true;
    return;
  }
  size_ += entry.size();
}

void RunLog::append(const std::string& path, TaskLog& task, std::string_view text,
                    const std::filesystem::path& folder, const Limits& limits) {
  while (!text.empty()) {
    const std::size_t newline = text.find('\n');
    const bool ends = newline != std::string_view::npos;
    const std::size_t take =
        std::min(ends ? newline : text.size(), kLineMax - std::min(kLineMax, task.partial.size()));
    task.partial.append(text.substr(0, take));
    text.remove_prefix(take);
    const bool line_is_full = task.partial.size() >= kLineMax;
    if (ends && !text.empty() && text.front() == '\n') {
      text.remove_prefix(1);
    } else if (!line_is_full) {
      continue;  // The rest of the line comes later.
    }
    finish(path, task, folder, limits);
  }
}

void RunLog::finish(const std::string& path, TaskLog& task, const std::filesystem::path& folder,
                    const Limits& limits) {
  if (task.partial.empty()) return;
  const std::string line = repaired(task.partial);
  task.partial.clear();
  task.tail += line;
  task.tail += '\n';
  if (task.tail.size() > kTailMax) {
    const std::size_t cut = task.tail.find('\n', task.tail.size() - kTailMax);
    task.tail.erase(0, cut == std::string::npos ? task.tail.size() - kTailMax : cut + 1);
  }
  if (task.is_full || is_full_) return;
  task.bytes += line.size() + 1;
  if (task.bytes > limits.log_per_task.value) {
    task.is_full = true;
    add_line(path, fmt::format("[log cut: a task may print {}]", to_text(limits.log_per_task)),
             folder);
    return;
  }
  if (size_ + line.size() > limits.log_per_run.value) {
    add_line(path,
             fmt::format("[log cut: the tasks of a run may print {}]", to_text(limits.log_per_run)),
             folder);
    is_full_ = true;
    return;
  }
  add_line(path, line, folder);
}

api::LogChunk RunLog::read(std::uint64_t after, std::string_view step,
                           std::string_view task) const {
  api::LogChunk chunk{.text = {}, .next = after, .is_last = false};
  std::string text;
  if (after < memory_.size()) {
    text = memory_.substr(after, kReadMax);
  } else if (after < size_) {
    text.resize(std::min<std::uint64_t>(kReadMax, size_ - after));
    const ssize_t got =
        ::pread(file_.get(), text.data(), text.size(), static_cast<off_t>(after - memory_.size()));
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  }
  // Whole lines only: the rest comes with the next chunk.
  text.resize(text.rfind('\n') == std::string::npos ? 0 : text.rfind('\n') + 1);
  chunk.next = after + text.size();
  if (step.empty() && task.empty()) {
    chunk.text = std::move(text);
    return chunk;
  }
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n') + 1;
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end);
    const std::string_view path = line.substr(0, line.find(" | "));
    if (task.empty() ? is_inside(step_in(path), step) : is_inside(path, task)) chunk.text += line;
  }
  return chunk;
}

}  // namespace sluice::node
