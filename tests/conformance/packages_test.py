"""The SDKs as packages: made, installed into clean folders, and used from there; and the unit tests of the one for Node.js."""

import glob
import os
import shutil
import subprocess
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
NODE_FOLDER = os.path.join(ROOT, "build/deps/node/bin")
PATH = os.pathsep.join([os.environ.get("PATH", ""), NODE_FOLDER])
PATIENCE = 600
PROGRAM = """
#include <sluice/sluice.h>
std::string shout(std::string_view text) { return std::string(text) + "!"; }
int main(int argc, char** argv) { return sluice::serve(argc, argv, {{"shout", shout}}); }
"""
PROJECT = """
cmake_minimum_required(VERSION 3.20)
project(words LANGUAGES CXX)
find_package(sluice 0.1 REQUIRED)
add_executable(words words.cc)
target_link_libraries(words PRIVATE sluice::sluice)
"""


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


class Packages(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="sluice-packages-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def run_command(self, *command, cwd=None, status=0):
        environment = {**os.environ, "PATH": PATH, "HOME": self.folder, "npm_config_update_notifier": "false"}
        done = subprocess.run(command, cwd=cwd or self.folder, capture_output=True, text=True, timeout=PATIENCE, check=False,
                              env=environment, stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, status, f"{command}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def sub(self, name):
        path = os.path.join(self.folder, name)
        os.makedirs(path)
        return path

    def test_the_cmake_package_builds_a_program_in_a_clean_folder(self):
        build, prefix, app = self.sub("build"), self.sub("prefix"), self.sub("app")
        write(os.path.join(app, "words.cc"), PROGRAM)
        write(os.path.join(app, "CMakeLists.txt"), PROJECT)
        compiler = "-DCMAKE_CXX_COMPILER=clang++-19"
        self.run_command("cmake", "-S", os.path.join(ROOT, "sdk/cpp"), "-B", build, "-G", "Ninja", compiler,
                         f"-DCMAKE_INSTALL_PREFIX={prefix}")
        self.run_command("cmake", "--build", build)
        self.run_command("cmake", "--install", build)
        self.run_command("cmake", "-S", app, "-B", os.path.join(app, "build"), "-G", "Ninja", compiler,
                         f"-DCMAKE_PREFIX_PATH={prefix}")
        self.run_command("cmake", "--build", os.path.join(app, "build"))
        # Started by hand it says what it is.
        self.assertEqual(self.run_command(os.path.join(app, "build/words"), status=64), "shout\n")

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

    def test_the_unit_tests_of_the_sdk_for_node_pass(self):
        self.run_command("node", "--test", os.path.join(ROOT, "sdk/node/tests"))


if __name__ == "__main__":
    unittest.main()
