"""What user code can do wrong: each is a named failure of that task only, with the function's last log lines."""

import json
import os
import unittest

from harness import PATIENCE, ServerCase, wait_until

APP = """
app: bad
functions:
  bad: {{ runtime: python3, handler: code.bad, inputs: {{ x: int }}, outputs: {{ y: {output} }}{more} }}
  good: {{ runtime: python3, handler: code.good, inputs: {{ x: int }}, outputs: {{ y: int }} }}
workflows:
  bad:
    inputs: {{ x: int }}
    steps:
      bad: {{ call: bad, in: {{ x: "${{inputs.x}}" }} }}
    outputs: {{ y: "${{bad.y}}" }}
  good:
    inputs: {{ x: int }}
    steps:
      good: {{ call: good, in: {{ x: "${{inputs.x}}" }} }}
    outputs: {{ y: "${{good.y}}" }}
"""
GOOD = "\ndef good(x):\n    return x + 1\n"


class Functions(ServerCase):
    def fails(self, code, name, output="int", more="", x=1):
        """Deploys, runs, expects this failure, and that another run of the same app still works."""
        self.app("bad", APP.format(output=output, more=more), code=code + GOOD)
        run = self.server.run("bad", x=x)
        error = self.assert_failed(run, name)
        self.assertEqual(self.assert_succeeded(self.server.run("good", x=1))["y"], 2)
        return run, error

    def log_of(self, run):
        answer = self.server.http("GET", f"runs/{run['id']}/logs")
        self.assertEqual(answer.status, 200, answer)
        return answer.body.decode()

    def test_an_exception_is_named_by_its_class_with_message_and_log(self):
        run, error = self.fails("""
class TooSalty(ValueError):
    pass

def bad(x):
    print("tasting", x)
    raise TooSalty("no more salt")
""", "TooSalty")
        self.assertIn("no more salt", error["message"])
        self.assertIn("tasting 1", self.log_of(run))
        self.assertIn("tasting 1", json.dumps(error), "the error carries the last log lines")

    def test_death_by_a_signal_is_a_crash(self):
        run, error = self.fails("""
import os, signal
def bad(x):
    print("about to fall", flush=True)
    os.kill(os.getpid(), signal.SIGSEGV)
""", "Crash")
        self.assertIn("about to fall", json.dumps(error))

    def test_leaving_the_process_is_an_exit_status(self):
        for code in ("os._exit(7)", "os._exit(0)"):
            with self.subTest(code=code):
                self.fails(f"import os\ndef bad(x):\n    {code}\n", "ExitStatus")

    def test_sys_exit_is_a_failure_of_the_task(self):
        run, error = self.fails("import sys\ndef bad(x):\n    sys.exit(3)\n", "ExitStatus")
        self.assertIn("3", error["message"])

    def test_a_result_that_is_no_json_is_an_invalid_output(self):
        for value in ("object()", "{1, 2}", "float('nan')", "lambda: 1"):
            with self.subTest(value=value):
                self.fails(f"def bad(x):\n    return {value}\n", "InvalidOutput", "json")

    def test_a_result_of_the_wrong_type_is_an_invalid_output(self):
        for value, output in (("'one'", "int"), ("1.5", "int"), ("2**63", "int"), ("1", "text"), ("b'a'", "text"),
                              ("1", "bool"), ("3", "list<int>"), ("'\\ud800'", "text")):
            with self.subTest(value=value, output=output):
                self.fails(f"def bad(x):\n    return {value}\n", "InvalidOutput", output)

    def test_the_wrong_names_of_several_outputs_are_an_invalid_output(self):
        yaml = APP.format(output="int, z: int", more="")
        for value in ("{'y': 1}", "{'y': 1, 'z': 2, 'w': 3}", "5"):
            with self.subTest(value=value):
                self.app("bad", yaml, code=f"def bad(x):\n    return {value}\n" + GOOD)
                self.assert_failed(self.server.run("bad", x=1), "InvalidOutput")

    def test_code_that_hangs_is_a_timeout_and_its_children_are_gone(self):
        marker = self.path("child")
        # On a busy machine the time may be over before the function has come so far: then it gets more.
        for seconds in (1, 4, 16, 64):
            self.fails(f"""
import os, subprocess, time
def bad(x):
    child = subprocess.Popen(["sleep", "600"])
    open({marker!r} + ".new", "w").write(str(child.pid))
    os.rename({marker!r} + ".new", {marker!r})
    while True:
        time.sleep(1)
""", "Timeout", more=f", timeout: {seconds}s")
            if os.path.exists(marker):
                break
        with open(marker, encoding="utf-8") as file:
            child = int(file.read())
        wait_until(lambda: not os.path.exists(f"/proc/{child}"), PATIENCE, f"the child {child} is gone")

    def test_code_that_ignores_the_request_to_stop_is_killed(self):
        self.fails("""
import signal, time
def bad(x):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        try:
            time.sleep(1)
        except BaseException:
            pass
""", "Timeout", more=", timeout: 500ms")

    def test_code_that_cannot_be_loaded_is_a_load_error(self):
        self.app("bad", APP.format(output="int", more=""), code="raise OSError('no such device')\ndef bad(x):\n    return 1\n" + GOOD)
        error = self.assert_failed(self.server.run("bad", x=1), "LoadError")
        self.assertIn("no such device", error["message"])

    def test_output_after_the_end_harms_nobody(self):
        # A thread goes on emitting and printing after the function returned: the task has succeeded, and
        # the next task of the same worker gets neither its output nor its failure.
        self.app("bad", APP.format(output="list<int>", more=""), code="""
import threading, time
from sluice import context
def bad(x):
    emit = context().emit
    def late():
        time.sleep(0.05)
        for i in range(100):
            try:
                emit("y", 1000 + i)
            except BaseException:
                pass
            print("late", flush=True)
    threading.Thread(target=late).start()
    yield x
""" + GOOD)
        for x in range(20):
            run = self.server.run("bad", x=x)
            if run["state"] == "FAILED":
                self.assertEqual(run["error"]["name"], "InvalidOutput", run)
            else:
                self.assertEqual(run["outputs"]["y"], [x])

    def test_prints_in_any_encoding_reach_the_log_and_break_nothing(self):
        self.app("bad", APP.format(output="int", more=""), code="""
import os, sys
def bad(x):
    print("Grüße, 世界")
    sys.stdout.flush()
    os.write(1, b"\\xff\\xfe raw \\x00 bytes\\r\\n")
    os.write(2, b"no newline at the end")
    return x
""" + GOOD)
        run = self.server.run("bad", x=3)
        self.assertEqual(self.assert_succeeded(run)["y"], 3)
        log = wait_until(lambda: (lambda text: text if "no newline at the end" in text else None)(self.log_of(run)), PATIENCE,
                         "the last line is in the log")
        self.assertIn("Grüße, 世界", log)
        self.assertIn(" raw ", log)

    def test_a_flood_of_output_is_cut_at_the_limit(self):
        self.app("bad", APP.format(output="int", more=""), code="""
def bad(x):
    for i in range(40_000):
        print("flood " * 10)
    return x
""" + GOOD)
        run = self.server.run("bad", x=3)
        self.assertEqual(self.assert_succeeded(run)["y"], 3)
        self.assertLess(len(self.log_of(run)), (1 << 20) * 1.3)

    def test_a_failure_ends_the_other_tasks_of_its_run_and_no_other_run(self):
        self.app("many", """
            app: many
            functions:
              work: { runtime: python3, handler: code.work, inputs: { x: int }, outputs: { y: int } }
            workflows:
              many:
                inputs: { xs: list<int> }
                steps:
                  work: { call: work, foreach: "${inputs.xs}", in: { x: "${item}" } }
                outputs: { ys: "${work.y}" }
            """, code="""
import time
def work(x):
    if x == 3:
        raise KeyError("three")
    if x < 0:
        time.sleep(600)
    return x
""")
        other = self.server.start_run("many", xs=[1, 2, 4])
        run = self.server.run("many", xs=[-1, 3, 5])
        error = self.assert_failed(run, "KeyError")
        self.assertIn("three", error["message"])
        self.assertEqual(self.assert_succeeded(self.server.wait_run(other))["ys"], [1, 2, 4])


if __name__ == "__main__":
    unittest.main()
