"""The example on generated text, on real text, and on the eight books of the papers where they are."""

import json
import os
import random
import re
import sys
import unittest
from collections import Counter

from harness import ROOT, ServerCase

SHARED = os.environ.get("SLUICE_SHARED_DATA") or os.path.join(os.path.dirname(ROOT), "shared", "data")
BOOKS = os.path.join(SHARED, "books")
TEXTS = os.path.join(ROOT, "build/data/moby-dick-and-sotu.txt")
sys.path.insert(0, os.path.join(ROOT, "tools/data"))
from check_wordcount import count  # noqa: E402


class WordCount(ServerCase):
    def run_example(self, path):
        self.server.deploy(os.path.join(ROOT, "examples/wordcount"))
        result = self.server.cli("run", "wordcount", "-i", f"text=@{path}", "-o", "raw")
        self.assertEqual(result.returncode, 0, result.stderr)
        return json.loads(result.stdout)

    def test_generated_text_is_counted_right(self):
        draw = random.Random(4711)
        words = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyzäöüßéΣΩ", k=draw.randint(1, 9))) for _ in range(5000)]
        text = "".join(draw.choice(words) + draw.choice([" ", "\n", ", ", " – ", ".\n\n", "\t"]) for _ in range(200_000))
        with open(self.path("text"), "w", encoding="utf-8", newline="") as file:
            file.write(text)
        self.assertEqual(self.run_example(self.path("text")), count(text))

    def test_an_empty_text_and_one_word_are_counted_right(self):
        for text in ("", "one", " ", "two words"):
            with self.subTest(text=text):
                with open(self.path("text"), "w", encoding="utf-8") as file:
                    file.write(text)
                self.assertEqual(self.run_example(self.path("text")), count(text))

    @unittest.skipUnless(os.path.exists(TEXTS), "the texts have not been fetched (tools/data/fetch_texts.py)")
    def test_real_text_is_counted_right(self):
        with open(TEXTS, encoding="utf-8", newline="") as file:
            expected = count(file.read())
        self.assertEqual(self.run_example(TEXTS), expected)

    @unittest.skipUnless(os.path.isdir(BOOKS), f"no books in {BOOKS} (SLUICE_SHARED_DATA)")
    def test_the_books_of_the_papers_have_22719_words(self):
        # As the papers count: split by `\\W+`, case kept, the empty word counted; one task per book.
        self.app("books", """
            app: books
            functions:
              count: { runtime: python3, handler: words.count, inputs: { book: bytes }, outputs: { counts: json } }
              merge: { runtime: python3, handler: words.merge, inputs: { counts: stream<json> }, outputs: { total: json } }
            workflows:
              books:
                inputs: { books: list<bytes> }
                steps:
                  count: { call: count, foreach: "${inputs.books}", in: { book: "${item}" } }
                  merge: { call: merge, in: { counts: "${count.counts}" } }
                outputs: { total: "${merge.total}" }
            """, words="""
import re
from collections import Counter

def count(book):
    return Counter(re.split(r"\\W+", book.decode()))

def merge(counts):
    total = Counter()
    for part in counts:
        total.update(part)
    return total
""")
        books = sorted(os.path.join(BOOKS, name) for name in os.listdir(BOOKS))
        self.assertEqual(len(books), 8)
        arguments = [argument for book in books for argument in ("-i", f"books=@{book}")]
        result = self.server.cli("run", "books", *arguments, "-o", "raw")
        self.assertEqual(result.returncode, 0, result.stderr)
        expected = Counter()
        for book in books:
            with open(book, encoding="utf-8", newline="") as file:
                expected.update(re.split(r"\W+", file.read()))
        total = json.loads(result.stdout)
        self.assertEqual(len(total), 22719)
        self.assertEqual(sum(total.values()), 625073)
        self.assertEqual(total, dict(expected))


if __name__ == "__main__":
    unittest.main()
