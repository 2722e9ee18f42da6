"""The connection to the node: frames in and out, mapped regions, and waiting for what is not there yet.

The thread that runs the function does the I/O itself: a reader thread would cost two more wake-ups
per task. Any thread may send and wait; one of the waiting threads reads for all (the pumper).

`mutex` guards everything here and all that frames change. It is also the shield against the signal
handler of the main thread, which raises Cancelled only when it can take the mutex: so an exception
never falls between reading bytes and accounting for them.
"""

import _socket
import os
import select
import sys
from _collections import deque
from _thread import allocate_lock, get_ident

from . import wire
from .errors import Cancelled, ProtocolError
from .regions import Region

_BUFFER = 4 * (wire.FRAME_MAX + wire.HEADER_SIZE)
_DESCRIPTORS_SPACE = _socket.CMSG_SPACE(16 * 4)
_NO_WAIT = _socket.MSG_DONTWAIT | _socket.MSG_CMSG_CLOEXEC
_PENDING_MAX = 32 * 1024  # Frames that may wait for company are sent together up to this.
_WANT_AFTER_MS = 1        # A reader that blocks for less is not worth two frames.


class Stop(BaseException):
    """Leave the main loop. Raised only while nothing runs, so that the function never sees it."""


class _Watch:
    """What one thread waits with: the connection, and a bell that makes it look again.

    A poll object serves one thread at a time, and one that was left behind may be inside of it for long:
    so a watch is rung once and then belongs to the thread that has it; the next one takes another.
    The bell is written to, not closed: a child that the function forked may have its other end.
    """

    _bell = _rope = None

    def __init__(self, fd):
        self._bell, self._rope = os.pipe()
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        poll.register(self._bell, select.POLLIN)
        self.poll = poll.poll
        self.thread = None  # That is inside of it.
        self.is_rung = False

    def ring(self):
        if not self.is_rung:
            self.is_rung = True
            os.write(self._rope, b"!")

    def __del__(self):
        for fd in (self._bell, self._rope):
            if fd is not None:
                try:
                    os.close(fd)
                except OSError:
                    pass


