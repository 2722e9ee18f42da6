"""A document as YAML 1.2, as an author would lay it out: short things on one line, `{ a: b }`, others below each other."""

import json
import re

from .expression import number_text

_WIDTH = 100
# Texts that need no quotes anywhere: words, types, names of functions, sizes and durations that begin with a digit.
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./+-]*(?:<[A-Za-z0-9_<>]+>)?|[0-9]+(?:\.[0-9]+)?(?:ns|us|ms|s|m|h|d|B|k|K|M|G|T|[KMGT]iB?)")
# What some reader of YAML takes for something else than text.
_WORDS = frozenset(("true", "false", "null", "yes", "no", "on", "off", "nan", "inf"))
# Outside of { } an expression needs no quotes, unless YAML sees a key, a comment or an end in it.
_EXPRESSION = re.compile(r"\$\{[^\n\r\t\\]*\}")


def dump(document, comment=""):
    """The text, with a line's end. Keys keep their order."""
    lines = [f"# {line}" for line in comment.splitlines()]
    for key, value in document.items():
        if isinstance(value, dict) and key in ("functions", "workflows"):
            lines.append(f"{key}:")
            for name, each in value.items():
                lines.append(f"  {_scalar(name, True)}:")
                _members(each, 4, lines, opened=("steps",) if key == "workflows" else ())
        else:
            _member(key, value, 0, lines)
    return "\n".join(lines) + "\n"


def _members(value, indent, lines, opened=()):
    for key, each in value.items():
        if key in opened or key == "outputs" and opened:
            if not each:
                lines.append(f"{' ' * indent}{key}: {{}}")
                continue
            lines.append(f"{' ' * indent}{key}:")
            _members(each, indent + 2, lines)
        else:
            _member(key, each, indent, lines)


def _member(key, value, indent, lines):
    head = f"{' ' * indent}{_scalar(key, True)}:"
    if not isinstance(value, (dict, list)):
        lines.append(f"{head} {_scalar(value, False)}")
        return
    flow = _flow(value)
    if len(head) + 1 + len(flow) <= _WIDTH or not value:
        lines.append(f"{head} {flow}")
        return
    lines.append(head)
    if isinstance(value, dict):
        _members(value, indent + 2, lines)
        return
    for each in value:
        flow = _flow(each)
        if not isinstance(each, (dict, list)) or indent + 4 + len(flow) <= _WIDTH or not each or isinstance(each, list):
            text = flow if isinstance(each, (dict, list)) else _scalar(each, False)
            lines.append(f"{' ' * (indent + 2)}- {text}")
            continue
        inner = []
        _members(each, indent + 4, inner)
        inner[0] = f"{' ' * (indent + 2)}- {inner[0].lstrip(' ')}"
        lines.extend(inner)


def _flow(value):
    if isinstance(value, dict):
        if not value:
            return "{}"
        return "{ " + ", ".join(f"{_scalar(key, True)}: {_flow(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _scalar(value, True)


def _scalar(value, in_flow):
    if value is None:
        return "null"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return number_text(value)
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    if not in_flow and _EXPRESSION.fullmatch(value) and value.isprintable() and ": " not in value and " #" not in value:
        return value
    return _quoted(value)


def _quoted(text):
    # JSON's quoting is YAML's; what JSON leaves as it is and YAML does not allow is escaped here.
    return "".join(
        c if c.isprintable() else f"\\u{ord(c):04x}" if ord(c) < 0x10000 else f"\\U{ord(c):08x}"
        for c in json.dumps(text, ensure_ascii=False))
