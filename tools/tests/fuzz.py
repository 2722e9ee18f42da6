#!/usr/bin/env python3
"""Runs every fuzzer of build/asan (CMake lists them), two at a time, and reports what they found.

    fuzz.py [--minutes N | --seconds-each N [--inputs N]] [--json FILE]

    --inputs N  at most so many inputs of each fuzzer, always the same ones: the share of `./dev test`,
                which must say the same of the same commit every time, and of which a slower machine
                runs only less. Campaigns (`./dev fuzz`) draw new inputs.

Corpora lie in tests/fuzz/corpus/NAME; what a run adds stays in build/fuzz-corpus/NAME, so that
campaigns on one machine build on each other. A crash leaves its input in build/test-logs.
"""

import argparse
import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from outcome import Outcome, run_logged, tail  # noqa: E402

AT_ONCE = 2


def fuzzers():
    try:
        with open("build/asan/fuzzers.txt", encoding="utf-8") as file:
            return file.read().split()
    except OSError:
        return []


def run(name, seconds, inputs, logs):
    program = f"build/asan/fuzz/fuzz_{name}"
    log = os.path.join(logs, f"fuzz-{name}.log")
    if os.path.exists(log):
        os.remove(log)
    if not os.path.exists(program):
        return name, Outcome.failure(f"fuzz {name}: {program} was not built"), ""
    corpus = f"tests/fuzz/corpus/{name}"
    if inputs is None:
        found = f"build/fuzz-corpus/{name}"
        os.makedirs(found, exist_ok=True)
        command = [program, found]
        if os.path.isdir(corpus):
            command.append(corpus)
    else:
        # A fixed start: nothing that campaigns found on this machine, and an order that is not the disk's.
        command = [program, "-seed=20000", f"-runs={inputs}"]
        if os.path.isdir(corpus):
            listed = os.path.join(logs, f"fuzz-{name}.inputs")
            with open(listed, "w", encoding="utf-8") as file:
                file.write(",".join(os.path.join(corpus, each) for each in sorted(os.listdir(corpus))))
            command.append(f"-seed_inputs=@{listed}")
    if os.path.exists(f"tests/fuzz/{name}.dict"):
        command.append(f"-dict=tests/fuzz/{name}.dict")
    command += [f"-max_total_time={seconds:.0f}", "-rss_limit_mb=2048", "-timeout=120", "-print_final_stats=1",
                f"-artifact_prefix={logs}/fuzz-{name}-"]
    # The corpus alone may take a while on a slow machine; libFuzzer looks at its clock only after it.
    status = run_logged(command, log, seconds + 1800)
    text = tail(log, 2000)
    executed = re.findall(r"stat::number_of_executed_units:\s*(\d+)", text)
    summary = f"{executed[-1]} inputs" if executed else "no summary"
    if status != 0:
        return name, Outcome.failure(f"fuzz {name}: status {status}, see {log}"), summary
    if not executed or int(executed[-1]) == 0:
        return name, Outcome.failure(f"fuzz {name}: ran no input"), summary
    return name, Outcome(passed=1), summary


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, help="for all together")
    parser.add_argument("--seconds-each", type=float, default=60)
    parser.add_argument("--inputs", type=int)
    parser.add_argument("--json")
    arguments = parser.parse_args()
    logs = "build/test-logs"
    os.makedirs(logs, exist_ok=True)
    names = fuzzers()
    seconds = arguments.seconds_each
    if arguments.minutes and names:
        seconds = max(1.0, arguments.minutes * 60 * min(AT_ONCE, len(names)) / len(names))
    total = Outcome() if names else Outcome.failure("no fuzzer: build/asan/fuzzers.txt is missing or empty")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for name, outcome, summary in pool.map(lambda name: run(name, seconds, arguments.inputs, logs), names):
            print(f"fuzz {name}: {'FAILED' if outcome.failed else 'ok'}, {summary} in {seconds:.0f} s", flush=True)
            if outcome.failed:
                print(tail(os.path.join(logs, f"fuzz-{name}.log"), 80))
            total.add(outcome)
    return total.report(arguments.json)


if __name__ == "__main__":
    sys.exit(main())
