"""Memory and files that the node shows to this worker (`map` frames)."""

import mmap
import os


class Region:
    """One mapped file. Views of it keep the mapping alive, so it goes when the last of them goes."""

    __slots__ = ("id", "fd", "size", "writable", "is_file", "_map", "_view")

    def __init__(self, id, fd, size, writable, is_file):
        self.id = id
        self.fd = fd
        self.size = size
        self.writable = writable
        self.is_file = is_file
        self._map = None
        self._view = None

    def __del__(self):
        try:
            os.close(self.fd)
        except OSError:
            pass

    def _whole(self):
        if self._view is None:
            access = mmap.PROT_READ | (mmap.PROT_WRITE if self.writable else 0)
            self._map = mmap.mmap(self.fd, self.size, flags=mmap.MAP_SHARED, prot=access)
            self._view = memoryview(self._map)
        return self._view

    def view(self, offset, length):
        """The bytes in place, read-only."""
        if length == 0:
            return memoryview(b"")
        return self._whole()[offset : offset + length].toreadonly()

    def read(self, offset, length):
        """A copy of the bytes. Files are read, not mapped: no page faults, and nothing to unmap."""
        if not self.is_file:
            return bytes(self.view(offset, length))
        parts = []
        while length > 0:
            part = os.pread(self.fd, min(length, 1 << 30), offset)
            if not part:
                raise OSError("a mapped file has become shorter")
            parts.append(part)
            offset += len(part)
            length -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def write(self, offset, data):
        """Writes bytes-like data into a granted range."""
        if not self.is_file:
            self._whole()[offset : offset + len(data)] = data
            return
        while len(data):
            count = os.pwrite(self.fd, data, offset)
            data = memoryview(data)[count:]
            offset += count

    def writable_view(self, offset, length):
        """The range in place, to write into, or None where it has to be written with `write`."""
        return None if self.is_file else self._whole()[offset : offset + length]
