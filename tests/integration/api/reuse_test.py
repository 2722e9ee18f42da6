"""What outlives the readers of a task: results in the cache, and all outputs of a run with `keep: all`."""

import json
import os
import unittest

from harness import ServerCase, wait_until

YAML = """
    app: dice
    functions:
      roll: { runtime: python3, handler: code.roll, inputs: { sides: int, size: { type: int, default: 0 } }, outputs: { number: int, data: bytes, all: "list<int>" } }
    workflows:
      roll:
        inputs: { sides: int, size: int }
        steps:
          roll: { call: roll, in: { sides: "${inputs.sides}", size: "${inputs.size}" }, cache: true }
        outputs: { number: "${roll.number}", data: "${roll.data}", all: "${roll.all}" }
    """
# Each call gives something else: what comes twice was not made twice.
CODE = """
import os

def roll(sides, size=0):
    number = int.from_bytes(os.urandom(6), "big")
    return {"number": number, "data": os.urandom(size), "all": list(range(sides))}
"""


class CacheCase(ServerCase):
    def roll(self, sides=6, size=0):
        """The number, the bytes, and whether they came from the cache."""
        run = self.server.run("roll", sides=sides, size=size)
        outputs = self.assert_succeeded(run)
        self.assertEqual(outputs["all"], list(range(sides)))
        data = self.server.http("GET", f"runs/{run['id']}/outputs/data").body
        self.assertEqual(len(data), size)
        task, = self.server.get(f"runs/{run['id']}/tasks")["tasks"]
        return outputs["number"], data, task["start"] == "cached"

    def metric(self, name):
        for line in self.server.http("GET", "/metrics").body.decode().splitlines():
            if line.startswith(f"sluice_cache_{name} "):
                return int(line.split()[1])
        raise AssertionError(f"there is no sluice_cache_{name}")

    def files(self):
        folder = os.path.join(self.server.data, "cache")
        return sorted(os.path.join(path, name) for path, _, names in os.walk(folder) for name in names)

    def wait_for_files(self, count):
        wait_until(lambda: len(self.files()) == count and not any(name.endswith(".part") for name in self.files()),
                   20, lambda: f"{count} files of results: {self.files()}")


class Cache(CacheCase):
    def setUp(self):
        super().setUp()
        self.folder_of_app = self.app("dice", YAML, code=CODE)

    def test_a_second_run_takes_what_the_first_has_made_at_any_size(self):
        for size in (0, 5, 16 << 10, (16 << 10) + 1, 3_000_001):
            number, data, cached = self.roll(size=size)
            self.assertFalse(cached)
            self.assertEqual(self.roll(size=size), (number, data, True), f"{size} bytes")
            self.assertFalse(self.roll(size=size, sides=7)[2])
        self.assertEqual(self.metric("misses_total"), 10)
        self.assertEqual(self.metric("hits_total"), 5)

    def test_it_outlives_the_server(self):
        made = [self.roll(size=size) for size in (5, 3_000_001)]
        self.wait_for_files(2)
        self.server.stop()
        self.server.start()
        self.assertEqual(self.metric("entries"), 2)
        for (number, data, _), size in zip(made, (5, 3_000_001)):
            self.assertEqual(self.roll(size=size), (number, data, True))
        self.assertGreater(self.metric("bytes"), 3_000_000)

    def test_another_version_of_the_app_has_results_of_its_own(self):
        number, data, _ = self.roll()
        with open(os.path.join(self.folder_of_app, "code.py"), "a", encoding="utf-8") as file:
            file.write("# another\n")
        self.server.deploy(self.folder_of_app)
        other, _, cached = self.roll()
        self.assertFalse(cached)
        self.assertNotEqual(other, number)
        self.assertTrue(self.roll()[2])

    def test_a_damaged_file_is_dropped_and_made_again(self):
        for damage in (self.flip_last, self.flip_header, self.cut, self.add):
            number, _, cached = self.roll(size=100_000)
            self.assertFalse(cached)
            self.wait_for_files(1)
            damage(self.files()[0])
            dropped = self.metric("damaged_total")
            self.server.stop()  # What is still in memory needs no file.
            self.server.start()
            self.assertEqual(self.metric("damaged_total"), 0)
            other, _, cached = self.roll(size=100_000)
            self.assertFalse(cached, damage.__name__)
            self.assertNotEqual(other, number)
            self.assertEqual(self.metric("damaged_total"), 1, dropped)
            self.wait_for_files(1)
            self.assertEqual(self.roll(size=100_000)[0], other)
            os.remove(self.files()[0])
            self.server.stop()
            self.server.start()

    @staticmethod
    def flip_last(path):
        with open(path, "r+b") as file:
            file.seek(-1, os.SEEK_END)
            last = file.read(1)[0]
            file.seek(-1, os.SEEK_END)
            file.write(bytes([last ^ 1]))

    @staticmethod
    def flip_header(path):
        with open(path, "r+b") as file:
            text = file.read(4096).replace(b'"values"', b'"valueZ"')
            file.seek(0)
            file.write(text)

    @staticmethod
    def cut(path):
        os.truncate(path, os.path.getsize(path) - 50_000)

    @staticmethod
    def add(path):
        with open(path, "ab") as file:
            file.write(b"more")


