"""Clients that vanish, stall or send nonsense harm only their own run."""

import json
import socket
import subprocess
import signal
import unittest

from harness import ENDED, PATIENCE, SLUICE, wait_until
from small_app import SmallAppCase

APP = """
app: sized
functions:
  size: { runtime: python3, handler: code.size, inputs: { data: bytes }, outputs: { n: int } }
workflows:
  size:
    inputs: { data: bytes }
    steps:
      size: { call: size, in: { data: "${inputs.data}" } }
    outputs: { n: "${size.n}" }
"""
CODE = "def size(data):\n    return len(data)\n"


class Clients(SmallAppCase):
    def setUp(self):
        super().setUp()
        self.app("sized", APP, code=CODE)

    def connect(self):
        connection = socket.create_connection((self.server.host, self.server.port), PATIENCE)
        self.addCleanup(connection.close)
        return connection

    def assert_serves(self):
        answer = self.server.http("POST", "workflows/size/runs?wait=300", b"12345", {"Content-Type": "application/octet-stream"})
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(self.assert_succeeded(answer.json())["n"], 5)

    def test_an_upload_that_breaks_off_ends_its_run_and_leaves_nothing(self):
        connection = self.connect()
        connection.sendall(f"POST /api/v1/workflows/size/runs HTTP/1.1\r\nHost: 127.0.0.1:{self.server.port}\r\n"
                           f"Content-Type: application/octet-stream\r\nContent-Length: {64 << 20}\r\n\r\n".encode())
        connection.sendall(b"x" * (4 << 20))
        connection.close()
        wait_until(lambda: all(run["state"] in ENDED for run in self.server.get("runs")["runs"]), PATIENCE,
                   "the run of the broken upload has ended")
        self.assertFalse([run for run in self.server.get("runs")["runs"] if run["state"] == "SUCCEEDED"])
        self.assert_serves()

    def test_a_client_that_vanishes_while_it_waits_does_not_end_its_run(self):
        connection = self.connect()
        body = json.dumps({"inputs": {"latch": self.latch}}).encode()
        connection.sendall(f"POST /api/v1/workflows/hold/runs?wait=60 HTTP/1.1\r\nHost: 127.0.0.1:{self.server.port}\r\n"
                           f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        self.wait_until_held()
        connection.close()
        run = self.server.get("runs")["runs"][0]["id"]
        self.let_go()
        self.assertEqual(self.assert_succeeded(self.server.wait_run(run))["y"], 1)

    def test_ctrl_c_cancels_the_run_and_says_130(self):
        client = subprocess.Popen([SLUICE, "run", "hold", "-i", f"latch={self.latch}"], stdin=subprocess.DEVNULL,
                                  env=self.server.cli_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.wait_until_held()
        client.send_signal(signal.SIGINT)
        output = client.communicate(timeout=PATIENCE)
        self.assertEqual(client.returncode, 130, output)
        run = self.server.get("runs")["runs"][0]["id"]
        self.assertEqual(self.server.wait_run(run)["state"], "CANCELLED")

    def test_a_slow_client_does_not_hold_up_the_others(self):
        stalled = []
        for _ in range(20):
            connection = self.connect()
            connection.sendall(b"POST /api/v1/workflows/size/runs HTTP/1.1\r\nHo")
            stalled.append(connection)
        self.assert_serves()

    def test_nonsense_is_answered_with_400_and_a_closed_connection(self):
        for request in (b"\x00\x01\x02\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
                        b"POST /api/v1/workflows/size/runs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n",
                        b"POST /api/v1/workflows/size/runs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\n"
                        b"Content-Length: 6\r\n\r\nabcdef",
                        b"POST /api/v1/workflows/size/runs HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n"
                        b"Content-Length: 5\r\n\r\nabcde",
                        b"POST /api/v1/workflows/size/runs HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
                        b"zz\r\n\r\n"):
            with self.subTest(request=request):
                connection = self.connect()
                connection.sendall(request)
                connection.settimeout(PATIENCE)
                answer = b""
                while block := connection.recv(65536):
                    answer += block
                # Nothing but an error, and then the end of the connection.
                self.assertTrue(answer == b"" or answer.split(b" ", 2)[1] in (b"400", b"413", b"501", b"505"), answer)
        self.assert_serves()

    def test_too_long_headers_are_refused(self):
        connection = self.connect()
        connection.sendall(f"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{self.server.port}\r\n".encode() +
                           b"".join(b"X-%d: %s\r\n" % (i, b"a" * 1000) for i in range(64)))
        connection.settimeout(PATIENCE)
        answer = connection.recv(65536)
        self.assertIn(answer.split(b" ", 2)[1], (b"400", b"431"))
        self.assert_serves()


if __name__ == "__main__":
    unittest.main()
