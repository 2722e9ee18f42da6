// The command line without a server in the same binary: what
// tests/integration/cli_fake_server_test.py runs where `sluice` itself is not built.

#include "cli/cli.h"

int main(int argc, char** argv) { return sluice::cli::run(argc, argv); }
