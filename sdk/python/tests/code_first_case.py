"""What the tests of code-first Python share: files of Python written into a folder, exported and imported."""

import importlib.util
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import unittest

from .fake_node import PYTHON, SDK

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "code_first")
EXPORT = "import sys; sys.path[:1] = [sys.argv[1]]; from sluice.export import main; sys.exit(main(sys.argv[2]))"
_numbers = itertools.count()


def export(path, cwd=None):
    """What `sluice export` starts; returns (status, standard output, standard error)."""
    done = subprocess.run([PYTHON, "-B", "-c", EXPORT, SDK, path], capture_output=True, text=True, check=False, cwd=cwd,
                          timeout=60, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"})
    return done.returncode, done.stdout, done.stderr


def export_here(path):
    """The same in this process: (YAML or None, mistakes)."""
    from sluice.export import export as export_file

    paths, modules = list(sys.path), set(sys.modules)
    try:
        return export_file(path)
    finally:
        sys.path[:] = paths
        for name in set(sys.modules) - modules:
            if not name.startswith("sluice"):
                del sys.modules[name]


def load(path):
    """The file as a module of its own."""
    specification = importlib.util.spec_from_file_location(f"code_first_{next(_numbers)}", path)
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module
    specification.loader.exec_module(module)
    return module


class CodeFirstCase(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="sluice-code-first-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def write(self, code, name="app.py"):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(textwrap.dedent(code))
        return path

    def module(self, code):
        return load(self.write(code, f"module_{next(_numbers)}.py"))
