"""Credit in both directions, prefetched tasks, cancellation, stopping, and a node that breaks the protocol."""

import os
import signal
import time
import unittest

from .fake_node import DEADLINE, Node, Value, wire
from .worker_case import WorkerCase

LONG = 0.6  # Longer than a worker waits for the other half of a cancellation: then nothing may have happened.


class FlowTest(WorkerCase):
    # ---- credit ----

    def test_output_stops_when_its_credit_is_used_up(self):
        code = "def run(x):\n    for n in range(60): yield bytes([n]) * 10_000"
        for node in self.both_modes(code, outputs={"result": "list<bytes>"}):
            task = node.start(x=b"", send=False)
            task.withhold = True
            node.feed(task)
            node.until(lambda: len(task.elements()) == 26)
            node.quiet()
            self.assertEqual((len(task.elements()), task.over), (26, False))
            node.send(wire.FRAME_CREDIT, 0, 0, task.handle, wire.CREDIT.pack(10_000, 0))
            task.credit += 10_000
            node.until(lambda: len(task.elements()) == 27)
            task.withhold = False
            task.credit += 260_000
            node.send(wire.FRAME_CREDIT, 0, 0, task.handle, wire.CREDIT.pack(260_000, 0))
            self.assertEqual(node.finish(task).elements(), [bytes([n]) * 10_000 for n in range(60)])

    def test_input_credit_comes_back_only_when_the_code_reads(self):
        code = """
import os, sluice
def run(x, y):
    c = sluice.context()
    c.emit("result", len(x.read(1)))
    for flag in y:
        while not os.path.exists(flag): pass
        c.emit("result", sum(map(len, x.chunks())))
"""
        for node in self.both_modes(code, inputs={"x": "pipe", "y": "list<text>"}, outputs={"result": "list<int>"}):
            flag = os.path.join(node.folder, "flag")
            task = node.start(x=Value(b"z" * 2_000_000, place="open"), y=[flag])
            node.until(lambda: task.elements() == [b"1"])
            node.quiet()
            self.assertEqual(task.credits.get(0, [0])[0], 0)
            self.assertLess(task.feeds[0].bytes, 60_000)
            open(flag, "w").close()
            self.assertEqual(node.finish(task).elements(), [b"1", b"1999999"])

    def test_elements_wait_in_the_node_until_they_are_read(self):
        code = """
import os
def run(x, y: str):
    yield next(x)
    while not os.path.exists(y): pass
    yield from x
"""
        node = self.node(code, inputs={"x": "stream<bytes>", "y": "bytes"}, outputs={"result": "list<bytes>"})
        flag = os.path.join(node.folder, "flag")
        elements = [b"%d" % n for n in range(1000)]
        task = node.start(x=elements, y=flag.encode())
        node.until(lambda: task.elements() == [b"0"])
        node.quiet()
        self.assertEqual(task.feeds[0].elements, 0)
        open(flag, "w").close()
        self.assertEqual(node.finish(task).elements(), elements)

    def test_a_reader_that_blocks_says_so_once_and_only_then(self):
        node = self.node("def run(x): return sum(x)", inputs={"x": "stream<int>"})
        task = node.start(x=...)
        node.until(lambda: task.wants == [(0, False)])
        node.push(task, "x", 1)
        node.feed(task)
        node.until(lambda: len(task.wants) == 3)
        self.assertEqual(task.wants, [(0, False), (0, True), (0, False)])
        node.end_list(task, "x")
        node.feed(task)
        self.assertEqual(node.finish(task).json(), 1)
        self.assertEqual(task.wants[3:], [(0, True)])
        self.assertEqual(node.run_at_once(x=range(10)).wants, [])

    # ---- several tasks held ----

    def test_prefetched_tasks_run_in_order_after_each_other(self):
        code = """
import os
def run(x: str, y):
    while x and not os.path.exists(x): pass
    return len(y)
"""
        for node in self.both_modes(code, inputs={"x": "text", "y": "bytes"}):
            flag = os.path.join(node.folder, "flag")
            order = []
            first = node.start(x=flag, y=b"1")
            others = [node.start(x="", y=b"2" * size) for size in (2, 300_000, 4)]
            node.until(lambda: first.started)
            node.quiet()
            self.assertFalse(any(each.started for each in others))
            open(flag, "w").close()
            for each in (first, *others):
                node.finish(each)
                order.append(each.json())
            self.assertEqual(order, [1, 2, 300_000, 4])

    def test_input_of_a_queued_task_is_bounded_by_its_credit(self):
        code = """
import os
def run(x: str, y):
    while x and not os.path.exists(x): pass
    return len(y)
"""
        node = self.node(code, inputs={"x": "text", "y": "bytes"}, copy=True)
        flag = os.path.join(node.folder, "flag")
        first = node.start(x=flag, y=b"")
        node.until(lambda: first.started)
        second = node.start(x="", y=bytes(1 << 20))
        node.quiet()
        self.assertEqual(second.credits, {})
        open(flag, "w").close()
        self.assertEqual(node.finish(second).json(), 1 << 20)

    def test_a_task_says_started_before_its_code_runs(self):
        code = "import os\ndef run(x: str):\n    while x and not os.path.exists(x): pass\n    return 1"
        for lazy in (False, True):
            node = self.node(code, setup={"lazy_started": lazy})
            flag = os.path.join(node.folder, "flag")
            task = node.start(x=flag.encode())
            node.until(lambda: task.started)
            open(flag, "w").close()
            self.assertEqual(node.finish(task).json(), 1)
            for _ in range(3):
                task = node.run(x=b"")
            self.assertEqual(task.sent_order, [wire.FRAME_STARTED, wire.FRAME_EMIT, wire.FRAME_DONE])

    # ---- cancelling ----

    def test_a_queued_task_that_is_cancelled_never_runs(self):
        code = "import os\ndef run(x: str):\n    open(x + '.ran', 'w').close()\n    while not os.path.exists(x): pass\n    return 1"
        node = self.node(code)
        flags = [os.path.join(node.folder, name) for name in "abc"]
        first, second, third = [node.start(x=flag.encode()) for flag in flags]
        node.until(lambda: first.started)
        node.cancel(second)
        for flag in (flags[0], flags[2]):
            open(flag, "w").close()
        self.assertEqual((node.finish(first).json(), node.finish(third).json()), (1, 1))
        self.assertFails(node.finish(second), "Cancelled")
        self.assertFalse(os.path.exists(flags[1] + ".ran"))

    def test_a_task_that_computes_is_interrupted_by_the_signal_and_the_worker_goes_on(self):
        code = """
import sluice
def run(x):
    try:
        if x: sluice.context().emit("result", 1)
        print("computing", flush=True)
        while x: pass
    except Exception:
        print("swallowed")
    finally:
        print("cleaned up")
"""
        for signal_first in (False, True):
            node = self.node(code, outputs={"result": "list<int>"})
            task = node.start(x=b"1")
            node.until(lambda: task.elements())
            node.until_logged(b"computing")
            if signal_first:
                node.process.send_signal(signal.SIGTERM)
                time.sleep(0.02)
                node.cancel(task, "no longer needed")
            else:
                node.cancel(task, "no longer needed", term=True)
            self.assertFails(node.finish(task), "Cancelled", "no longer needed")
            self.assertIn(b"cleaned up", node.log())
            self.assertNotIn(b"swallowed", node.log())
            time.sleep(LONG)
            self.assertEqual(node.run(x=b"").elements(), [])

    def test_a_cancellation_that_comes_after_the_end_harms_nobody(self):
        node = self.node("def run(x): return 1")
        for signal_first in (False, True, False):
            task = node.run(x=b"")
            if signal_first:
                node.cancel_signal_first(task)
            else:
                node.cancel(task, term=True)
            time.sleep(LONG)
            self.assertEqual(node.run(x=b"").json(), 1)

    def test_a_task_that_blocks_is_cancelled_by_the_frame_and_the_worker_goes_on(self):
        code = """
import sluice
def run(x, y):
    if y == b"read": return sum(x)
    if y == b"emit":
        for n in range(100): sluice.context().emit("list", bytes(10_000))
    if y == b"alloc": sluice.context().emit("list", bytes(100_000))
    return {"result": 1}
"""
        node = self.node(code, inputs={"x": "stream<int>", "y": "bytes"}, outputs={"result": "json", "list": "list<bytes>"})
        for what in (b"read", b"emit", b"alloc"):
            node._grant, grant = (lambda *_: None), node._grant
            task = node.start(x=..., y=what, send=False)
            task.withhold = True
            node.feed(task)
            node.until(lambda: task.wants or len(task.elements("list")) == 26 or wire.FRAME_ALLOC in task.sent_order)
            node.cancel(task)
            self.assertFails(node.finish(task), "Cancelled")
            node._grant = grant
            self.assertEqual(node.run(x=[], y=b"").value("result"), b"1")

    def test_threads_of_a_cancelled_task_hear_of_it_too(self):
        code = """
import sluice, threading
def run(x):
    c = sluice.context()
    heard = []
    def work():
        try:
            for each in x: pass
        except sluice.Cancelled as error: heard.append(str(error))
    thread = threading.Thread(target=work)
    thread.start()
    try:
        c.emit("in_try", 1)
        thread.join()
    except sluice.Cancelled: pass
    thread.join()
    print(heard, c.cancelled, flush=True)
"""
        node = self.node(code, inputs={"x": "stream<int>"}, outputs={"in_try": "list<int>"})
        task = node.start(x=...)
        node.until(lambda: task.wants and task.elements("in_try"))
        node.cancel(task, "over")
        self.assertFails(node.finish(task), "Cancelled", "over")
        self.assertIn(b"['over'] True", node.log())

    def test_cancelled_can_be_asked_for(self):
        code = "import sluice\ndef run(x):\n    c = sluice.context()\n    while not c.cancelled: pass\n    return 1"
        node = self.node(code)
        task = node.start(x=b"")
        node.until(lambda: task.started)
        node.cancel(task)
        self.assertFails(node.finish(task), "Cancelled")

    def test_frames_that_cross_the_end_of_a_task_are_dropped(self):
        node = self.node("def run(x):\n    return next(x)", inputs={"x": "stream<bytes>"}, outputs={"result": "bytes"})
        task = node.run(x=[b"1"] * 10)
        element = wire.VALUE.pack(1, 0, 0, 1) + b"x"
        for type, flags, payload in (
                (wire.FRAME_ELEMENT, 0, element), (wire.FRAME_CHUNK, 0, b"x"), (wire.FRAME_END, 0, b""),
                (wire.FRAME_CREDIT, 0, wire.CREDIT.pack(1, 1)), (wire.FRAME_CANCEL, 0, b"late"), (wire.FRAME_GRANT, wire.FLAG_REFUSED, b"no")):
            node.send(type, flags, 0, task.handle, payload)
        self.assertEqual(node.run(x=[b"2"]).value(), b"2")

    def test_a_refused_grant_is_too_large(self):
        node = self.node("def run(x): return bytes(100_000)", outputs={"result": "bytes"})
        node.refuse = "the budget of 1 MiB is used up"
        self.assertFails(node.run(x=b""), "TooLarge", "the budget of 1 MiB")
        node.refuse = None
        self.assertEqual(node.run(x=b"").value(), bytes(100_000))

    # ---- the end ----

    def test_stop_ends_an_idle_worker_and_runs_exit_hooks(self):
        node = self.node("import atexit\natexit.register(print, 'bye')\ndef run(x): return 1")
        node.run(x=b"")
        node.send(wire.FRAME_STOP, 0, 0, 0)
        self.assertEqual(node.wait_exit(), 0)
        self.assertEqual(node.log(), b"bye\n")

    def test_stop_lets_what_runs_finish(self):
        code = "import os\ndef run(x: str):\n    while not os.path.exists(x): pass\n    return 1"
        node = self.node(code)
        flag = os.path.join(node.folder, "flag")
        task = node.start(x=flag.encode())
        node.until(lambda: task.started)
        node.send(wire.FRAME_STOP, 0, 0, 0)
        open(flag, "w").close()
        self.assertEqual(node.finish(task).json(), 1)
        self.assertEqual(node.wait_exit(), 0)

    def test_sigterm_ends_an_idle_worker_and_lets_a_task_that_is_wanted_finish(self):
        code = "import os\ndef run(x: str):\n    while not os.path.exists(x): pass\n    return 1"
        idle = self.node(code)
        idle.process.send_signal(signal.SIGTERM)
        self.assertEqual(idle.wait_exit(), 0)
        node = self.node(code)
        flag = os.path.join(node.folder, "flag")
        task = node.start(x=flag.encode())
        node.until(lambda: task.started)
        node.process.send_signal(signal.SIGTERM)
        open(flag, "w").close()
        self.assertEqual(node.finish(task).json(), 1)
        self.assertEqual(node.wait_exit(), 0)

    def test_a_worker_without_a_node_ends_silently(self):
        for code in ("def run(x): return 1", "def run(x):\n    while True: yield bytes(50_000)"):
            node = Node(code, outputs={"result": "list<bytes>"} if "yield" in code else None)
            self.addCleanup(node.close)
            if "yield" in code:
                task = node.start(x=b"")
                node.until(lambda: len(task.elements()) > 3)
            node.socket.close()
            self.assertEqual(node.process.wait(DEADLINE), 0)
            self.assertEqual(node.log(), b"")

    def test_garbage_from_the_node_ends_the_worker_with_a_clear_line(self):
        value = wire.VALUE.pack(1, 0, 0, 1)
        garbage = {
            "a frame of": wire.HEADER.pack(1 << 30, 3, 0, 0, 1),
            "unexpected frame of type 200": wire.HEADER.pack(0, 200, 0, 0, 0),
            "unexpected frame of type 1": wire.HEADER.pack(2, wire.FRAME_SETUP, 0, 0, 0) + b"{}",
            "without a descriptor": wire.HEADER.pack(16, wire.FRAME_MAP, 0, 0, 1) + bytes(16),
            "cannot be understood": wire.HEADER.pack(2, wire.FRAME_START, 0, 0, 7) + b"[]",
            "not declared": wire.HEADER.pack(14, wire.FRAME_START, 0, 0, 7) + b'{"inputs":[5]}',
            "did not announce": self.start(8, "[]") + wire.HEADER.pack(17, wire.FRAME_ELEMENT, 0, 0, 8) + value + b"x",
            "region 99, which is not mapped": self.start(8) + wire.HEADER.pack(40, wire.FRAME_ELEMENT, 1, 0, 8) + value + wire.RANGE.pack(99, 0, 0, 1),
            "without its value": self.start(8) + wire.HEADER.pack(3, wire.FRAME_ELEMENT, 0, 0, 8) + b"abc",
            "a second value": self.start(9) + (wire.HEADER.pack(16, wire.FRAME_ELEMENT, 2, 0, 9) + value) * 2,
            "where no value is open": self.start(8) + wire.HEADER.pack(1, wire.FRAME_CHUNK, 0, 0, 8) + b"x",
            "two starts for handle 8": self.start(8) * 2,
            "more than 4 tasks": b"".join(self.start(handle) for handle in range(1, 7)),
        }
        for part, data in garbage.items():
            with self.subTest(part=part):
                node = self.node("def run(x): return 1")
                node.socket.sendall(data)
                self.assertEqual(node.wait_exit(), 70)
                log = node.log().decode()
                self.assertIn("sluice: the node broke the protocol", log)
                self.assertIn(part, log)

    @staticmethod
    def start(handle, ports="[0]"):
        payload = b'{"path":"p","inputs":%s}' % ports.encode()
        return wire.HEADER.pack(len(payload), wire.FRAME_START, 0, 0, handle) + payload

    def test_random_bytes_never_hang_or_print_a_traceback(self):
        import random
        random.seed(4711)
        for _ in range(6):
            node = self.node("def run(x): return 1")
            header = wire.HEADER.pack(random.randrange(70_000), random.randrange(12), random.randrange(64), random.randrange(3), random.randrange(3))
            try:
                node.socket.sendall(header + random.randbytes(100_000))
            except (BrokenPipeError, ConnectionResetError):
                pass
            node.socket.shutdown(1)
            self.assertIn(node.wait_exit(), (0, 70))
            self.assertNotIn(b"Traceback", node.log())

    def test_frames_may_arrive_byte_by_byte(self):
        node = self.node("def run(x): return x", outputs={"result": "bytes"})
        real = node.socket

        class Slow:
            def sendmsg(self, parts, *_):
                return real.send(parts[0][:1])

            def __getattr__(self, name):
                return getattr(real, name)

            def fileno(self):
                return real.fileno()

        node.socket = Slow()
        self.assertEqual(node.run(x=b"abc").value(), b"abc")
        node.socket = real

    def test_the_environment_of_the_function_holds(self):
        code = "import os, sys\ndef run(x): return [sys.flags.hash_randomization, os.environ.get('A'), 'SLUICE_FD' in os.environ]"
        node = self.node(code, env={"PYTHONHASHSEED": "0", "A": "b"})
        self.assertEqual(node.run(x=b"").json(), [0, "b", False])


if __name__ == "__main__":
    unittest.main()
