"""What a server that is gone has left: processes, scratch folders, spilled objects, mounts.

Processes are found by the data directory: it, or the mark that the server makes of it for its workers,
stands in their environment, their command line or their working folder, and no other server has the same.
"""

import contextlib
import hashlib
import os
import signal

SCRATCH_FOLDERS = ("scratch", "spill")


def processes(data):
    """Pids of living processes that belong to the server of this data directory (the server too)."""
    data = os.path.realpath(data)
    needle, mark = data.encode(), hashlib.sha256(data.encode()).digest()[:12].hex().encode()
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        # It may end while we look.
        with contextlib.suppress(OSError):
            texts = [_read(f"/proc/{name}/cmdline"), _read(f"/proc/{name}/environ")]
            with contextlib.suppress(OSError):
                texts.append(os.readlink(f"/proc/{name}/cwd").encode())
            text = b"\0".join(texts)
            if (_contains_path(text, needle) or mark in text) and not _is_zombie(name):
                found.append(int(name))
    return found


def _contains_path(text, path):
    """Whether `path` stands in `text` as itself or with something below it, not as the beginning of another name."""
    start = text.find(path)
    while start >= 0:
        after = text[start + len(path):start + len(path) + 1]
        if after in (b"", b"\0", b"/", b":"):
            return True
        start = text.find(path, start + 1)
    return False


def _read(path):
    with open(path, "rb") as file:
        return file.read()


def _is_zombie(pid):
    return _read(f"/proc/{pid}/stat").rsplit(b")", 1)[1].split()[0] == b"Z"


def of(data):
    """One line for each thing that is left; nothing when all is clean."""
    found = []
    for pid in processes(data):
        with contextlib.suppress(OSError):
            found.append(f"process {pid}: {_read(f'/proc/{pid}/cmdline').replace(bytes(1), b' ').decode(errors='replace')}")
    for folder in SCRATCH_FOLDERS:
        for parent, folders, files in os.walk(os.path.join(data, folder)):
            found += [f"file {os.path.join(parent, name)}" for name in files]
            found += [f"folder {os.path.join(parent, name)}" for name in folders]
    with open("/proc/self/mounts", encoding="utf-8", errors="replace") as file:
        found += [f"mount {line.strip()}" for line in file if data in line]
    with contextlib.suppress(OSError):
        found += [f"shared memory {name}" for name in os.listdir("/dev/shm") if os.path.basename(data) in name
                  and "sluice" in name]
    return found


def descriptors(pid):
    """What a process has open, for the message of a failure."""
    result = []
    for name in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):
            result.append(os.readlink(f"/proc/{pid}/fd/{name}"))
    return sorted(result)


def end_processes(data):
    """So that one test that fails does not disturb the next: ends what it has found, by pid."""
    for pid in processes(data):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
