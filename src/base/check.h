#pragma once

// The assertion ladder (style: errors). SLUICE_ASSERT stays on in release: when it fails the
// process can no longer be trusted, so it prints the condition and its operands and aborts. Bad
// data from outside is never an assertion; it is an Error.

#include <string>

#include <fmt/format.h>

namespace sluice::internal {
[[noreturn]] void assertion_failed(const char* file, int line, const char* condition,
                                   const std::string& operands);
inline std::string operands() { return {}; }
template <class... Args>
std::string operands(fmt::format_string<Args...> format, Args&&... args) {
  return fmt::format(format, std::forward<Args>(args)...);
}
}  // namespace sluice::internal

// SLUICE_ASSERT(condition) or SLUICE_ASSERT(condition, "slot {} of {}", slot, size).
#define SLUICE_ASSERT(condition, ...)                                         \
  (__builtin_expect(static_cast<bool>(condition), 1)                          \
       ? static_cast<void>(0)                                                 \
       : ::sluice::internal::assertion_failed(__FILE__, __LINE__, #condition, \
                                              ::sluice::internal::operands(__VA_ARGS__)))

#ifdef NDEBUG
#define SLUICE_DEBUG_ASSERT(condition, ...) static_cast<void>(0)
#else
#define SLUICE_DEBUG_ASSERT(condition, ...) SLUICE_ASSERT(condition __VA_OPT__(, ) __VA_ARGS__)
#endif
