#pragma once

// SIGINT and SIGTERM. A command that has nothing to clean up ends at once; one that has (a run to
// cancel, a half-written file) takes the first signal as a flag, and only the second ends it at
// once. State is global because a signal handler can reach nothing else; threads that wait (those
// of `dev`) see the same flag and descriptor.

#include "base/result.h"
#include "base/units.h"

namespace sluice::cli::interrupt {

// Handlers that end the process with 130 or 143. Also ignores SIGPIPE: a reader that went away is a
// failed write. Called once, first thing.
Status install();
// From now on the first signal only sets the flag.
void defer();

// The signal that came, 0 if none.
int signal();
// 130 or 143, for the signal that came.
int exit_code();
// Readable once a signal came: for poll.
int descriptor();
// Sleeps; true if a signal came (also earlier).
bool sleep(Duration duration);

}  // namespace sluice::cli::interrupt
