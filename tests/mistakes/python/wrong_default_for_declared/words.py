def count(chunk: bytes, limit="three") -> dict:
    return {}
