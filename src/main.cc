// `sluice`: the server is one of its commands, the others talk to a server.

#include <string_view>

#include "cli/cli.h"
#include "daemon/daemon.h"
#include "program/program_worker.h"

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "serve") return sluice::daemon::main(argc, argv);
  // Started by the launcher, not by people: see program/program_worker.h.
  if (argc == 2 && argv[1] == sluice::program::kProgramWorkerCommand) {
    return sluice::program::run_program_worker();
  }
  return sluice::cli::run(argc, argv);
}
