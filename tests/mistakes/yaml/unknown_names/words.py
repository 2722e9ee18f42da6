def split(text: bytes, parts: int = 8):
    for part in text.split(b"\n", parts):
        yield part


def count(chunk: bytes) -> dict:
    return {"words": len(chunk.split())}


def merge(counts) -> dict:
    return {"words": sum(c["words"] for c in counts)}
