"""The recipes of docs/cookbook, as a reader would follow them: the files are written as the page shows
them, the commands are typed into a shell, and what comes out is what the page prints.

In what a page prints `…` stands for what is another one each time (ids, times): any text of that line.
"""

import os
import re
import subprocess
import unittest

from harness import PATIENCE, ROOT, SLUICE, ServerCase, wait_until

COOKBOOK = os.path.join(ROOT, "docs/cookbook")
FILE = re.compile(r"^`([\w./]+)`\n\n```(?:yaml|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
END = "--- the command has ended ---"


def read(name):
    with open(os.path.join(COOKBOOK, name), encoding="utf-8") as file:
        return file.read()


def recipes():
    return sorted(name for name in os.listdir(COOKBOOK) if name.endswith(".md") and name != "README.md")


def steps_of(page):
    """Pairs of a command and what the page prints below it."""
    for block in CONSOLE.findall(page):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            yield command, output


def matches(output, expected):
    """Line by line, whatever white space ends them."""
    lines, expected = ([line.rstrip() for line in text.strip().splitlines()] for text in (output, expected))
    return len(lines) == len(expected) and all(
        re.fullmatch(".*".join(map(re.escape, pattern.split("…"))), line) for line, pattern in zip(lines, expected))


class Cookbook(ServerCase):
    def follow(self, name):
        page = read(name)
        files = FILE.findall(page)
        self.assertEqual(len(files), len(re.findall(r"^```(?:yaml|python)$", page, re.MULTILINE)),
                         "each block of YAML and Python has its file's name above it")
        self.assertTrue(any(path.endswith("/sluice.yaml") for path, _ in files))
        for path, text in files:
            os.makedirs(os.path.dirname(self.path(path)), exist_ok=True)
            with open(self.path(path), "w", encoding="utf-8") as file:
                file.write(text)
        steps = list(steps_of(page))
        self.assertTrue(any("sluice run " in command for command, _ in steps))
        self.assertTrue(all(output for command, output in steps if command.startswith("sluice run")), "the page says what comes out")
        self.type([command for command, _ in steps], [output for _, output in steps])

    def type(self, commands, outputs):
        path = f"{os.path.dirname(SLUICE)}:{os.environ['PATH']}"
        with subprocess.Popen(["bash", "--norc"], cwd=self.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True,
                              env=self.server.cli_environment({"PATH": path})) as shell:
            for command, expected in zip(commands, outputs):
                if answer := re.match(r"sluice answer \S+ (\w+)", command):
                    self.wait_until_asked(answer[1])
                shell.stdin.write(f"{command}\nprintf '\\n%s\\n' '{END}'\n")
                shell.stdin.flush()
                output = "".join(iter(shell.stdout.readline, END + "\n"))
                self.assertTrue(matches(output, expected), f"$ {command}\n{output}\nthe page says:\n{expected}")
            shell.stdin.close()

    def wait_until_asked(self, step):
        """A reader is slower than the run; a test is not. Once no run goes on, nobody will be asked."""
        def asked():
            running = self.server.get("runs?state=RUNNING")["runs"]
            return not running or any(task["path"] == step and task["state"] == "RUNNING"
                                      for run in running for task in self.server.get(f"runs/{run['id']}/tasks")["tasks"])
        wait_until(asked, PATIENCE, f"{step} waits for its answer")


class Pages(unittest.TestCase):
    def test_the_index_names_every_recipe(self):
        self.assertEqual(sorted(set(re.findall(r"\]\((\w+\.md)\)", read("README.md")))), recipes())

    def test_a_page_is_compared_line_by_line_with_holes_for_what_changes(self):
        self.assertTrue(matches("a: 1\nrun x1 FAILED after 3 ms\n\n", "a: 1\nrun … FAILED after …\n"))
        self.assertFalse(matches("a: 1\n", "a: 2\n"))
        self.assertFalse(matches("a: 1\nb\n", "a: 1\n"))
        self.assertFalse(matches("", "a\n"))


def test_of(name):
    def test(self):
        self.follow(name)
    return test


for _name in recipes():
    setattr(Cookbook, f"test_{_name.removesuffix('.md')}_prints_what_its_page_says", test_of(_name))

if __name__ == "__main__":
    unittest.main()
