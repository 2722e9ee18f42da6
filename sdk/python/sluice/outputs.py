"""From what the function gives to frames: kinds, encodings, and the three ways a value travels.

Up to 16 KiB a value is inline; larger ones are written in place into a range that the node grants,
or in copy mode sent in pieces under credit.
"""

import os
import stat
import sys

from . import jsontext, wire
from .errors import InvalidOutput, ProtocolError, TooLarge

_PIECE = 48 * 1024
_INT_MIN, _INT_MAX = -(2**63), 2**63 - 1


class Output:
    """One declared output."""

    __slots__ = ("port", "bit", "name", "type", "optional", "is_list", "element", "encode")

    def __init__(self, port, name, type, optional):
        self.port = port
        self.bit = 1 << port  # In Task.filled.
        self.name = name
        self.type = type
        self.optional = optional or type.head == "optional"
        plain = type.plain
        self.is_list = plain.head == "list"
        self.element = plain.inner if self.is_list else plain
        self.encode = _ENCODERS[self.element.plain.head]

    def wrong(self, what):
        return InvalidOutput(f"output `{self.name}`: {what}")


class _File:
    """A file that becomes a value: read in pieces, so that its size does not matter."""

    __slots__ = ("fd", "size", "path")

    def __init__(self, fd, size, path):
        self.fd = fd
        self.size = size
        self.path = path


# ---- encoders: (spec, value) -> (kind, name, mode, [bytes-like] or _File) ----


def _article(value):
    name = type(value).__name__
    return f"{'an' if name[:1] in 'aeiou' else 'a'} {name}" if value is not None else "None"


def _is_path(value):
    return hasattr(type(value), "__fspath__")


def _numpy_kind(value):
    """'array', 'scalar' or None, without importing numpy."""
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return None
    if isinstance(value, numpy.ndarray):
        return "array"
    return "scalar" if isinstance(value, numpy.generic) else None


def _raw(spec, value):
    if isinstance(value, memoryview):
        try:
            return value.cast("B") if value.c_contiguous else memoryview(value.tobytes())
        except TypeError:
            return memoryview(value.tobytes())
    return value if isinstance(value, bytes) else memoryview(value)


def _file(spec, value, kind):
    path = os.fspath(value)
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise spec.wrong(f"the file {path!r} cannot be read: {error.strerror}") from None
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        os.close(fd)
        raise spec.wrong(f"{path!r} is no regular file")
    name = os.path.basename(path)
    if isinstance(name, str):
        name = name.encode(errors="surrogateescape")
    if len(name) > wire.NAME_MAX:
        os.close(fd)
        raise spec.wrong(f"the name of the file is longer than {wire.NAME_MAX} bytes")
    if kind != wire.KIND_FILE:
        return kind, b"", 0, _File(fd, status.st_size, path)
    return kind, name, status.st_mode & 0o777, _File(fd, status.st_size, path)


def _encode_bytes(spec, value):
    if isinstance(value, (bytes, bytearray, memoryview)):
        return wire.KIND_BYTES, b"", 0, (_raw(spec, value),)
    if _is_path(value):
        return _file(spec, value, wire.KIND_BYTES)
    advice = ""
    if isinstance(value, str):
        advice = ": return text.encode(), or declare it as `text`"
    elif _numpy_kind(value):
        advice = ": return array.tobytes(), or declare it as `array`"
    raise spec.wrong(f"{_article(value)} is not bytes{advice}")


def _encode_text(spec, value):
    if not isinstance(value, str):
        advice = ": return data.decode(), or declare it as `bytes`" if isinstance(value, (bytes, bytearray)) else ""
        raise spec.wrong(f"{_article(value)} is not text{advice}")
    try:
        return wire.KIND_TEXT, b"", 0, (value.encode(),)
    except UnicodeEncodeError as error:
        raise spec.wrong(
            f"character {error.start} is a lone surrogate ({value[error.start]!r}), which is not Unicode text"
        ) from None


