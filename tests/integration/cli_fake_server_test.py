"""The command line against a server that misbehaves on demand: what it asks, how it waits, what it does
when it is interrupted, and what it makes of every answer. The binary is $SLUICE_BIN; the real server is
not needed."""

import contextlib
import email.parser
import email.policy
import http.server
import io
import json
import os
import pty
import re
import signal
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.parse

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SLUICE = os.environ.get("SLUICE_BIN") or os.path.join(ROOT, "build/release/sluice")
RUN = "01jd3k0c7w8fqzv5m2n6x4r9ta"
SECONDS = 30  # No wait of a test is longer.

WORKFLOW = {
    "name": "app.flow", "app": "app", "version": 1, "steps": ["one"],
    "inputs": [{"name": "text", "type": "bytes"}, {"name": "parts", "type": "int", "default": 8},
               {"name": "words", "type": "list<text>", "default": []}],
    "outputs": [{"name": "total", "type": "json"}],
}


def run_document(state, **more):
    return {"id": RUN, "workflow": "app.flow", "version": 1, "state": state, "durability": "express",
            "steps": [{"name": "one", "total": 3, "total_is_final": True, "waiting": 0, "running": 1, "succeeded": 2}],
            "outputs": {}, "timings": {"accepted": "2026-11-21T22:10:54.000000Z", "started": "2026-11-21T22:10:54.100000Z",
                                       "ended": "2026-11-21T22:10:55.500000Z"}, **more}


class Request:
    """One request as the fake server got it. read() gives the next bytes of its body, b"" at its end."""

    def __init__(self, handler):
        split = urllib.parse.urlsplit(handler.path)
        self.method, self.path = handler.command, split.path
        self.query = dict(urllib.parse.parse_qsl(split.query, keep_blank_values=True))
        self.headers = handler.headers
        self.handler = handler
        self.is_chunked = handler.headers.get("Transfer-Encoding", "").lower() == "chunked"
        self.left = int(handler.headers.get("Content-Length") or 0)
        self.has_ended = not self.is_chunked and self.left == 0

    def read(self):
        if self.has_ended:
            return b""
        file = self.handler.rfile
        if self.is_chunked:
            size = int(file.readline().split(b";")[0], 16)
            data = file.read(size)
            file.readline()
            self.has_ended = size == 0
        else:
            data = file.read1(min(self.left, 65536))
            self.left -= len(data)
            self.has_ended = self.left == 0 or not data
        return data

    def body(self):
        parts = []
        while data := self.read():
            parts.append(data)
        return b"".join(parts)

    def parts(self):
        """Of multipart/form-data: (name, file name, content type, bytes)."""
        head = b"Content-Type: " + self.headers["Content-Type"].encode() + b"\r\n\r\n"
        message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + self.body())
        return [(part.get_param("name", header="Content-Disposition"), part.get_filename(), part.get_content_type(),
                 part.get_payload(decode=True)) for part in message.iter_parts()]


class FakeServer:
    """Answers by a table of (method, path) → function(request) → (status, headers, body)."""

    def __init__(self):
        self.routes = {}
        self.requests = []
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                request = Request(self)
                fake.requests.append(request)
                route = fake.routes.get((request.method, request.path))
                result = route(request) if route else problem(404, "Not Found", f"there is no {request.path}")
                if result is None:  # The connection breaks.
                    self.close_connection = True
                    return
                status, headers, body = result
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                if not request.has_ended:
                    self.send_header("Connection", "close")
                    self.close_connection = True
                self.end_headers()
                with contextlib.suppress(ConnectionError):
                    self.wfile.write(body)

            do_GET = do_POST = do_PUT = do_DELETE = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # Clients that vanish are what is tested.
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def on(self, method, path, answer):
        """`answer`: a document, an answer, or a function of the request; a list gives them one after the other."""
        if isinstance(answer, list):
            left = list(answer)
            answers = lambda request: value_of(left.pop(0) if len(left) > 1 else left[0], request)
        else:
            answers = lambda request: value_of(answer, request)
        self.routes[method, path if path.startswith("/v") else "/api/v1/" + path] = answers

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def value_of(answer, request):
    if callable(answer):
        return value_of(answer(request), request)
    if isinstance(answer, dict):
        return document(200, answer)
    return answer


def document(status, value):
    return status, {"Content-Type": "application/json"}, json.dumps(value).encode()


def problem(status, title, detail, **more):
    return (status, {"Content-Type": "application/problem+json"},
            json.dumps({"type": "about:blank", "title": title, "status": status, "detail": detail, **more}).encode())


def content(body, content_type="application/octet-stream", **headers):
    return 200, {"Content-Type": content_type, **{name.replace("_", "-"): value for name, value in headers.items()}}, body


def wait_until(condition, what):
    deadline = time.monotonic() + SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {SECONDS} s: {what}")
        time.sleep(0.005)


