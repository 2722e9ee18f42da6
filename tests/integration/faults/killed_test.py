"""kill -9: of the server nothing is left and it starts again; of workers the run goes on and is right."""

import os
import random
import signal
import subprocess
import threading
import time
import unittest

import leftovers
from harness import LATCH, PATIENCE, SLUICE, STOPPED, Server, ServerCase, wait_until

APP = """
app: sums
functions:
  numbers: { runtime: python3, handler: code.numbers, inputs: { n: int }, outputs: { xs: list<int> } }
  square: { runtime: python3, handler: code.square, inputs: { x: int }, outputs: { y: int } }
  total: { runtime: python3, handler: code.total, inputs: { ys: stream<int> }, outputs: { sum: int } }
  hold: { runtime: python3, handler: code.hold, inputs: { folder: text, data: bytes }, outputs: { n: int } }
workflows:
  sums:
    inputs: { n: int }
    steps:
      numbers: { call: numbers, in: { n: "${inputs.n}" } }
      square: { call: square, foreach: "${numbers.xs}", in: { x: "${item}" } }
      total: { call: total, in: { ys: "${square.y}" } }
    outputs: { sum: "${total.sum}" }
  hold:
    inputs: { folder: text, data: bytes }
    steps:
      hold: { call: hold, in: { folder: "${inputs.folder}", data: "${inputs.data}" } }
    outputs: { n: "${hold.n}" }
"""
CODE = LATCH + """
import subprocess

def numbers(n):
    for x in range(n):
        yield x

def square(x):
    time.sleep(0.002)
    return x * x

def total(ys):
    return sum(ys)

def hold(folder, data):
    child = subprocess.Popen(["sleep", "600"], start_new_session=True)
    open("scratch-file", "w").write("x")
    write(folder + "/held", str(child.pid))
    while not os.path.exists(folder + "/let-through"):
        time.sleep(0.01)
    child.kill()
    child.wait()
    return len(data)
"""


def expected_sum(n):
    return sum(x * x for x in range(n))


