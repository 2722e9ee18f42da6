#!/usr/bin/env python3
"""Runs Python's unittest files below a folder, each in a process of its own, a few at a time.

    run_unittests.py FOLDER... [--jobs N] [--timeout SECONDS] [--json FILE] [--match PATTERN]

Files are called *_test.py or test_*.py. A file that crashes, hangs or holds no test is one failure.
The counts go to --json and, as text, to the last line; the exit status is 1 if anything failed.
"""

import argparse
import faulthandler
import fnmatch
import importlib
import json
import os
import signal
import sys
import tempfile
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from outcome import Outcome, run_logged  # noqa: E402


def test_files(folders):
    for folder in folders:
        if os.path.isfile(folder):
            yield folder
            continue
        for parent, folders_below, files in os.walk(folder):
            folders_below.sort()
            folders_below[:] = [name for name in folders_below if name != "__pycache__"]
            for name in sorted(files):
                if name.endswith("_test.py") or fnmatch.fnmatch(name, "test_*.py"):
                    yield os.path.join(parent, name)


class Recorder(unittest.TestResult):
    """Says what happens while it happens, so that the log of a file that hangs shows where."""

    def __init__(self):
        super().__init__()
        self.outcome = Outcome()
        self._failed = set()

    def startTest(self, test):
        super().startTest(test)
        self._began = time.monotonic()
        print(f"  {test.id()} ... ", end="", flush=True)

    def stopTest(self, test):
        super().stopTest(test)
        if test.id() not in self._failed and test.id() not in {t.id() for t, _ in self.skipped}:
            self.outcome.passed += 1
            print("ok", end="")
        print(f" ({time.monotonic() - self._began:.1f} s)", flush=True)

    def _fail(self, test, error):
        if test.id() in self._failed:
            return
        self._failed.add(test.id())
        self.outcome.add(Outcome.failure(test.id()))
        print("FAILED\n" + self._exc_info_to_string(error, test), flush=True)

    def addError(self, test, err):
        super().addError(test, err)
        self._fail(test, err)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._fail(test, err)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            print(f"[{subtest.id()}] ", end="")
            self._fail(test, err)

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self._failed.add(test.id())
        self.outcome.add(Outcome.failure(f"{test.id()}: passed, but was expected to fail"))

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.outcome.add(Outcome.skip(f"{test.id()}: {reason}"))
        print(f"skipped: {reason}", flush=True)


def import_file(path):
    """A file of a package is imported as part of it, another one as a module that finds its folder and the one above."""
    folder = os.path.dirname(os.path.abspath(path))
    name = os.path.splitext(os.path.basename(path))[0]
    sys.path[:0] = [folder, os.path.dirname(folder)]
    while os.path.exists(os.path.join(folder, "__init__.py")):
        name = f"{os.path.basename(folder)}.{name}"
        folder = os.path.dirname(folder)
        sys.path.insert(0, folder)
    return importlib.import_module(name)


def run_one(path, json_path, match):
    """In the process of one file: imports it, runs it, writes the counts."""
    faulthandler.enable()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # A shell ignores it for what it runs with `&`.
    try:
        module = import_file(path)
    except unittest.SkipTest as reason:  # Of the file as a whole, which says what it misses.
        Outcome.skip(f"{path}: {reason}").save(json_path)
        return
    loader = unittest.TestLoader()
    if match:
        loader.testNamePatterns = [f"*{match}*"]
    suite = loader.loadTestsFromModule(module)
    recorder = Recorder()
    suite.run(recorder)
    outcome = recorder.outcome
    if not match and outcome.passed + outcome.failed + outcome.skipped == 0:
        outcome = Outcome.failure(f"{path}: holds no test")
    outcome.save(json_path)
    sys.stdout.flush()
    os._exit(1 if outcome.failed else 0)  # A thread that a test forgot must not keep the file from ending.


def run_file(path, arguments, scratch):
    log = os.path.join(scratch, path.replace("/", "_") + ".log")
    result = os.path.join(scratch, path.replace("/", "_") + ".json")
    command = [sys.executable, "-X", "faulthandler", os.path.abspath(__file__), "--one", result, path]
    if arguments.match:
        command += ["--match", arguments.match]
    began = time.monotonic()
    status = run_logged(command, log, arguments.timeout)
    try:
        with open(result, encoding="utf-8") as file:
            outcome = Outcome(**json.load(file))
    except (OSError, ValueError):
        reason = f"longer than {arguments.timeout} s" if status is None else f"ended with status {status}"
        outcome = Outcome.failure(f"{path}: {reason} before its last test")
    with open(log, encoding="utf-8", errors="replace") as file:
        text = file.read()
    return path, outcome, text, time.monotonic() - began


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folders", nargs="+")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--timeout", type=float, default=3600, help="seconds for one file")
    parser.add_argument("--json")
    parser.add_argument("--match", help="only tests whose name contains this")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        run_one(arguments.folders[0], arguments.one, arguments.match)

    files = list(test_files(arguments.folders))
    total = Outcome()
    if not files:
        total = Outcome.failure(f"no test file below {' '.join(arguments.folders)}")
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(arguments.jobs) as pool:
        for path, outcome, text, seconds in pool.map(lambda path: run_file(path, arguments, scratch), files):
            print(f"{path} ({seconds:.1f} s)\n{text}", flush=True)
            total.add(outcome)
    return total.report(arguments.json)


if __name__ == "__main__":
    sys.exit(main())
