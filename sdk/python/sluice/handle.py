"""Handles: what stands for data while a workflow is traced. Their operators build expressions."""

import re

from . import expression as e
from .graph_error import GraphError

_INT_MIN, _INT_MAX = -(1 << 63), (1 << 63) - 1
# A handle in an f-string leaves this in the text: its number in the trace, and how it looks to people.
_SPLICE = re.compile("\ue0f0([0-9]+):([0-9]+)\ue0f2[^\ue0f1]*\ue0f1")
_DEPTH_MAX = 64


def node_of(handle):
    return object.__getattribute__(handle, "_node")


def describe(node):
    """A node for messages and repr(): what it will be in the file, as far as that is known yet."""
    try:
        return e.Writer(()).expression(node)
    except Exception:
        return "${…}"


def _no_value(what, hint):
    raise GraphError(f"{what} while the graph is built, where data is not known yet", hint)


class Handle:
    """A value of the graph. Attributes are fields of JSON, `[…]` are elements and members; see docs/code-first.md."""

    __slots__ = ("_node",)

    def __init__(self, node):
        object.__setattr__(self, "_node", node)

    # ---- looking into it ----

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        node = node_of(self)
        if isinstance(node, e.Output) and len(node.step.outputs) == 1 and node.name == name:
            raise GraphError(
                f"this is the output '{name}' of the step already: it has no other",
                f"use it as it is; a field of that name is [\"{name}\"]")
        if isinstance(node, e.Scoped) and node.kind == "error" and name not in ("name", "message"):
            raise GraphError(f"an error has no '{name}'", "there are 'name' and 'message'")
        if name in _PYTHON_NAMES:
            raise GraphError(f"'{name}' is a method of Python's, not of expressions", _PYTHON_NAMES[name])
        return Handle(e.Field(node, name))

    def __getitem__(self, at):
        if isinstance(at, slice):
            raise GraphError("a slice cannot be in a graph", "take elements one by one, or cut the list in a function")
        if isinstance(at, str) and not _SPLICE.search(at):
            if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", at) and at not in e.WORDS:
                return Handle(e.Field(node_of(self), at))
            return Handle(e.Index(node_of(self), e.Literal(at)))
        return Handle(e.Index(node_of(self), operand(at)))

    def __call__(self, *_arguments, **_names):
        raise GraphError(
            f"{describe(node_of(self))} is data and cannot be called",
            "the methods of data: size, flatten, map, filter, all, exists, exists_one, contains, startsWith, endsWith, "
            "matches, in_, int, double, string")

    # ---- operators ----

    def __add__(self, other): return _binary("+", self, other)
    def __radd__(self, other): return _binary("+", other, self)
    def __sub__(self, other): return _binary("-", self, other)
    def __rsub__(self, other): return _binary("-", other, self)
    def __mul__(self, other): return _binary("*", self, other)
    def __rmul__(self, other): return _binary("*", other, self)
    def __truediv__(self, other): return _binary("/", self, other)
    def __rtruediv__(self, other): return _binary("/", other, self)
    def __mod__(self, other): return _binary("%", self, other)
    def __rmod__(self, other): return _binary("%", other, self)
    def __lt__(self, other): return _binary("<", self, other)
    def __le__(self, other): return _binary("<=", self, other)
    def __gt__(self, other): return _binary(">", self, other)
    def __ge__(self, other): return _binary(">=", self, other)
    def __eq__(self, other): return _binary("==", self, other)
    def __ne__(self, other): return _binary("!=", self, other)
    def __and__(self, other): return _binary("&&", self, other)
    def __rand__(self, other): return _binary("&&", other, self)
    def __or__(self, other): return _binary("||", self, other)
    def __ror__(self, other): return _binary("||", other, self)
    def __invert__(self): return Handle(e.Unary("!", node_of(self)))
    def __neg__(self): return Handle(e.Unary("-", node_of(self)))

    def __floordiv__(self, _other):
        raise GraphError("'//' is not an operator of expressions", "'/' of two ints gives an int")

    __rfloordiv__ = __floordiv__

    def __pow__(self, _other):
        raise GraphError("'**' is not an operator of expressions", "multiply, or compute it in a function")

    __rpow__ = __pow__

    # ---- the functions of the language ----

    def size(self): return Handle(e.Call("size", [node_of(self)]))
    def flatten(self): return Handle(e.Method(node_of(self), "flatten"))
    def contains(self, text): return Handle(e.Method(node_of(self), "contains", [operand(text)]))
    def startsWith(self, text): return Handle(e.Method(node_of(self), "startsWith", [operand(text)]))
    def endsWith(self, text): return Handle(e.Method(node_of(self), "endsWith", [operand(text)]))
    def matches(self, pattern): return Handle(e.Method(node_of(self), "matches", [operand(pattern)]))
    def int(self): return Handle(e.Call("int", [node_of(self)]))
    def double(self): return Handle(e.Call("double", [node_of(self)]))
    def string(self): return Handle(e.Call("string", [node_of(self)]))
    def in_(self, container): return _binary("in", self, container)
    def map(self, body): return _macro(self, "map", body)
    def filter(self, body): return _macro(self, "filter", body)
    def all(self, body): return _macro(self, "all", body)
    def exists(self, body): return _macro(self, "exists", body)
    def exists_one(self, body): return _macro(self, "exists_one", body)

    # ---- what Python asks for and a graph cannot give ----

    def __bool__(self):
        _no_value("`if`, `and`, `or`, `not` or a chained comparison asks for a truth value",
                  "for a step: .options(when=…)(…); between conditions: & | ~ with parentheses; "
                  "between values: sluice.if_else(condition, a, b)")

    def __iter__(self):
        _no_value("a loop or unpacking asks for the elements",
                  "sluice.foreach(items, function) makes one task per element; items[0] is one element")

    def __len__(self): _no_value("len() asks for the size", "write x.size()")
    def __contains__(self, _item): _no_value("`in` asks for an answer", "write item.in_(items), or text.contains(part)")
    def __int__(self): _no_value("int() asks for the value", "write x.int()")
    def __float__(self): _no_value("float() asks for the value", "write x.double()")
    def __index__(self): _no_value("range() or an index of a Python list asks for the value", "sluice.range(n), sluice.foreach")

    def __setattr__(self, _name, _value):
        raise GraphError("data of a graph cannot be changed", "compute new data in a function, or in sluice.set(…)")

    def __setitem__(self, _at, _value):
        raise GraphError("data of a graph cannot be changed", "compute new data in a function, or in sluice.set(…)")

    def __hash__(self):
        raise GraphError("data of a graph cannot be a key of a dict or an element of a set", "keep it in a list")

    def __format__(self, spec):
        if spec:
            raise GraphError(f"the format ':{spec}' cannot be in a graph", "format it in a function")
        return _splice(node_of(self))

    def __str__(self):
        return _splice(node_of(self))

    def __repr__(self):
        return f"<{describe(node_of(self))}>"


