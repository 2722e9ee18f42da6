#pragma once

// What this machine offers: facts, read from the kernel and the file system, none of them judged
// (diagnosis.h does that). Reading changes nothing and leaves nothing.

#include <sys/types.h>

#include <compare>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/units.h"

namespace sluice::cli {

struct Machine {
  std::string kernel;            // `6.1.0-13-amd64`
  bool has_close_range = false;  // With CLOSE_RANGE_CLOEXEC: Linux 5.11.
  bool has_pidfd = false;        // Linux 5.3.
  bool has_proc = false;
  std::uint32_t cores = 0;  // That this process may use.
  double cpu_limit = 0;     // Of its cgroup, in cores; 0: none.
  ByteCount memory;
  ByteCount memory_available;
  std::optional<ByteCount> memory_limit;  // Of its cgroup.
  std::optional<ByteCount> shm;           // Size of /dev/shm.
  std::uint64_t huge_pages = 0;           // Reserved ones.
  int cgroup_version = 0;                 // 0: none is mounted.
  bool has_user_namespaces = false;
  int landlock = 0;  // Version of its interface; 0: none.
  bool has_io_uring = false;
  std::uint64_t descriptors_max = 0;  // The hard limit.
  bool is_root = false;
  bool is_clock_synchronised = false;
};
Machine inspect_machine();

// Where a server would keep its data.
struct DataPlace {
  std::filesystem::path path;
  bool exists = false;
  std::string obstacle;  // Why it cannot be used: not a folder, not writable; empty: it can.
  pid_t owner = 0;       // The server that uses it now; -1: one that is not known.
  std::string layout;    // The version that it was written with; empty: none yet.
  ByteCount free;
  ByteCount total;
};
DataPlace inspect_data(const std::filesystem::path& path);

}  // namespace sluice::cli
