"""`sluice.context()`, and what the package offers outside of a worker."""

import io
import os
import subprocess
import unittest

from .fake_node import PYTHON, SDK, wire
from .worker_case import WorkerCase


class ContextTest(WorkerCase):
    def test_says_what_runs(self):
        code = """
import sluice
def run(x):
    c = sluice.context()
    return [c.run, c.app, c.workflow, c.step, c.path, c.index, c.attempt, c.token, c.remaining() > 99, c.deadline > 1e9, c.cancelled]
"""
        node = self.node(code)
        about = {"run": "r", "app": "a", "workflow": "w", "step": "s", "path": "s.7", "index": 7, "attempt": 2, "deadline_ms": 3_600_000}
        self.assertEqual(node.run(about, x=b"").json(), ["r", "a", "w", "s", "s.7", 7, 2, "t0k", True, True, False])
        node = self.node("import sluice\ndef run(x): c = sluice.context(); return [c.index, c.remaining(), c.deadline]")
        self.assertEqual(node.run(x=b"").json(), [None, None, None])

    def test_emit_gives_outputs_at_once(self):
        code = """
import os, sluice
def run(x: str):
    c = sluice.context()
    c.emit("parts", b"0")
    c.emit("one", 1)
    while not os.path.exists(x): pass
    c.emit("parts", b"1")
    return {"two": 2}
"""
        node = self.node(code, outputs={"parts": "list<bytes>", "one": "int", "two": "int"})
        flag = os.path.join(node.folder, "flag")
        task = node.start(x=flag.encode())
        node.until(lambda: task.elements("one") == [b"1"])
        self.assertEqual(task.elements("parts"), [b"0"])
        open(flag, "w").close()
        node.finish(task)
        self.assertEqual((task.elements("parts"), task.value("two")), ([b"0", b"1"], b"2"))

    def test_emit_refuses_what_cannot_be(self):
        code = """
import sluice
def run(x: int):
    c = sluice.context()
    if x == 0: c.emit("reslt", 1)
    if x == 1: c.emit("result", "no")
    if x == 2: c.emit("result", 1); c.emit("result", 2)
    if x == 3: c.emit("result", 1); return 2
    if x == 4: c.emit("result", 1)
"""
        node = self.node(code, inputs={"x": "int"}, outputs={"result": "int"})
        self.assertFails(node.run(x=0), "ValueError", "no output `reslt`", "`result`")
        for x, part in ((1, "no int"), (2, "already"), (3, "already")):
            self.assertFails(node.run(x=x), "InvalidOutput", "`result`", part)
        self.assertEqual(node.run(x=4).value(), b"1")

    def test_open_writes_an_output_piece_by_piece(self):
        code = """
import os, sluice
def run(x: str):
    with sluice.context().open("result") as out:
        out.write(b"one ")
        while not os.path.exists(x): pass
        for _ in range(20): out.write(b"z" * 100_000)
"""
        for node in self.both_modes(code, outputs={"result": "bytes"}):
            flag = os.path.join(node.folder, "flag")
            task = node.start(x=flag.encode())
            node.until(lambda: task.open)
            node.until(lambda: b"".join(task.open["result"][3]) == b"one ")
            open(flag, "w").close()
            self.assertEqual(node.finish(task).value(), b"one " + b"z" * 2_000_000)

    def test_open_text_files_and_elements(self):
        code = """
import sluice
def run(x):
    c = sluice.context()
    with c.open("t") as out: print("é", 1, file=out)
    c.open("f", "name.csv").write(b"1,2")
    for n in range(3):
        with c.open("l") as out: out.write(b"%d" % n)
    try: c.open("j")
    except sluice.InvalidOutput as error: assert "in pieces" in str(error), error
    try: c.open("t")
    except sluice.InvalidOutput as error: assert "already" in str(error), error
    try: c.emit("f", b"")
    except sluice.InvalidOutput as error: assert "not closed" in str(error), error
    return {"j": 1}
"""
        node = self.node(code, outputs={"t": "text", "f": "file", "l": "list<bytes>", "j": "json"})
        outcome = node.run(x=b"")
        self.assertEqual((outcome.value("t"), outcome.value("f"), outcome.elements("l")), ("é 1\n".encode(), b"1,2", [b"0", b"1", b"2"]))
        self.assertEqual((outcome.sent("f").name, outcome.sent("f").kind), ("name.csv", wire.KIND_FILE))

    def test_read_gives_an_input_and_waits_for_it(self):
        code = """
import sluice
def run(a):
    c = sluice.context()
    c.emit("result", "running")
    try: c.read("nope")
    except ValueError as error: assert "`late`" in str(error)
    c.emit("result", c.read("late"))
    assert c.read("late") == "there" and c.read("a") == a
    c.emit("result", str(c.read("gone")))
"""
        node = self.node(
            code, inputs={"a": "bytes", "late": "text", "gone": "optional<text>"}, outputs={"result": "list<text>"})
        task = node.start(a=b"a", late=...)
        node.until(lambda: task.elements() == [b"running"])
        node.push(task, "late", "there", "text")
        node.feed(task)
        self.assertEqual(node.finish(task).elements(), [b"running", b"there", b"None"])

    def test_log_goes_to_the_task(self):
        node = self.node("import sluice\ndef run(x): sluice.context().log('é\\ud800'); sluice.context().log('y' * 100_000); return 1")
        outcome = node.run(x=b"")
        self.assertEqual(b"".join(outcome.logs), "é\\ud800\n".encode() + b"y" * 100_000 + b"\n")

    def test_threads_of_the_function_may_emit(self):
        code = """
import sluice, threading
def run(x):
    c = sluice.context()
    def work(number):
        for n in range(30): c.emit("result", number.to_bytes(1, "little") * (20_000 if n % 3 == 0 else 5))
    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for each in threads: each.start()
    for each in threads: each.join()
"""
        for node in self.both_modes(code, outputs={"result": "list<bytes>"}):
            elements = node.run(x=b"").elements()
            self.assertEqual(len(elements), 120)
            self.assertTrue(all(len(set(each)) == 1 and len(each) in (5, 20_000) for each in elements))

    def test_threads_may_read_while_others_emit(self):
        code = """
import sluice, threading
def run(a, b):
    c = sluice.context()
    def copy(stream):
        for each in stream: c.emit("result", each)
    thread = threading.Thread(target=copy, args=(a,))
    thread.start()
    copy(b)
    thread.join()
"""
        for node in self.both_modes(code, inputs={"a": "stream<bytes>", "b": "stream<bytes>"}, outputs={"result": "list<bytes>"}):
            outcome = node.run(a=[b"a"] * 100, b=[b"b" * 30_000] * 50)
            self.assertEqual(sorted(len(each) for each in outcome.elements()), [1] * 100 + [30_000] * 50)

    def test_a_context_of_a_task_that_ended_is_of_no_use(self):
        code = """
import sluice, threading, time
go = threading.Event()
said = []
def late(c, stream):
    go.wait()
    for what in (lambda: c.emit("result", 1), lambda: c.log("x"), lambda: c.open("parts"), lambda: next(stream)):
        try: what()
        except RuntimeError as error: said.append(str(error))
    go.clear()
def run(x):
    if threading.active_count() == 1:
        threading.Thread(target=late, args=(sluice.context(), x), daemon=True).start()
        return {"result": 0}
    go.set()
    while go.is_set(): time.sleep(0.001)
    return {"result": said}
"""
        node = self.node(code, inputs={"x": "stream<int>"}, outputs={"result": "json", "parts": "list<bytes>"})
        self.assertEqual(node.run(x=[1]).json(), 0)
        said = node.run({"path": "other"}, x=[1]).json()
        self.assertEqual(len(said), 4, said)
        self.assertTrue(all("has ended" in each for each in said), said)

    def test_a_thread_that_still_reads_when_its_task_ends_takes_nothing_from_the_next(self):
        # The task ends before the thread asks, as it asks (at once), or long after (once its want has come).
        code = """
import os, sluice, threading
def leave(x):
    try: next(x)
    except BaseException as error: os.write(1, b"%s: %s\\n" % (type(error).__name__.encode(), str(error).encode()))
def run(x, y):
    if y[:1] != b"/": return {"result": len(y)}
    threading.Thread(target=leave, args=(x,), daemon=True).start()
    sluice.context().emit("left", b"")
    while y != b"/" and not os.path.exists(y): pass
    return {"result": 0}
"""
        node = self.node(code, inputs={"x": "stream<int>", "y": "bytes"},
                         outputs={"result": "json", "left": "list<bytes>"})
        for number in range(20):
            flag = os.path.join(node.folder, f"flag-{number}")
            waits = number % 2 == 1
            task = node.start(x=..., y=flag.encode() if waits else b"/")
            if waits:
                node.until(lambda: task.wants)
                open(flag, "w").close()
            self.assertEqual(node.finish(task).json(), 0)
            for size in (1, 100_000, 3):
                self.assertEqual(node.run(x=[1, 2], y=bytes(size)).json(), size)
        said = b"RuntimeError: the task s has ended: nothing can be read or emitted any more\n"
        node.until_logged(said * 20)
        self.assertEqual(node.log(), said * 20)

    def test_a_reader_of_an_ended_task_hears_so_at_once(self):
        # Nothing else happens in the worker that could wake it up.
        node = self.node("""
import os, threading
def read(x):
    try: next(x)
    except RuntimeError as error: os.write(1, str(error).encode() + b"\\n")
def run(x, flag: str):
    for _ in range(3): threading.Thread(target=read, args=(x,), daemon=True).start()
    while not os.path.exists(flag): pass
""", inputs={"x": "stream<int>", "flag": "text"}, outputs={})
        flag = os.path.join(node.folder, "flag")
        task = node.start(x=..., flag=flag)
        node.until(lambda: len(task.wants) == 3)
        open(flag, "w").close()
        node.finish(task)
        node.until_logged(b"the task s has ended: nothing can be read or emitted any more\n" * 3)

    def test_what_one_thread_reads_from_the_connection_reaches_the_other_that_waits_for_it(self):
        # `cancelled` reads frames while a thread is blocked on the very elements that they bring.
        code = """
import sluice, threading
def run(x):
    c = sluice.context()
    found = []
    thread = threading.Thread(target=lambda: found.extend(x))
    thread.start()
    while thread.is_alive(): c.cancelled
    return found
"""
        node = self.node(code, inputs={"x": "stream<int>"})
        for _ in range(20):
            task = node.start(x=...)
            for n in range(5):
                node.until(lambda: len(task.wants) == 2 * n + 1)
                node.push(task, "x", n)
                node.feed(task)
            node.end_list(task, "x")
            node.feed(task)
            self.assertEqual(node.finish(task).json(), list(range(5)))

    def test_what_a_thread_emits_when_the_function_returns_is_whole_or_refused(self):
        code = """
import os, sluice, threading
def late(c, begun):
    try:
        while True:
            c.emit("parts", b"p" * 100_000)
            begun.set()
            with c.open("parts") as out: out.write(b"q" * 100_000)
    except RuntimeError as error: os.write(1, str(error).encode() + b"\\n")
def run(x):
    begun = threading.Event()
    threading.Thread(target=late, args=(sluice.context(), begun), daemon=True).start()
    begun.wait()
    return {"result": 1}
"""
        for node in self.both_modes(code, outputs={"result": "json", "parts": "list<bytes>"}):
            for _ in range(10):
                task = node.run(x=b"")
                self.assertEqual((task.json(), task.failure), (1, None))
                for each in task.elements("parts"):
                    self.assertIn(each, (b"p" * 100_000, b"q" * len(each)))
            node.until_logged(b"has ended: nothing can be read or emitted any more\n")


