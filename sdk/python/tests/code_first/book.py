"""Loops in loops are workflows in workflows."""

from __future__ import annotations

from typing import Iterator, Optional

import sluice

sluice.app("library")


@sluice.function
def pages(book: str) -> Iterator[str]:
    yield from book.split("\f")


@sluice.function
def lines(page: str) -> list[str]:
    return page.splitlines()


@sluice.function(env={"LANG": "C.UTF-8"}, parallel=4)
def upper(line: str, mark: str = "${!}") -> str:
    return line.upper() + mark


@sluice.function(name="glue")
def join(parts: list[str], separator: Optional[str] = None) -> str:
    return (separator or "|").join(parts)


@sluice.workflow(on_failure="continue", keep="all")
def page(page: str, mark: str = "!"):
    return sluice.foreach(lines(page), lambda line: upper(line, mark), concurrency=4)


@sluice.workflow
def book(book: str):
    done = sluice.foreach(pages(book), page)
    glued = join(done.flatten(), separator=None)
    return {"text": glued, "lines": done.flatten().size(), "sizes": done.map(lambda p: p.size() * 2 + 1)}