class FakeServerCase(unittest.TestCase):
    def setUp(self):
        self.server = FakeServer()
        self.addCleanup(self.server.stop)
        folder = tempfile.TemporaryDirectory(prefix="sluice-cli-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.server.on("GET", "workflows/flow", WORKFLOW)
        self.server.on("GET", "workflows", {"workflows": [WORKFLOW]})

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def environment(self, **more):
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SLUICE_")}
        return {**kept, "SLUICE_URL": self.server.url, "TERM": "xterm", **more}

    def start(self, *arguments, **options):
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE,
                   "env": self.environment(), "cwd": self.folder, **options}
        process = subprocess.Popen([SLUICE, *arguments], **options)

        def end():
            if process.poll() is None:
                process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None and not stream.closed:
                    stream.close()
        self.addCleanup(end)
        return process

    def cli(self, *arguments, status=0, input=None, **environment):
        """Runs it to its end, expects this exit code, and returns stdout and stderr as bytes and text."""
        process = self.start(*arguments, env=self.environment(**environment),
                             stdin=subprocess.PIPE if input is not None else subprocess.DEVNULL)
        output, errors = process.communicate(input, timeout=SECONDS)
        errors = errors.decode()
        self.assertEqual(process.returncode, status, (arguments, output[:1000], errors))
        return output, errors

    def asked(self, method, path):
        return [request for request in self.server.requests
                if request.method == method and request.path == "/api/v1/" + path]


class Errors(FakeServerCase):
    def test_no_server_is_exit_5_and_says_how_to_start_one(self):
        self.server.url = "http://127.0.0.1:1"
        _, errors = self.cli("get", "runs", status=5)
        self.assertIn("cannot reach http://127.0.0.1:1", errors)
        env = self.environment()
        del env["SLUICE_URL"]
        with contextlib.closing(__import__("socket").socket()) as probe:
            if probe.connect_ex(("127.0.0.1", 7600)) == 0:
                self.skipTest("something listens on port 7600")
        process = self.start("get", "runs", env=env)
        _, errors = process.communicate(timeout=SECONDS)
        self.assertEqual(process.returncode, 5)
        self.assertIn(b"cannot reach http://127.0.0.1:7600 - start one with `sluice serve`", errors)

    def test_an_address_that_is_none_is_wrong_usage(self):
        for url in ("127.0.0.1:7600", "ftp://x", "http://", "http://a b", "http://h/?q"):
            _, errors = self.cli("get", "runs", status=2, SLUICE_URL=url)
            self.assertIn("is not the address of a server", errors)

    def test_statuses_become_exit_codes(self):
        for status, code in ((400, 2), (401, 5), (403, 5), (404, 4), (409, 2), (410, 4), (429, 5), (500, 1), (503, 5)):
            self.server.on("GET", "runs", problem(status, "Title", "the reason"))
            output, errors = self.cli("get", "runs", status=code)
            self.assertEqual(output, b"")
            self.assertEqual(errors, "error: Title: the reason\n")

    def test_answers_that_are_not_ours_are_survived(self):
        self.server.on("GET", "runs", (200, {"Content-Type": "text/html"}, b"<html>"))
        self.assertIn("not valid JSON", self.cli("get", "runs", status=1)[1])
        self.server.on("GET", "runs", (502, {"Content-Type": "text/html"}, b"<html>"))
        self.assertIn("the server answered 502", self.cli("get", "runs", status=5)[1])
        self.server.on("GET", "runs", (200, {}, b"[" * 100_000))
        self.assertIn("nested deeper", self.cli("get", "runs", status=1)[1])
        for odd in ({"runs": [1, None, "x", {"id": 5, "timings": []}]}, {"runs": {}}, {}):
            self.server.on("GET", "runs", odd)
            self.cli("get", "runs")

    def test_what_is_not_there_yet_says_so(self):
        for command in ("doctor", "dev", "export", "schema", "explain", "top", "rerun", "answer", "eval"):
            self.assertIn("not there yet", self.cli(command, "x", "-y", status=2)[1])
        self.assertIn("not there yet", self.cli("init", "--lang", "node", self.path("x"), status=2)[1])
        self.assertIn("did you mean 'deploy'?", self.cli("depoly", status=2)[1])

    def test_help_has_an_example_for_every_command(self):
        for command in ("init", "validate", "deploy", "run", "get", "logs", "trace", "cancel", "delete", "completion", "version"):
            output, errors = self.cli(command, "--help")
            self.assertIn(f"sluice {command}".encode(), output)
            self.assertIn(b"example:", output)
            self.assertEqual(errors, "")

    def test_a_full_disk_behind_stdout_is_an_error(self):
        with open("/dev/full", "wb") as full:
            process = self.start("--help", stdout=full)
            errors = process.communicate(timeout=SECONDS)[1]
        self.assertEqual(process.returncode, 1)
        self.assertIn(b"No space left", errors)


