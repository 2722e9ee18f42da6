"""Many: elements, runs one after the other, runs at once, deploys meanwhile. Right results, bounded memory."""

import http.client
import json
import os
import threading
import unittest

from harness import ServerCase

RSS_KIB_MAX = 700 << 10
# Of the runs of computed elements: even. 1,000,000 is what one list may have (docs/ledger.md).
ELEMENTS = int(os.environ.get("SLUICE_SCALE_ELEMENTS", "150000"))
# What the server may take for one element of such a run at its peak: tables of core, values, records.
BYTES_PER_ELEMENT = 2048


class Scale(ServerCase):
    def setUp(self):
        super().setUp()
        self.app("many", """
            app: many
            functions:
              numbers: { runtime: python3, handler: code.numbers, inputs: { n: int }, outputs: { xs: list<int> } }
              add: { runtime: python3, handler: code.add, inputs: { x: int }, outputs: { y: int } }
              total: { runtime: python3, handler: code.total, inputs: { ys: stream<int> }, outputs: { sum: int } }
            workflows:
              one:
                inputs: { x: int }
                steps:
                  add: { call: add, in: { x: "${inputs.x}" } }
                outputs: { y: "${add.y}" }
              many:
                inputs: { n: int }
                steps:
                  numbers: { call: numbers, in: { n: "${inputs.n}" } }
                  add: { call: add, foreach: "${numbers.xs}", in: { x: "${item}" } }
                  total: { call: total, in: { ys: "${add.y}" } }
                outputs: { sum: "${total.sum}" }
              computed:
                inputs: { n: int }
                steps:
                  each: { set: { y: "${item * 2}" }, foreach: "${range(inputs.n)}" }
                outputs: { n: "${size(each.y)}", one: "${each.y[inputs.n / 2]}" }
              asked:
                inputs: { n: int }
                steps:
                  each: { set: { y: "${item * 2}" }, foreach: "${range(inputs.n)}" }
                outputs: { big: "${size(each.y.filter(y, y >= inputs.n))}", all: "${each.y.all(y, y >= 0)}" }
            """, code="""
def numbers(n):
    yield from range(n)

def add(x):
    return x + 1

def total(ys):
    return sum(ys)
""")

    def run_many(self, runs, threads, on_each=lambda number: None):
        """`runs` runs of `one`, from so many connections that stay open; returns what was wrong."""
        wrong, numbers, lock = [], iter(range(runs)), threading.Lock()

        def client():
            connection = http.client.HTTPConnection(self.server.host, self.server.port, timeout=600)
            while True:
                with lock:
                    number = next(numbers, None)
                if number is None:
                    break
                connection.request("POST", "/api/v1/workflows/one/runs?wait=300", json.dumps({"inputs": {"x": number}}),
                                   {"Content-Type": "application/json"})
                response = connection.getresponse()
                body = response.read()
                if response.status != 200 or json.loads(body)["outputs"] != {"y": number + 1}:
                    wrong.append((number, response.status, body[:300]))
                on_each(number)
            connection.close()

        pool = [threading.Thread(target=client) for _ in range(threads)]
        for thread in pool:
            thread.start()
        for thread in pool:
            thread.join()
        return wrong

    def test_a_foreach_of_100_000_elements(self):
        run = self.server.run("many", seconds=1200, n=100_000)
        self.assertEqual(self.assert_succeeded(run)["sum"], 100_000 * 100_001 // 2)
        self.assertLess(self.server.status_kib("VmHWM"), RSS_KIB_MAX)
        # Lists of tasks are pages, never the whole.
        page = self.server.get(f"runs/{run['id']}/tasks?step=add&limit=100")
        self.assertEqual(len(page["tasks"]), 100)
        self.assertTrue(page.get("cursor"), page.keys())

    def test_a_foreach_of_a_million_computed_elements(self):
        before = self.server.status_kib("VmRSS")
        run = self.server.run("computed", seconds=1200, n=ELEMENTS)
        self.assertEqual(self.assert_succeeded(run), {"n": ELEMENTS, "one": ELEMENTS})
        taken = (self.server.status_kib("VmHWM") - before) << 10
        self.assertLess(taken, ELEMENTS * BYTES_PER_ELEMENT + (64 << 20), f"{taken / ELEMENTS:.0f} bytes an element")
        # The next run has the memory of this one: nothing of its elements stays.
        most = self.server.status_kib("VmHWM")
        self.assert_succeeded(self.server.run("computed", seconds=1200, n=ELEMENTS))
        self.assertLess(self.server.status_kib("VmHWM") - most, (ELEMENTS * BYTES_PER_ELEMENT >> 10) // 4 + (32 << 10))

    def test_expressions_over_a_list_that_grows_are_not_asked_for_each_of_its_elements(self):
        # With one evaluation of the whole list per element this takes hours.
        n = 20_000
        run = self.server.run("asked", seconds=600, n=n)
        self.assertEqual(self.assert_succeeded(run), {"big": n // 2, "all": True})

    def test_10_000_short_runs(self):
        self.assertEqual(self.run_many(2_000, 4), [])
        before = self.server.status_kib("VmRSS")
        self.assertEqual(self.run_many(8_000, 4), [])
        self.assertLess(self.server.status_kib("VmHWM"), RSS_KIB_MAX)
        # What a run leaves until retention is small: below 20 KiB each.
        self.assertLess(self.server.status_kib("VmRSS") - before, 8_000 * 20)

    def test_1_000_runs_at_once(self):
        runs = [self.server.start_run("one", x=x) for x in range(1_000)]
        self.assertEqual(len(set(runs)), 1_000)
        for x, run in enumerate(runs):
            self.assertEqual(self.assert_succeeded(self.server.wait_run(run, 1200)), {"y": x + 1})

    def test_deploys_while_runs_are_in_flight_mix_no_versions(self):
        # Each version adds another number; a run is pinned to the version that it started with, so
        # three additions in one run differ if versions were ever mixed.
        yaml = """
            app: pinned
            functions:
              add: { runtime: python3, handler: code.add, inputs: { x: int }, outputs: { y: int } }
            workflows:
              pinned:
                inputs: { x: int }
                steps:
                  a: { call: add, in: { x: "${inputs.x}" } }
                  b: { call: add, in: { x: "${a.y}" } }
                  c: { call: add, in: { x: "${b.y}" } }
                outputs: { y: "${c.y}" }
            """
        code = "import time\ndef add(x):\n    time.sleep(0.01)\n    return x + {}\n"
        self.app("pinned", yaml, code=code.format(1))
        runs = []
        for version in range(2, 12):
            runs += [self.server.start_run("pinned", x=0) for _ in range(5)]
            self.app("pinned", yaml, code=code.format(10 ** (version % 4)))
        results = [self.assert_succeeded(self.server.wait_run(run))["y"] for run in runs]
        for y in results:
            self.assertIn(y, (3, 30, 300, 3000))
        self.assertEqual(self.assert_succeeded(self.server.run("pinned", x=0))["y"], 3 * 10 ** (11 % 4))


if __name__ == "__main__":
    unittest.main()
