"""`sluice schema` in an editor: yaml-language-server completes, explains and checks a sluice.yaml with it, as docs/editors.md says.

Needs Node and the npm package `yaml-language-server`: where YAML_LANGUAGE_SERVER points, where `./dev test` puts it,
or on the PATH.
"""

import json
import os
import pathlib
import queue
import shutil
import subprocess
import tempfile
import threading
import unittest

from harness import PATIENCE, ROOT, SLUICE

FETCHED = os.path.join(ROOT, "build/deps/editor/node_modules/.bin/yaml-language-server")
FIRST_LINE = "# yaml-language-server: $schema=sluice.schema.json\n"
GOOD = FIRST_LINE + """app: hello
functions:
  greet: { runtime: python3, handler: words.greet, inputs: { name: text }, outputs: { greeting: text } }
workflows:
  hello:
    inputs: { names: list<text> }
    steps:
      greet:
        call: greet
        foreach: ${inputs.names}
        in: { name: "${item}" }
    outputs: { greetings: "${greet.greeting}" }
"""


def server_command():
    given = os.environ.get("YAML_LANGUAGE_SERVER")
    return given or shutil.which(FETCHED) or shutil.which("yaml-language-server")


class LanguageServer:
    """Speaks the Language Server Protocol over stdio: requests, and diagnostics as they are published."""

    def __init__(self, command, folder):
        self.process = subprocess.Popen([command, "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, cwd=folder)
        self.answers, self.diagnostics, self.number = queue.Queue(), queue.Queue(), 0
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        self.ask("initialize", {"processId": os.getpid(), "rootUri": pathlib.Path(folder).as_uri(), "capabilities": {
            "textDocument": {"completion": {"completionItem": {"documentationFormat": ["markdown"]}}}}})
        self.tell("initialized", {})

    def send(self, message):
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.process.stdin.flush()

    def read(self):
        while True:
            length = None
            while (line := self.process.stdout.readline()).strip():
                name, value = line.split(b":", 1)
                if name.lower() == b"content-length":
                    length = int(value)
            if length is None:
                return
            message = json.loads(self.process.stdout.read(length))
            if "method" in message and "id" in message:  # What the server asks its client: nothing is configured.
                items = message.get("params", {}).get("items", []) if isinstance(message.get("params"), dict) else []
                self.send({"id": message["id"], "result": [None] * len(items)})
            elif message.get("method") == "textDocument/publishDiagnostics":
                self.diagnostics.put(message["params"])
            elif "id" in message:
                self.answers.put(message)

    def tell(self, method, parameters):
        self.send({"method": method, "params": parameters})

    def ask(self, method, parameters):
        self.number += 1
        self.send({"id": self.number, "method": method, "params": parameters})
        while True:
            answer = self.answers.get(timeout=PATIENCE)
            if answer["id"] == self.number:
                if "error" in answer:
                    raise AssertionError(f"{method}: {answer['error']}")
                return answer["result"]

    def stop(self):
        self.process.stdin.close()
        self.process.terminate()
        self.process.wait(timeout=PATIENCE)
        self.reader.join(timeout=PATIENCE)
        self.process.stdout.close()


class Editor(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        command = server_command()
        if command is None:
            raise unittest.SkipTest(f"yaml-language-server is not there: ./dev test fetches it into {FETCHED}")
        if shutil.which("node") is None:
            raise unittest.SkipTest("node is not installed")
        cls.folder = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        schema = subprocess.run([SLUICE, "schema"], capture_output=True, text=True, timeout=60, check=True).stdout
        with open(os.path.join(cls.folder, "sluice.schema.json"), "w", encoding="utf-8") as file:
            file.write(schema)
        cls.server = LanguageServer(command, cls.folder)
        cls.addClassCleanup(cls.server.stop)
        cls.opened = 0

    def open(self, text):
        """Opens a file with this text; returns its address and what the server has to say of it."""
        type(self).opened += 1
        folder = os.path.join(self.folder, str(self.opened))
        os.makedirs(folder)
        shutil.copy(os.path.join(self.folder, "sluice.schema.json"), folder)
        address = pathlib.Path(folder, "sluice.yaml").as_uri()
        self.server.tell("textDocument/didOpen", {"textDocument": {
            "uri": address, "languageId": "yaml", "version": 1, "text": text}})
        while True:
            published = self.server.diagnostics.get(timeout=PATIENCE)
            if published["uri"] == address:
                return address, [(each["range"]["start"]["line"] + 1, each["message"]) for each in published["diagnostics"]]

    def complete(self, text):
        """What is offered at the `|` in the text."""
        before, after = text.split("|", 1)
        address, _ = self.open(before + after)
        line, character = before.count("\n"), len(before) - before.rfind("\n") - 1
        answer = self.server.ask("textDocument/completion", {
            "textDocument": {"uri": address}, "position": {"line": line, "character": character}})
        items = answer["items"] if isinstance(answer, dict) else answer
        return {item["label"]: item.get("documentation") for item in items}

    def test_a_good_file_has_no_mistakes(self):
        self.assertEqual(self.open(GOOD)[1], [])

    def test_an_unknown_key_is_underlined_where_it_stands(self):
        (mistake,) = self.open(GOOD.replace("foreach:", "for_each:"))[1]
        self.assertEqual(mistake[0], 11)
        self.assertIn("for_each", mistake[1])

    def test_a_wrong_value_is_underlined(self):
        mistakes = self.open(GOOD.replace("runtime: python3", "runtime: perl"))[1]
        self.assertEqual([line for line, _ in mistakes], [4])

    def test_keys_of_a_step_are_offered_with_what_they_mean(self):
        offered = self.complete(GOOD.replace("        foreach: ${inputs.names}\n", "        |\n"))
        for key in ("foreach", "when", "retry", "catch", "after"):
            self.assertIn(key, offered)
        self.assertNotIn("handler", offered)
        self.assertIn("One task per element", str(offered["foreach"]))

    def test_choices_are_offered(self):
        offered = self.complete(GOOD.replace("        foreach:", "        start: |\n        foreach:"))
        self.assertEqual(set(offered), {"auto", "ready", "early"})

    def test_a_key_says_what_it_means_where_the_pointer_rests(self):
        address, _ = self.open(GOOD)
        line = GOOD.splitlines().index("        foreach: ${inputs.names}")
        said = self.server.ask("textDocument/hover", {
            "textDocument": {"uri": address}, "position": {"line": line, "character": 10}})
        self.assertIn("One task per element", json.dumps(said))


if __name__ == "__main__":
    unittest.main()
