"""Every kind of value through a function and back, by JSON, by multipart and by files of the CLI."""

import json
import os
import unittest

from harness import ServerCase

ECHO = """
app: echo
functions:
  echo: {{ runtime: python3, handler: code.echo, inputs: {{ x: {type} }}, outputs: {{ y: {output} }} }}
workflows:
  echo:
    inputs: {{ x: {type} }}
    steps:
      echo: {{ call: echo, in: {{ x: "${{inputs.x}}" }} }}
    outputs: {{ y: "${{echo.y}}" }}
"""


class Values(ServerCase):
    def echo(self, type, code="def echo(x):\n    return x\n", output=None):
        self.app("echo", ECHO.format(type=type, output=output or type), code=code)

    def test_json_numbers_keep_their_kind_and_value(self):
        self.echo("json")
        for value in (None, True, 0, -1, 2**53 + 1, -(2**63), 2**63 - 1, 1.5, 1.0, 1e300, "", "é\u0000\U0001f600", [],
                      {}, {"a": [1, {"b": None}]}, [[[]]]):
            with self.subTest(value=value):
                outputs = self.assert_succeeded(self.server.run("echo", x=value))
                self.assertEqual(outputs["y"], value)
                self.assertIs(type(outputs["y"]), type(value))

    def test_scalars_arrive_as_what_their_port_says(self):
        for type_name, value in (("int", 2**62), ("float", 0.1), ("bool", True), ("text", "naïve ☃")):
            with self.subTest(type=type_name):
                self.echo(type_name)
                self.assertEqual(self.assert_succeeded(self.server.run("echo", x=value))["y"], value)

    def test_a_value_of_the_wrong_type_is_refused_before_the_run(self):
        for type_name, value in (("int", "one"), ("int", 1.5), ("bool", 1), ("text", 5), ("list<int>", 3)):
            with self.subTest(type=type_name, value=value):
                self.echo(type_name, "def echo(x):\n    return list(x) if isinstance(x, list) else x\n")
                answer = self.server.http("POST", "workflows/echo/runs?wait=300", {"inputs": {"x": value}})
                self.assertIn(answer.status, (400, 422), answer)
                self.assertTrue(answer.headers["content-type"].startswith("application/problem+json"), answer.headers)
        self.assertEqual(self.server.get("runs")["runs"], [])

    def test_a_missing_and_an_unknown_input_are_refused(self):
        self.echo("int")
        for inputs in ({}, {"x": 1, "z": 2}):
            answer = self.server.http("POST", "workflows/echo/runs?wait=300", {"inputs": inputs})
            self.assertIn(answer.status, (400, 422), answer)

    def test_a_function_leaves_elements_of_its_list_out(self):
        self.app(
            "holes",
            """
            app: holes
            functions:
              make: { runtime: python3, handler: code.make, outputs: { xs: list<optional<int>> } }
              twice: { runtime: python3, handler: code.twice, inputs: { x: int }, outputs: { y: int } }
            workflows:
              holes:
                inputs: {}
                steps:
                  make: { call: make }
                  twice: { call: twice, foreach: "${make.xs}", in: { x: "${item}" } }
                outputs: { xs: "${make.xs}", ys: "${twice.y}", there: "${present(twice.y)}" }
            """,
            code="def make():\n    yield 1\n    yield None\n    yield 3\n\n\ndef twice(x):\n    return 2 * x\n")
        outputs = self.assert_succeeded(self.server.run("holes"))
        self.assertEqual(outputs, {"xs": [1, None, 3], "ys": [2, None, 6], "there": [2, 6]})

    def test_the_name_of_a_file_that_is_no_text_is_an_invalid_output(self):
        self.app(
            "names",
            """
            app: names
            functions:
              make: { runtime: python3, handler: code.make, outputs: { f: file }, retry: { attempts: 3 } }
            workflows:
              names:
                inputs: {}
                steps:
                  make: { call: make }
                outputs: { f: "${make.f}" }
            """,
            code='import pathlib\n\n\ndef make():\n    path = pathlib.Path("bad\\udcff.txt")\n'
            '    path.write_text("x")\n    return path\n')
        run = self.server.run("names")
        self.assertEqual((run["state"], run["error"]["name"]), ("FAILED", "InvalidOutput"), run)
        self.assertIn("not UTF-8", run["error"]["message"])

    def test_bytes_of_any_size_pass_unchanged(self):
        self.echo("bytes")
        for size in (0, 1, 16 * 1024, 16 * 1024 + 1, 64 * 1024, 1 << 20, (5 << 20) + 3):
            with self.subTest(size=size):
                content = os.urandom(size)
                answer = self.server.http("POST", "workflows/echo/runs?wait=300", content,
                                          {"Content-Type": "application/octet-stream"})
                self.assertEqual(answer.status, 200, answer)
                back = self.server.http("GET", f"runs/{answer.json()['id']}/outputs/y")
                self.assertEqual(back.status, 200, back)
                self.assertEqual(back.body, content)

    def test_a_function_may_yield_a_list_and_read_one(self):
        self.echo("list<int>", "def echo(x):\n    for e in x:\n        yield e + 1\n")
        self.assertEqual(self.assert_succeeded(self.server.run("echo", x=[1, 2, 3]))["y"], [2, 3, 4])
        self.assertEqual(self.assert_succeeded(self.server.run("echo", x=[]))["y"], [])

    def test_the_command_line_reads_files_and_prints_raw_bytes(self):
        self.echo("bytes")
        content = bytes(range(256)) * 1000
        with open(self.path("input"), "wb") as file:
            file.write(content)
        result = self.server.cli("run", "echo", "-i", f"x=@{self.path('input')}", "-o", "json")
        self.assertEqual(result.returncode, 0, result.stderr)
        run = json.loads(result.stdout)
        self.assertEqual((run["state"], run["workflow"].split("@")[0] in ("echo", "echo.echo")), ("SUCCEEDED", True))
        result = self.server.cli("run", "echo", "-i", f"x=@{self.path('input')}", "--out", self.path("out"))
        self.assertEqual(result.returncode, 0, result.stderr)
        written = [os.path.join(parent, name) for parent, _, names in os.walk(self.path("out")) for name in names]
        self.assertEqual(len(written), 1, written)
        with open(written[0], "rb") as file:
            self.assertEqual(file.read(), content)

    def test_a_large_output_is_a_reference_that_can_be_fetched_in_ranges(self):
        self.echo("int", "def echo(x):\n    return bytes(range(256)) * (x // 256)\n", "bytes")
        run = self.server.run("echo", x=3 << 20)
        reference = self.assert_succeeded(run)["y"]
        self.assertEqual(reference["size"], 3 << 20)
        expected = bytes(range(256)) * (3 << 12)
        for header, first, last in (("bytes=0-0", 0, 0), ("bytes=1000-70000", 1000, 70000),
                                    (f"bytes={(3 << 20) - 5}-", (3 << 20) - 5, (3 << 20) - 1),
                                    ("bytes=-7", (3 << 20) - 7, (3 << 20) - 1)):
            with self.subTest(range=header):
                answer = self.server.http("GET", reference["$ref"], headers={"Range": header})
                self.assertEqual(answer.status, 206, answer.status)
                self.assertEqual(answer.headers["content-range"], f"bytes {first}-{last}/{3 << 20}")
                self.assertEqual(answer.body, expected[first:last + 1])
        beyond = self.server.http("GET", reference["$ref"], headers={"Range": f"bytes={3 << 20}-"})
        self.assertEqual((beyond.status, beyond.headers["content-range"]), (416, f"bytes */{3 << 20}"))
        self.assertEqual(self.server.http("GET", reference["$ref"]).body, expected)


if __name__ == "__main__":
    unittest.main()
