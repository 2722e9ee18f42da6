from functools import partial


def count_words(chunk, kind):
    return 1


count = partial(count_words, kind="word")