_PYTHON_NAMES = {
    "startswith": "write startsWith", "endswith": "write endsWith", "items": "sluice.foreach goes over lists",
    "append": "list + [element] is a new list", "split": "a field of that name is [\"split\"]; texts are cut in a function",
    "format": "write an f-string, or a field of that name as [\"format\"]",
}


def _splice(node):
    from .trace import current_trace

    trace = current_trace()
    if trace is None:
        return describe(node)
    trace.spliced.append(node)
    return f"\ue0f0{trace.number}:{len(trace.spliced) - 1}\ue0f2{describe(node)}\ue0f1"


def _binary(operator, left, right):
    return Handle(e.Binary(operator, operand(left), operand(right)))


def _macro(handle, function, body):
    if not callable(body):
        raise GraphError(f".{function}() takes a function of one element", f"write x.{function}(lambda v: …)")
    from .trace import parameter_names

    names = parameter_names(body)
    if len(names) != 1:
        raise GraphError(f".{function}() takes a function of one element, this one has {len(names)} parameters",
                         f"write x.{function}(lambda v: …)")
    variable = e.Variable(names[0])
    value = body(Handle(variable))
    return Handle(e.Macro(node_of(handle), function, variable, operand(value)))


def lower(value, depth=0):
    """What the author gave as a value, as a node: a handle, JSON, bytes, or JSON with handles in it."""
    if isinstance(value, Handle):
        return node_of(value)
    if value is None or isinstance(value, (bool, bytes)):
        return e.Literal(value)
    if isinstance(value, int):
        if not _INT_MIN <= value <= _INT_MAX:
            raise GraphError(f"{value} does not fit 64 bits", "give it as text")
        return e.Literal(int(value))
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise GraphError(f"{value} is not JSON", "use None or a text")
        return e.Literal(float(value))
    if isinstance(value, str):
        return _lower_text(value)
    if depth > _DEPTH_MAX:
        raise GraphError(f"the value is nested deeper than {_DEPTH_MAX}")
    if isinstance(value, (list, tuple)):
        return e.ListOf(lower(item, depth + 1) for item in value)
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str) or "\ue0f0" in key:
                raise GraphError("the keys of a map are plain texts", "data can only be a value")
        return e.MapOf((str(key), lower(item, depth + 1)) for key, item in value.items())
    from .trace import StepHandle

    if isinstance(value, StepHandle):
        raise value.several()
    name = type(value).__name__
    if callable(value):
        called = getattr(value, "__name__", name)
        raise GraphError(f"'{called}' is a function, not a value", f"call it: {called}(…)")
    raise GraphError(f"{name} cannot be written into a graph",
                     "literals are None, bool, int, float, str, bytes, lists and dicts of these")


