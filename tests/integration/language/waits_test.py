"""Steps that wait, and what a run shows of steps that were lowered into several."""

import os
import subprocess
import unittest

from harness import PATIENCE, SLUICE, ServerCase, wait_until

YAML = """\
app: asking
functions:
  double: { runtime: python3, handler: code.double, inputs: { x: int }, outputs: { y: int } }
  bad: { runtime: python3, handler: code.bad, inputs: { x: int }, outputs: { y: int } }
workflows:
  ask:
    steps:
      review: { wait: { approved: bool, note: "optional<text>" }, timeout: 5m }
      result: { set: { ok: "${review.approved}", note: "${review.note}" } }
    outputs: { ok: "${result.ok}", note: "${result.note}" }
  each:
    inputs: { names: list<text> }
    steps:
      review: { foreach: "${inputs.names}", wait: { ok: bool } }
    outputs: { ok: "${review.ok}" }
  pause:
    inputs: { time: text }
    steps:
      pause: { wait: "${inputs.time}" }
      after: { call: double, in: { x: 1 }, after: [pause] }
    outputs: { y: "${after.y}" }
  rescued:
    steps:
      risky: { call: bad, in: { x: "${1 + 1}" }, catch: { call: double, in: { x: 4 } } }
    outputs: { y: "${risky.y}" }
"""
CODE = """\
def double(x):
    return 2 * x

def bad(x):
    raise ValueError("not today")
"""


class Waits(ServerCase):
    def setUp(self):
        super().setUp()
        self.server.deploy(self.app("asking", YAML, code=CODE))

    def answer(self, run, step, outputs):
        return self.server.http("POST", f"runs/{run}/steps/{step}/answer", {"outputs": outputs})

    def waits(self, run, path):
        tasks = self.server.get(f"runs/{run}/tasks")["tasks"]
        return any(task["path"] == path and task["state"] == "RUNNING" for task in tasks)

    def test_an_answer_is_checked_taken_once_and_known_again(self):
        run = self.server.start_run("ask")
        wait_until(lambda: self.waits(run, "review"), PATIENCE, "the step waits")
        for outputs in ({"approved": 1}, {}, {"approved": True, "colour": 1}):
            self.assertEqual(self.answer(run, "review", outputs).status, 422, outputs)
        self.assertEqual(self.answer(run, "other", {"approved": True}).status, 404)
        self.assertEqual(self.answer(run, "result", {"approved": True}).status, 404)
        self.assertEqual(self.answer(run, "review.3", {"approved": True}).status, 404, "it is no foreach")
        self.assertEqual(self.answer(run, "review", {"approved": True}).status, 200)
        outputs = self.assert_succeeded(self.server.wait_run(run))
        self.assertEqual(outputs, {"ok": True}, "the note is absent")
        self.assertEqual(self.answer(run, "review", {"approved": True}).status, 200)
        self.assertEqual(self.answer(run, "review", {"approved": False}).status, 409)

    def test_elements_are_answered_one_by_one_in_any_order(self):
        run = self.server.start_run("each", names=["a", "b"])
        wait_until(lambda: self.waits(run, "review.1"), PATIENCE, "both wait")
        self.assertEqual(self.answer(run, "review.1", {"ok": False}).status, 200)
        done = subprocess.run([SLUICE, "answer", run, "review", "--index", "0", "-i", "ok=true"],
                              env={**os.environ, "SLUICE_URL": f"http://127.0.0.1:{self.server.port}"},
                              capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.assert_succeeded(self.server.wait_run(run))["ok"], [True, False])

    def test_a_time_that_is_none_fails_the_step_with_its_name(self):
        self.assertEqual(self.assert_succeeded(self.server.run("pause", time="20ms"))["y"], 2)
        self.assertEqual(self.assert_succeeded(self.server.run("pause", time="2020-01-01T00:00:00Z"))["y"], 2)
        failed = self.server.run("pause", time="soon")
        self.assert_failed(failed, "InvalidInput")
        self.assertEqual(failed["error"]["task"], "pause")
        self.assertIn("soon", failed["error"]["message"])

    def test_a_cancelled_run_waits_for_nobody(self):
        run = self.server.start_run("ask")
        wait_until(lambda: self.waits(run, "review"), PATIENCE, "the step waits")
        self.server.http("POST", f"runs/{run}/cancel")
        self.assertEqual(self.server.wait_run(run)["state"], "CANCELLED")
        self.assertEqual(self.answer(run, "review", {"approved": True}).status, 409)

    def test_a_rescued_step_is_one_task_that_tells_what_was_caught(self):
        run = self.server.run("rescued")
        self.assertEqual(self.assert_succeeded(run)["y"], 8)
        document = self.server.get(f"runs/{run['id']}")
        self.assertEqual([step["name"] for step in document["steps"]], ["risky"])
        self.assertEqual((document["steps"][0]["total"], document["steps"][0]["succeeded"]), (1, 1))
        task, = self.server.get(f"runs/{run['id']}/tasks")["tasks"]
        self.assertEqual((task["path"], task["state"]), ("risky", "SUCCEEDED"))
        self.assertEqual(task["caught"], {"name": "ValueError", "message": "not today"})


if __name__ == "__main__":
    unittest.main()