class Apps(FakeServerCase):
    def setUp(self):
        super().setUp()
        self.cli("init", "fresh")

    def test_init_writes_an_app_that_validates_and_whose_code_does_what_it_says(self):
        output, _ = self.cli("validate", "fresh")
        self.assertIn(b"no mistakes", output)
        code = {}
        with open(self.path("fresh", "text.py"), encoding="utf-8") as file:
            exec(file.read(), code)  # pylint: disable=exec-used
        with open(self.path("fresh", "sample.txt"), "rb") as file:
            paragraphs = list(code["split"](file.read()))
        with contextlib.redirect_stdout(io.StringIO()):  # It prints its log.
            measures = [code["measure"](paragraph) for paragraph in paragraphs]
        summary = code["summarise"](iter(measures))
        self.assertEqual(summary["paragraphs"], 3)
        self.assertGreater(summary["words"], 50)
        self.cli("init", "fresh", status=2)
        self.cli("init", "fresh/text.py", status=2)

    def test_init_makes_a_name_of_any_directory(self):
        for directory in ("my app", "-x-", "ünïcode", "9lives", "a.b/"):
            self.cli("init", "--", directory)
            self.cli("validate", "--", directory)

    def test_deploy_sends_a_packed_archive_and_shows_the_version(self):
        got = []
        def deployed(request):
            got.append(request.body())
            return {"app": "fresh", "version": 3, "digest": "ab", "workflows": ["readability"], "functions": ["split"]}
        self.server.on("PUT", "apps/fresh", deployed)
        output, _ = self.cli("deploy", "fresh")
        self.assertEqual(output, b"fresh version 3\n  workflow readability\n")
        self.assertEqual(got[0][:4], b"\x28\xb5\x2f\xfd")  # zstd
        output, _ = self.cli("deploy", "fresh", "-o", "json")
        self.assertEqual(json.loads(output)["version"], 3)

    def test_mistakes_found_here_and_there_look_the_same_and_are_exit_3(self):
        self.server.on("PUT", "apps/fresh", problem(422, "Invalid app", "1 mistake", errors=[
            {"file": "sluice.yaml", "line": 12, "column": 7, "message": "unknown step 'splt'", "hint": "did you mean 'split'?"}]))
        output, errors = self.cli("deploy", "fresh", status=3)
        self.assertEqual(output, b"")
        self.assertIn("sluice.yaml:12:7: unknown step 'splt'\n    hint: did you mean 'split'?", errors)
        with open(self.path("fresh", "sluice.yaml"), "a", encoding="utf-8") as file:
            file.write("nonsense: 1\n")
        asked = len(self.server.requests)
        for command in ("validate", "deploy"):
            output, errors = self.cli(command, "fresh", status=3)
            self.assertEqual(output, b"")
            self.assertRegex(errors, r"(?m)^sluice\.yaml:\d+:\d+: .*nonsense")
        self.assertEqual(len(self.server.requests), asked)
        output, _ = self.cli("validate", "fresh", "-o", "json", status=3)
        self.assertEqual(json.loads(output)["errors"][0]["file"], "sluice.yaml")

    def test_a_missing_directory_is_exit_4(self):
        for command in ("validate", "deploy"):
            self.assertIn("nowhere", self.cli(command, "nowhere", status=4)[1])


