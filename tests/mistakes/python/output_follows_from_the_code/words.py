from typing import Iterator


def count(chunk: bytes) -> Iterator[bytes]:
    yield chunk
