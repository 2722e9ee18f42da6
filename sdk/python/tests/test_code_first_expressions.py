"""Operators of handles: the text they become, and the value a plain run gives them."""

import unittest

import sluice
from sluice.evaluate import ABSENT, Environment, evaluate
from sluice.expression import Input, Writer
from sluice.graph_error import BadExpression
from sluice.handle import Handle, node_of
from sluice.trace import Trace, tracing

TRACE = Trace("w")
VALUES = {"i": 7, "j": -2, "d": 0.5, "s": "abc", "t": True, "f": False, "xs": [3, 1, 2], "nested": [[1], [2, 3]],
          "m": {"a": {"b": 1}, "k v": 2, "size": 5, "n": None}, "raw": b"\xff", "holes": [1, ABSENT, 3], "gone": ABSENT,
          "big": (1 << 63) - 1}
H = {name: Handle(Input(TRACE, name)) for name in VALUES}
i, j, d, s, t, f, xs, nested, m, raw, holes, gone, big = H.values()


def value(handle):
    return evaluate(node_of(handle), Environment(VALUES, {}, "r"))


def text(handle):
    return Writer(["v"]).text(node_of(handle), {}, 0).replace("inputs.", "")


class ExpressionTest(unittest.TestCase):
    def check(self, rows):
        for handle, expected_text, expected in rows:
            with self.subTest(expected_text):
                self.assertEqual(text(handle), expected_text)
                if expected is BadExpression:
                    self.assertRaises(BadExpression, value, handle)
                else:
                    result = value(handle)
                    self.assertEqual((type(result), result), (type(expected), expected))

    def test_operators_keep_their_structure(self):
        with tracing(TRACE):
            self.check([
                (i + j * 2, "i + j * 2", 3), ((i + j) * 2, "(i + j) * 2", 10), (i - (j - 1), "i - (j - 1)", 10),
                (i - j - 1, "i - j - 1", 8), (2 - i, "2 - i", -5), (-(i + 1), "-(i + 1)", -8), (-i + 1, "-i + 1", -6),
                (-(-i), "-(-i)", 7), (i / j, "i / j", -3), (i % j, "i % j", 1), (j % i, "j % i", -2), (i / d, "i / d", 14.0),
                (i + d, "i + d", 7.5), (1.0 * i, "1.0 * i", 7.0), (d > 0.000001, "d > 0.000001", True), (d < -1.25e-9, "d < -0.00000000125", False),
                (d < 1e-12, "d < 1e-12", False), (d < 1e300, "d < 1e+300", True), (i * -1, "i * -1", -7),
                (t & f | t, "t && f || t", True), (t & (f | t), "t && (f || t)", True), (~t, "!t", False),
                (~(i > 3), "!(i > 3)", False), ((i > 3) == t, "(i > 3) == t", True), (3 < i, "i > 3", True),
                ((i == 7) & (s != "x"), "i == 7 && s != 'x'", True), (i == 7.0, "i == 7.0", True), (t == 1, "t == 1", False),
                (s + "d", "s + 'd'", "abcd"), (xs + [i], "xs + [i]", [3, 1, 2, 7]), (s < "b", "s < 'b'", True),
                (sluice.if_else(i > 3, 1, sluice.if_else(t, 2, 3)), "i > 3 ? 1 : t ? 2 : 3", 1),
                (sluice.if_else(f, 1, 2) + 1, "(f ? 1 : 2) + 1", 3), (s == "it's\n\\", r"s == 'it\'s\n\\'", False),
                (m == {"a": 1, "b": [None, True]}, "m == {'a': 1, 'b': [null, true]}", False),
            ])

    def test_what_is_looked_into(self):
        with tracing(TRACE):
            self.check([
                (m.a.b, "m.a.b", 1), (m["a"]["b"], "m.a.b", 1), (m["k v"], "m['k v']", 2), (m["size"], "m.size", 5),
                (m.n, "m.n", None), (xs[i - 7], "xs[i - 7]", 3), (nested[1][0], "nested[1][0]", 2), (holes[1], "holes[1]", ABSENT),
                (m.x, "m.x", BadExpression), (xs[3], "xs[3]", BadExpression), (xs[-1], "xs[-1]", BadExpression),
                (s.a, "s.a", BadExpression), (raw.a, "raw.a", BadExpression), (m.n.x, "m.n.x", BadExpression),
            ])

    def test_functions(self):
        with tracing(TRACE):
            self.check([
                (xs.size(), "size(xs)", 3), (s.size() > 2, "size(s) > 2", True), (raw.size(), "size(raw)", BadExpression),
                (nested.flatten(), "nested.flatten()", [1, 2, 3]), (s.contains("b"), "s.contains('b')", True),
                (s.startsWith("b"), "s.startsWith('b')", False), (s.endsWith("c"), "s.endsWith('c')", True),
                (s.matches("^a.c$"), "s.matches('^a.c$')", True), (i.in_(xs), "i in xs", False),
                (sluice.range(3), "range(3)", [0, 1, 2]), (sluice.has(m.a), "has(m.a)", True), (sluice.has(m.x), "has(m.x)", False),
                (d.int(), "int(d)", 0), (i.double(), "double(i)", 7.0), (i.string() + s, "string(i) + s", "7abc"),
                (s.int(), "int(s)", BadExpression), (sluice.run.id, "run.id", "r"),
                (xs.map(lambda x: x * 2), "xs.map(x, x * 2)", [6, 2, 4]), (xs.filter(lambda x: x > 1), "xs.filter(x, x > 1)", [3, 2]),
                (xs.all(lambda x: x > 1), "xs.all(x, x > 1)", False), (xs.exists(lambda x: x > 2), "xs.exists(x, x > 2)", True),
                (xs.exists_one(lambda x: x > 1), "xs.exists_one(x, x > 1)", False),
                # Names of steps and of outer variables are not hidden.
                (xs.map(lambda v: v + i), "xs.map(v_, v_ + i)", [10, 8, 9]),
                (nested.map(lambda x: xs.map(lambda x: x)), "nested.map(x, xs.map(x_, x_))", [[3, 1, 2], [3, 1, 2]]),
                (nested.map(lambda item: item.size()), "nested.map(item_, size(item_))", [1, 2]),
            ])

    def test_absence_spreads_as_in_the_language(self):
        with tracing(TRACE):
            self.check([
                (1 + gone, "1 + gone", ABSENT), (gone.a[0], "gone.a[0]", ABSENT), (f & gone, "f && gone", False),
                (gone & f, "gone && f", False), (gone | t, "gone || t", True), (t & gone, "t && gone", ABSENT),
                ((m.x == 1) & f, "m.x == 1 && f", False), ((m.x == 1) & t, "m.x == 1 && t", BadExpression),
                ((m.x == 1) & gone, "m.x == 1 && gone", ABSENT), (sluice.if_else(gone, 1, 2), "gone ? 1 : 2", ABSENT),
                (sluice.if_else(t, 1, gone), "t ? 1 : gone", 1), (sluice.has(gone), "has(gone)", False),
                (sluice.first(gone, i, m.x), "first(gone, i, m.x)", 7), (sluice.first(gone), "first(gone)", ABSENT),
                (sluice.first(holes), "first(holes)", 1), (sluice.present(holes), "present(holes)", [1, 3]),
                (sluice.present(gone, i, j), "present(gone, i, j)", [7, -2]), (sluice.any(2, gone, i, j), "any(2, gone, i, j)", [7, -2]),
                (sluice.any(3, gone, i, j), "any(3, gone, i, j)", ABSENT), (gone.size(), "size(gone)", ABSENT),
            ])

    def test_what_has_no_value(self):
        with tracing(TRACE):
            self.check([
                (i / 0, "i / 0", BadExpression), (d / 0, "d / 0", BadExpression), (i % 0, "i % 0", BadExpression),
                (big + 1, "big + 1", BadExpression), (t + 1, "t + 1", BadExpression), (s + 1, "s + 1", BadExpression),
                (~i, "!i", BadExpression), (i & t, "i && t", BadExpression), (s > 1, "s > 1", BadExpression),
                (i.in_(s), "i in s", BadExpression), (m.map(lambda x: x), "m.map(x, x)", ["a", "k v", "size", "n"]),
            ])

    def test_long_sums_are_no_recursion(self):
        with tracing(TRACE):
            total = i
            for _ in range(3000):
                total = total + 1
            self.assertEqual(text(total).count("+ 1"), 3000)

    def test_what_a_handle_looks_like(self):
        with tracing(TRACE):
            self.assertEqual(repr(m.a[i + 1]), "<${inputs.m.a[inputs.i + 1]}>")
            self.assertIn("${inputs.s}", f"a {s} b")


if __name__ == "__main__":
    unittest.main()
