"""The command line against a fake server: errors, apps, views, terminals. The real server is not needed."""

import contextlib
import io
import json
import os
import pty
import re
import socket
import subprocess
import unittest

from fake_server import FakeServerCase, RUN, SECONDS, WORKFLOW, content, document, problem, run_document


class Errors(FakeServerCase):
    def test_no_server_is_exit_5_and_says_how_to_start_one(self):
        self.server.url = "http://127.0.0.1:1"
        _, errors = self.cli("get", "runs", status=5)
        self.assertIn("cannot reach http://127.0.0.1:1", errors)
        env = self.environment()
        del env["SLUICE_URL"]
        with contextlib.closing(socket.socket()) as probe:
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
        for command in ("top", "rerun"):
            self.assertIn("not there yet", self.cli(command, "x", "-y", status=2)[1])
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
        self.assertEqual(self.cli("get", "run", RUN)[0].decode(), text)
        for part in ("STEP", "one", "error: E: m", "\na: 1\nb: 2\n"):
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
