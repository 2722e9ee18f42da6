def count(chunk: 8) -> dict:
    return {}
