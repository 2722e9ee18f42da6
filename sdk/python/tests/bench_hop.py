"""What a task of 8 bytes costs beside a bare socket round trip. Not a test: run it by hand.

    /usr/bin/python3 sdk/python/tests/bench_hop.py [tasks]

The node side is the same Python loop in both cases (send, then receive until the answer is whole), so the
difference is the worker. Both on one core, then on two.
"""

import os
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from tests.fake_node import Node  # noqa: E402

from sluice import wire  # noqa: E402

COUNT = int(sys.argv[1]) if len(sys.argv) > 1 else 20000
ECHO = "import os\nwhile 1:\n d=os.read({fd},4096)\n if not d: break\n os.write({fd},d)\n"


def percentiles(times):
    times.sort()
    return f"p50 {times[len(times) // 2] * 1e6:6.1f} µs   p99 {times[len(times) * 99 // 100] * 1e6:6.1f} µs", times[len(times) // 2]


def echo(cores):
    ours, theirs = socket.socketpair()
    child = subprocess.Popen(
        ["/usr/bin/python3", "-I", "-S", "-c", ECHO.format(fd=theirs.fileno())], pass_fds=[theirs.fileno()])
    theirs.close()
    os.sched_setaffinity(child.pid, cores)
    message = b"x" * 48
    times = []
    for _ in range(COUNT):
        begin = time.perf_counter()
        ours.sendall(message)
        ours.recv(4096)
        times.append(time.perf_counter() - begin)
    ours.close()
    child.wait()
    return percentiles(times[COUNT // 10 :])


def tasks(cores, lazy):
    about = (b'{"run":"01hzy3k6v7v8w9x0y1z2a3b4c5","app":"bench","workflow":"hop","step":"hop","path":"hop.%d","index":%d,'
             b'"attempt":1,"epoch":1,"token":"0123456789abcdef0123456789abcdef","inputs":[0]}')
    with Node("def run(x: bytes): return x", outputs={"result": "bytes"}, setup={"lazy_started": lazy}) as node:
        os.sched_setaffinity(node.process.pid, cores)
        times = []
        value = wire.VALUE.pack(wire.KIND_BYTES, 0, 0, 8) + b"12345678"
        end_header = wire.HEADER.pack(0, wire.FRAME_DONE, 0, 0, 0)[:6]
        for number in range(1, COUNT + 1):
            start = about % (number, number)
            message = (
                wire.HEADER.pack(len(start), wire.FRAME_START, 0, 0, number) + start
                + wire.HEADER.pack(len(value), wire.FRAME_ELEMENT, 0, 0, number) + value)
            begin = time.perf_counter()
            node.socket.sendall(message)
            answer = node.socket.recv(4096)
            while answer[-16:-10] != end_header:
                answer += node.socket.recv(4096)
            times.append(time.perf_counter() - begin)
        return percentiles(times[COUNT // 10 :])


def main():
    all_cores = sorted(os.sched_getaffinity(0))
    for cores, name in ((all_cores[:1], "one core"), (all_cores[1:2] or all_cores[:1], "two cores")):
        os.sched_setaffinity(0, all_cores[:1])
        floor, floor_time = echo(cores)
        print(f"{name}:\n  socket round trip             {floor}")
        for lazy in (False, True):
            hop, hop_time = tasks(cores, lazy)
            what = "lazy_started" if lazy else ""
            print(f"  task of 8 bytes {what:12}  {hop}   {hop_time / floor_time:.2f} x")


if __name__ == "__main__":
    main()
