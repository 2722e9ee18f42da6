"""Counts the words of a text."""

import re
from collections import Counter
from typing import Iterator

import sluice
from sluice import Stream

SPACE = re.compile(rb"\s")
WORD = re.compile(r"\w+")


@sluice.function(outputs="chunks")
def split(text: bytes, parts: int = 8) -> Iterator[bytes]:
    begin = 0
    for part in range(1, parts + 1):
        target = len(text) * part // parts
        space = SPACE.search(text, max(begin, target))
        end = space.start() if space and part < parts else len(text)
        yield text[begin:end]
        begin = end


@sluice.function(outputs="counts", resources={"cpu": 0.5, "memory": "256Mi"})
def count(chunk: bytes) -> dict[str, int]:
    return Counter(WORD.findall(chunk.decode().lower()))


@sluice.function(outputs="total")
def merge(counts: Stream[dict[str, int]]) -> dict[str, int]:
    total = Counter()
    for part in counts:
        total.update(part)
    return total


@sluice.workflow
def wordcount(text: bytes, parts: int = 8):
    counts = sluice.foreach(split(text, parts), count)
    return {"total": merge(counts)}
