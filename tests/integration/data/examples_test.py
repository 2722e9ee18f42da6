"""The examples node, shell and cpp: what they make is compared with one loop over the same data, which shares no code
with them."""

import glob
import gzip
import json
import os
import random
import re
import shutil
import sys
import unittest
from collections import Counter, defaultdict

from harness import ROOT, SLUICE, ServerCase

EXAMPLES = os.path.join(ROOT, "examples")
sys.path.insert(0, os.path.join(EXAMPLES, "node"))
import make_logs  # noqa: E402



class Weblog(ServerCase):
    FILES, LINES = 3, 5_000

    def expected(self):
        bad, times, errors, size = 0, defaultdict(list), Counter(), Counter()
        for number in range(self.FILES):
            for line in make_logs.lines(number, self.LINES):
                fields = line.split('"')
                if len(fields) != 7:
                    bad += 1
                    continue
                method, target, _ = fields[1].split()
                status, count = fields[2].split()
                route = f"{method} {re.sub(r'/[0-9]+', '/:n', target.partition('?')[0])}"
                times[route].append(int(fields[6]))
                errors[route] += status.startswith("5")
                size[route] += int(count)
        routes = []
        for route, all_times in sorted(times.items(), key=lambda item: (-len(item[1]), item[0])):
            all_times.sort()
            count = len(all_times)
            routes.append({"route": route, "requests": count, "errors": errors[route], "bytes": size[route],
                           "p50": all_times[(count + 1) // 2 - 1], "p99": all_times[(99 * count + 99) // 100 - 1]})
        return {"requests": sum(row["requests"] for row in routes), "bytes": sum(size.values()), "bad": bad, "routes": routes}

    def test_the_report_says_what_one_loop_over_the_lines_says(self):
        paths = make_logs.write(self.path("logs"), self.FILES, self.LINES)
        self.server.deploy(os.path.join(EXAMPLES, "node"))
        logs = [argument for path in paths for argument in ("-i", f"logs=@{path}")]
        result = self.server.cli("run", "weblog", *logs, "--out", self.path("report"))
        self.assertEqual(result.returncode, 0, result.stderr)
        with open(self.path("report", "summary"), encoding="utf-8") as file:
            summary = json.load(file)
        self.assertEqual(summary, self.expected())
        self.assertGreater(summary["bad"], 50)
        with open(self.path("report", "report.html"), encoding="utf-8") as file:
            page = file.read()
        for row in summary["routes"]:
            self.assertIn(f"<tr><td>{row['route']}<td>{row['requests']}<td>", page)

    def test_a_log_that_is_not_compressed_is_read_and_one_that_only_says_so_fails(self):
        self.server.deploy(os.path.join(EXAMPLES, "node"))
        for name, is_good in (("plain.log", True), ("broken.log.gz", False)):
            with open(self.path(name), "w", encoding="ascii") as file:
                file.writelines(line + "\n" for line in make_logs.lines(0, 100))
            result = self.server.cli("run", "weblog", "-i", f"logs=@{self.path(name)}", "-o", "json")
            run = json.loads(result.stdout)
            if is_good:
                self.assertEqual(run["outputs"]["summary"]["requests"], sum(line[0] != "-" for line in make_logs.lines(0, 100)))
            else:
                self.assertEqual((result.returncode, run["error"]["task"]), (1, "parse.0"), run)
                self.assertIn("incorrect header check", run["error"]["message"])


class Words(ServerCase):
    def check(self, text, most):
        with open(self.path("text"), "w", encoding="ascii") as file:
            file.write(text)
        shutil.rmtree(self.path("out"), ignore_errors=True)
        result = self.server.cli("run", "words", "-i", f"text=@{self.path('text')}", "-i", f"most={most}", "--out",
                                 self.path("out"))
        self.assertEqual(result.returncode, 0, result.stderr)
        counts = Counter(word.lower() for word in re.findall("[A-Za-z]+", text))
        with gzip.open(self.path("out", "counts.tsv.gz"), "rt", encoding="ascii") as file:
            self.assertEqual(file.read(), "".join(f"{word}\t{counts[word]}\n" for word in sorted(counts)))
        with open(self.path("out", "top"), encoding="ascii") as file:
            top = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:most]
            self.assertEqual(file.read(), "".join(f"{word}\t{n}\n" for word, n in top))

    def test_the_counts_are_those_of_one_loop_over_the_text(self):
        self.server.deploy(os.path.join(EXAMPLES, "shell"))
        draw = random.Random(7)
        words = ["".join(draw.choices("abcdefgHIJ", k=draw.randrange(1, 7))) for _ in range(3_000)]
        lines = (" ".join(draw.choices(words, k=12)) + draw.choice([".", "!", " - 17", ""]) for _ in range(25_000))
        text = "\n".join(lines)
        self.assertGreater(len(text), 3 * 256 * 1024)  # Several parts.
        self.check(text, 20)

    def test_a_text_without_words_has_none(self):
        self.server.deploy(os.path.join(EXAMPLES, "shell"))
        self.check("", 5)
        self.check("1, 2, 3\n", 5)


class Matrix(ServerCase):
    def setUp(self):
        super().setUp()
        binary = os.path.join(os.path.dirname(SLUICE), "examples/cpp/bin/matrix")
        self.assertTrue(os.path.exists(binary), f"{binary} is missing: ninja -C build/release matrix")
        shutil.copytree(os.path.join(EXAMPLES, "cpp"), self.path("app"), ignore=shutil.ignore_patterns("bin", "build"))
        os.makedirs(self.path("app", "bin"))
        shutil.copy(binary, self.path("app", "bin"))
        self.server.deploy(self.path("app"))

    def test_the_product_is_that_of_numpy(self):
        try:
            import numpy
        except ImportError:
            self.skipTest("numpy is not installed")
        draw = numpy.random.default_rng(5)
        a, b = draw.random((301, 200)) - 0.5, draw.random((200, 150))
        for name, array in (("a", a), ("b", b)):
            numpy.save(self.path(f"{name}.npy"), array)
        result = self.server.cli("run", "matrix", "-i", f"a=@{self.path('a.npy')}", "-i", f"b=@{self.path('b.npy')}", "-i",
                                 "parts=7", "--out", self.path("out"))
        self.assertEqual(result.returncode, 0, result.stderr)
        blocks = [numpy.load(path) for path in sorted(glob.glob(self.path("out", "product", "*")))]
        self.assertEqual(len(blocks), 7)
        numpy.testing.assert_allclose(numpy.concatenate(blocks), a @ b, rtol=0, atol=1e-10)
        with open(self.path("out", "rows"), encoding="ascii") as file:
            self.assertEqual(int(file.read()), 301)
        # What does not fit is said by the name of the exception.
        result = self.server.cli("run", "matrix", "-i", f"a=@{self.path('a.npy')}", "-i", f"b=@{self.path('a.npy')}", "-o", "json")
        self.assertEqual(json.loads(result.stdout)["error"]["name"], "NoMatrix", result.stdout)


if __name__ == "__main__":
    unittest.main()
