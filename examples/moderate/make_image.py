#!/usr/bin/env python3
"""Writes a picture of 2400 x 1800 pixels, about 2.3 MB: `make_image.py FILE.png [TEXT] [--adult] [--violence]`.

The text (A to Z and spaces) stands on grainy paper; the flags add stripes that the classifiers of this example object to.
"""

import argparse
import os
import sys

import numpy

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import png  # noqa: E402
from letters import HEIGHT, LETTERS, WIDTH  # noqa: E402

TEXT = "IT WAS THE BEST OF TIMES IT WAS THE WORST OF TIMES"


def page(text, height, width):
    """Dots of ink, a tenth of the picture's size."""
    ink = numpy.zeros((height // 10, width // 10), bool)
    per_line = ink.shape[1] // WIDTH
    lines, line = [], ""
    for word in text.upper().split():
        if line and len(line) + 1 + len(word) > per_line:
            lines, line = [*lines, line], ""
        line = f"{line} {word}".strip()
    for row, words in enumerate([*lines, line]):
        for column, letter in enumerate(words):
            ink[row * HEIGHT:(row + 1) * HEIGHT, column * WIDTH:(column + 1) * WIDTH] = LETTERS[letter]
    return ink


def make(text=TEXT, adult=False, violence=False, height=1800, width=2400):
    grain = numpy.random.default_rng(1843).integers(0, 13, (height, width), numpy.uint8)  # About 3.7 bits a pixel.
    pixels = numpy.uint8(230) - grain
    ink = page(text, height, width).repeat(10, axis=0).repeat(10, axis=1)
    pixels[:ink.shape[0], :ink.shape[1]] -= numpy.uint8(190) * ink
    # Below the text, in the corner: a period of four pixels of what the classifiers see.
    y, x = numpy.mgrid[:height // 4, :width // 4]
    y, x = y // (height // 224), x // (width // 224)
    for wanted, phase, left in ((adult, x + y, 0), (violence, x - y, width // 2)):
        if wanted:
            stripes = numpy.where(phase % 4 < 2, 20, 235).astype(numpy.uint8)
            pixels[-stripes.shape[0]:, left:left + stripes.shape[1]] = stripes
    return pixels


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file")
    parser.add_argument("text", nargs="?", default=TEXT)
    parser.add_argument("--adult", action="store_true")
    parser.add_argument("--violence", action="store_true")
    arguments = parser.parse_args()
    with open(arguments.file, "wb") as file:
        file.write(png.encode(make(arguments.text, arguments.adult, arguments.violence)))
