"""Workflows called as plain Python: the results that the engine would give, for unit tests without a server."""

import os
import unittest

import sluice

from .code_first_case import FOLDER, CodeFirstCase, load


class FilesTest(CodeFirstCase):
    """The files of code_first/, whose YAML test_code_first_export.py holds."""

    def file(self, name):
        return load(os.path.join(FOLDER, name + ".py"))

    def test_wordcount(self):
        app = self.file("wordcount")
        self.assertEqual(app.wordcount(b"to be or not to be", parts=3), {"total": {"to": 2, "be": 2, "or": 1, "not": 1}})
        self.assertEqual(app.wordcount(text=b""), {"total": {}})
        # Outside of a workflow they are the functions that were written.
        self.assertEqual(next(app.split(b"a b", 1)), b"a b")
        self.assertEqual(app.count(b"a a"), {"a": 2})
        self.assertEqual(app.merge(sluice.Stream([{"a": 1}, {"a": 2}])), {"a": 3})

    def test_a_saga_undoes_what_was_done(self):
        app = self.file("trip")
        self.assertEqual(app.trip({"number": 1, "full": []}), {"hotel": "hotel-1", "car": "car-1", "flight": "flight-1"})
        self.assertEqual(app.cancelled, [])
        app.reserved.clear()
        with self.assertRaises(sluice.Failure) as caught:
            app.trip({"number": 2, "full": ["flight"]})
        self.assertEqual((caught.exception.name, str(caught.exception)), ("Full", "no flight left: trip 2"))
        self.assertEqual((app.reserved, app.cancelled), (["hotel", "car"], ["car-1", "hotel-1"]))
        app.reserved.clear(), app.cancelled.clear()
        with self.assertRaises(sluice.Failure):
            app.trip({"number": 3, "full": ["car"]})
        self.assertEqual((app.reserved, app.cancelled), (["hotel"], ["hotel-1"]))  # Without a car there is none to cancel.

    def test_loops(self):
        app = self.file("newton")
        self.assertAlmostEqual(app.root(2.0), 2**0.5)
        self.assertAlmostEqual(app.root(9), 3.0)
        self.assertEqual(app.powers(20), {"power": 1 * 2 * 3 * 4})
        with self.assertRaises(sluice.InvalidInput):
            app.root("2")

    def test_loops_in_loops(self):
        app = self.file("book")
        self.assertEqual(app.book("a\nb\fc\f"), {"text": "A!|B!|C!", "lines": 3, "sizes": [5, 3, 1]})
        self.assertEqual(app.page("x", mark="?"), ["X?"])

    def test_elements_that_are_skipped_or_fail_leave_holes(self):
        app = self.file("choices")
        self.assertEqual(app.zipped([1, 2, 3, 4], [1, 1, 0, 1]), {
            "chosen": [10, None, None, 40], "there": [10, 40],
            "pairs": [[x, {"y": y, "none": None}] for x, y in zip([1, 2, 3, 4], [1, 1, 0, 1])]})
        self.assertEqual(app.zipped([], []), {"chosen": [], "there": [], "pairs": []})
        with self.assertRaisesRegex(sluice.BadExpression, "index 1 of a list of 1"):
            app.zipped([1, 2], [1])

    def test_branches(self):
        app = self.file("choices")
        self.assertEqual(app.branches(7, True), {"way": 50, "rest": 1, "kind": "n is 7, it's ${n}", "quickest": [50]})
        self.assertEqual(app.branches(6), {"way": -6, "rest": "none", "kind": "big", "quickest": [-6]})
        self.assertEqual(app.branches(3)["way"], 4)

    def test_answers_come_from_the_test(self):
        app = self.file("choices")
        with sluice.answers(approve={"approved": True, "note": "fine"}):
            self.assertEqual(app.approval("x"), {"approved": True, "note": "fine"})
        with sluice.answers(approve={"approved": True}):
            self.assertEqual(app.approval("x", until="2030-01-01T00:00:00Z"), {"approved": True})
        with sluice.answers(approve=None), self.assertRaisesRegex(sluice.Failure, "x in run plain"):
            app.approval("x")
        with self.assertRaisesRegex(RuntimeError, r"sluice.answers\(approve="):
            app.approval("x")
        with sluice.answers(approve={"approved": "yes"}), self.assertRaises(sluice.InvalidInput):
            app.approval("x")
        with sluice.answers(approve={"agreed": True}), self.assertRaisesRegex(sluice.GraphError, "waits for approved, note"):
            app.approval("x")


