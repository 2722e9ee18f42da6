"""A small node: starts real workers and speaks the protocol with them, in both modes, checking every frame.

    with Node("def run(x): return x", outputs={"result": "bytes"}) as node:
        done = node.run(x=b"...")
        done.value("result")

It keeps the credit of both directions and notes every violation by the worker in `violations`.
"""

import array
import json
import mmap
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque

SDK = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, SDK)
from sluice import wire  # noqa: E402

PYTHON = os.environ.get("SLUICE_TEST_PYTHON", "/usr/bin/python3")
WORKER = os.path.join(SDK, "sluice", "worker.py")
DEADLINE = 120.0  # Only what hangs waits so long: a machine that is busy with other things must not fail a test.


class Value:
    """A value to send. `place`: inline, range, file, open (in pieces of `piece`), or None: as a node would."""

    def __init__(self, data, kind=wire.KIND_BYTES, name="", mode=0, place=None, piece=60000, offset=0):
        self.data = bytes(data)
        self.kind = kind
        self.name = name
        self.mode = mode
        self.place = place
        self.piece = piece
        self.offset = offset  # Of a range in its region.


class Hole:
    pass


class Sent:
    """A value that a worker emitted."""

    def __init__(self, kind, name, mode, data, place):
        self.kind = kind
        self.name = name
        self.mode = mode
        self.data = data
        self.place = place

    def json(self):
        assert self.kind == wire.KIND_JSON, self.kind
        return json.loads(self.data)


class Outcome:
    """What became of a task."""

    def __init__(self, handle, node):
        self.handle = handle
        self.node = node
        self.outputs = {}
        self.failure = None
        self.done = False
        self.started = False
        self.logs = []
        self.wants = []
        self.credit = wire.CREDIT_BYTES
        self.withhold = False  # Gives no output credit back.
        self.spent = 0
        self.open = {}
        self.feeds = {}
        self.feed_order = []
        self.sent_order = []
        self.credits = {}
        self.grants = []

    @property
    def over(self):
        return self.done or self.failure is not None

    def sent(self, name="result"):
        values = self.outputs.get(name, [])
        assert len(values) == 1, (name, values, self.failure)
        return values[0]

    def value(self, name="result"):
        assert self.failure is None, self.failure
        return self.sent(name).data

    def json(self, name="result"):
        assert self.failure is None, self.failure
        return self.sent(name).json()

    def elements(self, name="result"):
        return [each if each is None else each.data for each in self.outputs.get(name, [])]


class Feed:
    def __init__(self, port, is_list):
        self.frames = deque()  # (type, flags, payload, bytes, elements, region)
        self.bytes = wire.CREDIT_BYTES
        self.elements = wire.CREDIT_ELEMENTS if is_list else 1 << 60


