#!/usr/bin/env python3
"""Holds functions.py and sim/functions.cc together: the same calls give the same steps.

    functions_test.py PATH/language-corpus
"""

import json
import os
import subprocess
import sys
import tempfile
import types
import unittest

import corpus

sys.path.insert(0, os.path.join(corpus.HERE, "../../sdk/python"))
import functions  # noqa: E402
from sluice import Pipe, Stream  # noqa: E402

BINARY = sys.argv.pop(1) if len(sys.argv) > 1 and not sys.argv[1].startswith("-") else None

# Per function the calls to compare: inputs, and what can be read from its streams.
CALLS = {
    "numbers": [{"n": 0}, {"n": 4}],
    "double": [{"x": 21}, {"x": -3}],
    "add": [{"a": 2, "b": -5}],
    "half": [{"x": 3}, {"x": 0.5}, {"x": -4}],
    "both": [{"x": 7}, {"x": -7}, {"x": 0}],
    "is_big": [{"x": 3}, {"x": 4}, {"x": 4, "limit": 4}],
    "say": [{"text": "hé"}, {"text": "", "mark": ""}],
    "upper": [{"text": "hello World 1"}, {"text": ""}],
    "contains": [{"text": "abc", "part": "b"}, {"text": "abc", "part": "z"}, {"text": "", "part": ""}],
    "describe": [{"value": v} for v in (None, True, 1, -1, 1.5, "é\"\\\n", [], {}, [1, [None, "x"]], {"b": 1, "a": {"d": 2, "c": []}})],
    "pack": [{"text": "añb"}, {"text": ""}],
    "size_of": [{"data": "añb"}, {"data": ""}],
    "split": [{"text": " a bb  c\n"}, {"text": ""}],
    "count_and_split": [{"text": "a b"}, {"text": ""}],
    "join": [{"parts": ["a", "", "c"]}, {"parts": []}, {"parts": ["a"], "by": "--"}],
    "total": [{"xs": [1, 2, 3]}, {"xs": []}],
    "running": [({}, {"xs": [1, 2, 3]}), ({}, {"xs": []})],
    "relay": [({}, {"xs": [1, 2]}), ({}, {"xs": []})],
    "windows": [({}, {"xs": [1, 2, 3]}), ({"size": 3}, {"xs": [1, 2, 3]}), ({}, {"xs": []})],
    "merge": [({}, {"counts": [{"a": 1}, {}, {"b": 2, "a": 1}]}), ({}, {"counts": []})],
    "interleave": [({}, {"a": a, "b": b}) for a, b in (([], []), ([1], []), ([], [1, 2]), ([1, 2, 3], [9]), ([1], [7, 8, 9]))],
    "letters": [({}, {"data": ["añ", "b"]}), ({}, {"data": []})],
    "more": [{}, {"xs": []}, {"xs": [5, 6]}],
    "grid": [{"rows": 2, "cols": 3}, {"rows": 0, "cols": 3}, {"rows": 2, "cols": 0}],
    "row_sums": [{"rows": [[1, 2], [], [3]]}, {"rows": []}],
    "odd": [{"x": 3}, {"x": 4}, {"x": -3}, {"x": 0}],
    "maybe": [{}, {"x": 3}, {"x": 3, "d": 0}, {"d": 1}],
    "holes": [{"xs": [1, None, 3, None]}, {"xs": []}],
    "picky": [{"x": 1}, {"x": 2}, {"x": 5, "bad": 5}],
    "strict": [{"x": 0}, {"x": -1}],
    "breaks": [{"kind": kind} for kind in ("Unwilling", "Refused", "Broken", "Rubbish", "Timeout")],
    "unsteady": [{"x": 4}, {"x": 4, "fails": 0}, {"x": 4, "fails": 3}],
    "wrong": [{"kind": kind} for kind in ("none", "lacks", "extra", "type")],
    "shaky": [{"n": 0}, {"n": 4}, {"n": 3, "breaks": 2}, {"n": 3, "breaks": 0}],
    "liar": [{"x": 5}, {"x": 5, "breaks": 2}, {"x": -1, "breaks": 0}],
    "wavers": [{"yes": True}, {"yes": False, "breaks": 2}, {"yes": True, "breaks": 0}],
    "act": [{"what": "mail"}, {"what": "mail", "kind": "Refused"}],
    "gate": [{"x": 1, "name": "go"}, {"x": 1, "name": ""}],
    "open_gate": [{"x": 1, "name": "go"}],
    "open_then_read": [({"x": 1, "name": "go"}, {"y": [41]})],
    "tally": [{"text": "b a b"}, {"text": ""}],
    "shard": [{"text": "a b c aa", "n": 2}, {"text": "", "n": 3}, {"text": "x", "n": 1}],
    "blocks": [{"matrix": [[1, 2], [3, 4], [5, 6]], "rows": 2}, {"matrix": [], "rows": 2}, {"matrix": [[1]], "rows": 9}],
    "gram": [{"block": [[1, 2], [3, 4]]}, {"block": []}, {"block": [[1, 2], [3]]}],
    "add_up": [{"res": [[1, 2], [3, 4]]}, {"res": []}],
    "upload": [{"start": {"video": "abc", "split": True, "user": "u", "length": 2, "target": "t"}}],
    "cut": [{"video": "abcde", "length": 2}, {"video": "", "length": 2}],
    "transcode": [{"video": "ab", "target": "avi"}],
    "stitch": [{"video": ["a", "b"], "keys": [0, 1], "user": "u"}, {"video": [], "keys": [], "user": "u"}],
    "improve": [{"a": 100, "x": 100}, {"a": 100, "x": 10}, {"a": 2, "x": 1}],
    "combine": [{"sizes": [3, 0]}, {"files": ["a", "b"], "sizes": [1]}, {"sizes": []}],
}
BYTES = {"bytes", "list<bytes>"}


