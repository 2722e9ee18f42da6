"""More data than memory: what streams passes through a small budget, what does not fit is refused with advice."""

import json
import os
import unittest

from harness import ServerCase

GIB = 1 << 30
BUDGET = 512 << 20


class Large(ServerCase):
    arguments = ("--memory", "512Mi", "--workers", "4")

    def sparse_file(self, size):
        """A file of this size that takes no space: zeros, with a mark at both ends."""
        path = self.path("large")
        with open(path, "wb") as file:
            file.write(b"begin")
            file.seek(size - 3)
            file.write(b"end")
        return path

    def assert_within_budget(self):
        # The budget is that of the store; code, stacks and buffers come on top of it.
        self.assertLess(self.server.status_kib("VmHWM"), (BUDGET >> 10) + (192 << 10))

    def test_four_gibibytes_stream_to_a_pipe_through_half_a_gibibyte(self):
        self.app("large", """
            app: large
            functions:
              follow: { runtime: python3, handler: code.follow, inputs: { data: pipe }, outputs: { seen: json } }
            workflows:
              large:
                inputs: { data: bytes }
                steps:
                  follow: { call: follow, in: { data: "${inputs.data}" } }
                outputs: { seen: "${follow.seen}" }
            """, code="""
def follow(data):
    size, first, last = 0, b"", b""
    while block := data.read(1 << 20):
        size += len(block)
        first = first or bytes(block[:5])
        last = (last + bytes(block[-3:]))[-3:]
    return {"size": size, "first": first.decode(), "last": last.decode()}
""")
        result = self.server.cli("run", "large", "-i", f"data=@{self.sparse_file(4 * GIB)}", "-o", "json", timeout=1200)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(json.loads(result.stdout)["outputs"]["seen"],
                         {"size": 4 * GIB, "first": "begin", "last": "end"})
        self.assert_within_budget()

    def test_four_gibibytes_into_plain_bytes_are_too_large_with_the_advice(self):
        self.app("large", """
            app: large
            functions:
              size: { runtime: python3, handler: code.size, inputs: { data: bytes }, outputs: { n: int } }
            workflows:
              large:
                inputs: { data: bytes }
                steps:
                  size: { call: size, in: { data: "${inputs.data}" } }
                outputs: { n: "${size.n}" }
            """, code="def size(data):\n    return len(data)\n")
        result = self.server.cli("run", "large", "-i", f"data=@{self.sparse_file(4 * GIB)}", "-o", "json", timeout=1200)
        self.assertEqual(result.returncode, 1, (result.stdout, result.stderr))
        run = json.loads(result.stdout)
        self.assertEqual(run["error"]["name"], "TooLarge", run)
        self.assertIn("pipe", run["error"]["message"], "the advice")
        self.assert_within_budget()
        # The node is well: a small input goes through.
        answer = self.server.http("POST", "workflows/large/runs?wait=300", b"12345", {"Content-Type": "application/octet-stream"})
        self.assertEqual(self.assert_succeeded(answer.json())["n"], 5)

    def test_a_function_that_returns_more_than_the_budget_is_served_from_disk_or_refused_by_name(self):
        self.app("large", """
            app: large
            functions:
              chunks: { runtime: python3, handler: code.chunks, inputs: { n: int }, outputs: { parts: list<bytes> } }
              size: { runtime: python3, handler: code.size, inputs: { parts: stream<bytes> }, outputs: { n: int } }
            workflows:
              large:
                inputs: { n: int }
                steps:
                  chunks: { call: chunks, in: { n: "${inputs.n}" } }
                  size: { call: size, in: { parts: "${chunks.parts}" } }
                outputs: { n: "${size.n}" }
            """, code="""
import time

def chunks(n):
    block = bytes(8 << 20)
    for _ in range(n):
        yield block

def size(parts):
    return sum(len(part) for part in parts)
""")
        # 1.2 GiB pass between two steps, more than twice the budget.
        outputs = self.assert_succeeded(self.server.run("large", seconds=1200, n=150))
        self.assertEqual(outputs["n"], 150 * (8 << 20))
        self.assert_within_budget()


if __name__ == "__main__":
    unittest.main()