def _json_text(spec, value):
    try:
        return wire.KIND_JSON, b"", 0, (jsontext.dumps(value),)
    except jsontext.NotJson as error:
        raise spec.wrong(str(error)) from None
    except TooLarge as error:
        raise TooLarge(f"output `{spec.name}`: {error}") from None


def _encode_json(spec, value):
    return _json_text(spec, value)


def _number(value):
    return value.item() if _numpy_kind(value) == "scalar" else value


def _encode_int(spec, value):
    value = _number(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise spec.wrong(f"{_article(value)} is no int")
    if not _INT_MIN <= value <= _INT_MAX:
        raise spec.wrong(f"the number does not fit 64 bits ({value.bit_length()} bits): return it as text")
    return wire.KIND_JSON, b"", 0, (b"%d" % value,)


def _encode_float(spec, value):
    value = _number(value)
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise spec.wrong(f"{_article(value)} is no float")
    try:
        return _json_text(spec, float(value))
    except OverflowError:
        raise spec.wrong("the number is too large for a float") from None


def _encode_bool(spec, value):
    value = _number(value)
    if not isinstance(value, bool):
        raise spec.wrong(f"{_article(value)} is no bool: return bool(...)")
    return wire.KIND_JSON, b"", 0, (b"true" if value else b"false",)


def _encode_array(spec, value):
    if not _numpy_kind(value):
        raise spec.wrong(f"{_article(value)} is no numpy array: return numpy.asarray(...)")
    from . import arrays

    try:
        return wire.KIND_ARRAY, b"", 0, arrays.to_parts(value)
    except ValueError as error:
        raise spec.wrong(str(error)) from None


def _encode_file(spec, value):
    if _is_path(value):
        return _file(spec, value, wire.KIND_FILE)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return wire.KIND_FILE, spec.name.encode(), 0o644, (_raw(spec, value),)
    advice = ": return pathlib.Path(...)" if isinstance(value, str) else ""
    raise spec.wrong(f"{_article(value)} is no file{advice}")


def _encode_any(spec, value):
    if isinstance(value, (bytes, bytearray, memoryview)):
        return _encode_bytes(spec, value)
    if isinstance(value, str):
        return _encode_text(spec, value)
    if _numpy_kind(value) == "array":
        return _encode_array(spec, value)
    if _is_path(value):
        return _encode_file(spec, value)
    return _json_text(spec, value)


def _encode_inner_list(spec, value):
    if not isinstance(value, (list, tuple)):
        raise spec.wrong(f"an element is {_article(value)}, not a list")
    inner = spec.element.plain.inner.plain.head
    if inner in ("bytes", "array", "file"):
        raise spec.wrong(f"a list inside a list holds JSON, not {inner}: emit the inner elements as one list")
    return _json_text(spec, value)


_ENCODERS = {
    "bytes": _encode_bytes, "text": _encode_text, "json": _encode_json, "int": _encode_int,
    "float": _encode_float, "bool": _encode_bool, "array": _encode_array, "file": _encode_file,
    "any": _encode_any, "list": _encode_inner_list,
}


# ---- sending ----


class Sender:
    """Sends outputs. Called with the task's emit lock: one value at a time."""

    def __init__(self, channel, shm, inline_max):
        self._channel = channel
        self._shm = shm
        self._inline_max = inline_max

    def emit(self, task, output, value):
        """Encodes and sends one value; the last frame goes out with the next flush."""
        if value is None and output.is_list and output.element.head == "optional":
            self._queue(task, wire.FRAME_EMIT, wire.FLAG_HOLE, output, wire.VALUE.pack(0, 0, 0, 0))
            return
        kind, name, mode, parts = output.encode(output, value)
        if type(parts) is _File:
            try:
                self._send_file(task, output, kind, name, mode, parts)
            finally:
                os.close(parts.fd)
            return
        size = 0
        for part in parts:
            size += len(part)
        header = wire.VALUE.pack(kind, len(name), mode, size)
        if size <= self._inline_max:
            self._await_credit(task, size)
            self._queue(task, wire.FRAME_EMIT, wire.PLACE_INLINE, output, header, name, *parts, cost=size)
        elif self._shm:
            region, offset = self._alloc(task, size)
            at = offset
            for part in parts:
                region.write(at, part)
                at += len(part)
            range = wire.RANGE.pack(region.id, 0, offset, size)
            self._queue(task, wire.FRAME_EMIT, wire.PLACE_RANGE, output, header, name, range)
        else:
            self._queue(task, wire.FRAME_EMIT, wire.PLACE_OPEN, output, header, name)
            for part in parts:
                self.grow(task, output, part)
            self._queue(task, wire.FRAME_SEAL, 0, output)

    def _await_credit(self, task, size):
        if task.credit < size:
            self._channel.wait(lambda: task.credit >= size, task)

    def _queue(self, task, type, flags, output, *parts, cost=0):
        """`cost`: of the credit, which was waited for; frames that add to it may come in any thread."""
        channel = self._channel
        channel.mutex.acquire()
        try:
            if task.ended:
                task.check()
            task.credit -= cost
            channel.queue(type, flags, output.port, task.handle, *parts)
        finally:
            channel.release()

    def grow(self, task, output, data):
        """Sends bytes of the value that is open on this output, under credit."""
        data = memoryview(data)
        for at in range(0, len(data), _PIECE):
            piece = data[at : at + _PIECE]
            self._await_credit(task, len(piece))
            self._queue(task, wire.FRAME_GROW, 0, output, piece, cost=len(piece))

    def _alloc(self, task, size):
        """(region, offset) of a granted range."""
        task.send(wire.FRAME_ALLOC, 0, 0, wire.SIZE.pack(size))
        self._channel.wait(lambda: task.grant is not None, task)
        (granted, message), task.grant = task.grant, None
        if granted is None:
            raise TooLarge(message or f"the node has no room for {size} bytes")
        region, offset, length = granted
        if length < size or not region.writable:
            raise ProtocolError(f"a grant of {length} bytes for {size}, or in a region that cannot be written")
        return region, offset

    def _send_file(self, task, output, kind, name, mode, file):
        size = file.size
        header = wire.VALUE.pack(kind, len(name), mode, size)
        done = 0
        if size <= self._inline_max:
            data = os.pread(file.fd, size, 0)
            done = len(data)
            if done == size:
                self._await_credit(task, size)
                self._queue(task, wire.FRAME_EMIT, wire.PLACE_INLINE, output, header, name, data, cost=size)
        elif self._shm:
            region, offset = self._alloc(task, size)
            done = _copy_file(file, region, offset)
            if done == size:
                range = wire.RANGE.pack(region.id, 0, offset, size)
                self._queue(task, wire.FRAME_EMIT, wire.PLACE_RANGE, output, header, name, range)
        else:
            self._queue(task, wire.FRAME_EMIT, wire.PLACE_OPEN, output, header, name)
            while done < size:
                data = os.pread(file.fd, min(_PIECE, size - done), done)
                if not data:
                    break
                self.grow(task, output, data)
                done += len(data)
            if done == size:
                self._queue(task, wire.FRAME_SEAL, 0, output)
        if done != size or os.fstat(file.fd).st_size != size:
            raise output.wrong(f"the file {file.path!r} changed its size while it was read")


def _copy_file(file, region, offset):
    """Copies the file into a granted range; how many bytes there were."""
    target = region.writable_view(offset, file.size)
    done = 0
    while done < file.size:
        if target is not None:
            count = os.preadv(file.fd, [target[done : done + (1 << 22)]], done)
        else:
            data = os.pread(file.fd, min(1 << 20, file.size - done), done)
            count = len(data)
            region.write(offset + done, data)
        if not count:
            break
        done += count
    return done
