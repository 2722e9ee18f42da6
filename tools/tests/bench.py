#!/usr/bin/env python3
"""Runs the benchmarks of build/release/bench, or those whose name contains NAME.

    bench.py [NAME] [ARGUMENTS OF THE BENCHMARK...]

Each prints what it measures and the floor beside it; the output is kept in build/bench/NAME.txt.
"""

import os
import subprocess
import sys


def benchmarks(folder, part):
    for parent, _, files in sorted(os.walk(folder)):
        for name in sorted(files):
            path = os.path.join(parent, name)
            if name.startswith("bench_") and "." not in name and os.access(path, os.X_OK) and part in name:
                yield name, path


def main():
    part = sys.argv[1] if len(sys.argv) > 1 and not sys.argv[1].startswith("-") else ""
    arguments = sys.argv[2:] if part else sys.argv[1:]
    found = list(benchmarks("build/release/bench", part))
    if not found:
        names = ", ".join(name for name, _ in benchmarks("build/release/bench", "")) or "there is none yet"
        print(f"bench: no benchmark's name contains '{part}': {names}", file=sys.stderr)
        return 2
    os.makedirs("build/bench", exist_ok=True)
    failed = 0
    for name, path in found:
        print(f"== {name}", flush=True)
        with open(f"build/bench/{name}.txt", "wb") as log:
            process = subprocess.Popen([path, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                       stdin=subprocess.DEVNULL)
            for line in process.stdout:
                sys.stdout.buffer.write(line)
                sys.stdout.buffer.flush()
                log.write(line)
        if process.wait() != 0:
            print(f"bench: {name} ended with {process.returncode}", file=sys.stderr)
            failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
