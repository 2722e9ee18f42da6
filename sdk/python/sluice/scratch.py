"""Files of a task: inputs that the function takes as a path, and what it leaves behind."""

import os

from .errors import InvalidInput


def remove_tree(path):
    """Removes a file or folder, never following links; what cannot be removed stays."""
    try:
        os.unlink(path)
        return
    except IsADirectoryError:
        pass
    except OSError:
        return
    try:
        with os.scandir(path) as entries:
            names = [entry.path for entry in entries]
        for name in names:
            remove_tree(name)
        os.rmdir(path)
    except OSError:
        pass


class Scratch:
    """The files that the inputs of one task became."""

    __slots__ = ("_prefix", "_count", "_regions")

    def __init__(self, folder, handle):
        self._prefix = f"{folder}/.in-{os.getpid()}-{handle}"
        self._count = 0
        self._regions = []  # Their descriptors are open while the links to them exist.

    def file(self, port, input, value):
        """A path with the right last component whose content is the value."""
        name = value.name or port
        if "/" in name or "\0" in name or name in (".", ".."):
            raise InvalidInput(f"input `{port}`: {name!r} is no file name")
        self._count += 1
        folder = f"{self._prefix}-{self._count}"
        os.mkdir(folder, 0o700)
        path = f"{folder}/{name}"
        region = value.region
        if region is not None and region.is_file and value.offset == 0 and value.size == region.size:
            # With the number of this process, so that the children of the function can open it, too.
            os.symlink(f"/proc/{os.getpid()}/fd/{region.fd}", path)
            self._regions.append(region)
            return path
        fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        try:
            for piece in input.pieces(value):
                piece = memoryview(piece)
                while len(piece):
                    piece = piece[os.write(fd, piece) :]
            os.fchmod(fd, (value.mode or 0o644) & 0o777)
        finally:
            os.close(fd)
        return path

    def clear(self):
        for number in range(1, self._count + 1):
            remove_tree(f"{self._prefix}-{number}")
        self._count = 0
        self._regions.clear()
