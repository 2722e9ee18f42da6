async def count(chunk: bytes) -> dict:
    return {}
