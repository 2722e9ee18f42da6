"""examples/etl on generated files: the database is compared with one loop over the same rows, which shares no code with the app."""

import datetime
import json
import os
import sqlite3
import sys
import unittest
from collections import Counter

from harness import ROOT, ServerCase

APP = os.path.join(ROOT, "examples/etl")
sys.path.insert(0, APP)
import make_orders  # noqa: E402

COUNTRIES = "AT BR DE FR IN JP KE US".split()


def is_day(text):
    try:
        datetime.datetime.strptime(text, "%Y-%m-%d")
    except ValueError:
        return False
    return True


def expected(files, rows):
    """Totals, and the rejected lines, by the rules of the README."""
    count, cents, rejected, seen = Counter(), Counter(), [], set()
    for lines in make_orders.orders(files, rows):
        for number, row in enumerate(lines, 2):
            is_good = (len(row) == 5 and is_day(row[1]) and row[2] in COUNTRIES
                       and all(text.isdigit() for text in row[3:]) and int(row[3]) > 0)
            if not is_good:
                rejected.append((number, ",".join(row)))
            elif row[0] not in seen:
                seen.add(row[0])
                count[row[2], row[1][:7]] += 1
                cents[row[2], row[1][:7]] += int(row[3]) * int(row[4])
    totals = sorted((*key, count[key], cents[key]) for key in count)
    return totals, sorted(rejected)


class Etl(ServerCase):
    FILES, ROWS = 3, 4_000

    def setUp(self):
        super().setUp()
        self.paths = make_orders.write(self.path("orders"), self.FILES, self.ROWS)
        self.server.deploy(APP)

    def run_files(self, paths, *arguments):
        files = [argument for path in paths for argument in ("-i", f"files=@{path}")]
        return self.server.cli("run", "etl", *files, "--out", self.path("result"), *arguments)

    def read(self, query):
        database = sqlite3.connect(self.path("result", "orders.sqlite"))
        try:
            return database.execute(query).fetchall()
        finally:
            database.close()

    def test_the_database_has_what_one_loop_over_the_rows_says(self):
        totals, rejected = expected(self.FILES, self.ROWS)
        self.assertGreater(len(rejected), 50)
        result = self.run_files(self.paths)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(self.read("select * from totals order by country, month"), totals)
        self.assertEqual(sorted(self.read("select line, row from rejected")), rejected)
        self.assertEqual(self.read("select file from unread"), [(self.FILES,)])
        with open(self.path("result", "summary"), encoding="utf-8") as file:
            self.assertEqual(json.load(file), {"orders": sum(row[2] for row in totals), "cents": sum(row[3] for row in totals),
                                               "rejected": len(rejected), "unread": 1})

    def test_it_fails_when_more_is_rejected_than_may_be(self):
        result = self.run_files(self.paths[:1], "-i", "rejected_max=3")
        self.assertEqual(result.returncode, 1, result.stdout)
        self.assertIn("TooManyRejected", result.stderr)

    def test_files_that_are_none_give_an_empty_database(self):
        result = self.run_files(self.paths[-1:])
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(self.read("select * from totals"), [])
        ((why,),) = self.read("select why from unread")
        self.assertIn("Dear all", why)


if __name__ == "__main__":
    unittest.main()
