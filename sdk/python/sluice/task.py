"""One task of this worker, and what the function may ask and do about it: `sluice.context()`."""

import io
from _thread import allocate_lock, get_ident

from . import current, jsontext, wire
from .errors import Cancelled
from .scratch import Scratch


class Task:
    """Made by a `start` frame, over with `done` or `failed`: every start is answered by exactly one of them.

    What few tasks need has its default in the class: making a task is a good part of what a small one costs.
    """

    credit = wire.CREDIT_BYTES  # Output bytes that may be sent.
    grant = None            # The answer to an alloc: ((region, offset, length) or None, message).
    filled = 0              # Outputs that have their value or an element, as bits.
    writers = None          # {output: OutputWriter}, of those that are open.
    cancel_reason = None
    cancel_raised = False
    ended = False           # Cancelled, or finished.
    returned = False        # The function has ended: nothing new is begun, what is being emitted is finished.
    scratch = None
    _about = None

    def __init__(self, handle, program, payload, ports, now):
        self.handle = handle
        self.program = program
        self.channel = program.channel
        self.payload = payload  # Of `start`.
        self.ports = ports      # The inputs that come.
        self.began = now        # When `start` came, for the deadline (monotonic).
        self.inputs = {}        # What came, by port; made by its first frame, or by who waits for it.
        self.values = {}        # What inputs became, by name.
        self.emit_lock = allocate_lock()

    @property
    def about(self):
        if self._about is None:
            self._about = jsontext.loads(self.payload)
        return self._about

    def cancel(self, reason):
        self.cancel_reason = reason or "cancelled"
        self.ended = True

    def finish(self):
        """Lets go of everything: inputs may be large, and know this task in turn."""
        self.ended = True
        self.inputs = {}
        self.values = {}
        if self.scratch is not None:
            self.scratch.clear()

    def check(self):
        """Raises where the task may not go on."""
        if self.ended:
            if self.cancel_reason is not None:
                if get_ident() == self.channel.main:
                    self.cancel_raised = True  # The signal need not do it again, in the midst of cleaning up.
                raise Cancelled(self.cancel_reason)
            if current.forked:
                raise RuntimeError("this is a forked child: only the process that Sluice started reads and emits")
            raise self._over()

    def _over(self):
        return RuntimeError(f"the task {self.about.get('path', '')} has ended: nothing can be read or emitted any more")

    def check_open(self):
        """Raises where nothing may be emitted any more. Emit lock held."""
        if self.ended:
            self.check()
        if self.returned:
            raise self._over()

    def send(self, type, flags, port, *parts):
        """A frame of this task, now. Raises when the task is over: nothing of it may follow its end on the wire."""
        channel = self.channel
        channel.mutex.acquire()
        try:
            if self.ended:
                self.check()
            channel.queue(type, flags, port, self.handle, *parts)
            channel.flush()
        finally:
            channel.release()

    def close_outputs(self):
        """The function returned: completes what is open, once no thread of it is in the midst of an emit.
        Other ends need no such care: what was open goes with the task."""
        self.returned = True
        with self.emit_lock:
            for output in self.writers or ():
                self.send(wire.FRAME_SEAL, 0, output.port)
            self.writers = None

    def input(self, index):
        """The input that frames for this port belong to; None if `start` did not announce it."""
        input = self.inputs.get(index)
        if input is None and index in self.ports:
            input = self.inputs[index] = self.program.ports[index].make_input(self, index)
        return input

    def value(self, port):
        """What the input became: read once, then kept."""
        name = port.name
        if name not in self.values:
            input = self.input(port.index)
            if input is not None and not port.required:
                input.await_first()
                if input.absent:
                    input = None
            if input is None and not port.has_default:
                self.values[name] = port.fallback
            else:
                self.values[name] = port.read(self, input or port.default_input(self))
        return self.values[name]

    def file_of(self, name, input, value):
        if self.scratch is None:
            self.scratch = Scratch(self.program.scratch, self.handle)
        return self.scratch.file(name, input, value)

    def emit(self, output, value):
        """One value or element; that of a list is on its way to its readers when this returns."""
        with self.emit_lock:
            if self.ended or self.returned:
                self.check_open()
            if self.writers and output in self.writers:
                raise output.wrong("what open() gave is not closed yet")
            if self.filled & output.bit and not output.is_list:
                raise output.wrong("it already has its value")
            self.program.sender.emit(self, output, value)
            self.filled |= output.bit
        if output.is_list:
            self.push()

    def push(self):
        channel = self.channel
        channel.mutex.acquire()
        try:
            channel.flush()
        finally:
            channel.release()


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

        return max(0.0, self._task.began + limit / 1000 - monotonic())

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
                if not task.ended:
                    channel.drain()
            finally:
                channel.mutex.release()  # Not release(): asking does not raise.
        return task.cancel_reason is not None

    def _output(self, name):
        outputs = self._task.program.outputs
        for output in outputs:
            if output.name == name:
                return output
        names = ", ".join(f"`{output.name}`" for output in outputs) or "none"
        raise ValueError(f"there is no output `{name}`; declared: {names}")

    def emit(self, name, value):
        """Gives an output its value, or a list its next element. Readers may start on it now."""
        output = self._output(name)
        self._task.emit(output, value)
        if not output.is_list:
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
            task.send(wire.FRAME_LOG, 0, 0, data[at : at + 32768])


