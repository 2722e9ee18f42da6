"""Lists, streams, pipes, generators, several outputs, and inputs that are absent."""

import os
import unittest

from .fake_node import Hole, Value, wire
from .worker_case import WorkerCase


class ListsTest(WorkerCase):
    def test_a_list_comes_whole_and_goes_element_by_element(self):
        for node in self.both_modes(
                "def run(x: list[bytes]): return x", inputs={"x": "list<bytes>"}, outputs={"result": "list<bytes>"}):
            for elements in ([], [b"a"], [b"%d" % n for n in range(100)], [os.urandom(30_000) for _ in range(40)]):
                self.assertEqual(node.run(x=elements).elements(), elements)

    def test_elements_follow_their_annotation(self):
        code = """
from pathlib import Path
def run(a: list[str], b: list[memoryview], c: "list[Path]", d, e: list):
    return [a, [bytes(x).decode() for x in b], [x.read_text() for x in c], d, [x.decode() for x in e]]
"""
        inputs = {"a": "list<bytes>", "b": "list<bytes>", "c": "list<file>", "d": "list<json>", "e": "list<bytes>"}
        node = self.node(code, inputs=inputs)
        outcome = node.run(a=[b"1"], b=[b"2", b"3"], c=[b"4"], d=[{"k": 5}], e=[b"6"])
        self.assertEqual(outcome.json(), [["1"], ["2", "3"], ["4"], [{"k": 5}], ["6"]])

    def test_holes_are_none_and_none_is_a_hole(self):
        node = self.node(
            "def run(x): return x", inputs={"x": "list<optional<text>>"}, outputs={"result": "list<optional<text>>"})
        self.assertEqual(node.run(x=["a", Hole(), "b"]).elements(), [b"a", None, b"b"])

    def test_lists_in_lists(self):
        node = self.node(
            "def run(x: list[list[bytes]]): return [[y.decode() for y in z] for z in x]", inputs={"x": "list<list<bytes>>"})
        value = [[b"%d" % n for n in range(50)], [], [b"a"]]
        self.assertEqual(node.run(x=value).json(), [[y.decode() for y in z] for z in value])
        as_json = [Value(b"[1, 2]", wire.KIND_JSON), [3], Value(b"[]", wire.KIND_JSON)]
        node = self.node("def run(x): return x", inputs={"x": "list<list<int>>"}, outputs={"result": "list<list<int>>"})
        self.assertEqual(node.run(x=as_json).elements(), [b"[1,2]", b"[3]", b"[]"])
        self.assertFails(node.run(x=[Value(b'["x"]', wire.KIND_JSON)]), "InvalidInput", "no int")
        self.assertFails(node.run(x=[Value(b"1", wire.KIND_JSON)]), "InvalidInput", "not a list")
        bad = self.node("def run(x): return [[b'x']]", outputs={"result": "list<list<bytes>>"})
        self.assertFails(bad.run(x=b""), "InvalidOutput", "holds JSON")

    def test_a_generator_emits_at_once(self):
        code = """
import os
def run(x: str):
    yield "first"
    while not os.path.exists(x): pass
    yield "second"
"""
        node = self.node(code, outputs={"result": "list<text>"})
        flag = os.path.join(node.folder, "flag")
        task = node.start(x=flag.encode())
        node.until(lambda: task.elements() == [b"first"])
        self.assertTrue(task.started)
        open(flag, "w").close()
        self.assertEqual(node.finish(task).elements(), [b"first", b"second"])

    def test_a_stream_gives_elements_as_they_come(self):
        code = """
from sluice import Stream
def run(x: Stream[str]):
    for each in x:
        yield each.upper()
"""
        for node in self.both_modes(code, inputs={"x": "stream<bytes>"}, outputs={"result": "list<text>"}):
            task = node.start(x=...)
            for count in range(1, 40):
                node.push(task, "x", b"e%d" % count)
                node.feed(task)
                node.until(lambda: len(task.elements()) == count)
            node.end_list(task, "x")
            node.feed(task)
            self.assertEqual(node.finish(task).elements(), [b"E%d" % count for count in range(1, 40)])

    def test_a_stream_reads_a_list_port_and_a_list_a_stream_port(self):
        code = """
from sluice import Stream
from typing import List, Optional
def run(a: "Optional[Stream[int]]", b: List[int], c): return [sum(a), sum(b), sum(c)]
"""
        node = self.node(code, inputs={"a": "list<int>", "b": "stream<int>", "c": "stream<int>"})
        self.assertEqual(node.run(a=range(30), b=range(40), c=range(50)).json(), [435, 780, 1225])

    def test_a_stream_of_lists(self):
        node = self.node("def run(x): return [sum(each) for each in x]", inputs={"x": "stream<list<int>>"})
        self.assertEqual(node.run(x=[list(range(40)), [], [1]]).json(), [780, 0, 1])

    def test_a_stream_that_is_not_read_to_its_end_is_no_mistake(self):
        node = self.node("def run(x): return next(x)", inputs={"x": "stream<int>"})
        for _ in range(3):
            self.assertEqual(node.run(x=range(100)).json(), 0)

    def test_a_pipe_reads_bytes_while_they_are_written(self):
        code = """
from sluice import Pipe
def run(x: Pipe):
    yield x.readline()
    yield x.read(3)
    yield x.read()
    yield x.read()
    yield x.name.encode()
"""
        for node in self.both_modes(code, inputs={"x": "pipe"}, outputs={"result": "list<bytes>"}):
            task = node.start(x=...)
            task.feeds[0].bytes -= 16
            head = wire.VALUE.pack(wire.KIND_FILE, 3, 0, wire.SIZE_UNKNOWN) + b"log"
            node.send(wire.FRAME_ELEMENT, wire.PLACE_OPEN, 0, task.handle, head)
            node.send(wire.FRAME_CHUNK, 0, 0, task.handle, b"one")
            node.send(wire.FRAME_CHUNK, 0, 0, task.handle, b" line\nabc")
            node.until(lambda: task.elements() == [b"one line\n", b"abc"])
            node.send(wire.FRAME_CHUNK, 0, 0, task.handle, b"defg")
            node.send(wire.FRAME_END, wire.FLAG_VALUE, 0, task.handle)
            self.assertEqual(node.finish(task).elements(), [b"one line\n", b"abc", b"defg", b"", b"log"])

    def test_a_pipe_works_as_a_raw_file_and_needs_no_memory(self):
        code = """
import io, hashlib, resource
from sluice import Pipe
def run(x: Pipe):
    total = hashlib.sha256()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    buffered = io.BufferedReader(x)
    while data := buffered.read(100_000):
        total.update(data)
    return [total.hexdigest(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before]
"""
        import hashlib
        data = os.urandom(1 << 20) * 32
        for node in self.both_modes(code, inputs={"x": "pipe"}):
            places = ("open",) if node.copy else ("open", "file")
            for place in places:
                digest, grown = node.run(x=Value(data, place=place)).json()
                self.assertEqual(digest, hashlib.sha256(data).hexdigest())
                self.assertLess(grown, 4096)

    def test_ranges_as_chunks_and_lines_of_a_text_wrapper(self):
        code = "import io\ndef run(x): return [line.strip() for line in io.TextIOWrapper(x, 'utf-8')]"
        node = self.node(code, inputs={"x": "pipe"})
        for is_file in (False, True):
            task = node.start(x=...)
            task.feeds[0].bytes -= 9
            region = node.add_region("é1\nzwei\n".encode(), is_file, 5)
            node.send(wire.FRAME_ELEMENT, wire.PLACE_OPEN, 0, task.handle, wire.VALUE.pack(1, 0, 0, wire.SIZE_UNKNOWN))
            node.send(wire.FRAME_CHUNK, wire.PLACE_RANGE, 0, task.handle, wire.RANGE.pack(region, 0, 5, 4))
            node.send(wire.FRAME_CHUNK, wire.PLACE_RANGE, 0, task.handle, wire.RANGE.pack(region, 0, 9, 5))
            node.send(wire.FRAME_END, wire.FLAG_VALUE, 0, task.handle)
            self.assertEqual(node.finish(task).json(), ["é1", "zwei"])

    def test_several_outputs_are_a_dict_with_exactly_their_names(self):
        outputs = {"a": "int", "b": "text", "c": "optional<bytes>"}
        node = self.node("def run(x): return eval(x)", inputs={"x": "text"}, outputs=outputs)
        outcome = node.run(x="{'a': 1, 'b': 'x'}")
        self.assertEqual((outcome.value("a"), outcome.value("b"), outcome.outputs.get("c")), (b"1", b"x", None))
        self.assertEqual(node.run(x="{'a': 1, 'b': 'x', 'c': b'y'}").value("c"), b"y")
        self.assertEqual(node.run(x="{'a': 1, 'b': 'x', 'c': None}").outputs.get("c"), None)
        self.assertFails(node.run(x="{'a': 1}"), "InvalidOutput", "lacks `b`")
        self.assertFails(node.run(x="{'a': 1, 'b': 'x', 'd': 1}"), "InvalidOutput", "has `d`")
        self.assertFails(node.run(x="[1, 2]"), "InvalidOutput", "list was returned", "dict with `a`, `b`, `c`")
        self.assertFails(node.run(x="None"), "InvalidOutput", "lacks `a`")
        self.assertFails(node.run(x="{'a': None, 'b': 'x'}"), "InvalidOutput", "`a`")

    def test_yield_goes_to_the_only_list_and_return_fills_the_rest(self):
        code = """
def run(x: int):
    for n in range(x): yield n
    return {"total": x} if x else {"wrong": 1}
"""
        node = self.node(code, inputs={"x": "int"}, outputs={"parts": "list<int>", "total": "int"})
        outcome = node.run(x=3)
        self.assertEqual((outcome.elements("parts"), outcome.value("total")), ([b"0", b"1", b"2"], b"3"))
        self.assertFails(node.run(x=0), "InvalidOutput", "lacks `total` and has `wrong`")

    def test_what_is_returned_for_a_list_may_be_any_iterator(self):
        for body in ("return [1, 2]", "return (1, 2)", "return (n for n in (1, 2))", "return map(int, '12')", "yield 1; yield 2"):
            node = self.node(f"def run(x): {body}", outputs={"result": "list<int>"})
            self.assertEqual(node.run(x=b"").elements(), [b"1", b"2"])
        node = self.node("def run(x): pass", outputs={"result": "list<int>"})
        self.assertEqual(node.run(x=b"").elements(), [])
        node = self.node("def run(x):\n    yield 1\n    return 2", outputs={"result": "list<int>"})
        self.assertFails(node.run(x=b""), "InvalidOutput", "returned")
        node = self.node("def run(x): return x and 1", outputs={})
        self.assertTrue(node.run(x=b"").failure)
        self.assertFails(node.run(x=b"1"), "InvalidOutput", "no output is declared")

    def test_absent_inputs_have_the_default_of_the_port_then_of_the_function_else_none(self):
        code = "def run(a, b=2, c=3, d=None, e=b'e', *, f): return repr([a, b, c, d, e, f])"
        inputs = {"a": "optional<bytes>", "b": "int", "c": "int", "d": "list<text>", "e": "bytes", "f": "json"}
        node = self.node(code, inputs=inputs, defaults={"c": 33, "d": ["x", "y"], "f": {"k": []}})
        self.assertEqual(node.run().json(), repr([None, 2, 33, ["x", "y"], b"e", {"k": []}]))
        self.assertEqual(
            node.run(a=b"A", b=1, c=2, d=["z"], e=b"E", f=5).json(), repr([b"A", 1, 2, ["z"], b"E", 5]))

    def test_a_default_is_made_anew_for_every_task(self):
        node = self.node("def run(x):\n    x.append(1)\n    return x", inputs={"x": "json"}, defaults={"x": []})
        self.assertEqual([node.run().json() for _ in range(3)], [[1]] * 3)

    def test_positional_only_and_keyword_parameters(self):
        node = self.node("def run(a, /, b, *rest, c, **more): return [a, b, c, more]", inputs={n: "int" for n in "cbad"})
        self.assertEqual(node.run(a=1, b=2, c=3, d=4).json(), [1, 2, 3, {"d": 4}])

    def test_decorated_functions_classes_and_partials(self):
        code = """
import functools
def loud(f):
    @functools.wraps(f)
    def inner(*a, **k): return f(*a, **k) + "!"
    return inner
@loud
def run(x: str): return x
part = functools.partial(lambda x, y: x + y, y="?")
class Maker:
    def __new__(cls, x: str): return x + "."
"""
        for handler, end in (("code.run", "!"), ("code.part", "?"), ("code.Maker", ".")):
            node = self.node(code, handler=handler, inputs={"x": "text"}, outputs={"result": "text"})
            self.assertEqual(node.run(x="a").value(), b"a" + end.encode())


if __name__ == "__main__":
    unittest.main()
