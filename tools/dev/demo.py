#!/usr/bin/env python3
"""`./dev demo`: serve, deploy examples/wordcount, run it on real text, check the result, show the timeline.

    demo.py [--keep] [--json FILE]

With --keep the server goes on and its address is printed; otherwise nothing is left behind. --json
FILE receives the counts of what was checked, for `./dev test`; texts that cannot be fetched are then
a skip.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from timeline import bars, draw  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SLUICE = os.environ.get("SLUICE_BIN") or os.path.join(ROOT, "build/release/sluice")
START_SECONDS = 300  # Only what hangs waits so long.
STOP_SECONDS = 300
STOPPED = 143  # Its exit status after SIGTERM.


class Failure(Exception):
    """Something that the demo promises did not hold; the message says what."""


def fetch_texts():
    result = subprocess.run([sys.executable, os.path.join(ROOT, "tools/data/fetch_texts.py"),
                             os.path.join(ROOT, "build/data")], stdout=subprocess.PIPE, text=True, check=False)
    return result.returncode, result.stdout.strip()


def start_server(folder):
    """Starts `sluice serve` in `folder`; returns the process and its address."""
    ready, log = os.path.join(folder, "ready"), os.path.join(folder, "server.log")
    with open(log, "wb") as output:
        server = subprocess.Popen([SLUICE, "serve", "--listen", "127.0.0.1:0", "--data", os.path.join(folder, "data"),
                                   "--ready-file", ready], stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        if os.path.exists(ready):
            with open(ready, encoding="utf-8") as file:
                if url := file.read().strip():
                    return server, url
        time.sleep(0.02)
    stop_server(server)
    with open(log, encoding="utf-8", errors="replace") as file:
        raise Failure(f"the server did not come up:\n{file.read()[-3000:]}")


def stop_server(server):
    if server.poll() is None:
        server.send_signal(signal.SIGTERM)
    try:
        return server.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
        raise Failure(f"the server did not stop within {STOP_SECONDS} s") from None


def sluice(url, *arguments, output=None):
    print(f"$ sluice {' '.join(arguments)}", flush=True)
    result = subprocess.run([SLUICE, *arguments], env={**os.environ, "SLUICE_URL": url}, check=False,
                            stdin=subprocess.DEVNULL, stdout=output or subprocess.PIPE)
    if result.returncode != 0:
        raise Failure(f"`sluice {' '.join(arguments)}` ended with {result.returncode}")
    return result.stdout


def run_once(url, text, folder, name):
    """One run; returns its id and the milliseconds between accepted and ended."""
    result = os.path.join(folder, f"{name}.json")
    with open(result, "wb") as file:
        sluice(url, "run", "wordcount", "-i", f"text=@{text}", "-o", "json", output=file)
    with open(result, encoding="utf-8") as file:
        run = json.load(file)
    check = subprocess.run([sys.executable, os.path.join(ROOT, "tools/data/check_wordcount.py"), text, result],
                           stdout=subprocess.PIPE, text=True, check=False)
    print(check.stdout, end="", flush=True)
    if check.returncode != 0:
        raise Failure("the workflow's result differs from an independent count")
    return run["id"]


def show_timeline(url, run):
    drawn = bars(json.loads(sluice(url, "trace", run)))
    print("\n".join(draw(drawn)))
    split = next((bar for bar in drawn if bar.name == "split"), None)
    counts = [bar for bar in drawn if bar.name.startswith("count.")]
    merge = next((bar for bar in drawn if bar.name == "merge"), None)
    if not split or not counts or not merge:
        raise Failure(f"the trace of run {run} lacks tasks: {[bar.name for bar in drawn]}")
    early = sum(bar.begin < split.end for bar in counts)
    print(f"{early} of {len(counts)} count tasks began before split had ended; merge began "
          f"{'before' if merge.begin < max(bar.end for bar in counts) else 'after'} the last count ended")
    return early


def demo(text, folder, keep):
    server, url = start_server(folder)
    keep_running = False
    try:
        print(f"serving at {url}")
        sys.stdout.buffer.write(sluice(url, "deploy", os.path.join(ROOT, "examples/wordcount")))
        print("first run, with workers that have yet to start:")
        run_once(url, text, folder, "first")
        print("second run, with warm workers:")
        run = run_once(url, text, folder, "second")
        if show_timeline(url, run) == 0:
            raise Failure("no count task began before split had ended: there is a barrier")
        keep_running = keep
    finally:
        if not keep_running:
            status = stop_server(server)
    if keep_running:
        print(f"\nThe server goes on at {url} (process {server.pid}, data and log in {folder}); for example:\n"
              f"  SLUICE_URL={url} {os.path.relpath(SLUICE)} get runs\n"
              f"stop it with: kill {server.pid}")
    elif status != STOPPED:
        raise Failure(f"the server ended with status {status}")


def main():
    parser = argparse.ArgumentParser(prog="./dev demo")
    parser.add_argument("--keep", action="store_true", help="leave the server running")
    parser.add_argument("--json", help=argparse.SUPPRESS)
    arguments = parser.parse_args()

    counts = {"passed": 0, "failed": 0, "skipped": 0, "notes": []}
    status, text = fetch_texts()
    folder = tempfile.mkdtemp(prefix="sluice-demo-")
    try:
        if status == 3 and arguments.json:
            counts["skipped"], counts["notes"] = 1, ["skipped demo: the npm registry cannot be reached"]
        elif status != 0:
            raise Failure("the texts are not there")
        else:
            demo(text, folder, arguments.keep)
            counts["passed"] = 1
    except Failure as failure:
        print(f"demo: {failure}", file=sys.stderr)
        counts["failed"], counts["notes"] = 1, [f"FAILED demo: {str(failure).splitlines()[0]}"]
    finally:
        if not (arguments.keep and counts["passed"]):
            shutil.rmtree(folder, ignore_errors=True)
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(counts, file)
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
