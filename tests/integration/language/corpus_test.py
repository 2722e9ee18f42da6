"""The corpus of the language (tests/language) through the real engine: a test for each case.

All cases share a server and an app of one name; a case is a version of it. What is listed in
tests/language/pending.txt is tried, too: it is skipped while it does not work, and a failure of this
test once it does - then its line has to go.
"""

import json
import os
import re
import shutil
import sys
import tempfile
import time
import unittest
import urllib.parse

from harness import ENDED, ROOT, SLUICE, STOPPED, Server, leftovers, wait_until

LANGUAGE = os.path.join(ROOT, "tests/language")
sys.path.insert(0, LANGUAGE)
import corpus  # noqa: E402

RUN_SECONDS = 60
PENDING_SECONDS = 5  # Those hang now and then; one that works takes less.


def pending():
    """Names of cases, or of all cases of a file: `flow/*`."""
    try:
        lines = corpus.read(os.path.join(LANGUAGE, "pending.txt")).splitlines()
    except FileNotFoundError:
        return set()
    return {line.split("#")[0].strip() for line in lines} - {""}


def is_pending(case, names):
    return case.name in names or case.name.split("/")[0] + "/*" in names


def same(value, expected):
    """Equal as JSON: 2 and 2.0 are one number, true and 1 are not the same."""
    if isinstance(value, bool) or isinstance(expected, bool):
        return value is expected
    if isinstance(value, list) and isinstance(expected, list):
        return len(value) == len(expected) and all(map(same, value, expected))
    if isinstance(value, dict) and isinstance(expected, dict):
        return value.keys() == expected.keys() and all(same(value[key], expected[key]) for key in value)
    return value == expected


def without_indexes(path):
    """`outer.3~inner.0` is a task of the step `outer~inner`."""
    return re.sub(r"\.\d+", "", path)


def first_words(error):
    """The first mistake of an app that is refused, else the first line."""
    lines = str(error).strip().splitlines() or [repr(error)]
    return next((line.strip() for line in lines if "sluice.yaml:" in line), lines[0])[:200]