class OutsideTest(unittest.TestCase):
    def test_context_outside_of_a_task_says_so(self):
        import sluice
        with self.assertRaisesRegex(RuntimeError, "outside of a task"):
            sluice.context()

    def test_streams_and_pipes_are_made_by_hand_in_unit_tests(self):
        from sluice import Pipe, Stream
        self.assertEqual(list(Stream([1, 2])), [1, 2])
        self.assertEqual(list(Stream(iter("ab"))), ["a", "b"])
        self.assertEqual(Pipe(b"a\nb").readlines(), [b"a\n", b"b"])
        self.assertEqual(list(io.TextIOWrapper(Pipe([b"\xc3", b"\xa9\n", b"x"]), "utf-8")), ["é\n", "x"])
        self.assertEqual(list(Pipe([b"ab", b"", b"c"]).chunks()), [b"ab", b"c"])
        self.assertEqual([Pipe(b"abcdef").read(n) for n in (0, 2, -1, None)], [b"", b"ab", b"abcdef", b"abcdef"])
        self.assertEqual((Pipe(b"abc\nd").readline(2), Pipe([b"a", b"bc\nd"]).readline(3), Pipe(b"").readline()), (b"ab", b"abc", b""))
        with Pipe(b"x") as pipe:
            self.assertEqual(io.BufferedReader(pipe).read(), b"x")
        with self.assertRaises(ValueError):
            pipe.read()
        self.assertEqual(Stream[int].__args__, (int,))

    def test_importing_sluice_is_cheap(self):
        code = "import sys; sys.path.insert(0, sys.argv[1]); import sluice, sluice.serving; print(sorted(sys.modules))"
        out = subprocess.check_output([PYTHON, "-S", "-c", code, SDK]).decode()
        for heavy in ("typing", "inspect", "dataclasses", "pathlib", "'json'", "'re'", "enum", "threading", "traceback", "numpy"):
            self.assertNotIn(heavy, out)


if __name__ == "__main__":
    unittest.main()
