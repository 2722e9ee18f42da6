"""Outputs that are long lists: the run's document refers to them, pages have their elements."""

import json
import os
import unittest

from harness import ServerCase

YAML = """
    app: long
    workflows:
      long:
        inputs: { n: int, m: int }
        steps:
          word: { set: { text: "${'word ' + string(item) + '-' + string(inputs.n) + ', and more of it to be long'}" },
                  foreach: "${range(inputs.n)}" }
          number: { set: { value: "${item * 3}" }, foreach: "${range(inputs.n)}" }
          row: { flow: row, foreach: "${range(inputs.m)}", in: { n: "${item * item * 22}" } }
        outputs: { words: "${word.text}", numbers: "${number.value}", rows: "${row.cells}" }
      row:
        inputs: { n: int }
        steps:
          cell: { set: { text: "${'cell ' + string(item) + ' of a row that is one of many rows of cells'}" },
                  foreach: "${range(inputs.n)}" }
        outputs: { cells: "${cell.text}" }
    """


def word(i, n):
    return f"word {i}-{n}, and more of it to be long"


def cell(i):
    return f"cell {i} of a row that is one of many rows of cells"


class LongLists(ServerCase):
    def setUp(self):
        super().setUp()
        self.app("long", YAML)

    def pages(self, address, limit):
        """The elements of a list by pages, and how many pages that took."""
        elements, pages, cursor = [], 0, ""
        while True:
            page = self.server.get(f"{address}?limit={limit}" + (f"&cursor={cursor}" if cursor else ""))
            self.assertLessEqual(len(page["elements"]), limit)
            elements += page["elements"]
            pages += 1
            cursor = page.get("cursor", "")
            if not cursor:
                self.assertEqual(len(elements), page["count"])
                return elements, pages

    def test_a_list_is_an_array_while_it_is_short_or_small(self):
        outputs = self.assert_succeeded(self.server.run("long", n=1000, m=0))
        self.assertEqual(outputs["words"], [word(i, 1000) for i in range(1000)])
        outputs = self.assert_succeeded(self.server.run("long", n=30_000, m=0))
        self.assertEqual(outputs["numbers"], [3 * i for i in range(30_000)])

    def test_a_long_list_is_one_reference_and_comes_in_pages(self):
        n = 30_000
        run = self.server.run("long", n=n, m=0)
        self.assertLess(len(json.dumps(run)), 2 << 20)
        words = [word(i, n) for i in range(n)]
        address = f"/api/v1/runs/{run['id']}/outputs/words"
        self.assertEqual(self.assert_succeeded(run)["words"], {
            "$ref": address, "count": n, "size": sum(map(len, words)), "type": "application/json"})
        elements, pages = self.pages(address, 1000)
        self.assertEqual((elements, pages), (words, 30))
        self.assertEqual(self.server.get(f"{address}?limit=2&cursor={n - 1}"), {"elements": words[-1:], "count": n})
        self.assertEqual(self.server.get(f"{address}?cursor={n}"), {"elements": [], "count": n})
        self.assertEqual(self.server.get(f"{address}?limit=3&cursor=7"), {"elements": words[7:10], "count": n, "cursor": "10"})
        self.assertEqual(self.server.get(address), words)  # The address itself is the whole list.
        self.assertEqual(self.server.http("GET", f"{address}/{n - 1}").body.decode(), words[-1])
        refused = self.server.http("GET", f"{address}/7?limit=1")
        self.assertEqual((refused.status, "is no list" in refused.json()["detail"]), (400, True), refused.body)

    def test_what_is_too_long_for_one_answer_says_so(self):
        n = 400_000
        run = self.server.run("long", seconds=600, n=n, m=0)
        reference = self.assert_succeeded(run)["words"]
        refused = self.server.http("GET", reference["$ref"])
        self.assertEqual(refused.status, 400, refused.body[:300])
        self.assertIn(f"is a list of {n} elements, too long for one answer: ask for pages", refused.json()["detail"])
        page = self.server.get(f"{reference['$ref']}?limit=1000&cursor={n - 1000}")
        self.assertEqual(page["elements"], [word(i, n) for i in range(n - 1000, n)])

    def test_lists_in_a_long_list_are_written_out_as_far_as_they_are_short(self):
        run = self.server.run("long", seconds=600, n=0, m=31)
        rows = [[cell(i) for i in range(22 * row * row)] for row in range(31)]
        reference = self.assert_succeeded(run)["rows"]
        self.assertEqual((reference["count"], reference["size"]), (31, sum(len(text) for row in rows for text in row)))
        elements, pages = self.pages(reference["$ref"], 1000)
        self.assertGreater(pages, 1)  # Of long elements there are fewer on a page.
        self.assertEqual(elements[0], [])
        self.assertEqual(elements[1], rows[1])
        self.assertEqual(elements[30]["$ref"], reference["$ref"] + "/30")
        for row, element in enumerate(elements):
            if isinstance(element, dict):
                self.assertEqual(element["count"], len(rows[row]))
                element, _ = self.pages(element["$ref"], 1000)
            self.assertEqual(element, rows[row], row)

    def test_the_command_line_prints_arrays_and_saves_every_element(self):
        n = 25_000
        with open(self.path("in.json"), "w", encoding="utf-8") as file:
            json.dump({"n": n, "m": 0}, file)
        printed = self.server.cli("run", "long", "--json", self.path("in.json"), "-o", "json")
        self.assertEqual(printed.returncode, 0, printed.stderr)
        document = json.loads(printed.stdout)
        self.assertEqual(list(document), ["id", "workflow", "state", "outputs", "timings"])
        self.assertEqual(document["outputs"], {
            "words": [word(i, n) for i in range(n)], "numbers": [3 * i for i in range(n)], "rows": []})
        shown = self.server.cli("get", "runs", document["id"])
        self.assertRegex(shown.stdout, rf"(?m)^words: list of {n}, 1\.\d MiB \(--out DIR saves it; it is at http://\S+/words/INDEX\)$")

    def test_the_command_line_follows_lists_in_lists(self):
        with open(self.path("in.json"), "w", encoding="utf-8") as file:
            json.dump({"n": 0, "m": 31}, file)
        rows = [[cell(i) for i in range(22 * row * row)] for row in range(31)]
        printed = self.server.cli("run", "long", "--json", self.path("in.json"), "-o", "json")
        self.assertEqual(json.loads(printed.stdout)["outputs"]["rows"], rows)

    def test_out_saves_every_element_of_a_long_list(self):
        n = 1_500
        self.app("blobs", """
            app: blobs
            functions:
              make: { runtime: python3, handler: code.make, inputs: { n: int }, outputs: { xs: list<bytes> } }
            workflows:
              blobs:
                inputs: { n: int }
                steps: { make: { call: make, in: { n: "${inputs.n}" } } }
                outputs: { xs: "${make.xs}" }
            """, code="def make(n):\n    for i in range(n):\n        yield b'%d' % i + bytes(1000)\n")
        run = self.server.cli("run", "blobs", "-i", f"n={n}", "--out", self.path("out"))
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual(sorted(os.listdir(self.path("out", "xs"))), [f"{i:06}" for i in range(n)])
        for i in (0, 999, 1000, n - 1):
            with open(self.path("out", "xs", f"{i:06}"), "rb") as file:
                self.assertEqual(file.read(), b"%d" % i + bytes(1000))


if __name__ == "__main__":
    unittest.main()
