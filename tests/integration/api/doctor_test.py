"""`sluice doctor` on this machine, with places that a server could and could not use."""

import contextlib
import json
import os
import socket
import subprocess
import tempfile
import unittest

from harness import PATIENCE, SLUICE, ServerCase


def doctor(*arguments, folder, **environment):
    """Exit code, and the checks by their names."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SLUICE_")}
    result = subprocess.run([SLUICE, "doctor", "-o", "json", *arguments], capture_output=True, text=True, cwd=folder,
                            timeout=PATIENCE, check=False,
                            env={**kept, "XDG_CONFIG_HOME": os.path.join(folder, "config"), **environment})
    document = json.loads(result.stdout)
    return result.returncode, {check["name"]: check for check in document["checks"]}


class Doctor(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="sluice-test-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def doctor(self, *arguments, data="data", listen="127.0.0.1:0", **environment):
        return doctor("--data", os.path.join(self.folder, data), "--listen", listen, *arguments, folder=self.folder,
                      **environment)

    def test_finds_nothing_wrong_where_servers_run_and_changes_nothing(self):
        status, checks = self.doctor()
        self.assertEqual(status, 0, checks)
        self.assertEqual(checks["kernel"]["text"], f"Linux {os.uname().release}")
        self.assertIn(f"{len(os.sched_getaffinity(0))} core", checks["cores"]["text"])
        self.assertEqual(checks["python"]["state"], "ok")
        self.assertIn("(will be made)", checks["data"]["text"])
        self.assertEqual(os.listdir(self.folder), [])
        for name in ("memory", "shm", "huge_pages", "cgroups", "user_namespaces", "landlock", "io_uring", "descriptors", "disk",
                     "listen", "clock"):
            self.assertIn(checks[name]["state"], ("ok", "note"), checks[name])

    def test_the_table_says_the_same(self):
        result = subprocess.run([SLUICE, "doctor", "--data", self.folder, "--listen", "127.0.0.1:0"], capture_output=True,
                                text=True, cwd=self.folder, timeout=PATIENCE, check=True)
        self.assertRegex(result.stdout, r"(?m)^ok       kernel           Linux ")

    def test_a_port_that_is_taken_is_a_problem(self):
        with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as taken:
            port = taken.getsockname()[1]
            status, checks = self.with_silent_server(taken, port)
        self.assertEqual(status, 1)
        self.assertEqual(checks["listen"]["state"], "problem")
        self.assertIn(f"port {port} is taken", checks["listen"]["text"])

    def with_silent_server(self, taken, port):
        """doctor, while the owner of the port takes the connection and says nothing."""
        taken.settimeout(PATIENCE)
        process = subprocess.Popen([SLUICE, "doctor", "-o", "json", "--data", self.folder, "--listen", f"127.0.0.1:{port}"],
                                   stdout=subprocess.PIPE, text=True, cwd=self.folder)
        self.addCleanup(process.stdout.close)
        with contextlib.closing(taken.accept()[0]):
            output = process.communicate(timeout=PATIENCE)[0]
        return process.returncode, {check["name"]: check for check in json.loads(output)["checks"]}

    def test_a_folder_that_cannot_be_used_is_a_problem(self):
        with open(os.path.join(self.folder, "file"), "w", encoding="utf-8"):
            pass
        status, checks = self.doctor(data="file")
        self.assertEqual((status, checks["data"]["state"]), (1, "problem"))
        os.makedirs(os.path.join(self.folder, "old"))
        with open(os.path.join(self.folder, "old", "version"), "w", encoding="utf-8") as file:
            file.write("99\n")
        status, checks = self.doctor(data="old")
        self.assertEqual(status, 1)
        self.assertIn("layout 99", checks["data"]["text"])

    def test_mistakes_of_the_configuration_are_named(self):
        with open(os.path.join(self.folder, "sluice.toml"), "w", encoding="utf-8") as file:
            file.write("memory = \"1Gi\"\nwrokers = 1\n")
        status, checks = self.doctor()
        self.assertEqual(status, 1)
        self.assertIn("sluice.toml:2: no setting 'wrokers'; did you mean 'workers'?", checks["configuration"]["text"])
        os.remove(os.path.join(self.folder, "sluice.toml"))
        status, checks = self.doctor(SLUICE_MEMROY="1Gi", SLUICE_SOMETHING="x")
        self.assertEqual((status, checks["configuration"]["state"]), (0, "note"))
        self.assertEqual(checks["configuration"]["text"], "nobody reads SLUICE_MEMROY (did you mean 'SLUICE_MEMORY'?)")

    def test_an_address_that_others_reach_is_a_problem(self):
        status, checks = self.doctor(listen="0.0.0.0:0")
        self.assertEqual((status, checks["listen"]["state"]), (1, "problem"))


class BesideAServer(ServerCase):
    def test_a_server_that_runs_is_named(self):
        status, checks = doctor("--data", self.server.data, "--listen", f"127.0.0.1:{self.server.port}", folder=self.folder)
        self.assertEqual(status, 0, checks)
        self.assertIn(f"in use by a server (pid {self.server.process.pid})", checks["data"]["text"])
        self.assertIn("a Sluice server (", checks["listen"]["text"])


if __name__ == "__main__":
    unittest.main()
