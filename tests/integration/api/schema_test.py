"""`sluice schema` against apps that are good, and against mistakes of shape, with a real validator."""

import glob
import json
import os
import subprocess
import unittest

from harness import SLUICE

try:
    import jsonschema
    import yaml
except ImportError as error:
    raise unittest.SkipTest(f"{error.name} is not installed") from error

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../..")


class Schema(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        printed = subprocess.run([SLUICE, "schema"], capture_output=True, text=True, timeout=60, check=True).stdout
        schema = json.loads(printed)
        jsonschema.Draft202012Validator.check_schema(schema)
        cls.validator = jsonschema.Draft202012Validator(schema)

    def mistakes(self, app):
        return [error.message for error in self.validator.iter_errors(app)]

    def test_it_takes_the_examples(self):
        seen = 0
        for path in glob.glob(os.path.join(ROOT, "examples/*/sluice.yaml")):
            with self.subTest(path), open(path, encoding="utf-8") as file:
                self.assertEqual(self.mistakes(yaml.safe_load(file)), [])
                seen += 1
        self.assertGreater(seen, 0)

    def test_it_takes_all_workflows_of_the_corpus(self):
        seen = 0
        for path in glob.glob(os.path.join(ROOT, "tests/language/cases/*.yaml")):
            with open(path, encoding="utf-8") as file:
                cases = yaml.safe_load(file)
            for name, case in cases.items():
                with self.subTest(path=os.path.basename(path), case=name):
                    app = {"app": "corpus", "workflows": yaml.safe_load(case["workflows"])}
                    self.assertEqual(self.mistakes(app), [])
                    seen += 1
        self.assertGreater(seen, 100)

    def test_it_refuses_unknown_keys_wrong_values_and_two_actions(self):
        def app(step):
            return {"app": "a", "workflows": {"w": {"steps": {"s": step}}}}

        self.assertEqual(self.mistakes(app({"call": "f"})), [])
        for step in (
            {},
            {"call": "f", "set": {"x": 1}},
            {"call": "f", "foreach": 3},
            {"call": "f", "when": "a > 3"},
            {"call": "f", "timeout": 30},
            {"call": "f", "retry": {"max": 3}},
            {"call": "f", "retry": {"attempts": 0}},
            {"call": "f", "catch": {"errors": "Timeout"}},
            {"call": "f", "with": {}},
            {"switch": []},
            {"switch": [{"when": "${true}"}]},
            {"fail": "Name"},
            {"wait": {}},
            {"run": {}},
            {"call": "f", "run": ["cat"]},
        ):
            with self.subTest(step=step):
                self.assertNotEqual(self.mistakes(app(step)), [])


if __name__ == "__main__":
    unittest.main()
