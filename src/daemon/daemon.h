#pragma once

namespace sluice::daemon {

// `sluice serve`: reads the options, constructs the node, runs, stops. argv[1] is `serve`; returns
// the process's exit code.
int main(int argc, char** argv);

}  // namespace sluice::daemon
