"""JSON text, without importing `json`: that pulls in `re` and `enum`, a third of the start of a worker.

The C halves of the standard library's encoder and decoder are used directly; where they are missing
or look different, `json` itself is used.
"""

import sys

from .errors import TooLarge

DEPTH_MAX = 64
TEXT_MAX = 16 * 1024 * 1024


class NotJson(ValueError):
    """The value or text is not JSON; the message says why, for people."""


def _refuse_constant(name):
    raise NotJson(f"{name} is not JSON")


class _Decoding:
    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = staticmethod(_refuse_constant)
    memo = {}


try:
    from _json import make_scanner

    _scan = make_scanner(_Decoding)
except Exception:  # Another Python than CPython, or a later one.
    from json.scanner import py_make_scanner

    from json.decoder import JSONArray, JSONObject, scanstring

    _Decoding.parse_object = staticmethod(JSONObject)
    _Decoding.parse_array = staticmethod(JSONArray)
    _Decoding.parse_string = staticmethod(scanstring)
    _scan = py_make_scanner(_Decoding)


def loads(data):
    """Parses UTF-8 bytes. Raises NotJson."""
    try:
        text = str(data, "utf-8").strip(" \t\n\r")
        try:
            value, end = _scan(text, 0)
        except SystemError:  # The C code takes its exception from this module, and only if it is there.
            import json.decoder

            value, end = _scan(text, 0)
    except StopIteration:
        raise NotJson("it is not JSON" if len(data) else "it is empty, which is not JSON") from None
    except UnicodeDecodeError as error:
        raise NotJson(f"it is not UTF-8 (byte {error.start})") from None
    except RecursionError:
        raise NotJson(f"it is nested deeper than {DEPTH_MAX}") from None
    except ValueError as error:
        raise NotJson(str(error)) from None
    if end != len(text):
        raise NotJson(f"something follows the value (character {end})")
    return value


def _convert(value):
    """What JSON does not know: numpy's scalars are numbers, all else is a mistake with an advice."""
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        if isinstance(value, numpy.generic):
            return value.item()
        if isinstance(value, numpy.ndarray):
            raise NotJson("a numpy array is not JSON: declare the output as `array`, or return .tolist()")
    name = type(value).__name__
    if isinstance(value, (set, frozenset)):
        raise NotJson(f"a {name} is not JSON (it has no order): return sorted(...) or a list")
    if isinstance(value, (bytes, bytearray, memoryview)):
        raise NotJson(f"{name} inside a JSON value: decode it, or give it an output of type `bytes`")
    if hasattr(type(value), "__fspath__"):
        raise NotJson("a path inside a JSON value: return str(path), or give it an output of type `file`")
    if hasattr(type(value), "__dataclass_fields__"):
        raise NotJson(f"{name} is a dataclass: return dataclasses.asdict(...)")
    raise NotJson(f"{name} is not JSON: return dicts, lists, str, numbers, bool or None")


def _make_encode():
    try:
        from _json import encode_basestring, make_encoder

        def encode(value):
            return "".join(make_encoder({}, _convert, encode_basestring, None, ":", ",", False, False, False)(value, 0))

        if encode({"a": [1, "é", None]}) != '{"a":[1,"é",null]}':
            raise ImportError
    except Exception:

        def encode(value):
            from json import dumps as json_dumps

            return json_dumps(
                value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_convert)

    return encode


_encode = _make_encode()


def _check_depth(value):
    """Level by level: as fast as a comprehension, and no recursion. Cycles were found before."""
    containers = (dict, list, tuple)
    level = [value] if isinstance(value, containers) else []
    depth = 0
    while level:
        depth += 1
        if depth > DEPTH_MAX:
            raise NotJson(f"it is nested deeper than {DEPTH_MAX}")
        level = [
            child
            for parent in level
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, containers)
        ]


def dumps(value):
    """Encodes to UTF-8 bytes. Raises NotJson, or TooLarge beyond 16 MiB."""
    try:
        text = _encode(value)
        data = text.encode()
    except NotJson:
        raise
    except RecursionError:
        raise NotJson(f"it is nested deeper than {DEPTH_MAX}") from None
    except UnicodeEncodeError as error:
        raise NotJson(f"a str in it has a lone surrogate ({error.object[error.start]!r}), which is not Unicode text") from None
    except ValueError as error:
        if "ircular" in str(error):
            raise NotJson("it contains itself") from None
        raise NotJson(f"{error}: NaN and infinity are not JSON, use None or text") from None
    except TypeError as error:
        raise NotJson(str(error)) from None
    if len(data) > TEXT_MAX:
        raise TooLarge(
            f"{len(data)} bytes of JSON are more than {TEXT_MAX}: return bytes, an array or a file, "
            "or a list whose elements are smaller")
    if text.count("[") + text.count("{") > DEPTH_MAX:
        _check_depth(value)
    return data
