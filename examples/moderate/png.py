"""Eight-bit grey PNG images as arrays: what this example needs of the format, and no more."""

import struct
import zlib

import numpy

SIGNATURE = b"\x89PNG\r\n\x1a\n"


class NoImage(ValueError):
    pass


def encode(pixels) -> bytes:
    height, width = pixels.shape
    rows = numpy.zeros((height, width + 1), numpy.uint8)  # Each row begins with its filter: none.
    rows[:, 1:] = pixels

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return SIGNATURE + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows.tobytes(), 6)) + chunk(b"IEND", b"")


def decode(data):
    if data[:8] != SIGNATURE or data[12:16] != b"IHDR":
        raise NoImage("this is no PNG")
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", data[16:29])
    if (depth, colour, interlaced) != (8, 0, 0):
        raise NoImage("only grey PNGs of eight bits, not interlaced, are read here")
    if width * height > 100_000_000:
        raise NoImage(f"{width} x {height} pixels are too many")
    packed, at = [], 8
    while at + 8 <= len(data):
        (length,) = struct.unpack(">I", data[at:at + 4])
        if data[at + 4:at + 8] == b"IDAT":
            packed.append(data[at + 8:at + 8 + length])
        at += 12 + length
    try:
        rows = numpy.frombuffer(zlib.decompress(b"".join(packed)), numpy.uint8).reshape(height, width + 1)
    except (zlib.error, ValueError) as error:
        raise NoImage(f"the image is damaged: {error}") from None
    if rows[:, 0].any():
        raise NoImage("only PNGs without filters are read here")
    return rows[:, 1:]
