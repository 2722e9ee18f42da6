# -*- coding: latin-1 -*-
café = 1


def count(chunk, *rest):
    return 1
