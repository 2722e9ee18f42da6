"""A server that misbehaves on demand, for tests of the command line ($SLUICE_BIN): what it was asked, and
answers that no real server can be made to give reliably."""

import contextlib
import email.parser
import email.policy
import http.server
import json
import os
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.parse

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SLUICE = os.environ.get("SLUICE_BIN") or os.path.join(ROOT, "build/release/sluice")
RUN = "01jd3k0c7w8fqzv5m2n6x4r9ta"
SECONDS = 300  # No wait of a test is longer.

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
