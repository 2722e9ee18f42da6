"""Packages that an app asks a registry for: installed at deploy, kept by content, never run while installing."""

import json
import os
import shutil
import threading
import unittest

import leftovers
from harness import PATIENCE, STOPPED, ServerCase, wait_until, write_app
from registry import Registry

YAML = """
    app: {name}
    functions:
      greet: {{ runtime: python3, handler: code.greet, inputs: {{ name: text }}, outputs: {{ text: text }} }}
    workflows:
      {name}:
        inputs: {{ name: text }}
        steps:
          greet: {{ call: greet, in: {{ name: "${{inputs.name}}" }} }}
        outputs: {{ text: "${{greet.text}}" }}
    """
CODE = "import greeting\n\ndef greet(name):\n    return greeting.word() + ' ' + name{}\n"


class PackageCase(ServerCase):
    def setUp(self):
        self.registry = Registry()
        self.addCleanup(self.registry.close)
        self.environment = {"PIP_INDEX_URL": self.registry.url + "/simple", "PIP_CONFIG_FILE": os.devnull,
                            "npm_config_registry": self.registry.url + "/", "NO_PROXY": "*", "no_proxy": "*"}
        super().setUp()

    def versions(self, app):
        place = os.path.join(self.server.data, "apps/default", app)
        return sorted(name for name in os.listdir(place) if name.isdigit()) if os.path.isdir(place) else []

    def cache(self):
        place = os.path.join(self.server.data, "packages")
        return sorted(os.listdir(place)) if os.path.isdir(place) else []


class PythonPackages(PackageCase):
    def write(self, requirements, name="polite", code=""):
        folder = write_app(self.path(name), YAML.format(name=name), code=CODE.format(code))
        with open(os.path.join(folder, "requirements.txt"), "w", encoding="utf-8") as file:
            file.write(requirements)
        return folder

    def greet(self, name="polite"):
        return self.assert_succeeded(self.server.run(name, name="you"))["text"]

    def test_are_found_by_the_code_of_their_version(self):
        self.registry.add_wheel("greeting", "1.0", greeting="def word():\n    return 'hello'\n")
        self.registry.add_wheel("greeting", "2.0", greeting="import other\ndef word():\n    return other.WORD\n")
        self.registry.add_wheel("other", "1.0", other="WORD = 'welcome'\n")
        self.server.deploy(self.write("greeting==1.0\n"))
        self.assertEqual(self.greet(), "hello you")
        self.server.deploy(self.write("Greeting == 2.0\nother\n"))
        self.assertEqual(self.greet(), "welcome you")
        self.assertEqual(self.assert_succeeded(self.server.run("polite.polite@1", name="you"))["text"], "hello you")

    def test_are_installed_once_for_the_same_requirements(self):
        self.registry.add_wheel("greeting", "1.0", greeting="def word():\n    return 'hello'\n")
        self.server.deploy(self.write("greeting==1.0\n"))
        asked = len(self.registry.asked)
        self.assertGreater(asked, 0)
        self.server.deploy(self.write("greeting==1.0\n", code=" + '!'"))
        self.server.deploy(self.write("greeting==1.0\n", name="second"))
        self.assertEqual(len(self.registry.asked), asked)
        self.assertEqual(len(self.cache()), 1)
        self.assertEqual((self.greet(), self.greet("second")), ("hello you!", "hello you"))
        # A version has packages of its own, so that what is kept may go at any time.
        shutil.rmtree(os.path.join(self.server.data, "packages"))
        self.assertEqual(self.server.stop(), STOPPED)
        self.server.start()
        self.assertEqual(self.greet(), "hello you!")

    def test_that_do_not_exist_are_a_mistake_at_their_line(self):
        self.registry.add_wheel("greeting", "1.0", greeting="")
        result = self.server.cli("deploy", self.write("greeting\n\nno_such-thing>=3\n"))
        self.assertEqual(result.returncode, 3, result.stderr)
        self.assertIn("requirements.txt:3:1: pip could not install", result.stderr)
        self.assertIn("no_such-thing", result.stderr)
        self.assertEqual((self.versions("polite"), self.cache()), ([], []))

    def test_are_never_built(self):
        trace = self.path("was_run")
        self.registry.add_sdist("greeting", "1.0", f"open({trace!r}, 'w')\n")
        result = self.server.cli("deploy", self.write("greeting\n"))
        self.assertEqual(result.returncode, 3, result.stderr)
        self.assertIn("only wheels", result.stderr)
        result = self.server.cli("deploy", self.write("./greeting\n-e .\n"))
        self.assertEqual(result.returncode, 3, result.stderr)
        self.assertIn("requirements.txt:1:1", result.stderr)
        self.assertIn("requirements.txt:2:1", result.stderr)
        self.assertFalse(os.path.exists(trace))

    def test_of_a_registry_that_is_down_are_said_to_be_so(self):
        self.registry.close()
        result = self.server.cli("deploy", self.write("greeting\n"))
        self.assertEqual(result.returncode, 5, result.stderr)
        self.assertIn("the registry of pip cannot be reached", result.stderr)
        self.assertIn("PIP_INDEX_URL", result.stderr)
        self.assertEqual((self.versions("polite"), self.cache()), ([], []))

    def deploy_held(self):
        """Starts a deployment that waits for the registry; the thread that waits for its answer."""
        self.registry.add_wheel("greeting", "1.0", greeting="")
        folder = self.write("greeting\n")
        self.registry.hold()
        waiting = threading.Thread(target=self.server.cli, args=("deploy", folder))
        waiting.start()
        self.addCleanup(waiting.join)
        self.assertTrue(self.registry.is_asked.wait(PATIENCE))

    def test_do_not_keep_a_server_from_stopping(self):
        self.deploy_held()
        self.assertEqual(self.server.stop(), STOPPED)
        self.check_nothing_is_left()

    def test_are_given_up_when_the_server_is_killed(self):
        self.deploy_held()
        self.assertTrue([pid for pid in leftovers.processes(self.server.data) if pid != self.server.process.pid])
        self.server.kill()
        wait_until(lambda: not leftovers.processes(self.server.data), PATIENCE,
                   lambda: f"all processes have ended: {leftovers.processes(self.server.data)}")
        self.registry.let_go()
        self.server.start()
        self.server.deploy(self.path("polite"))

