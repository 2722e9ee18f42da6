"""Each thing that can go wrong in a function is one named failure of that task, and the worker is gone or clean."""

import os
import signal
import unittest

from .fake_node import Node
from .worker_case import WorkerCase


class FailuresTest(WorkerCase):
    def test_an_exception_has_name_bases_message_and_the_users_frames(self):
        code = """
class Oops(ValueError): pass
def inner(x):
    raise Oops("bad " + x.decode())
def run(x):
    if x: inner(x)
    return "fine"
"""
        node = self.node(code)
        outcome = node.run(x=b"luck")
        self.assertFails(outcome, "Oops", "bad luck")
        self.assertEqual(outcome.failure["bases"], ["ValueError", "Exception", "BaseException"])
        trace = outcome.failure["trace"]
        self.assertIn('code.py", line 4, in inner', trace)
        self.assertIn('raise Oops("bad " + x.decode())', trace)
        self.assertNotIn(os.sep + "sluice" + os.sep + "serving", trace)
        self.assertEqual(node.run(x=b"").json(), "fine")

    def test_causes_are_shown_and_the_payload_stays_small(self):
        code = """
def deep(n):
    if n: deep(n - 1)
    raise KeyError("k" * 100_000)
class Broken(Exception):
    def __str__(self): raise RuntimeError("no")
def run(x: int):
    try: 1 / 0
    except ZeroDivisionError as error:
        if x == 0: raise LookupError("é" * 100_000) from error
    if x == 1: deep(300)
    if x == 2: raise Broken()
    if x == 3: raise ValueError("\\ud800" * 50_000)
    def forever(): forever()
    forever()
"""
        node = self.node(code, inputs={"x": "int"})
        outcome = node.run(x=0)
        self.assertFails(outcome, "LookupError", "éé")
        self.assertIn("ZeroDivisionError", outcome.failure["trace"])
        self.assertFails(node.run(x=1), "KeyError", "kkk")
        self.assertFails(node.run(x=2), "Broken", "cannot be shown")
        self.assertFails(node.run(x=3), "ValueError", "\\ud800")
        self.assertFails(node.run(x=4), "RecursionError")

    def test_exits_memory_and_interrupts_have_their_names(self):
        code = """
import sys
def run(x: int):
    if x == 0: sys.exit(3)
    if x == 1: raise SystemExit
    if x == 2: bytearray(1 << 60)
    if x == 3: raise KeyboardInterrupt
    if x == 4: exit(4)
    if x == 5: raise GeneratorExit
    return x
"""
        node = self.node(code, inputs={"x": "int"})
        self.assertFails(node.run(x=0), "ExitStatus", "called sys.exit(3)")
        self.assertFails(node.run(x=1), "ExitStatus", "called sys.exit()")
        self.assertFails(node.run(x=2), "OutOfMemory")
        self.assertFails(node.run(x=3), "KeyboardInterrupt")
        self.assertFails(node.run(x=4), "ExitStatus", "called sys.exit(4)")
        self.assertFails(node.run(x=5), "GeneratorExit")
        self.assertEqual(node.run(x=6).json(), 6)

    def test_a_failure_in_a_generator_comes_after_what_it_yielded(self):
        node = self.node("def run(x):\n    yield 1\n    raise OSError('gone')", outputs={"result": "list<int>"})
        outcome = node.run(x=b"")
        self.assertFails(outcome, "OSError", "gone")
        self.assertEqual(outcome.elements(), [b"1"])

    def test_a_crash_ends_the_worker(self):
        for body, status in (("os._exit(9)", 9), ("os.abort()", -signal.SIGABRT), ("os.kill(os.getpid(), 9)", -signal.SIGKILL)):
            node = self.node(f"import os\ndef run(x):\n    print('last words', end='')\n    import sys; sys.stdout.flush()\n    {body}")
            node.start(x=b"")
            self.assertEqual(node.wait_exit(), status)
            self.assertIn(b"last words", node.log())

    def test_a_forked_child_never_answers(self):
        code = """
import os, sluice
def run(x):
    c = sluice.context()
    pid = os.fork()
    if pid == 0:
        try: sluice.context().emit("result", 1)
        except RuntimeError as error: print(error)
        try: c.emit("result", 1)
        except RuntimeError as error: print(error)
        if x: raise ValueError("in the child")
        return "child"
    assert os.waitpid(pid, 0)[1] == (256 if x else 0)
    return "parent"
"""
        node = self.node(code)
        self.assertEqual(node.run(x=b"").json(), "parent")
        self.assertEqual(node.run(x=b"1").json(), "parent")
        self.assertEqual(node.log().count(b"in a forked child:"), 2)
        self.assertEqual(node.log().count(b"this is a forked child"), 2)
        self.assertIn(b"a forked child ended with ValueError: in the child", node.log())

    def test_multiprocessing_works(self):
        code = """
import multiprocessing
def square(n): return n * n
def run(x):
    with multiprocessing.get_context("fork").Pool(2) as pool:
        return pool.map(square, range(10))
"""
        node = self.node(code)
        self.assertEqual(node.run(x=b"").json(), [n * n for n in range(10)])

    def test_threads_left_running_end_the_worker_after_the_task(self):
        code = """
import threading, time
def run(x):
    threading.Thread(target=time.sleep, args=(60,), daemon=x == b"daemon", name="sleeper").start()
    return 1
"""
        node = self.node(code)
        self.assertEqual(node.run(x=b"daemon").json(), 1)
        self.assertEqual(node.run(x=b"").json(), 1)
        self.assertEqual(node.wait_exit(), 0)
        self.assertIn(b"threads were left running: sleeper", node.log())

    def test_processes_left_running_end_the_worker_after_the_task(self):
        code = """
import subprocess
def run(x):
    child = subprocess.Popen(["sleep", "60" if x else "0"])
    if not x: child.wait()
    return 1
"""
        node = self.node(code)
        self.assertEqual(node.run(x=b"").json(), 1)
        self.assertEqual(node.run(x=b"1").json(), 1)
        self.assertEqual(node.wait_exit(), 0)
        self.assertIn(b"processes were left running", node.log())

    def test_folder_files_and_streams_are_put_right_between_tasks(self):
        code = """
import os, sys, io
def run(x):
    state = [os.getcwd(), sorted(os.listdir(".")), sys.stdout is sys.__stdout__]
    os.makedirs("a/b"); open("a/b/file", "w").close(); os.symlink("/etc", "a/link"); open("kept", "w").close()
    os.chdir("/"); sys.stdout = io.StringIO()
    return state
"""
        node = self.node(code)
        for _ in range(3):
            self.assertEqual(node.run(x=b"").json(), [node.scratch, [], True])
        self.assertTrue(os.path.exists("/etc/passwd"))

    def test_what_is_printed_is_the_log_in_any_encoding_and_comes_before_the_end(self):
        code = r"""
import os, sys
def run(x: int):
    if x == 0: print("é \ud800", end="")
    if x == 1: sys.stdout.buffer.write("é\n".encode("latin-1")); print("x", file=sys.stderr, end="")
    if x == 2:
        for _ in range(10_000): print("y" * 1023)
    if x == 3: os.write(1, b"raw\n"); sys.stdout.close()
    if x == 4: print("after close")
    return x
"""
        node = self.node(code, inputs={"x": "int"}, env={"LANG": "de_DE.ISO-8859-1", "LC_ALL": "C"})
        node.run(x=0)
        self.assertEqual(node.log(), "é \\ud800".encode())
        node.run(x=1)
        self.assertEqual(node.log(), "é \\ud800".encode() + b"\xe9\nx")
        node.run(x=2)
        self.assertTrue(node.log().endswith((b"y" * 1023 + b"\n") * 10_000))
        self.assertEqual(node.run(x=3).json(), 3)
        self.assertTrue(node.log().endswith(b"raw\n"))

    def test_a_function_gets_nothing_on_stdin_and_ctrl_c_is_not_for_it(self):
        node = self.node("import os, signal, sys\ndef run(x):\n    os.kill(os.getpid(), signal.SIGINT)\n    return sys.stdin.read()")
        self.assertEqual(node.run(x=b"").json(), "")

    # ---- loading ----

    def load(self, code, *parts, trace="", **options):
        node = Node(code, wait_ready=False, **options)
        self.addCleanup(self._end, node)
        node.until(lambda: node.load_failure)
        self.assertEqual(node.load_failure["name"], "LoadError")
        for part in parts:
            self.assertIn(part, node.load_failure["message"])
        self.assertIn(trace, node.load_failure["trace"])
        self.assertEqual(node.wait_exit(), 1)

    def test_a_load_failure_names_file_and_line(self):
        self.load("def run(x):\n    return (\n", "code.py:2", "SyntaxError", trace="return (")
        self.load("\n\nx = nowhere\n", "code.py:3", "NameError", "nowhere", trace="x = nowhere")
        self.load("import nonsense_module\n", "code.py:1", "ModuleNotFoundError", "nonsense_module")
        self.load({"code.py": "import other\n", "other.py": "\n1 / 0\n"}, "other.py:2", "ZeroDivisionError")
        self.load("import sys\nsys.exit(3)\n", "code.py:2", "sys.exit(3)")
        self.load("import json\njson.loads('{')\n", "code.py:2", "JSONDecodeError")

    def test_a_missing_module_or_function_is_named_with_a_hint(self):
        self.load({"words.py": "def run(x): pass"}, "no module `wrds`", handler="wrds.run")
        self.load({"words.py": "def count(x): pass"}, "words.py", "no function `cuont`", "did you mean `count`?", handler="words.cuont")
        self.load({"words.py": "count = 3"}, "words.py", "int, not a function", handler="words.count")
        self.load({"words.py": ""}, "not `module.function`", handler="words")

    def test_a_function_that_does_not_fit_its_ports_is_refused(self):
        self.load("\ndef run(y): pass", "code.py:2", "parameter `y`", "no input")
        self.load("def run(): pass", "no parameter `x`")
        self.load("async def run(x): pass", "code.py:1", "async")
        self.load("async def run(x): yield 1", "async", outputs={"result": "list<int>"})
        self.load("def run(x): yield 1", "yields", "none of its outputs is a list")
        self.load("def run(x): yield 1", "yields", "several", outputs={"a": "list<int>", "b": "list<int>"})
        self.load("def run(x): pass", "default of input `x`", "not text", inputs={"x": "text"}, defaults={"x": 1})
        self.load("def run(x): pass", "unknown type `byts`", inputs={"x": "byts"})

    def test_code_in_folders_and_installed_packages_are_found(self):
        code = {"pkg/__init__.py": "", "pkg/words.py": "from . import help\ndef run(x): return help.x", "pkg/help.py": "x = 5"}
        self.assertEqual(self.node(code, handler="pkg.words.run").run(x=b"").json(), 5)
        site = self.node("def run(x):\n    import sys\n    try: import no_such_package\n    except ImportError: return sys.path").run(x=b"").json()
        self.assertIn(site[0], site)
        self.assertFalse(any(each.endswith("sdk/python") for each in site), site)
        self.assertTrue(any("-packages" in each for each in site), site)

    def test_other_versions_of_python(self):
        others = [path for path in os.environ.get("SLUICE_TEST_PYTHONS", "").split(":") if path]
        if not others:
            self.skipTest("SLUICE_TEST_PYTHONS names no other Python")
        code = "from __future__ import annotations\nimport sluice\ndef run(x: sluice.Stream[str]):\n    yield from x"
        for path in others:
            with self.subTest(path=path):
                node = self.node(code, inputs={"x": "list<text>"}, outputs={"result": "list<json>"}, executable=path)
                self.assertEqual(node.run(x=["a", "b"]).elements(), [b'"a"', b'"b"'])


if __name__ == "__main__":
    unittest.main()