def as_text(value):
    return value.decode() if isinstance(value, bytes) else value


class Attempt:
    """One call of a function of functions.py, and what a worker would have seen of it."""

    def __init__(self, declaration, request, folder):
        self.steps = []
        self.declaration = declaration
        self.attempt, self.run = request["attempt"], os.path.basename(folder)
        functions.context = lambda: self
        functions.folder = lambda: folder
        os.makedirs(folder)
        self.prepare(request, folder)
        arguments = {name: self.argument(name, value) for name, value in request["inputs"].items()}
        self.by_name = request["streams"] if request["function"] == "open_then_read" else {}
        arguments |= {name: self.reader(name, elements) for name, elements in request["streams"].items()
                      if name not in self.by_name}
        if request["function"] == "maybe":
            arguments.setdefault("x", None)  # The engine gives None for what is optional and absent.
        try:
            self.take(getattr(functions, request["function"])(**arguments))
            self.steps.append({"done": True})
        except Exception as error:
            bases = [each.__name__ for each in type(error).__mro__[1:] if each not in (object, BaseException)]
            self.steps.append({"fail": type(error).__name__, "message": str(error), "bases": bases})
        if os.path.exists(os.path.join(folder, "trace")):
            self.steps[:0] = [{"act": line} for line in corpus.read(os.path.join(folder, "trace")).splitlines()]

    def read(self, name):
        return self.by_name[name][0]

    def prepare(self, request, folder):
        """What other tasks of the run would have left: gates that are open, failures of before."""
        if request["function"] == "gate":
            open(os.path.join(folder, f"gate-{request['inputs']['name']}"), "w").close()
        if request["function"] == "unsteady":
            with open(os.path.join(folder, f"unsteady-{request['inputs']['x']}"), "w", encoding="utf-8") as file:
                file.write("x" * request["failures"])

    def type_of(self, name):
        port = self.declaration["inputs"][name]
        return port["type"] if isinstance(port, dict) else port

    def argument(self, name, value):
        if self.type_of(name) not in BYTES:
            return value
        return [each.encode() for each in value] if isinstance(value, list) else value.encode()

    def reader(self, name, elements):
        return Pipe([each.encode() for each in elements]) if self.type_of(name) == "pipe" else Stream(elements)

    def emit(self, port, value):
        self.steps.append({"emit": port, "value": as_text(value)})

    def take(self, result):
        """As the SDK does: `yield` goes to the only list, what is returned fills the rest."""
        outputs = self.declaration["outputs"]
        lists = [name for name, type in outputs.items() if type.startswith("list<")]
        rest = [name for name in outputs if name not in lists]
        if isinstance(result, types.GeneratorType):
            while True:
                try:
                    self.emit(lists[0], next(result))
                except StopIteration as stop:
                    result = stop.value
                    break
            if not rest:
                return
        elif len(outputs) == 1:
            if result is not None:
                self.emit(rest[0], result)
            return
        if set(result) != set(rest) or any(outputs[name] == "int" and not isinstance(result[name], int) for name in rest):
            raise InvalidOutput
        for name in rest:
            self.emit(name, result[name])


