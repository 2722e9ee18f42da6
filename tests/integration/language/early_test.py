"""Tasks that wait for data where worker processes are few: they give them up, and nothing stops for ever."""

import os
import shutil
import tempfile
import unittest

from harness import ENDED, STOPPED, Server, leftovers, wait_until

CODE = '''
import os, time
from sluice import Stream, context


def held(folder: str):
    """Its second element comes once somebody has opened the gate."""
    yield 1
    deadline = time.monotonic() + 60
    while not os.path.exists(os.path.join(folder, context().run)):
        if time.monotonic() > deadline:
            raise RuntimeError("nobody opened the gate")
        time.sleep(0.005)
    yield 2


def read(xs: Stream):
    return sum(xs)


def sum_up(xs: list):
    return sum(xs)


def by_name(i: int):
    return i + sum(context().read("xs"))


def open_gate(folder: str, x: int):
    open(os.path.join(folder, context().run), "w").close()
    return x
'''

APP = """
app: early
functions:
  held: { runtime: python3, handler: code.held, inputs: { folder: text }, outputs: { xs: list<int> } }
  read: { runtime: python3, handler: code.read, inputs: { xs: stream<int> }, outputs: { sum: int } }
  sum_up: { runtime: python3, handler: code.sum_up, inputs: { xs: list<int> }, outputs: { sum: int } }
  by_name: { runtime: python3, handler: code.by_name, inputs: { i: int, xs: list<int> }, outputs: { sum: int } }
  open_gate: { runtime: python3, handler: code.open_gate, inputs: { folder: text, x: int }, outputs: { x: int } }
workflows:
  main:
    inputs: { folder: text }
    steps:
      held: { call: held, in: { folder: "${inputs.folder}" } }
      early: { call: read, foreach: "${range(6)}", in: { xs: "${held.xs}" }, start: early }
      ready: { call: read, foreach: "${range(6)}", in: { xs: "${held.xs}" } }
      whole: { call: sum_up, foreach: "${range(6)}", in: { xs: "${held.xs}" }, start: early }
      named: { call: by_name, foreach: "${range(6)}", in: { i: "${item}", xs: "${held.xs}" }, start: early }
      opens: { call: open_gate, in: { folder: "${inputs.folder}", x: "${held.xs[0]}" } }
    outputs: { early: "${early.sum}", ready: "${ready.sum}", whole: "${whole.sum}", named: "${named.sum}", x: "${opens.x}" }
  stuck:
    inputs: { folder: text }
    steps:
      held: { call: held, in: { folder: "${inputs.folder}" } }
      named: { call: by_name, in: { i: 1, xs: "${held.xs}" }, start: early }
    outputs: { sum: "${named.sum}" }
"""


class Early(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="sluice-early-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.server = Server(os.path.join(cls.folder, "data"), ("--workers", "2", "--processes", "3"))
        cls.addClassCleanup(cls.finish)
        cls.server.start()
        app = os.path.join(cls.folder, "app")
        os.makedirs(app)
        for name, text in (("code.py", CODE), ("sluice.yaml", APP)):
            with open(os.path.join(app, name), "w", encoding="utf-8") as file:
                file.write(text)
        cls.gates = os.path.join(cls.folder, "gates")
        os.makedirs(cls.gates)
        cls.server.deploy(app)

    @classmethod
    def finish(cls):
        try:
            if cls.server.is_running():
                status = cls.server.stop()
                assert status == STOPPED, f"the server ended with {status}:\n{cls.server.log()}"
        finally:
            if cls.server.is_running():
                cls.server.kill()
            leftovers.end_processes(cls.server.data)

    def submit(self, workflow):
        answer = self.server.http("POST", f"workflows/early.{workflow}/runs", {"inputs": {"folder": self.gates}})
        self.assertEqual(answer.status, 202, answer.body)
        return answer.json()["id"]

    def ended(self, id):
        document = self.server.get(f"runs/{id}?wait=1")
        return document if document["state"] in ENDED else None

    def test_more_tasks_wait_than_there_are_processes(self):
        id = self.submit("main")
        document = wait_until(lambda: self.ended(id), 60, lambda: str(self.server.get(f"runs/{id}")))
        self.assertEqual(document["state"], "SUCCEEDED", document)
        outputs = document["outputs"]
        for name in ("early", "ready", "whole"):
            self.assertEqual(outputs[name], [3] * 6, name)
        self.assertEqual((outputs["named"], outputs["x"]), ([3, 4, 5, 6, 7, 8], 1))

    def test_an_early_task_is_cancelled_while_it_waits(self):
        id = self.submit("stuck")

        def waits():
            tasks = self.server.get(f"runs/{id}/tasks")["tasks"]
            return any(task["path"] == "named" and task["state"] in ("RUNNING", "BLOCKED") for task in tasks)

        wait_until(waits, 30, lambda: str(self.server.get(f"runs/{id}/tasks")))
        self.server.http("POST", f"runs/{id}/cancel")
        self.assertEqual(wait_until(lambda: self.ended(id), 30, lambda: id)["state"], "CANCELLED")


if __name__ == "__main__":
    unittest.main()
