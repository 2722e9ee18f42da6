def count(chunk: int) -> dict:
    return {}
