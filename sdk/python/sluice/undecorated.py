"""What code-first names are in a worker: nothing. A function of the app is the plain function that was written.

No import of the graph's code, no wrapper around a call: what a worker loads costs the start of every process.
"""


def _as_written(function=None, **_options):
    if function is None:
        return _as_written
    function.options = lambda **_: function
    return function


def _ignored(*_arguments, **_options):
    return None


class _NotHere:
    def __init__(self, name):
        self._name = name

    def options(self, **_options):
        return self

    def __call__(self, *_arguments, **_names):
        raise RuntimeError(f"sluice.{self._name} inside of a function: it belongs into a @sluice.workflow")


def find(name):
    if name in ("function", "workflow"):
        return _as_written
    if name == "app":
        return _ignored
    if name in ("GraphError", "BadExpression", "LoopLimit"):
        return type(name, (Exception,), {})
    return _NotHere(name)
