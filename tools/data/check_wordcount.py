#!/usr/bin/env python3
"""Checks a result of the workflow against a count made another way.

    check_wordcount.py TEXT RESULT        RESULT is what `sluice run wordcount -o json` printed

Shares no code with words.py and works differently: one pass over the whole text, character by
character. Prints the totals and the most frequent words; exits with 1 where the two differ.
"""

import json
import sys


def count(text):
    counts = {}
    word = []
    for character in text.lower():
        if character == "_" or character.isalnum():
            word.append(character)
        elif word:
            key = "".join(word)
            counts[key] = counts.get(key, 0) + 1
            word.clear()
    if word:
        key = "".join(word)
        counts[key] = counts.get(key, 0) + 1
    return counts


def main():
    with open(sys.argv[1], encoding="utf-8", newline="") as file:
        expected = count(file.read())
    with open(sys.argv[2], encoding="utf-8") as file:
        run = json.load(file)
    if run["state"] != "SUCCEEDED":
        sys.exit(f"check: the run is {run['state']}: {run.get('error')}")
    found = run["outputs"]["total"]
    if isinstance(found, dict) and "$ref" in found and len(found) > 1:
        sys.exit("check: the result is larger than what -o json shows inline; get it with -o raw")
    wrong = [word for word in expected.keys() | found.keys() if expected.get(word) != found.get(word)]
    for word in sorted(wrong)[:10]:
        print(f"check: '{word}': counted {expected.get(word)}, the workflow says {found.get(word)}", file=sys.stderr)
    if wrong:
        sys.exit(f"check: {len(wrong)} of {len(expected)} words differ")
    print(f"{sum(found.values()):,} words, {len(found):,} different ones; the same as an independent count")
    print("most frequent: " + ", ".join(f"{word} {found[word]:,}" for word in
                                        sorted(found, key=lambda word: (-found[word], word))[:12]))


if __name__ == "__main__":
    main()