class Runs(FakeServerCase):
    def on_run(self, *states, **last):
        """POST answers the first state, each GET the next; `last` belongs to the last one."""
        documents = [run_document(state) for state in states]
        documents[-1].update(last)
        self.server.on("POST", "workflows/flow/runs", document(202, documents[0]))
        self.server.on("GET", f"runs/{RUN}", [document(200, one) for one in documents[1:] or documents])

    def test_waits_until_the_end_and_prints_only_the_result(self):
        self.on_run("QUEUED", "RUNNING", "RUNNING", "SUCCEEDED", outputs={"total": {"a": 1}})
        output, errors = self.cli("run", "flow", "-i", "text=abc", "-i", "parts=4")
        self.assertEqual(output.decode(), 'total:\n  {\n    "a": 1\n  }\n')
        self.assertEqual(errors, "")
        self.assertEqual([request.query for request in self.asked("GET", f"runs/{RUN}")], [{"wait": "30"}] * 3)

    def test_sends_small_inputs_as_json_and_what_was_asked_for(self):
        got = []
        def started(request):
            got.append((json.loads(request.body()), request))
            return document(200, run_document("SUCCEEDED", outputs={"total": 1}))
        self.server.on("POST", "workflows/flow/runs", started)
        self.cli("run", "flow", "-i", "text=a=b", "-i", "words=x", "-i", "words=", "--timeout", "90s", "--key", "k1")
        body, request = got[0]
        self.assertEqual(body, {"inputs": {"text": "a=b", "words": ["x", ""]}})
        self.assertEqual(request.query["timeout"], "90s")
        self.assertEqual(request.headers["Idempotency-Key"], "k1")
        self.assertNotIn("Authorization", request.headers)
        with open(self.path("in.json"), "w", encoding="utf-8") as file:
            json.dump({"text": "t", "parts": 2}, file)
        self.cli("run", "flow", "--json", "in.json", "-i", "parts=5", SLUICE_TOKEN="secret")
        self.assertEqual(got[1][0], {"inputs": {"text": "t", "parts": 5}})
        self.assertEqual(got[1][1].headers["Authorization"], "Bearer secret")
        self.cli("run", "flow", "--json", "-", input=b'{"text": "from stdin"}')
        self.assertEqual(got[2][0], {"inputs": {"text": "from stdin"}})

    def test_wrong_inputs_are_all_named_and_nothing_is_started(self):
        _, errors = self.cli("run", "flow", "-i", "prats=4", "-i", "parts=many", status=2)
        for text in ("no input 'prats': did you mean 'parts'?", "input 'parts': 'many' is not an integer", "input 'text' (bytes) is missing"):
            self.assertIn(text, errors)
        for arguments in (["-i", "text=a", "-i", "text=b"], ["-i", "text=@-", "-i", "words=@-"], ["-i", "text"],
                          ["-i", "text=x", "--timeout", "5"], ["-i", "text=@."], ["--json", "-", "-i", "text=@-"],
                          ["-i", "text=x", "-o", "raw", "--output", "totl"], ["-i", "text=x", "--detach", "-o", "raw"]):
            self.cli("run", "flow", *arguments, status=2)
        self.cli("run", "flow", "-i", "text=@nowhere", status=4)
        self.assertEqual(self.asked("POST", "workflows/flow/runs"), [])

    def test_an_unknown_workflow_is_exit_4_with_the_name_perhaps_meant(self):
        _, errors = self.cli("run", "folw", status=4)
        self.assertIn("did you mean 'flow'?", errors)

    def test_a_failed_run_says_what_failed_and_is_exit_1(self):
        self.on_run("RUNNING", "FAILED", error={"name": "ValueError", "message": "bad chunk", "task": "one.2",
                                                "log": "the first\nthe last \x1b[31mline"})
        output, errors = self.cli("run", "flow", "-i", "text=x", status=1)
        self.assertEqual(output, b"")
        for text in (f"run {RUN} FAILED after 1.5 s", "ValueError: bad chunk", "task one.2", "| the first\n", "| the last \\x1b[31mline"):
            self.assertIn(text, errors)
        self.on_run("RUNNING", "FAILED", error={"name": "ValueError", "message": "bad chunk"})
        output, _ = self.cli("run", "flow", "-i", "text=x", "-o", "json", status=1)
        self.assertEqual(json.loads(output)["error"]["name"], "ValueError")

    def test_other_ends_have_their_exit_codes(self):
        for state, code in (("TIMED_OUT", 124), ("CANCELLED", 1), ("QUARANTINED", 1)):
            self.on_run("RUNNING", state)
            self.assertIn(state, self.cli("run", "flow", "-i", "text=x", status=code)[1])

    def test_detach_prints_the_id_and_does_not_wait(self):
        self.on_run("RUNNING")
        output, errors = self.cli("run", "flow", "-i", "text=x", "--detach")
        self.assertEqual((output.decode(), errors), (RUN + "\n", ""))
        self.assertEqual(self.asked("GET", f"runs/{RUN}"), [])

    def test_json_is_the_document_of_the_interface(self):
        self.on_run("RUNNING", "SUCCEEDED", outputs={"total": [1, 2.5, None]})
        output, _ = self.cli("run", "flow", "-i", "text=x", "-o", "json")
        self.assertEqual(list(json.loads(output)), ["id", "workflow", "state", "outputs", "timings"])
        self.assertEqual(json.loads(output)["outputs"], {"total": [1, 2.5, None]})

    def test_a_broken_connection_does_not_end_the_wait(self):
        self.on_run("RUNNING")
        answers = [None, None, document(200, run_document("RUNNING")), None, document(200, run_document("SUCCEEDED"))]
        self.server.on("GET", f"runs/{RUN}", lambda request: answers.pop(0))
        self.cli("run", "flow", "-i", "text=x")
        self.assertEqual(answers, [])

    def test_a_run_that_is_forgotten_while_waiting_is_exit_4(self):
        self.on_run("RUNNING")
        self.server.on("GET", f"runs/{RUN}", problem(404, "Not Found", "there is no such run"))
        self.assertIn(f"waiting for run {RUN}", self.cli("run", "flow", "-i", "text=x", status=4)[1])

    def test_large_outputs_are_named_and_small_text_is_shown(self):
        reference = lambda name, size, kind: {"$ref": f"/api/v1/runs/{RUN}/outputs/{name}", "size": size, "type": kind}
        self.server.on("GET", f"runs/{RUN}/outputs/note", content(b"two\nlines\n", "text/plain; charset=utf-8"))
        self.on_run("RUNNING", "SUCCEEDED", outputs={
            "big": reference("big", 1 << 20, "application/octet-stream"), "note": reference("note", 10, "text/plain"),
            "many": [reference("many/0", 2048, "text/plain")] * 2, "say": "plain"})
        output = self.cli("run", "flow", "-i", "text=x")[0].decode()
        self.assertRegex(output, r"(?m)^big: 1\.0 MiB application/octet-stream \(--out DIR saves it; it is at http://\S+/outputs/big\)$")
        self.assertIn("note:\n  two\n  lines\n", output)
        self.assertRegex(output, r"(?m)^many: list of 2, 4\.0 KiB")
        self.assertIn("say: plain\n", output)


