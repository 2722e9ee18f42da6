"""One task of this worker, and what the function may ask and do about it: `sluice.context()`."""

import io
from _thread import allocate_lock

from . import wire
from .errors import Cancelled
from .inputs import Input
from .outputs import Output, Sender
from .scratch import Scratch


class Task:
    """Made by a `start` frame, over with `done` or `failed`: every start is answered by exactly one of them."""

    __slots__ = (
        "handle", "channel", "program", "about", "started_at", "inputs", "outputs", "sender", "scratch", "values",
        "emit_lock", "cancel_reason", "cancel_raised", "finished", "ended", "started")

    def __init__(self, handle, channel, program, about, now):
        self.handle = handle
        self.channel = channel
        self.program = program
        self.about = about        # The payload of `start`.
        self.started_at = now     # When it came, for the deadline (monotonic).
        self.inputs = {}
        for port in about["inputs"]:
            self.inputs[port] = Input(self, port, program.ports[port].is_list)
        self.outputs = [Output(spec.port, spec) for spec in program.outputs]
        self.sender = Sender(self, channel, program.shm, program.inline_max)
        self.scratch = Scratch(program.scratch, self)
        self.values = {}          # What inputs became, by name.
        self.emit_lock = allocate_lock()
        self.cancel_reason = None
        self.cancel_raised = False
        self.finished = False
        self.ended = False        # cancelled or finished
        self.started = False

    def cancel(self, reason):
        self.cancel_reason = reason or "cancelled"
        self.ended = True

    def finish(self):
        self.finished = True
        self.ended = True

    def check(self):
        """Raises where the task may not go on."""
        if self.ended:
            if self.cancel_reason is not None:
                raise Cancelled(self.cancel_reason)
            raise RuntimeError(f"the task {self.about.get('path', '')} has ended: nothing can be read or emitted any more")

    def value(self, port):
        """What the input became: read once, then kept."""
        name = port.name
        if name not in self.values:
            input = self.inputs.get(port.index)
            if input is None and not port.has_default:
                self.values[name] = port.fallback
            else:
                self.values[name] = port.read(self, input or port.default_input(self))
        return self.values[name]

    def emit(self, output, value):
        """One value or element, visible to its readers at once."""
        with self.emit_lock:
            self.check()
            if output.writer is not None:
                raise output.spec.wrong("what open() gave is not closed yet")
            if output.filled and not output.spec.is_list:
                raise output.spec.wrong("it already has its value")
            self.sender.emit(output, value)
            output.filled = True
        if output.spec.is_list:
            self.push()

    def push(self):
        self.channel.mutex.acquire()
        try:
            self.channel.flush()
        finally:
            self.channel.release()