class InvalidOutput(Exception):
    pass


class BothLibraries(unittest.TestCase):
    maxDiff = None

    def requests(self):
        for name, calls in CALLS.items():
            for call in calls:
                inputs, streams = call if isinstance(call, tuple) else (call, {})
                for attempt, failures in ((1, 0), (2, 1), (3, 2), (4, 3)):
                    yield {"function": name, "inputs": inputs, "streams": streams, "attempt": attempt, "failures": failures}

    def test_every_function_is_compared(self):
        self.assertEqual(set(CALLS), set(corpus.function_lines()))

    def test_the_same_calls_give_the_same_steps(self):
        declarations = corpus.yaml.load(corpus.read(os.path.join(corpus.HERE, "functions.yaml")), corpus.CoreLoader)["functions"]
        requests = list(self.requests())
        answers = self.ask(requests)
        with tempfile.TemporaryDirectory() as folder:
            for number, (request, steps) in enumerate(zip(requests, answers)):
                with self.subTest(request=request):
                    mine = Attempt(declarations[request["function"]], request, os.path.join(folder, str(number))).steps
                    other = [step for step in steps if not step.keys() & {"read", "await", "open"}]
                    if other[-1].get("fail") == "InvalidOutput":  # Words of the SDK, not of the function.
                        self.assertEqual(mine[-1]["fail"], "InvalidOutput")
                    else:
                        self.assertEqual(other, mine)

    def ask(self, requests):
        result = subprocess.run([BINARY, "functions", corpus.HERE], capture_output=True, text=True, timeout=60,
                                input="".join(json.dumps(request) + "\n" for request in requests))
        self.assertEqual(result.returncode, 0, result.stderr)
        answers = [json.loads(line) for line in result.stdout.splitlines()]
        self.assertEqual(len(answers), len(requests))
        return answers

    def test_inputs_that_do_not_fit_fail(self):
        bad = [("double", {"x": "1"}), ("double", {"x": 1.5}), ("double", {"x": None}), ("double", {"x": True}), ("double", {}),
               ("total", {"xs": 5}), ("total", {"xs": [1, None]}), ("say", {"text": 1}), ("half", {"x": "1"}),
               ("holes", {"xs": ["a"]}), ("row_sums", {"rows": [1]}), ("wavers", {"yes": 1})]
        good = [("double", {"x": 3.0}), ("holes", {"xs": [None]}), ("maybe", {"x": None}), ("half", {"x": 1})]
        requests = [{"function": name, "inputs": inputs, "streams": {}, "attempt": 1, "failures": 0} for name, inputs in bad + good]
        ends = [steps[-1].get("fail", "done") for steps in self.ask(requests)]
        self.assertEqual(ends, ["InvalidInput"] * len(bad) + ["done", "done", "done", "done"])

    def test_who_waits_and_who_opens(self):
        def request(function, name):
            return {"function": function, "inputs": {"x": 1, "name": name}, "streams": {}, "attempt": 1, "failures": 0}
        steps = self.ask([request("gate", "go"), request("gate", ""), request("open_gate", "go")])
        self.assertEqual([each[0] for each in steps], [{"await": "go"}, {"emit": "y", "value": 1}, {"open": "go"}])


if __name__ == "__main__":
    if BINARY is None or not os.path.exists(BINARY):
        sys.exit(__doc__)
    unittest.main()