class CacheOfLittleDisk(CacheCase):
    arguments = ("--workers", "2", "--cache-disk", "0.0000001%")

    def test_what_has_no_room_is_not_kept(self):
        self.app("dice", YAML, code=CODE)
        self.assertFalse(self.roll(size=100_000)[2])
        self.assertFalse(self.roll(size=100_000)[2])
        self.assertEqual(self.metric("refused_total"), 2)
        self.assertEqual(self.files(), [])


KEEP = """
    app: keeper
    functions:
      parts: { runtime: python3, handler: code.parts, inputs: { n: int }, outputs: { parts: "list<int>", note: "optional<text>" } }
      grow: { runtime: python3, handler: code.grow, inputs: { n: int }, outputs: { data: bytes, size: int } }
      fails: { runtime: python3, handler: code.fails, inputs: { n: int }, outputs: { n: int } }
    workflows:
      inner:
        inputs: { n: int }
        steps:
          grow: { call: grow, in: { n: "${inputs.n}" } }
        outputs: { size: "${grow.size}" }
      keeper:
        inputs: { n: int, fail: bool }
        keep: all
        steps:
          parts: { call: parts, in: { n: "${inputs.n}" } }
          each: { call: grow, foreach: "${parts.parts}", in: { n: "${item}" } }
          flow: { flow: inner, foreach: "${parts.parts}", in: { n: "${item}" } }
          twice: { set: { x: "${first(previous.x, 1) * 2}" }, while: "${previous.x < 5}", max: 5 }
          which: { switch: [ { when: "${inputs.n > 100}", set: { big: 1 } }, { set: { small: "${inputs.n}" } } ] }
          fails: { call: fails, in: { n: 1 }, when: "${inputs.fail}", after: [parts, twice] }
        outputs: { sizes: "${each.size}" }
    """
KEEP_CODE = """
def parts(n):
    return {"parts": list(range(n)), "note": None if n else "none"}

def grow(n):
    return {"data": bytes([n]) * (n * 20_000), "size": n * 20_000}

def fails(n):
    raise ValueError("on purpose")
"""


