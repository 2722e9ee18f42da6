"""What a run shows of the tasks inside of flows and loops: their paths, pages, counts, logs, answers."""

import unittest

from harness import PATIENCE, ServerCase, wait_until

YAML = """\
app: inside
functions:
  double: { runtime: python3, handler: code.double, inputs: { x: int }, outputs: { y: int } }
  picky: { runtime: python3, handler: code.picky, inputs: { x: int }, outputs: { y: int } }
workflows:
  cell:
    inputs: { x: int, n: int }
    steps:
      double: { call: double, foreach: "${range(inputs.n)}", in: { x: "${item + inputs.x}" } }
    outputs: { ys: "${double.y}" }
  row:
    inputs: { n: int }
    steps:
      cells: { flow: cell, foreach: "${range(inputs.n)}", in: { x: "${item}", n: "${inputs.n}" } }
      last: { set: { n: "${inputs.n}" } }
    outputs: { n: "${last.n}" }
  table:
    inputs: { n: int }
    steps:
      rows: { flow: row, foreach: "${range(inputs.n)}", in: { n: "${inputs.n}" } }
      after: { call: double, in: { x: 1 }, after: [rows] }
    outputs: { y: "${after.y}" }
  rounds:
    inputs: { xs: list<int> }
    steps:
      each: { foreach: "${inputs.xs}", call: double, in: { x: "${first(previous.y, item)}" }, while: "${previous.y < 20}", max: 9 }
    outputs: { ys: "${each.y}" }
  ask:
    inputs: { name: text }
    steps:
      approve: { wait: { ok: bool } }
      other: { wait: { ok: "optional<text>" } }
    outputs: { ok: "${approve.ok}", name: "${inputs.name}" }
  wrong:
    steps:
      approve: { wait: { sum: int } }
    outputs: { sum: "${approve.sum}" }
  asking:
    inputs: { names: list<text> }
    steps:
      each: { flow: ask, foreach: "${inputs.names}", in: { name: "${item}" } }
      one: { flow: wrong }
    outputs: { ok: "${each.ok}", names: "${each.name}", sum: "${one.sum}" }
  fails:
    inputs: { xs: list<int> }
    steps:
      each: { flow: one, foreach: "${inputs.xs}", in: { x: "${item}" }, catch: {} }
    outputs: { ys: "${each.y}" }
  one:
    inputs: { x: int }
    steps:
      picky: { call: picky, in: { x: "${inputs.x}" } }
      next: { call: double, in: { x: "${picky.y}" } }
    outputs: { y: "${next.y}" }
"""
CODE = """\
def double(x):
    print("doubling", x)
    return 2 * x

def picky(x):
    if x > 1:
        raise ValueError("too large")
    return x
"""


