"""kill -9 of workers of every runtime, at moments drawn at random: no result changes, and no `retry` is needed,
since a worker that is killed from outside is lost and has not failed (docs/decisions/0006)."""

import json
import os
import random
import shutil
import signal
import sys
import threading
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../integration"))
import harness  # noqa: E402
from conformance_test import BINARY, FILES  # noqa: E402

# So many workers are killed while three runs go on, in so many rounds: a task that is lost ten times in a row counts
# as crashed, and a busy machine may take long to start a worker.
KILLS = 4
ROUNDS = 4

FUNCTIONS = {"count_to": ({"n": "int"}, {"result": "list<int>"}),
             "plus_default": ({"x": "int", "y": {"type": "int", "default": 8}}, {"z": "int"}),
             "total": ({"numbers": "stream<int>"}, {"result": "int"})}
CALLS = {"make": {"call": "count_to", "in": {"n": "${inputs.n}"}},
         "each": {"foreach": "${make.result}", "call": "plus_default", "in": {"x": "${item}", "y": 1}},
         "sum": {"call": "total", "in": {"numbers": "${each.z}"}}}
# The same by programs.
PROGRAMS = {"make": {"run": "for i in $(seq 0 $((N - 1))); do printf $i > p$i; done", "in": {"N": "${inputs.n}"},
                     "out": {"result": {"path": "p*", "type": "list<int>"}}},
            "each": {"foreach": "${make.result}", "run": "expr ${item} + 1", "out": {"z": {"path": "-", "type": "int"}}},
            "sum": {"run": "printf '%s\\n' ${each.z} | awk '{ sum += $1 } END { print sum + 0 }'",
                    "out": {"result": {"path": "-", "type": "int"}}}}


def children(pid):
    """Processes whose parent this is."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                if int(file.read().rsplit(")", 1)[1].split()[1]) == pid:
                    found.append(int(entry))
        except (FileNotFoundError, ProcessLookupError):
            pass
    return found


class Kills(harness.ServerCase):
    arguments = ("--workers", "8")

    def deploy(self, runtime):
        functions = {}
        for name, (inputs, outputs) in FUNCTIONS.items() if runtime else ():
            code = {"handler": name, "binary": "bin/functions"} if runtime == "native" else {"handler": f"functions.{name}"}
            functions[name] = {"runtime": runtime, **code, "inputs": inputs, "outputs": outputs}
        workflow = {"inputs": {"n": "int"}, "steps": CALLS if runtime else PROGRAMS, "outputs": {"sum": "${sum.result}"}}
        folder = self.path("app")
        os.makedirs(os.path.join(folder, "bin"))
        with open(os.path.join(folder, "sluice.yaml"), "w", encoding="utf-8") as file:
            json.dump({"app": "kills", **({"functions": functions} if functions else {}), "workflows": {"sum": workflow}}, file)
        if runtime == "native":
            shutil.copy(BINARY, os.path.join(folder, "bin/functions"))
        elif runtime:
            shutil.copy(os.path.join(HERE, "functions", FILES[runtime]), folder)
        self.server.deploy(folder)

    def check(self, runtime, victims):
        """Runs go on, several at a time, while some is killed in their midst; all have the right result."""
        self.deploy(runtime)
        draw = random.Random(f"kills of {runtime}")
        for round_number in range(ROUNDS):
            over = threading.Event()
            killed = []
            thread = threading.Thread(target=self.kill, args=(draw, victims, killed, over))
            thread.start()
            try:
                sizes = [5, 30, 60]
                deadline = time.monotonic() + 2 * harness.PATIENCE
                while len(killed) < KILLS:  # Again where the runs were over too soon.
                    self.assertLess(time.monotonic(), deadline, f"round {round_number}: {len(killed)} were killed")
                    runs = [self.server.start_run("sum", n=n) for n in sizes]
                    for n, run in zip(sizes, runs):
                        outputs = self.assert_succeeded(self.server.wait_run(run, 2 * harness.PATIENCE))
                        self.assertEqual(outputs, {"sum": n * (n + 1) // 2})
            finally:
                over.set()
                thread.join()

    def kill(self, draw, victims, killed, over):
        """Often enough to meet every state of a worker."""
        while len(killed) < KILLS and not over.wait(draw.uniform(0.005, 0.4)):
            found = [victim for pid in self.server.worker_pids() for victim in victims(pid)]
            if not found:
                continue
            try:
                os.kill(victim := draw.choice(found), signal.SIGKILL)
                killed.append(victim)
            except ProcessLookupError:
                pass

    def test_workers_of_functions_in_python(self):
        self.check("python3", lambda pid: [pid])

    def test_workers_of_functions_in_javascript(self):
        self.check("nodejs", lambda pid: [pid])

    def test_workers_of_functions_in_cpp(self):
        self.check("native", lambda pid: [pid])

    def test_workers_of_programs_and_the_programs(self):
        self.check(None, lambda pid: [pid, *children(pid)])


if __name__ == "__main__":
    unittest.main()
