from sluice import Stream


def count(chunk: list[Stream[bytes]]) -> dict:
    return {}