def _lower_text(text):
    if "\ue0f0" not in text:
        try:
            text.encode()
        except UnicodeEncodeError:
            raise GraphError("a text with a lone surrogate is not Unicode") from None
        return e.Literal(str(text))
    from .trace import current_trace

    trace = current_trace()
    parts, at = [], 0
    for found in _SPLICE.finditer(text):
        if found.start() > at:
            parts.append(e.Literal(text[at : found.start()]))
        if trace is None or int(found[1]) != trace.number:
            raise GraphError("the text has data of another workflow in it", "make it an input of this one")
        parts.append(trace.spliced[int(found[2])])
        at = found.end()
    if at < len(text):
        parts.append(e.Literal(text[at:]))
    if any(isinstance(part, e.Literal) and "\ue0f0" in part.value for part in parts):
        raise GraphError("a text with data in it was cut", "use the f-string as it is")
    # Alone, `${x}` would be x itself, not its text.
    return e.Call("string", parts) if len(parts) == 1 else e.Text(parts)


def operand(value):
    """The same inside an expression, where texts with data in them are sums and bytes do not exist."""
    node = lower(value)
    for each in node.walk():
        if isinstance(each, e.Literal) and isinstance(each.value, bytes):
            raise GraphError("expressions know no bytes", "use a text, or compute it in a function")
    return _without_texts(node)


def _without_texts(node):
    if isinstance(node, e.Text):
        result = None
        for part in node.parts:
            part = part if isinstance(part, e.Literal) else e.Call("string", [part])
            result = part if result is None else e.Binary("+", result, part)
        return result
    if isinstance(node, e.ListOf):
        return e.ListOf(_without_texts(item) for item in node.items)
    if isinstance(node, e.MapOf):
        return e.MapOf((key, _without_texts(item)) for key, item in node.members)
    return node


def call(function, *values):
    return Handle(e.Call(function, [operand(value) for value in values]))