class Killed(ServerCase):
    def setUp(self):
        super().setUp()
        self.app("sums", APP, code=CODE)

    def test_of_a_killed_server_nothing_is_left_and_it_starts_again_with_its_apps(self):
        os.makedirs(self.path("latch"))
        with open(self.path("data-file"), "wb") as file:
            file.write(os.urandom(8 << 20))
        client = subprocess.Popen([SLUICE, "run", "hold", "-i", f"folder={self.path('latch')}", "-i",
                                   f"data=@{self.path('data-file')}"], env=self.server.cli_environment(),
                                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(client.wait)
        self.addCleanup(client.kill)
        wait_until(lambda: os.path.exists(self.path("latch", "held")), PATIENCE, "the task holds")
        self.assertGreater(len(leftovers.processes(self.server.data)), 1)
        self.server.kill()
        # Before any new start: the guardian ends workers, their children and their folders by itself.
        self.check_nothing_is_left()
        self.assertEqual(client.wait(PATIENCE), 5, "the client says that the server is gone")
        self.server.start()
        self.assertEqual(self.assert_succeeded(self.server.run("sums", n=10))["sum"], expected_sum(10))

    def test_when_server_and_launcher_are_killed_together_the_next_start_sweeps(self):
        os.makedirs(self.path("latch"))
        run = self.server.start_run("hold", folder=self.path("latch"), data="x")
        wait_until(lambda: os.path.exists(self.path("latch", "held")), PATIENCE, f"the task of {run} holds")
        pids = leftovers.processes(self.server.data)
        workers = set(self.server.worker_pids())
        with open(self.path("latch", "held"), encoding="utf-8") as file:
            workers.add(int(file.read()))
        self.assertTrue(workers)
        # The server and its launcher, but no worker: these are strays now.
        for pid in sorted(set(pids) - workers):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.server.process.wait()
        self.server.start()
        wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in workers), PATIENCE, "the strays are gone")
        self.assertEqual(self.assert_succeeded(self.server.run("sums", n=10))["sum"], expected_sum(10))

    def test_a_server_that_is_killed_again_and_again_starts_again_and_again(self):
        for round_number in range(5):
            self.server.start_run("sums", n=50)
            self.server.kill()
            self.server.start()
            self.assertEqual(self.assert_succeeded(self.server.run("sums", n=5))["sum"], 30, round_number)

    def test_workers_that_are_killed_at_random_change_no_result(self):
        draw = random.Random(4711)
        stop = threading.Event()
        killed = []

        def killer():
            # Often enough to meet every state of a worker, rarely enough that some live to finish.
            while len(killed) < 40 and not stop.wait(draw.uniform(0.02, 0.5)):
                pids = self.server.worker_pids()
                if pids:
                    pid = draw.choice(pids)
                    try:
                        os.kill(pid, signal.SIGKILL)
                        killed.append(pid)
                    except ProcessLookupError:
                        pass

        # A lost worker does not count against `retry`, but user code that dies does: the engine cannot
        # tell a kill from outside from a crash, so the steps allow many attempts.
        yaml = APP.replace('in: { x: "${item}" } }', 'in: { x: "${item}" }, retry: { attempts: 100, backoff: 1ms } }')
        yaml = yaml.replace('in: { n: "${inputs.n}" } }', 'in: { n: "${inputs.n}" }, retry: { attempts: 100, backoff: 1ms } }')
        yaml = yaml.replace('in: { ys: "${square.y}" } }', 'in: { ys: "${square.y}" }, retry: { attempts: 100, backoff: 1ms } }')
        self.app("sums", yaml, code=CODE)
        thread = threading.Thread(target=killer)
        thread.start()
        try:
            # Runs go on until enough workers were killed in their midst.
            deadline = time.monotonic() + 2 * PATIENCE
            while len(killed) < 20:
                self.assertLess(time.monotonic(), deadline, f"{len(killed)} workers were killed")
                runs = [self.server.start_run("sums", n=100 + n) for n in range(4)]
                results = [self.assert_succeeded(self.server.wait_run(run, 2 * PATIENCE))["sum"] for run in runs]
                self.assertEqual(results, [expected_sum(100 + n) for n in range(4)])
        finally:
            stop.set()
            thread.join()

    def test_without_retry_a_worker_that_is_killed_from_outside_is_lost_and_its_task_runs_again(self):
        os.makedirs(self.path("latch"))
        run = self.server.start_run("hold", folder=self.path("latch"), data="x")
        wait_until(lambda: os.path.exists(self.path("latch", "held")), PATIENCE, "the task holds")
        for pid in self.server.worker_pids():
            os.kill(pid, signal.SIGKILL)
        # Not the function's failure, so it does not need a retry; this time it is let through.
        open(self.path("latch", "let-through"), "w").close()
        self.assert_succeeded(self.server.wait_run(run))
        self.assertEqual(self.assert_succeeded(self.server.run("sums", n=10))["sum"], expected_sum(10))

    def test_a_lost_launcher_ends_the_server_with_an_error_and_leaves_nothing(self):
        self.server.run("sums", n=3)
        workers = set(self.server.worker_pids())
        children = [pid for pid in leftovers.processes(self.server.data)
                    if pid != self.server.process.pid and pid not in workers]
        self.assertTrue(children)
        for pid in children:
            os.kill(pid, signal.SIGKILL)
        self.assertNotEqual(self.server.process.wait(PATIENCE), 0)
        self.server.start()  # Sweeps what the launcher could not.
        self.assertEqual(self.assert_succeeded(self.server.run("sums", n=10))["sum"], expected_sum(10))


class InUse(ServerCase):
    def start_second(self, *arguments):
        return subprocess.run([SLUICE, "serve", *arguments], capture_output=True, text=True, timeout=PATIENCE, check=False,
                              stdin=subprocess.DEVNULL)

    def test_a_port_in_use_is_said_and_nothing_is_started(self):
        result = self.start_second("--listen", f"127.0.0.1:{self.server.port}", "--data", self.path("other"))
        self.assertNotIn(result.returncode, (0, -6, -11), result)
        self.assertIn(str(self.server.port), result.stderr)
        self.assertEqual(leftovers.of(self.path("other")), [])
        self.assertEqual(self.server.http("GET", "/healthz").status, 200)

    def test_a_data_folder_in_use_is_said_and_not_touched(self):
        result = self.start_second("--listen", "127.0.0.1:0", "--data", self.server.data)
        self.assertNotIn(result.returncode, (0, -6, -11), result)
        self.assertIn(self.server.data, result.stderr)
        self.assertIn(str(self.server.process.pid), result.stderr, "it says who has it")
        self.app("sums", APP, code=CODE)
        self.assertEqual(self.assert_succeeded(self.server.run("sums", n=10))["sum"], expected_sum(10))

    def test_two_servers_side_by_side_do_not_meet(self):
        other = Server(self.path("other")).start()
        self.addCleanup(leftovers.end_processes, other.data)
        self.app("sums", APP, code=CODE)
        self.assertEqual(other.get("workflows")["workflows"], [])
        self.assertEqual(self.assert_succeeded(self.server.run("sums", n=10))["sum"], expected_sum(10))
        self.assertEqual(other.stop(), STOPPED)
        self.assertEqual(self.assert_succeeded(self.server.run("sums", n=11))["sum"], expected_sum(11))


if __name__ == "__main__":
    unittest.main()
