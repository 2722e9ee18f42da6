def count(chunk):
    return 1
