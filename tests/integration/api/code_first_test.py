"""Workflows in Python: export, validate, deploy, run, as the documentation says; and what a plain run says is what the engine says."""

import json
import os
import re
import shutil
import subprocess
import textwrap
import unittest

from harness import ROOT, SLUICE, ServerCase

CODE_FIRST = os.path.join(ROOT, "sdk/python/tests/code_first")
TWO_OUTPUTS = '''
    import sluice
    from lib.texts import shout

    sluice.app("parts")

    @sluice.function(outputs={"words": "list<text>", "count": "int"})
    def cut(text: str, at: str = " "):
        words = text.split(at)
        for word in words:
            yield word
        return {"count": len(words)}

    @sluice.function
    def number(word: str, at: int, of: int, note: str = None) -> str:
        return f"{at + 1}/{of} {word}" + (note or "")

    @sluice.function
    def join(words: list[str], between: str = ", ") -> str:
        return between.join(words)

    @sluice.workflow
    def parts(text: str):
        pieces = cut(text)
        loud = sluice.foreach(pieces.words, shout, concurrency=2)
        numbered = sluice.foreach(loud, lambda word, index: number(word, index, of=pieces.count))
        return {"all": join(numbered, between="; "), "count": pieces.count, "again": join.options(after=numbered)(loud)}
    '''
LIBRARY = '''
    import sluice

    @sluice.function(retry={"attempts": 2, "backoff": "10ms"}, timeout=20)
    def shout(word: str) -> str:
        return word.upper()
    '''


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


class CodeFirst(ServerCase):
    def write(self, folder, **files):
        for name, text in files.items():
            path = self.path(folder, name.replace("__", "/") + ".py")
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(textwrap.dedent(text))
        return self.path(folder)

    def plain(self, folder, code):
        """What Python prints in this folder, with the SDK on its path."""
        result = subprocess.run(["/usr/bin/python3", "-B", "-c", code], cwd=folder, capture_output=True, text=True, timeout=60,
                                check=False, env={**os.environ, "PYTHONPATH": os.path.join(ROOT, "sdk/python")})
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def test_the_tutorial_works_as_it_is_printed(self):
        with open(os.path.join(ROOT, "docs/code-first.md"), encoding="utf-8") as file:
            text = file.read()
        app, tests = blocks(text, "python")[:2]
        folder = self.write("wordcount", words=app, test_words=tests)
        self.plain(folder, "import sys, unittest; unittest.main('test_words', argv=['test'])")
        (commands,) = blocks(text, "sh")
        script = f"export PATH={os.path.dirname(SLUICE)}:$PATH\n{commands}"
        result = subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=self.folder, capture_output=True, text=True,
                                env=self.server.cli_environment(), stdin=subprocess.DEVNULL, timeout=120, check=False)
        self.assertEqual(result.returncode, 0, (result.stdout, result.stderr))
        self.assertIn('"be":2', result.stdout.replace(" ", ""))
        (yaml,) = blocks(text, "yaml")
        with open(os.path.join(folder, "sluice.yaml"), encoding="utf-8") as file:
            self.assertEqual(file.read(), yaml)
        self.assertEqual(self.server.cli("validate", folder).returncode, 0)

    def test_the_engine_gives_what_a_plain_run_gives(self):
        folder = self.write("parts", app=TWO_OUTPUTS, lib__texts=LIBRARY)
        exported = self.server.cli("export", os.path.join(folder, "app.py"), "-o", os.path.join(folder, "sluice.yaml"))
        self.assertEqual((exported.returncode, exported.stdout, exported.stderr), (0, "", ""))
        self.server.deploy(folder)
        for text in ("a bc d", "alone", ""):
            plain = json.loads(self.plain(folder, f"import app, json; print(json.dumps(app.parts({text!r})))"))
            self.assertEqual(self.assert_succeeded(self.server.run("parts", text=text)), plain)

    def test_every_text_that_is_exported_is_of_the_language(self):
        names = sorted(name[:-3] for name in os.listdir(CODE_FIRST) if name.endswith(".py"))
        for name in names:
            folder = self.path(name)
            os.makedirs(folder)
            for ending in (".py", ".yaml"):
                shutil.copy(os.path.join(CODE_FIRST, name + ending), os.path.join(folder, "sluice.yaml" if ending == ".yaml" else name + ending))
            result = self.server.cli("validate", folder, "-o", "json")
            # What this version cannot run yet is no mistake of the text.
            mistakes = [each for each in json.loads(result.stdout)["errors"] if "not there yet" not in each["message"]]
            self.assertEqual(mistakes, [], name)

    def test_a_folder_without_yaml_is_told_to_export(self):
        folder = self.write("parts", app=TWO_OUTPUTS, lib__texts=LIBRARY)
        result = self.server.cli("deploy", folder)
        self.assertEqual(result.returncode, 3)
        self.assertIn(f"'sluice export {folder}/app.py -o {folder}/sluice.yaml' writes it", result.stderr)

    def test_mistakes_have_their_place_and_leave_the_file_alone(self):
        folder = self.write("wrong", app="""
            import sluice

            @sluice.function
            def f(x: int) -> int: return x

            @sluice.workflow
            def w(x: int):
                if x > 3:
                    return f(x)
            """)
        target = os.path.join(folder, "sluice.yaml")
        with open(target, "w", encoding="utf-8") as file:
            file.write("before")
        result = self.server.cli("export", os.path.join(folder, "app.py"), "-o", target)
        self.assertEqual((result.returncode, result.stdout), (3, ""))
        self.assertRegex(result.stderr, r"^app.py:9:\d+: `if`")
        with open(target, encoding="utf-8") as file:
            self.assertEqual(file.read(), "before")
        for arguments, status, part in ((["nowhere.py"], 4, "there is no file"), ([folder], 2, "is a directory"),
                                        ([target], 2, "is no .py file"), ([], 2, "FILE is required"),
                                        ([os.path.join(folder, "app.py"), "--python", "/no/python"], 2, "install python3")):
            result = self.server.cli("export", *arguments)
            self.assertEqual((result.returncode, result.stdout), (status, ""), arguments)
            self.assertIn(part, result.stderr)

    def test_nothing_is_left_behind(self):
        temporary = self.path("temporary")
        os.makedirs(temporary)
        source = os.path.join(CODE_FIRST, "wordcount.py")
        before = sorted(os.listdir(CODE_FIRST))
        result = self.server.cli("export", source, environment={"TMPDIR": temporary})
        self.assertEqual(result.returncode, 0, result.stderr)
        with open(source[:-2] + "yaml", encoding="utf-8") as file:
            self.assertEqual(result.stdout, file.read())
        self.assertEqual(os.listdir(temporary), [])
        self.assertEqual(sorted(os.listdir(CODE_FIRST)), before)

    def test_an_interrupt_ends_the_file_too(self):
        folder = self.write("slow", app="""
            import os, time
            open("begun", "w").write(str(os.getpid()))
            time.sleep(600)
            """)
        temporary = self.path("temporary")
        os.makedirs(temporary)
        process = subprocess.Popen([SLUICE, "export", "app.py"], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   env={**self.server.cli_environment(), "TMPDIR": temporary})
        from harness import wait_until

        begun = os.path.join(folder, "begun")
        pid = int(wait_until(lambda: os.path.exists(begun) and open(begun, encoding="utf-8").read(), 30, "the file runs"))
        process.terminate()
        self.assertEqual(process.wait(30), 143)
        self.assertFalse(os.path.exists(f"/proc/{pid}"))
        self.assertEqual(os.listdir(temporary), [])


if __name__ == "__main__":
    unittest.main()
