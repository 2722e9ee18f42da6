#!/usr/bin/env python3
"""kill -9 of the server and of workers at random, under load: results stay right, nothing is left behind.

    chaos.py [--minutes N] [--seed S] [--json FILE]

Clients submit runs whose result they can compute themselves and submit again what was lost with the
server (runs live in memory until the journal comes; a run that a client saw succeed never changes).
After each kill of the server all its processes, scratch folders and spilled objects must go by
themselves, before the next start; at the end nothing may be left. The seed decides who is killed when;
the machine decides what that hits.
"""

import argparse
import contextlib
import http.client
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import leftovers  # noqa: E402
from harness import ENDED, PATIENCE, STOPPED, Server, wait_until, write_app  # noqa: E402

YAML = """
app: chaos
functions:
  numbers: { runtime: python3, handler: code.numbers, inputs: { n: int }, outputs: { xs: list<int> } }
  square: { runtime: python3, handler: code.square, inputs: { x: int }, outputs: { y: int } }
  total: { runtime: python3, handler: code.total, inputs: { ys: stream<int> }, outputs: { sum: int } }
  cut: { runtime: python3, handler: code.cut, inputs: { text: text, parts: int }, outputs: { chunks: list<bytes> } }
  count: { runtime: python3, handler: code.count, inputs: { chunk: bytes }, outputs: { counts: json } }
  merge: { runtime: python3, handler: code.merge, inputs: { counts: list<json> }, outputs: { counts: json } }
  blow: { runtime: python3, handler: code.blow, inputs: { n: int }, outputs: { data: bytes } }
  measure: { runtime: python3, handler: code.measure, inputs: { data: pipe }, outputs: { size: int } }
workflows:
  squares:
    inputs: { n: int }
    steps:
      numbers: { call: numbers, in: { n: "${inputs.n}" }, retry: RETRY }
      square: { call: square, foreach: "${numbers.xs}", in: { x: "${item}" }, retry: RETRY }
      again: { call: square, foreach: "${square.y}", in: { x: "${item}" }, retry: RETRY }
      total: { call: total, in: { ys: "${again.y}" }, retry: RETRY }
    outputs: { result: "${total.sum}" }
  words:
    inputs: { text: text, parts: int }
    steps:
      cut: { call: cut, in: { text: "${inputs.text}", parts: "${inputs.parts}" }, retry: RETRY }
      count: { call: count, foreach: "${cut.chunks}", in: { chunk: "${item}" }, retry: RETRY }
      merge: { call: merge, in: { counts: "${count.counts}" }, retry: RETRY }
    outputs: { result: "${merge.counts}" }
  bulk:
    inputs: { n: int }
    steps:
      blow: { call: blow, in: { n: "${inputs.n}" }, retry: RETRY }
      measure: { call: measure, in: { data: "${blow.data}" }, retry: RETRY }
    outputs: { result: "${measure.size}" }
""".replace("RETRY", "{ attempts: 100, backoff: 1ms, max_backoff: 20ms }")

ROUNDS_MAX = 20  # Of kills without a success in between.

CODE = """
from collections import Counter

def numbers(n):
    yield from range(n)

def square(x):
    return x * x

def total(ys):
    return sum(ys)

def cut(text, parts):
    words = text.split()
    for part in range(parts):
        yield " ".join(words[len(words) * part // parts:len(words) * (part + 1) // parts]).encode()

def count(chunk):
    return Counter(chunk.decode().split())

def merge(counts):
    result = Counter()
    for part in counts:
        result.update(part)
    return result

def blow(n):
    return bytes(range(256)) * n

def measure(data):
    size = 0
    while block := data.read(65536):
        assert block[0] == size % 256 and block[-1] == (size + len(block) - 1) % 256, "bytes are not what was written"
        size += len(block)
    return size
"""

LOST = (OSError, http.client.HTTPException, json.JSONDecodeError)


def draw_work(draw):
    """A workflow, its inputs, and what must come out."""
    kind = draw.choice(("squares", "squares", "words", "bulk"))
    if kind == "squares":
        n = draw.choice((0, 1, 7, 40, 150))
        return kind, {"n": n}, sum(x ** 4 for x in range(n))
    if kind == "words":
        words = [draw.choice("abcdefghijklmnop") * draw.randint(1, 3) for _ in range(draw.randint(0, 20_000))]
        counts = {}
        for word in words:
            counts[word] = counts.get(word, 0) + 1
        return kind, {"text": " ".join(words), "parts": draw.randint(1, 12)}, counts
    n = draw.choice((1, 100, 4096, 40_000))
    return kind, {"n": n}, 256 * n