class Scopes(ServerCase):
    def setUp(self):
        super().setUp()
        self.app("inside", YAML, code=CODE)

    def tasks(self, run, query="", limit=100):
        """All of them, and the number of pages."""
        tasks, pages, cursor = [], 0, ""
        while True:
            page = self.server.get(f"runs/{run}/tasks?limit={limit}{query}{cursor}")
            self.assertLessEqual(len(page["tasks"]), limit)
            tasks += page["tasks"]
            pages += 1
            if "cursor" not in page:
                return tasks, pages
            cursor = f"&cursor={page['cursor']}"

    def paths(self, run, query="", limit=100):
        return [task["path"] for task in self.tasks(run, query, limit)[0]]

    def answer(self, run, step, outputs):
        return self.server.http("POST", f"runs/{run}/steps/{step}/answer", {"outputs": outputs})

    def test_tasks_of_flows_in_flows_have_paths_and_pages(self):
        run = self.server.start_run("table", n=2)
        self.assert_succeeded(self.server.wait_run(run))
        expected = []
        for row in range(2):
            expected.append(f"rows.{row}")
            for cell in range(2):
                expected.append(f"rows.{row}~cells.{cell}")
                expected += [f"rows.{row}~cells.{cell}~double.{i}" for i in range(2)]
            expected.append(f"rows.{row}~last")
        expected.append("after")
        self.assertEqual(self.paths(run), expected)
        for limit in (1, 2, 3, 7):
            tasks, pages = self.tasks(run, limit=limit)
            self.assertEqual([task["path"] for task in tasks], expected, f"{limit} a page")
            self.assertEqual(pages, -(-len(expected) // limit))
        self.assertTrue(all(task["state"] == "SUCCEEDED" for task in self.tasks(run)[0]))

        inner = [path for path in expected if "double" in path]
        tasks = self.tasks(run, "&step=rows~cells~double", limit=3)[0]
        self.assertEqual([task["path"] for task in tasks], inner)
        self.assertEqual({(task["step"], task["attempt"]) for task in tasks}, {("rows~cells~double", 1)})
        self.assertEqual([task["index"] for task in tasks], [0, 1] * 4)
        self.assertTrue(all(task["ended_us"] > 0 for task in tasks))
        self.assertEqual(self.paths(run, "&step=rows~last"), ["rows.0~last", "rows.1~last"])
        self.assertEqual(self.paths(run, "&step=rows"), ["rows.0", "rows.1"])
        self.assertEqual(self.paths(run, "&state=FAILED"), [])
        for step in ("double", "rows~double", "rows.0~last", "rows~"):
            self.assertEqual(self.server.http("GET", f"runs/{run}/tasks?step={step}").status, 404, step)
        for cursor in ("1", "1.2.3", "x", "1.", "0.0.0.0.0"):
            self.assertEqual(self.server.http("GET", f"runs/{run}/tasks?cursor={cursor}").status, 400, cursor)

    def test_counts_name_the_steps_inside(self):
        run = self.server.start_run("table", n=3)
        document = self.server.wait_run(run)
        self.assert_succeeded(document)
        counts = [(step["name"], step["succeeded"], step["total"], step["total_is_final"]) for step in document["steps"]]
        self.assertEqual(counts, [("rows", 3, 3, True), ("rows~cells", 9, 9, True), ("rows~cells~double", 27, 27, True),
                                  ("rows~last", 3, 3, True), ("after", 1, 1, True)])

    def test_rounds_of_a_loop_are_tasks(self):
        run = self.server.start_run("rounds", xs=[3, 30])
        document = self.server.wait_run(run)
        self.assertEqual(self.assert_succeeded(document)["ys"], [24, 60])
        self.assertEqual(self.paths(run), ["each.0", "each.0.1", "each.0.2", "each.0.3", "each.1", "each.1.1"])
        self.assertEqual([task.get("round") for task in self.tasks(run)[0]], [None, 1, 2, 3, None, 1])
        self.assertEqual([(step["name"], step["total"]) for step in document["steps"]], [("each", 2)])

    def test_the_trace_and_the_log_name_tasks_inside(self):
        run = self.server.start_run("table", n=2)
        self.assert_succeeded(self.server.wait_run(run))
        events = self.server.get(f"runs/{run}/trace")["traceEvents"]
        steps = {event["name"]: event["args"]["step"] for event in events if event["cat"] == "task"}
        self.assertEqual(steps["rows.1~cells.0~double.1"], "rows~cells~double")
        self.assertEqual(len(steps), 9)

        def log(query):
            answer = self.server.http("GET", f"runs/{run}/logs?{query}")
            self.assertEqual(answer.status, 200, answer.body)
            return sorted(answer.body.decode().splitlines())
        self.assertEqual(log("task=rows.1~cells.1~double.1"), ["rows.1~cells.1~double.1 | doubling 2"])
        self.assertEqual(log("task=rows.1~cells.1"),
                         ["rows.1~cells.1~double.0 | doubling 1", "rows.1~cells.1~double.1 | doubling 2"])
        self.assertEqual(len(log("step=rows~cells~double")), 8)
        self.assertEqual(len(log("step=rows")), 8)
        self.assertEqual(log("step=after"), ["after | doubling 1"])
        self.assertEqual(self.server.http("GET", f"runs/{run}/logs?step=double").status, 404)

    def test_an_answer_goes_to_the_step_and_element_that_its_path_names(self):
        run = self.server.start_run("asking", names=["a", "b"])
        paths = ["each.0~approve", "each.1~approve", "one~approve"]
        wait_until(lambda: set(paths) <= set(self.paths(run, "&state=RUNNING")), PATIENCE, "all wait")
        explained = self.server.cli("explain", run)
        self.assertEqual((explained.returncode, explained.stderr), (0, ""))
        self.assertIn("\neach\n  - 2 of 2 tasks are running: each.0, each.1\n", explained.stdout)
        self.assertIn(f"\neach~approve\n  - 2 of 2 tasks wait for an answer: `sluice answer {run} each.0~approve -i NAME=VALUE`: "
                      "each.0~approve, each.1~approve\n", explained.stdout)
        self.assertIn(f"\none~approve\n  - its task waits for an answer: `sluice answer {run} one~approve -i NAME=VALUE`\n",
                      explained.stdout)
        for path in ("approve", "each~approve", "each.0~approve.0", "one.0~approve", "each.0~nothing", "each.0"):
            self.assertEqual(self.answer(run, path, {"ok": True}).status, 404, path)
        self.assertEqual(self.answer(run, "each.2~approve", {"ok": True}).status, 409)
        # Each has the outputs of its own step, not of the first one with that name.
        self.assertEqual(self.answer(run, "one~approve", {"ok": True}).status, 422)
        self.assertEqual(self.answer(run, "each.1~approve", {"sum": 1}).status, 422)
        self.assertEqual(self.answer(run, "each.1~approve", {"ok": False}).status, 200)
        wait_until(lambda: "each.1~approve" in self.paths(run, "&state=SUCCEEDED"), PATIENCE, "the answer is committed")
        self.assertIn("each.0~approve", self.paths(run, "&state=RUNNING"))
        self.assertEqual(self.answer(run, "each.1~approve", {"ok": False}).status, 200)
        self.assertEqual(self.answer(run, "each.1~approve", {"ok": True}).status, 409)
        self.assertEqual(self.answer(run, "each.0~approve", {"ok": True}).status, 200)
        for element in range(2):
            self.assertEqual(self.answer(run, f"each.{element}~other", {}).status, 200)
        self.assertEqual(self.answer(run, "one~approve", {"sum": 5}).status, 200)
        outputs = self.assert_succeeded(self.server.wait_run(run))
        self.assertEqual(outputs, {"ok": [True, False], "names": ["a", "b"], "sum": 5})

    def test_what_failed_inside_and_what_was_cancelled_with_it_is_shown(self):
        run = self.server.start_run("fails", xs=[1, 2])
        outputs = self.assert_succeeded(self.server.wait_run(run))
        self.assertEqual(outputs, {"ys": [2, None]})
        states = {task["path"]: task["state"] for task in self.tasks(run)[0]}
        self.assertEqual(states["each.0~picky"], "SUCCEEDED")
        self.assertEqual(states["each.0~next"], "SUCCEEDED")
        self.assertEqual(states["each.1~picky"], "FAILED")
        self.assertEqual(states["each.1~next"], "CANCELLED")
        failed = self.tasks(run, "&state=FAILED&step=each~picky")[0]
        self.assertEqual([task["error"]["name"] for task in failed], ["ValueError"])


if __name__ == "__main__":
    unittest.main()
