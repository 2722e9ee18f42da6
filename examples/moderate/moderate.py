"""A picture is looked at by two classifiers, read, translated and censored; where one of them objects, it is blurred.

All are stand-ins in plain numpy that really decide by what is in the picture: a small fixed convolution for the
networks, a comparison with known letters for the reading, a list of words for the censor.
"""

import time

import numpy
import png
from letters import HEIGHT, LETTERS, WIDTH

FORBIDDEN = {"BOTHER", "CURSES", "DRAT", "FIDDLESTICKS", "ZOUNDS"}
SIDE = 224  # What such networks look at.
KERNEL = 8


def upload(image: bytes) -> bytes:
    """Refuses what is no image before four others read it."""
    png.decode(image)
    return image


def shrunk(pixels, height, width):
    """Means of blocks; what is over at the right and below is left out."""
    rows, columns = pixels.shape[0] // height, pixels.shape[1] // width
    if rows == 0 or columns == 0:
        raise png.NoImage(f"the image has less than {width} x {height} pixels")
    blocks = pixels[:rows * height, :columns * width].reshape(height, rows, width, columns)
    return blocks.mean(axis=(1, 3))


def kernel(looks_for):
    """What a network would have learnt: adult pictures have stripes that fall, violent ones stripes that rise."""
    y, x = numpy.mgrid[:KERNEL, :KERNEL]
    wave = numpy.sign(numpy.sin((x + y if looks_for == "adult" else x - y + KERNEL) * (numpy.pi / 2) + numpy.pi / 4))
    return wave / wave.size


def classify(image: bytes, looks_for: str) -> dict:
    """One layer of convolution, the strongest response, its mean over patches: a score from 0 to 1."""
    pixels = shrunk(png.decode(image), SIDE, SIDE) / 255 * 2 - 1
    windows = numpy.lib.stride_tricks.sliding_window_view(pixels - pixels.mean(), (KERNEL, KERNEL))
    response = numpy.abs(numpy.tensordot(windows, kernel(looks_for), axes=2))
    score = float(numpy.sort(response, axis=None)[-200:].mean())
    return {"illegal": score > 0.4, "score": round(score, 4)}


def extract(image: bytes) -> str:
    """A tenth of the size, black and white, and of each cell the letter that fits it best."""
    pixels = png.decode(image)
    page = shrunk(pixels, pixels.shape[0] // 10, pixels.shape[1] // 10) < 110
    names, shapes = list(LETTERS), numpy.array(list(LETTERS.values()))
    lines = []
    for top in range(0, page.shape[0] - HEIGHT + 1, HEIGHT):
        cells = [page[top:top + HEIGHT, left:left + WIDTH] for left in range(0, page.shape[1] - WIDTH + 1, WIDTH)]
        lines.append("".join(names[int((shapes != cell).sum(axis=(1, 2)).argmin())] for cell in cells))
    return " ".join(" ".join(lines).split())


def translate(text: str) -> str:
    time.sleep(0.1)  # As that of the papers.
    return text


def censor(text: str) -> dict:
    words = sorted(set(text.split()) & FORBIDDEN)
    return {"illegal": bool(words), "words": words}


def mosaic(image: bytes) -> bytes:
    """A tenth of the size, in squares of eight."""
    pixels = png.decode(image)
    small = shrunk(pixels, pixels.shape[0] // 10, pixels.shape[1] // 10)
    squares = shrunk(small, max(small.shape[0] // 8, 1), max(small.shape[1] // 8, 1))
    return png.encode(squares.round().astype(numpy.uint8).repeat(8, axis=0).repeat(8, axis=1))