NODE_YAML = YAML.replace("python3", "nodejs")
NODE_CODE = """
import greeting from "greeting";
export function greet({ name }) { return greeting.word() + " " + name; }
"""


@unittest.skipIf(shutil.which("npm") is None, "npm is not installed")
class NodePackages(PackageCase):
    def write(self, lock=None, **entries):
        """The app with these dependencies; `lock` replaces the entries of the lock file."""
        folder = write_app(self.path("polite"), NODE_YAML.format(name="polite"))
        wanted = {name: entry["version"] for name, entry in entries.items()}
        packages = {"": {"dependencies": wanted}, **{"node_modules/" + name: entry for name, entry in entries.items()}}
        files = {"code.mjs": NODE_CODE,
                 "package.json": json.dumps({"name": "polite", "version": "1.0.0", "dependencies": wanted}, indent=1),
                 "package-lock.json": json.dumps({"name": "polite", "version": "1.0.0", "lockfileVersion": 3,
                                                  "packages": {**packages, **(lock or {})}}, indent=1)}
        for name, text in files.items():
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(text)
        return folder

    def test_are_found_by_the_code_and_kept(self):
        entry = self.registry.add_npm("greeting", "1.0.0", {"index.js": "exports.word = () => 'hello';"})
        self.server.deploy(self.write(greeting=entry))
        self.assertEqual(self.assert_succeeded(self.server.run("polite", name="you"))["text"], "hello you")
        asked = len(self.registry.asked)
        with open(self.path("polite", "other.txt"), "w", encoding="utf-8") as file:
            file.write("another version of the app")
        self.server.deploy(self.path("polite"))
        self.assertEqual((len(self.registry.asked), len(self.cache())), (asked, 1))
        self.assertEqual(self.assert_succeeded(self.server.run("polite", name="you"))["text"], "hello you")

    def test_run_no_script_when_they_are_installed(self):
        trace = self.path("was_run")
        entry = self.registry.add_npm("greeting", "1.0.0", {"index.js": "exports.word = () => 'hello';"},
                                      scripts={"install": f"touch {trace}", "postinstall": f"touch {trace}"})
        self.server.deploy(self.write(greeting=entry))
        self.assertFalse(os.path.exists(trace))
        self.assertIn("the install script of 'greeting' is not run", self.server.log())

    def test_come_from_registries_with_the_checksum_that_is_locked(self):
        entry = self.registry.add_npm("greeting", "1.0.0", {"index.js": "exports.word = () => 'hello';"})
        self.registry.files["/greeting/-/greeting-1.0.0.tgz"] += b"x"
        result = self.server.cli("deploy", self.write(greeting=entry))
        self.assertEqual(result.returncode, 3, result.stderr)
        self.assertIn("EINTEGRITY", result.stderr)
        git = {**entry, "resolved": "git+ssh://git@127.0.0.1/greeting.git"}
        result = self.server.cli("deploy", self.write(greeting=git))
        self.assertEqual(result.returncode, 3, result.stderr)
        self.assertIn("package-lock.json", result.stderr)
        self.assertEqual((self.versions("polite"), self.cache()), ([], []))

    def test_that_do_not_exist_are_a_mistake_and_a_registry_that_is_down_is_none(self):
        entry = self.registry.add_npm("greeting", "1.0.0", {"index.js": ""})
        self.registry.files.clear()
        result = self.server.cli("deploy", self.write(greeting=entry))
        self.assertEqual(result.returncode, 3, result.stderr)
        self.assertIn("npm could not install", result.stderr)
        self.assertIn("greeting", result.stderr)
        self.registry.close()
        result = self.server.cli("deploy", self.write(greeting=entry))
        self.assertEqual(result.returncode, 5, result.stderr)
        self.assertIn("the registry of npm cannot be reached", result.stderr)


if __name__ == "__main__":
    unittest.main()
