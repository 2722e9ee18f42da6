def count(chunk: bytes) -> dict:
    return {"words": len(chunk.split()
