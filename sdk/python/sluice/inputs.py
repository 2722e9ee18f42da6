"""Values on their way to the function: what frames brought, and how it is consumed.

Frames append (mutex held); the code that reads takes from the other end and returns the credit, so
that what is buffered here stays within 256 KiB and 16 elements per input, whatever its size.
"""

from _collections import deque

from . import wire
from .errors import ProtocolError


class Value:
    """One value. Its bytes are in `data`, in a range of `region`, or come in `parts`."""

    name = ""
    mode = 0
    region = None
    offset = 0
    size = 0
    parts = None  # Of a value that is or was open.
    complete = True

    def __init__(self, kind, data=None):
        self.kind = kind
        self.data = data


HOLE = Value(0)  # An element that is absent.


class Nested:
    """A list inside a list; the elements of a list input itself are an outermost one."""

    __slots__ = ("items", "closed")

    def __init__(self):
        self.items = deque()  # Value, Nested or HOLE.
        self.closed = False


class Input:
    """An input of one task that is one value. Most state is rarely needed: its defaults are the class's."""

    value = None  # Once it is there.
    absent = False  # It was announced, and turned out never to come.
    open = None   # The value that gets chunks.
    bytes_owed = 0
    elements_owed = 0
    local = False  # A default: the node sent nothing and wants no credit.

    def __init__(self, task, port):
        self.task = task
        self.port = port

    # ---- frames; mutex held ----

    def on_element(self, flags, buffer, begin, end, regions):
        if self.value is not None:
            raise ProtocolError(f"a second value on input {self.port}, which is no list")
        self.value = self._read_element(flags, buffer, begin, end, regions)

    def _read_element(self, flags, buffer, begin, end, regions):
        if end - begin < 16:
            raise ProtocolError("an element frame without its value")
        kind, name_length, mode, size = wire.VALUE.unpack_from(buffer, begin)
        if flags == wire.PLACE_INLINE and not name_length:
            return Value(kind, bytes(buffer[begin + 16 : end]))
        if flags & wire.FLAG_HOLE:
            return HOLE
        begin += 16
        value = Value(kind)
        value.mode = mode
        if name_length:
            value.name = str(buffer[begin : begin + name_length], "utf-8", "replace")
            begin += name_length
        place = flags & wire.PLACE_MASK
        if place == wire.PLACE_INLINE:
            value.data = bytes(buffer[begin:end])
        elif place == wire.PLACE_RANGE:
            value.region, value.offset, value.size = _range(buffer, begin, end, regions)
        else:
            value.size = size
            value.parts = deque()
            value.complete = False
            self.open = value
        return value

    def on_chunk(self, flags, buffer, begin, end, regions):
        if self.open is None:
            raise ProtocolError(f"a chunk on input {self.port}, where no value is open")
        if flags & wire.PLACE_MASK == wire.PLACE_RANGE:
            self.open.parts.append(_range(buffer, begin, end, regions))
        else:
            self.open.parts.append(bytes(buffer[begin:end]))

    def on_end(self, flags):
        if flags & wire.FLAG_HOLE:
            self._on_absent()
            return
        if not flags & wire.FLAG_VALUE or self.open is None:
            raise ProtocolError(f"an end on input {self.port}, where no value is open")
        self._close()

    def _on_absent(self):
        if self._has_come():
            raise ProtocolError(f"input {self.port} is said to be absent, but it has come")
        self.absent = True

    def _has_come(self):
        return self.value is not None

    def _close(self):
        self.open.complete = True
        self.open = None

    # ---- reading; any thread of the task ----

    def _block(self, ready):
        self.task.channel.wait(ready, self.task, self.port, self.return_credit)

    def return_credit(self):
        """Tells the node what was consumed, while it wants to know. Mutex held."""
        if (self.bytes_owed or self.elements_owed) and not self.task.ended:
            self.task.channel.queue(
                wire.FRAME_CREDIT, 0, self.port, self.task.handle,
                wire.CREDIT.pack(self.bytes_owed, self.elements_owed))
            self.bytes_owed = 0
            self.elements_owed = 0

    def _owe(self, bytes, elements):
        if self.local:
            return
        channel = self.task.channel
        channel.mutex.acquire()
        try:
            self.bytes_owed += bytes
            self.elements_owed += elements
            if self.bytes_owed >= wire.CREDIT_BYTES // 2 or self.elements_owed >= wire.CREDIT_ELEMENTS // 2:
                self.return_credit()
                channel.flush()
        finally:
            channel.release()

    def await_first(self):
        """Waits until something of the input has come, or it is absent."""
        if not (self._has_come() or self.absent):
            self._block(lambda: self._has_come() or self.absent)

    def take_value(self):
        """The value of an input that is no list. It may still be growing."""
        if self.value is None:
            self._block(lambda: self.value is not None)
        return self.value

    def take_part(self, value):
        """The next bytes (bytes-like) of an open value, or None at its end."""
        parts = value.parts
        if self.task.ended:
            self.task.check()
        if not parts and not value.complete:
            self._block(lambda: parts or value.complete)
        try:
            part = parts.popleft()
        except IndexError:
            return None
        if type(part) is tuple:
            region, offset, length = part
            part = region.read(offset, length) if region.is_file else region.view(offset, length)
        return part

    def consumed(self, count):
        self._owe(count, 0)

    def whole(self, value):
        """All bytes of a value, as bytes: the copy."""
        data = value.data
        if data is not None:
            return data
        if value.region is not None:
            return value.region.read(value.offset, value.size)
        parts = []
        while True:
            part = self.take_part(value)
            if part is None:
                break
            parts.append(bytes(part))
            self.consumed(len(part))
        value.data = data = parts[0] if len(parts) == 1 else b"".join(parts)
        return data

    def view(self, value):
        """All bytes of a value, in place where they are shared memory or a file."""
        if value.region is not None:
            return value.region.view(value.offset, value.size)
        return memoryview(self.whole(value))

    def pieces(self, value):
        """The bytes of a value in pieces, without ever holding all of them."""
        if value.data is not None:
            yield value.data
        elif value.region is not None:
            at, end = value.offset, value.offset + value.size
            while at < end:
                count = min(1 << 20, end - at)
                yield value.region.read(at, count) if value.region.is_file else value.region.view(at, count)
                at += count
        else:
            while True:
                part = self.take_part(value)
                if part is None:
                    return
                yield part
                self.consumed(len(part))