class KeepAll(ServerCase):
    arguments = ("--workers", "2", "--memory", "32Mi")

    def setUp(self):
        super().setUp()
        self.app("keeper", KEEP, code=KEEP_CODE)

    def output(self, run, task, name):
        return self.server.http("GET", f"runs/{run['id']}/tasks/{task}/outputs/{name}")

    def test_outputs_of_every_task_can_be_read_until_the_run_is_deleted(self):
        run = self.server.run("keeper", n=4, fail=False)
        self.assertEqual(self.assert_succeeded(run)["sizes"], [0, 20_000, 40_000, 60_000])
        self.assertEqual(self.output(run, "parts", "parts").json(), [0, 1, 2, 3])
        self.assertEqual(self.output(run, "parts", "parts/2").json(), 2)
        for n in range(4):
            self.assertEqual(self.output(run, f"each.{n}", "data").body, bytes([n]) * (n * 20_000))
            self.assertEqual(self.output(run, f"flow.{n}~grow", "data").body, bytes([n]) * (n * 20_000))
            self.assertEqual(self.output(run, f"flow.{n}", "size").json(), n * 20_000)
        self.assertEqual([self.output(run, f"twice.{n}", "x").json() for n in (1, 2, 3)], [2, 4, 8])
        self.assertEqual(self.output(run, "twice", "x").json(), 8)
        self.assertEqual(self.output(run, "which", "small").json(), 4)
        self.assertEqual(self.server.http("GET", f"runs/{run['id']}/tasks/each.3/outputs/data",
                                          headers={"Range": "bytes=5-8"}).body, b"\x03" * 4)
        told = self.server.cli("get", "runs", run["id"], "--task", "each.2", "--output", "size")
        self.assertEqual((told.returncode, told.stdout), (0, "40000"), told.stderr)
        told = self.server.cli("get", "runs", run["id"], "--task", "parts", "--output", "parts/3")
        self.assertEqual((told.returncode, told.stdout), (0, "3"), told.stderr)
        self.check_refusals(run)
        self.assertEqual(self.server.http("DELETE", f"runs/{run['id']}").status, 204)
        self.assertEqual(self.output(run, "parts", "parts").status, 404)
        wait_until(lambda: not self.files(), 20, lambda: f"no file is left: {self.files()}")

    def check_refusals(self, run):
        for task, name, word in (("parts", "note", "not there"), ("parts", "parts/4", "4 elements"),
                                 ("which", "big", "not there"), ("each", "size", "each.0"),
                                 ("nobody", "x", "no step"), ("each.0", "nothing", "there is data, size"),
                                 ("each.0", "size/0", "no list"), ("fails", "n", "not there")):
            answer = self.output(run, task, name)
            self.assertEqual(answer.status, 404, f"{task} {name}: {answer.body!r}")
            self.assertIn(word, json.dumps(answer.json()), f"{task} {name}")
        told = self.server.cli("get", "runs", run["id"], "--task", "each.7", "--output", "size")
        self.assertEqual(told.returncode, 4, told.stderr)
        told = self.server.cli("get", "runs", run["id"], "--task", "each.0")
        self.assertEqual(told.returncode, 2, told.stderr)

    def test_what_was_committed_before_a_failure_stays(self):
        run = self.server.run("keeper", n=3, fail=True)
        self.assert_failed(run, "ValueError")
        self.assertEqual(self.output(run, "parts", "parts").json(), [0, 1, 2])
        self.assertEqual(self.output(run, "twice", "x").json(), 8)

    def files(self):
        folder = os.path.join(self.server.data, "runs")
        return [name for _, _, names in os.walk(folder) for name in names]


class KeepAllByRetention(ServerCase):
    arguments = ("--workers", "2", "--retention-runs", "1")

    def test_kept_outputs_go_with_their_run(self):
        self.app("keeper", KEEP, code=KEEP_CODE)
        old = self.server.run("keeper", n=3, fail=False)["id"]
        new = self.server.run("keeper", n=2, fail=False)["id"]
        wait_until(lambda: self.server.http("GET", f"runs/{old}").status == 410, 20, "the older run is gone")
        self.assertEqual(self.server.http("GET", f"runs/{old}/tasks/parts/outputs/parts").status, 410)
        self.assertEqual(self.server.http("GET", f"runs/{new}/tasks/parts/outputs/parts").json(), [0, 1])
        folder = os.path.join(self.server.data, "runs")
        wait_until(lambda: not any(old in path for path, _, _ in os.walk(folder)), 20, "its folder is gone")


class KeepNothing(ServerCase):
    def test_without_the_key_it_is_said_what_to_do(self):
        self.app("keeper", KEEP.replace("        keep: all\n", ""), code=KEEP_CODE)
        run = self.server.run("keeper", n=1, fail=False)
        answer = self.server.http("GET", f"runs/{run['id']}/tasks/parts/outputs/parts")
        self.assertEqual(answer.status, 404)
        self.assertIn("keep: all", answer.json()["detail"])


if __name__ == "__main__":
    unittest.main()
