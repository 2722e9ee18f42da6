"""The command line against a real server: what goes to stdout, what to stderr, and the exit codes."""

import json
import os
import re
import subprocess
import unittest

from harness import PATIENCE, SLUICE
from small_app import SmallAppCase

YAML = """
    app: more
    functions:
      bad: { runtime: python3, handler: code.bad, inputs: { x: int }, outputs: { y: int } }
      join: { runtime: python3, handler: code.join, inputs: { words: list<text> }, outputs: { text: text } }
    workflows:
      bad:
        inputs: { x: int }
        steps:
          bad: { call: bad, in: { x: "${inputs.x}" } }
        outputs: { y: "${bad.y}" }
      join:
        inputs: { words: list<text> }
        steps:
          join: { call: join, in: { words: "${inputs.words}" } }
        outputs: { text: "${join.text}" }
    """
CODE = """
def bad(x):
    print("the last line before the fall")
    raise ValueError("bad thing")

def join(words):
    return "-".join(words)
"""


class CommandLine(SmallAppCase):
    def setUp(self):
        super().setUp()
        self.app("more", YAML, code=CODE)

    def expect(self, status, *arguments, **options):
        result = self.server.cli(*arguments, **options)
        self.assertEqual(result.returncode, status, (arguments, result.stdout, result.stderr))
        return result

    def test_data_goes_to_stdout_and_everything_else_to_stderr(self):
        result = self.expect(0, "run", "small", "-i", "x=41", "-o", "json")
        run = json.loads(result.stdout)
        self.assertEqual((run["state"], run["outputs"]), ("SUCCEEDED", {"y": 42}))
        self.assertEqual(self.expect(0, "run", "small", "-i", "x=41", "-o", "raw").stdout.strip(), "42")
        self.assertIn("42", self.expect(0, "run", "small", "-i", "x=41").stdout)

    def test_inputs_come_as_values_files_standard_input_and_json(self):
        self.assertEqual(self.expect(0, "run", "join", "-i", "words=a", "-i", "words=b c", "-o", "raw").stdout.strip("\n"), "a-b c")
        with open(self.path("word"), "w", encoding="utf-8") as file:
            file.write("from a file")
        self.assertEqual(self.expect(0, "run", "join", "-i", f"words=@{self.path('word')}", "-i", "words=@-", "-o", "raw",
                                     input="from standard input").stdout.strip("\n"), "from a file-from standard input")
        with open(self.path("inputs.json"), "w", encoding="utf-8") as file:
            json.dump({"x": 5}, file)
        self.assertEqual(self.expect(0, "run", "small", "--json", self.path("inputs.json"), "-o", "raw").stdout.strip(), "6")

    def test_each_way_to_fail_has_its_exit_code(self):
        result = self.expect(1, "run", "bad", "-i", "x=1")
        self.assertIn("ValueError", result.stderr)
        self.assertIn("bad thing", result.stderr)
        self.assertIn("the last line before the fall", result.stderr)
        self.assertEqual(json.loads(self.expect(1, "run", "bad", "-i", "x=1", "-o", "json").stdout)["error"]["name"], "ValueError")
        self.expect(2, "run")
        self.expect(2, "no-such-command")
        self.expect(2, "run", "small", "--no-such-flag")
        self.expect(2, "run", "small", "-i", "x")
        self.expect(4, "run", "none", "-i", "x=1")
        self.expect(4, "get", "runs", "00000000000000000000000000")
        self.expect(5, "get", "runs", environment={"SLUICE_URL": "http://127.0.0.1:1"})
        with open(os.path.join(self.folder_of_app, "sluice.yaml"), "a", encoding="utf-8") as file:
            file.write("\nnonsense: 1\n")
        self.expect(3, "deploy", self.folder_of_app)
        self.expect(3, "validate", self.folder_of_app)

    def test_a_second_server_on_the_port_says_what_to_do(self):
        result = subprocess.run([SLUICE, "serve", "--listen", f"127.0.0.1:{self.server.port}", "--data", self.path("other")],
                                capture_output=True, text=True, timeout=PATIENCE, check=False)
        self.assertEqual(result.returncode, 5, result)
        self.assertIn("Address already in use; is a server running there already?", result.stderr)
        self.assertIn("--listen", result.stderr)

    def test_a_detached_run_prints_its_id_and_can_be_followed(self):
        run = self.expect(0, "run", "hold", "-i", f"latch={self.latch}", "--detach").stdout.strip()
        self.assertRegex(run, r"^[0-9a-z]{26}$")
        self.wait_until_held()
        self.assertIn("RUNNING", self.expect(0, "get", "runs", run).stdout)
        follower = subprocess.Popen([SLUICE, "logs", run, "-f"], env=self.server.cli_environment(), stdin=subprocess.DEVNULL,
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.let_go()
        follower.communicate(timeout=PATIENCE)  # Ends when the run has ended.
        self.assertEqual(follower.returncode, 0)
        self.assertEqual(json.loads(self.expect(0, "get", "runs", run, "-o", "json").stdout)["state"], "SUCCEEDED")
        trace = json.loads(self.expect(0, "trace", run).stdout)
        self.assertTrue(trace)

    def test_get_lists_what_there_is(self):
        names = self.expect(0, "get", "workflows", "-o", "name").stdout.split()
        self.assertEqual(sorted(name.split(".")[-1] for name in names), ["bad", "hold", "join", "small"])
        for kind in ("runs", "workflows", "functions", "workers", "nodes"):
            json.loads(self.expect(0, "get", kind, "-o", "json").stdout)
            self.expect(0, "get", kind)

    def test_init_makes_an_app_that_works_in_every_language(self):
        # That in C++ has to be built: tests/conformance/packages_test.py.
        for language in ("python", "node", "shell"):
            folder = self.path(language)
            self.expect(0, "init", "--lang", language, folder)
            self.expect(0, "validate", folder)
            self.expect(0, "deploy", folder)
            with open(os.path.join(folder, "sample.txt"), encoding="utf-8") as file:
                text = file.read()
            run = self.expect(0, "run", f"{language}.readability", "-i", f"text=@{folder}/sample.txt", "-o", "json").stdout
            words = re.findall(r"\w+", text)
            self.assertEqual(json.loads(run)["outputs"]["summary"], {
                "paragraphs": 3, "words": len(words), "words_per_sentence": round(len(words) / len(re.findall("[.!?]", text)), 1),
                "letters_per_word": round(sum(map(len, words)) / len(words), 1)})
            # Into a folder that holds something: refused, nothing overwritten.
            self.assertNotEqual(self.server.cli("init", "--lang", language, folder).returncode, 0)
        self.assertIn("cpp", self.server.cli("init", "--lang", "perl", self.path("perl")).stderr)

    def test_version_needs_no_server(self):
        result = self.expect(0, "version", environment={"SLUICE_URL": "http://127.0.0.1:1"})
        self.assertRegex(result.stdout, r"\d+\.\d+\.\d+")


if __name__ == "__main__":
    unittest.main()
