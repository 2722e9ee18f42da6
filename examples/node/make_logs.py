#!/usr/bin/env python3
"""Writes access logs as a web server would: make_logs.py FOLDER [FILES [LINES]]. The same numbers give the same logs."""

import gzip
import os
import random
import sys

ROUTES = [("GET", "/"), ("GET", "/orders/{}"), ("POST", "/orders"), ("GET", "/orders/{}/lines"), ("GET", "/search?q={}"),
          ("DELETE", "/orders/{}")]


def lines(number, count):
    draw = random.Random(number)
    for _ in range(count):
        if draw.random() < 0.01:
            yield "-- rotated --"
            continue
        method, target = draw.choices(ROUTES, (9, 6, 2, 3, 4, 1))[0]
        status = draw.choices((200, 404, 500, 503), (95, 3, 1, 1))[0]
        time = f"{draw.randrange(24):02}:{draw.randrange(60):02}:{draw.randrange(60):02}"
        yield (f'192.0.2.{draw.randrange(1, 255)} - - [22/Nov/2026:{time} +0000] "{method} {target.format(draw.randrange(10_000))} '
               f'HTTP/1.1" {status} {draw.randrange(200, 60_000)} "-" "Mozilla/5.0 (made up)" {int(draw.lognormvariate(3, 1))}')


def write(folder, files=4, count=20_000):
    os.makedirs(folder, exist_ok=True)
    paths = []
    for number in range(files):
        paths.append(os.path.join(folder, f"access-{number}.log.gz"))
        with gzip.open(paths[-1], "wt", encoding="ascii") as file:
            file.writelines(line + "\n" for line in lines(number, count))
    return paths


if __name__ == "__main__":
    for path in write(sys.argv[1], *map(int, sys.argv[2:])):
        print(path)
