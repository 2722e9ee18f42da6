// `sluice`: the server is one of its commands, the others talk to a server.

#include <string_view>

#include "cli/cli.h"
#include "daemon/daemon.h"

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "serve") return sluice::daemon::main(argc, argv);
  return sluice::cli::run(argc, argv);
}
