"""The SDKs as packages (CMake package, npm tarball, wheel): made, installed into clean folders, and used from there, as their pages in docs/runtimes say;
and the unit tests of the one for Node.js."""

import glob
import os
import re
import shutil
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../integration"))
import harness  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(HERE))
PATIENCE = 600


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def page(name):
    with open(os.path.join(ROOT, "docs/runtimes", name), encoding="utf-8") as file:
        return file.read()


def block(text, language):
    """The first block of a language on a page."""
    return re.search(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)[1]


class Packages(harness.ServerCase):
    def run_command(self, *command, cwd=None, status=0):
        environment = {**os.environ, "PATH": harness.PATH, "HOME": self.folder, "npm_config_update_notifier": "false",
                       "CMAKE_GENERATOR": "Ninja"}
        done = subprocess.run(command, cwd=cwd or self.folder, capture_output=True, text=True, timeout=PATIENCE, check=False,
                              env=environment, stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, status, f"{command}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def sub(self, name):
        path = os.path.join(self.folder, name)
        os.makedirs(path)
        return path

    def test_the_cmake_package_builds_the_program_of_its_page_in_a_clean_folder(self):
        text = page("cpp.md")
        build, prefix, app = self.sub("build"), self.sub("prefix"), self.sub("app")
        for name, language in (("words.cc", "cpp"), ("CMakeLists.txt", "cmake"), ("sluice.yaml", "yaml")):
            write(os.path.join(app, name), block(text, language))
        compiler = "-DCMAKE_CXX_COMPILER=clang++-19"
        self.run_command("cmake", "-S", os.path.join(ROOT, "sdk/cpp"), "-B", build, compiler,
                         f"-DCMAKE_INSTALL_PREFIX={prefix}")
        self.run_command("cmake", "--build", build)
        self.run_command("cmake", "--install", build)
        made = self.sub("made")
        self.run_command("cmake", "-S", app, "-B", made, compiler, f"-DCMAKE_PREFIX_PATH={prefix}")
        self.run_command("cmake", "--build", made)
        # Started by hand it says what it is.
        self.assertEqual(self.run_command(os.path.join(app, "bin/words"), status=64), "split\nsize\nmerge\n")
        self.server.deploy(app)
        self.assertEqual(self.assert_succeeded(self.server.run("words", text="to be or not to be")), {"letters": 13})

        # So does what `sluice init` writes, by the commands of its README; that in Python says what is right.
        summaries = []
        for language in ("cpp", "python"):
            app = self.path(f"init_{language}")
            self.run_command(harness.SLUICE, "init", "--lang", language, app)
            with open(os.path.join(app, "sample.txt"), encoding="utf-8") as file:
                text = file.read()
            if language == "cpp":
                self.assertIn("bin/text", self.server.cli("validate", app).stderr)
                self.run_command("cmake", "-S", app, "-B", os.path.join(app, "build"), compiler, f"-DCMAKE_PREFIX_PATH={prefix}")
                self.run_command("cmake", "--build", os.path.join(app, "build"))
            self.server.deploy(app)
            outputs = self.assert_succeeded(self.server.run(f"init_{language}.readability", text=text))
            summaries.append(outputs.get("summary", outputs))
        self.assertEqual(*summaries)

    def test_the_app_of_the_page_for_node_works_as_it_is_printed(self):
        app = self.sub("app")
        write(os.path.join(app, "words.mjs"), block(page("node.md"), "js"))
        write(os.path.join(app, "sluice.yaml"), block(page("node.md"), "yaml"))
        self.server.deploy(app)
        outputs = self.assert_succeeded(self.server.run("words", text="to be or not to be"))
        self.assertEqual(outputs, {"total": {"to": 2, "be": 2, "or": 1, "not": 1}})

    def test_the_npm_tarball_is_found_by_import_in_a_clean_folder(self):
        app = self.sub("app")
        self.run_command("npm", "pack", "--silent", "--pack-destination", self.folder, os.path.join(ROOT, "sdk/node"))
        [tarball] = glob.glob(os.path.join(self.folder, "sluice-*.tgz"))
        write(os.path.join(app, "package.json"), '{"name": "app", "private": true}')
        self.run_command("npm", "install", "--offline", "--no-audit", "--no-fund", "--ignore-scripts", tarball, cwd=app)
        write(os.path.join(app, "use.mjs"), """
            import { context, Stream } from "sluice";
            let said = "";
            try { context(); } catch (error) { said = error.message; }
            console.log((await new Stream(["a", "b"]).toArray()).join(), said.includes("no task"));
            """)
        self.assertEqual(self.run_command("node", "use.mjs", cwd=app), "a,b true\n")
        for file in ("index.d.ts", "worker.mjs", "lib/serving.mjs"):
            self.assertTrue(os.path.exists(os.path.join(app, "node_modules/sluice", file)), file)

    def test_the_wheel_is_imported_in_a_clean_folder(self):
        # With what Debian has of setuptools and wheel; a wheel is installed by unpacking it.
        source, made, clean = self.path("source"), self.sub("made"), self.sub("clean")
        shutil.copytree(os.path.join(ROOT, "sdk/python"), source, ignore=shutil.ignore_patterns("__pycache__", "tests"))
        self.run_command("/usr/bin/python3", "-c", "import sys, setuptools.build_meta as b; b.build_wheel(sys.argv[1])", made,
                         cwd=source)
        [wheel] = glob.glob(os.path.join(made, "sluice-*.whl"))
        self.run_command("/usr/bin/python3", "-m", "wheel", "unpack", "--dest", made, wheel)  # Checks each file's digest.
        [package] = [path for path in glob.glob(os.path.join(made, "sluice-*")) if os.path.isdir(path)]
        self.assertTrue(os.path.exists(os.path.join(package, "sluice/worker.py")))
        write(os.path.join(clean, "use.py"), """
import sys
sys.path.insert(0, sys.argv[1])
import sluice

@sluice.function
def double(x: int) -> int:
    return 2 * x

@sluice.workflow
def doubled(x: int):
    return double(x)

print(doubled(4), sluice.__file__.startswith(sys.argv[1]))
try:
    sluice.context()
except Exception as error:
    print("outside of a task" in str(error))
""")
        self.assertEqual(self.run_command("/usr/bin/python3", "use.py", package, cwd=clean), "8 True\nTrue\n")

    def test_the_unit_tests_of_the_sdk_for_node_pass(self):
        self.run_command("node", "--test", os.path.join(ROOT, "sdk/node/tests"))


if __name__ == "__main__":
    unittest.main()
