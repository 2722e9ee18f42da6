#include "cli/diagnosis.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace sluice::cli {
namespace {

// What one worker costs a server: its socket, its output, its pidfd.
constexpr std::uint64_t kDescriptorsPerWorker = 3;
// Connections (1024) and files beside them.
constexpr std::uint64_t kDescriptorsOwn = 1024 + 200;
// Below this not even a few workers start.
constexpr std::uint64_t kDescriptorsLeast = 256;
constexpr ByteCount kDiskLeast = 1_GiB;
constexpr std::string_view kLayout = "1";  // docs/data-directory.md

Check ok(std::string name, std::string text) {
  return {.name = std::move(name), .state = CheckState::kOk, .text = std::move(text)};
}
Check note(std::string name, std::string text, std::string advice) {
  return {std::move(name), CheckState::kNote, std::move(text), std::move(advice)};
}
Check problem(std::string name, std::string text, std::string advice) {
  return {std::move(name), CheckState::kProblem, std::move(text), std::move(advice)};
}

Check check_configuration(const Surroundings& around) {
  if (!around.configuration_mistake.empty()) {
    return problem("configuration", around.configuration_mistake,
                   "correct it; below, the defaults are looked at");
  }
  if (!around.strange_variables.empty()) {
    return note("configuration",
                fmt::format("nobody reads {}", fmt::join(around.strange_variables, ", ")),
                "docs/reference/configuration.md lists the variables");
  }
  return ok("configuration", around.files.empty()
                                 ? std::string("no file, only flags and variables")
                                 : fmt::format("read from {}", fmt::join(around.files, ", ")));
}

Check check_kernel(const Machine& machine) {
  if (!machine.has_close_range || !machine.has_pidfd) {
    return problem("kernel", fmt::format("Linux {}", machine.kernel),
                   "workers are started and ended with close_range and pidfd: Linux 5.11 or newer "
                   "is needed, and a container must allow these calls");
  }
  if (!machine.has_proc)
    return problem("kernel", "/proc is not there", "mount it: processes are found by it");
  return ok("kernel", fmt::format("Linux {}", machine.kernel));
}

Check check_cores(const Machine& machine, const Surroundings& around) {
  std::string text = fmt::format("{} core{}", machine.cores, machine.cores == 1 ? "" : "s");
  const std::uint32_t workers = around.wanted_workers != 0 ? around.wanted_workers : machine.cores;
  if (machine.cpu_limit > 0 && machine.cpu_limit < workers) {
    return note(
        "cores",
        fmt::format("{}, but the cgroup allows the time of {:.1f}", text, machine.cpu_limit),
        fmt::format("{} tasks at a time slow each other down: --workers {}", workers,
                    std::max(1, static_cast<int>(machine.cpu_limit))));
  }
  return ok("cores",
            fmt::format("{}; {} task{} at a time", text, workers, workers == 1 ? "" : "s"));
}

Check check_memory(const Machine& machine, const Surroundings& around) {
  ByteCount most = machine.memory;
  std::string text =
      fmt::format("{}, {} available", to_text(machine.memory), to_text(machine.memory_available));
  if (machine.memory_limit && *machine.memory_limit < most) {
    most = *machine.memory_limit;
    text += fmt::format("; the cgroup allows {}", to_text(most));
  }
  if (most.value == 0) return note("memory", "not known: /proc/meminfo cannot be read", "");
  if (most < around.wanted_memory) {
    return note("memory", text,
                fmt::format("values in flight may take {}: set --memory to less than half of what "
                            "there is, or the kernel ends processes",
                            to_text(around.wanted_memory)));
  }
  return ok("memory", fmt::format("{}; values in flight take at most {}", text,
                                  to_text(around.wanted_memory)));
}

Check check_descriptors(const Machine& machine, const Surroundings& around) {
  const std::uint64_t workers = around.wanted_workers != 0 ? around.wanted_workers : machine.cores;
  const std::uint64_t processes = around.wanted_processes != 0
                                      ? around.wanted_processes
                                      : std::max<std::uint64_t>(256, 16 * workers);
  const std::uint64_t wanted = kDescriptorsOwn + kDescriptorsPerWorker * processes;
  const std::string text = fmt::format("{} open files at most", machine.descriptors_max);
  const std::string advice = fmt::format(
      "{} processes and 1024 connections need about {}: raise the hard limit (ulimit -Hn, "
      "LimitNOFILE of systemd) or set --processes",
      processes, wanted);
  if (machine.descriptors_max < kDescriptorsLeast) return problem("descriptors", text, advice);
  if (machine.descriptors_max < wanted) return note("descriptors", text, advice);
  return ok("descriptors", text);
}

// `3.9` before `3.11`.
bool is_older(std::string_view version, int major, int minor) {
  int have_major = 0;
  int have_minor = 0;
  const char* const end = version.data() + version.size();
  const auto first = std::from_chars(version.data(), end, have_major);
  if (first.ptr != end) std::from_chars(first.ptr + 1, end, have_minor);
  return std::pair(have_major, have_minor) < std::pair(major, minor);
}

Check check_python(const Surroundings& around) {
  if (!around.python) {
    return note("python", "/usr/bin/python3 is not there",
                "install python3: functions in Python cannot run without it");
  }
  if (is_older(*around.python, 3, 9)) {
    return note("python", fmt::format("/usr/bin/python3 is {}", *around.python),
                "functions in Python need 3.9 or newer");
  }
  return ok("python",
            fmt::format("/usr/bin/python3 is {}; it runs functions in Python", *around.python));
}

Check check_node(const Surroundings& around) {
  if (!around.node) {
    return note("node",
                around.node_path.empty() ? std::string("no program `node` in PATH")
                                         : fmt::format("{} does not start", around.node_path),
                "functions in JavaScript cannot run without Node.js 20 or newer");
  }
  if (is_older(*around.node, 20, 0)) {
    return note("node", fmt::format("{} is {}", around.node_path, *around.node),
                "functions in JavaScript need 20 or newer");
  }
  return ok("node", fmt::format("{} is {}; it runs functions in JavaScript", around.node_path,
                                *around.node));
}

void append_isolation(std::vector<Check>& checks, const Machine& machine) {
  checks.push_back(
      ok("shm", machine.shm ? fmt::format("/dev/shm has {}; values do not lie in it, only what "
                                          "functions put there themselves",
                                          to_text(*machine.shm))
                            : std::string("no /dev/shm; values do not lie in it")));
  checks.push_back(
      ok("huge_pages", fmt::format("{} reserved; none is needed", machine.huge_pages)));
  checks.push_back(
      ok("cgroups", machine.cgroup_version == 0
                        ? std::string("none mounted; none is needed")
                        : fmt::format("version {}; limits of this process are respected, none are "
                                      "set for functions",
                                      machine.cgroup_version)));
  const auto there = [](bool is_there) { return is_there ? "there" : "not there"; };
  checks.push_back(
      ok("user_namespaces", fmt::format("{}; not needed", there(machine.has_user_namespaces))));
  checks.push_back(ok("landlock", machine.landlock > 0
                                      ? fmt::format("version {}; not needed", machine.landlock)
                                      : std::string("not there; not needed")));
  checks.push_back(ok("io_uring", fmt::format("{}; not needed", there(machine.has_io_uring))));
}

Check check_data(const DataPlace& data) {
  if (!data.obstacle.empty()) {
    return problem("data", fmt::format("{}: {}", data.path.native(), data.obstacle),
                   "choose another folder with --data, or make it yours");
  }
  if (!data.layout.empty() && data.layout != kLayout) {
    return problem("data",
                   fmt::format("{} was written by another version of Sluice (layout {})",
                               data.path.native(), data.layout),
                   "use the version that wrote it, or another folder with --data");
  }
  if (data.owner != 0) {
    return note("data",
                fmt::format("{} is in use by a server{}", data.path.native(),
                            data.owner > 0 ? fmt::format(" (pid {})", data.owner) : ""),
                "a second server needs another folder: --data");
  }
  return ok("data", fmt::format("{}{}", data.path.native(), data.exists ? "" : " (will be made)"));
}

Check check_disk(const DataPlace& data) {
  const std::string text =
      fmt::format("{} of {} are free there", to_text(data.free), to_text(data.total));
  if (data.free.value == 0)
    return problem("disk", text, "make room: apps, outputs and large values are written there");
  if (data.free < kDiskLeast || data.free.value < data.total.value / 20) {
    return note("disk", text,
                "values beyond --memory are written there; producers wait when it is full");
  }
  return ok("disk", text);
}

Check check_listen(const ListenPlace& listen, const DataPlace& data) {
  if (!listen.is_loopback) {
    return problem("listen", fmt::format("{} can be reached by other machines", listen.address),
                   "that needs TLS and tokens, which are not there yet: use 127.0.0.1, [::1] or "
                   "localhost");
  }
  if (listen.obstacle.empty()) return ok("listen", fmt::format("{} is free", listen.address));
  if (!listen.sluice_version.empty()) {
    return note(
        "listen",
        fmt::format("a Sluice server ({}) answers at {}", listen.sluice_version, listen.address),
        "a second one needs another port: --listen 127.0.0.1:0 takes a free one");
  }
  return problem("listen", fmt::format("{}: {}", listen.address, listen.obstacle),
                 data.owner != 0
                     ? "a server that has this data directory runs, but does not answer there"
                     : "choose another port: --listen 127.0.0.1:0 takes a free one");
}

}  // namespace

