"""Ended runs go as the flags of the server say: by number, and by age also while nothing happens."""

import os
import unittest

from harness import ServerCase, wait_until

YAML = """
    app: blob
    functions:
      blob: { runtime: python3, handler: code.blob, inputs: { n: int }, outputs: { data: bytes } }
    workflows:
      blob:
        inputs: { n: int }
        steps:
          blob: { call: blob, in: { n: "${inputs.n}" } }
        outputs: { data: "${blob.data}" }
    """
CODE = "def blob(n):\n    return bytes(n)\n"


class BlobCase(ServerCase):
    def setUp(self):
        super().setUp()
        self.app("blob", YAML, code=CODE)

    def status(self, run):
        return self.server.http("GET", f"runs/{run}").status

    def files(self):
        folder = os.path.join(self.server.data, "runs")
        return [name for _, _, names in os.walk(folder) for name in names]


class RetentionByNumber(BlobCase):
    arguments = ("--workers", "2", "--retention-runs", "2")

    def test_the_oldest_runs_are_gone_with_their_files(self):
        runs = [self.server.run("blob", n=100_000)["id"] for _ in range(4)]
        self.assertEqual([self.status(run) for run in runs], [410, 410, 200, 200])
        self.assertEqual(self.server.http("GET", f"runs/{runs[0]}/outputs/data").status, 410)
        wait_until(lambda: len(self.files()) == 2, 20, lambda: f"two outputs are left: {self.files()}")


class RetentionByAge(BlobCase):
    arguments = ("--workers", "2", "--retention", "2s")

    def test_a_run_goes_though_no_other_one_ends(self):
        run = self.server.run("blob", n=100_000)["id"]
        wait_until(lambda: self.status(run) == 410, 20, "the run is gone")
        wait_until(lambda: not self.files(), 20, lambda: f"no file is left: {self.files()}")


if __name__ == "__main__":
    unittest.main()
