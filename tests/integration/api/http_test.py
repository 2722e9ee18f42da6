"""The HTTP interface as a client sees it: problems, hosts and origins, waiting, lists, logs, traces, idleness."""

import json
import time
import unittest

from harness import PATIENCE, wait_until
from small_app import SmallAppCase


class Http(SmallAppCase):
    def test_a_problem_says_type_title_status_and_detail(self):
        for method, path, status in (("GET", "runs/00000000000000000000000000", 404), ("GET", "workflows/none", 404),
                                     ("POST", "workflows/none/runs", 404), ("GET", "nothing", 404),
                                     ("DELETE", "workflows/small", 405), ("GET", "runs/not-an-id", 404),
                                     ("GET", "runs?state=ASLEEP", 400), ("GET", "runs?limit=-1", 400)):
            with self.subTest(path=path):
                answer = self.server.http(method, path, body=b"{}" if method == "POST" else None,
                                          headers={"Content-Type": "application/json"} if method == "POST" else None)
                self.assertEqual(answer.status, status, answer)
                self.assertTrue(answer.headers["content-type"].startswith("application/problem+json"), answer)
                problem = answer.json()
                self.assertEqual(problem["status"], status)
                for key in ("type", "title", "detail"):
                    self.assertTrue(problem[key], problem)

    def test_json_that_is_none_or_too_deep_or_says_a_thing_twice_is_refused(self):
        for body in (b"", b"{", b"[]", b'{"inputs":{"x":1},"inputs":{"x":2}}', b'{"inputs":' + b"[" * 100 + b"]" * 100 + b"}",
                     b'{"inputs":{"x":1}} trailing', b'\xff{"inputs":{"x":1}}'):
            with self.subTest(body=body[:40]):
                answer = self.server.http("POST", "workflows/small/runs", body, {"Content-Type": "application/json"})
                self.assertIn(answer.status, (400, 422), answer)
        self.assertEqual(self.server.get("runs")["runs"], [])

    def test_no_web_page_can_drive_the_server(self):
        port = self.server.port
        for headers, allowed in (({"Host": f"127.0.0.1:{port}"}, True), ({"Host": f"localhost:{port}"}, True),
                                 ({"Host": "evil.example"}, False), ({"Host": f"evil.example:{port}"}, False),
                                 ({"Host": f"127.0.0.1.evil.example:{port}"}, False),
                                 ({"Origin": "https://evil.example"}, False), ({"Origin": "null"}, False),
                                 ({"Origin": f"http://127.0.0.1:{port}"}, True)):
            with self.subTest(headers=headers):
                answer = self.server.http("POST", "workflows/small/runs?wait=300", {"inputs": {"x": 1}}, headers)
                self.assertEqual(answer.status, 200 if allowed else 403, answer)

    def test_wait_answers_when_the_run_has_ended_or_the_time_is_over(self):
        began = time.monotonic()
        answer = self.server.http("POST", "workflows/hold/runs?wait=0.3", {"inputs": {"latch": self.latch}})
        self.assertEqual(answer.status, 202, answer)
        self.assertLess(time.monotonic() - began, PATIENCE)
        self.assertEqual(answer.headers["run-durability"], "express")
        self.let_go()
        self.assertEqual(self.assert_succeeded(self.server.wait_run(answer.json()["id"]))["y"], 1)

    def test_a_run_shows_its_state_its_tasks_its_log_and_its_trace(self):
        run = self.hold()
        document = self.server.get(f"runs/{run}")
        self.assertEqual(document["state"], "RUNNING")
        self.assertNotIn("ended", {key for key, value in document["timings"].items() if value})
        tasks = self.server.get(f"runs/{run}/tasks")["tasks"]
        self.assertEqual([(task["path"], task["state"]) for task in tasks], [("hold", "RUNNING")])
        self.let_go()
        document = self.server.wait_run(run)
        self.assertEqual(document["workflow"].split("@")[0].split(".")[-1], "hold")
        for name in ("accepted", "started", "ended"):
            self.assertRegex(document["timings"][name], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")
        self.assertLessEqual(document["timings"]["accepted"], document["timings"]["started"])
        self.assertLessEqual(document["timings"]["started"], document["timings"]["ended"])
        self.assertEqual([task["state"] for task in self.server.get(f"runs/{run}/tasks")["tasks"]], ["SUCCEEDED"])
        log = self.server.http("GET", f"runs/{run}/logs")
        self.assertIn(b"holding", log.body)
        trace = self.server.get(f"runs/{run}/trace")
        events = trace["traceEvents"] if isinstance(trace, dict) else trace
        tasks = [event for event in events if event.get("ph") == "X" and event.get("cat") == "task"]
        self.assertTrue(any(event["name"] == "hold" and event["args"]["attempt"] == 1 for event in tasks), events)

    def test_a_run_may_be_deleted_only_after_its_end(self):
        run = self.hold()
        self.assertEqual(self.server.http("DELETE", f"runs/{run}").status, 409)
        self.let_go()
        self.server.wait_run(run)
        self.assertIn(self.server.http("DELETE", f"runs/{run}").status, (200, 204))
        self.assertIn(self.server.http("GET", f"runs/{run}").status, (404, 410))

    def test_lists_come_in_pages_that_lose_and_repeat_nothing(self):
        runs = [self.server.run("small", x=x)["id"] for x in range(25)]
        seen, cursor = [], ""
        while True:
            page = self.server.get(f"runs?limit=10&cursor={cursor}")
            self.assertLessEqual(len(page["runs"]), 10)
            seen += [run["id"] for run in page["runs"]]
            cursor = page.get("cursor")
            if not cursor:
                break
        self.assertEqual(sorted(seen), sorted(runs))
        self.assertEqual(len(self.server.get("runs?state=FAILED")["runs"]), 0)
        self.assertEqual(len(self.server.get("runs?workflow=small&limit=100")["runs"]), 25)

    def test_health_version_metrics_and_the_description_of_the_interface(self):
        for path in ("/healthz", "/readyz"):
            self.assertEqual(self.server.http("GET", path).status, 200)
        self.assertRegex(json.dumps(self.server.http("GET", "/version").json()), r"\d+\.\d+\.\d+")
        self.server.run("small", x=1)
        metrics = self.server.http("GET", "/metrics").body.decode()
        self.assertRegex(metrics, r'sluice_runs_total\{[^}]*state="SUCCEEDED"[^}]*\} 1\b')
        self.assertNotIn(self.server.get("runs")["runs"][0]["id"], metrics)
        description = self.server.http("GET", "/openapi.json").json()
        self.assertIn("/api/v1/runs/{id}", description["paths"])

    def test_an_idle_server_uses_no_cpu_and_little_memory(self):
        self.server.run("small", x=1)
        # Let what the run has left to do come to its end: two looks, half a second apart, that agree.
        def settled():
            before = self.server.cpu_seconds()
            time.sleep(0.5)
            return self.server.cpu_seconds() - before < 0.011
        wait_until(settled, PATIENCE, "the server has come to rest")
        before = self.server.cpu_seconds()
        time.sleep(5)
        self.assertLessEqual(self.server.cpu_seconds() - before, 0.02)
        self.assertLess(self.server.status_kib("VmRSS"), 40 << 10)


if __name__ == "__main__":
    unittest.main()
