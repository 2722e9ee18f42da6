"""Programs that behave badly, and what `run:` makes of them: nothing is left, nothing is unbounded."""

import os
import re
import signal
import textwrap
import unittest

import leftovers
from harness import PATIENCE, ROOT, ServerCase, wait_until

YAML = """\
app: programs
workflows:
  shell:
    inputs: { command: text }
    steps:
      make: { run: [/bin/sh, -c, "${inputs.command}"] }
    outputs: { text: "${make.result}" }
  quick:
    inputs: { command: text, place: text }
    steps:
      make: { run: [/bin/sh, -c, "${inputs.command}"], in: { PLACE: "${inputs.place}" }, timeout: 1s }
    outputs: { text: "${make.result}" }
  parts:
    inputs: { command: text, place: text }
    steps:
      make: { run: [/bin/sh, -c, "${inputs.command}"], in: { PLACE: "${inputs.place}" }, out: { parts: { path: "p*", type: "list<text>" } } }
      each: { foreach: "${make.parts}", run: "touch \\"$PLACE\\"/seen-${item}; printf '<%s>' ${item}", in: { PLACE: "${inputs.place}" } }
    outputs: { each: "${each.result}" }
  bytes:
    inputs: { size: int }
    steps:
      make: { run: "head -c ${inputs.size} /dev/zero", out: { data: { path: "-", type: bytes } } }
      file: { run: "head -c ${inputs.size} /dev/zero > f", out: { data: f } }
      count: { run: "wc -c | tr -d ' \\\\n'", in: { stdin: "${make.data}" } }
      path: { run: "stat -L -c %s ${file.data} | tr -d '\\\\n'" }
    outputs: { count: "${count.result}", path: "${path.result}" }
"""


class Programs(ServerCase):
    def setUp(self):
        super().setUp()
        self.app("programs", YAML)

    def written(self, name, what):
        """The number that a program writes into a file of the test's folder."""
        def read():
            try:
                with open(self.path(name), encoding="ascii") as file:
                    return int(file.read() or 0)
            except (FileNotFoundError, ValueError):
                return 0
        return wait_until(read, PATIENCE, what)

    def assert_gone(self, pid):
        def gone():
            try:
                with open(f"/proc/{pid}/stat", encoding="ascii") as file:
                    return file.read().rsplit(")", 1)[1].split()[0] == "Z"
            except (FileNotFoundError, ProcessLookupError):
                return True
        wait_until(gone, PATIENCE, f"process {pid} is gone")

    def test_elements_are_read_while_the_program_still_writes(self):
        # The program goes on only when somebody has read its first element: a barrier would be a hang.
        command = 'printf 1 > p1; printf 2 > p2; while [ ! -e "$PLACE/seen-1" ]; do sleep 0.01; done; printf 3 > p3'
        run = self.server.run("parts", command=command, place=self.folder)
        self.assertEqual(self.assert_succeeded(run)["each"], ["<1>", "<2>", "<3>"])

    def test_a_file_that_is_written_to_after_it_has_left_fails_the_attempt(self):
        command = 'printf 1 > p1; printf 2 > p2; while [ ! -e "$PLACE/seen-1" ]; do sleep 0.01; done; printf 3 >> p1; sleep 600'
        error = self.assert_failed(self.server.run("parts", command=command, place=self.folder), "InvalidOutput")
        self.assertIn("'p1' changed after it had been emitted", error["message"])

    def test_a_change_through_a_mapping_is_found_at_the_end(self):
        # No event tells of it: the times of the file do.
        change = ("import mmap, os; f = os.open('p1', os.O_RDWR); m = mmap.mmap(f, 1); os.close(f); "
                  "open('p2', 'w').write('2')\n"
                  "import time\nwhile not os.path.exists(os.environ['PLACE'] + '/seen-1'): time.sleep(0.01)\n"
                  "m[0] = 57; m.flush()")
        command = f'printf 1 > p1; exec python3 -c "{change}"'
        error = self.assert_failed(self.server.run("parts", command=command, place=self.folder), "InvalidOutput")
        self.assertIn("'p1' changed", error["message"])

    def test_children_that_are_left_behind_are_ended(self):
        command = (f'sleep 1000 & echo $! > {self.path("group")}; '
                   f'setsid sh -c \'echo $$ > {self.path("session")}; exec sleep 1000\' & '
                   f'while [ ! -s {self.path("session")} ]; do sleep 0.01; done; echo done')
        self.assertEqual(self.assert_succeeded(self.server.run("shell", command=command))["text"], "done\n")
        self.assert_gone(self.written("group", "the child of the group"))
        self.assert_gone(self.written("session", "the child with a session of its own"))

    def test_a_program_that_ignores_sigterm_is_killed_with_all_that_it_started(self):
        command = (f'trap "" TERM; sh -c \'echo $$ > {self.path("child")}; exec sleep 1000\' & '
                   f'echo $$ > {self.path("leader")}; while true; do sleep 1; done')
        self.assert_failed(self.server.run("quick", command=command, place=self.folder), "Timeout")
        self.assert_gone(self.written("leader", "the program"))
        self.assert_gone(self.written("child", "its child"))

    def test_a_program_is_asked_before_it_is_killed(self):
        command = (f'trap "echo 7 > {self.path("asked")}; exit 0" TERM; echo $$ > {self.path("leader")}; '
                   'while true; do sleep 0.05; done')
        run = self.server.start_run("shell", command=command)
        leader = self.written("leader", "the program")
        self.server.http("POST", f"runs/{run}/cancel")
        self.assertEqual(self.server.wait_run(run)["state"], "CANCELLED")
        self.assertEqual(self.written("asked", "it was asked"), 7)
        self.assert_gone(leader)

    def test_what_is_no_utf8_is_no_text(self):
        error = self.assert_failed(self.server.run("shell", command="printf 'a\\303('"), "InvalidOutput")
        self.assertIn("no UTF-8 (byte 2)", error["message"])

    def test_failures_have_names(self):
        for command, name, words in (("exit 7", "ExitStatus", "status 7"),
                                     ("kill -SEGV $$", "Crash", "signal 11"),
                                     ("no-such-command", "ExitStatus", "status 127")):
            error = self.assert_failed(self.server.run("shell", command=command), name)
            self.assertIn(words, error["message"])

    def test_the_log_is_standard_error(self):
        run = self.server.run("shell", command="echo out; echo to the log >&2; printf '\\377' >&2; exit 1")
        self.assert_failed(run, "ExitStatus")
        log = self.server.http("GET", f"runs/{run['id']}/logs").body
        self.assertIn(b"to the log", log)
        self.assertNotIn(b"out\n", log)

    def test_a_program_that_may_write_no_more_fails_alone(self):
        error = self.assert_failed(self.server.run("shell", command="ulimit -f 8; head -c 1000000 /dev/zero > big"),
                                   "ExitStatus")
        self.assertIn("status", error["message"])
        self.assertEqual(self.assert_succeeded(self.server.run("shell", command="echo well"))["text"], "well\n")

    def test_the_worker_may_be_killed_at_any_moment(self):
        # Before it prints, while it prints, and the program itself: the same result each time.
        for victim in ("worker", "program"):
            name = f"count-{victim}"
            command = (f'n=$(cat {self.path(name)} 2>/dev/null || echo 0); n=$((n + 1)); echo $n > {self.path(name)}; '
                       f'echo a; echo $$ > {self.path("leader")}.new; mv {self.path("leader")}.new {self.path("leader")}; '
                       f'[ $n -gt 2 ] || exec sleep 1000; rm {self.path("leader")}; echo b')
            run = self.server.start_run("shell", command=command)
            for _ in range(2):
                leader = self.written("leader", "the program runs")
                os.remove(self.path("leader"))
                if victim == "worker":
                    with open(f"/proc/{leader}/stat", encoding="ascii") as file:
                        os.kill(int(file.read().rsplit(")", 1)[1].split()[1]), signal.SIGKILL)
                else:
                    os.kill(leader, signal.SIGKILL)
                self.assert_gone(leader)
            self.assertEqual(self.assert_succeeded(self.server.wait_run(run))["text"], "a\nb\n", victim)


