"""The worker's life: say hello, load the function, run task after task, end.

One task runs at a time, in the main thread, in the order of their `start` frames; up to four are held.
"""

import _signal
import _socket
import os
import posix
import sys
from _collections import deque
from _thread import get_ident, start_new_thread
from time import monotonic

from . import __version__, current, jsontext, wire
from .channel import Channel
from .errors import Cancelled, InvalidOutput, LoadError, ProtocolError
from .leftovers import Leftovers
from .program import Program
from .task import Context, Task

_SLOW = 0.001  # Functions that take longer say `started` at once; others with their first output or their end.
_WATCH_MS = 5000


class Stop(BaseException):
    """Leave the main loop: asked for by SIGTERM while nothing runs. Never reaches the function."""


class Worker:
    def __init__(self, fd, copy):
        self.channel = Channel(fd, self._on_frame)
        self.channel.on_interrupt = self._on_interrupt
        self._shm = not copy
        self._setup = None
        self._program = None
        self._tasks = {}       # Held, by handle.
        self._queue = deque()  # Held and not begun.
        self._running = None
        self._in_function = False  # Cancelled may be raised by the signal handler.
        self._stopping = False
        self._terminated = False
        self._watching = False
        self._slow = True
        self._forked = False
        self._leftovers = None

    # ---- life ----

    def serve(self):
        """Runs until the node lets go; returns the exit status."""
        _signal.signal(_signal.SIGTERM, self._on_sigterm)
        _signal.signal(_signal.SIGINT, lambda *_: None)  # Ctrl-C in a terminal is for the server, not for its workers.
        posix.register_at_fork(after_in_child=self._after_fork)
        try:
            self._open_standard_streams()
            channel = self.channel
            mode = wire.HELLO_SHM if self._shm else wire.HELLO_COPY
            channel.send(
                wire.FRAME_HELLO, 0, 0, 0, wire.HELLO.pack(wire.ABI_VERSION, mode), b"python " + __version__.encode())
            while self._setup is None:
                channel.receive()
            if not self._load():
                return 1
            while not self._stopping:
                task = self._next()
                if task is not None:
                    self._run(task)
            return 0
        except Stop:
            return 0
        except ProtocolError as error:
            self._say(f"the node broke the protocol: {error}")
            return 70

    def _load(self):
        try:
            self._program = Program(self._setup, self._shm)
            if self._setup.get("abi") != wire.ABI_VERSION:
                raise LoadError(f"the node speaks version {self._setup.get('abi')!r} of the protocol, this worker {wire.ABI_VERSION}")
            sys.path.insert(0, self._program.code)
            self._program.load()
            self._leftovers = Leftovers(self._program.scratch)
        except BaseException as error:
            from . import failure

            if isinstance(error, Stop):
                raise
            self._flush_output()
            self.channel.send(wire.FRAME_FAILED, 0, 0, 0, failure.describe(error))
            return False
        self._flush_output()
        self.channel.send(wire.FRAME_READY, 0, 0, 0)
        return True

    def _next(self):
        """The next task, or None when something else happened."""
        if self._queue:
            task = self._running = self._queue.popleft()
            return task
        self.channel.receive()
        return None

    def _run(self, task):
        begin = monotonic()
        try:
            error = self._attempt(task)
        except Cancelled as cancelled:  # Raised by the signal handler on the last steps of the attempt.
            error = cancelled
        self._in_function = False
        if self._forked:
            self._end_child(error)
        if type(error) is ProtocolError:
            raise error
        channel = self.channel
        self._flush_output()
        payload = b""
        if error is None and task.cancel_reason is not None:
            error = Cancelled(task.cancel_reason)
        if error is not None:
            if task.cancel_reason is not None and not isinstance(error, Cancelled):
                error = Cancelled(task.cancel_reason)
            from . import failure

            payload = failure.describe(error)
        error = None
        channel.mutex.acquire()
        try:
            if payload:
                channel.queue(wire.FRAME_FAILED, 0, 0, task.handle, payload)
            else:
                channel.queue(wire.FRAME_DONE, 0, 0, task.handle)
            task.finish()
            self._tasks.pop(task.handle, None)
            self._running = None
            channel.flush()
            channel.forget_waiters()
        finally:
            channel.release()
        self._slow = monotonic() - begin > _SLOW
        task.scratch.clear()
        left = self._leftovers.clear()
        if left:
            self._say(f"this worker ends after task {task.about.get('path', '')}: {left}")
            self._stopping = True
        if self._terminated:
            self._stopping = True

    # ---- one task ----

    def _attempt(self, task):
        """Runs the function; what it failed with, or None."""
        try:
            program = self._program
            positional, keywords = program.arguments(task)
            channel = self.channel
            channel.mutex.acquire()
            try:
                task.check()
                channel.queue(wire.FRAME_STARTED, 0, 0, task.handle)
                if self._slow:
                    channel.flush()
                current.task = task
            finally:
                channel.release()
            self._in_function = True
            result = program.function(*positional, **keywords)
            del positional, keywords
            if program.is_generator or program.lists and _is_iterator(result):
                self._exhaust(task, result)
            else:
                self._deliver(task, result)
            self._in_function = False
            return None
        except BaseException as error:
            self._in_function = False
            return error
        finally:
            current.task = None

    def _exhaust(self, task, iterator):
        """What is yielded goes to the only list output at once; what is returned fills the rest."""
        lists = self._program.lists
        if len(lists) != 1:
            raise InvalidOutput("an iterator was returned, and several outputs are lists: return a dict of lists")
        output = task.outputs[lists[0].port]
        emit = task.emit
        take = iterator.__next__
        while True:
            try:
                element = take()
            except StopIteration as stop:
                result = stop.value
                break
            emit(output, element)
            del element
        if len(task.outputs) > 1:
            self._deliver(task, result, output)
        elif result is not None:
            raise InvalidOutput(
                f"output `{output.spec.name}`: something was returned after its elements were yielded, and there is no other output")

    def _deliver(self, task, result, yielded=None):
        """What was returned becomes the outputs."""
        outputs = task.outputs
        if len(outputs) == 1:
            self._fill(task, outputs[0], result)
        elif outputs:
            names = ", ".join(f"`{output.spec.name}`" for output in outputs if output is not yielded)
            if result is None and all(_may_lack(output) for output in outputs):
                return
            if not isinstance(result, dict):
                raise InvalidOutput(f"{type(result).__name__} was returned; with several outputs it is a dict with {names}")
            extra = [str(name) for name in result if not any(output.spec.name == name for output in outputs)]
            if yielded is not None and yielded.spec.name in result:
                extra.append(yielded.spec.name)
            missing = [
                output.spec.name for output in outputs
                if output is not yielded and output.spec.name not in result and not _may_lack(output)]
            if missing or extra:
                what = [f"lacks `{name}`" for name in missing] + [f"has `{name}`" for name in extra]
                raise InvalidOutput(f"the returned dict {' and '.join(what)}; it holds {names}")
            for output in outputs:
                if output.spec.name in result:
                    self._fill(task, output, result[output.spec.name])
        elif result is not None:
            raise InvalidOutput(f"{type(result).__name__} was returned, but no output is declared")
        for output in outputs:
            if output.writer is not None:
                output.writer.close()

    def _fill(self, task, output, value):
        spec = output.spec
        if spec.is_list:
            if value is None:
                return  # Nothing was added.
            if not isinstance(value, (list, tuple)) and not _is_iterator(value):
                advice = ": return sorted(...)" if isinstance(value, (set, frozenset)) else ""
                raise spec.wrong(f"{type(value).__name__} is no list{advice}")
            for element in value:
                task.emit(output, element)
        elif value is None and (output.filled or spec.optional):
            return
        else:
            task.emit(output, value)

    # ---- frames; the channel's mutex is held, or nothing runs ----

    def _on_frame(self, type, flags, port, handle, buffer, begin, end):
        if type == wire.FRAME_START:
            self._on_start(handle, buffer, begin, end)
            return
        task = self._tasks.get(handle)
        if type == wire.FRAME_ELEMENT or type == wire.FRAME_CHUNK or type == wire.FRAME_END:
            if task is None or task.ended:
                return
            input = task.inputs.get(port)
            if input is None:
                raise ProtocolError(f"a frame for input {port}, which `start` did not announce")
            if type == wire.FRAME_ELEMENT:
                input.on_element(flags, buffer, begin, end, self.channel.regions)
            elif type == wire.FRAME_CHUNK:
                input.on_chunk(flags, buffer, begin, end, self.channel.regions)
            else:
                input.on_end(flags)
        elif type == wire.FRAME_CREDIT:
            if task is not None:
                if end - begin != wire.CREDIT.size:
                    raise ProtocolError("a credit frame of a wrong size")
                task.sender.credit += wire.CREDIT.unpack_from(buffer, begin)[0]
        elif type == wire.FRAME_GRANT:
            if task is not None:
                self._on_grant(task, flags, buffer, begin, end)
        elif type == wire.FRAME_CANCEL:
            if task is not None:
                self._on_cancel(task, str(buffer[begin:end], "utf-8", "replace"))
        elif type == wire.FRAME_STOP:
            self._stopping = True
        elif type == wire.FRAME_SETUP and self._setup is None:
            self._setup = jsontext.loads(buffer[begin:end])
        else:
            raise ProtocolError(f"an unexpected frame of type {type}")

    def _on_start(self, handle, buffer, begin, end):
        if self._program is None:
            raise ProtocolError("a start before ready")
        if handle in self._tasks:
            raise ProtocolError(f"two starts for handle {handle}")
        if len(self._tasks) >= wire.TASKS_HELD_MAX:
            raise ProtocolError(f"more than {wire.TASKS_HELD_MAX} tasks at once")
        try:
            about = jsontext.loads(buffer[begin:end])
            task = Task(handle, self.channel, self._program, about, monotonic())
        except (jsontext.NotJson, KeyError, IndexError, TypeError) as error:
            raise ProtocolError(f"a start that cannot be understood: {error!r}") from None
        self._tasks[handle] = task
        self._queue.append(task)

    def _on_grant(self, task, flags, buffer, begin, end):
        if flags & wire.FLAG_REFUSED:
            task.sender.grants.append((None, str(buffer[begin:end], "utf-8", "replace")))
            return
        if end - begin != wire.RANGE_SIZE:
            raise ProtocolError("a grant of a wrong size")
        id, _, offset, length = wire.RANGE.unpack_from(buffer, begin)
        region = self.channel.regions.get(id)
        if region is None or offset + length > region.size:
            raise ProtocolError(f"a grant in region {id}, which is not mapped or smaller")
        task.sender.grants.append(((region, offset, length), ""))

    def _on_cancel(self, task, reason):
        """Every start is answered once, also a cancelled one."""
        if task.cancel_reason is not None:
            return
        task.cancel(reason)
        if task is self._running:
            if get_ident() != self.channel._main:
                _signal.pthread_kill(self.channel._main, _signal.SIGTERM)
            return
        from . import failure

        self._queue.remove(task)
        del self._tasks[task.handle]
        self.channel.queue(wire.FRAME_FAILED, 0, 0, task.handle, failure.describe(Cancelled(reason)))
        self.channel.flush()

    # ---- signals ----

    def _on_sigterm(self, *_):
        self._terminated = True
        if self._running is None:
            raise Stop
        self._on_interrupt()

    def _on_interrupt(self):
        """In the main thread: raises Cancelled in the function if its task is over."""
        channel = self.channel
        if not channel.mutex.acquire(False):
            channel.interrupted = True
            return
        try:
            channel.drain()
        finally:
            channel.mutex.release()
        task = self._running
        if task is None:
            return
        if task.cancel_reason is None:
            self._watch()
        elif self._in_function and not task.cancel_raised:
            task.cancel_raised = True
            raise Cancelled(task.cancel_reason)

    def _watch(self):
        """The signal may overtake the `cancel` frame: looks out for that while the function computes."""
        if not self._watching:
            self._watching = True
            start_new_thread(self._watch_for_cancel, ())

    def _watch_for_cancel(self):
        readable = self.channel.poll_readable(_WATCH_MS)
        self._watching = False
        if readable and self._running is not None:
            _signal.pthread_kill(self.channel._main, _signal.SIGTERM)

    # ---- the process ----

    def _after_fork(self):
        self._forked = True
        self.channel.abandon()
        current.task = None
        current.forked = True
        try:
            _signal.signal(_signal.SIGTERM, _signal.SIG_DFL)
            _signal.signal(_signal.SIGINT, _signal.default_int_handler)
        except ValueError:
            pass  # Forked by another thread.

    def _end_child(self, error):
        """A child that the function forked came back from it: it is no worker and must not answer."""
        if error is not None and not isinstance(error, SystemExit):
            self._say(f"a forked child ended with {type(error).__name__}: {error}")
        self._flush_output()
        os._exit(0 if error is None else 1)

    def _open_standard_streams(self):
        """Nothing to read; what is printed goes out line by line as UTF-8, whatever the locale."""
        null = os.open("/dev/null", os.O_RDONLY)
        if null != 0:
            os.dup2(null, 0)
            os.close(null)
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)

    def _flush_output(self):
        for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
            try:
                stream.flush()
            except BaseException:
                pass  # Closed or replaced by the function.

    def _say(self, text):
        try:
            os.write(2, f"sluice: {text}\n".encode(errors="backslashreplace"))
        except OSError:
            pass


def _is_iterator(value):
    return hasattr(type(value), "__next__")


def _may_lack(output):
    return output.filled or output.spec.optional or output.spec.is_list


def main():
    """Never returns: a worker ends without the interpreter's shutdown, which could hang on the function's threads."""
    worker = Worker(int(os.environ.pop("SLUICE_FD")), os.environ.get("SLUICE_COPY") == "1")
    try:
        status = worker.serve()
        try:
            import atexit

            atexit._run_exitfuncs()
        except BaseException:
            pass
    except Stop:
        status = 0
    worker._flush_output()
    os._exit(status)
