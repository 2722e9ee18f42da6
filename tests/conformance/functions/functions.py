"""The functions of the conformance suite in Python. functions.mjs and functions.cc say the same."""

import os
import signal
import threading
import time
from pathlib import Path

from sluice import Pipe, Stream, context


class TooSalty(ValueError):
    pass


def wait_for(path):
    deadline = time.monotonic() + 300
    while not os.path.exists(path):
        if time.monotonic() > deadline:
            raise TimeoutError(f"nobody wrote {path}")
        time.sleep(0.002)


def write_file(path):
    with open(path, "w", encoding="utf-8"):
        pass


def echo_bytes(x: bytes):
    return x


def echo_text(x: str):
    return x


def echo_json(x):
    return x


def echo_int(x):
    return x


def echo_float(x):
    return x


def echo_bool(x):
    return x


def echo_any(x):
    return x


def echo_array(x):
    return x


def echo_texts(x: list[str]):
    return x


def echo_lists(x):
    return x


def file_name(x: Path):
    assert x.read_bytes() == b"content"
    return x.name


def make_file(name: str):
    Path(name).write_bytes(b"made")
    return Path(name)


def holes(x: Stream):
    return ",".join("-" if each is None else str(each) for each in x)


def odds(n):
    for i in range(n):
        yield i if i % 2 else None


def all_odds(n):
    return list(odds(n))


def plus_default(x, y):
    return x + y


def maybe_in(x):
    return "absent" if x is None else str(x)


def maybe_out(x):
    return x if x > 0 else None


def two(x):
    return {"double": 2 * x, "name": f"n{x}"}


def words(text: str):
    for word in text.split():
        yield word


def count_to(n):
    for i in range(n):
        yield i


def total(numbers: Stream):
    return sum(numbers)


def pattern(n):
    return bytes(i % 251 for i in range(251)) * (n // 251) + bytes(range(n % 251))


def checksum(data: bytes):
    return sum(data)


def pipe_checksum(data: Pipe):
    return sum(sum(piece) for piece in data.chunks())


def emit_and_return(n):
    task = context()
    for i in range(n):
        task.emit("list", i)
    return {"last": n}


def write_pieces(n):
    with context().open("out") as out:
        for i in range(n):
            out.write(f"line {i}\n")


def write_many_bytes(n):
    with context().open("out") as out:
        for i in range(n):
            out.write(bytes([i % 256]) * 100_000)


def about(x):
    task = context()
    return {"step": task.step, "path": task.path, "index": task.index, "attempt": task.attempt, "token": len(task.token),
            "run": len(task.run), "deadline": task.deadline is not None}


def chatty(x):
    print("printed", x, flush=True)
    context().log("logged")
    return x


def second_attempt(x):
    if context().attempt == 1:
        raise TooSalty("the first is not good")
    return x


def counts_tasks(x):
    leftover = os.path.exists("left")
    write_file("left")
    return 1 if leftover else 0


def fail_by_class(x):
    print("tasting", x, flush=True)
    raise TooSalty("no more salt")


def fail_by_exit(x):
    os._exit(7)


def fail_by_signal(x):
    os.kill(os.getpid(), signal.SIGSEGV)


def fail_by_type(x):
    return "text"


def fail_by_nothing(x):
    return None


def fail_by_twice(x):
    context().emit("y", 1)
    context().emit("y", 2)


def fail_by_unknown_output(x):
    context().emit("nothing", 1)


def fail_by_text(x):
    return "\ud800"


def fail_in_list(x):
    yield 1
    raise TooSalty("after the first")


def hang(x):
    while True:
        time.sleep(0.1)


def hang_in_read(numbers: Stream, latch: str):
    write_file(latch + "/reading")
    try:
        return sum(numbers)
    except BaseException as error:
        write_file(f"{latch}/{type(error).__name__}")
        raise


def emit_and_hang(latch: str):
    yield 1
    wait_for(latch + "/never")


def late_output(x):
    emit = context().emit

    def late():
        time.sleep(0.05)
        for i in range(20):
            try:
                emit("y", 1000 + i)
            except BaseException:
                pass

    threading.Thread(target=late, daemon=True).start()
    yield x


def latch_split(latch: str):
    yield "a b a"
    wait_for(latch + "/counted-0")
    yield "b b"
    yield "c"


def latch_count(chunk: str, n, latch: str):
    if n == 0:
        write_file(latch + "/counted-0")
    if n == 2:
        wait_for(latch + "/merged-0")
    return len(chunk.split())


def latch_merge(counts: Stream, latch: str):
    found = 0
    for n, each in enumerate(counts):
        found += each
        write_file(f"{latch}/merged-{n}")
    return found


def latch_write(latch: str):
    with context().open("out") as out:
        out.write(b"first")
        wait_for(latch + "/read")
        out.write(b" and second")


def latch_read(data: Pipe, latch: str):
    first = next(data.chunks())
    write_file(latch + "/read")
    return (first + data.read()).decode()