class Signals(FakeServerCase):
    def setUp(self):
        super().setUp()
        self.cancelled = threading.Event()
        self.ended = threading.Event()
        self.addCleanup(self.ended.set)
        self.server.on("POST", "workflows/flow/runs", document(202, run_document("RUNNING")))
        self.server.on("GET", f"runs/{RUN}", self.wait_for_end)
        def cancel(request):
            self.cancelled.set()
            return document(202, run_document("RUNNING"))
        self.server.on("POST", f"runs/{RUN}/cancel", cancel)

    def wait_for_end(self, request):
        self.ended.wait(SECONDS)
        return run_document("CANCELLED")

    def start_waiting(self, *arguments):
        process = self.start("run", "flow", "-i", "text=x", *arguments)
        wait_until(lambda: self.asked("GET", f"runs/{RUN}"), "it waits for the end")
        return process

    def expect_cancelled(self, process, code):
        self.assertTrue(self.cancelled.wait(SECONDS))
        wait_until(lambda: len(self.asked("GET", f"runs/{RUN}")) == 2, "it waits again")
        self.assertIsNone(process.poll())  # The run goes on until it has stopped.
        self.ended.set()
        output, errors = process.communicate(timeout=SECONDS)
        self.assertEqual((process.returncode, output), (code, b""))
        self.assertIn(f"run {RUN} CANCELLED", errors.decode())

    def test_ctrl_c_cancels_the_run_and_waits_for_its_end(self):
        process = self.start_waiting()
        process.send_signal(signal.SIGINT)
        self.expect_cancelled(process, 130)

    def test_sigterm_does_the_same_with_its_own_code(self):
        process = self.start_waiting("-o", "json")
        process.send_signal(signal.SIGTERM)
        self.expect_cancelled(process, 143)

    def test_a_second_ctrl_c_leaves_at_once(self):
        process = self.start_waiting()
        process.send_signal(signal.SIGINT)
        self.assertTrue(self.cancelled.wait(SECONDS))
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=SECONDS)
        self.assertEqual(process.returncode, 130)
        self.assertFalse(self.ended.is_set())

    def test_ctrl_c_before_the_run_has_a_name_cancels_it_once_it_has(self):
        asked, go = threading.Event(), threading.Event()
        self.addCleanup(go.set)
        def slow(request):
            request.body()
            asked.set()
            go.wait(SECONDS)
            return document(202, run_document("RUNNING"))
        self.server.on("POST", "workflows/flow/runs", slow)
        process = self.start("run", "flow", "-i", "text=x")
        self.assertTrue(asked.wait(SECONDS))
        process.send_signal(signal.SIGINT)
        self.assertFalse(self.cancelled.is_set())
        go.set()
        self.assertTrue(self.cancelled.wait(SECONDS))
        self.ended.set()
        process.communicate(timeout=SECONDS)
        self.assertEqual(process.returncode, 130)

    def test_ctrl_c_during_an_upload_breaks_it_off(self):
        got = threading.Event()
        broken = threading.Event()
        def upload(request):
            data = b""
            while b"first" not in data:
                data += request.read()
            got.set()
            with contextlib.suppress(ValueError, ConnectionError):
                if not request.read():
                    raise ValueError
                return problem(500, "x", "the upload went on")
            broken.set()
            return None
        self.server.on("POST", "workflows/flow/runs", upload)
        process = self.start("run", "flow", "-i", "text=@-", stdin=subprocess.PIPE)
        process.stdin.write(b"first")
        process.stdin.flush()
        self.assertTrue(got.wait(SECONDS))
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(SECONDS), 130)
        self.assertTrue(broken.wait(SECONDS))
        self.assertFalse(self.cancelled.is_set())

    def test_other_commands_end_at_once(self):
        self.server.on("GET", f"runs/{RUN}/logs", self.wait_for_end)
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            self.server.requests.clear()
            process = self.start("logs", RUN, "-f")
            wait_until(lambda: self.asked("GET", f"runs/{RUN}/logs"), "it follows")
            process.send_signal(number)
            process.communicate(timeout=SECONDS)
            self.assertEqual(process.returncode, code)


