def count(chunk):
    return "café"