class ListInput(Input):
    """An input of one task that is a list, whatever the function reads it as."""

    def __init__(self, task, port):
        self.task = task
        self.port = port
        self.top = Nested()
        self.stack = [self.top]

    def on_element(self, flags, buffer, begin, end, regions):
        if self.open is not None or self.top.closed:
            raise ProtocolError(f"an element on input {self.port} while a value is open there, or after its end")
        items = self.stack[-1].items
        if end - begin >= 16 and buffer[begin] == wire.KIND_LIST and not flags & wire.FLAG_HOLE:
            nested = Nested()
            items.append(nested)
            self.stack.append(nested)
        else:
            items.append(self._read_element(flags, buffer, begin, end, regions))

    def _has_come(self):
        return bool(self.top.items) or self.top.closed

    def on_end(self, flags):
        if flags & wire.FLAG_HOLE:
            self._on_absent()
        elif flags & wire.FLAG_VALUE:
            if self.open is not None:
                self._close()
            elif len(self.stack) > 1:
                self.stack.pop().closed = True
            else:
                raise ProtocolError(f"the end of a value on input {self.port}, where none is open")
        elif self.open is not None or len(self.stack) > 1 or self.top.closed:
            raise ProtocolError(f"the end of input {self.port} while something is open, or after its end")
        else:
            self.top.closed = True

    def take_element(self, nested=None):
        """The next Value, Nested or HOLE; None at the end of the list."""
        nested = nested or self.top
        items = nested.items
        if self.task.ended:
            self.task.check()
        if not items and not nested.closed:
            self._block(lambda: items or nested.closed)
        try:
            item = items.popleft()
        except IndexError:
            return None
        self._owe(0, 1)
        return item


def _range(buffer, begin, end, regions):
    if end - begin != wire.RANGE_SIZE:
        raise ProtocolError("a range of a wrong size")
    id, _, offset, length = wire.RANGE.unpack_from(buffer, begin)
    region = regions.get(id)
    if region is None:
        raise ProtocolError(f"a range in region {id}, which is not mapped")
    if offset + length > region.size:
        raise ProtocolError(f"a range beyond the end of region {id}")
    return region, offset, length
