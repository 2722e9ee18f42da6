"""From an input's bytes to what the parameter is annotated as.

At load each port gets a reader, `read(task, input) -> value`, compiled from the port's type and the
annotation; a call then makes no decision twice. Element readers take (task, input, value).
"""

import sys

from . import jsontext, wire
from .errors import InvalidInput
from .inputs import HOLE, Input, ListInput, Nested, Value
from .porttype import ANY, PortType
from .stream import Pipe, Stream

_INT_MIN, _INT_MAX = -(2**63), 2**63 - 1
_NUMBERS = frozenset(("json", "int", "float", "bool"))


def _wrong(name, what):
    return InvalidInput(f"input `{name}`: {what}")


# ---- annotations ----


def _arguments(annotation):
    return getattr(annotation, "__args__", None) or ()


def _origin(annotation):
    return getattr(annotation, "__origin__", None)


def strip_optional(annotation):
    """`T | None` and Optional[T] say T here; Annotated[T, …] too."""
    arguments = _arguments(annotation)
    if type(None) in arguments and _origin(annotation) is not dict:
        rest = [each for each in arguments if each is not type(None)]
        return rest[0] if len(rest) == 1 else None
    if hasattr(annotation, "__metadata__"):
        return _origin(annotation)
    return annotation


def _is(annotation, name, module):
    """Whether the annotation is module.name, without importing module."""
    loaded = sys.modules.get(module)
    wanted = getattr(loaded, name, None)
    return wanted is not None and (annotation is wanted or _origin(annotation) is wanted)


def _is_path(annotation):
    pathlib = sys.modules.get("pathlib")
    return pathlib is not None and isinstance(annotation, type) and issubclass(annotation, pathlib.PurePath)


# ---- leaves: one value, by annotation or port type ----


def _json_value(name, input, value):
    try:
        return jsontext.loads(input.whole(value))
    except jsontext.NotJson as error:
        raise _wrong(name, f"{error}") from None


def _from_base64(name, text):
    from binascii import Error, a2b_base64, b2a_base64

    try:
        data = a2b_base64(text)
        if b2a_base64(data, newline=False).decode() == text:  # It skips what it does not know.
            return data
    except (Error, ValueError, TypeError):
        pass
    raise _wrong(name, "its $base64 cannot be decoded")


def json_to_bytes(name, parsed):
    """A JSON value where bytes are wanted: a string is UTF-8, {"$base64": …} is decoded."""
    if isinstance(parsed, str):
        return parsed.encode()
    if isinstance(parsed, dict) and len(parsed) == 1 and "$base64" in parsed:
        return _from_base64(name, parsed["$base64"])
    raise _wrong(name, f"is JSON ({type(parsed).__name__}), not bytes")


def _bytes_reader(name, head):
    if head in _NUMBERS:
        as_text = _text_reader(name)

        def read_json(task, input, value):
            if value.kind == wire.KIND_TEXT:
                return jsontext.dumps(as_text(task, input, value))
            return input.whole(value)

        return read_json
    if head == "any":
        return lambda task, input, value: input.whole(value)

    def read(task, input, value):
        if value.kind == wire.KIND_JSON:
            return json_to_bytes(name, _json_value(name, input, value))
        data = value.data
        return data if data is not None else input.whole(value)

    return read


def _view_reader(name, head):
    whole = _bytes_reader(name, head)

    def read(task, input, value):
        if value.kind == wire.KIND_JSON:
            return memoryview(whole(task, input, value))
        return input.view(value)

    return read


def _text_reader(name):
    def read(task, input, value):
        if value.kind == wire.KIND_JSON:
            parsed = _json_value(name, input, value)
            if not isinstance(parsed, str):
                raise _wrong(name, f"is JSON ({type(parsed).__name__}), not text")
            return parsed
        data = input.whole(value)
        try:
            return str(data, "utf-8")
        except UnicodeDecodeError as error:
            raise _wrong(
                name, f"is not UTF-8 text (byte {error.start} is 0x{data[error.start]:02x}); take it as bytes"
            ) from None

    return read


