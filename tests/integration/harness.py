"""What the integration tests are built on: a real server with a data directory and a port of its own,
small apps written into a folder, waiting for conditions with a deadline, and a look at what is left.

The binary is $SLUICE_BIN (default build/release/sluice). Nothing here sleeps instead of waiting for
what it is waiting for, and every wait has an end.
"""

import contextlib
import ctypes
import dataclasses
import http.client
import json
import os
import shutil
import signal
import subprocess
import tempfile
import textwrap
import time
import unittest
import urllib.parse

import leftovers

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SLUICE = os.environ.get("SLUICE_BIN") or os.path.join(ROOT, "build/release/sluice")
# `./dev test` fetches Node.js where the machine's own is too old; servers find it in PATH.
PATH = os.pathsep.join([os.path.join(ROOT, "build/deps/node/bin"), os.environ.get("PATH", os.defpath)])
# Only what hangs waits so long. A test that a busy or slow machine can fail says nothing about the
# code, so no wait is shorter than this, and none asserts how fast something was.
PATIENCE = 300
STOPPED = 143  # What the server says after SIGTERM.
ENDED = ("SUCCEEDED", "FAILED", "CANCELLED", "TIMED_OUT")


def wait_until(condition, seconds, what):
    """Calls `condition` until it returns something true, which is returned; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        if result := condition():
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(0.01)


@dataclasses.dataclass
class Answer:
    status: int
    headers: dict  # Names in lower case.
    body: bytes

    def json(self):
        return json.loads(self.body)


_prctl = ctypes.CDLL(None, use_errno=True).prctl
PR_SET_PDEATHSIG = 1


def _end_with_parent():
    """In the child: a test that is ended by force (a time-out of the runner) takes its server with it."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


class Server:
    """One `sluice serve`. Made stopped; start() and stop() or kill() may follow each other often."""

    def __init__(self, data, arguments=(), environment=None):
        self.data = data
        self.arguments = list(arguments)
        self.environment = environment or {}
        self.log_path = data + ".log"
        self.process = None
        self.url = None

    def start(self):
        ready = self.data + ".ready"
        with contextlib.suppress(FileNotFoundError):
            os.remove(ready)
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command(ready), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env={**os.environ, "PATH": PATH, **self.environment}, start_new_session=True,
                                            preexec_fn=_end_with_parent)

        def is_ready():
            if self.process.poll() is not None:
                raise AssertionError(f"the server ended with {self.process.returncode} at start:\n{self.log()}")
            with contextlib.suppress(FileNotFoundError), open(ready, encoding="utf-8") as file:
                return file.read().strip()

        self.url = wait_until(is_ready, PATIENCE, lambda: f"the server is ready:\n{self.log()}")
        self.host, self.port = urllib.parse.urlsplit(self.url).hostname, urllib.parse.urlsplit(self.url).port
        return self

    def command(self, ready):
        return [SLUICE, "serve", "--listen", "127.0.0.1:0", "--data", self.data, "--ready-file", ready, *self.arguments]

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def stop(self):
        """Asks the server to stop and returns its exit status."""
        if self.is_running():
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the server did not stop within {PATIENCE} s:\n{self.log()}") from None

    def kill(self):
        """kill -9, only of the server itself: what it leaves is its own business."""
        self.process.kill()
        self.process.wait()

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()[-8000:]

    def http(self, method, path, body=None, headers=None, timeout=2 * PATIENCE):
        """One request. A dict or list as body is JSON. Paths begin with / or are below /api/v1."""
        if not path.startswith("/"):
            path = "/api/v1/" + path
        headers = dict(headers or {})
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        with contextlib.closing(connection):
            connection.request(method, path, body=body, headers=headers)
            response = connection.getresponse()
            return Answer(response.status, {name.lower(): value for name, value in response.getheaders()},
                          response.read())

    def get(self, path):
        """GET that must succeed; returns the parsed document."""
        answer = self.http("GET", path)
        if answer.status != 200:
            raise AssertionError(f"GET {path}: {answer.status} {answer.body[:2000]!r}")
        return answer.json()

    def cli(self, *arguments, timeout=2 * PATIENCE, input=None, environment=None):
        """One command of the CLI against this server; stdout and stderr are text."""
        return subprocess.run([SLUICE, *map(str, arguments)], capture_output=True, timeout=timeout, check=False,
                              env=self.cli_environment(environment), text=True, input=input,
                              stdin=subprocess.DEVNULL if input is None else None)

    def cli_environment(self, more=None):
        return {**os.environ, "SLUICE_URL": self.url, "NO_COLOR": "1", "XDG_CONFIG_HOME": self.data + ".config",
                **(more or {})}

    def deploy(self, folder):
        """Deploys by the CLI; returns its output. Anything but success is an error of the test."""
        result = self.cli("deploy", folder)
        if result.returncode != 0:
            raise AssertionError(f"deploy {folder}: {result.returncode}\n{result.stdout}{result.stderr}")
        return result.stdout

    def start_run(self, workflow, **inputs):
        """Accepts a run with JSON inputs and returns its id at once."""
        answer = self.http("POST", f"workflows/{workflow}/runs", {"inputs": inputs})
        if answer.status != 202:
            raise AssertionError(f"run {workflow}: {answer.status} {answer.body[:2000]!r}")
        return answer.json()["id"]

    def wait_run(self, run, seconds=PATIENCE):
        """Waits until the run has ended and returns its document."""
        def ended():
            document = self.get(f"runs/{run}")
            return document if document["state"] in ENDED else None
        return wait_until(ended, seconds, lambda: f"run {run} ended: {self.get(f'runs/{run}')}\n{self.log()}")

    def run(self, workflow, seconds=PATIENCE, **inputs):
        """A run with JSON inputs, awaited."""
        answer = self.http("POST", f"workflows/{workflow}/runs?wait=60", {"inputs": inputs})
        if answer.status == 200:
            return answer.json()
        if answer.status != 202:
            raise AssertionError(f"run {workflow}: {answer.status} {answer.body[:2000]!r}")
        return self.wait_run(answer.json()["id"], seconds)

    def workers(self):
        """The processes that execute tasks now, as the server lists them."""
        document = self.get("workers")
        return document["workers"] if isinstance(document, dict) else document

    def worker_pids(self):
        return [worker["pid"] for worker in self.workers() if worker.get("pid", -1) > 0]

    def open_descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def status_kib(self, key):
        """A size from /proc/PID/status: VmRSS, VmHWM."""
        with open(f"/proc/{self.process.pid}/status", encoding="utf-8") as file:
            return next(int(line.split()[1]) for line in file if line.startswith(key + ":"))

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="utf-8") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def write_app(folder, yaml, **files):
    """Writes an app's folder: sluice.yaml and Python files (`words=...` becomes words.py); returns the folder."""
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "sluice.yaml"), "w", encoding="utf-8") as file:
        file.write(textwrap.dedent(yaml))
    for name, text in files.items():
        with open(os.path.join(folder, name + ".py"), "w", encoding="utf-8") as file:
            file.write(textwrap.dedent(text))
    return folder


