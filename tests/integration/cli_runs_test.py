"""`sluice run` against a fake server: what it asks, how it waits, what a signal does to it, what it sends and
saves. The real server is not needed."""

import contextlib
import json
import os
import signal
import subprocess
import threading
import unittest

from fake_server import FakeServerCase, RUN, SECONDS, SLUICE, WORKFLOW, content, document, problem, run_document, wait_until


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
        self.assertEqual(output.decode(), 'total: {"a":1}\n')
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
            "many": [reference("many/0", 2048, "text/plain")] * 2, "say": "plain",
            "deep": [[reference("deep/0/0", 9, "application/octet-stream")]]})
        output = self.cli("run", "flow", "-i", "text=x")[0].decode()
        self.assertRegex(output, r"(?m)^big: 1\.0 MiB application/octet-stream \(--out DIR saves it; it is at http://\S+/outputs/big\)$")
        self.assertIn("note:\n  two\n  lines\n", output)
        self.assertRegex(output, r"(?m)^many: list of 2, 4\.0 KiB .*/outputs/many/INDEX\)$")
        self.assertRegex(output, r"(?m)^deep: list of 1, 9 B .*/outputs/deep/INDEX/INDEX\)$")
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

    def test_out_saves_a_list_in_a_list_as_a_directory_of_its_number(self):
        self.server.on("GET", "workflows/flow", {**WORKFLOW, "outputs": [
            {"name": "known", "type": "list<list<bytes>>"}, {"name": "unknown", "type": "any"}]})
        reference = {"$ref": "x"}
        self.server.on("POST", "workflows/flow/runs", document(200, run_document("SUCCEEDED", outputs={
            "known": [["inline", None], [], None, [reference]], "unknown": [[[reference]]]})))
        for path, body in (("known/0/0", b"inline"), ("known/3/0", b"far"), ("unknown/0/0/0", b"deep")):
            self.server.on("GET", f"runs/{RUN}/outputs/{path}", content(body))
        output, _ = self.cli("run", "flow", "-i", "text=x", "--out", "out")
        saved = ["out/known/000000/000000", "out/known/000003/000000", "out/unknown/000000/000000/000000"]
        self.assertEqual(output.decode().split("\n")[:-1], saved)
        for name, body in zip(saved, (b"inline", b"far", b"deep")):
            with open(self.path(name), "rb") as file:
                self.assertEqual(file.read(), body)
        self.assertEqual(sorted(os.listdir(self.path("out/known"))), ["000000", "000001", "000003"])

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


if __name__ == "__main__":
    unittest.main()