def checked_number(name, head, parsed):
    """A parsed JSON value as int, float or bool."""
    if head == "int":
        if isinstance(parsed, float) and parsed.is_integer():
            parsed = int(parsed)
        if isinstance(parsed, int) and not isinstance(parsed, bool):
            if _INT_MIN <= parsed <= _INT_MAX:
                return parsed
            raise _wrong(name, f"{parsed} does not fit 64 bits")
    elif head == "float":
        if isinstance(parsed, (int, float)) and not isinstance(parsed, bool):
            try:
                return float(parsed)
            except OverflowError:
                raise _wrong(name, "the number is too large for a float") from None
    elif isinstance(parsed, bool):
        return parsed
    shown = repr(parsed)
    raise _wrong(name, f"{shown[:80]} is no {head}")


def _json_reader(name, head):
    as_text = _text_reader(name)

    def read(task, input, value):
        if value.kind == wire.KIND_TEXT and head == "json":
            return as_text(task, input, value)
        if value.kind != wire.KIND_JSON:
            raise _wrong(name, f"is {wire.KIND_NAMES.get(value.kind, value.kind)}, not {head}")
        parsed = _json_value(name, input, value)
        return parsed if head == "json" else checked_number(name, head, parsed)

    return read


def _array_reader(name, head):
    def read(task, input, value):
        from . import arrays

        if value.kind == wire.KIND_JSON:
            raise _wrong(name, "is JSON, not an array: numpy.asarray(...) of a `json` port makes one")
        try:
            return arrays.from_view(input.view(value), value.kind, head)
        except ValueError as error:
            raise _wrong(name, str(error)) from None

    return read


def _file_reader(name):
    def read(task, input, value):
        from pathlib import Path

        return Path(task.file_of(name, input, value))

    return read


def _any_reader(name):
    by_kind = {
        wire.KIND_BYTES: _bytes_reader(name, "bytes"),
        wire.KIND_TEXT: _text_reader(name),
        wire.KIND_JSON: _json_reader(name, "json"),
        wire.KIND_ARRAY: _array_reader(name, "array"),
        wire.KIND_FILE: _file_reader(name),
    }

    def read(task, input, value):
        reader = by_kind.get(value.kind)
        if reader is None:
            raise _wrong(name, f"is of an unknown kind ({value.kind})")
        return reader(task, input, value)

    return read


def _leaf(name, type, annotation):
    head = type.head
    if annotation is bytes:
        return _bytes_reader(name, head)
    if annotation is memoryview:
        return _view_reader(name, head)
    if annotation is str and head in ("bytes", "text", "file", "any", "pipe"):
        return _text_reader(name)
    if _is(annotation, "ndarray", "numpy"):
        return _array_reader(name, head)
    if _is_path(annotation):
        return _file_reader(name)
    if head == "bytes":
        return _bytes_reader(name, head)
    if head == "text":
        return _text_reader(name)
    if head == "array":
        return _array_reader(name, head)
    if head == "file":
        return _file_reader(name)
    if head == "any":
        return _any_reader(name)
    return _json_reader(name, head)


# ---- lists, streams, pipes ----


def _plain_of(parsed, name, type):
    """An already parsed JSON value as `type`: elements of an inner list that travelled as one value."""
    type, optional = type.plain, type.head == "optional"
    if parsed is None and (optional or type.head in ("json", "any")):
        return None
    head = type.head
    if head in ("json", "any"):
        return parsed
    if head in _NUMBERS:
        return checked_number(name, head, parsed)
    if head == "list":
        if not isinstance(parsed, list):
            raise _wrong(name, f"an element is {type_name(parsed)}, not a list")
        return [_plain_of(each, name, type.inner) for each in parsed]
    if head == "text":
        if not isinstance(parsed, str):
            raise _wrong(name, f"an element is {type_name(parsed)}, not text")
        return parsed
    if head == "bytes":
        return json_to_bytes(name, parsed)
    raise _wrong(name, f"an element is JSON, not {head}")


def type_name(parsed):
    return {"dict": "a JSON object", "list": "a JSON array", "str": "text", "NoneType": "null"}.get(
        type(parsed).__name__, type(parsed).__name__)


