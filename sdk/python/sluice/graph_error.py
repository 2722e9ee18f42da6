"""Mistakes in code-first Python, each with its place in the author's file; and failures by their names."""

import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep


class GraphError(Exception):
    """What the code says cannot be a graph. `place` is `file:line:column`, `hint` says what to write."""

    def __init__(self, message, hint="", place=None):
        super().__init__(message if not hint else f"{message}\n    hint: {hint}")
        self.message = message
        self.hint = hint
        self.place = place or caller_place()


class Failure(Exception):
    """A failure by its name, in a plain run: `fail` raises it, and tests do to fail a step on purpose."""

    def __init__(self, name, message=""):
        super().__init__(message or name)
        self.name = name


class BadExpression(Exception):
    """An expression has no value: a missing field, a wrong type, a division by zero. Not retried."""


class LoopLimit(Exception):
    """A loop wanted more rounds than its `max`. Not retried."""


class Place:
    """Where something stands in the author's code."""

    __slots__ = ("file", "line", "column")

    def __init__(self, file, line, column=1):
        self.file = file
        self.line = line
        self.column = column

    def __str__(self):
        return f"{self.file}:{self.line}:{self.column}"


def frame_place(frame, instruction=None):
    """The place of what a frame executes now. Columns are known from Python 3.11 on."""
    code = frame.f_code
    instruction = frame.f_lasti if instruction is None else instruction
    column = 1
    if hasattr(code, "co_positions") and instruction >= 0:
        for number, position in enumerate(code.co_positions()):
            if number * 2 == instruction:
                column = (position[2] or 0) + 1
                break
    return Place(code.co_filename, frame.f_lineno, column)


def caller_place():
    """The innermost place that is not in this package."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_HERE):
        frame = frame.f_back
    return None if frame is None else frame_place(frame)


def raised_place(error):
    """Where an exception of the author's own code was raised."""
    if isinstance(error, SyntaxError) and error.filename:
        return Place(error.filename, error.lineno or 1, error.offset or 1)
    trace, found = error.__traceback__, None
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if not name.startswith((_HERE, "<frozen")):
            found = trace
        trace = trace.tb_next
    return None if found is None else Place(found.tb_frame.f_code.co_filename, found.tb_lineno)


def did_you_mean(name, candidates):
    """A hint for a name that is not there: the closest one, else all."""
    from difflib import get_close_matches

    candidates = [str(each) for each in candidates]
    found = get_close_matches(name, candidates, 1)
    if found:
        return f"did you mean '{found[0]}'?"
    if not candidates:
        return ""
    return ("there is " if len(candidates) == 1 else "there are ") + ", ".join(f"'{each}'" for each in candidates[:8])
