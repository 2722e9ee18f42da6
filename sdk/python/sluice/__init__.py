"""Sluice for Python: what a function may use beside its parameters.

Nothing has to be imported for the common case; see `docs/runtimes/python.md`.
"""

__version__ = "0.1.0"

from . import current
from .errors import Cancelled, InvalidInput, InvalidOutput, TooLarge
from .stream import Pipe, Stream

__all__ = ["Cancelled", "InvalidInput", "InvalidOutput", "Pipe", "Stream", "TooLarge", "context"]


def context():
    """The run, step, attempt, … this code runs in, and its outputs. RuntimeError outside of a task."""
    task = current.task
    if task is None:
        where = "in a forked child" if current.forked else "outside of a task"
        raise RuntimeError(f"sluice.context() {where}: it exists while Sluice runs the function")
    from .task import Context

    return Context(task)
