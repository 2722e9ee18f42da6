count = lambda chunk: len(chunk)
