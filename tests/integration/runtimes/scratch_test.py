"""What a task may write into its folder is bounded, in every runtime: who fills it fails alone, and nothing is left."""

import os
import unittest

from harness import ServerCase, write_app

YAML = """\
app: full
functions:
  fill: { runtime: python3, handler: code.fill, inputs: { files: int, size: int, stays: bool }, outputs: { n: int }, retry: { attempts: 3 } }
  script: { runtime: nodejs, handler: script.fill, inputs: { size: int }, outputs: { n: int } }
workflows:
  fill:
    inputs: { files: int, size: int, stays: bool }
    steps: { fill: { call: fill, in: { files: "${inputs.files}", size: "${inputs.size}", stays: "${inputs.stays}" } } }
    outputs: { n: "${fill.n}" }
  script:
    inputs: { size: int }
    steps: { fill: { call: script, in: { size: "${inputs.size}" } } }
    outputs: { n: "${fill.n}" }
  program:
    inputs: { size: int }
    steps: { fill: { run: "head -c ${inputs.size} /dev/zero > big; while [ -e big ]; do sleep 0.1; done" } }
    outputs: { text: "${fill.result}" }
"""
CODE = """
import os
import time

def fill(files, size, stays):
    for number in range(files):
        with open(f"f{number}", "wb") as file:
            file.write(b"x" * size)
    while stays:
        time.sleep(0.05)
    return files
"""
SCRIPT = """
import fs from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

export async function fill({ size }) {
  fs.mkdirSync("below");
  fs.writeFileSync("below/big", Buffer.alloc(size, "x"));
  while (fs.existsSync("below/big")) await sleep(50);
  return 1;
}
"""
MIB = 1 << 20


class Scratch(ServerCase):
    arguments = ("--workers", "4", "--task-disk", "8Mi")

    def setUp(self):
        super().setUp()
        folder = write_app(self.path("full"), YAML, code=CODE)
        with open(os.path.join(folder, "script.mjs"), "w", encoding="utf-8") as file:
            file.write(SCRIPT)
        self.server.deploy(folder)

    def assert_full(self, run):
        message = self.assert_failed(run, "TooLarge")["message"]
        self.assertIn("more than 8.0 MiB", message)
        self.assertIn("--task-disk", message)

    def test_a_function_that_fills_its_folder_fails_and_others_go_on(self):
        good = self.server.start_run("fill", files=3, size=MIB, stays=False)
        self.assert_full(self.server.run("fill", files=1, size=20 * MIB, stays=True))
        # Many small files fill a disk as well.
        self.assert_full(self.server.run("fill", files=3000, size=1, stays=True))
        self.assertEqual(self.assert_succeeded(self.server.wait_run(good)), {"n": 3})
        # The next task finds an empty folder.
        for _ in range(3):
            self.assertEqual(self.assert_succeeded(self.server.run("fill", files=5, size=MIB, stays=False)), {"n": 5})

    def test_a_function_in_javascript_and_a_program_may_not_either(self):
        self.assert_full(self.server.run("script", size=20 * MIB))
        self.assert_full(self.server.run("program", size=20 * MIB))


if __name__ == "__main__":
    unittest.main()
