#!/usr/bin/env python3
"""The counting of tests is itself tested: what crashed, hung or never ran must come out as failed."""

import json
import os
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from outcome import ctest_outcome, gtest_outcome, run_logged, tail  # noqa: E402

RUNNER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "run_unittests.py")

GTEST = """<?xml version="1.0"?><testsuites tests="4"><testsuite name="A">
<testcase name="Works" status="run" result="completed" classname="A"/>
<testcase name="Breaks" status="run" result="completed" classname="A"><failure message="1 != 2"/></testcase>
<testcase name="Skips" status="run" result="skipped" classname="A"><skipped message="a_test.cc:3&#10;no network"/></testcase>
<testcase name="DISABLED_Off" status="notrun" result="suppressed" classname="A"/>
</testsuite></testsuites>"""


class InAFolder(unittest.TestCase):
    def setUp(self):
        self._folder = tempfile.TemporaryDirectory()
        self.addCleanup(self._folder.cleanup)
        self.folder = self._folder.name

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path


class Counting(InAFolder):
    def junit(self, *entries):
        cases = "".join(f'<testcase name="{name}" status="{status}"/>' for name, status in entries)
        return self.write("junit.xml", f"<testsuite>{cases}</testsuite>")

    def counts(self, outcome):
        return outcome.passed, outcome.failed, outcome.skipped

    def test_googletest_reports_are_counted_case_by_case(self):
        outcome = gtest_outcome(self.write("a.xml", GTEST))
        self.assertEqual(self.counts(outcome), (1, 1, 2))
        self.assertEqual(outcome.notes, ["FAILED A.Breaks", "skipped A.Skips: no network", "skipped A.DISABLED_Off: disabled"])

    def test_a_program_without_a_report_that_failed_counts_as_one_failure(self):
        junit = self.junit(("test_a", "fail"), ("tidy", "run"))
        self.assertEqual(self.counts(ctest_outcome(junit, self.folder)), (1, 1, 0))

    def test_a_program_that_ends_badly_after_a_clean_report_counts_as_one_failure_more(self):
        self.write("test_a.xml", '<testsuites><testsuite><testcase name="W" classname="A" status="run"/></testsuite></testsuites>')
        self.assertEqual(self.counts(ctest_outcome(self.junit(("test_a", "fail")), self.folder)), (1, 1, 0))
        self.assertEqual(self.counts(ctest_outcome(self.junit(("test_a", "run")), self.folder)), (1, 0, 0))

    def test_a_half_written_report_counts_as_none(self):
        self.write("test_a.xml", GTEST[:120])
        self.assertEqual(self.counts(ctest_outcome(self.junit(("test_a", "fail")), self.folder)), (0, 1, 0))

    def test_a_program_that_was_not_built_is_a_failure(self):
        self.assertEqual(self.counts(ctest_outcome(self.junit(("test_a", "notrun")), self.folder)), (0, 1, 0))

    def test_no_report_and_no_test_are_failures(self):
        self.assertEqual(self.counts(ctest_outcome(os.path.join(self.folder, "none.xml"), self.folder)), (0, 1, 0))
        self.assertEqual(self.counts(ctest_outcome(self.junit(), self.folder)), (0, 1, 0))


class Running(InAFolder):
    def test_a_command_that_hangs_is_ended_with_its_children(self):
        log, marker = os.path.join(self.folder, "log"), os.path.join(self.folder, "pid")
        began = time.monotonic()
        status = run_logged(["sh", "-c", f"sleep 600 & echo $! > {marker}; wait"], log, 0.5)
        self.assertIsNone(status)
        self.assertLess(time.monotonic() - began, 30)
        with open(marker, encoding="utf-8") as file:
            child = int(file.read())
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and self.is_running(child):
            time.sleep(0.02)
        self.assertFalse(self.is_running(child))
        self.assertIn("stopped: longer than", tail(log))

    @staticmethod
    def is_running(pid):
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
                return file.read().rsplit(")", 1)[1].split()[0] != "Z"
        except OSError:
            return False

    def unittests(self, *arguments):
        result = os.path.join(self.folder, "result.json")
        status = subprocess.run([sys.executable, RUNNER, self.folder, "--json", result, *arguments], check=False,
                                capture_output=True).returncode
        with open(result, encoding="utf-8") as file:
            counts = json.load(file)
        return status, (counts["passed"], counts["failed"], counts["skipped"])

    def test_python_tests_are_counted(self):
        self.write("a_test.py", """
import unittest
class A(unittest.TestCase):
    def test_works(self): pass
    def test_breaks(self): self.fail("no")
    def test_raises(self): raise OSError("no")
    def test_subtests_that_break_count_once(self):
        for i in range(3):
            with self.subTest(i=i): self.fail("no")
    @unittest.skip("not here")
    def test_skips(self): pass
""")
        self.assertEqual(self.unittests(), (1, (1, 3, 1)))

    def test_a_file_that_crashes_is_a_failure_and_the_others_still_run(self):
        self.write("a_test.py", "import os, unittest\nclass A(unittest.TestCase):\n    def test_a(self): os.abort()\n")
        self.write("b_test.py", "import unittest\nclass B(unittest.TestCase):\n    def test_b(self): pass\n")
        self.assertEqual(self.unittests("--jobs", "2"), (1, (1, 1, 0)))

    def test_a_file_that_hangs_is_a_failure(self):
        self.write("a_test.py", "import time, unittest\nclass A(unittest.TestCase):\n    def test_a(self): time.sleep(600)\n")
        self.assertEqual(self.unittests("--timeout", "0.5"), (1, (0, 1, 0)))

    def test_a_file_without_tests_and_one_that_cannot_be_imported_are_failures(self):
        self.write("a_test.py", "")
        self.write("b_test.py", "import no_such_module\n")
        self.assertEqual(self.unittests(), (1, (0, 2, 0)))

    def test_a_file_of_a_package_may_import_its_neighbours(self):
        os.mkdir(os.path.join(self.folder, "package"))
        self.write("package/__init__.py", "")
        self.write("package/neighbour.py", "value = 1\n")
        self.write("package/test_a.py", "import unittest\nfrom .neighbour import value\n"
                   "class A(unittest.TestCase):\n    def test_a(self): self.assertEqual(value, 1)\n")
        self.assertEqual(self.unittests(), (0, (1, 0, 0)))

    def test_a_folder_without_tests_is_a_failure(self):
        self.assertEqual(self.unittests(), (1, (0, 1, 0)))


if __name__ == "__main__":
    unittest.main()
