#pragma once

// What the facts about a machine mean for Sluice, and what to do: a pure function, so that machines
// which nobody has at hand can be tested.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/machine.h"

namespace sluice::cli {

enum class CheckState : std::uint8_t {
  kOk,
  kNote,     // `serve` works, but something is less than it could be, or to be known.
  kProblem,  // `serve` could not work.
};
std::string_view to_string(CheckState state);

struct Check {
  std::string name;  // Stable: `descriptors`.
  CheckState state = CheckState::kOk;
  std::string text;    // What was found.
  std::string advice;  // What to do; empty where there is nothing.
};

// Where a server would listen, and who is there now.
struct ListenPlace {
  std::string address;  // As it is written: `127.0.0.1:7600`.
  bool is_loopback = true;
  std::string obstacle;        // Why nobody can listen there; empty: one can.
  std::string sluice_version;  // Of the server that answers there; empty: none does.
};

struct Surroundings {
  std::vector<std::string> files;     // Of the configuration, that were read.
  std::string configuration_mistake;  // Empty: there is none. What follows are the defaults then.
  std::vector<std::string> strange_variables;  // SLUICE_* that nobody reads, with what was meant.
  std::optional<std::string> python;           // Version of /usr/bin/python3.
  std::string node_path;                       // Empty: there is none.
  std::optional<std::string> node;
  ByteCount wanted_memory;
  std::uint32_t wanted_workers = 0;    // 0: one per core.
  std::uint32_t wanted_processes = 0;  // 0: 16 per worker.
  DataPlace data;
  ListenPlace listen;
};

std::vector<Check> diagnose(const Machine& machine, const Surroundings& around);

}  // namespace sluice::cli
