def count(chunk: bytes) -> dict:
    return {)
