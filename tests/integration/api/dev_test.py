"""`sluice dev`: deploys on change, goes on through mistakes, follows logs, and leaves nothing."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest

import leftovers
from harness import PATIENCE, SLUICE, LATCH, _end_with_parent, wait_until, write_app

YAML = """
    app: small
    functions:
      add: { runtime: python3, handler: code.add, inputs: { x: int }, outputs: { y: int } }
      hold: { runtime: python3, handler: code.hold, inputs: { latch: text }, outputs: { y: int } }
    workflows:
      small:
        inputs: { x: int }
        steps:
          add: { call: add, in: { x: "${inputs.x}" } }
        outputs: { y: "${add.y}" }
      hold:
        inputs: { latch: text }
        steps:
          hold: { call: hold, in: { latch: "${inputs.latch}" } }
        outputs: { y: "${hold.y}" }
    """


def code(addend):
    return LATCH + f"""
def add(x):
    print("adding", {addend}, "to", x)
    if x < 0:
        raise ValueError("too small")
    return x + {addend}

def hold(latch):
    print("holding", flush=True)
    write(latch + "/held")
    wait_for(latch + "/go")
    return 1
"""


class Dev(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="sluice-test-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        os.makedirs(self.path("tmp"))
        self.addCleanup(leftovers.end_processes, self.path("tmp"))
        self.app = write_app(self.path("app"), YAML, code=code(1))

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def environment(self, **more):
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SLUICE_")}
        return {**kept, "TMPDIR": self.path("tmp"), "XDG_CONFIG_HOME": self.path("config"), "NO_COLOR": "1", **more}

    def spawn(self, *arguments):
        with open(self.path("out"), "wb") as out, open(self.path("err"), "wb") as err:
            process = subprocess.Popen([SLUICE, "dev", *arguments], stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                       cwd=self.folder, env=self.environment(), preexec_fn=_end_with_parent)

        def end():
            if process.poll() is None:
                process.kill()
            process.wait()
        self.addCleanup(end)
        return process

    def start(self, *arguments):
        """`sluice dev` with its first version deployed."""
        self.dev = self.spawn(self.app, "--listen", "127.0.0.1:0", *arguments)
        self.wait_for("out", r"^small version 1$")
        self.url = re.search(r" at (http://127\.0\.0\.1:\d+); Ctrl-C", self.read("err"))[1]

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def wait_for(self, name, pattern):
        def found():
            if self.dev.poll() is not None:
                raise AssertionError(f"sluice dev ended with {self.dev.returncode}: {self.read('out')}{self.read('err')}")
            return re.search(pattern, self.read(name), re.MULTILINE)
        return wait_until(found, PATIENCE, lambda: f"{pattern} in {self.read('out')}\n{self.read('err')}")

    def run_small(self, x, status=0):
        result = subprocess.run([SLUICE, "run", "small", "-i", f"x={x}", "--url", self.url, "-o", "raw"], capture_output=True,
                                text=True, env=self.environment(), timeout=2 * PATIENCE, check=False)
        self.assertEqual(result.returncode, status, result.stderr)
        return result.stdout

    def write(self, name, text):
        """As editors do: aside, then renamed."""
        with open(self.path("app", name + "~"), "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(self.path("app", name + "~"), self.path("app", name))

    def server_pid(self):
        with open(f"/proc/{self.dev.pid}/task/{self.dev.pid}/children", encoding="utf-8") as file:
            (pid,) = file.read().split()
        return int(pid)

    def stop(self, number=signal.SIGINT):
        """Ends it by a signal; nothing is left."""
        self.dev.send_signal(number)
        self.assertEqual(self.dev.wait(PATIENCE), 128 + number, self.read("err"))
        self.assertEqual(os.listdir(self.path("tmp")), [])
        self.assertEqual(leftovers.of(self.path("tmp")), [])

    def test_deploys_follows_logs_and_deploys_again_when_a_file_was_replaced(self):
        self.start()
        self.assertEqual(self.run_small(41), "42")
        self.wait_for("out", r"^small\.small \w{6} add \| adding 1 to 41$")
        self.wait_for("err", r"^small\.small \w{26} SUCCEEDED$")
        self.write("code.py", code(2))
        self.wait_for("out", r"^small version 2$")
        self.assertEqual(self.run_small(40), "42")
        self.run_small(-1, status=1)
        self.wait_for("err", r"FAILED\n  .*too small")
        self.stop()

    def test_a_broken_app_prints_its_mistakes_and_the_version_before_goes_on(self):
        self.start()
        with open(self.path("app", "sluice.yaml"), encoding="utf-8") as file:
            good = file.read()
        self.write("sluice.yaml", good.replace("call: add", "call: ad"))
        self.wait_for("err", r"^sluice\.yaml:\d+:\d+: .*ad")
        self.wait_for("err", r"^the version before goes on; waiting for a change$")
        self.assertEqual(self.run_small(1), "2")
        os.remove(self.path("app", "sluice.yaml"))
        self.wait_for("err", r"(?s)waiting for a change.*sluice\.yaml.*waiting for a change")
        self.write("sluice.yaml", good + "# better\n")
        self.wait_for("out", r"^small version 2$")
        self.assertEqual(self.run_small(2), "3")
        self.stop(signal.SIGTERM)

    def test_starts_with_a_broken_app_and_deploys_it_once_it_is_good(self):
        self.write("sluice.yaml", "app: [\n")
        self.dev = self.spawn(self.app, "--listen", "127.0.0.1:0")
        self.wait_for("err", r"^waiting for a change$")
        write_app(self.app, YAML)
        self.wait_for("out", r"^small version 1$")
        self.stop()

    def test_sees_new_folders_and_passes_over_what_is_ignored(self):
        self.write(".sluiceignore", "*.tmp\nout/\n")
        self.start()
        os.makedirs(self.path("app", "out"))
        for name in ("a.tmp", "out/b", ".code.py.swp"):
            with open(self.path("app", name), "w", encoding="utf-8") as file:
                file.write("x")
        os.makedirs(self.path("app", "words", "deep"))
        self.write("words/deep/list.txt", "one")
        # Had an ignored file made a version, this would not be the second.
        self.wait_for("out", r"^small version 2$")
        self.write("words/deep/list.txt", "two")
        self.wait_for("out", r"^small version 3$")
        shutil.rmtree(self.path("app", "words"))
        # The same content as the first is the same version.
        self.wait_for("out", r"(?s)version 3.*^small version 1$")
        self.stop()

    def test_ctrl_c_ends_server_and_workers_in_the_middle_of_a_run(self):
        self.start()
        subprocess.run([SLUICE, "run", "hold", "-i", f"latch={self.folder}", "--detach", "--url", self.url], check=True,
                       env=self.environment(), timeout=2 * PATIENCE, capture_output=True)
        wait_until(lambda: os.path.exists(self.path("held")), PATIENCE, "the function runs")
        self.wait_for("out", r"hold \| holding$")
        server = self.server_pid()
        self.stop()
        self.assertFalse(os.path.exists(f"/proc/{server}"))

    def test_the_server_ends_when_dev_is_killed(self):
        self.start("--data", self.path("data"))
        self.assertIn(self.server_pid(), leftovers.processes(self.path("data")))
        self.dev.kill()
        self.dev.wait()
        wait_until(lambda: not leftovers.of(self.path("data")), PATIENCE, lambda: leftovers.of(self.path("data")))

    def test_says_why_the_server_did_not_start_and_leaves_nothing(self):
        with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as taken:
            process = self.spawn(self.app, "--listen", f"127.0.0.1:{taken.getsockname()[1]}")
            self.assertEqual(process.wait(PATIENCE), 5)
        self.assertIn("sluice serve: ", self.read("err"))
        self.assertIn("error: the server ended before it served", self.read("err"))
        self.assertEqual(os.listdir(self.path("tmp")), [])

    def test_a_server_that_dies_ends_it(self):
        self.start()
        os.kill(self.server_pid(), signal.SIGKILL)
        self.assertEqual(self.dev.wait(PATIENCE), 5)
        self.assertIn("the server ended by itself", self.read("err"))
        wait_until(lambda: not leftovers.of(self.path("tmp")), PATIENCE, lambda: leftovers.of(self.path("tmp")))
        self.assertEqual(os.listdir(self.path("tmp")), [])

    def test_a_folder_that_is_not_there_is_exit_4(self):
        self.assertEqual(self.spawn(self.path("nowhere")).wait(PATIENCE), 4)
        self.start()
        shutil.rmtree(self.app)
        self.assertEqual(self.dev.wait(PATIENCE), 4)
        self.assertIn("is not there any more", self.read("err"))
        self.assertEqual(os.listdir(self.path("tmp")), [])


if __name__ == "__main__":
    unittest.main()
