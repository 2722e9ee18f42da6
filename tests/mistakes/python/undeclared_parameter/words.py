def count(chunk: bytes, language: str, limit: int = 3) -> dict:
    return {}