CORNERS = """
import sluice
from typing import Iterator, Optional
calls = []

class Refused(Exception): pass
class Worse(Refused): pass

@sluice.function
def numbers(n: int) -> list[int]: return list(range(n))
@sluice.function
def double(x: int) -> int:
    calls.append(x)
    return 2 * x
@sluice.function
def odd(x: int) -> Optional[int]: return x if x % 2 else None
@sluice.function
def total(xs: list[int]) -> int: return sum(xs)
@sluice.function
def streamed(xs: sluice.Stream[int]) -> int: return sum(xs)
@sluice.function
def holes(xs: list[Optional[int]]) -> int: return sum(x is None for x in xs)
@sluice.function
def maybe(x: Optional[int], d: int = 7) -> str: return f"{x} {d}"
@sluice.function
def piped(data: sluice.Pipe) -> int: return len(data.read())
@sluice.function
def viewed(data: memoryview) -> int: return data.nbytes
@sluice.function(outputs={"parts": "list<text>", "count": "int"})
def cut(text: str):
    n = 0
    for part in text.split():
        n += 1
        yield part
    return {"count": n}
@sluice.function(outputs=["a", "b"])
def two(x): return {"a": x}
@sluice.function
def flaky(x: int) -> int:
    calls.append(x)
    if len(calls) < 3: raise Worse(f"attempt {len(calls)}")
    return x
@sluice.function
def change(xs: list[int]) -> list[int]:
    xs.append(1)
    return xs
@sluice.function
def outer(x: int) -> int: return double(x) + 1
"""


