"""What the tasks of the workloads hand to each other: bytes that say where they come from, of a given size.

A payload is one line - its name, its size, the checksum of the rest - and filler. Whoever reads it can tell
that all of it arrived, and from whom.
"""

import random
import zlib

LINE = 96  # Bytes of the first line, so that the smallest payload has a known size.


def make(name: str, size: int) -> bytes:
    filler = random.Random(name).randbytes(max(size - LINE, 0))
    line = f"{name} {len(filler) + LINE} {zlib.crc32(filler)}"
    if len(line) >= LINE:
        raise ValueError(f"the name is too long for a payload: {name}")
    return line.ljust(LINE - 1).encode() + b"\n" + filler


def check(payload) -> str:
    """The name of a payload that has arrived whole."""
    payload = bytes(payload)
    name, size, checksum = payload[:LINE].split()
    if int(size) != len(payload) or int(checksum) != zlib.crc32(payload[LINE:]):
        raise ValueError(f"{name.decode()} has not arrived as it was sent: {len(payload)} bytes of {size.decode()}")
    return name.decode()
