"""What every SDK must do: one row for each expectation, the same for all of them.

A row runs a workflow with inputs and says how it ends: with `outputs`, or with the name of a failure. Most
workflows are one call of one function, and are made here from the function's ports.
"""

import dataclasses

ONE = {"x": "int"}

# name: (inputs, outputs[, more keys of the function])
FUNCTIONS = {
    "echo_bytes": ({"x": "bytes"}, {"y": "bytes"}),
    "echo_text": ({"x": "text"}, {"y": "text"}),
    "echo_json": ({"x": "json"}, {"y": "json"}),
    "echo_int": ({"x": "int"}, {"y": "int"}),
    "echo_float": ({"x": "float"}, {"y": "float"}),
    "echo_bool": ({"x": "bool"}, {"y": "bool"}),
    "echo_any": ({"x": "any"}, {"y": "json"}),
    "echo_texts": ({"x": "list<text>"}, {"y": "list<text>"}),
    "echo_lists": ({"x": "stream<list<int>>"}, {"y": "list<list<int>>"}),
    "file_name": ({"x": "file"}, {"y": "text"}),
    "make_file": ({"name": "text"}, {"y": "file"}),
    "holes": ({"x": "stream<optional<int>>"}, {"y": "text"}),
    "odds": ({"n": "int"}, {"result": "list<optional<int>>"}),
    "all_odds": ({"n": "int"}, {"result": "list<optional<int>>"}),
    "plus_default": ({"x": "int", "y": {"type": "int", "default": 8}}, {"z": "int"}),
    "maybe_in": ({"x": "optional<int>"}, {"y": "text"}),
    "maybe_out": (ONE, {"y": "optional<int>"}),
    "two": (ONE, {"double": "int", "name": "text"}),
    "words": ({"text": "text"}, {"result": "list<text>"}),
    "count_to": ({"n": "int"}, {"result": "list<int>"}),
    "total": ({"numbers": "stream<int>"}, {"result": "int"}),
    "pattern": ({"n": "int"}, {"result": "bytes"}),
    "checksum": ({"data": "bytes"}, {"result": "int"}),
    "pipe_checksum": ({"data": "pipe"}, {"result": "int"}),
    "emit_and_return": ({"n": "int"}, {"list": "list<int>", "last": "int"}),
    "write_pieces": ({"n": "int"}, {"out": "text"}),
    "write_many_bytes": ({"n": "int"}, {"out": "bytes"}),
    "about": (ONE, {"y": "json"}),
    "chatty": (ONE, {"y": "int"}),
    "second_attempt": (ONE, {"y": "int"}, {"retry": {"attempts": 2, "backoff": "1ms"}}),
    "counts_tasks": (ONE, {"y": "int"}),
    "fail_by_class": (ONE, {"y": "int"}),
    "fail_by_exit": (ONE, {"y": "int"}),
    "fail_by_signal": (ONE, {"y": "int"}),
    "fail_by_type": (ONE, {"y": "int"}),
    "fail_by_nothing": (ONE, {"y": "int"}),
    "fail_by_twice": (ONE, {"y": "int"}),
    "fail_by_unknown_output": (ONE, {"y": "int"}),
    "fail_by_text": (ONE, {"y": "text"}),
    "fail_in_list": (ONE, {"y": "list<int>"}),
    "hang": (ONE, {"y": "int"}, {"timeout": "1s"}),
    "hang_in_read": ({"numbers": "stream<int>", "latch": "text"}, {"y": "int"}),
    "emit_and_hang": ({"latch": "text"}, {"result": "list<int>"}),
    "late_output": (ONE, {"y": "list<int>"}),
    "latch_split": ({"latch": "text"}, {"result": "list<text>"}),
    "latch_count": ({"chunk": "text", "n": "int", "latch": "text"}, {"result": "int"}),
    "latch_merge": ({"counts": "stream<int>", "latch": "text"}, {"result": "int"}),
    "latch_write": ({"latch": "text"}, {"out": "bytes"}),
    "latch_read": ({"data": "pipe", "latch": "text"}, {"result": "text"}),
    "no_such_function": (ONE, {"y": "int"}),
    "fail_by_rejection": (ONE, {"y": "int"}),
    "fail_by_timer": (ONE, {"y": "int"}),
}
# What only one runtime can do wrong.
ONLY = {"fail_by_rejection": "nodejs", "fail_by_timer": "nodejs"}