class CornersTest(CodeFirstCase):
    def app(self, code):
        return self.module(CORNERS + code)

    def test_an_empty_list_is_a_list_and_an_absent_one_is_not(self):
        app = self.app("""
@sluice.workflow
def empty(n: int):
    doubled = sluice.foreach(numbers(n), double)
    return {"a": total(doubled), "b": streamed(doubled), "n": doubled.size(), "f": sluice.first(doubled)}
@sluice.workflow
def skipped():
    xs = numbers.options(when=sluice.range(1).size() > 2)(3)
    doubled = sluice.foreach(xs, double)
    return {"a": total(doubled), "b": sluice.has(doubled), "c": sluice.first(total(doubled), 0)}
""")
        self.assertEqual(app.empty(0), {"a": 0, "b": 0, "n": 0})
        self.assertEqual(app.empty(3), {"a": 6, "b": 6, "n": 3, "f": 0})
        self.assertEqual(app.skipped(), {"b": False, "c": 0})

    def test_holes(self):
        app = self.app("""
@sluice.workflow
def w():
    xs = numbers(5)
    odds = sluice.foreach(xs, odd)
    after = sluice.foreach(odds, double)
    big = sluice.foreach(xs, lambda x: double.options(when=x > 2)(x))
    return {"odds": odds, "after": after, "big": big, "none": holes(after), "sum": total(sluice.present(after)),
            "third": odds[3], "fourth": odds[4], "n": odds.size()}
@sluice.workflow
def wrong():
    return total(sluice.foreach(numbers(3), odd))
""")
        self.assertEqual(app.w(), {"odds": [None, 1, None, 3, None], "after": [None, 2, None, 6, None],
                                   "big": [None, None, None, 6, 8], "none": 3, "sum": 8, "third": 3, "n": 5})
        with self.assertRaisesRegex(sluice.InvalidInput, "sluice.present"):
            app.wrong()

    def test_a_condition_without_the_element_is_asked_once(self):
        app = self.app("""
@sluice.workflow
def w(on: bool):
    doubled = sluice.foreach(numbers(2), lambda x: double.options(when=on)(x))
    return {"a": doubled, "b": sluice.first(total(doubled), -1)}
""")
        self.assertEqual(app.w(True), {"a": [0, 2], "b": 2})
        self.assertEqual(app.w(False), {"b": -1})

    def test_optional_inputs_and_defaults_take_what_is_absent(self):
        app = self.app("""
@sluice.workflow
def w(n: int = 3, note: Optional[str] = None):
    gone = double.options(when=n > 100)(n)
    return {"a": maybe(gone), "b": maybe(gone, gone), "c": double(gone), "note": note, "n": n}
""")
        self.assertEqual(app.w(), {"a": "None 7", "b": "None 7", "n": 3})
        self.assertEqual(app.w(4, "x"), {"a": "None 7", "b": "None 7", "note": "x", "n": 4})

    def test_retry_and_catch_know_errors_by_their_bases(self):
        app = self.app("""
@sluice.workflow
def again(x: int): return flaky.options(retry={"attempts": 3, "errors": [Refused]})(x)
@sluice.workflow
def other(x: int): return flaky.options(retry={"attempts": 3, "errors": [OSError]})(x)
@sluice.workflow
def caught(x: int):
    return flaky.options(retry=2, catch=[sluice.catch(lambda: 0, errors=OSError), sluice.catch(
        lambda error: sluice.set(result=f"{error.name}: {error.message}"), errors=[Refused])])(x)
@sluice.workflow
def gone(x: int):
    return {"y": flaky.options(catch=True)(x), "n": double(flaky.options(catch=True)(x))}
@sluice.workflow
def value(x: int): return flaky.options(catch=lambda: double(x))(x)
""")
        self.assertEqual(app.again(5), 5)
        app.calls.clear()
        with self.assertRaisesRegex(app.Worse, "attempt 1"):
            app.other(5)
        app.calls.clear()
        self.assertEqual(app.caught(5), "Worse: attempt 2")
        app.calls.clear()
        self.assertEqual(app.gone(5), {})
        app.calls.clear()
        self.assertEqual(app.value(5), 10)

    def test_what_a_function_gets_and_gives(self):
        app = self.app("""
@sluice.workflow
def w(data: bytes):
    xs = numbers(2)
    parts = cut("a b")
    return {"p": piped(data), "v": viewed(data), "parts": parts.parts, "n": parts.count, "changed": change(xs), "xs": xs,
            "t": piped("é"), "o": outer(4)}
@sluice.workflow
def wrong(): return two(1)
@sluice.workflow
def worse(): return total([1, "2"])
""")
        self.assertEqual(app.w(b"abc"), {"p": 3, "v": 3, "parts": ["a", "b"], "n": 2, "changed": [0, 1, 1], "xs": [0, 1],
                                         "t": 2, "o": 9})
        with self.assertRaisesRegex(sluice.InvalidOutput, "exactly a, b, not a dict of a"):
            app.wrong()
        with self.assertRaisesRegex(sluice.InvalidInput, "element 1 of input 'xs' of 'total' is int, not str"):
            app.worse()

    def test_loops_end_at_their_limit_and_flows_go_through(self):
        app = self.app("""
@sluice.workflow
def endless(): return sluice.loop(lambda p: double(sluice.first(p, 1)), while_=lambda p: p > 0, max=3)
@sluice.workflow
def tamed():
    return sluice.loop(lambda p: double.options(catch=sluice.catch(lambda e: sluice.set(result=-1), errors="LoopLimit"))(
        sluice.first(p, 1)), while_=lambda p: p > 0, max=3)
@sluice.workflow
def inner(x: int, y: Optional[int] = None): return {"x": double(x), "y": sluice.first(y, 0), "z": double(y)}
@sluice.workflow
def flows(): 
    one = inner.options(name="one")(double.options(when=sluice.range(0).size() > 0)(1), 5)
    many = sluice.foreach(numbers(2), lambda x: inner.options(catch=True)(x))
    return {"x": one.x, "y": one.y, "z": one.z, "xs": many.x, "zs": many.z}
@sluice.workflow(on_failure="continue")
def goes_on(): 
    a = double("x")
    calls.append("on")
    return {"b": outer(1)}
""")
        with self.assertRaises(sluice.LoopLimit):
            app.endless()
        self.assertEqual(app.tamed(), -1)
        self.assertEqual(app.flows(), {"y": 5, "z": 10, "xs": [0, 2], "zs": [None, None]})
        app.calls.clear()
        with self.assertRaises(sluice.InvalidInput):
            app.goes_on()
        self.assertEqual(app.calls, ["on", 1])

    def test_arguments_of_a_workflow_are_checked(self):
        app = self.app("@sluice.workflow\ndef w(x: int): return double(x)\n")
        for arguments, names in ((), {}), ((1, 2), {}), ((), {"y": 1}):
            with self.assertRaises(sluice.GraphError):
                app.w(*arguments, **names)
        with self.assertRaisesRegex(sluice.InvalidInput, "input 'x' of 'w' is int, not str"):
            app.w("1")
        self.assertEqual(app.w(x=2.0), 4)


if __name__ == "__main__":
    unittest.main()