class Node:
    def __init__(self, code, handler="code.run", inputs=None, outputs=None, copy=False, env=None, function="run",
                 wait_ready=True, executable=None, worker=None, defaults=None, command=None, setup=None):
        self.folder = tempfile.mkdtemp(prefix="sluice-sdk-test-")
        self.code = os.path.join(self.folder, "code")
        self.scratch = os.path.join(self.folder, "scratch")
        os.mkdir(self.code)
        os.mkdir(self.scratch)
        files = {"code.py": code} if isinstance(code, str) else code
        for name, text in files.items():
            path = os.path.join(self.code, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        self.inputs = list((inputs or {"x": "bytes"}).items())
        self.outputs = list(({"result": "json"} if outputs is None else outputs).items())
        self.copy = copy
        self.socket, theirs = socket.socketpair()
        self.log_path = os.path.join(self.folder, "log")
        with open(self.log_path, "wb") as log:
            environment = {"PATH": "/usr/bin:/bin", "LANG": "C", **(env or {}), "SLUICE_FD": str(theirs.fileno())}
            if copy:
                environment["SLUICE_COPY"] = "1"
            self.process = subprocess.Popen(
                command or [executable or PYTHON, "-S", "-s", worker or WORKER], pass_fds=[theirs.fileno()],
                env=environment, cwd=self.scratch, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True)
        theirs.close()
        self.buffer = bytearray()
        self.outgoing = deque()
        self.is_corked = False
        self.tasks = {}
        self.violations = []
        self.hello = None
        self.ready = False
        self.load_failure = None
        self.closed = False
        self.next_handle = 1
        self.next_region = 1
        self.region_files = {}
        self.outbox = None       # (region id, mmap, used)
        self.outbox_is_file = False
        self.outbox_size = 1 << 20
        self.refuse = None       # Message with which every alloc is refused.
        self.released_wants = 0
        setup = {
            "abi": 1, "function": function, "handler": handler, "code": self.code, "scratch": self.scratch,
            "memory": 1 << 30, "inline_max": wire.INLINE_MAX,
            "inputs": [
                {"name": name, "type": type, "required": not type.startswith("optional") and name not in (defaults or {}),
                 **({"default": defaults[name]} if defaults and name in defaults else {})}
                for name, type in self.inputs],
            "outputs": [
                {"name": name, "type": type, "optional": type.startswith("optional")} for name, type in self.outputs],
            **(setup or {}),
        }
        self.send(wire.FRAME_SETUP, 0, 0, 0, json.dumps(setup).encode())
        if wait_ready:
            self.until(lambda: self.ready or self.load_failure)
            assert self.ready, self.load_failure

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # ---- frames out ----

    def send(self, type, flags, port, handle, payload=b"", region=None):
        data = wire.HEADER.pack(len(payload), type, flags, port, handle) + payload
        self.outgoing.append((memoryview(data), None if region is None else os.dup(region)))
        self.push_out()

    def run_at_once(self, **inputs):
        """As run(), but the worker finds the task and all of its inputs together, however slow this process is."""
        self.is_corked = True
        task = self.start(**inputs)
        self.is_corked = False
        data = b"".join(bytes(data) for data, _ in self.outgoing)
        assert len(data) <= 4096 and not any(region for _, region in self.outgoing), "more than one write can carry"
        self.outgoing = deque([(memoryview(data), None)])
        return self.finish(task)

    def push_out(self):
        """Sends what the socket takes: a worker reads only when it has time, so the node must not block."""
        while self.outgoing and not self.is_corked:
            data, region = self.outgoing[0]
            ancillary = [] if region is None else [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [region]))]
            try:
                sent = self.socket.sendmsg([data], ancillary, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            except OSError:
                self.outgoing.clear()  # What the worker sent before it went is still to be read.
                return
            if region is not None:
                os.close(region)
            if sent == len(data):
                self.outgoing.popleft()
            else:
                self.outgoing[0] = (data[sent:], None)

    def wait_socket(self, seconds):
        """Waits until something can be read, sending meanwhile; False when nothing came in time."""
        readable, writable, _ = select.select([self.socket], [self.socket] if self.outgoing else [], [], max(0, seconds))
        if writable:
            self.push_out()
        return bool(readable or writable)

    def add_region(self, data, is_file, offset=0):
        """Maps bytes as a new region; its id."""
        id = self.next_region
        self.next_region += 1
        content = b"\xee" * offset + data
        if is_file:
            path = os.path.join(self.folder, f"region-{id}")
            with open(path, "wb") as file:
                file.write(content)
            fd = os.open(path, os.O_RDONLY)
        else:
            fd = os.memfd_create("region")
            os.truncate(fd, len(content))
            at = 0
            while at < len(content):
                at += os.pwrite(fd, memoryview(content)[at : at + (1 << 22)], at)
        self.send(wire.FRAME_MAP, 0, 0, id, wire.MAP.pack(len(content), 0, is_file), fd)
        os.close(fd)
        return id

    def _grant(self, task, size):
        if self.refuse is not None:
            self.send(wire.FRAME_GRANT, wire.FLAG_REFUSED, 0, task.handle, self.refuse.encode())
            return
        if self.outbox is None or self.outbox["used"] + size > self.outbox["size"]:
            # Grown: the same id is mapped anew while it is memory; files are one region each.
            used = self.outbox["used"] if self.outbox and not self.outbox_is_file else 0
            total = max(used + size, self.outbox_size)
            if self.outbox_is_file or self.outbox is None:
                id = self.next_region
                self.next_region += 1
                path = os.path.join(self.folder, f"outbox-{id}")
                fd = os.open(path, os.O_RDWR | os.O_CREAT) if self.outbox_is_file else os.memfd_create("outbox")
                self.outbox = {"id": id, "fd": fd, "used": 0}
            os.truncate(self.outbox["fd"], total)
            self.outbox["size"] = total
            self.send(
                wire.FRAME_MAP, 0, 0, self.outbox["id"], wire.MAP.pack(total, 1, self.outbox_is_file), self.outbox["fd"])
        offset = self.outbox["used"]
        self.outbox["used"] += -(-size // 4096) * 4096
        self.outbox["used"] = min(self.outbox["used"], self.outbox["size"])
        task.grants.append((self.outbox["id"], offset, size))
        self.send(wire.FRAME_GRANT, 0, 0, task.handle, wire.RANGE.pack(self.outbox["id"], 0, offset, size))

    # ---- tasks ----

    def start(self, about=None, send=True, **inputs):
        """Starts a task and queues its inputs; feed() sends them as credit allows."""
        handle = self.next_handle
        self.next_handle += 1
        names = [name for name, _ in self.inputs]
        ports = [names.index(name) for name in inputs]
        task = self.tasks[handle] = Outcome(handle, self)
        fields = {
            "run": "r1", "app": "a", "workflow": "w", "step": "s", "path": "s", "attempt": 1, "epoch": 1, "token": "t0k",
            "inputs": ports, **(about or {})}
        self.send(wire.FRAME_START, 0, 0, handle, json.dumps(fields).encode())
        for name, value in inputs.items():
            port = names.index(name)
            type = self.inputs[port][1]
            while type.startswith("optional<"):
                type = type[9:-1]
            is_list = type.startswith(("list", "stream"))
            task.feeds[port] = Feed(port, is_list)
            if value is None and is_list is False:
                value = Hole()
            if is_list:
                inner = type.partition("<")[2][:-1]
                if value is not ...:
                    for each in value:
                        self.push(task, name, each, inner)
                    self.end_list(task, name)
            elif value is not ...:
                self.push(task, name, value, type)
        if send:
            self.feed(task)
        return task

    def _port(self, name):
        return [each for each, _ in self.inputs].index(name)

    def _as_value(self, value, type):
        if isinstance(value, (Value, Hole)):
            return value
        if value is None and type.startswith("optional"):
            return Hole()
        if isinstance(value, (bytes, bytearray)):
            return Value(value, wire.KIND_FILE if type == "file" else wire.KIND_BYTES)
        if isinstance(value, str) and type != "json":
            return Value(value.encode(), wire.KIND_TEXT)
        return Value(json.dumps(value).encode(), wire.KIND_JSON)

    def push(self, task, name, value, type="bytes"):
        """Queues the frames of one value or element."""
        port = self._port(name)
        frames = task.feeds[port].frames
        if isinstance(value, list) and type.startswith("list"):
            frames.append((wire.FRAME_ELEMENT, wire.PLACE_OPEN, wire.VALUE.pack(wire.KIND_LIST, 0, 0, wire.SIZE_UNKNOWN), 0, 1))
            for each in value:
                self.push(task, name, each, type.partition("<")[2][:-1])
            frames.append((wire.FRAME_END, wire.FLAG_VALUE, b"", 0, 0))
            return
        value = self._as_value(value, type)
        if isinstance(value, Hole):
            frames.append((wire.FRAME_ELEMENT, wire.FLAG_HOLE, wire.VALUE.pack(0, 0, 0, 0), 0, 1))
            return
        place = value.place or (
            "inline" if len(value.data) <= wire.INLINE_MAX else "open" if self.copy else "range")
        filename = value.name.encode()
        head = wire.VALUE.pack(value.kind, len(filename), value.mode, len(value.data)) + filename
        if place == "inline":
            frames.append((wire.FRAME_ELEMENT, wire.PLACE_INLINE, head + value.data, 0, 1))
        elif place in ("range", "file"):
            id = self.add_region(value.data, place == "file", value.offset)
            range = wire.RANGE.pack(id, 0, value.offset, len(value.data))
            frames.append((wire.FRAME_ELEMENT, wire.PLACE_RANGE, head + range, 0, 1))
        else:
            frames.append((wire.FRAME_ELEMENT, wire.PLACE_OPEN, head, 0, 1))
            for at in range_of(0, len(value.data), value.piece):
                piece = value.data[at : at + value.piece]
                frames.append((wire.FRAME_CHUNK, wire.PLACE_INLINE, piece, len(piece), 0))
            frames.append((wire.FRAME_END, wire.FLAG_VALUE, b"", 0, 0))

    def make_absent(self, task, name):
        """An input that was announced turns out never to come."""
        task.feeds[self._port(name)].frames.append((wire.FRAME_END, wire.FLAG_HOLE, b"", 0, 0))

    def end_list(self, task, name):
        task.feeds[self._port(name)].frames.append((wire.FRAME_END, 0, b"", 0, 0))

    def feed(self, task):
        """Sends what the credit of each input allows; at most 256 KiB unread on the socket is the kernel's matter."""
        if task.over:
            return
        for port, feed in task.feeds.items():
            while feed.frames:
                type, flags, payload, size, elements = feed.frames[0]
                if feed.bytes < size or feed.elements < elements:
                    break
                feed.frames.popleft()
                feed.bytes -= size
                feed.elements -= elements
                self.send(type, flags, port, task.handle, payload)

    def run(self, about=None, **inputs):
        return self.finish(self.start(about, **inputs))

    def finish(self, task):
        self.until(lambda: task.over)
        return task

    def cancel(self, task, reason="cancelled by the test", term=False):
        self.send(wire.FRAME_CANCEL, 0, 0, task.handle, reason.encode())
        if term:
            self.process.send_signal(signal.SIGTERM)

    def cancel_signal_first(self, task):
        """The worker hears the signal before it reads the frame, which is there by then, as the node promises."""
        self.process.send_signal(signal.SIGSTOP)
        self.process.send_signal(signal.SIGTERM)
        self.cancel(task)
        self.process.send_signal(signal.SIGCONT)

    def until_logged(self, text, seconds=DEADLINE):
        """Waits until the worker has printed this."""
        deadline = time.monotonic() + seconds
        while text not in self.log():
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise TimeoutError(f"{text!r} was not printed; the worker's log: {self.log()[-2000:]!r}")
            time.sleep(0.001)

    # ---- frames in ----

    def until(self, condition, seconds=DEADLINE):
        """Handles frames until the condition holds; fails at the deadline or when the worker is gone."""
        deadline = time.monotonic() + seconds
        while not condition():
            if self.closed:
                raise EOFError(f"the worker closed its connection; its log: {self.log()[-2000:]!r}")
            left = deadline - time.monotonic()
            if left <= 0 or not self.wait_socket(left):
                raise TimeoutError(f"nothing came; the worker's log: {self.log()[-2000:]!r}")
            self.receive()

    def quiet(self, seconds=0.05):
        """Handles frames until none came for a while."""
        while not self.closed and self.wait_socket(seconds):
            self.receive()

    def receive(self):
        try:
            data = self.socket.recv(1 << 20, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except ConnectionResetError:
            data = b""
        if not data:
            self.closed = True
            return
        self.buffer += data
        at = 0
        while len(self.buffer) - at >= 16:
            length, type, flags, port, handle = wire.HEADER.unpack_from(self.buffer, at)
            if length > wire.FRAME_MAX:
                self.violations.append(f"a frame of {length}")
            if len(self.buffer) - at - 16 < length:
                break
            payload = bytes(self.buffer[at + 16 : at + 16 + length])
            at += 16 + length
            self.on_frame(type, flags, port, handle, payload)
        del self.buffer[:at]

    def on_frame(self, type, flags, port, handle, payload):
        if type == wire.FRAME_HELLO:
            self.hello = (*wire.HELLO.unpack_from(payload), payload[8:].decode())
            return
        if type == wire.FRAME_READY:
            self.ready = True
            return
        if type == wire.FRAME_FAILED and handle == 0:
            self.load_failure = json.loads(payload)
            return
        task = self.tasks.get(handle)
        if task is None:
            self.violations.append(f"frame {type} for unknown handle {handle}")
            return
        if task.over:
            self.violations.append(f"frame {type} after the end of task {handle}")
            return
        task.sent_order.append(type)
        name = self.outputs[port][0] if port < len(self.outputs) else None
        if type == wire.FRAME_STARTED:
            task.started = True
        elif type == wire.FRAME_DONE:
            task.done = True
            if task.open:
                self.violations.append("done while a value is open")
        elif type == wire.FRAME_FAILED:
            if len(payload) > wire.FAILED_MAX:
                self.violations.append(f"failed of {len(payload)}")
            task.failure = json.loads(payload)
        elif type == wire.FRAME_LOG:
            task.logs.append(payload)
        elif type == wire.FRAME_WANT:
            task.wants.append((port, bool(flags & wire.FLAG_RELEASED)))
        elif type == wire.FRAME_ALLOC:
            self._grant(task, wire.SIZE.unpack(payload)[0])
        elif type == wire.FRAME_CREDIT:
            size, elements = wire.CREDIT.unpack(payload)
            total = task.credits.setdefault(port, [0, 0])
            total[0] += size
            total[1] += elements
            feed = task.feeds[port]
            feed.bytes += size
            feed.elements += elements
            if feed.bytes > wire.CREDIT_BYTES:
                self.violations.append("more byte credit returned than was used")
            if feed.elements > wire.CREDIT_ELEMENTS and feed.elements < 1 << 50:
                self.violations.append("more element credit returned than was used")
            self.feed(task)
        elif type == wire.FRAME_EMIT:
            self._on_emit(task, name, flags, payload)
        elif type == wire.FRAME_GROW:
            self._spend(task, len(payload))
            task.open[name][3].append(payload)
        elif type == wire.FRAME_SEAL:
            kind, filename, mode, parts = task.open.pop(name)
            task.outputs[name].append(Sent(kind, filename, mode, b"".join(parts), "open"))
        else:
            self.violations.append(f"unknown frame {type}")

    def _on_emit(self, task, name, flags, payload):
        if name in task.open:
            self.violations.append("an emit while a value is open")
        found = task.outputs.setdefault(name, [])
        if flags & wire.FLAG_HOLE:
            found.append(None)
            return
        kind, name_length, mode, size = wire.VALUE.unpack_from(payload)
        filename = payload[16 : 16 + name_length].decode()
        body = payload[16 + name_length :]
        place = flags & wire.PLACE_MASK
        if place == wire.PLACE_INLINE:
            if size != len(body):
                self.violations.append("an inline emit of another size")
            self._spend(task, len(body))
            found.append(Sent(kind, filename, mode, body, "inline"))
        elif place == wire.PLACE_RANGE:
            id, _, offset, length = wire.RANGE.unpack(body)
            if (id, offset, length) not in [(g[0], g[1], g[2]) for g in task.grants] or length != size:
                self.violations.append("a range that was not granted")
            with mmap.mmap(self.outbox["fd"], 0, prot=mmap.PROT_READ) as mapped:
                found.append(Sent(kind, filename, mode, mapped[offset : offset + length], "range"))
        else:
            task.open[name] = (kind, filename, mode, [])

    def _spend(self, task, size):
        task.credit -= size
        task.spent += size
        if task.credit < 0:
            self.violations.append("more output than credit")
        if size and not task.withhold:
            task.credit += size
            self.send(wire.FRAME_CREDIT, 0, 0, task.handle, wire.CREDIT.pack(size, 0))

    # ---- the process ----

    def log(self):
        with open(self.log_path, "rb") as file:
            return file.read()

    def wait_exit(self, seconds=DEADLINE):
        """Handles frames until the worker is gone; its exit status."""
        deadline = time.monotonic() + seconds
        while not self.closed and time.monotonic() < deadline:
            if self.wait_socket(deadline - time.monotonic()):
                self.receive()
        return self.process.wait(max(0.1, deadline - time.monotonic()))

    def close(self):
        self.socket.close()
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        if self.outbox:
            os.close(self.outbox["fd"])
        shutil.rmtree(self.folder, ignore_errors=True)


range_of = range