def _step(call, **inputs):
    return {"call": call, "in": inputs}


# Workflows of more than one step; the others are made by workflow_of().
WORKFLOWS = {
    "stream": {
        "inputs": {"n": "int"},
        "steps": {"count": _step("count_to", n="${inputs.n}"), "sum": _step("total", numbers="${count.result}")},
        "outputs": {"sum": "${sum.result}"},
    },
    "words_counted": {
        "inputs": {"text": "text"},
        "steps": {
            "split": _step("words", text="${inputs.text}"),
            "each": {"foreach": "${split.result}", **_step("plus_default", x="${index}", y=1)},
            "sum": _step("total", numbers="${each.z}"),
        },
        "outputs": {"words": "${split.result}", "sum": "${sum.result}"},
    },
    "large": {
        "inputs": {"n": "int"},
        "steps": {
            "make": _step("pattern", n="${inputs.n}"),
            "whole": _step("checksum", data="${make.result}"),
            "pipe": _step("pipe_checksum", data="${make.result}"),
            "again": _step("echo_bytes", x="${make.result}"),
            "after": _step("checksum", data="${again.y}"),
        },
        "outputs": {"whole": "${whole.result}", "pipe": "${pipe.result}", "again": "${after.result}"},
    },
    "written": {
        "inputs": {"n": "int"},
        "steps": {"write": _step("write_many_bytes", n="${inputs.n}"), "read": _step("pipe_checksum", data="${write.out}")},
        "outputs": {"sum": "${read.result}"},
    },
    "holes": {
        "inputs": {"xs": "list<int>"},
        "steps": {
            "some": {"foreach": "${inputs.xs}", "when": "${item > 0}", **_step("echo_int", x="${item}")},
            "read": _step("holes", x="${some.y}"),
        },
        "outputs": {"text": "${read.y}"},
    },
    "odds_read": {
        "inputs": {"n": "int"},
        "steps": {
            "make": _step("odds", n="${inputs.n}"),
            "read": _step("holes", x="${make.result}"),
            "each": {"foreach": "${make.result}", **_step("plus_default", x="${item}", y=1)},
        },
        "outputs": {"odds": "${make.result}", "text": "${read.y}", "each": "${each.z}", "there": "${present(each.z)}"},
    },
    "absent": {
        "inputs": {"x": "int"},
        "steps": {"maybe": _step("maybe_out", x="${inputs.x}"), "read": _step("maybe_in", x="${maybe.y}")},
        "outputs": {"text": "${read.y}", "y": "${maybe.y}"},
    },
    "about_element": {
        "inputs": {"xs": "list<int>"},
        "steps": {"each": {"foreach": "${inputs.xs}", **_step("about", x="${item}")}},
        "outputs": {"all": "${each.y}"},
    },
    "wrong_type": {
        "inputs": {"x": "json"},
        "steps": {"take": _step("echo_int", x="${inputs.x}")},
        "outputs": {"y": "${take.y}"},
    },
    "no_barrier": {
        "inputs": {"latch": "text"},
        "steps": {
            "split": _step("latch_split", latch="${inputs.latch}"),
            "count": {"foreach": "${split.result}",
                      **_step("latch_count", chunk="${item}", n="${index}", latch="${inputs.latch}")},
            "merge": _step("latch_merge", counts="${count.result}", latch="${inputs.latch}"),
        },
        "outputs": {"sum": "${merge.result}"},
    },
    "no_barrier_pipe": {
        "inputs": {"latch": "text"},
        "steps": {"write": _step("latch_write", latch="${inputs.latch}"),
                  "read": _step("latch_read", data="${write.out}", latch="${inputs.latch}")},
        "outputs": {"text": "${read.result}"},
    },
    "cancelled_in_read": {
        "inputs": {"latch": "text"},
        "steps": {"write": _step("emit_and_hang", latch="${inputs.latch}"),
                  "read": _step("hang_in_read", numbers="${write.result}", latch="${inputs.latch}")},
        "outputs": {"sum": "${read.y}"},
    },
    "text_as_json": {
        "inputs": {"x": "text"},
        "steps": {"echo": _step("echo_json", x="${inputs.x}")},
        "outputs": {"y": "${echo.y}"},
    },
    "file": {
        "inputs": {"name": "text"},
        "steps": {"make": _step("make_file", name="${inputs.name}"), "read": _step("echo_bytes", x="${make.y}")},
        "outputs": {"content": "${read.y}"},
    },
}


