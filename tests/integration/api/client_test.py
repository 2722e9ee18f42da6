"""openapi.json as strangers use it: a linter accepts it, and a client that is generated from it compiles and drives a run."""

import os
import shutil
import subprocess
import unittest

from harness import PATIENCE, ROOT
from small_app import SmallAppCase

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "client")
MODULES = os.path.join(ROOT, "build/deps/client/node_modules")  # ./dev test puts them there.
NODE = shutil.which("node", path=os.pathsep.join([os.environ.get("PATH", ""), os.path.join(ROOT, "build/deps/node/bin")]))


@unittest.skipUnless(NODE and os.path.isdir(MODULES), "the packages of tools/dev/client are not installed")
class OpenApi(SmallAppCase):
    def setUp(self):
        super().setUp()
        self.place = self.path("client")
        shutil.copytree(HERE, self.place)
        os.symlink(MODULES, os.path.join(self.place, "node_modules"))
        with open(os.path.join(self.place, "openapi.json"), "wb") as file:
            file.write(self.server.http("GET", "/openapi.json").body)

    def node(self, *arguments):
        """Runs a script in the client's folder; returns what it printed."""
        done = subprocess.run([NODE, *arguments], cwd=self.place, capture_output=True, text=True, timeout=PATIENCE, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_is_accepted_by_the_linter(self):
        self.assertEqual(self.node("lint.cjs", "openapi.json"), "")
        with open(os.path.join(self.place, "bad.json"), "w", encoding="utf-8") as file:
            file.write('{"openapi": "3.1.0", "info": {"title": "bad", "version": "1"}, "paths": {"/x": {"get": {}}}}')
        self.assertIn("error", self.node("lint.cjs", "bad.json"))

    def test_makes_a_client_that_compiles_and_drives_a_run(self):
        self.node("node_modules/openapi-typescript/bin/cli.js", "openapi.json", "-o", "schema.d.ts")
        self.node("node_modules/typescript/bin/tsc", "-p", ".")
        self.assertEqual(self.node("out/client.js", self.server.url), "driven\n")


if __name__ == "__main__":
    unittest.main()
