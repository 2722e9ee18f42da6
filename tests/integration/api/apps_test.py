"""Apps and versions: the same content is the same version, old ones go, files that do not belong are left out."""

import io
import json
import os
import tarfile
import unittest

from harness import LATCH, PATIENCE, STOPPED, ServerCase, wait_until, write_app

YAML = """
    app: small
    functions:
      add: { runtime: python3, handler: code.add, inputs: { x: int }, outputs: { y: int } }
    workflows:
      small:
        inputs: { x: int }
        steps:
          add: { call: add, in: { x: "${inputs.x}" } }
        outputs: { y: "${add.y}" }
    """
CODE = "def add(x):\n    return x + {}\n"


class Apps(ServerCase):
    def deploy(self, folder):
        result = self.server.cli("deploy", folder, "-o", "json")
        self.assertEqual(result.returncode, 0, result.stderr)
        return json.loads(result.stdout)

    def small(self, n=1):
        return write_app(self.path("small"), YAML, code=CODE.format(n))

    def test_the_same_content_is_the_same_version(self):
        first = self.deploy(self.small())
        self.assertEqual((first["app"], first["version"]), ("small", 1))
        os.utime(self.path("small", "code.py"), (1, 1))
        again = self.deploy(self.path("small"))
        self.assertEqual((again["version"], again["digest"]), (1, first["digest"]))
        second = self.deploy(self.small(2))
        self.assertEqual(second["version"], 2)
        self.assertNotEqual(second["digest"], first["digest"])
        self.assertEqual(self.assert_succeeded(self.server.run("small", x=1))["y"], 3)

    def test_a_deploy_that_fails_changes_nothing(self):
        place = os.path.join(self.server.data, "apps/default")
        os.makedirs(place, exist_ok=True)
        with open(os.path.join(place, "small"), "w", encoding="utf-8") as file:
            file.write("in the way")
        result = self.server.cli("deploy", self.small())
        self.assertNotEqual(result.returncode, 0, result.stdout)
        self.assertIn("apps/default/small", result.stderr)
        self.assertEqual(self.server.get("apps")["apps"], [])
        self.assertEqual(self.server.http("GET", "workflows/small").status, 404)
        os.unlink(os.path.join(place, "small"))
        self.assertEqual(self.deploy(self.path("small"))["version"], 1)
        self.assertEqual(self.assert_succeeded(self.server.run("small", x=1))["y"], 2)

    def test_what_the_ignore_file_names_does_not_belong_to_the_app(self):
        self.small()
        first = self.deploy(self.path("small"))
        for name in ("notes.tmp", "data/large.bin", ".git/config", "__pycache__/code.pyc"):
            os.makedirs(os.path.dirname(self.path("small", name)), exist_ok=True)
            with open(self.path("small", name), "w", encoding="utf-8") as file:
                file.write("x")
        with open(self.path("small", ".sluiceignore"), "w", encoding="utf-8") as file:
            file.write("*.tmp\n/data/\n.sluiceignore\n")
        self.assertEqual(self.deploy(self.path("small"))["digest"], first["digest"])

    def test_links_are_refused_and_named(self):
        self.small()
        for target in ("/etc/passwd", "code.py", "../elsewhere"):
            with self.subTest(target=target):
                link = self.path("small", "link.py")
                os.symlink(target, link)
                result = self.server.cli("deploy", self.path("small"))
                os.remove(link)
                self.assertEqual(result.returncode, 3, result)
                self.assertIn("link.py", result.stderr + result.stdout)
        self.assertEqual(self.server.get("workflows")["workflows"], [])

    def test_old_versions_are_dropped_and_one_in_use_is_not(self):
        os.makedirs(self.path("latch"))
        folder = self.path("held")
        yaml = """
            app: held
            functions:
              hold: { runtime: python3, handler: code.hold, inputs: { latch: text }, outputs: { y: int } }
              after: { runtime: python3, handler: later.after, inputs: { y: int }, outputs: { y: int } }
            workflows:
              held:
                inputs: { latch: text }
                steps:
                  hold: { call: hold, in: { latch: "${inputs.latch}" } }
                  after: { call: after, in: { y: "${hold.y}" } }
                outputs: { y: "${after.y}" }
            """
        code = LATCH + """
def hold(latch):
    write(latch + "/held")
    wait_for(latch + "/go")
    return 1
"""
        later = "def after(y):\n    return y + {}\n"
        write_app(folder, yaml, code=code, later=later.format(100))
        self.deploy(folder)
        run = self.server.start_run("held", latch=self.path("latch"))
        wait_until(lambda: os.path.exists(self.path("latch", "held")), PATIENCE, "the task holds")
        for n in range(12):
            write_app(folder, yaml, code=code, later=later.format(n))
            version = self.deploy(folder)["version"]
        self.assertEqual(version, 13)
        with open(self.path("latch", "go"), "w", encoding="utf-8"):
            pass
        # `after` of version 1 is loaded only now, when twelve newer versions are there.
        self.assertEqual(self.assert_succeeded(self.server.wait_run(run))["y"], 101)

        def kept():
            return os.listdir(os.path.join(self.server.data, "apps", "default", "held"))
        wait_until(lambda: len([name for name in kept() if name.isdigit()]) <= 6, PATIENCE, lambda: f"old versions are dropped: {kept()}")

    def test_apps_survive_a_restart(self):
        first = self.deploy(self.small(5))
        self.assertEqual(self.server.stop(), STOPPED)
        self.check_nothing_is_left()
        self.server.start()
        self.assertEqual(self.assert_succeeded(self.server.run("small", x=1))["y"], 6)
        again = self.deploy(self.path("small"))
        self.assertEqual((again["version"], again["digest"]), (first["version"], first["digest"]))

    def test_a_deleted_app_is_gone_also_after_a_restart(self):
        self.deploy(self.small())
        self.assertEqual(self.server.cli("delete", "app", "small").returncode, 0)
        self.assertEqual(self.server.http("GET", "workflows/small").status, 404)
        self.assertEqual(self.server.cli("delete", "app", "small").returncode, 4)
        self.server.stop()
        self.server.start()
        self.assertEqual(self.server.get("workflows")["workflows"], [])

    def test_a_workflow_name_in_two_apps_must_be_said_with_its_app(self):
        self.deploy(self.small())
        self.deploy(write_app(self.path("other"), YAML.replace("app: small", "app: other"), code=CODE.format(10)))
        answer = self.server.http("POST", "workflows/small/runs?wait=10", {"inputs": {"x": 1}})
        self.assertEqual(answer.status, 409, answer)
        self.assertIn("small.small", answer.json()["detail"])
        self.assertIn("other.small", answer.json()["detail"])
        self.assertEqual(self.assert_succeeded(self.server.run("other.small", x=1))["y"], 11)

    def test_an_archive_that_is_none_or_leads_outside_is_refused(self):

        def archive(name, kind=tarfile.REGTYPE, link=""):
            buffer = io.BytesIO()
            with tarfile.open(fileobj=buffer, mode="w") as tar:
                member = tarfile.TarInfo(name)
                member.type, member.linkname = kind, link
                member.size = 0
                tar.addfile(member)
            return buffer.getvalue()

        for body in (b"", b"no archive", archive("../outside"), archive("/absolute"), archive("a/../../b"),
                     archive("link", tarfile.SYMTYPE, "/etc/passwd"), archive("hard", tarfile.LNKTYPE, "code.py"),
                     archive("device", tarfile.CHRTYPE), archive("fifo", tarfile.FIFOTYPE)):
            with self.subTest(body=body[:20]):
                answer = self.server.http("PUT", "apps/small", body, {"Content-Type": "application/x-tar"})
                self.assertIn(answer.status, (400, 413, 422), answer)
                self.assertTrue(answer.headers["content-type"].startswith("application/problem+json"))
        self.assertEqual(self.server.get("apps")["apps"], [])

    def test_mistakes_come_with_file_line_and_column_and_change_nothing(self):
        self.deploy(self.small())
        write_app(self.path("small"), YAML.replace("${inputs.x}", "${inputs.y}").replace("call: add", "call: ad"), code=CODE.format(2))
        result = self.server.cli("deploy", self.path("small"))
        self.assertEqual(result.returncode, 3, result)
        self.assertIn("sluice.yaml:9:", result.stderr + result.stdout)
        self.assertEqual(self.assert_succeeded(self.server.run("small", x=1))["y"], 2)


if __name__ == "__main__":
    unittest.main()
