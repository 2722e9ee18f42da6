"""What a task leaves behind in the process: put right where possible, else the worker is to end."""

import os
import sys
from _thread import _count as thread_count
from time import time_ns

from .scratch import remove_tree

_SETTLED_NS = 100_000_000  # The clock of file times moves in steps of up to 10 ms.


class Leftovers:
    """Compares with how the process was when its code had been loaded."""

    def __init__(self, scratch):
        self._scratch = scratch
        os.makedirs(scratch, exist_ok=True)
        self._folder = os.open(scratch, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        os.fchdir(self._folder)
        self._files = frozenset(os.listdir(self._folder))
        self._changed = 0  # When it was last seen to change; a time so recent that it may hide a change is not kept.
        self._threads = thread_count()
        self._children = self._running_children()
        self._streams = (sys.stdout, sys.stderr)

    def clear(self):
        """Restores folder, files and streams. Returns why the worker cannot go on, or ""."""
        os.fchdir(self._folder)
        if os.fstat(self._folder).st_mtime_ns != self._changed:
            for name in os.listdir(self._folder):
                if name not in self._files:
                    remove_tree(f"{self._scratch}/{name}")
            changed = os.fstat(self._folder).st_mtime_ns
            self._changed = changed if time_ns() - changed > _SETTLED_NS else 0
        sys.stdout, sys.stderr = self._streams
        if thread_count() > self._threads:
            names = self._threads_left()
            if names:
                return f"threads were left running: {names}"
        children = self._running_children() - self._children
        if children:
            return f"processes were left running: {', '.join(str(pid) for pid in sorted(children))}"
        return ""

    def _threads_left(self):
        threading = sys.modules.get("threading")
        if threading is None:
            return ""
        left = [each for each in threading.enumerate() if not each.daemon and each is not threading.main_thread()]
        return ", ".join(each.name for each in left)

    @staticmethod
    def _running_children():
        """Children of this process; those that have ended are reaped."""
        try:
            while True:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG)
                if ended is None:
                    break
        except ChildProcessError:
            return frozenset()
        found = set()
        for thread in os.listdir("/proc/self/task"):
            try:
                with open(f"/proc/self/task/{thread}/children", encoding="ascii") as file:
                    found.update(int(pid) for pid in file.read().split())
            except OSError:
                pass
        return frozenset(found)