class Uploads(FakeServerCase):
    def setUp(self):
        super().setUp()
        self.parts = []
        def started(request):
            self.parts = request.parts()
            return document(200, run_document("SUCCEEDED", outputs={"total": 1}))
        self.server.on("POST", "workflows/flow/runs", started)

    def test_files_are_parts_with_their_names_after_the_small_values(self):
        with open(self.path("book.bin"), "wb") as file:
            file.write(bytes(range(256)) * 1000)
        self.cli("run", "flow", "-i", "text=@book.bin", "-i", "words=a", "-i", "words=b", "-i", "parts=3")
        self.assertEqual([part[:3] for part in self.parts],
                         [("parts", None, "application/json"), ("words", None, "text/plain"), ("words", None, "text/plain"),
                          ("text", "book.bin", "application/octet-stream")])
        self.assertEqual([part[3] for part in self.parts], [b"3", b"a", b"b", bytes(range(256)) * 1000])

    def test_elements_of_a_list_keep_their_order_whatever_they_come_from(self):
        with open(self.path("w"), "w", encoding="utf-8") as file:
            file.write("from a file")
        self.cli("run", "flow", "-i", "words=@w", "-i", "words=typed", "-i", "words=@-", "-i", "text=t", input=b"piped")
        self.assertEqual([part[3] for part in self.parts if part[0] == "words"], [b"from a file", b"typed", b"piped"])

    def test_an_empty_file_and_empty_standard_input_are_empty_values(self):
        with open(self.path("empty"), "wb"):
            pass
        self.cli("run", "flow", "-i", "text=@empty", "-i", "words=@-", input=b"")
        self.assertEqual({part[0]: part[3] for part in self.parts}, {"text": b"", "words": b""})

    def test_standard_input_streams_as_it_comes(self):
        first = threading.Event()
        rest = []
        def upload(request):
            data = b""
            while b"first" not in data:
                data += request.read()
            first.set()
            rest.append(request.body())
            return document(200, run_document("SUCCEEDED", outputs={"total": 1}))
        self.server.on("POST", "workflows/flow/runs", upload)
        process = self.start("run", "flow", "-i", "text=@-", stdin=subprocess.PIPE)
        process.stdin.write(b"first")
        process.stdin.flush()
        self.assertTrue(first.wait(SECONDS), "the first bytes did not come before standard input ended")
        process.communicate(b"second", timeout=SECONDS)
        self.assertEqual(process.returncode, 0)
        self.assertIn(b"second", rest[0])

    def test_a_refusal_is_seen_while_standard_input_still_waits(self):
        def refuse(request):
            request.read()
            return problem(413, "Too large", "the input is too large")
        self.server.on("POST", "workflows/flow/runs", refuse)
        process = self.start("run", "flow", "-i", "text=@-", stdin=subprocess.PIPE)
        process.stdin.write(b"x" * 100)
        process.stdin.flush()
        self.assertEqual(process.wait(SECONDS), 2)
        self.assertIn(b"Too large", process.stderr.read())

    def test_a_large_file_is_never_held_whole(self):
        size = 300 << 20
        with open(self.path("large"), "wb") as file:
            file.truncate(size)
        got = []
        def upload(request):
            count = 0
            while data := request.read():
                count += len(data)
            got.append(count)
            return document(200, run_document("SUCCEEDED", outputs={"total": 1}))
        self.server.on("POST", "workflows/flow/runs", upload)
        process = self.start("run", "flow", "-i", "text=@large")
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(process.returncode, 0, process.stderr.read())
        self.assertGreater(got[0], size)
        if "asan" not in SLUICE:
            self.assertLess(usage.ru_maxrss, 60 << 10)  # KiB


class Outputs(FakeServerCase):
    def setUp(self):
        super().setUp()
        self.blob = bytes(range(256)) * 20_000
        self.server.on("POST", "workflows/flow/runs", document(200, run_document("SUCCEEDED", outputs={"total": {"a": 1}})))
        self.server.on("GET", f"runs/{RUN}/outputs/total", content(self.blob))

    def test_raw_writes_the_bytes_and_nothing_else(self):
        output, errors = self.cli("run", "flow", "-i", "text=x", "-o", "raw")
        self.assertEqual(output, self.blob)
        self.assertEqual(errors, "")

    def test_a_reader_that_goes_away_is_no_error(self):
        process = self.start("run", "flow", "-i", "text=x", "-o", "raw")
        self.assertEqual(process.stdout.read(4), bytes(range(4)))
        process.stdout.close()
        self.assertEqual(process.wait(SECONDS), 0)
        self.assertEqual(process.stderr.read(), b"")

    def test_raw_of_several_outputs_wants_a_choice_before_the_run_starts(self):
        self.server.on("GET", "workflows/flow", {**WORKFLOW, "outputs": [{"name": "total", "type": "json"}, {"name": "list", "type": "list<json>"}]})
        self.assertIn("--output total|list", self.cli("run", "flow", "-i", "text=x", "-o", "raw", status=2)[1])
        self.assertIn("is a list", self.cli("run", "flow", "-i", "text=x", "-o", "raw", "--output", "list", status=2)[1])
        self.assertEqual(self.asked("POST", "workflows/flow/runs"), [])
        self.assertEqual(self.cli("run", "flow", "-i", "text=x", "-o", "raw", "--output", "total")[0], self.blob)

    def test_an_absent_output_as_raw_is_said(self):
        self.server.on("GET", f"runs/{RUN}/outputs/total", problem(404, "Not Found", "absent"))
        self.assertIn("'total' is absent", self.cli("run", "flow", "-i", "text=x", "-o", "raw", status=4)[1])

    def test_out_saves_every_output_and_never_outside(self):
        self.server.on("GET", "workflows/flow", {**WORKFLOW, "outputs": [
            {"name": "total", "type": "json"}, {"name": "film", "type": "file"}, {"name": "copy", "type": "file"},
            {"name": "parts", "type": "list<bytes>"}, {"name": "pages", "type": "list<file>"}]})
        self.server.on("POST", "workflows/flow/runs", document(200, run_document("SUCCEEDED", outputs={
            "total": {"a": 1}, "film": {"$ref": "x"}, "copy": {"$ref": "x"}, "parts": [1, None, 3], "pages": [{"$ref": "x"}] * 2,
            "../up": 1})))
        evil = 'attachment; filename="../../evil\x1b.mp4"'
        self.server.on("GET", f"runs/{RUN}/outputs/film", content(b"film", Content_Disposition=evil))
        self.server.on("GET", f"runs/{RUN}/outputs/copy", content(b"copy", Content_Disposition=evil))
        self.server.on("GET", f"runs/{RUN}/outputs/..%2Fup", content(b"up"))
        for index, body in ((0, b"1"), (2, b"3")):
            self.server.on("GET", f"runs/{RUN}/outputs/parts/{index}", content(body))
        for index in range(2):
            self.server.on("GET", f"runs/{RUN}/outputs/pages/{index}", content(
                b"page %d" % index, Content_Disposition="attachment; filename*=UTF-8''p%C3%A4ge.txt"))
        output, _ = self.cli("run", "flow", "-i", "text=x", "--out", "deep/out")
        found = {}
        for folder, _, names in os.walk(self.path("deep")):
            for name in names:
                with open(os.path.join(folder, name), "rb") as file:
                    found[os.path.relpath(os.path.join(folder, name), self.path("deep/out"))] = file.read()
        self.assertEqual(found, {"total": self.blob, "evil_.mp4": b"film", "copy-evil_.mp4": b"copy", "parts/000000": b"1",
                                 "parts/000002": b"3", "pages/päge.txt": b"page 0", "pages/000001-päge.txt": b"page 1",
                                 "up": b"up"})
        self.assertEqual(sorted(output.decode().split("\n")[:-1]), sorted("deep/out/" + name for name in found))

    def test_a_download_that_breaks_leaves_no_file(self):
        def broken(request):
            handler = request.handler
            handler.send_response(200)
            handler.send_header("Content-Length", "1000")
            handler.end_headers()
            handler.wfile.write(b"half")
            return None
        self.server.on("GET", f"runs/{RUN}/outputs/total", broken)
        self.cli("run", "flow", "-i", "text=x", "--out", "out", status=5)
        self.assertEqual(os.listdir(self.path("out")), [])

    def test_trace_goes_to_a_file_whole_or_not_at_all(self):
        self.server.on("GET", f"runs/{RUN}/trace", {"traceEvents": []})
        self.cli("trace", RUN, "-o", "t.json")
        with open(self.path("t.json"), encoding="utf-8") as file:
            self.assertEqual(json.load(file), {"traceEvents": []})
        self.assertEqual(json.loads(self.cli("trace", RUN)[0]), {"traceEvents": []})
        self.server.on("GET", f"runs/{RUN}/trace", problem(404, "Not Found", "no such run"))
        self.cli("trace", RUN, "-o", "u.json", status=4)
        self.assertEqual(os.listdir(self.folder), ["t.json"])


