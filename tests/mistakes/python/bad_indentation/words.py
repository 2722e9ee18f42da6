def count(chunk: bytes) -> dict:
    words = 1
  return words