# For functions that wait for each other through the file system: with a deadline, so that a barrier
# in the engine is a failure that says which file was waited for, and not a hang.
LATCH = '''
import os, time

def wait_for(path, seconds=300):
    deadline = time.monotonic() + seconds
    while not os.path.exists(path):
        if time.monotonic() > deadline:
            raise TimeoutError(f"nobody wrote {path}")
        time.sleep(0.002)

def write(path, text=""):
    with open(path + ".new", "w") as file:
        file.write(text)
    os.rename(path + ".new", path)
'''


class ServerCase(unittest.TestCase):
    """A test with a server. After each test the server must be idle, stop cleanly and leave nothing."""

    # Tasks that wait for files of each other each hold a slot, also on a machine with one core.
    arguments = ("--workers", "4")
    environment = None  # More environment of the server.

    def setUp(self):
        if not os.path.exists(SLUICE):
            self.fail(f"{SLUICE} is missing: ./dev build release")
        self.folder = tempfile.mkdtemp(prefix="sluice-test-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.server = Server(os.path.join(self.folder, "data"), self.arguments, self.environment)
        self.addCleanup(self._finish)
        self.server.start()
        self._descriptors_at_start = self.server.open_descriptors()

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def app(self, name, yaml, **files):
        """Writes an app below the test's folder and deploys it."""
        folder = write_app(self.path("apps", name), yaml, **files)
        self.server.deploy(folder)
        return folder

    def assert_succeeded(self, run):
        self.assertEqual(run["state"], "SUCCEEDED", run)
        return run["outputs"]

    def assert_failed(self, run, name):
        """The run failed with this error; returns the error."""
        self.assertEqual(run["state"], "FAILED", run)
        self.assertEqual(run["error"]["name"], name, run)
        return run["error"]

    def _finish(self):
        if self.server.process is None:
            return
        try:
            if self.server.is_running():
                self._check_idle()
                status = self.server.stop()
                self.assertEqual(status, STOPPED, f"the server ended with {status}:\n{self.server.log()}")
            self.check_nothing_is_left()
        finally:
            if self.server.is_running():
                self.server.kill()
            leftovers.end_processes(self.server.data)

    def _check_idle(self):
        """Every run has ended, and what the server has open goes back to what its workers explain."""
        def busy():
            return [run for state in ("QUEUED", "RUNNING") for run in self.server.get(f"runs?state={state}&limit=3")["runs"]]
        wait_until(lambda: not busy(), PATIENCE, lambda: f"all runs have ended: {busy()}")

        def allowed():
            # Of each worker: its socket, its output, its pidfd, the regions it has mapped.
            return self._descriptors_at_start + 12 + 6 * len(self.server.workers())
        wait_until(lambda: self.server.open_descriptors() <= allowed(), PATIENCE,
                   lambda: f"{self.server.open_descriptors()} descriptors are open, at most {allowed()} expected: "
                           f"{leftovers.descriptors(self.server.process.pid)}")

    def check_nothing_is_left(self):
        """After the server is gone: no process of it, no scratch folder, no spilled object, no mount."""
        wait_until(lambda: not leftovers.of(self.server.data), PATIENCE, lambda: leftovers.of(self.server.data))
