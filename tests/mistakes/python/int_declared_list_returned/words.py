from collections.abc import Iterator


def count(chunk: bytes) -> list[int]:
    return [3]
