def count(chunk: bytes, limit: int = 3) -> dict:
    return {}