def workflow_of(name):
    """The workflow that calls one function with its inputs."""
    inputs, outputs = FUNCTIONS[name][:2]
    plain = {}
    for port, type_name in inputs.items():
        if isinstance(type_name, dict):
            type_name = f"optional<{type_name['type']}>"
        plain[port] = {"pipe": "bytes"}.get(type_name, type_name.replace("stream<", "list<"))
    return {
        "inputs": plain,
        "steps": {"call": {"call": name, "in": {port: f"${{inputs.{port}}}" for port in inputs}}},
        "outputs": {port: f"${{call.{port}}}" for port in outputs},
    }


@dataclasses.dataclass
class Row:
    what: str
    workflow: str                 # Of WORKFLOWS, or the name of a function.
    inputs: dict = dataclasses.field(default_factory=dict)
    outputs: dict = None          # How it succeeds,
    fails: tuple = ()             # or one of these names.
    message: str = ""             # Part of the failure's message.
    log: tuple = ()               # Parts of the run's log.
    cancel: str = ""              # The run is cancelled once this file is in the latch folder,
    leaves: str = ""              # and then this one comes to be.


def _sum(n):
    return sum(range(251)) * (n // 251) + sum(range(n % 251))


NUMBERS = [None, True, 0, -1, 2**53 - 1, 1.5, "", "é☃", [], {}, {"a": [1, {"b": None}]}]
LARGE = (0, 1, 16384, 16385, 65536, (5 << 20) + 3)

ROWS = [
    *(Row(f"text {text[:8]!r} comes back", "echo_text", {"x": text}, {"y": text})
      for text in ("", "naïve ☃ \U0001f600", "line\nline\u0000", "x" * 100_000)),
    *(Row(f"JSON {value!r} comes back", "echo_json", {"x": value}, {"y": value}) for value in NUMBERS),
    Row("an int of 63 bits comes back", "echo_int", {"x": 2**62 + 1}, {"y": 2**62 + 1}),
    Row("the least int comes back", "echo_int", {"x": -(2**63)}, {"y": -(2**63)}),
    Row("a float comes back", "echo_float", {"x": 0.1}, {"y": 0.1}),
    Row("a float without fraction stays a float", "echo_float", {"x": 3.0}, {"y": 3.0}),
    Row("an int is a float where a float is wanted", "echo_float", {"x": 3}, {"y": 3.0}),
    Row("a bool comes back", "echo_bool", {"x": False}, {"y": False}),
    Row("bytes from $base64 come back", "echo_bytes", {"x": {"$base64": "aGk="}}, {"y": "hi"}),
    Row("`any` takes JSON", "echo_any", {"x": {"a": 1}}, {"y": {"a": 1}}),
    Row("text is a string where JSON is wanted", "text_as_json", {"x": 'a "b"\n☃'}, {"y": 'a "b"\n☃'}),
    Row("a list of text comes back", "echo_texts", {"x": ["a", "", "ü"]}, {"y": ["a", "", "ü"]}),
    Row("an empty list comes back", "echo_texts", {"x": []}, {"y": []}),
    Row("a list longer than the credit comes back", "echo_texts", {"x": [str(i) for i in range(100)]},
        {"y": [str(i) for i in range(100)]}),
    Row("a file is a path with its name and content", "file_name", {"x": "content"}, {"y": "x"}),
    Row("a file that the function made is its output", "file", {"name": "made.txt"}, {"content": "made"}),
    Row("a hole is null to the reader", "holes", {"xs": [1, 0, 3]}, {"text": "1,-,3"}),
    Row("holes that a function leaves stay in their places", "odds_read", {"n": 4},
        {"odds": [None, 1, None, 3], "text": "-,1,-,3", "each": [None, 2, None, 4], "there": [2, 4]}),
    Row("holes in a list that is returned", "all_odds", {"n": 4}, {"result": [None, 1, None, 3]}),
    Row("a default fills in", "plus_default", {"x": 1}, {"z": 9}),
    Row("a value wins over the default", "plus_default", {"x": 1, "y": 2}, {"z": 3}),
    Row("an absent optional input is null", "absent", {"x": 0}, {"text": "absent"}),
    Row("an optional output that was given is there", "absent", {"x": 5}, {"text": "5", "y": 5}),
    Row("several outputs by name", "two", {"x": 4}, {"double": 8, "name": "n4"}),
    Row("elements reach the workflow's output", "words", {"text": "a b c"}, {"result": ["a", "b", "c"]}),
    Row("a generator that yields nothing is an empty list", "count_to", {"n": 0}, {"result": []}),
    Row("a stream is read to its end", "stream", {"n": 100}, {"sum": 4950}),
    Row("an empty stream ends", "stream", {"n": 0}, {"sum": 0}),
    Row("foreach over emitted elements", "words_counted", {"text": "a bb c"}, {"words": ["a", "bb", "c"], "sum": 6}),
    *(Row(f"{n} bytes go whole, as a pipe, and through", "large", {"n": n},
          {"whole": _sum(n), "pipe": _sum(n), "again": _sum(n)}) for n in LARGE),
    Row("emit() and another output", "emit_and_return", {"n": 3}, {"list": [0, 1, 2], "last": 3}),
    Row("an output in pieces", "write_pieces", {"n": 3}, {"out": "line 0\nline 1\nline 2\n"}),
    Row("an output in pieces beyond all credit, read as a pipe", "written", {"n": 30},
        {"sum": sum(i * 100_000 for i in range(30))}),
    Row("the context knows the task", "about", {"x": 1},
        {"y": {"step": "call", "path": "call", "index": None, "attempt": 1, "token": 32, "run": 26, "deadline": False}}),
    Row("the context knows the element", "about_element", {"xs": [5, 6]},
        {"all": [{"step": "each", "path": f"each.{i}", "index": i, "attempt": 1, "token": 32, "run": 26, "deadline": False}
                 for i in range(2)]}),
    Row("what is printed and logged is the log", "chatty", {"x": 3}, {"y": 3}, log=("printed 3", "logged")),
    Row("a second attempt", "second_attempt", {"x": 3}, {"y": 3}),
    Row("files of a task are gone before the next", "counts_tasks", {"x": 1}, {"y": 0}),
    Row("files of a task are gone before the next, again", "counts_tasks", {"x": 2}, {"y": 0}),
    Row("an exception is named by its class", "fail_by_class", {"x": 1}, fails=("TooSalty",), message="no more salt",
        log=("tasting 1",)),
    Row("an exception after an element", "fail_in_list", {"x": 1}, fails=("TooSalty",)),
    Row("leaving the process", "fail_by_exit", {"x": 1}, fails=("ExitStatus",), message="7"),
    Row("death by a signal", "fail_by_signal", {"x": 1}, fails=("Crash",)),
    Row("a result of the wrong type", "fail_by_type", {"x": 1}, fails=("InvalidOutput",), message="y"),
    Row("no result", "fail_by_nothing", {"x": 1}, fails=("InvalidOutput",), message="y"),
    Row("an output given twice", "fail_by_twice", {"x": 1}, fails=("InvalidOutput",), message="y"),
    Row("text that is no Unicode", "fail_by_text", {"x": 1}, fails=("InvalidOutput",), message="y"),
    Row("an output that is not declared", "fail_by_unknown_output", {"x": 1},
        fails=("ValueError", "TypeError", "invalid_argument"), message="declared: `y`"),
    Row("an input of the wrong type", "wrong_type", {"x": "one"}, fails=("InvalidInput",), message="x"),
    Row("a fraction where an int is wanted", "wrong_type", {"x": 1.5}, fails=("InvalidInput",), message="x"),
    Row("a function that is not in the code", "no_such_function", {"x": 1}, fails=("LoadError",),
        message="no_such_function"),
    Row("code that hangs", "hang", {"x": 1}, fails=("Timeout",)),
    Row("a read that waits is cancelled where it is", "cancelled_in_read", {"latch": "LATCH"}, cancel="reading",
        leaves="Cancelled"),
    Row("output after the end harms nobody", "late_output", {"x": 1}, {"y": [1]}),
    Row("a rejection that nobody handles", "fail_by_rejection", {"x": 1}, fails=("TooSalty",), message="nobody looked"),
    Row("an exception in a timer", "fail_by_timer", {"x": 1}, fails=("TooSalty",), message="in a timer"),
    Row("no barrier: split, count and merge at the same time", "no_barrier", {"latch": "LATCH"}, {"sum": 6}),
    Row("no barrier: a pipe is read while it is written", "no_barrier_pipe", {"latch": "LATCH"},
        {"text": "first and second"}),
]
