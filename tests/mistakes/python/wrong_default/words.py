def count(chunk: bytes, limit: int = "three", tags: list[str] = ["a", 1]) -> dict:
    return {}
