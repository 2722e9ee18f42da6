"""No barrier, by construction: each task waits for a file that only a task after it in the graph writes.

With a barrier anywhere these runs could not end; the functions' own deadlines turn that into a failure.
"""

import os
import unittest

from harness import LATCH, PATIENCE, ServerCase, wait_until


class NoBarrier(ServerCase):
    def test_split_count_and_merge_run_at_the_same_time(self):
        # split waits for count of element 0; the last count waits for merge, which has read element 0 only.
        os.makedirs(self.path("latch"))
        self.app("early", """
            app: early
            functions:
              split:
                runtime: python3
                handler: words.split
                inputs: { latch: text }
                outputs: { chunks: list<bytes> }
              count:
                runtime: python3
                handler: words.count
                inputs: { chunk: bytes, n: int, latch: text }
                outputs: { counts: json }
              merge:
                runtime: python3
                handler: words.merge
                inputs: { counts: stream<json>, latch: text }
                outputs: { total: json }
            workflows:
              early:
                inputs: { latch: text }
                steps:
                  split: { call: split, in: { latch: "${inputs.latch}" } }
                  count: { call: count, foreach: "${split.chunks}", in: { chunk: "${item}", n: "${index}", latch: "${inputs.latch}" } }
                  merge: { call: merge, in: { counts: "${count.counts}", latch: "${inputs.latch}" } }
                outputs: { total: "${merge.total}" }
            """, words=LATCH + """
def split(latch):
    yield b"a b a"
    wait_for(latch + "/counted-0")
    yield b"b b"
    yield b"c"

def count(chunk, n, latch):
    if n == 0:
        write(latch + "/counted-0")
    if n == 2:
        wait_for(latch + "/merged-0")
    words = chunk.decode().split()
    return {word: words.count(word) for word in words}

def merge(counts, latch):
    total = {}
    for number, part in enumerate(counts):
        for word, n in part.items():
            total[word] = total.get(word, 0) + n
        if number == 0:
            write(latch + "/merged-0")
    return total
""")
        outputs = self.assert_succeeded(self.server.run("early", latch=self.path("latch")))
        self.assertEqual(outputs["total"], {"a": 2, "b": 3, "c": 1})

    def test_a_chain_of_three_foreach_has_no_barrier_between_its_steps(self):
        # Element 0 must pass all three steps before the source emits element 1; and element 1 waits in
        # the second step until element 2 has passed the third: elements overtake each other as well.
        os.makedirs(self.path("latch"))
        self.app("chain", """
            app: chain
            functions:
              source: { runtime: python3, handler: code.source, inputs: { latch: text }, outputs: { items: list<int> } }
              first: { runtime: python3, handler: code.first, inputs: { x: int }, outputs: { y: int } }
              second: { runtime: python3, handler: code.second, inputs: { x: int, latch: text }, outputs: { y: int } }
              third: { runtime: python3, handler: code.third, inputs: { x: int, latch: text }, outputs: { y: int } }
            workflows:
              chain:
                inputs: { latch: text }
                steps:
                  source: { call: source, in: { latch: "${inputs.latch}" } }
                  first: { call: first, foreach: "${source.items}", in: { x: "${item}" } }
                  second: { call: second, foreach: "${first.y}", in: { x: "${item}", latch: "${inputs.latch}" } }
                  third: { call: third, foreach: "${second.y}", in: { x: "${item}", latch: "${inputs.latch}" } }
                outputs: { ys: "${third.y}" }
            """, code=LATCH + """
def source(latch):
    yield 0
    wait_for(latch + "/third-0")
    yield 1
    yield 2

def first(x):
    return x

def second(x, latch):
    if x == 1:
        wait_for(latch + "/third-2")
    return x

def third(x, latch):
    write(latch + f"/third-{x}")
    return x * 10
""")
        outputs = self.assert_succeeded(self.server.run("chain", latch=self.path("latch")))
        self.assertEqual(outputs["ys"], [0, 10, 20])

    def test_an_element_that_the_client_uploads_is_processed_while_the_upload_goes_on(self):
        os.makedirs(self.path("latch"))
        self.app("upload", """
            app: upload
            functions:
              seen: { runtime: python3, handler: code.seen, inputs: { part: bytes, n: int, latch: text }, outputs: { n: int } }
            workflows:
              upload:
                inputs: { latch: text, parts: list<bytes> }
                steps:
                  seen: { call: seen, foreach: "${inputs.parts}", in: { part: "${item}", n: "${index}", latch: "${inputs.latch}" } }
                outputs: { n: "${seen.n}" }
            """, code=LATCH + """
def seen(part, n, latch):
    write(latch + f"/seen-{n}")
    return len(part)
""")
        boundary = "x-sluice-boundary"

        def part(name, content):
            return (f"--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n").encode() + content + b"\r\n"

        def body():
            yield part("latch", self.path("latch").encode())
            yield part("parts", b"x" * 10)
            # Without the beginning of the next part the receiver cannot know that this one is over.
            yield f"--{boundary}\r\n".encode()
            deadline_wait(self.path("latch", "seen-0"))
            yield part("parts", b"x" * 20)[len(boundary) + 4:]
            yield f"--{boundary}--\r\n".encode()

        def deadline_wait(path):
            wait_until(lambda: os.path.exists(path), PATIENCE, f"{path} is there: the first element ran during the upload")

        answer = self.server.http("POST", "workflows/upload/runs?wait=300", body=body(), headers={
            "Content-Type": f"multipart/form-data; boundary={boundary}"})
        self.assertIn(answer.status, (200, 202), answer)
        outputs = self.assert_succeeded(self.server.wait_run(answer.json()["id"]))
        self.assertEqual(outputs["n"], [10, 20])

    def test_a_pipe_is_read_while_the_upload_goes_on(self):
        os.makedirs(self.path("latch"))
        self.app("pipe", """
            app: pipe
            functions:
              follow: { runtime: python3, handler: code.follow, inputs: { data: pipe, latch: text }, outputs: { size: int } }
            workflows:
              pipe:
                inputs: { latch: text, data: bytes }
                steps:
                  follow: { call: follow, in: { data: "${inputs.data}", latch: "${inputs.latch}" } }
                outputs: { size: "${follow.size}" }
            """, code=LATCH + """
def follow(data, latch):
    size = 0
    while block := data.read(65536):
        size += len(block)
        if size >= 1 << 20 and not os.path.exists(latch + "/first-mebibyte"):
            write(latch + "/first-mebibyte")
    return size
""")
        boundary = "x-sluice-boundary"

        def body():
            yield (f"--{boundary}\r\nContent-Disposition: form-data; name=\"latch\"\r\n\r\n{self.path('latch')}\r\n"
                   f"--{boundary}\r\nContent-Disposition: form-data; name=\"data\"\r\n\r\n").encode()
            # More than a mebibyte, since what lies in the buffers on the way need not have arrived.
            for _ in range(32):
                yield b"x" * (64 << 10)
            wait_until(lambda: os.path.exists(self.path("latch", "first-mebibyte")), PATIENCE,
                       "the function has read the first mebibyte during the upload")
            for _ in range(16):
                yield b"y" * (64 << 10)
            yield f"\r\n--{boundary}--\r\n".encode()

        answer = self.server.http("POST", "workflows/pipe/runs?wait=300", body=body(), headers={
            "Content-Type": f"multipart/form-data; boundary={boundary}"})
        self.assertIn(answer.status, (200, 202), answer)
        outputs = self.assert_succeeded(self.server.wait_run(answer.json()["id"]))
        self.assertEqual(outputs["size"], 48 << 16)


if __name__ == "__main__":
    unittest.main()
