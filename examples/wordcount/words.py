"""Counts the words of a text: `split` cuts it into parts, `count` counts one part, `merge` adds up."""

import re
from collections import Counter

from sluice import Stream

SPACE = re.compile(rb"\s")
WORD = re.compile(r"\w+")


def split(text: bytes, parts: int = 8):
    """Cuts the text into `parts` of about equal size, at white space, so that no word is torn.

    Each part leaves with its `yield`: the first is being counted while the second is still being cut.
    """
    begin = 0
    for part in range(1, parts + 1):
        target = len(text) * part // parts
        space = SPACE.search(text, max(begin, target))
        end = space.start() if space and part < parts else len(text)
        yield text[begin:end]
        begin = end


def count(chunk: bytes) -> dict[str, int]:
    """How often each word occurs: runs of letters, digits and `_`, in lower case."""
    return Counter(WORD.findall(chunk.decode().lower()))


def merge(counts: Stream[dict[str, int]]) -> dict[str, int]:
    """Adds the counts up in the order of the parts, each as soon as it is there."""
    total = Counter()
    for part in counts:
        total.update(part)
    return total
