#pragma once

// What happened, line by line: the last lines are kept for a report, all of them are hashed (a seed
// run twice must give the same hash) and printed if wanted.

#include <cstdio>
#include <deque>
#include <string>

#include "value.h"

namespace sluice::sim {

class Trace {
 public:
  explicit Trace(bool print) : print_(print) {}

  void line(std::string text) {
    for (const char c : text) hash_ = (hash_ ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    if (print_) std::printf("%s\n", text.c_str());
    last_.push_back(std::move(text));
    if (last_.size() > kKept) last_.pop_front();
  }
  std::uint64_t hash() const { return hash_; }
  // Also called from the handler of SIGABRT: an assertion of core has failed on this very thread.
  void print_last(std::FILE* to) const {
    for (const std::string& text : last_) std::fprintf(to, "  %s\n", text.c_str());
  }

 private:
  static constexpr std::size_t kKept = 50;
  bool print_;
  std::deque<std::string> last_;
  std::uint64_t hash_ = 0xcbf29ce484222325ULL;
};

}  // namespace sluice::sim
