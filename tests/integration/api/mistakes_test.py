"""The corpus of mistakes, through the command line: the words of expected.txt and exit code 3."""

import os
import subprocess
import unittest

from harness import SLUICE

CORPUS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../mistakes")
# Their files are made by tests/mistakes/mistakes_test.cc: ten megabytes do not belong in a repository.
GENERATED = ("huge_yaml", "huge_file")


class Mistakes(unittest.TestCase):
    def test_validate_says_every_mistake_of_the_corpus_and_exits_with_3(self):
        seen = 0
        for kind in ("yaml", "python"):
            for name in sorted(os.listdir(os.path.join(CORPUS, kind))):
                if name in GENERATED:
                    continue
                folder = os.path.join(CORPUS, kind, name)
                with self.subTest(kind=kind, name=name), open(os.path.join(folder, "expected.txt"), encoding="utf-8") as file:
                    result = subprocess.run([SLUICE, "validate", folder], capture_output=True, text=True, timeout=300)
                    self.assertEqual(result.returncode, 3, result)
                    self.assertIn(file.read().strip(), (result.stdout + result.stderr))
                    seen += 1
        self.assertGreaterEqual(seen, 80)


if __name__ == "__main__":
    unittest.main()
