"""`sluice graph` and `sluice explain`: of workflows of the corpus, and what mistakes are answered with."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree

from harness import ROOT, SLUICE, write_app
from small_app import SmallAppCase

LANGUAGE = os.path.join(ROOT, "tests/language")
sys.path.insert(0, LANGUAGE)
SVG = "{http://www.w3.org/2000/svg}"

APP = """
    app: words
    functions:
      split: { runtime: python3, handler: words.split, inputs: { text: text }, outputs: { parts: list<text> } }
      count: { runtime: python3, handler: words.count, inputs: { part: text }, outputs: { n: int } }
    workflows:
      words:
        inputs: { text: text }
        steps:
          split: { call: split, in: { text: "${inputs.text}" } }
          count: { call: count, foreach: "${split.parts}", in: { part: "${item}" } }
        outputs: { counts: "${count.n}" }
      other:
        inputs: { text: text }
        steps: { words: { flow: words, in: { text: "<${inputs.text} & \\"more\\">" } } }
        outputs: { counts: "${words.counts}" }
    """
CODE = "def split(text): return text.split()\ndef count(part): return len(part)\n"


def sluice(*arguments, **options):
    return subprocess.run([SLUICE, *arguments], capture_output=True, text=True, timeout=60, check=False,
                          stdin=subprocess.DEVNULL, **options)


class DotReader:
    """The part of the language of Graphviz that is written; raises ValueError at what it does not know."""

    TOKEN = re.compile(r'\s*("(?:[^"\\]|\\.)*"|->|[A-Za-z_#0-9.]+|[{}\[\]=,;])', re.DOTALL)

    def __init__(self, text):
        self.tokens, at = [], 0
        text = text.rstrip()
        while at < len(text):
            found = self.TOKEN.match(text, at)
            if not found:
                raise ValueError(f"no token at {text[at:at + 40]!r}")
            self.tokens.append(found.group(1))
            at = found.end()
        self.nodes, self.links, self.clusters = {}, [], []
        self.expect("digraph")
        self.name = self.next()
        self.block()
        if self.tokens:
            raise ValueError(f"{self.tokens} behind the end")

    def next(self):
        return self.tokens.pop(0)

    def expect(self, token):
        if self.next() != token:
            raise ValueError(f"{token} is wanted before {self.tokens[:5]}")

    def block(self):
        self.expect("{")
        while self.tokens[0] != "}":
            self.statement()
        self.expect("}")

    def statement(self):
        word = self.next()
        if word == "subgraph":
            self.clusters.append(self.next())
            self.block()
            return
        if self.tokens[0] == "=":
            self.next(), self.next()
        elif self.tokens[0] == "->":
            self.next()
            self.links.append((word, self.next(), self.attributes()))
        elif word in ("node", "edge"):
            self.attributes()
        else:
            if word in self.nodes:
                raise ValueError(f"{word} twice")
            self.nodes[word] = self.attributes()
        self.expect(";")

    def attributes(self):
        self.expect("[")
        values = {}
        while self.tokens[0] != "]":
            key = self.next()
            self.expect("=")
            values[key] = self.next()
            if self.tokens[0] == ",":
                self.next()
        self.expect("]")
        return values


class Pictures(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        write_app(os.path.join(cls.folder, "words"), APP, words=CODE)

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def good(self, *arguments):
        result = sluice(*arguments)
        self.assertEqual((result.returncode, result.stderr), (0, ""), arguments)
        return result.stdout

    def check_svg(self, text):
        root = ElementTree.fromstring(text)
        self.assertEqual(root.tag, SVG + "svg")
        self.assertTrue(root.find(SVG + "title").text)
        self.assertIsNotNone(root.find(SVG + "desc"))
        ids = [element.get("id") for element in root.iter() if element.get("id")]
        self.assertEqual(len(ids), len(set(ids)), ids)
        return root, ids

    def test_workflows_of_the_corpus_are_drawn_and_explained(self):
        try:
            import corpus  # pylint: disable=import-outside-toplevel
        except ImportError as error:
            raise unittest.SkipTest(f"{error.name} is not installed") from error
        shutil.copy(os.path.join(LANGUAGE, "functions.py"), self.path("functions.py"))
        seen = 0
        for case in corpus.load()[::10]:  # Of every kind some.
            with self.subTest(case.name):
                app = self.path("corpus", case.name.replace("/", "-"))
                os.makedirs(app)
                os.link(self.path("functions.py"), os.path.join(app, "functions.py"))
                with open(os.path.join(app, "sluice.yaml"), "w", encoding="utf-8") as file:
                    file.write(case.app())
                steps = corpus.yaml.load(case.workflows, corpus.CoreLoader)["main"].get("steps") or {}
                _, ids = self.check_svg(self.good("graph", "-f", app, "main"))
                dot = DotReader(self.good("graph", "-f", app, "main", "-o", "dot"))
                explained = self.good("explain", "-f", app, "main")
                for step in steps:
                    self.assertIn(f"step-{step}", ids)
                    self.assertIn(f'"step-{step}"', dot.nodes)
                    self.assertIn(f"\n{step}\n", explained)
                for source, target, _ in dot.links:
                    self.assertIn(source, dot.nodes)
                    self.assertIn(target, dot.nodes)
                seen += 1
        self.assertGreater(seen, 15)

    def test_a_flow_is_drawn_inside_of_its_step(self):
        root, ids = self.check_svg(self.good("graph", "-f", self.path("words"), "words.other"))
        self.assertEqual(sorted(ids), sorted([
            "graph-title", "graph-desc", "legend", "input-text", "step-words", "output-counts", "input-words.text",
            "step-words.split", "step-words.count", "output-words.counts"]))
        texts = ["".join(text.itertext()) for text in root.iter(SVG + "text")]
        self.assertIn("foreach split.parts", texts)
        self.assertIn("prefers-color-scheme: dark", "".join(root.find(SVG + "style").itertext()))
        dot = DotReader(self.good("graph", "-f", self.path("words"), "other", "-o", "dot"))
        self.assertEqual(dot.clusters, ['"cluster-words"'])
        self.assertEqual(dot.nodes['"step-words.count"'],
                         {"label": '"count\\nforeach split.parts\\ncall count"', "peripheries": "2"})
        links = {(source, target): values.get("label") for source, target, values in dot.links}
        self.assertEqual(links[('"step-words.split"', '"step-words.count"')], '"foreach"')

    def test_graphviz_takes_the_dot(self):
        if not shutil.which("dot"):
            self.skipTest("Graphviz is not installed")
        text = self.good("graph", "-f", self.path("words"), "other", "-o", "dot")
        result = subprocess.run(["dot", "-Tsvg"], input=text, capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_the_picture_can_be_written_to_a_file(self):
        self.assertEqual(self.good("graph", "-f", self.path("words"), "words", "--output", self.path("w.svg")), "")
        with open(self.path("w.svg"), encoding="utf-8") as file:
            self.check_svg(file.read())

    def test_mistakes_are_said_with_what_to_do(self):
        words = self.path("words")
        write_app(self.path("broken"), APP.replace("split.parts", "splt.parts"), words=CODE)
        for arguments, status, message in (
                (["graph", "-f", words], 2, "error: the app 'words' has 2 workflows; say which: words, other\n"),
                (["graph", "-f", words, "wrds"], 4,
                 "error: the app 'words' has no workflow 'wrds': did you mean 'words'?\n"),
                (["explain", "-f", words, "x"], 4, "error: the app 'words' has no workflow 'x': there are 'words', 'other'\n"),
                (["graph", "-f", words, "words", "-o", "png"], 2,
                 "error: --format: png not in {svg,dot}\n  `sluice graph --help` shows how it is used\n"),
                (["explain"], 2, "error: WORKFLOW is required\n  `sluice explain --help` shows how it is used\n"),
                (["graph", "-f", words, "words", "--output", "/nowhere/w.svg"], 4,
                 "error: open /nowhere/w.svg: No such file or directory\n"),
                (["graph", "-f", self.path("broken"), "words"], 3,
                 "sluice.yaml:11:41: unknown step 'splt'\n    hint: did you mean 'split'?\nerror: 1 mistake in the app\n"),
                (["explain", "-f", self.path("broken"), "words"], 3,
                 "sluice.yaml:11:41: unknown step 'splt'\n    hint: did you mean 'split'?\nerror: 1 mistake in the app\n"),
                (["explain", "-f", self.path("nothing"), "words"], 4, None)):
            with self.subTest(arguments):
                result = sluice(*arguments)
                self.assertEqual((result.returncode, result.stdout), (status, ""), result.stderr)
                if message is not None:
                    self.assertEqual(result.stderr, message)

    def test_output_that_cannot_be_written_is_an_error(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            result = subprocess.run([SLUICE, "graph", "-f", self.path("words"), "words"], stdout=full, timeout=60,
                                    stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL, check=False)
        self.assertEqual((result.returncode, result.stderr),
                         (1, "error: write to standard output: No space left on device\n"))


class Runs(SmallAppCase):
    def test_a_run_is_explained_by_what_its_steps_wait_for(self):
        run = self.hold()
        result = self.server.cli("explain", run)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertEqual(result.stdout, f"run {run} of small.hold: RUNNING\n\nhold\n  - its task is running\n")
        self.let_go()
        self.server.wait_run(run)
        self.assertEqual(self.server.cli("explain", run).stdout,
                         f"run {run} of small.hold: SUCCEEDED\nit has ended: nothing waits\n")
        self.assertEqual(self.server.cli("explain", "0" * 26).returncode, 4)
        unreachable = self.server.cli("explain", run, environment={"SLUICE_URL": "http://127.0.0.1:1"})
        self.assertEqual(unreachable.returncode, 5)

    def test_the_document_of_a_workflow_has_its_links_and_where_everything_stands(self):
        document = self.server.get("workflows/small.small")
        self.assertEqual([(link["from"], link["to"], link["carries"], link["ports"]) for link in document["links"]],
                         [("inputs.x", "add", "value", ["x"]), ("add", "outputs.y", "value", [""])])
        columns = [thing["layout"]["column"] for kind in ("inputs", "steps", "outputs") for thing in document[kind]]
        self.assertEqual(columns, [0, 1, 2])
        for link in document["links"]:
            self.assertEqual(link["points"], sorted(link["points"]))


if __name__ == "__main__":
    unittest.main()
