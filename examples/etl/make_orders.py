#!/usr/bin/env python3
"""Writes CSV files of orders: `make_orders.py DIRECTORY [FILES] [ROWS]`. The same arguments give the same files.

One row in a hundred is wrong in some way, one in two hundred is a repetition of an earlier one (of this file or
another), and `notes.csv` is no file of orders at all: that is what exports look like.
"""

import os
import random
import sys

COUNTRIES = ["AT", "BR", "DE", "FR", "IN", "JP", "KE", "US"]
SPOIL = [
    lambda row: row[:3],
    lambda row: [row[0], "2024-02-30", *row[2:]],
    lambda row: [*row[:2], "??", *row[3:]],
    lambda row: [*row[:3], "-1", row[4]],
    lambda row: [*row[:4], "n/a"],
]


def orders(files, rows):
    """Per file its rows, as lists of texts."""
    draw = random.Random(f"{files} files of {rows} rows")
    good = []
    for _ in range(files):
        lines = []
        for _ in range(rows):
            kind = draw.random()
            if good and kind < 0.005:
                lines.append(draw.choice(good))
                continue
            day = f"{draw.choice((2023, 2024))}-{draw.randint(1, 12):02}-{draw.randint(1, 28):02}"
            row = [f"{draw.getrandbits(48):012x}", day, draw.choice(COUNTRIES), str(draw.randint(1, 9)), str(draw.randint(99, 99_999))]
            if kind < 0.015:
                lines.append(draw.choice(SPOIL)(row))
            else:
                good.append(row)
                lines.append(row)
        yield lines


def write(directory, files=3, rows=20_000):
    os.makedirs(directory, exist_ok=True)
    paths = []
    for number, lines in enumerate(orders(files, rows)):
        paths.append(os.path.join(directory, f"orders-{number}.csv"))
        with open(paths[-1], "w", encoding="utf-8", newline="") as file:
            file.write("order,day,country,quantity,cents\n")
            file.writelines(",".join(row) + "\n" for row in lines)
    paths.append(os.path.join(directory, "notes.csv"))
    with open(paths[-1], "w", encoding="utf-8") as file:
        file.write("Dear all,\nplease find the orders attached.\n")
    return paths


if __name__ == "__main__":
    if not 2 <= len(sys.argv) <= 4:
        sys.exit(__doc__)
    print("\n".join(write(sys.argv[1], *map(int, sys.argv[2:]))))
