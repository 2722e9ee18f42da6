"""What a test program left behind, counted so that a crash is a failure and never nothing."""

import dataclasses
import json
import os
import signal
import subprocess
import time
import xml.etree.ElementTree as ElementTree


@dataclasses.dataclass
class Outcome:
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    notes: list = dataclasses.field(default_factory=list)  # One line per failure or skip, for the reader.

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.notes += other.notes

    def save(self, path):
        with open(path, "w", encoding="utf-8") as file:
            json.dump(dataclasses.asdict(self), file)

    def report(self, json_path=None):
        """The end of a test program: its notes, its counts as the last line; returns the exit status."""
        for note in self.notes:
            print(note)
        if json_path:
            self.save(json_path)
        print(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped", flush=True)
        return 1 if self.failed else 0

    @staticmethod
    def failure(note):
        return Outcome(failed=1, notes=[f"FAILED {note}"])

    @staticmethod
    def skip(note):
        return Outcome(skipped=1, notes=[f"skipped {note}"])


def run_logged(command, log, seconds_max, env=None, cwd=None):
    """Runs `command` with its output in the file `log`; returns its exit status, or None after a timeout.

    The command gets a process group of its own, which is killed as a whole when the time is over: a
    test that hangs must not leave its children behind.
    """
    with open(log, "ab") as file:
        file.write(f"$ {' '.join(command)}\n".encode())
        file.flush()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, env=env,
                                   cwd=cwd, start_new_session=True)
        try:
            return process.wait(seconds_max)
        except subprocess.TimeoutExpired:
            file.write(f"\nstopped: longer than {seconds_max:.0f} s\n".encode())
            os.killpg(process.pid, signal.SIGTERM)
            time.sleep(2)
            return None
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()


def gtest_outcome(path):
    """Counts of one GoogleTest XML report, or None if the program did not live to write it."""
    try:
        root = ElementTree.parse(path).getroot()
    except (OSError, ElementTree.ParseError):
        return None
    outcome = Outcome()
    for case in root.iter("testcase"):
        name = f"{case.get('classname')}.{case.get('name')}"
        if case.find("failure") is not None:
            outcome.add(Outcome.failure(name))
        elif case.get("status") == "notrun" or case.get("result") in ("skipped", "suppressed"):
            message = case.find("skipped")
            reason = (message.get("message") or "").strip().splitlines() if message is not None else []
            outcome.add(Outcome.skip(f"{name}: {reason[-1] if reason else 'disabled'}"))
        else:
            outcome.passed += 1
    return outcome


def ctest_outcome(junit, gtest_folder):
    """Counts of one ctest run: what each GoogleTest program reported, and one for every other entry.

    A program that ended badly without a report, or after a clean one (a leak found at exit, a
    time-out), counts as one failure more.
    """
    try:
        root = ElementTree.parse(junit).getroot()
    except (OSError, ElementTree.ParseError):
        return Outcome.failure("ctest wrote no report")
    outcome = Outcome()
    for entry in root.iter("testcase"):
        name, status = entry.get("name"), entry.get("status")
        inner = gtest_outcome(os.path.join(gtest_folder, f"{name}.xml"))
        if inner is not None:
            outcome.add(inner)
            if status != "run" and inner.failed == 0:
                outcome.add(Outcome.failure(f"{name}: ended badly after its last test"))
        elif status == "run":
            outcome.passed += 1
        elif status == "disabled":
            outcome.add(Outcome.skip(f"{name}: disabled"))
        else:
            outcome.add(Outcome.failure(f"{name}: {status}"))
    if outcome.passed + outcome.failed + outcome.skipped == 0:
        return Outcome.failure("ctest found no test")
    return outcome


def tail(path, lines=60):
    try:
        with open(path, "rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 64 * 1024))
            return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
    except OSError as error:
        return f"({error})"
