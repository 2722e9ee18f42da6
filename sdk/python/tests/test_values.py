"""Every kind of value in and out, as every annotation, in both modes."""

import os
import importlib.util
import subprocess
import unittest

from .fake_node import PYTHON, Value, wire
from .worker_case import WorkerCase

MIB = 1 << 20
# The worker's Python and the one that runs this file need it both.
HAS_NUMPY = (importlib.util.find_spec("numpy") is not None
             and subprocess.call([PYTHON, "-c", "import numpy"], stderr=subprocess.DEVNULL) == 0)
EVALUATE = """
def run(x):
    if "numpy" in x: import numpy
    return eval(x, {**globals(), **locals()})
"""


def by_type(cases):
    """Cases grouped by the type of the output, so that each group needs one worker."""
    found = {}
    for case in cases:
        if HAS_NUMPY or "numpy" not in case[1]:
            found.setdefault(case[0], []).append(case)
    return found.items()


class ValuesTest(WorkerCase):
    def test_bytes_come_back_at_every_size(self):
        for node in self.both_modes("def run(x): return x", outputs={"result": "bytes"}):
            for size in (0, 1, 8, wire.INLINE_MAX, wire.INLINE_MAX + 1, wire.FRAME_MAX, MIB, MIB + 13):
                data = os.urandom(size)
                outcome = node.run(x=data)
                self.assertEqual(outcome.value(), data)
                place = "inline" if size <= wire.INLINE_MAX else "open" if node.copy else "range"
                self.assertEqual(outcome.sent().place, place)
            self.assertEqual(node.hello[:2], (wire.ABI_VERSION, wire.HELLO_COPY if node.copy else wire.HELLO_SHM))

    def test_64_mebibytes_go_through(self):
        data = os.urandom(MIB) * 64
        code = "def run(x: memoryview):\n    assert len(x) == 64 << 20 and x.readonly\n    return x"
        for node in self.both_modes(code, outputs={"result": "bytes"}):
            self.assertTrue(node.run(x=data).value() == data)

    def test_the_annotation_decides_what_a_parameter_is(self):
        code = """
from pathlib import Path
def run(a: bytes, b: memoryview, c: str, d: Path, e, f: "bytes | None" = None):
    assert type(a) is bytes and type(b) is memoryview and type(c) is str and isinstance(d, Path) and type(e) is bytes
    return [a.decode(), bytes(b).decode(), c, d.read_text(), e.decode(), type(f).__name__]
"""
        inputs = {name: "bytes" for name in "abcdef"}
        for node in self.both_modes(code, inputs=inputs):
            self.assertEqual(node.run(**{name: b"\xc3\xa9" for name in "abcdef"}).json(), ["é"] * 5 + ["bytes"])

    def test_the_port_decides_without_an_annotation(self):
        code = """
def run(b, t, j, i, f, o, file, x):
    return [repr(b), repr(t), repr(j), repr(i), repr(f), repr(o), file.name, file.read_text(), repr(x)]
"""
        types = {"b": "bytes", "t": "text", "j": "json", "i": "int", "f": "float", "o": "bool", "file": "file", "x": "any"}
        node = self.node(code, inputs=types)
        file = Value(b"content", wire.KIND_FILE, "name.txt")
        outcome = node.run(b=b"b", t="t", j={"k": [1, None]}, i=7, f=2, o=True, file=file, x="any")
        self.assertEqual(
            outcome.json(), ["b'b'", "'t'", "{'k': [1, None]}", "7", "2.0", "True", "name.txt", "content", "'any'"])

    def test_a_port_of_type_any_follows_the_kind(self):
        node = self.node("def run(x): return type(x).__name__", inputs={"x": "any"})
        for value, name in (
                (b"b", "bytes"), ("t", "str"), (Value(b"[1]", wire.KIND_JSON), "list"), (Value(b"1.5", wire.KIND_JSON), "float"),
                (Value(b"f", wire.KIND_FILE, "n"), "PosixPath")):
            self.assertEqual(node.run(x=value).json(), name)

    def test_a_value_in_shared_memory_is_read_in_place(self):
        code = """
def run(x: memoryview):
    maps = open("/proc/self/maps").read()
    try:
        x[0] = 1
    except TypeError:
        return [x.readonly, "region" in maps, len(x), bytes(x[:3]).decode()]
"""
        node = self.node(code)
        for place in ("range", "file"):
            self.assertEqual(
                node.run(x=Value(b"abc" * 100, place=place, offset=777)).json(), [True, True, 300, "abc"])

    def test_a_view_outlives_the_region_and_the_task(self):
        code = "kept = []\ndef run(x: memoryview):\n    kept.append(x)\n    return [bytes(each[:2]).decode() for each in kept]"
        node = self.node(code)
        self.assertEqual(node.run(x=Value(b"one", place="range")).json(), ["on"])
        node.send(wire.FRAME_UNMAP, 0, 0, 1)
        self.assertEqual(node.run(x=Value(b"two", place="file")).json(), ["on", "tw"])
        node.send(wire.FRAME_UNMAP, 0, 0, 2)
        self.assertEqual(node.run(x=b"three").json(), ["on", "tw", "th"])

    @unittest.skipUnless(HAS_NUMPY, "no numpy here")
    def test_numpy_arrays_map_without_a_copy_and_come_back_as_npy(self):
        code = """
import numpy
def run(x: numpy.ndarray):
    assert not x.flags.writeable and not x.flags.owndata
    return x * 2
"""
        node = self.node(code, inputs={"x": "array"}, outputs={"result": "array"})
        import io

        import numpy
        for array in (numpy.arange(6, dtype="<i4").reshape(2, 3), numpy.ones(100_000), numpy.asfortranarray(numpy.eye(300)),
                      numpy.array(2.5), numpy.zeros((0, 3)), numpy.array([1 + 2j]), numpy.arange(3, dtype=">f8")):
            file = io.BytesIO()
            numpy.save(file, array)
            outcome = node.run(x=Value(file.getvalue(), wire.KIND_ARRAY))
            if not array.size:
                self.assertIn("AssertionError", outcome.failure["name"])  # Nothing to map: numpy owns no bytes.
                continue
            data = outcome.value()
            self.assertEqual(outcome.sent().kind, wire.KIND_ARRAY)
            self.assertEqual((10 + int.from_bytes(data[8:10], "little")) % 64, 0)
            found = numpy.load(io.BytesIO(data))
            numpy.testing.assert_array_equal(found, array * 2)
            self.assertEqual(found.shape, array.shape)

    @unittest.skipUnless(HAS_NUMPY, "no numpy here")
    def test_arrays_that_are_none_are_refused(self):
        node = self.node("import numpy\ndef run(x: numpy.ndarray): return 1", inputs={"x": "array"})
        self.assertFails(node.run(x=Value(b"no array", wire.KIND_ARRAY)), "InvalidInput", "`x`", ".npy")
        short = b"\x93NUMPY\x01\x00\x76\x00" + b"{'descr': '<f8', 'fortran_order': False, 'shape': (99,), }".ljust(117) + b"\n"
        self.assertFails(node.run(x=Value(short, wire.KIND_ARRAY)), "InvalidInput", "`x`", "(99,)")
        out = self.node("import numpy\ndef run(x): return numpy.array([object()])", outputs={"result": "array"})
        self.assertFails(out.run(x=b""), "InvalidOutput", "`result`", "object")

    def test_files_come_with_their_name_and_go_with_name_and_mode(self):
        code = """
from pathlib import Path
def run(x: Path):
    assert x.name == "in.bin", x
    out = Path("out.sh")
    out.write_bytes(x.read_bytes()[::-1])
    out.chmod(0o750)
    return out
"""
        for node in self.both_modes(code, inputs={"x": "file"}, outputs={"result": "file"}):
            for size in (0, 5, 100_000, 3 * MIB):
                data = os.urandom(size)
                places = ("inline",) if size < 10 else ("open",) if node.copy else ("range", "file")
                for place in places:
                    outcome = node.run(x=Value(data, wire.KIND_FILE, "in.bin", 0o640, place))
                    self.assertEqual(outcome.value(), data[::-1])
                    sent = outcome.sent()
                    self.assertEqual((sent.kind, sent.name, sent.mode), (wire.KIND_FILE, "out.sh", 0o750))
            node.run(x=Value(b"", wire.KIND_FILE, "in.bin"))
            self.wait_until_empty(node)

    def wait_until_empty(self, node):
        """Leftovers are removed after `done`: the next task's end proves it."""
        node.run(x=Value(b"", wire.KIND_FILE, "in.bin"))
        left = [name for name in os.listdir(node.scratch) if not name.startswith(".in-")]
        self.assertLessEqual(len(left), 1, left)

    def test_a_file_in_a_region_of_its_own_is_linked_not_copied(self):
        code = """
import os, subprocess
from pathlib import Path
def run(x: Path): return [x.is_symlink(), x.name, subprocess.check_output(["cat", str(x)]).decode()]
"""
        node = self.node(code, inputs={"x": "file"})
        self.assertEqual(node.run(x=Value(b"bytes", wire.KIND_FILE, "a b.txt", place="file")).json(), [True, "a b.txt", "bytes"])
        self.assertEqual(
            node.run(x=Value(b"bytes", wire.KIND_FILE, "a.txt", place="file", offset=10)).json(), [False, "a.txt", "bytes"])
        self.assertFails(node.run(x=Value(b"", wire.KIND_FILE, "../evil")), "InvalidInput", "`x`")

    def test_outputs_are_written_into_a_file_where_the_node_grants_one(self):
        node = self.node("def run(x): return x + x", outputs={"result": "bytes"})
        node.outbox_is_file = True
        data = os.urandom(MIB)
        for _ in range(3):
            self.assertTrue(node.run(x=data).value() == data + data)

    def test_a_region_that_grows_is_mapped_anew(self):
        node = self.node("def run(x): return x", outputs={"result": "bytes"})
        node.outbox_size = 100_000
        for size in (50_000, 60_000, 500_000, 20_000):
            data = os.urandom(size)
            self.assertEqual(node.run(x=data).value(), data)
        self.assertEqual({grant[0] for task in node.tasks.values() for grant in task.grants}, {node.outbox["id"]})

    def test_a_value_is_checked_against_the_type_of_its_port(self):
        cases = {
            "text": ((b"\xff\xfe", "UTF-8"), (Value(b"1", wire.KIND_JSON), "not text")),
            "json": ((Value(b"{oops", wire.KIND_JSON), ""), (Value(b"NaN", wire.KIND_JSON), "NaN"), (Value(b"1 2", wire.KIND_JSON), "follows"),
                     (Value(b"", wire.KIND_JSON), "empty"), (Value(b"[" * 100_000, wire.KIND_JSON), "")),
            "int": (("abc", "not int"), (Value(b'"abc"', wire.KIND_JSON), "no int"), (Value(b"3.5", wire.KIND_JSON), "3.5"),
                    (Value(b"true", wire.KIND_JSON), "True"), (Value(b"9223372036854775808", wire.KIND_JSON), "64 bits")),
            "float": ((Value(b'"x"', wire.KIND_JSON), "no float"), (Value(b"1" + b"0" * 400, wire.KIND_JSON), "too large")),
            "bool": ((Value(b"1", wire.KIND_JSON), "no bool"),),
            "bytes": ((Value(b"[1]", wire.KIND_JSON), "not bytes"), (Value(b'{"$base64": "!"}', wire.KIND_JSON), "")),
        }
        for type, values in cases.items():
            node = self.node("def run(x): return 1", inputs={"x": type})
            for value, part in values:
                if isinstance(value, bytes):
                    value = Value(value, wire.KIND_TEXT)
                with self.subTest(type=type, value=value if isinstance(value, str) else value.data[:20]):
                    self.assertFails(node.run(x=value), "InvalidInput", "input `x`", part)
            self.assertEqual(node.run(x={"text": "t", "bytes": b"b", "bool": True}.get(type, 1)).json(), 1)

    def test_numbers_that_are_equal_fit(self):
        node = self.node("def run(x): return repr(x)", inputs={"x": "int"})
        self.assertEqual(node.run(x=3.0).json(), "3")
        node = self.node("def run(x): return repr(x)", inputs={"x": "bytes"})
        self.assertEqual(node.run(x=Value(b'"\\u00e9"', wire.KIND_JSON)).json(), repr("é".encode()))
        self.assertEqual(node.run(x=Value(b'{"$base64":"AAE="}', wire.KIND_JSON)).json(), repr(b"\0\1"))

    def test_outputs_are_encoded_by_the_type_of_the_port(self):
        cases = [
            ("bytes", "b'x'", b"x", wire.KIND_BYTES), ("bytes", "bytearray(b'x')", b"x", wire.KIND_BYTES),
            ("bytes", "memoryview(b'abc')[::2]", b"ac", wire.KIND_BYTES),
            ("text", "'é'", "é".encode(), wire.KIND_TEXT), ("json", "{'a': (1, 2.5, None, True, 'é')}", '{"a":[1,2.5,null,true,"é"]}'.encode(), wire.KIND_JSON),
            ("json", "None", b"null", wire.KIND_JSON), ("json", "'x'", b'"x"', wire.KIND_JSON),
            ("int", "3", b"3", wire.KIND_JSON), ("int", "3.0", b"3", wire.KIND_JSON), ("float", "3", b"3.0", wire.KIND_JSON),
            ("bool", "False", b"false", wire.KIND_JSON), ("any", "b'x'", b"x", wire.KIND_BYTES), ("any", "'x'", b"x", wire.KIND_TEXT),
            ("any", "[1]", b"[1]", wire.KIND_JSON), ("file", "b'x'", b"x", wire.KIND_FILE),
            ("json", "[numpy.int64(3), numpy.float32(0.5), numpy.bool_(True)]", b"[3,0.5,true]", wire.KIND_JSON),
            ("int", "numpy.int64(3)", b"3", wire.KIND_JSON), ("float", "numpy.float32(0.5)", b"0.5", wire.KIND_JSON),
        ]
        for type, group in by_type(cases):
            node = self.node(EVALUATE, inputs={"x": "text"}, outputs={"result": type})
            for _, expression, data, kind in group:
                with self.subTest(type=type, expression=expression):
                    outcome = node.run(x=expression)
                    self.assertEqual((outcome.value(), outcome.sent().kind), (data, kind))

    def test_what_does_not_fit_an_output_is_named_with_an_advice(self):
        cases = [
            ("bytes", "1", "int is not bytes"), ("bytes", "'x'", "encode()"), ("bytes", "None", "None"), ("bytes", "numpy.ones(1)", "tobytes"),
            ("text", "b'x'", "decode()"), ("text", "'\\ud800'", "surrogate"), ("json", "{1, 2}", "sorted"), ("json", "[b'x']", "bytes"),
            ("json", "float('nan')", "NaN"), ("json", "[float('inf')]", "infinity"), ("json", "deep(65)", "64"), ("json", "deep(100000)", "64"),
            ("json", "cycle()", "contains itself"), ("json", "object()", "object is not JSON"), ("json", "numpy.ones(2)", "tolist"),
            ("json", "['\\ud800']", "surrogate"), ("json", "{(1, 2): 3}", "keys"), ("int", "True", "no int"), ("int", "2.5", "no int"),
            ("int", "2**63", "64 bits"), ("int", "'3'", "no int"), ("float", "'x'", "no float"), ("float", "float('nan')", "NaN"),
            ("float", "10**400", "too large"), ("bool", "1", "no bool"), ("array", "[1]", "asarray"), ("file", "'x.txt'", "pathlib"),
            ("file", "Path('missing')", "missing"), ("file", "Path('/')", "no regular file"), ("list<int>", "{1}", "sorted"),
            ("list<int>", "'abc'", "str is no list"), ("list<int>", "{'a': 1}", "dict is no list"), ("list<list<int>>", "[1]", "not a list"),
        ]
        code = EVALUATE + """
from pathlib import Path
def deep(n):
    value = None
    for _ in range(n):
        value = [value]
    return value
def cycle():
    value = []
    value.append(value)
    return value
"""
        for type, group in by_type(cases):
            node = self.node(code, inputs={"x": "text"}, outputs={"result": type})
            for _, expression, part in group:
                with self.subTest(type=type, expression=expression):
                    self.assertFails(node.run(x=expression), "InvalidOutput", "output `result`", part)

    def test_json_up_to_depth_64_is_fine_and_beyond_16_mebibytes_too_large(self):
        code = """
def run(x):
    if x: return "y" * (x << 20)
    value = 1
    for _ in range(64): value = [value]
    return value
"""
        node = self.node(code, inputs={"x": "int"})
        self.assertEqual(node.run(x=0).value(), b"[" * 64 + b"1" + b"]" * 64)
        self.assertFails(node.run(x=17), "TooLarge", "`result`", "16777216", "bytes")
        self.assertEqual(len(node.run(x=15).json()), 15 << 20)

    def test_a_file_that_changes_while_it_is_read_fails(self):
        code = """
from pathlib import Path
import os
def run(x):
    path = Path("grows")
    path.write_bytes(bytes(100_000))
    real = os.fstat
    def fstat(fd):
        path.write_bytes(bytes(50_000))
        os.fstat = real
        return result
    result = os.stat(path)
    os.fstat = fstat
    return path
"""
        for node in self.both_modes(code, outputs={"result": "file"}):
            self.assertFails(node.run(x=b""), "InvalidOutput", "changed its size")


if __name__ == "__main__":
    unittest.main()
