"""What README and tutorial tell a newcomer to type works, taken from their text."""

import ast
import json
import os
import re
import subprocess
import unittest

from harness import ROOT, SLUICE, ServerCase, write_app

# Pages with YAML or Python, and the test that runs what they show.
RUN_BY = {
    "docs/tutorial-wordcount.md": "documentation_test.py",
    "docs/runtimes/python.md": "documentation_test.py",
    "docs/runtimes/node.md": "packages_test.py",
    "docs/runtimes/cpp.md": "packages_test.py",
    "docs/runtimes/run.md": "programs_test.py",
    "docs/code-first.md": "code_first_test.py",
    "docs/cookbook/": "cookbook_test.py",
    "docs/reference/data-flow.md": "documentation_test.py",
    "docs/reference/language.md": "src/model/language_page_test.cc",
}


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def pages():
    """Every page of the repository that has blocks of YAML or Python."""
    found = ["README.md", "CONTRIBUTING.md"]
    for top in ("docs", "examples", "bench"):
        for folder, _, names in os.walk(os.path.join(ROOT, top)):
            found += [os.path.relpath(os.path.join(folder, name), ROOT) for name in names if name.endswith(".md")]
    return sorted(page for page in found if re.search(r"^```(yaml|python)$", read(page), re.MULTILINE))


class Blocks(unittest.TestCase):
    def test_every_page_with_yaml_or_python_has_a_test_that_runs_it(self):
        for page in pages():
            self.assertTrue(any(page.startswith(known) for known in RUN_BY), f"{page}: no test runs its blocks (RUN_BY)")
        for known in RUN_BY:
            self.assertTrue(any(page.startswith(known) for page in pages()), f"{known} has no blocks any more")

    def test_every_block_of_python_is_python(self):
        for page in pages():
            for block in blocks(read(page), "python"):
                with self.subTest(page=page, block=block.splitlines()[0]):
                    ast.parse(block)


class Documentation(ServerCase):
    def test_the_functions_of_the_python_page_fit_an_app(self):
        for number, block in enumerate(blocks(read("docs/runtimes/python.md"), "python")):
            names = [node.name for node in ast.parse(block).body if isinstance(node, ast.FunctionDef)]
            self.assertTrue(names, block)
            functions = "".join(f"  {name}: {{ runtime: python3, handler: page.{name} }}\n" for name in names)
            yaml = f"app: page\nfunctions:\n{functions}workflows:\n  page: {{ steps: {{ one: {{ set: {{ x: 1 }} }} }} }}\n"
            with self.subTest(block=block.splitlines()[0]):
                folder = write_app(self.path(f"page{number}"), yaml, page=block)
                result = self.server.cli("validate", folder)
                self.assertEqual(result.returncode, 0, result.stderr)

    def test_the_app_of_the_readme_works_as_it_is_printed(self):
        (block,) = [block for block in blocks(read("README.md"), "sh") if "sluice deploy" in block]
        lines = block.splitlines()
        # The test has a server of its own, and the binary may lie elsewhere: two lines are replaced, and must be there.
        self.assertTrue(lines[0].startswith("export PATH=$PWD/build/release:$PATH"), lines[0])
        self.assertTrue(lines[1].startswith("sluice serve &"), lines[1])
        script = "\n".join([f"export PATH={os.path.dirname(SLUICE)}:$PATH", *lines[2:]])
        result = subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=self.folder, capture_output=True, text=True,
                                env=self.server.cli_environment(), stdin=subprocess.DEVNULL, timeout=600, check=False)
        self.assertEqual(result.returncode, 0, (result.stdout, result.stderr))
        self.assertIn("Hello, Ada!", result.stdout)
        self.assertIn("Hello, Grace!", result.stdout)
        for command in (["get", "runs"], ["logs", self.server.get("runs")["runs"][0]["id"]]):
            self.assertEqual(self.server.cli(*command).returncode, 0, command)

    def test_each_stage_of_the_tutorial_works_and_the_last_is_the_example(self):
        text = read("docs/tutorial-wordcount.md")
        python, yaml = blocks(text, "python"), blocks(text, "yaml")
        self.assertEqual((len(python), len(yaml)), (3, 5))
        with open(self.path("hamlet.txt"), "w", encoding="utf-8") as file:
            file.write("to be or not to be\n" * 10)
        expected = {"to": 20, "be": 20, "or": 10, "not": 10}
        folder = self.path("wordcount")
        os.makedirs(folder)

        def run(words, app):
            for name, content in (("words.py", words), ("sluice.yaml", app)):
                with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                    file.write(content)
            result = self.server.cli("validate", folder)
            self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
            self.server.deploy(folder)
            result = self.server.cli("run", "wordcount", "-i", f"text=@{self.path('hamlet.txt')}", "-o", "json")
            self.assertEqual(result.returncode, 0, result.stderr)
            return json.loads(result.stdout)["outputs"]["total"]

        words, app = python[0], yaml[0]
        self.assertEqual(run(words, app), expected)

        words += python[1]
        app = app.replace("functions:\n", "functions:\n" + yaml[1], 1)
        app = app[:app.index("    steps:\n")] + yaml[2]
        parts = run(words, app)
        self.assertEqual(len(parts), 8)
        self.assertEqual({word: sum(part.get(word, 0) for part in parts) for word in expected}, expected)

        words += python[2]
        app = app.replace("functions:\n", "functions:\n" + yaml[3], 1)
        app = app[:app.index("    outputs:\n      total:")] + yaml[4]
        self.assertEqual(run(words, app), expected)

        # The code that the reader has now is that of the example, but for its comments.
        def without_comments(source):
            source = re.sub(r'^\s*"""(?:[^"]|"(?!""))*"""\n', "", source, flags=re.MULTILINE)
            imports = sorted(line for line in source.splitlines() if re.match(r"(import|from) ", line))
            code = [line for line in source.splitlines() if line.strip() and not re.match(r"(import|from) ", line)]
            functions = sorted("\n".join(code).split("\ndef "))
            return imports, sorted(re.sub(r"\nSPACE = .*|\nWORD = .*", "", function) for function in functions)

        example = without_comments(read("examples/wordcount/words.py"))
        ours = without_comments(words)
        self.assertEqual(ours[0], example[0])
        self.assertEqual([f for f in ours[1] if "(" in f and "re.compile" not in f],
                         [f for f in example[1] if "(" in f and "re.compile" not in f])

    def test_the_apps_in_the_reference_of_the_language_are_good(self):
        seen = 0
        for page in ("docs/reference/data-flow.md",):
            for number, block in enumerate(blocks(read(page), "yaml")):
                folder = self.path("reference", str(number))
                os.makedirs(folder)
                with open(os.path.join(folder, "sluice.yaml"), "w", encoding="utf-8") as file:
                    file.write(block)
                for name in set(re.findall(r"handler: (\w+)\.", block)):
                    functions = re.findall(rf"handler: {name}\.(\w+).*?inputs: {{ (\w+):", block, re.DOTALL)
                    with open(os.path.join(folder, name + ".py"), "w", encoding="utf-8") as file:
                        file.write("".join(f"def {function}({port}): ...\n" for function, port in functions))
                result = self.server.cli("validate", folder)
                self.assertEqual(result.returncode, 0, (page, block, result.stdout + result.stderr))
                seen += 1
        self.assertEqual(seen, 3)


if __name__ == "__main__":
    unittest.main()
