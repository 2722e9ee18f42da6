#pragma once

// The engine's log: one line per thing an operator acts on, `time level message key=value …` on
// standard error. Never per task. Any thread; flushes at every warning.

#include <string>
#include <string_view>

#include <fmt/format.h>

namespace sluice::log {

enum class Level : unsigned char { kDebug, kInfo, kWarning, kError };

// Called once, before threads exist.
void configure(Level level);
void write(Level level, std::string_view line);

// field("run", id) renders ` run=…`, quoted when the value has spaces.
std::string field(std::string_view key, std::string_view value);

template <class... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::kInfo, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void warning(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::kWarning, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::kError, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::kDebug, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace sluice::log
