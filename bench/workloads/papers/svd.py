import time

import payload

MIB = 1 << 20


def start(blocks: int, size_scale: float):
    for block in range(blocks):
        yield payload.make(f"block-{block}", int(MIB * size_scale))


def compute(block: bytes, size_scale: float, time_scale: float) -> bytes:
    name = payload.check(block)
    time.sleep(0.1 * time_scale)
    return payload.make(f"svd-of-{name}", int(2 * MIB * size_scale))


def merge(res, time_scale: float) -> dict:
    names = [payload.check(one) for one in res]
    time.sleep(0.5 * time_scale)
    return {"of": names, "bytes": sum(map(len, res))}
