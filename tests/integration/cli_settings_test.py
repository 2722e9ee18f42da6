"""Settings of the commands that talk to a server, and what is made from their descriptions: files, variables,
completion of values, the manual page."""

import os
import shutil
import subprocess
import unittest

from fake_server import FakeServerCase, RUN, run_document


class Settings(FakeServerCase):
    def environment(self, **more):
        return {**super().environment(), "XDG_CONFIG_HOME": self.path("config"), **more}

    def without_url(self, **more):
        return {name: value for name, value in self.environment(**more).items() if name != "SLUICE_URL"}

    def write(self, name, text):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def get_runs(self, status, environment):
        process = self.start("get", "runs", env=environment)
        _, errors = process.communicate(timeout=300)
        self.assertEqual(process.returncode, status, errors)
        return errors.decode()

    def setUp(self):
        super().setUp()
        self.server.on("GET", "runs", {"runs": []})

    def test_the_server_is_named_by_flag_variable_or_file_in_this_order(self):
        wrong = "http://127.0.0.1:1"
        self.write("config/sluice/config.toml", f'url = "{self.server.url}"\n')
        self.get_runs(0, self.without_url())
        self.write("sluice.toml", f'url = "{wrong}"\n')
        self.assertIn(f"cannot reach {wrong}", self.get_runs(5, self.without_url()))
        self.get_runs(0, self.environment())
        self.assertIn(f"cannot reach {wrong}", self.cli("get", "runs", "--url", wrong, status=5)[1])
        self.write("own.toml", f'url = "{self.server.url}"\nmemory = "1Gi"\n')
        self.get_runs(0, self.without_url(SLUICE_CONFIG=self.path("own.toml")))

    def test_a_mistake_in_a_file_names_its_line(self):
        self.write("sluice.toml", '# mine\nurll = "http://h"\n')
        self.assertEqual(self.get_runs(2, self.environment()), "error: sluice.toml:2: no setting 'urll'; did you mean 'url'?\n")

    def test_a_token_of_a_file_is_sent(self):
        self.write("config/sluice/config.toml", 'token = "secret"\n')
        self.get_runs(0, self.environment())
        self.assertEqual(self.asked("GET", "runs")[-1].headers["Authorization"], "Bearer secret")

    def test_a_token_is_not_sent_to_a_server_that_only_the_folder_names(self):
        # .invalid is never resolved: were anything sent, the error would be that of the connection.
        self.write("sluice.toml", 'url = "http://thief.invalid:1"\n')
        errors = self.get_runs(2, self.without_url(SLUICE_TOKEN="secret"))
        self.assertIn("sluice.toml names the server http://thief.invalid:1, and the token is from SLUICE_TOKEN", errors)
        self.write("sluice.toml", 'url = "http://127.0.0.1@thief.invalid:1"\n')
        self.assertIn("it is not sent there", self.get_runs(2, self.without_url(SLUICE_TOKEN="secret")))
        self.write("sluice.toml", f'url = "{self.server.url}"\n')
        self.get_runs(0, self.without_url(SLUICE_TOKEN="secret"))
        self.assertEqual(self.asked("GET", "runs")[-1].headers["Authorization"], "Bearer secret")


class Descriptions(FakeServerCase):
    def complete(self, *words):
        """What bash offers for the last of `words`."""
        script = self.cli("completion", "bash")[0].decode()
        quoted = " ".join(f"'{word}'" for word in words)
        path = os.path.dirname(os.path.abspath(self.start("--version").args[0])) + ":" + os.environ["PATH"]
        return subprocess.run(["bash", "-c", f"{script}\nCOMP_WORDS=(sluice {quoted}); COMP_CWORD={len(words)}; _sluice; "
                               'printf "%s\\n" "${COMPREPLY[@]}"'], env=self.environment(PATH=path), check=True,
                              capture_output=True, text=True, timeout=300).stdout.split()

    def test_bash_completes_commands_options_and_fixed_words(self):
        self.assertEqual(self.complete("dep"), ["deploy"])
        self.assertNotIn("man", self.complete(""))
        self.assertEqual(self.complete("run", "--de"), ["--detach"])
        self.assertEqual(self.complete("run", "x", "-o", "j"), ["json"])
        self.assertEqual(self.complete("get", "w"), ["workflows", "workers"])
        self.assertEqual(self.complete("get", "runs", "--state", "F"), ["FAILED"])
        self.assertEqual(self.complete("delete", ""), ["app", "run"])
        self.assertEqual(self.complete("serve", "--retention-"), ["--retention-runs", "--retention-disk"])
        self.assertEqual(self.complete("completion", "f"), ["fish"])

    def test_bash_completes_what_the_server_knows(self):
        self.server.on("GET", "runs", {"runs": [run_document("RUNNING")]})
        self.assertEqual(self.complete("run", ""), ["app.flow"])
        self.assertEqual(self.complete("run", "--detach", "app"), ["app.flow"])
        self.assertEqual(self.complete("run", "--timeout", "3s", "app"), ["app.flow"])
        self.assertEqual(self.complete("run", "app.flow", "app"), [])
        self.assertEqual(self.complete("logs", ""), [RUN])
        self.assertEqual(self.complete("logs", "-f", RUN[:3]), [RUN])
        self.assertEqual(self.complete("get", "run", ""), [RUN])
        self.assertEqual(self.complete("get", "workflows", "a"), ["app.flow"])
        self.assertEqual(self.complete("delete", "run", RUN[:5]), [RUN])

    def test_completion_waits_for_no_server_that_is_not_there(self):
        self.server.url = "http://127.0.0.1:1"
        self.assertEqual(self.complete("logs", ""), [])

    def test_the_manual_page_has_every_command_and_no_warning(self):
        page = self.cli("man")[0].decode()
        listed = [line.split()[0] for line in self.cli("--help")[0].decode().splitlines() if line.startswith("  ")]
        self.assertIn("serve", listed)
        for command in listed:
            self.assertIn(f".SS {command}\n", page)
        for word in (r"\fB\-\-retention\-runs\fR", r"\fBSLUICE_TOKEN\fR", r"\fB\-i\fR, \fB\-\-input\fR"):
            self.assertIn(word, page)
        if shutil.which("groff") is None:
            self.skipTest("groff is not installed")
        result = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z"], input=page, capture_output=True, text=True,
                                timeout=300, check=False)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        shown = subprocess.run(["groff", "-man", "-Tascii", "-P-cbou"], input=page, capture_output=True, text=True, timeout=300,
                               check=True).stdout
        self.assertIn("--retention-runs N", shown)
        self.assertIn("${...}", shown)

    def test_help_names_every_option_with_its_default(self):
        shown = " ".join(self.cli("get", "--help")[0].decode().split())
        self.assertIn("--url URL the server (default: http://127.0.0.1:7600)", shown)
        self.assertIn("did you mean '--detach'?", self.cli("run", "flow", "--detahc", status=2)[1])


if __name__ == "__main__":
    unittest.main()
