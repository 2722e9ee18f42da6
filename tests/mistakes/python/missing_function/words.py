def cuont(chunk: bytes) -> dict:
    return {}


def other():
    pass
