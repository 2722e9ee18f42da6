def count(chunk, item, run=1):
    return 1