class Channel:
    def __init__(self, fd, on_frame):
        os.set_inheritable(fd, False)
        self._socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM, 0, fd)
        self._socket.setblocking(True)
        self._fd = fd
        self._on_frame = on_frame  # (type, flags, port, handle, buffer, begin, end), called with the mutex held
        self._buffer = bytearray(_BUFFER)
        self._view = memoryview(self._buffer)
        self._end = 0  # Bytes in the buffer; the first is always the first of a frame.
        self._descriptors = deque()
        self._pending = []
        self._pending_size = 0
        self.main = get_ident()
        self._watch = None   # Of the pumper, while it is inside of it.
        self._spare = None   # One that was not rung, for the next pumper.
        self._sleepers = []  # Locks of threads that wait while another one pumps.
        self.closed_by_us = False
        self.regions = {}
        self.mutex = allocate_lock()
        self.interrupted = False  # A signal came while the mutex was held.
        self.on_interrupt = None  # What the signal handler does once it may.
        self.wake_main = None     # Makes the main thread do so.

    # ---- sending ----

    def queue(self, type, flags, port, handle, *parts):
        """Adds a frame that may wait for company. Mutex held."""
        if not parts:
            self._pending.append(wire.HEADER.pack(0, type, flags, port, handle))
            return
        size = sum(map(len, parts))
        self._pending.append(wire.HEADER.pack(size, type, flags, port, handle))
        self._pending += parts
        self._pending_size += size
        if self._pending_size > _PENDING_MAX:
            self.flush()

    def flush(self):
        """Sends what is queued, in one call. Mutex held."""
        if self._pending:
            data = b"".join(self._pending)
            self._pending.clear()
            self._pending_size = 0
            try:
                self._socket.sendall(data)
            except OSError:
                self._gone()

    def send(self, type, flags, port, handle, *parts):
        self.mutex.acquire()
        try:
            self.queue(type, flags, port, handle, *parts)
            self.flush()
        finally:
            self.release()

    def release(self):
        """Gives the mutex back, and hears a signal that came meanwhile."""
        self.mutex.release()
        if self.interrupted:
            self._heed_interrupt()

    def _heed_interrupt(self):
        """Does what the signal handler could not; only the main thread may raise Cancelled. Mutex not held."""
        self.interrupted = False
        if get_ident() == self.main:
            self.on_interrupt()
        else:
            self.wake_main()

    # ---- receiving ----

    def receive(self, flags=_socket.MSG_CMSG_CLOEXEC):
        """Reads once and hands on all complete frames. Mutex held (or no task runs). False: nothing there."""
        end = self._end
        try:
            count, ancillary, _, _ = self._socket.recvmsg_into(
                (self._view[end:] if end else self._view,), _DESCRIPTORS_SPACE, flags)
        except BlockingIOError:
            return False
        except OSError:
            self._gone()
        if count == 0:
            self._gone()
        if ancillary:
            self._take_descriptors(ancillary)
        end += count
        begin = 0
        buffer = self._buffer
        unpack = wire.HEADER.unpack_from
        while end - begin >= 16:
            length, type, frame_flags, port, handle = unpack(buffer, begin)
            if length > wire.FRAME_MAX:
                raise ProtocolError(f"a frame of {length} bytes (type {type})")
            following = begin + 16 + length
            if following > end:
                break
            if type == wire.FRAME_MAP:
                self._map(handle, begin + 16, length)
            elif type == wire.FRAME_UNMAP:
                self.regions.pop(handle, None)
            else:
                self._on_frame(type, frame_flags, port, handle, buffer, begin + 16, following)
            begin = following
        if begin and begin < end:
            buffer[: end - begin] = buffer[begin:end]
        self._end = end - begin
        return True

    def drain(self):
        """Reads all that is there, without blocking, for whoever waits for it. Mutex held."""
        came = False
        while self.receive(_NO_WAIT):
            came = True
        if came:
            self._ring()
            self._wake()

    def _take_descriptors(self, ancillary):
        for level, type, data in ancillary:
            if level == _socket.SOL_SOCKET and type == _socket.SCM_RIGHTS:
                for at in range(0, len(data) - 3, 4):
                    self._descriptors.append(int.from_bytes(data[at : at + 4], sys.byteorder))

    def _map(self, id, begin, length):
        if length != wire.MAP.size or not self._descriptors:
            raise ProtocolError("a map frame without a descriptor, or of a wrong size")
        size, writable, is_file = wire.MAP.unpack_from(self._buffer, begin)
        self.regions[id] = Region(id, self._descriptors.popleft(), size, bool(writable), bool(is_file))

    def _gone(self):
        """The node closed the connection: there is nobody to tell, and nothing more to do."""
        if self.closed_by_us:
            raise Stop
        os._exit(0)

    def close_for_reading(self):
        """Ends the receive() that the idle main thread is in; from another thread."""
        self.closed_by_us = True
        self._socket.shutdown(_socket.SHUT_RD)

    # ---- waiting ----

    def wait(self, ready, task, port=None, before_block=None):
        """Blocks until ready() is true; it is called with the mutex held, as is before_block.

        Raises Cancelled when the task is over first. `port`: the input that the task is blocked on;
        the node hears of it when the wait is not short.
        """
        mutex = self.mutex
        waited = False
        wanted = False
        mutex.acquire()
        try:
            while not ready():
                task.check()
                if before_block is not None:
                    before_block()
                if waited and port is not None and not wanted:
                    wanted = True
                    self.queue(wire.FRAME_WANT, 0, port, task.handle)
                self.flush()
                quick = port is not None and not waited
                me = get_ident()
                if self._watch is None or self._watch.thread == me:
                    waited = self._pump(me, quick, task)
                else:
                    waited = self._sleep(quick)
            task.check()  # First: nothing may follow the end of the task on the wire.
            if wanted:
                self.queue(wire.FRAME_WANT, wire.FLAG_RELEASED, port, task.handle)
        finally:
            if self._sleepers and self._watch is None:
                self._wake()
            self.release()

    def _pump(self, me, quick, task):
        self._ring()  # There is one only where a signal handler of the function reads while the function does.
        watch = self._watch = self._spare or _Watch(self._fd)
        self._spare = None
        watch.thread = me
        self.mutex.release()
        events = ()
        try:
            if self.interrupted:
                self._heed_interrupt()
            events = watch.poll(_WANT_AFTER_MS if quick else None)
        finally:
            self._retake()
            if self._watch is watch:
                self._watch = None
            if not watch.is_rung:
                self._spare = watch
        if events and not task.ended:  # If it has ended, reading is the main thread's again.
            self.receive(_NO_WAIT)
            self._wake()
        return not events

    def _sleep(self, quick):
        turn = allocate_lock()
        turn.acquire()
        self._sleepers.append(turn)
        self.mutex.release()
        try:
            came = turn.acquire(True, _WANT_AFTER_MS / 1000 if quick else -1)
        finally:
            self._retake()
        return not came

    def _retake(self):
        """Takes the mutex, whatever the signal handler raises meanwhile: wait() asks whether the task is over."""
        while True:
            try:
                self.mutex.acquire()
                return
            except Cancelled:
                pass

    def _ring(self):
        """Makes the pumper look again, because another one read, or because its task is over. Mutex held."""
        if self._watch is not None:
            self._watch.ring()

    def _wake(self):
        sleepers, self._sleepers = self._sleepers, []
        for turn in sleepers:
            turn.release()

    # ---- odds and ends ----

    def forget_waiters(self):
        """After a task: nobody of it reads any more, and who waited hears so. Mutex held."""
        self._ring()
        self._watch = None
        self._wake()

    def poll_readable(self, timeout_ms):
        """True when something can be read; for a thread that watches on behalf of the main one."""
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        return bool(poll.poll(timeout_ms))

    def abandon(self):
        """In a forked child: the connection belongs to the parent, the mutex perhaps to a thread of it."""
        self._socket.close()
        self.mutex = allocate_lock()