class Corpus(unittest.TestCase):
    longMessage = False

    @classmethod
    def setUpClass(cls):
        if not os.path.exists(SLUICE):
            raise AssertionError(f"{SLUICE} is missing: ./dev build release")
        cls.folder = tempfile.mkdtemp(prefix="sluice-corpus-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.server = Server(os.path.join(cls.folder, "data"), ("--workers", "4"))
        cls.addClassCleanup(cls.finish)
        cls.server.start()
        cls.meeting_place = os.path.join(cls.folder, "place")  # Of the tasks of a run, by its id.

    @classmethod
    def finish(cls):
        try:
            if cls.server.is_running():
                status = cls.server.stop()
                assert status == STOPPED, f"the server ended with {status}:\n{cls.server.log()}"
                wait_until(lambda: not leftovers.of(cls.server.data), 20, lambda: leftovers.of(cls.server.data))
        finally:
            if cls.server.is_running():
                cls.server.kill()
            leftovers.end_processes(cls.server.data)

    def setUp(self):
        if not self.server.is_running():
            # What one case did to the server is its failure, not that of all that come after it.
            self.server.start()

    # ---- one case

    def check_case(self, case, waiting):
        begin = time.monotonic()
        try:
            self.deploy(case)
            for run in case.runs:
                self.check_run(case, run, PENDING_SECONDS if waiting else case.engine.get("seconds", RUN_SECONDS))
        except (AssertionError, OSError, ValueError, KeyError) as error:
            if waiting:
                self.skipTest(f"pending: {first_words(error)}")
            raise AssertionError(f"{error}\nthe rule: {case.rule}\n{case.app()}") from error
        if waiting:
            self.fail(f"{case.name} works ({time.monotonic() - begin:.1f} s): remove it from tests/language/pending.txt")

    def deploy(self, case):
        app = os.path.join(self.folder, "app")
        shutil.rmtree(app, ignore_errors=True)
        os.makedirs(app)
        shutil.copy(os.path.join(LANGUAGE, "functions.py"), app)
        for name, text in (("place.py", f"FOLDER = {self.meeting_place!r}\n"), ("sluice.yaml", case.app())):
            with open(os.path.join(app, name), "w", encoding="utf-8") as file:
                file.write(text)
        self.server.deploy(app)

    def check_run(self, case, run, seconds):
        answer = self.server.http("POST", "workflows/corpus.main/runs", {"inputs": run.inputs})
        self.assertEqual(answer.status, 202, f"{run.name}: {answer.status} {answer.body[:2000]!r}")
        id = answer.json()["id"]
        try:
            for each in run.answers:
                self.answer(id, each, seconds)
            document = wait_until(lambda: self.ended(id), seconds, lambda: f"{run.name} ended: {self.ended(id, True)}")
        except BaseException:
            self.server.http("POST", f"runs/{id}/cancel")
            raise
        what = f"{run.name} (inputs {json.dumps(run.inputs)[:500]})"
        self.check_end(what, run, document)
        self.check_tasks(what, run, id)
        self.check_effects(what, run, id)
        shutil.rmtree(os.path.join(self.meeting_place, id), ignore_errors=True)

    def ended(self, id, any_state=False):
        document = self.server.get(f"runs/{id}?wait=1")
        return document if any_state or document["state"] in ENDED else None

    def answer(self, id, answer, seconds):
        """As a person does: again until the step waits for it."""
        index = ["--index", answer["index"]] if "index" in answer else []
        values = [part for name, value in answer["values"].items()
                  for part in ("-i", f"{name}={value if isinstance(value, str) else json.dumps(value)}")]
        last = []

        def accepted():
            last[:] = [self.server.cli("answer", id, answer["step"], *index, *values)]
            return last[0].returncode == 0
        wait_until(accepted, seconds, lambda: f"the answer to {answer['step']} is accepted: {last[0].stderr}")

    # ---- what came of it

    def check_end(self, what, run, document):
        end = {key: document.get(key) for key in ("state", "error", "outputs") if document.get(key) is not None}
        self.assertEqual(document["state"], run.state, f"{what}: {run.state} was expected, not {end}")
        if run.outputs:
            outputs = self.resolved(document.get("outputs", {}))
            expected = " or ".join(json.dumps(each) for each in run.outputs)
            self.assertTrue(any(same(outputs, each) for each in run.outputs),
                            f"{what}: the outputs are\n  {json.dumps(outputs)[:2000]}\nexpected\n  {expected[:2000]}")
        if run.errors:
            error = document["error"]
            self.assertTrue(any(self.is_error(error, each) for each in run.errors),
                            f"{what}: the error is {error}, expected {run.errors}")

    def is_error(self, error, expected):
        return (error["name"] == expected["name"] and expected.get("message", "") in error.get("message", "")
                and expected.get("task") in (None, without_indexes(error.get("task", ""))))

    def resolved(self, value):
        """Outputs as one JSON value: what is not inline is fetched, bytes become text."""
        if isinstance(value, list):
            return [self.resolved(each) for each in value]
        if not isinstance(value, dict):
            return value
        if "$ref" not in value:
            return {key: self.resolved(each) for key, each in value.items()}
        answer = self.server.http("GET", urllib.parse.urlsplit(value["$ref"]).path)
        self.assertEqual(answer.status, 200, f"{value['$ref']}: {answer.status} {answer.body[:200]!r}")
        return json.loads(answer.body) if "json" in value["type"] else answer.body.decode()

    def check_tasks(self, what, run, id):
        for step, expected in run.tasks.items():
            succeeded = [task["path"] for task in self.succeeded(id) if without_indexes(task["path"]) == step]
            self.assertEqual(len(succeeded), expected, f"{what}: tasks of `{step}` that succeeded: {succeeded}")
        for step, expected in run.reused.items():
            reused = [task["path"] for task in self.succeeded(id)
                      if without_indexes(task["path"]) == step and task.get("start") == "cached"]
            self.assertEqual(len(reused), expected, f"{what}: tasks of `{step}` that came from the cache: {reused}")

    def succeeded(self, id):
        cursor = ""
        while True:
            page = self.server.get(f"runs/{id}/tasks?state=SUCCEEDED{cursor}")
            yield from page["tasks"]
            if "cursor" not in page:
                return
            cursor = f"&cursor={page['cursor']}"

    def check_effects(self, what, run, id):
        try:
            trace = corpus.read(os.path.join(self.meeting_place, id, "trace")).splitlines()
        except FileNotFoundError:
            trace = []
        if run.effects is not None:
            self.assertIn(trace, run.effects, f"{what}: the effects are {trace}, expected {run.effects}")
        if run.effects_set is not None:
            self.assertEqual(sorted(trace), sorted(run.effects_set), f"{what}: the effects are {trace}")


def test_of(case, waiting):
    def test(self):
        if "skip" in case.engine:
            self.skipTest(case.engine["skip"])
        self.check_case(case, waiting)
    test.__doc__ = f"{case.name}: {case.rule}"
    return test


class Files(unittest.TestCase):
    def test_every_line_of_pending_names_a_case(self):
        cases = corpus.load()
        known = {case.name for case in cases} | {case.name.split("/")[0] + "/*" for case in cases}
        self.assertEqual(sorted(pending() - known), [])

    def test_there_are_enough_cases(self):
        self.assertGreaterEqual(len(corpus.load()), 110)


_PENDING = pending()
for _case in corpus.load():
    setattr(Corpus, "test_" + _case.name.replace("/", "__"), test_of(_case, is_pending(_case, _PENDING)))

if __name__ == "__main__":
    unittest.main()
