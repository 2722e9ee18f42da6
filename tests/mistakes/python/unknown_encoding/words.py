# -*- coding: klingon -*-
def count(chunk):
    return 1
