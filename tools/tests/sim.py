#!/usr/bin/env python3
"""Runs the simulators of build/release on new seeds: core's, one process per core, and the seeds of past
bugs; and the corpus of the language under faults, in one more process.

    sim.py [--minutes N | --seeds N] [--from SEED] [--json FILE]

    --seeds N  so many seeds a process, from SEED on: the share of `./dev test`, which must say the same
               of the same commit every time. Campaigns (`./dev sim`) draw new seeds.

A process stops at its first bad seed and prints how to run it again.
"""

import argparse
import math
import os
import random
import sys
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from outcome import Outcome, run_logged, tail  # noqa: E402

SIMULATOR = "build/release/tests/sim/sluice-sim"
LANGUAGE_SIMULATOR = "build/release/tests/language/sluice-language-sim"
SEEDS_PER_LANGUAGE_SEED = 1000  # A seed of the language is a run of every case of its corpus.
SEEDS_PER_PROCESS = 1 << 40  # Far more than any campaign runs: two processes never run the same one.


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--from", type=int, dest="first", default=None, help="the first seed (default: drawn)")
    parser.add_argument("--json")
    arguments = parser.parse_args()
    minutes = max(1, math.ceil(arguments.minutes))  # The simulator counts whole minutes.
    first = arguments.first if arguments.first is not None else random.SystemRandom().randrange(1 << 48)
    logs = "build/test-logs"
    os.makedirs(logs, exist_ok=True)

    def run(number):
        log = os.path.join(logs, f"sim-{number}.log")
        open(log, "wb").close()
        if number == 0:
            command = [SIMULATOR, "--list", "tests/sim/seeds"]
        elif number > processes and arguments.seeds is not None:
            seeds = max(1, arguments.seeds // SEEDS_PER_LANGUAGE_SEED)
            command = [LANGUAGE_SIMULATOR, "--seeds", str(seeds), "--from", str(first)]
        elif number > processes:
            command = [LANGUAGE_SIMULATOR, "--minutes", str(minutes), "--from", str(first)]
        elif arguments.seeds is not None:
            command = [SIMULATOR, "--seeds", str(arguments.seeds), "--from", str(first + (number - 1) * arguments.seeds)]
        else:
            command = [SIMULATOR, "--minutes", str(minutes), "--from", str(first + number * SEEDS_PER_PROCESS)]
        try:
            # Only what hangs is stopped: how long a number of seeds takes is the machine's affair.
            status = run_logged(command, log, 3600 if arguments.seeds is not None else minutes * 60 + 600)
        except FileNotFoundError:
            return Outcome.failure(f"sim: {command[0]} was not built"), ""
        if status != 0:
            return Outcome.failure(f"sim: `{' '.join(command)}`: status {status}, see {log}"), tail(log)
        return Outcome(passed=1), tail(log, 1)

    # With a number of seeds the same ones everywhere, however many cores there are.
    processes = 2 if arguments.seeds is not None else os.cpu_count() or 1
    total = Outcome()
    with ThreadPoolExecutor() as pool:
        for outcome, text in pool.map(run, range(2 + processes)):
            total.add(outcome)
            print(text, flush=True)
    return total.report(arguments.json)


if __name__ == "__main__":
    sys.exit(main())
