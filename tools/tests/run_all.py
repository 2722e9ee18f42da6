#!/usr/bin/env python3
"""`./dev test`: builds everything and runs every test there is, phase by phase.

    run_all.py [--packages-seconds N] [PHASE...]

Each phase has a log in build/test-logs and a longest time; a phase that crashes or hangs is a
failure and does not keep the others from running. The last line is `N passed, N failed, N skipped`.
"""

import argparse
import json
import os
import shutil
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from outcome import Outcome, ctest_outcome, run_logged, tail  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LOGS = os.path.join(ROOT, "build/test-logs")
CORES = os.cpu_count() or 2
# Only what hangs takes so long; each phase takes minutes where the machine is not busy with other things.
HANGS_MINUTES = 90

# Sanitizers stop at the first finding and name the lines. LSan cannot work under a debugger or
# strace; everywhere else a leak is a failure.
SANITIZER_ENV = {
    "ASAN_OPTIONS": "abort_on_error=0:detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1",
    "ASAN_SYMBOLIZER_PATH": "/usr/lib/llvm-19/bin/llvm-symbolizer",
    "TSAN_SYMBOLIZER_PATH": "/usr/lib/llvm-19/bin/llvm-symbolizer",
}


def build(preset):
    def phase(log):
        status = run_logged(["./dev", "build", preset], log, HANGS_MINUTES * 60, cwd=ROOT)
        return Outcome() if status == 0 else Outcome.failure(f"build {preset}")
    return phase


def ctest(preset, *selection):
    """The ctest entries of one preset."""
    def phase(log):
        reports = os.path.join(LOGS, f"gtest-{preset}")
        shutil.rmtree(reports, ignore_errors=True)
        os.makedirs(reports)
        junit = os.path.join(LOGS, os.path.basename(log) + ".junit.xml")
        if os.path.exists(junit):
            os.remove(junit)
        env = {**os.environ, **SANITIZER_ENV, "GTEST_OUTPUT": f"xml:{reports}/", "GTEST_COLOR": "no",
               "SLUICE_BIN": os.path.join(ROOT, "build", preset, "sluice")}
        command = ["ctest", "--test-dir", f"build/{preset}", "-j", str(CORES), "--output-on-failure", "--timeout", "3600",
                   "--output-junit", junit, *selection]
        status = run_logged(command, log, HANGS_MINUTES * 60, env=env, cwd=ROOT)
        outcome = ctest_outcome(junit, reports)
        if status != 0 and outcome.failed == 0:
            outcome.add(Outcome.failure(f"ctest ended with status {status}"))
        return outcome
    return phase


def script(command, preset="release"):
    """A program of ours that writes its counts as JSON to the file after --json."""
    def phase(log):
        result = log + ".json"
        if os.path.exists(result):
            os.remove(result)
        env = {**os.environ, **SANITIZER_ENV, "SLUICE_BIN": os.path.join(ROOT, "build", preset, "sluice")}
        status = run_logged([*command, "--json", result], log, HANGS_MINUTES * 60, env=env, cwd=ROOT)
        try:
            with open(result, encoding="utf-8") as file:
                outcome = Outcome(**json.load(file))
        except (OSError, ValueError):
            return Outcome.failure(f"{' '.join(command)}: no result (status {status})")
        if status != 0 and outcome.failed == 0:
            outcome.add(Outcome.failure(f"{' '.join(command)}: status {status}"))
        return outcome
    return phase


def unittests(folder, jobs=1, preset="release"):
    def phase(log):
        if not os.path.isdir(os.path.join(ROOT, folder)):
            return Outcome.failure(f"{folder} is missing")
        command = [sys.executable, "tools/tests/run_unittests.py", folder, "--jobs", str(jobs)]
        return script(command, preset)(log)
    return phase


PHASES = {
    "build-release": build("release"),
    "style": ctest("release", "-L", "style"),
    "units-release": ctest("release", "-LE", "style"),
    "tools": unittests("tools/tests"),
    "python-sdk": unittests("sdk/python/tests", CORES),
    # Before the integration tests: it fetches the texts that one of them reads.
    "demo": script([sys.executable, "tools/dev/demo.py"]),
    "integration": unittests("tests/integration", CORES),
    "conformance": unittests("tests/conformance", CORES),
    "chaos": script([sys.executable, "tests/integration/chaos.py", "--minutes", "1"]),
    "build-asan": build("asan"),
    "units-asan": ctest("asan", "-LE", "style"),
    "build-tsan": build("tsan"),
    "units-tsan": ctest("tsan", "-LE", "style"),
    "sim": script([sys.executable, "tools/tests/sim.py", "--seeds", "30000", "--from", "20000"]),
    "fuzz": script([sys.executable, "tools/tests/fuzz.py", "--seconds-each", "60", "--inputs", "500000"], "asan"),
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--packages-seconds", type=float, default=0.0)
    parser.add_argument("phases", nargs="*", help="only these")
    arguments = parser.parse_args()
    for name in arguments.phases:
        if name not in PHASES:
            print(f"dev test: there is no phase '{name}': {', '.join(PHASES)}", file=sys.stderr)
            return 2
    os.makedirs(LOGS, exist_ok=True)

    total, rows = Outcome(), [("packages", arguments.packages_seconds, None)]
    for name, phase in PHASES.items():
        if arguments.phases and name not in arguments.phases:
            continue
        print(f"== {name}", flush=True)
        log = os.path.join(LOGS, f"{name}.log")
        open(log, "wb").close()
        began = time.monotonic()
        try:
            outcome = phase(log)
        except Exception as error:  # The runner's own mistake is a failure of the phase, not the end of all.
            outcome = Outcome.failure(f"{name}: {type(error).__name__}: {error}")
        seconds = time.monotonic() - began
        if outcome.failed:
            print(tail(log))
            print(f"(the whole log: {os.path.relpath(log, ROOT)})")
        for note in outcome.notes:
            print(f"   {note}")
        print(f"   {outcome.passed} passed, {outcome.failed} failed, {outcome.skipped} skipped, {seconds:.0f} s",
              flush=True)
        rows.append((name, seconds, outcome))
        total.add(outcome)

    print("\nphase             seconds   passed   failed  skipped")
    for name, seconds, outcome in rows:
        counts = f"{outcome.passed:9}{outcome.failed:9}{outcome.skipped:9}" if outcome else ""
        print(f"{name:16} {seconds:8.0f}{counts}")
    print(f"{'all':16} {sum(row[1] for row in rows):8.0f}")
    print(f"{total.passed} passed, {total.failed} failed, {total.skipped} skipped", flush=True)
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main())
