#pragma once

// The command line: every subcommand but `serve`. Talks HTTP to a server and knows nothing else of
// it. docs/cli.md is its description for people, interface.md's exit codes and formats are its
// promise.

namespace sluice::cli {

// Runs one command; returns the process's exit code.
int run(int argc, char** argv);

}  // namespace sluice::cli