def _element_reader(name, type, annotation):
    """read(task, input, item) for an element of a list: a Value, a Nested or a hole."""
    annotation = strip_optional(annotation)
    plain = type.plain
    if plain.head in ("list", "stream"):
        arguments = _arguments(annotation)
        element = _element_reader(name, plain.inner, arguments[0] if arguments else None)

        def read_list(task, input, item):
            if item is HOLE:
                return None
            if not isinstance(item, Nested):
                return _plain_of(_json_value(name, input, item), name, plain)
            found = []
            while True:
                each = input.take_element(item)
                if each is None:
                    return found
                found.append(element(task, input, each))

        return read_list
    leaf = _leaf(name, plain, annotation)

    def lists():
        return _element_reader(name, PortType("list", ANY), None)

    def read(task, input, item):
        if item is HOLE:
            return None
        if isinstance(item, Nested):
            if plain.head == "any":
                return lists()(task, input, item)
            raise _wrong(name, f"an element is a list, not {plain.head}")
        return leaf(task, input, item)

    return read


def _list_reader(name, element):
    def read(task, input):
        found = []
        take = input.take_element
        while True:
            item = take()
            if item is None:
                return found
            found.append(element(task, input, item))

    return read


def _stream_reader(name, element):
    def read(task, input):
        def take():
            item = input.take_element()
            if item is None:
                raise StopIteration
            return element(task, input, item)

        stream = Stream()
        stream._take = take
        return stream

    return read


def _pipe_reader(name):
    def read(task, input):
        value = input.take_value()
        if value is HOLE:
            return None
        return Pipe(input.pieces(value), value.name)

    return read


def compile_reader(name, type, annotation):
    """read(task, input) for a port of `type` whose parameter is annotated so (None: not annotated)."""
    annotation = strip_optional(annotation)
    type = type.plain
    arguments = _arguments(annotation)
    if type.head in ("list", "stream"):
        element = _element_reader(name, type.inner, arguments[0] if len(arguments) == 1 else None)
        if annotation is Stream or _origin(annotation) is Stream:
            return _stream_reader(name, element)
        if type.head == "stream" and annotation is not list and _origin(annotation) is not list:
            return _stream_reader(name, element)
        return _list_reader(name, element)
    if annotation is Pipe or type.head == "pipe" and not (
            annotation in (bytes, str, memoryview) or _is_path(annotation)):
        return _pipe_reader(name)
    single = _leaf(name, type, annotation)

    def read(task, input):
        value = input.value or input.take_value()
        return None if value is HOLE else single(task, input, value)

    return read


def _default(name, type, default):
    """What frames would have brought for a default, a JSON value."""
    optional, type = type.head == "optional", type.plain
    head = type.head
    if head in ("list", "stream"):
        if not isinstance(default, list):
            raise ValueError(f"the default of input `{name}` is {type_name(default)}, not a list")
        nested = Nested()
        nested.items.extend(_default(name, type.inner, each) for each in default)
        nested.closed = True
        return nested
    if default is None and (optional or head not in ("json", "any")):
        return HOLE
    if head in ("bytes", "pipe", "file"):
        value = Value(wire.KIND_FILE if head == "file" else wire.KIND_BYTES, json_to_bytes(name, default))
        value.name = name if head == "file" else ""
        return value
    if head == "text":
        if not isinstance(default, str):
            raise ValueError(f"the default of input `{name}` is {type_name(default)}, not text")
        return Value(wire.KIND_TEXT, default.encode())
    if head == "array":
        raise ValueError(f"input `{name}`: an array has no default")
    if head in ("int", "float", "bool"):
        checked_number(name, head, default)
    return Value(wire.KIND_JSON, jsontext.dumps(default))


def default_input(name, type, default, task, port):
    """An input that holds its default, as if it had been sent."""
    found = _default(name, type, default)
    if isinstance(found, Nested):
        input = ListInput(task, port)
        input.top = found
    else:
        input = Input(task, port)
        input.value = found
    input.local = True
    return input