std::string_view to_string(CheckState state) {
  switch (state) {
    case CheckState::kOk:
      return "ok";
    case CheckState::kNote:
      return "note";
    case CheckState::kProblem:
      return "problem";
  }
  return "";  // Every state is named above.
}

std::vector<Check> diagnose(const Machine& machine, const Surroundings& around) {
  std::vector<Check> checks;
  checks.push_back(check_configuration(around));
  checks.push_back(check_kernel(machine));
  checks.push_back(check_cores(machine, around));
  checks.push_back(check_memory(machine, around));
  checks.push_back(check_descriptors(machine, around));
  checks.push_back(check_python(around));
  checks.push_back(check_node(around));
  checks.push_back(check_data(around.data));
  checks.push_back(check_disk(around.data));
  checks.push_back(check_listen(around.listen, around.data));
  if (machine.is_root) {
    checks.push_back(note("user", "root",
                          "functions run as root, and every local user can start them: use an "
                          "account of its own"));
  } else {
    checks.push_back(ok("user", "not root"));
  }
  checks.push_back(machine.is_clock_synchronised
                       ? ok("clock", "synchronised")
                       : note("clock", "not synchronised, as far as the kernel knows",
                              "times of runs may be wrong; in a container the host may do it"));
  append_isolation(checks, machine);
  return checks;
}

}  // namespace sluice::cli
