"""Outputs that are lists of lists: every leaf and every inner list has an address of its own."""

import json
import os
import unittest

from harness import LATCH, ServerCase, wait_until

YAML = """
    app: grid
    functions:
      row: { runtime: python3, handler: code.row, inputs: { n: int, latch: text }, outputs: { cells: list<bytes> } }
    workflows:
      grid:
        inputs: { rows: list<int>, latch: text }
        steps:
          row: { foreach: "${inputs.rows}", call: row, in: { n: "${item}", latch: "${inputs.latch}" } }
        outputs: { grid: "${row.cells}" }
    """
CODE = LATCH + """
def row(n, latch):
    for i in range(n % 10):
        yield bytes([n, i]) * (100 if n % 2 else 100_000)
    if n > 10:
        wait_for(latch + "/go")
"""


def cell(n, i):
    return bytes([n, i]) * (100 if n % 2 else 100_000)


class Nested(ServerCase):
    def setUp(self):
        super().setUp()
        self.app("grid", YAML, code=CODE)
        self.latch = self.path("latch")
        os.makedirs(self.latch)

    def status(self, run, path):
        return self.server.http("GET", f"runs/{run}/outputs/{path}").status

    def test_every_leaf_is_at_the_address_of_its_reference(self):
        run = self.server.run("grid", rows=[2, 0, 3], latch=self.latch)
        grid = self.assert_succeeded(run)["grid"]
        self.assertEqual([len(row) for row in grid], [2, 0, 3])
        for i, row in enumerate(grid):
            for j, reference in enumerate(row):
                self.assertEqual(reference["$ref"], f"/api/v1/runs/{run['id']}/outputs/grid/{i}/{j}")
                answer = self.server.http("GET", reference["$ref"])
                self.assertEqual((answer.status, answer.body), (200, cell(len(row), j)))
        part = self.server.http("GET", grid[0][1]["$ref"], headers={"Range": "bytes=1-2"})
        self.assertEqual((part.status, part.body), (206, b"\x01\x02"))
        # The whole and the inner lists are JSON, with the same references in them.
        self.assertEqual(self.server.get(f"runs/{run['id']}/outputs/grid"), grid)
        for i, row in enumerate(grid):
            self.assertEqual(self.server.get(f"runs/{run['id']}/outputs/grid/{i}"), row)
        for path in ("grid/3", "grid/1/0", "grid/0/2", "grid/0/0/0"):
            self.assertEqual(self.status(run["id"], path), 404, path)
        self.assertEqual(self.status(run["id"], "grid/0/x"), 400)

    def test_a_leaf_is_there_as_soon_as_its_task_has_committed(self):
        run = self.server.start_run("grid", rows=[1, 12], latch=self.latch)
        wait_until(lambda: self.status(run, "grid/0/0") == 200, 60, "the first row is there")
        self.assertEqual(self.server.http("GET", f"runs/{run}/outputs/grid/0/0").body, cell(1, 0))
        for path in ("grid", "grid/1", "grid/1/7"):
            self.assertEqual(self.status(run, path), 409, path)
        with open(os.path.join(self.latch, "go"), "w", encoding="utf-8"):
            pass
        self.assert_succeeded(self.server.wait_run(run))
        self.assertEqual(self.server.http("GET", f"runs/{run}/outputs/grid/1/1").body, cell(12, 1))

    def test_the_command_line_saves_inner_lists_as_directories(self):
        with open(self.path("in.json"), "w", encoding="utf-8") as file:
            json.dump({"rows": [2, 0, 1], "latch": self.latch}, file)
        result = self.server.cli("run", "grid", "--json", self.path("in.json"), "--out", self.path("out"))
        self.assertEqual(result.returncode, 0, result.stderr)
        saved = [os.path.relpath(line, self.path("out")) for line in result.stdout.splitlines()]
        self.assertEqual(saved, ["grid/000000/000000", "grid/000000/000001", "grid/000002/000000"])
        for name, content in zip(saved, (cell(2, 0), cell(2, 1), cell(1, 0))):
            with open(self.path("out", name), "rb") as file:
                self.assertEqual(file.read(), content)


if __name__ == "__main__":
    unittest.main()
