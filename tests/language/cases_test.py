#!/usr/bin/env python3
"""Holds the two readers of the corpus together, and says what a case lacks before anything runs it.

    cases_test.py PATH/language-corpus
"""

import json
import os
import re
import subprocess
import sys
import unittest

import yaml

import corpus

BINARY = sys.argv.pop(1) if len(sys.argv) > 1 and not sys.argv[1].startswith("-") else None


class Readers(unittest.TestCase):
    maxDiff = None

    def test_both_read_the_same_cases(self):
        result = subprocess.run([BINARY, "cases", corpus.HERE], capture_output=True, text=True, timeout=60)
        self.assertEqual(result.returncode, 0, result.stderr)
        there = [json.loads(line) for line in result.stdout.splitlines()]
        here = corpus.load()
        self.assertEqual([case["name"] for case in there], [case.name for case in here])
        for mine, other in zip(here, there):
            with self.subTest(case=mine.name):
                self.assertEqual(other["rule"], mine.rule)
                self.assertEqual(sorted(other["app"].splitlines()), sorted(mine.app().splitlines()))
                self.assertEqual(other["app"].split("workflows:", 1)[1], mine.app().split("workflows:", 1)[1])
                self.assertEqual((other["faults"], other["skip"]), (mine.sim.get("faults", True), mine.sim.get("skip", "")))
                self.assertEqual(len(other["runs"]), len(mine.runs))
                for run, there_run in zip(mine.runs, other["runs"]):
                    self.assertEqual(there_run, vars(run))


class Cases(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cases = [(case, yaml.load(case.workflows, corpus.CoreLoader)) for case in corpus.load()]

    def test_every_function_is_declared(self):
        known = set(corpus.function_lines())
        for case, _ in self.cases:
            self.assertEqual(set(re.findall(r"\bcall: (\w+)", case.workflows)) - known, set(), case.name)

    def test_every_declared_function_is_used(self):
        used = {name for case, _ in self.cases for name in re.findall(r"\bcall: (\w+)", case.workflows)}
        self.assertEqual(set(corpus.function_lines()) - used, set())

    def test_inputs_are_those_of_the_workflow(self):
        for case, workflows in self.cases:
            declared = workflows["main"].get("inputs") or {}
            needed = {name for name, port in declared.items()
                      if not (isinstance(port, dict) and "default" in port or str(port).startswith("optional"))}
            for run in case.runs:
                self.assertLessEqual(needed, set(run.inputs), run.name)
                self.assertLessEqual(set(run.inputs), set(declared), run.name)

    def test_every_input_of_a_workflow_is_used(self):
        for case, workflows in self.cases:
            for workflow in workflows.values():
                body = json.dumps({key: value for key, value in workflow.items() if key != "inputs"})
                self.assertEqual(set(re.findall(r"\binputs\.(\w+)", body)), set(workflow.get("inputs") or {}), case.name)

    def test_expected_outputs_are_outputs_of_the_workflow(self):
        for case, workflows in self.cases:
            for run in case.runs:
                for outputs in run.outputs:
                    self.assertLessEqual(set(outputs), set(workflows["main"].get("outputs") or {}), run.name)

    def test_effects_are_expected_only_where_something_acts(self):
        for case, _ in self.cases:
            if any(run.effects or run.effects_set for run in case.runs):
                self.assertIn("call: act", case.workflows, case.name)


if __name__ == "__main__":
    if BINARY is None or not os.path.exists(BINARY):
        sys.exit(__doc__)
    unittest.main()
