def count(chunk: bytes):
    for word in chunk.split():
        yield word