class Context:
    """What a function may know and do about the task it runs in. Any thread of the task may use it."""

    __slots__ = ("_task",)

    def __init__(self, task):
        self._task = task

    @property
    def run(self):
        """The id of the run."""
        return self._task.about.get("run", "")

    @property
    def app(self):
        return self._task.about.get("app", "")

    @property
    def workflow(self):
        return self._task.about.get("workflow", "")

    @property
    def step(self):
        """The name of the step."""
        return self._task.about.get("step", "")

    @property
    def path(self):
        """The path of the task in its run: `count.7` is element 7 of step `count`."""
        return self._task.about.get("path", "")

    @property
    def index(self):
        """The index of the element in a `foreach`, else None."""
        return self._task.about.get("index")

    @property
    def attempt(self):
        """1 in the first attempt."""
        return self._task.about.get("attempt", 1)

    @property
    def token(self):
        """The same text in every attempt of this task: an idempotency key for the outside world."""
        return self._task.about.get("token", "")

    def remaining(self):
        """Seconds until the attempt times out, or None."""
        limit = self._task.about.get("deadline_ms")
        if limit is None:
            return None
        from time import monotonic

        return max(0.0, self._task.started_at + limit / 1000 - monotonic())

    @property
    def deadline(self):
        """When the attempt times out, in seconds since 1970 as time.time() counts, or None."""
        remaining = self.remaining()
        if remaining is None:
            return None
        from time import time

        return time() + remaining

    @property
    def cancelled(self):
        """Whether the task is cancelled: code that catches Cancelled, or runs in a thread, may ask."""
        task = self._task
        if not task.ended:
            channel = task.channel
            channel.mutex.acquire()
            try:
                channel.drain()
            finally:
                channel.mutex.release()  # Not release(): asking does not raise.
        return task.cancel_reason is not None

    def _output(self, name):
        for output in self._task.outputs:
            if output.spec.name == name:
                return output
        names = ", ".join(f"`{output.spec.name}`" for output in self._task.outputs) or "none"
        raise ValueError(f"there is no output `{name}`; declared: {names}")

    def emit(self, name, value):
        """Gives an output its value, or a list its next element. Readers may start on it now."""
        output = self._output(name)
        self._task.emit(output, value)
        if not output.spec.is_list:
            self._task.push()

    def open(self, name, filename=None):
        """A writable file (binary; of text for a `text` output) that becomes the output's value, or the next
        element of a list. A `pipe` reads it while it is written. Closing it completes the value."""
        output = self._output(name)
        return OutputWriter(self._task, output, filename)

    def read(self, name):
        """The value of an input; waits for it where the task was started early."""
        for port in self._task.program.ports:
            if port.name == name:
                return self._task.value(port)
        names = ", ".join(f"`{port.name}`" for port in self._task.program.ports) or "none"
        raise ValueError(f"there is no input `{name}`; declared: {names}")

    def log(self, text):
        """Writes to the task's log, as print() does."""
        task = self._task
        task.check()
        data = str(text).encode(errors="backslashreplace")
        if not data.endswith(b"\n"):
            data += b"\n"
        for at in range(0, len(data), 32768):
            task.channel.send(wire.FRAME_LOG, 0, 0, task.handle, data[at : at + 32768])


_WRITABLE_KINDS = {"bytes": wire.KIND_BYTES, "text": wire.KIND_TEXT, "file": wire.KIND_FILE, "any": wire.KIND_BYTES}


class OutputWriter(io.RawIOBase):
    """A value that is written piece by piece; every write is readable at once."""

    def __init__(self, task, output, filename=None):
        spec = output.spec
        kind = _WRITABLE_KINDS.get(spec.element.plain.head)
        if kind is None:
            raise spec.wrong(f"a {spec.element.plain.head} cannot be written in pieces: emit() it")
        name = b""
        if kind == wire.KIND_FILE:
            name = str(filename or spec.name).encode()
            if b"/" in name or len(name) > wire.NAME_MAX or name in (b".", b".."):
                raise ValueError(f"{filename!r} is no file name")
        self._task = task
        self._output = output
        self._is_text = kind == wire.KIND_TEXT
        with task.emit_lock:
            task.check()
            if output.writer is not None or output.filled and not spec.is_list:
                raise spec.wrong("it is open or has its value already")
            mode = 0o644 if kind == wire.KIND_FILE else 0
            task.channel.send(
                wire.FRAME_EMIT, wire.PLACE_OPEN, output.port, task.handle,
                wire.VALUE.pack(kind, len(name), mode, wire.SIZE_UNKNOWN), name)
            output.writer = self
            output.filled = True

    def writable(self):
        return True

    def write(self, data):
        """Takes bytes, or str for a `text` output; returns how many it took: all."""
        if self.closed:
            raise ValueError("write to a closed output")
        if self._is_text:
            if not isinstance(data, str):
                raise self._output.spec.wrong(f"{type(data).__name__} written to text: decode it")
            count = len(data)
            data = data.encode()
        else:
            if isinstance(data, str):
                raise self._output.spec.wrong("str written to bytes: encode it")
            data = memoryview(data).cast("B")
            count = len(data)
        with self._task.emit_lock:
            self._task.check()
            self._task.sender.grow(self._output, data)
        self._task.push()
        return count

    def close(self):
        if self.closed:
            return
        super().close()
        task, output = self._task, self._output
        if task.ended:
            return
        with task.emit_lock:
            output.writer = None
            task.channel.send(wire.FRAME_SEAL, 0, output.port, task.handle)
