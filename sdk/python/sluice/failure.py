"""What the node is told about a failure. Imported when there is one."""

import os

from . import jsontext, wire
from .errors import Cancelled, LoadError

_HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_MESSAGE_MAX = 4096


def _is_ours(filename):
    return filename.startswith(_HERE) or filename.startswith("<frozen importlib")


def _trace(error):
    """The traceback as Python prints it, without the frames of the SDK."""
    try:
        import traceback

        found = traceback.TracebackException(type(error), error, error.__traceback__)
        pending, seen = [found], set()
        while pending:
            each = pending.pop()
            if each is None or id(each) in seen:
                continue
            seen.add(id(each))
            each.stack[:] = [frame for frame in each.stack if not _is_ours(frame.filename)]
            pending += [each.__cause__, each.__context__, *(getattr(each, "exceptions", None) or ())]
        if not found.stack and type(error).__module__ == f"{__package__}.errors":
            return ""  # The message says all: no line of the function is to blame.
        return "".join(found.format())
    except BaseException:  # A broken __str__, no memory left: the name has to do.
        return f"{type(error).__name__} (its traceback cannot be shown)\n"


def _text(error):
    try:
        return str(error)
    except BaseException:
        return "(its message cannot be shown)"


def _payload(name, message, trace, bases):
    """At most 16 KiB of JSON: the middle of the trace goes first."""
    message = message.encode("utf-8", "backslashreplace").decode()
    trace = trace.encode("utf-8", "backslashreplace").decode()
    if len(message) > _MESSAGE_MAX:
        message = message[:_MESSAGE_MAX] + " …"
    keep = 12000
    while True:
        if len(trace) > keep:
            trace = trace[: keep // 3] + "\n  … (shortened) …\n" + trace[-(keep - keep // 3) :]
        data = jsontext.dumps({"name": name[:200], "message": message, "trace": trace, "bases": bases})
        if len(data) <= wire.FAILED_MAX:
            return data
        if keep > 500:
            keep = keep * 2 // 3
        else:
            message = message[: len(message) * 2 // 3]


def describe(error):
    """The payload of `failed`."""
    if isinstance(error, Cancelled):
        return _payload("Cancelled", _text(error), "", [])
    if isinstance(error, LoadError):
        return _payload("LoadError", _text(error), error.trace, [])
    bases = [each.__name__ for each in type(error).__mro__[1:] if each is not object][:32]
    name = type(error).__name__
    message = _text(error)
    if isinstance(error, SystemExit):
        code = error.code
        name, bases = "ExitStatus", ["SystemExit", *bases]
        message = f"called sys.exit({code!r})" if code is not None else "called sys.exit()"
    elif isinstance(error, MemoryError):
        name, bases = "OutOfMemory", ["MemoryError", *bases]
        message = message or "there was not enough memory"
    return _payload(name, message, _trace(error), bases)


def load_failure(error, module_name, code):
    """A LoadError that says where, for what went wrong while a module was imported."""
    where = _place(error, code)
    if isinstance(error, ModuleNotFoundError) and error.name and module_name.startswith(error.name):
        message = f"there is no module `{error.name}` in {code}"
    elif isinstance(error, SyntaxError):
        message = f"{where}: {type(error).__name__}: {error.msg}"
    elif isinstance(error, SystemExit):
        message = f"{where}: called sys.exit({error.code!r}) while it was imported"
    else:
        message = f"{where}: {type(error).__name__}: {_text(error)}"
    return LoadError(message, _trace(error))


def _place(error, code):
    filename, line = None, None
    if isinstance(error, SyntaxError) and error.filename:
        filename, line = error.filename, error.lineno
    else:
        trace = error.__traceback__
        while trace is not None:
            at = trace.tb_frame.f_code.co_filename
            if not _is_ours(at) and (filename is None or at.startswith(code + os.sep) or not filename.startswith(code)):
                filename, line = at, trace.tb_lineno
            trace = trace.tb_next
    if filename is None:
        return code
    if filename.startswith(code + os.sep):
        filename = filename[len(code) + 1 :]
    return f"{filename}:{line}" if line else filename