class Campaign:
    def __init__(self, folder, seed):
        self.draw = random.Random(seed)
        self.server = Server(os.path.join(folder, "data"), ("--memory", "256Mi"))
        self.app = write_app(os.path.join(folder, "app"), YAML, code=CODE)
        self.stop = threading.Event()
        self.wrong = []      # What no run may show.
        self.succeeded = 0
        self.submitted_again = 0
        self.server_kills = 0
        self.worker_kills = 0
        self.peak_kib = 0
        self.succeeded_seen = 0
        self.rounds = 0      # Of kills, since then.
        self._lock = threading.Lock()

    def client(self, seed):
        draw = random.Random(seed)
        while not self.stop.is_set():
            work = draw_work(draw)
            try:
                self.run_to_the_end(*work)
            except Exception as error:  # A client that dies unheard would make the campaign look well.
                self.wrong.append(f"{work[0]} {str(work[1])[:80]}: {type(error).__name__}: {error}")

    def run_to_the_end(self, workflow, inputs, expected):
        """Submits until a run of it has succeeded."""
        while not self.stop.is_set():
            try:
                answer = self.server.http("POST", f"workflows/{workflow}/runs?wait=60", {"inputs": inputs})
                if answer.status == 503:
                    time.sleep(0.05)
                    continue
                if answer.status not in (200, 202):
                    raise AssertionError(f"{answer.status} {answer.body[:500]!r}")
                run = answer.json()
                while run["state"] not in ENDED:
                    answer = self.server.http("GET", f"runs/{run['id']}?wait=60")
                    if answer.status in (404, 503):
                        raise ConnectionResetError("the run was lost with its server")
                    if answer.status != 200:
                        raise AssertionError(f"{answer.status} {answer.body[:500]!r}")
                    run = answer.json()
            except LOST:
                with self._lock:
                    self.submitted_again += 1
                time.sleep(0.05)  # The server is being started again; its address changes.
                continue
            if run["state"] != "SUCCEEDED":
                raise AssertionError(f"{run['state']}: {run.get('error')}")
            result = run["outputs"]["result"]
            if result != expected:
                raise AssertionError(f"result {str(result)[:200]}, expected {str(expected)[:200]}")
            with self._lock:
                self.succeeded += 1
            return

    def kill_workers(self):
        pids = self.server.worker_pids()
        for pid in self.draw.sample(pids, min(len(pids), self.draw.choice((1, 1, 2, 8)))):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                self.worker_kills += 1

    def kill_server(self):
        with contextlib.suppress(OSError, StopIteration):
            self.peak_kib = max(self.peak_kib, self.server.status_kib("VmHWM"))
        self.server.kill()
        self.server_kills += 1
        wait_until(lambda: not leftovers.of(self.server.data), PATIENCE, lambda: leftovers.of(self.server.data))
        self.server.start()

    def await_progress(self, kills_server):
        """Lets a run succeed between two kills of the server, and now and then between those of workers:
        where all is killed faster than anything can end, nothing would ever be right."""
        self.rounds += 1
        if self.succeeded > self.succeeded_seen:
            self.succeeded_seen, self.rounds = self.succeeded, 0
        if self.rounds > (0 if kills_server else ROUNDS_MAX):
            wait_until(lambda: self.wrong or self.succeeded > self.succeeded_seen, PATIENCE,
                       lambda: f"a run succeeds while nobody is killed:\n{self.server.log()}")

    def run(self, minutes):
        self.server.start()
        self.server.deploy(self.app)
        clients = [threading.Thread(target=self.client, args=(self.draw.random(),)) for _ in range(4)]
        for client in clients:
            client.start()
        deadline = time.monotonic() + minutes * 60
        try:
            # Also on a slow machine the campaign shows something.
            while not self.wrong and (
                    time.monotonic() < deadline or not (self.server_kills and self.worker_kills and self.succeeded)):
                self.stop.wait(self.draw.uniform(0.05, 0.6))
                if not self.server.is_running():
                    raise AssertionError(f"the server ended by itself with {self.server.process.returncode}:\n"
                                         f"{self.server.log()}")
                kills_server = self.draw.random() < 0.12
                self.await_progress(kills_server)
                if kills_server:
                    self.kill_server()
                else:
                    with contextlib.suppress(*LOST):
                        self.kill_workers()
        finally:
            self.stop.set()
            for client in clients:
                client.join(2 * PATIENCE)
        self.peak_kib = max(self.peak_kib, self.server.status_kib("VmHWM"))
        status = self.server.stop()
        if status != STOPPED:
            self.wrong.append(f"the server stopped with {status}")
        wait_until(lambda: not leftovers.of(self.server.data), PATIENCE, lambda: leftovers.of(self.server.data))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--json")
    arguments = parser.parse_args()
    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(1 << 32)
    folder = tempfile.mkdtemp(prefix="sluice-chaos-")
    campaign = Campaign(folder, seed)
    print(f"chaos: seed {seed}, {arguments.minutes:g} minutes", flush=True)
    try:
        campaign.run(arguments.minutes)
    except AssertionError as error:
        campaign.wrong.append(str(error))
    finally:
        if campaign.server.is_running():
            campaign.server.kill()
        leftovers.end_processes(campaign.server.data)
        if campaign.wrong:
            print(campaign.server.log())
        shutil.rmtree(folder, ignore_errors=True)
    if campaign.succeeded == 0 or campaign.worker_kills + campaign.server_kills == 0:
        campaign.wrong.append("nothing succeeded, or nothing was killed: the campaign shows nothing")
    for line in campaign.wrong:
        print(f"chaos: WRONG: {line}")
    print(f"chaos: {campaign.succeeded} runs right, {len(campaign.wrong)} wrong; {campaign.server_kills} kills of the "
          f"server, {campaign.worker_kills} of workers; {campaign.submitted_again} submitted again; "
          f"peak {campaign.peak_kib >> 10} MiB")
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump({"passed": 0 if campaign.wrong else 1, "failed": 1 if campaign.wrong else 0, "skipped": 0,
                       "notes": [f"FAILED chaos: {line.splitlines()[0]} (seed {seed})" for line in campaign.wrong]}, file)
    return 1 if campaign.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
