import math
import time

import payload

VIDEO_SIZE = 22_000_000
SPLIT_MAX = 4
SHORT_SECONDS = 5


def upload(user: str, length: float, size_scale: float, time_scale: float) -> dict:
    time.sleep(3.8 * time_scale)
    return {"video": payload.make(f"video-of-{user}", int(VIDEO_SIZE * size_scale)), "split": length > SHORT_SECONDS,
            "segment_time": 5, "target": "avi", "prefix": "out"}


def split(video: bytes, length: float, segment_time: int, time_scale: float):
    """At most four parts: for a longer video the parts are longer."""
    name = payload.check(video)
    time.sleep(0.63 * time_scale)
    if math.ceil(length / segment_time) > SPLIT_MAX:
        segment_time = math.ceil(length / SPLIT_MAX) + 1
    parts = math.ceil(length / segment_time)
    for part in range(parts):
        yield payload.make(f"{name}-{part}", len(video) // parts)
    return {"keys": list(range(parts))}


def transcode(video: bytes, target: str, time_scale: float) -> bytes:
    name = payload.check(video)
    time.sleep(1.74 * time_scale)
    return payload.make(f"{name}.{target}", len(video))


def merge(videos, keys, user: str, prefix: str, target: str, time_scale: float) -> dict:
    names = [payload.check(video) for video in videos]
    time.sleep(0.28 * time_scale)
    return {"video": payload.make(f"{prefix}-{user}.{target}", sum(map(len, videos))), "parts": dict(zip(map(str, keys), names))}
