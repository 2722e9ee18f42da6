def count(chunk: bytes):
    yield 1
