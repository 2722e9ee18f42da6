"""A folder as a list: `-i files=@DIR`, and several parts of one name over HTTP."""

import os
import unittest

from harness import ServerCase

YAML = """
    app: folder
    functions:
      size: { runtime: python3, handler: code.size, inputs: { path: file }, outputs: { out: text } }
      join: { runtime: python3, handler: code.join, inputs: { parts: list<bytes> }, outputs: { out: text } }
    workflows:
      sizes:
        inputs: { files: list<file> }
        steps:
          size: { call: size, foreach: "${inputs.files}", in: { path: "${item}" } }
        outputs: { out: "${size.out}" }
      join:
        inputs: { parts: list<bytes> }
        steps:
          join: { call: join, in: { parts: "${inputs.parts}" } }
        outputs: { out: "${join.out}" }
    """
CODE = """
import os

def size(path):
    return f"{os.path.basename(path)} {os.path.getsize(path)}"

def join(parts):
    return ",".join(part.decode() for part in parts)
"""


class Folder(ServerCase):
    def setUp(self):
        super().setUp()
        self.app("folder", YAML, code=CODE)
        self.data = self.path("in")
        os.makedirs(self.data)

    def put(self, **files):
        for name, size in files.items():
            with open(os.path.join(self.data, name), "wb") as file:
                file.write(b"x" * size)

    def test_its_files_are_the_elements_in_the_order_of_their_names(self):
        self.put(b=2, a=1, c=3_000_000, _hidden=5)
        os.rename(os.path.join(self.data, "_hidden"), os.path.join(self.data, ".hidden"))
        result = self.server.cli("run", "sizes", "-i", f"files=@{self.data}")
        self.assertEqual((result.returncode, result.stdout), (0, 'out: ["a 1","b 2","c 3000000"]\n'), result.stderr)

    def test_an_empty_folder_is_an_empty_list(self):
        result = self.server.cli("run", "sizes", "-i", f"files=@{self.data}", "-o", "json")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn('"out": []', result.stdout)

    def test_a_folder_in_it_is_refused_by_name(self):
        os.makedirs(os.path.join(self.data, "inner"))
        result = self.server.cli("run", "sizes", "-i", f"files=@{self.data}")
        self.assertEqual(result.returncode, 2)
        self.assertIn("inner is a folder in a folder", result.stderr)
        self.assertEqual(self.server.get("runs")["runs"], [])

    def test_parts_of_one_name_are_a_list_in_their_order(self):
        body = b"".join(b'--b\r\nContent-Disposition: form-data; name="parts"; filename="%s"\r\n\r\n%s\r\n' % (name, value)
                        for name, value in ((b"z", b"1"), (b"a", b"2"), (b"m", b"3"))) + b"--b--\r\n"
        answer = self.server.http("POST", "workflows/join/runs?wait=60", body,
                                  {"Content-Type": "multipart/form-data; boundary=b"})
        self.assertEqual((answer.status, answer.json()["outputs"]), (200, {"out": "1,2,3"}), answer)


if __name__ == "__main__":
    unittest.main()
