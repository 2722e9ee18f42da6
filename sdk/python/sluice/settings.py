"""The options of functions, steps and workflows: checked, and spelled as in sluice.yaml."""

import re

from .graph_error import GraphError, did_you_mean

_DURATION = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?(?:ns|us|µs|ms|s|m|h|d))+")
_RETRY = ("attempts", "backoff", "factor", "max_backoff", "jitter", "errors")


def check_names(given, known, what):
    for name in given:
        if name not in known:
            raise GraphError(f"{what} has no option '{name}'", did_you_mean(name, known))


def duration(value, what):
    """`30s`, a number of seconds, or a timedelta."""
    if isinstance(value, str) and _DURATION.fullmatch(value):
        return value
    if hasattr(value, "total_seconds"):
        value = value.total_seconds()
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < 1e9:
        if value == int(value):
            return f"{int(value)}s"
        return f"{round(value * 1e6)}us" if round(value * 1e3) != value * 1e3 else f"{round(value * 1e3)}ms"
    raise GraphError(f"{what}: {value!r} is not a duration", "write '30s', '250ms', '10m', or a number of seconds")


def error_names(errors, what):
    """Names of errors: texts, or classes of exceptions."""
    if isinstance(errors, (str, type)):
        errors = [errors]
    names = []
    for each in errors:
        if isinstance(each, type) and issubclass(each, BaseException):
            each = each.__name__
        if not isinstance(each, str) or not each:
            raise GraphError(f"{what}: {each!r} is no error", "give classes of exceptions or names: [OSError, 'Timeout']")
        names.append(each)
    return names


def retry(value):
    if isinstance(value, int) and not isinstance(value, bool):
        value = {"attempts": value}
    if not isinstance(value, dict):
        raise GraphError(f"retry: {value!r} says nothing", "retry=3, or retry={'attempts': 3, 'backoff': '1s'}")
    check_names(value, _RETRY, "retry")
    result = {}
    for name in _RETRY:  # In this order, whatever the author's is.
        if name not in value:
            continue
        each = value[name]
        if name in ("backoff", "max_backoff"):
            each = duration(each, f"retry: {name}")
        elif name == "errors":
            each = error_names(each, "retry")
        elif name == "jitter":
            if each not in ("full", "none"):
                raise GraphError(f"retry: jitter is 'full' or 'none', not {each!r}")
        elif not isinstance(each, (int, float)) or isinstance(each, bool) or each < 1:
            raise GraphError(f"retry: {name} is a number of at least 1, not {each!r}")
        result[name] = each
    return result


def _resources(value):
    if not isinstance(value, dict):
        raise GraphError("resources is a dict", "resources={'cpu': 0.5, 'memory': '256Mi'}")
    check_names(value, ("cpu", "memory"), "resources")
    return dict(value)


def _flag(name):
    def check(value):
        if not isinstance(value, bool):
            raise GraphError(f"{name} is True or False, not {value!r}")
        return value
    return check


def _word(name, *words):
    def check(value):
        if value not in words:
            raise GraphError(f"{name} is {' or '.join(repr(word) for word in words)}, not {value!r}")
        return value
    return check


def _count(name):
    def check(value):
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise GraphError(f"{name} is a number of at least 1, not {value!r}")
        return value
    return check


def _texts(name):
    def check(value):
        if not isinstance(value, dict) or not all(isinstance(each, str) for pair in value.items() for each in pair):
            raise GraphError(f"{name} is a dict of texts")
        return dict(value)
    return check


def _workers(value):
    if not isinstance(value, dict):
        raise GraphError("workers is a dict", "workers={'min': 1, 'max': 4, 'idle': '10m'}")
    check_names(value, ("min", "max", "idle"), "workers")
    return {name: duration(each, "workers: idle") if name == "idle" else each for name, each in value.items()}


_CHECKS = {
    "resources": _resources,
    "timeout": lambda value: duration(value, "timeout"),
    "retry": retry,
    "env": _texts("env"),
    "replay": _word("replay", "never"),
    "cache": _flag("cache"),
    "parallel": _count("parallel"),
    "workers": _workers,
    "start": _word("start", "auto", "ready", "early"),
    "on_failure": _word("on_failure", "stop", "continue"),
    "durability": _word("durability", "durable", "express"),
    "keep": _word("keep", "outputs", "all"),
}
FUNCTION_KEYS = ("resources", "timeout", "retry", "env", "replay", "cache", "parallel", "workers")
STEP_KEYS = ("timeout", "retry", "start", "replay", "cache", "resources")
WORKFLOW_KEYS = ("timeout", "on_failure", "durability", "keep")


def settings(given, keys):
    """Those of `keys` that are given, in this order, as they stand in the file."""
    return {key: _CHECKS[key](given[key]) for key in keys if given.get(key) is not None}