class Views(FakeServerCase):
    def test_runs_as_table_json_yaml_and_names(self):
        self.server.on("GET", "runs", {"runs": [run_document("SUCCEEDED"), {**run_document("RUNNING"), "timings": {}}]})
        lines = self.cli("get", "runs")[0].decode().split("\n")
        self.assertRegex(lines[0], r"^RUN +WORKFLOW +STATE +ACCEPTED +TOOK$")
        self.assertRegex(lines[1], rf"^{RUN}  app.flow  SUCCEEDED  2026-\S+Z  1.4 s$")
        self.assertRegex(lines[2], rf"^{RUN}  app.flow  RUNNING$")
        self.assertEqual(len(json.loads(self.cli("get", "runs", "-o", "json")[0])["runs"]), 2)
        self.assertTrue(self.cli("get", "runs", "-o", "yaml")[0].startswith(b"runs:\n  - id: "))
        self.assertEqual(self.cli("get", "runs", "-o", "name")[0].decode(), (RUN + "\n") * 2)

    def test_pages_of_runs_are_followed_up_to_the_limit(self):
        self.server.on("GET", "runs", lambda request: {"runs": [run_document("FAILED")] * int(request.query["limit"]), "cursor": "next"})
        output, errors = self.cli("get", "runs", "--limit", "150", "--state", "FAILED", "--workflow", "flow", "-o", "name")
        self.assertEqual(output.count(b"\n"), 150)
        self.assertEqual(errors, "")
        self.assertEqual([request.query for request in self.asked("GET", "runs")],
                         [{"limit": "100", "workflow": "flow", "state": "FAILED"},
                          {"limit": "50", "workflow": "flow", "state": "FAILED", "cursor": "next"}])
        self.assertIn("--limit", self.cli("get", "runs")[1])

    def test_one_of_each_kind(self):
        self.server.on("GET", f"runs/{RUN}", run_document("FAILED", error={"name": "E", "message": "m"}, outputs={"a": 1, "b": 2}))
        text = self.cli("get", "runs", RUN)[0].decode()
        for part in ("STEP", "one", "error: E: m", "outputs: a, b"):
            self.assertIn(part, text)
        self.assertIn(b"text: bytes, parts: int = 8", self.cli("get", "workflows", "flow")[0])
        self.server.on("GET", "functions", {"functions": [{"name": "app.fn", "runtime": "python3", "handler": "a.b", "inputs": [], "outputs": ["r"]}]})
        self.assertRegex(self.cli("get", "functions")[0].decode(), r"app\.fn +python3 +a\.b +r\n")
        self.server.on("GET", "workers", {"workers": [{"id": 7, "pool": "app.fn", "pid": 12, "state": "idle", "tasks": 3, "idle_s": 0.5}]})
        self.assertRegex(self.cli("get", "workers")[0].decode(), r"ID +POOL +PID +STATE +TASKS +IDLE_S\n7 +app\.fn +12 +idle +3 +0\.5\n")
        self.assertIn(b"app.fn", self.cli("get", "workers", "7")[0])
        self.assertEqual(self.cli("get", "workers", "-o", "name")[0], b"7\n")
        self.cli("get", "workers", "8", status=4)

    def test_names_are_escaped_into_one_segment_of_the_path(self):
        self.cli("get", "runs", "../workflows", status=4)
        self.assertEqual(self.server.requests[-1].path, "/api/v1/runs/..%2Fworkflows")
        self.cli("get", "workflows", "..", status=4)
        self.assertEqual(self.server.requests[-1].path, "/api/v1/workflows/%2E%2E")

    def test_logs_cancel_delete_and_version(self):
        self.server.on("GET", f"runs/{RUN}/logs", content(b"one.0 | hello\n", "text/plain"))
        self.assertEqual(self.cli("logs", RUN, "--step", "one", "-f")[0], b"one.0 | hello\n")
        self.assertEqual(self.server.requests[-1].query, {"step": "one", "follow": "true"})
        self.server.on("POST", f"runs/{RUN}/cancel", run_document("CANCELLED"))
        self.assertEqual(self.cli("cancel", RUN), (b"", f"run {RUN} CANCELLED\n"))
        self.server.on("DELETE", "apps/app", (204, {}, b""))
        self.assertEqual(self.cli("delete", "app", "app"), (b"", "deleted app app\n"))
        self.server.on("DELETE", f"runs/{RUN}", problem(409, "Conflict", "the run has not ended"))
        self.assertIn("has not ended", self.cli("delete", "run", RUN, status=2)[1])
        self.server.on("GET", "/version", {"version": "9.9.9"})
        self.assertRegex(self.cli("version")[0].decode(), rf"^sluice \d+\.\d+\.\d+\nserver 9\.9\.9 at {self.server.url}\n$")
        self.server.url = "http://127.0.0.1:1"
        self.assertRegex(self.cli("version")[0].decode(), r"^sluice \d+\.\d+\.\d+\n$")

    def test_completion_scripts_are_what_the_shells_accept(self):
        script = self.cli("completion", "bash")[0]
        subprocess.run(["bash", "-n"], input=script, check=True)
        words = subprocess.run(["bash", "-c", script.decode() + """
            COMP_WORDS=(sluice run --de); COMP_CWORD=2; _sluice; echo "${COMPREPLY[@]}" """],
                               check=True, capture_output=True, text=True).stdout
        self.assertEqual(words, "--detach\n")
        self.assertIn(b"bashcompinit", self.cli("completion", "zsh")[0])
        self.assertIn(b"complete -c sluice", self.cli("completion", "fish")[0])


