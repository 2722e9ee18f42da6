"""Sluice for Python: what a function may use beside its parameters, and workflows written in Python.

Nothing has to be imported for the common case; see `docs/runtimes/python.md` and `docs/code-first.md`.
"""

__version__ = "0.1.0"

from . import current
from .errors import Cancelled, InvalidInput, InvalidOutput, TooLarge
from .stream import Pipe, Stream

__all__ = ["Cancelled", "InvalidInput", "InvalidOutput", "Pipe", "Stream", "TooLarge", "context"]

# Imported when first used: a worker needs none of it, and every import is in the start of every worker.
_CODE_FIRST = frozenset((
    "function", "workflow", "app", "foreach", "loop", "switch", "catch", "set", "wait", "fail", "first", "present",
    "any", "has", "range", "if_else", "run", "answers", "GraphError", "Failure", "BadExpression", "LoopLimit"))


def context():
    """The run, step, attempt, … this code runs in, and its outputs. RuntimeError outside of a task."""
    task = current.task
    if task is None:
        where = "in a forked child" if current.forked else "outside of a task"
        raise RuntimeError(f"sluice.context() {where}: it exists while Sluice runs the function")
    from .task import Context

    return Context(task)


def __getattr__(name):
    if name not in _CODE_FIRST:
        raise AttributeError(f"module 'sluice' has no attribute '{name}'")
    if current.is_worker:
        from .undecorated import find

        value = find(name)
    else:
        from .codefirst import NAMES

        value = NAMES[name]
    globals()[name] = value
    return value


def __dir__():
    return sorted({*globals(), *_CODE_FIRST})
