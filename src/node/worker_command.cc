#include "node/worker_command.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "bundle/program.h"

namespace sluice::node {
namespace {

using bundle::find_program;
using bundle::is_program;
using bundle::kSystemPath;
using Argv = std::vector<std::string>;

// sdk/python/sluice/worker.py says why this command line.
Result<Argv> python_argv(const WorkerPrograms& programs, const model::Function& /*function*/,
                         const std::filesystem::path& /*bundle*/) {
  return Argv{programs.python, "-S", "-s", (programs.python_sdk / "sluice" / "worker.py").native()};
}

Result<Argv> node_argv(const WorkerPrograms& programs, const model::Function& /*function*/,
                       const std::filesystem::path& /*bundle*/) {
  std::string node = find_program("node", programs.search_path);
  if (node.empty()) node = find_program("node", kSystemPath);
  if (node.empty()) {
    return fail(ErrorCode::kFailedPrecondition,
                fmt::format("functions in JavaScript need Node.js 20 or newer, and there is no "
                            "program `node` in {}:{}; install it, and start the server with its "
                            "folder in PATH",
                            programs.search_path, kSystemPath));
  }
  return Argv{std::move(node), (programs.node_sdk / "worker.mjs").native()};
}

Result<Argv> native_argv(const WorkerPrograms& /*programs*/, const model::Function& function,
                         const std::filesystem::path& bundle) {
  std::string program = (bundle / function.binary).native();
  if (!is_program(program)) {
    return fail(ErrorCode::kFailedPrecondition,
                fmt::format("{} of function {} is no program that can be executed", function.binary,
                            function.name));
  }
  return Argv{std::move(program)};
}

Result<Argv> program_argv(const WorkerPrograms& programs, const model::Function& /*function*/,
                          const std::filesystem::path& /*bundle*/) {
  return Argv{programs.program_worker, "program-worker"};
}

struct Row {
  model::Runtime runtime;
  Result<Argv> (*argv)(const WorkerPrograms&, const model::Function&, const std::filesystem::path&);
  // Numeric libraries take a thread per processor each where nobody stops them.
  std::array<std::string_view, 2> env;
};

constexpr std::array kRuntimes{
    Row{model::Runtime::kPython3, python_argv, {"OPENBLAS_NUM_THREADS=1", "OMP_NUM_THREADS=1"}},
    Row{model::Runtime::kNodejs, node_argv, {"NODE_DISABLE_COMPILE_CACHE=1", "NO_COLOR=1"}},
    Row{model::Runtime::kNative, native_argv, {"OPENBLAS_NUM_THREADS=1", "OMP_NUM_THREADS=1"}},
    Row{model::Runtime::kProgram, program_argv, {}},
};

}  // namespace

Result<WorkerCommand> worker_command(const WorkerPrograms& programs,
                                     const model::Function& function,
                                     const std::filesystem::path& bundle) {
  const Row& row = *std::ranges::find(kRuntimes, function.runtime, &Row::runtime);
  WorkerCommand command;
  SLUICE_TRY(command.argv, row.argv(programs, function, bundle));
  command.env = {fmt::format("PATH={}", kSystemPath), "LANG=C.UTF-8", "HOME=/nonexistent"};
  for (const std::string_view variable : row.env)
    if (!variable.empty()) command.env.emplace_back(variable);
  return command;
}

}  // namespace sluice::node
