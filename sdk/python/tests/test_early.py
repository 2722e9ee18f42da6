"""Tasks that start before their inputs are there."""

import unittest

from .fake_node import wire
from .worker_case import WorkerCase

BY_NAME = """
import sluice
def run(x: int):
    c = sluice.context()
    c.emit("begun", x)
    return {"sum": x + c.read("y")}
"""


class EarlyTest(WorkerCase):
    def test_reads_by_name_what_comes_later(self):
        node = self.node(BY_NAME, inputs={"x": "int", "y": "int"}, outputs={"begun": "int", "sum": "int"})
        task = node.start(x=2, y=...)
        node.until(lambda: task.wants)
        self.assertEqual((task.value("begun"), task.wants), (b"2", [(1, False)]))
        node.push(task, "y", 40, "int")
        node.feed(task)
        node.finish(task)
        self.assertEqual((task.value("sum"), task.wants), (b"42", [(1, False), (1, True)]))
        self.assertEqual(node.run(x=1, y=1).value("sum"), b"2")

    def test_parameters_are_waited_for_before_the_call(self):
        node = self.node("def run(x, y): print('called'); return x + y", inputs={"x": "int", "y": "int"}, outputs={"sum": "int"})
        task = node.start(x=2, y=...)
        node.until(lambda: task.wants)
        self.assertNotIn(wire.FRAME_STARTED, task.sent_order)
        node.push(task, "y", 40, "int")
        node.feed(task)
        self.assertEqual(node.finish(task).value("sum"), b"42")
        self.assertIn(wire.FRAME_STARTED, task.sent_order)

    def test_what_turns_out_absent_has_its_default(self):
        code = """
import sluice
def run(a, b=3, c=None, d=None, e=()):
    return [a, b, c, d if d is None else list(d), list(e), sluice.context().read("f")]
"""
        inputs = {"a": "optional<int>", "b": "int", "c": "optional<text>", "d": "optional<stream<int>>", "e": "list<int>",
                  "f": "int"}
        node = self.node(code, inputs=inputs, defaults={"b": 7, "e": [1, 2], "f": 9})
        task = node.start(**{name: ... for name in inputs})
        for name in inputs:
            node.make_absent(task, name)
        node.feed(task)
        self.assertEqual(node.finish(task).json(), [None, 7, None, None, [1, 2], 9])
        self.assertEqual(node.run(a=1, b=2, c="c", d=[5], e=[], f=6).json(), [1, 2, "c", [5], [], 6])

    def test_an_absent_input_that_has_come_breaks_the_protocol(self):
        node = self.node("def run(a, b): pass", inputs={"a": "optional<int>", "b": "int"})
        task = node.start(a=1, b=...)
        node.make_absent(task, "a")
        node.feed(task)
        self.assertEqual(node.wait_exit(), 70)
        self.assertIn(b"input 0 is said to be absent, but it has come", node.log())

    def test_ends_while_it_waits(self):
        for code in ("def run(x): pass", "import sluice\ndef run(): sluice.context().read('x')"):
            for term in (False, True):
                node = self.node(code, inputs={"x": "int"}, outputs={})
                task = node.start(x=...)
                node.until(lambda: task.wants)
                node.cancel(task, term=term)
                self.assertFails(node.finish(task), "Cancelled")
                node.finish(node.start(x=1))


if __name__ == "__main__":
    unittest.main()
