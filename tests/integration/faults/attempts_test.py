"""Retries, time-outs and cancellation: the right attempts run, and a run that is over stays over."""

import os
import time
import unittest

from harness import LATCH, PATIENCE, ServerCase, wait_until

APP = """
app: tries
functions:
  work: {{ runtime: python3, handler: code.work, inputs: {{ folder: text }}, outputs: {{ y: {output} }} }}
  follow: {{ runtime: python3, handler: code.follow, inputs: {{ ys: stream<int>, folder: text }}, outputs: {{ total: int }} }}
workflows:
  tries:
    inputs: {{ folder: text }}
{workflow}    steps:
      work: {{ call: work, in: {{ folder: "${{inputs.folder}}" }}{step} }}
{more}    outputs: {{ y: "${{{result}}}" }}
"""
# Each attempt leaves a file, so that the test counts attempts without asking the engine.
COUNT = LATCH + """
def attempt_number(folder):
    number = len([name for name in os.listdir(folder) if name.startswith("attempt-")]) + 1
    write(f"{folder}/attempt-{number}")
    return number

def follow(ys, folder):
    return sum(ys)
"""


class Attempts(ServerCase):
    def tries(self, code, step="", workflow="", more="", output="int", result="work.y"):
        self.latch = self.path("latch")
        os.makedirs(self.latch, exist_ok=True)
        self.app("tries", APP.format(step=step, workflow=workflow, more=more, output=output, result=result),
                 code=COUNT + code)

    def attempts(self):
        return len([name for name in os.listdir(self.latch) if name.startswith("attempt-")])

    def test_a_task_is_tried_until_it_succeeds(self):
        self.tries("""
def work(folder):
    number = attempt_number(folder)
    if number < 3:
        raise RuntimeError(f"attempt {number}")
    return number
""", step=", retry: { attempts: 5, backoff: 10ms }")
        self.assertEqual(self.assert_succeeded(self.server.run("tries", folder=self.latch))["y"], 3)
        self.assertEqual(self.attempts(), 3)

    def test_attempts_are_used_up_and_the_last_error_is_the_runs(self):
        self.tries("""
def work(folder):
    raise RuntimeError(f"attempt {attempt_number(folder)}")
""", step=", retry: { attempts: 3, backoff: 10ms }")
        error = self.assert_failed(self.server.run("tries", folder=self.latch), "RuntimeError")
        self.assertIn("attempt 3", error["message"])
        self.assertEqual(self.attempts(), 3)

    def test_an_error_that_is_not_named_is_not_retried_and_a_base_class_is(self):
        for errors, expected in (("[KeyError]", 1), ("[LookupError]", 1), ("[ArithmeticError]", 2), ("[OverflowError]", 2)):
            with self.subTest(errors=errors):
                self.tries("""
def work(folder):
    attempt_number(folder)
    raise OverflowError("too much")
""", step=f", retry: {{ attempts: 2, backoff: 1ms, errors: {errors} }}")
                for name in os.listdir(self.latch):
                    os.remove(os.path.join(self.latch, name))
                self.assert_failed(self.server.run("tries", folder=self.latch), "OverflowError")
                self.assertEqual(self.attempts(), expected)

    def test_an_invalid_output_is_never_retried(self):
        self.tries("def work(folder):\n    attempt_number(folder)\n    return 'one'\n",
                   step=", retry: { attempts: 5, backoff: 1ms }")
        self.assert_failed(self.server.run("tries", folder=self.latch), "InvalidOutput")
        self.assertEqual(self.attempts(), 1)

    def test_a_crash_is_retried_with_a_new_worker(self):
        self.tries("""
def work(folder):
    if attempt_number(folder) == 1:
        os.abort()
    return 2
""", step=", retry: { attempts: 2, backoff: 1ms }")
        self.assertEqual(self.assert_succeeded(self.server.run("tries", folder=self.latch))["y"], 2)

    def test_elements_of_a_failed_attempt_never_existed(self):
        # The reader has read 1 and 2 of the first attempt; the second emits 1, 30, 4.
        self.tries("""
def work(folder):
    number = attempt_number(folder)
    yield 1
    yield 2 if number == 1 else 30
    if number == 1:
        wait_for(folder + "/read-2")
        raise RuntimeError("first")
    yield 4

def follow(ys, folder):
    total = 0
    for n, y in enumerate(ys):
        total += y
        if n == 1 and not os.path.exists(folder + "/read-2"):
            write(folder + "/read-2")
    return total
""", step=", retry: { attempts: 2, backoff: 1ms }", output="list<int>", result="follow.total",
                   more='      follow: { call: follow, in: { ys: "${work.y}", folder: "${inputs.folder}" } }\n')
        self.assertEqual(self.assert_succeeded(self.server.run("tries", folder=self.latch))["y"], 35)

    def test_a_time_out_counts_as_an_attempt_and_the_next_one_may_succeed(self):
        # Enough attempts for a machine on which even starting the function takes longer than a second.
        self.tries("""
import time
def work(folder):
    if attempt_number(folder) == 1:
        time.sleep(600)
    return 5
""", step=", timeout: 1s, retry: { attempts: 100, backoff: 1ms }")
        self.assertEqual(self.assert_succeeded(self.server.run("tries", folder=self.latch))["y"], 5)

    def test_the_deadline_of_a_run_ends_it(self):
        self.tries("import time\ndef work(folder):\n    attempt_number(folder)\n    time.sleep(600)\n",
                   workflow="    timeout: 1s\n")
        run = self.server.run("tries", folder=self.latch)
        self.assertEqual(run["state"], "TIMED_OUT", run)
        result = self.server.cli("run", "tries", "-i", f"folder={self.latch}", "--timeout", "500ms")
        self.assertEqual(result.returncode, 124, result)

    def test_cancel_ends_a_run_and_what_it_started(self):
        self.tries("""
import subprocess, time
def work(folder):
    child = subprocess.Popen(["sleep", "600"])
    write(folder + "/pid", str(child.pid))
    time.sleep(600)
""", step=", retry: { attempts: 5, backoff: 1ms }")
        run = self.server.start_run("tries", folder=self.latch)
        wait_until(lambda: os.path.exists(self.path("latch", "pid")), PATIENCE, "the task runs")
        result = self.server.cli("cancel", run)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(self.server.wait_run(run)["state"], "CANCELLED")
        with open(self.path("latch", "pid"), encoding="utf-8") as file:
            child = int(file.read())
        wait_until(lambda: not os.path.exists(f"/proc/{child}"), PATIENCE, f"the child {child} is gone")
        # A second cancel and a late one change nothing.
        self.assertIn(self.server.http("POST", f"runs/{run}/cancel").status, (200, 409))
        self.assertEqual(self.server.get(f"runs/{run}")["state"], "CANCELLED")

    def test_cancelled_code_can_clean_up_within_its_grace(self):
        self.tries("""
import time
def work(folder):
    try:
        write(folder + "/started")
        time.sleep(600)
    finally:
        write(folder + "/cleaned")
""")
        run = self.server.start_run("tries", folder=self.latch)
        wait_until(lambda: os.path.exists(self.path("latch", "started")), PATIENCE, "the task runs")
        self.assertEqual(self.server.http("POST", f"runs/{run}/cancel").status, 200)
        wait_until(lambda: os.path.exists(self.path("latch", "cleaned")), PATIENCE, "the function's finally ran")
        self.assertEqual(self.server.wait_run(run)["state"], "CANCELLED")

    def test_cancel_that_races_the_end_gives_one_outcome_for_ever(self):
        self.tries("def work(folder):\n    return 1\n")
        seen = set()
        for delay in (0, 0.001, 0.002, 0.004, 0.008, 0.016, 0.05) * 3:
            run = self.server.start_run("tries", folder=self.latch)
            time.sleep(delay)  # Not a wait for a condition: the race is the point.
            self.server.http("POST", f"runs/{run}/cancel")
            state = self.server.wait_run(run)["state"]
            self.assertIn(state, ("SUCCEEDED", "CANCELLED"))
            self.assertEqual(self.server.get(f"runs/{run}")["state"], state)
            seen.add(state)
        self.assertTrue(seen)


if __name__ == "__main__":
    unittest.main()