class Page(ServerCase):
    def test_what_the_page_shows_works_as_it_is_printed(self):
        with open(os.path.join(ROOT, "docs/runtimes/run.md"), encoding="utf-8") as file:
            app, out = re.findall(r"^```yaml\n(.*?)^```$", file.read(), re.MULTILINE | re.DOTALL)
        self.app("clip", app)
        self.assertEqual(self.assert_succeeded(self.server.run("shout", text="soft"))["text"], "SOFT")
        command = "printf mp4 > out.mp4; printf a > seg-1.ts; printf b > seg-2.ts; printf '{\"n\": 2}'"
        step = textwrap.indent(f"run: [/bin/sh, -c, '{command.replace(chr(39), chr(39) * 2)}']\n{out}", " " * 8)
        self.app("outs", f"""\
app: outs
workflows:
  outs:
    steps:
      make:
{step}
      each: {{ foreach: "${{make.parts}}", run: [cat, "${{item}}"] }}
    outputs: {{ each: "${{each.result}}", info: "${{make.info}}", notes: "${{make.notes}}" }}
""")
        self.assertEqual(self.assert_succeeded(self.server.run("outs")), {"each": ["a", "b"], "info": {"n": 2}})


class LargeOutputs(ServerCase):
    arguments = ("--workers", "4", "--memory", "64Mi")

    def test_a_gibibyte_is_printed_and_written_in_bounded_memory(self):
        self.app("programs", YAML)
        size = 1 << 30
        largest = 0
        run = self.server.start_run("bytes", size=size)

        def ended():
            nonlocal largest
            for pid in leftovers.processes(self.server.data):
                largest = max(largest, anonymous_kib(pid))
            document = self.server.get(f"runs/{run}")
            return document if document["state"] in ("SUCCEEDED", "FAILED") else None
        outputs = self.assert_succeeded(wait_until(ended, 2 * PATIENCE, "the run has ended"))
        self.assertEqual(outputs, {"count": str(size), "path": str(size)})
        self.assertLess(largest, 200 << 10, "KiB of one process")


def anonymous_kib(pid):
    """Memory that is its own; what it has mapped of files is not counted."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:
            return next((int(line.split()[1]) for line in file if line.startswith("RssAnon:")), 0)
    except (FileNotFoundError, ProcessLookupError):
        return 0


if __name__ == "__main__":
    unittest.main()
