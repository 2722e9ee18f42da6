"""Values on their way to the function: what frames brought, and how it is consumed.

Frames append (mutex held); the code that reads takes from the other end and returns the credit, so
that what is buffered here stays within 256 KiB and 16 elements per input, whatever its size.
"""

from _collections import deque

from . import wire
from .errors import ProtocolError


class Value:
    """One value. Its bytes are in `data`, in a range of `region`, or come in `parts`."""

    __slots__ = ("kind", "name", "mode", "data", "region", "offset", "size", "parts", "complete")

    def __init__(self, kind, name="", mode=0, data=None):
        self.kind = kind
        self.name = name
        self.mode = mode
        self.data = data
        self.region = None
        self.offset = 0
        self.size = 0 if data is None else len(data)
        self.parts = None
        self.complete = True


class Nested:
    """A list inside a list; the elements of a list input itself are an outermost one."""

    __slots__ = ("items", "closed")

    def __init__(self):
        self.items = deque()  # Value, Nested or None (a hole).
        self.closed = False


class Input:
    """One input of one task."""

    __slots__ = ("port", "task", "top", "stack", "open", "is_list", "bytes_owed", "elements_owed", "local")

    def __init__(self, task, port, is_list, local=False):
        self.port = port
        self.task = task
        self.is_list = is_list
        self.top = Nested()
        self.stack = [self.top]
        self.open = None  # The value that gets chunks.
        self.bytes_owed = 0
        self.elements_owed = 0
        self.local = local  # A default: the node sent nothing and wants no credit.

    # ---- frames; mutex held ----

    def on_element(self, flags, buffer, begin, end, regions):
        if self.open is not None:
            raise ProtocolError(f"an element on input {self.port} while a value is open there")
        if end - begin < 16:
            raise ProtocolError("an element frame without its value")
        items = self.stack[-1].items
        if not self.is_list and (items or self.top.closed):
            raise ProtocolError(f"a second value on input {self.port}, which is no list")
        kind, name_length, mode, size = wire.VALUE.unpack_from(buffer, begin)
        if flags & wire.FLAG_HOLE:
            items.append(None)
            return
        if kind == wire.KIND_LIST:
            nested = Nested()
            items.append(nested)
            self.stack.append(nested)
            return
        begin += 16
        name = ""
        if name_length:
            name = str(buffer[begin : begin + name_length], "utf-8", "replace")
            begin += name_length
        place = flags & wire.PLACE_MASK
        if place == wire.PLACE_INLINE:
            items.append(Value(kind, name, mode, bytes(buffer[begin:end])))
            return
        value = Value(kind, name, mode)
        if place == wire.PLACE_RANGE:
            value.region, value.offset, value.size = _range(buffer, begin, end, regions)
        else:
            value.size = size
            value.parts = deque()
            value.complete = False
            self.open = value
        items.append(value)

    def on_chunk(self, flags, buffer, begin, end, regions):
        if self.open is None:
            raise ProtocolError(f"a chunk on input {self.port}, where no value is open")
        if flags & wire.PLACE_MASK == wire.PLACE_RANGE:
            self.open.parts.append(_range(buffer, begin, end, regions))
        else:
            self.open.parts.append(bytes(buffer[begin:end]))

    def on_end(self, flags):
        if flags & wire.FLAG_VALUE:
            if self.open is not None:
                self.open.complete = True
                self.open = None
                return
            if len(self.stack) > 1:
                self.stack.pop().closed = True
                return
            raise ProtocolError(f"the end of a value on input {self.port}, where none is open")
        if self.open is not None or len(self.stack) > 1 or self.top.closed:
            raise ProtocolError(f"the end of input {self.port} while something is open, or after its end")
        self.top.closed = True

    # ---- reading; any thread of the task ----

    def _block(self, ready):
        self.task.channel.wait(ready, self.task, self.port, self.return_credit)

    def return_credit(self):
        """Tells the node what was consumed. Mutex held."""
        if self.bytes_owed or self.elements_owed:
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

    def take_value(self):
        """The value of an input that is no list. It may still be growing."""
        items = self.top.items
        if not items:
            self._block(lambda: items)
        return items[0]

    def take_element(self, nested=None):
        """(True, element) or, at the end of the list, (False, None)."""
        nested = nested or self.top
        items = nested.items
        if not items and not nested.closed:
            self._block(lambda: items or nested.closed)
        elif self.task.ended:
            self.task.check()
        try:
            item = items.popleft()
        except IndexError:
            return False, None
        self._owe(0, 1)
        return True, item

    def take_part(self, value):
        """The next bytes (bytes-like) of an open value, or None at its end."""
        parts = value.parts
        if not parts and not value.complete:
            self._block(lambda: parts or value.complete)
        elif self.task.ended:
            self.task.check()
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
