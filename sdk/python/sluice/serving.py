"""The worker's life: say hello, load the function, run task after task, end.

One task runs at a time, in the main thread, in the order of their `start` frames; up to four are held.
"""

import _signal
import os
import posix
import sys
from _collections import deque
from _thread import get_ident, start_new_thread
from time import monotonic, sleep

from . import __version__, current, jsontext, results, wire
from .channel import Channel, Stop
from .errors import Cancelled, LoadError, ProtocolError
from .leftovers import Leftovers
from .program import Program
from .task import Task

_SLOW = 0.001  # With `lazy_started`: a function whose last call took longer says `started` at once.
_TOGETHER = 5.0        # Seconds in which a SIGTERM and a cancel belong together.
_UNEXPLAINED = 0.5     # Seconds after which a SIGTERM without a cancel means: stop. Long: a busy machine may hold
                       # up the main thread between reading the cancel and acting on it. The node says `stop`.
_LOOK_AGAIN = 0.005    # Seconds that the main thread gets to hear of what can be read.


class Worker:
    def __init__(self, fd, copy):
        self.channel = Channel(fd, self._on_frame)
        self.channel.on_interrupt = self._on_interrupt
        self.channel.wake_main = self._wake_main
        self._shm = not copy
        self._setup = None
        self._program = None
        self._tasks = {}       # Held, by handle.
        self._queue = deque()  # Held and not begun.
        self._running = None
        self._in_function = False  # Cancelled may be raised by the signal handler.
        self._stopping = False
        self._pid = os.getpid()
        self._signals = 0          # SIGTERMs that no cancel explains yet.
        self._cancelled_at = -1e9  # When a cancel came that no SIGTERM was seen with yet.
        self._own_signal = False   # The next SIGTERM comes from _wake_main.
        self._watching = False
        self._slow = True
        self._forked = False
        self._leftovers = None
        self._port_sets = {}   # Announced inputs by their text in `start`.

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
            queue = self._queue
            while not self._stopping:
                if not queue:
                    channel.receive()
                    continue
                task = self._running = queue.popleft()
                self._run(task)
                del task
                if queue:
                    self._hear()  # Of those that were taken back meanwhile.
            return 0
        except Stop:
            return 0
        except ProtocolError as error:
            self._say(f"the node broke the protocol: {error}")
            return 70

    def _load(self):
        try:
            self._program = Program(self._setup, self.channel, self._shm)
            if self._setup.get("abi") != wire.ABI_VERSION:
                raise LoadError(f"the node speaks version {self._setup.get('abi')!r} of the protocol, this worker {wire.ABI_VERSION}")
            sys.path[:0] = [self._program.code, *self._setup.get("packages", ())]
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

    def _hear(self):
        self.channel.mutex.acquire()
        try:
            self.channel.drain()
        finally:
            self.channel.release()

    def _run(self, task):
        begin = monotonic()
        try:
            error = self._attempt(task)
        except Cancelled as cancelled:  # Raised by the signal handler on the last steps of the attempt.
            error = cancelled
        self._in_function = False
        if self._forked:
            self._end_child(error)
        payload = None
        if error is not None or task.cancel_reason is not None:
            if type(error) is ProtocolError:
                raise error
            payload = self._describe(task, error)
            error = None
        self._flush_output()
        channel = self.channel
        channel.mutex.acquire()
        try:
            if payload is None:
                channel.queue(wire.FRAME_DONE, 0, 0, task.handle)
            else:
                channel.queue(wire.FRAME_FAILED, 0, 0, task.handle, payload)
            task.ended = True
            del self._tasks[task.handle]
            self._running = None
            channel.flush()
            channel.forget_waiters()
        finally:
            channel.release()
        task.finish()
        self._slow = monotonic() - begin > _SLOW
        left = self._leftovers.clear()
        if left:
            self._say(f"this worker ends after task {task.about.get('path', '')}: {left}")
            self._stopping = True
        if self._signals:
            self._watch()

    @staticmethod
    def _describe(task, error):
        """The payload of `failed`. A cancelled task is Cancelled, however its function took it."""
        from . import failure

        if task.cancel_reason is not None and not isinstance(error, Cancelled):
            error = Cancelled(task.cancel_reason)
        return failure.describe(error)

    # ---- one task ----

    def _attempt(self, task):
        """Runs the function; what it failed with, or None."""
        try:
            program = self._program
            program.read_arguments(task)
            channel = self.channel
            channel.mutex.acquire()
            try:
                if task.ended:
                    task.check()
                channel.queue(wire.FRAME_STARTED, 0, 0, task.handle)
                if self._slow or not program.lazy_started:
                    channel.flush()
            finally:
                channel.release()
            current.task = task
            self._in_function = True
            result = program.call(task)
            if self._forked:
                return None
            if program.is_plain:
                output = program.outputs[0]
                if result is not None or not (task.filled & output.bit or output.optional):
                    task.emit(output, result)
                result = None
            else:
                results.deliver(task, result)
            task.close_outputs()
            self._in_function = False
            return None
        except BaseException as error:
            self._in_function = False
            return error
        finally:
            current.task = None

    # ---- frames; the channel's mutex is held, or nothing runs ----

    def _on_frame(self, type, flags, port, handle, buffer, begin, end):
        if type == 2:  # start
            self._on_start(handle, buffer, begin, end)
            return
        task = self._tasks.get(handle)
        if type == 3 or type == 4 or type == 5:  # element, chunk, end: numbers, because this is the hot path.
            if task is None or task.ended:
                return
            input = task.inputs.get(port) or task.input(port)
            if input is None:
                raise ProtocolError(f"a frame for input {port}, which `start` did not announce")
            if type == 3:
                input.on_element(flags, buffer, begin, end, self.channel.regions)
            elif type == 4:
                input.on_chunk(flags, buffer, begin, end, self.channel.regions)
            else:
                input.on_end(flags)
        elif type == wire.FRAME_CREDIT:
            if task is not None:
                if end - begin != wire.CREDIT.size:
                    raise ProtocolError("a credit frame of a wrong size")
                task.credit += wire.CREDIT.unpack_from(buffer, begin)[0]
        elif type == wire.FRAME_GRANT:
            if task is not None:
                self._on_grant(task, flags, buffer, begin, end)
        elif type == wire.FRAME_CANCEL:
            if self._signals:
                self._signals -= 1
            else:
                self._cancelled_at = monotonic()
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
        payload = bytes(buffer[begin:end])
        task = self._tasks[handle] = Task(handle, self._program, payload, self._ports_of(payload), monotonic())
        self._queue.append(task)

    def _ports_of(self, payload):
        """The announced inputs. The rest of a start is parsed when somebody asks for it: an unescaped
        `"inputs":[` can only be that key, since quotes inside of strings are escaped."""
        at = payload.find(b'"inputs":[') + 10
        text = payload[at : payload.find(b"]", at)] if at >= 10 else b"?"
        ports = self._port_sets.get(text)
        if ports is None:
            try:
                ports = frozenset(jsontext.loads(payload)["inputs"])
                if not ports <= frozenset(range(len(self._program.ports))):
                    raise ProtocolError("a start with inputs that were not declared")
            except (jsontext.NotJson, KeyError, TypeError) as error:
                raise ProtocolError(f"a start that cannot be understood: {error!r}") from None
            if at >= 10 and len(self._port_sets) < 256:
                self._port_sets[text] = ports
        return ports

    def _on_grant(self, task, flags, buffer, begin, end):
        if flags & wire.FLAG_REFUSED:
            task.grant = (None, str(buffer[begin:end], "utf-8", "replace"))
            return
        if end - begin != wire.RANGE_SIZE:
            raise ProtocolError("a grant of a wrong size")
        id, _, offset, length = wire.RANGE.unpack_from(buffer, begin)
        region = self.channel.regions.get(id)
        if region is None or offset + length > region.size:
            raise ProtocolError(f"a grant in region {id}, which is not mapped or smaller")
        task.grant = ((region, offset, length), "")

    def _on_cancel(self, task, reason):
        """Every start is answered once, also a cancelled one."""
        if task is None or task.cancel_reason is not None:
            return
        task.cancel(reason)
        if task is self._running:
            if get_ident() != self.channel.main:
                self._wake_main()
            return
        from . import failure

        self._queue.remove(task)
        del self._tasks[task.handle]
        self.channel.queue(wire.FRAME_FAILED, 0, 0, task.handle, failure.describe(Cancelled(reason)))
        self.channel.flush()

    # ---- signals ----
    #
    # The node cancels with a frame and a SIGTERM, which may come in any order and after the task has
    # ended; a SIGTERM alone means stop. So each is kept until the other one explains it.

    def _on_sigterm(self, *_):
        if os.getpid() != self._pid:  # A child that was ended before it could say that it is one.
            _signal.signal(_signal.SIGTERM, _signal.SIG_DFL)
            os.kill(os.getpid(), _signal.SIGTERM)
            return
        if self._own_signal:
            self._own_signal = False
        else:
            self._signals += 1
        if self._running is None:
            self._explain()
        else:
            self._on_interrupt()

    def _explain(self):
        if self._signals and monotonic() - self._cancelled_at < _TOGETHER:
            self._signals = 0
            self._cancelled_at = -1e9
        if self._signals:
            self._watch()

    def _on_interrupt(self):
        """In the main thread, while a task runs: raises Cancelled in the function if its task is over."""
        channel = self.channel
        if not channel.mutex.acquire(False):
            channel.interrupted = True
            return
        try:
            channel.drain()
        finally:
            channel.mutex.release()
        self._explain()
        task = self._running
        if task is not None and task.cancel_reason is not None and self._in_function and not task.cancel_raised:
            task.cancel_raised = True
            raise Cancelled(task.cancel_reason)

    def _wake_main(self):
        self._own_signal = True
        _signal.pthread_kill(self.channel.main, _signal.SIGTERM)

    def _watch(self):
        if not self._watching:
            self._watching = True
            start_new_thread(self._watch_for_cancel, ())

    def _watch_for_cancel(self):
        """Looks out for the cancel that a signal has overtaken; if none comes and nothing runs, it was a stop."""
        began = monotonic()
        while self._signals and monotonic() < began + _TOGETHER:
            came = self.channel.poll_readable(20)
            if came and self._running is not None:
                self._wake_main()
            if came:
                sleep(_LOOK_AGAIN)
            elif self._running is None and not self._queue and monotonic() > began + _UNEXPLAINED:
                self._stopping = True
                self.channel.close_for_reading()
                break
        self._watching = False
        if self._signals and not self._stopping and monotonic() < began + _TOGETHER:
            self._watch()  # One came when this had looked for the last time.

    # ---- the process ----

    def _after_fork(self):
        self._forked = True
        self.channel.abandon()
        current.task = None
        current.forked = True
        if self._running is not None:
            self._running.ended = True
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
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        except BaseException:
            pass  # Closed or replaced by the function.

    def _say(self, text):
        try:
            os.write(2, f"sluice: {text}\n".encode(errors="backslashreplace"))
        except OSError:
            pass


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
