"""Ways to read an input while it is being written."""

import io


class Stream:
    """The elements of a list, one by one, as they arrive: `def merge(counts: Stream[dict]): ...`.

    It can be iterated once. A hole (an absent element) is None. In a unit test make one yourself:
    `merge(Stream([{"a": 1}, {"b": 2}]))`.
    """

    __slots__ = ("_take",)

    def __init__(self, elements=()):
        self._take = iter(elements).__next__

    def __iter__(self):
        return self

    def __next__(self):
        return self._take()

    __class_getitem__ = classmethod(type(list[int]))  # Stream[T], without importing typing.


class Pipe(io.RawIOBase):
    """The bytes of one value as they come: `def count(text: Pipe): for line in text: ...`.

    A raw binary file: `read(n)` gives up to n bytes as soon as there are some, `read()` all, iterating
    gives lines, `chunks()` what arrives as it arrives; io.BufferedReader and io.TextIOWrapper take it.
    `name` is the name of a file, else "". In a unit test: `count(Pipe(b"..."))`, or of an iterable of bytes.
    """

    def __init__(self, data=b"", name=""):
        if isinstance(data, (bytes, bytearray, memoryview)):
            data = (data,)
        self._more = iter(data).__next__
        self._chunk = memoryview(b"")
        self.name = name

    def readable(self):
        return True

    def _fill(self):
        """True when there is a byte to read in _chunk."""
        while not len(self._chunk):
            try:
                self._chunk = memoryview(self._more()).cast("B")
            except StopIteration:
                return False
        return True

    def _checked(self):
        if self.closed:
            raise ValueError("read of a closed pipe")

    def readinto(self, buffer):
        self._checked()
        target = memoryview(buffer).cast("B")
        if not len(target) or not self._fill():
            return 0
        count = min(len(target), len(self._chunk))
        target[:count] = self._chunk[:count]
        self._chunk = self._chunk[count:]
        return count

    def read(self, size=-1):
        self._checked()
        if size is None or size < 0:
            return self.readall()
        if size == 0 or not self._fill():
            return b""
        data = bytes(self._chunk[:size])
        self._chunk = self._chunk[size:]
        return data

    def readall(self):
        return b"".join(self.chunks())

    def readline(self, size=-1):
        self._checked()
        limit = -1 if size is None else size
        parts = []
        while limit != 0 and self._fill():
            head = bytes(self._chunk if limit < 0 else self._chunk[:limit])
            stop = head.find(b"\n") + 1
            part = head[:stop] if stop else head
            self._chunk = self._chunk[len(part) :]
            parts.append(part)
            if stop:
                break
            limit -= len(part) if limit > 0 else 0
        return b"".join(parts)

    def chunks(self):
        """What arrives, as it arrives: bytes of any length but 0."""
        while self._fill():
            chunk, self._chunk = bytes(self._chunk), memoryview(b"")
            yield chunk