class OnATerminal(FakeServerCase):
    def screen(self, *arguments, **environment):
        """What a terminal shows of stdout and stderr."""
        master, slave = pty.openpty()
        process = self.start(*arguments, stdout=slave, stderr=slave, env=self.environment(**environment))
        os.close(slave)
        text = b""
        with contextlib.suppress(OSError):  # EIO: the other end is closed.
            while data := os.read(master, 65536):
                text += data
        os.close(master)
        process.wait(SECONDS)
        return process.returncode, text

    def test_steps_are_redrawn_in_place_and_taken_away(self):
        self.server.on("POST", "workflows/flow/runs", document(202, run_document("RUNNING")))
        self.server.on("GET", f"runs/{RUN}", [run_document("RUNNING"), run_document("RUNNING"), run_document("SUCCEEDED", outputs={"total": 7})])
        code, text = self.screen("run", "flow", "-i", "text=x")
        self.assertEqual(code, 0)
        self.assertIn(b"one      2/3  1 running", text)
        self.assertIn(b"\x1b[1A", text)
        self.assertTrue(re.search(rb"\x1b\[1A\x1b\[Jtotal: 7\r\n", text), text)
        self.assertIn(b"SUCCEEDED after 1.5 s", text)

    def test_a_dumb_terminal_gets_no_control_sequences(self):
        self.server.on("POST", "workflows/flow/runs", document(202, run_document("RUNNING")))
        self.server.on("GET", f"runs/{RUN}", run_document("FAILED", error={"name": "E", "message": "m"}))
        code, text = self.screen("run", "flow", "-i", "text=x", TERM="dumb")
        self.assertEqual(code, 1)
        self.assertNotIn(b"\x1b", text)
        self.assertIn(b"\x1b[31merror:", self.screen("run", "flow", "-i", "text=x")[1])
        self.assertNotIn(b"\x1b[31m", self.screen("run", "flow", "-i", "text=x", NO_COLOR="1")[1])

    def test_bytes_cannot_drive_the_terminal(self):
        self.server.on("POST", "workflows/flow/runs", document(200, run_document("SUCCEEDED", outputs={"total": "a\x1b]0;title\x07é"})))
        self.server.on("GET", f"runs/{RUN}/outputs/total", content(b"ok \xff\x1b[2J \xc3\xa9"))
        _, text = self.screen("run", "flow", "-i", "text=x")
        self.assertIn("total: a\\x1b]0;title\\x07é".encode(), text)
        _, text = self.screen("run", "flow", "-i", "text=x", "-o", "raw")
        self.assertIn("ok \\xff\\x1b[2J é".encode(), text)
        self.assertIn(b"not text", text)


if __name__ == "__main__":
    unittest.main()