_WRITABLE_KINDS = {"bytes": wire.KIND_BYTES, "text": wire.KIND_TEXT, "file": wire.KIND_FILE, "any": wire.KIND_BYTES}


class OutputWriter(io.RawIOBase):
    """A value that is written piece by piece; every write is readable at once."""

    _task = None  # Until it is open: a writer that could not be opened is closed like any other.

    def __init__(self, task, output, filename=None):
        kind = _WRITABLE_KINDS.get(output.element.plain.head)
        if kind is None:
            raise output.wrong(f"a {output.element.plain.head} cannot be written in pieces: emit() it")
        name = b""
        if kind == wire.KIND_FILE:
            name = str(filename or output.name).encode()
            if b"/" in name or len(name) > wire.NAME_MAX or name in (b".", b".."):
                raise ValueError(f"{filename!r} is no file name")
        self._output = output
        self._is_text = kind == wire.KIND_TEXT
        with task.emit_lock:
            task.check_open()
            if task.writers is None:
                task.writers = {}
            if output in task.writers or task.filled & output.bit and not output.is_list:
                raise output.wrong("it is open or has its value already")
            mode = 0o644 if kind == wire.KIND_FILE else 0
            task.send(
                wire.FRAME_EMIT, wire.PLACE_OPEN, output.port,
                wire.VALUE.pack(kind, len(name), mode, wire.SIZE_UNKNOWN), name)
            self._task = task
            task.writers[output] = self
            task.filled |= output.bit

    def writable(self):
        return True

    def write(self, data):
        """Takes bytes, or str for a `text` output; returns how many it took: all."""
        if self.closed:
            raise ValueError("write to a closed output")
        if self._is_text:
            if not isinstance(data, str):
                raise self._output.wrong(f"{type(data).__name__} written to text: decode it")
            count = len(data)
            data = data.encode()
        else:
            if isinstance(data, str):
                raise self._output.wrong("str written to bytes: encode it")
            data = memoryview(data).cast("B")
            count = len(data)
        with self._task.emit_lock:
            self._task.check_open()
            self._task.program.sender.grow(self._task, self._output, data)
        self._task.push()
        return count

    def close(self):
        if self.closed:
            return
        super().close()
        task = self._task
        if task is None or task.ended or task.returned:  # Before the lock: who holds it may be letting go of this.
            return
        with task.emit_lock:
            if task.ended or task.returned:
                return  # It was completed with the task, or went with it.
            output = self._output
            task.writers.pop(output, None)
            task.send(wire.FRAME_SEAL, 0, output.port)
