"""The functions of the corpus, as the real engine runs them; functions.yaml says what each is for.

sim/functions.cc has the same for the simulator, and functions_test.py holds both together: a change
here is a change there. All are deterministic: what they do depends on their inputs, on the number of
the attempt, and (`unsteady`) on how often they have failed in this run, which is kept in files.
"""

import json
import os
import time
from collections import Counter

from sluice import Pipe, Stream, context


class Unwilling(Exception):
    pass


class Refused(Unwilling):
    pass


class Broken(Exception):
    pass


class Rubbish(Exception):
    pass


class Timeout(Exception):
    """By its name it is what the engine calls a time-out."""


KINDS = {kind.__name__: kind for kind in (Unwilling, Refused, Broken, Rubbish, Timeout)}


def folder():
    """Where functions of one run meet. The runner writes place.py beside this file."""
    import place
    return os.path.join(place.FOLDER, context().run)


# ---- numbers and texts


def numbers(n: int):
    for i in range(n):
        yield i


def double(x: int):
    return 2 * x


def add(a: int, b: int):
    return a + b


def half(x: float):
    return x / 2


def both(x: int):
    return {"half": x // 2, "rest": x % 2}


def is_big(x: int, limit: int = 3):
    return x > limit


def say(text: str, mark: str = "!"):
    return text + mark


def upper(text: str):
    return text.upper()


def contains(text: str, part: str):
    return part in text


def describe(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def pack(text: str):
    return text.encode()


def size_of(data: bytes):
    return len(data)


# ---- lists


def split(text: str):
    yield from text.split()


def count_and_split(text: str):
    words = text.split()
    yield from words
    return {"count": len(words)}


def join(parts, by: str = ","):
    return by.join(parts)


def total(xs):
    return sum(xs)


def running(xs: Stream):
    result = {"sum": 0, "seen": 0}
    for x in xs:
        result["sum"] += x
        result["seen"] += 1
    return result


def relay(xs: Stream):
    for x in xs:
        yield x + 1


def windows(xs: Stream, size: int = 2):
    window = []
    for x in xs:
        window.append(x)
        if len(window) == size:
            yield window
            window = []
    if window:
        yield window


def merge(counts: Stream):
    result = {}
    for part in counts:
        for key, count in part.items():
            result[key] = result.get(key, 0) + count
    return result


def interleave(a: Stream, b: Stream):
    """One of each in turn; the rest of the longer one at the end."""
    waiting = [a, b]
    while waiting:
        for stream in list(waiting):
            try:
                yield next(stream)
            except StopIteration:
                waiting.remove(stream)


def letters(data: Pipe):
    return len(b"".join(data.chunks()).decode())


def more(xs=()):
    yield from xs
    yield len(xs)


def grid(rows: int, cols: int):
    for row in range(rows):
        yield [row * cols + col for col in range(cols)]


def row_sums(rows):
    for row in rows:
        yield sum(row)


# ---- what may be absent


def odd(x: int):
    return x if x % 2 else None


def maybe(x, d: int = 7):
    return f"{'none' if x is None else x} {d}"


def holes(xs):
    return {"holes": sum(x is None for x in xs), "size": len(xs)}


# ---- what fails


def picky(x: int, bad: int = 2):
    if x == bad:
        raise Refused(f"{x} is refused")
    return x


def strict(x: int):
    if x < 0:
        raise Rubbish(f"{x} is rubbish")
    return x


def breaks(kind: str):
    raise KINDS[kind](f"a {kind} on purpose")


def unsteady(x: int, fails: int = 1):
    path = os.path.join(folder(), f"unsteady-{x}")
    os.makedirs(folder(), exist_ok=True)
    with open(path, "ab") as failures:
        if failures.tell() < fails:
            failures.write(b"x")
            raise Broken(f"not yet for {x}")
    return x


def wrong(kind: str):
    if kind == "lacks":
        return {"a": 1}
    if kind == "extra":
        return {"a": 1, "b": 2, "c": 3}
    if kind == "type":
        return {"a": 1, "b": "two"}
    return {"a": 1, "b": 2}


# ---- what writes something else, and breaks, in its first attempts


def shaky(n: int, breaks: int = 1):
    """A broken attempt writes some elements as they will be, some wrong (less than 0), and too many."""
    attempt = context().attempt
    if attempt <= breaks:
        for i in range(n + attempt):
            yield i if (i + attempt) % 2 == 0 else -1 - i
        raise Broken(f"attempt {attempt}")
    for i in range(n):
        yield i


def liar(x: int, breaks: int = 1):
    attempt = context().attempt
    if attempt <= breaks:
        context().emit("y", x + 100 * attempt)
        raise Broken(f"attempt {attempt}")
    return x


def wavers(yes: bool, breaks: int = 1):
    attempt = context().attempt
    if attempt <= breaks:
        context().emit("yes", not yes)
        raise Broken(f"attempt {attempt}")
    return yes


# ---- effects, and waiting for others


def act(what: str, kind: str = ""):
    os.makedirs(folder(), exist_ok=True)
    with open(os.path.join(folder(), "trace"), "a", encoding="utf-8") as trace:
        trace.write(what + "\n")
    if kind:
        raise KINDS[kind](f"{what}: a {kind} on purpose")
    return what


GATE_SECONDS = 20


def gate(x: int, name: str):
    """Nothing to wait for where `name` is empty. Gives up in the end: a gate that nobody opens is a finding."""
    deadline = time.monotonic() + GATE_SECONDS
    while name and not os.path.exists(os.path.join(folder(), f"gate-{name}")):
        if time.monotonic() > deadline:
            raise Broken(f"nobody opened `{name}`")
        time.sleep(0.002)
    return x


def open_gate(x: int, name: str):
    os.makedirs(folder(), exist_ok=True)
    with open(os.path.join(folder(), f"gate-{name}"), "a", encoding="utf-8"):
        pass
    return x


def open_then_read(x: int, name: str):
    """Its input `y` is no parameter: where the task starts early, it comes while this waits for it."""
    open_gate(x, name)
    return x + context().read("y")


# ---- the workloads in small


def tally(text: str):
    return dict(sorted(Counter(text.split()).items()))


def shard(text: str, n: int):
    parts = [[] for _ in range(n)]
    for word in text.split():
        parts[sum(map(ord, word)) % n].append(word)
    for part in parts:
        yield " ".join(part)


def blocks(matrix, rows: int):
    for begin in range(0, len(matrix), rows):
        yield matrix[begin:begin + rows]


def gram(block):
    """Of each column the sum of squares."""
    return [sum(x * x for x in column) for column in zip(*block)]


def add_up(res):
    return [sum(column) for column in zip(*res)]


def upload(start):
    return {"video": start["video"].encode(), "split": start["split"], "user": start["user"], "length": start["length"],
            "target": start["target"]}


def cut(video: bytes, length: int):
    count = 0
    for begin in range(0, len(video), length):
        yield video[begin:begin + length]
        count += 1
    return {"keys": list(range(count))}


def transcode(video: bytes, target: str):
    return video + b"." + target.encode()


def stitch(video, keys, user: str):
    return user.encode() + b":" + b"|".join(b"%d=%s" % (key, part) for key, part in zip(keys, video))


def improve(a: int, x: int):
    better = (x + a // x) // 2
    return {"x": better, "delta": abs(better - x)}


def combine(files=(), sizes=()):
    letter = bytes([65 + len(files)])
    for size in sizes:
        yield letter * size
