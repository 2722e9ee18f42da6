"""One suite for all SDKs: the rows of table.py, run by each of them, in shared-memory and in copy mode, on one
real server. Prints the table of what passed: rows are expectations, columns are SDKs and modes.

The functions are in functions/: the same in Python, JavaScript and C++. Node.js 20 or newer is found in PATH or
in build/deps/node (./dev test puts it there); without it its column fails.
"""

import json
import os
import shutil
import sys
import unittest
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../integration"))
import harness  # noqa: E402
from table import FUNCTIONS, ONLY, ROWS, WORKFLOWS, workflow_of  # noqa: E402

BINARY = os.path.join(os.path.dirname(harness.SLUICE), "tests/conformance/conformance-functions")
COPY = {"SLUICE_COPY": "1"}
# column: (runtime, environment of the functions)
COLUMNS = {
    "python-shared": ("python3", {}),
    "python-copy": ("python3", COPY),
    "node-copy": ("nodejs", {}),
    "cpp-shared": ("native", {}),
    "cpp-copy": ("native", COPY),
}
FILES = {"python3": "functions.py", "nodejs": "functions.mjs"}


def app_of(column):
    """The document of the app of one column, in which every row finds its workflow."""
    runtime, environment = COLUMNS[column]
    functions = {}
    for name, (inputs, outputs, *more) in FUNCTIONS.items():
        if ONLY.get(name, runtime) != runtime:
            continue
        if name == "no_such_function" and runtime == "python3":
            continue  # Found at deploy: tests/mistakes.
        code = {"handler": name, "binary": "bin/functions"} if runtime == "native" else {"handler": f"functions.{name}"}
        functions[name] = {"runtime": runtime, **code, "inputs": inputs, "outputs": outputs,
                           **({"env": environment} if environment else {}), **(more[0] if more else {})}
    workflows = {name: workflow_of(name) for name in functions} | WORKFLOWS
    return {"app": column.replace("-", "_"), "functions": functions, "workflows": workflows}


def rows_of(column):
    runtime = COLUMNS[column][0]
    known = app_of(column)["workflows"]
    return [row for row in ROWS if ONLY.get(row.workflow, runtime) == runtime and row.workflow in known]


class Conformance(harness.ServerCase):
    arguments = ("--workers", "8")

    def deploy(self, column):
        app = app_of(column)
        folder = self.path("apps", column)
        os.makedirs(os.path.join(folder, "bin"))
        with open(os.path.join(folder, "sluice.yaml"), "w", encoding="utf-8") as file:
            json.dump(app, file, indent=1)  # JSON is YAML.
        runtime = COLUMNS[column][0]
        if runtime == "native":
            shutil.copy(BINARY, os.path.join(folder, "bin/functions"))
        else:
            shutil.copy(os.path.join(HERE, "functions", FILES[runtime]), folder)
        self.server.deploy(folder)

    def problem(self, column, number, row):
        """Runs one row; what is wrong, or nothing."""
        latch = self.path(f"latch-{column}-{number}")
        os.makedirs(latch)
        inputs = {name: latch if value == "LATCH" else value for name, value in row.inputs.items()}
        if row.cancel:
            return self.problem_of_cancel(column, row, inputs, latch)
        try:
            run = self.server.run(f"{column.replace('-', '_')}.{row.workflow}", **inputs)
        except AssertionError as error:  # Refused: of this row only.
            return str(error)
        for name, output in run.get("outputs", {}).items():
            if isinstance(output, dict) and "$ref" in output:  # Bytes: here all of them are text.
                run["outputs"][name] = self.server.http("GET", output["$ref"]).body.decode()
        if row.outputs is not None:
            if run["state"] != "SUCCEEDED" or not same(run["outputs"], row.outputs):
                return f"expected {row.outputs}, got {json.dumps(run)[:1500]}"
        elif run["state"] != "FAILED" or run["error"]["name"] not in row.fails or row.message not in run["error"]["message"]:
            return f"expected {row.fails} with {row.message!r}, got {json.dumps(run)[:1500]}"
        if row.log:
            log = self.server.http("GET", f"runs/{run['id']}/logs").body.decode()
            if missing := [part for part in row.log if part not in log]:
                return f"the log lacks {missing}: {log[:1000]}"
        return ""

    def problem_of_cancel(self, column, row, inputs, latch):
        run = self.server.start_run(f"{column.replace('-', '_')}.{row.workflow}", **inputs)

        def is_there(name):
            return lambda: os.path.exists(os.path.join(latch, name))
        harness.wait_until(is_there(row.cancel), harness.PATIENCE, f"{column}: {row.cancel} is written")
        self.server.http("POST", f"runs/{run}/cancel")
        state = self.server.wait_run(run)["state"]
        if state != "CANCELLED":
            return f"expected CANCELLED, got {state}"
        harness.wait_until(is_there(row.leaves), harness.PATIENCE, f"{column}: {row.leaves} is written")
        return ""

    def column(self, column):
        self.deploy(column)
        # A few at a time: rows that wait for a timeout cost nothing then.
        with ThreadPoolExecutor(4) as pool:
            rows = rows_of(column)
            found = list(pool.map(lambda at: self.problem(column, at, rows[at]), range(len(rows))))
        return {row.what: problem for row, problem in zip(rows, found)}

    def test_every_sdk_meets_every_expectation(self):
        wanted = os.environ.get("CONFORMANCE_COLUMNS", ",".join(COLUMNS)).split(",")
        if not os.path.exists(BINARY) and any(COLUMNS[column][0] == "native" for column in wanted):
            self.fail(f"{BINARY} is missing: ninja -C build/release conformance-functions")
        table = {column: self.column(column) for column in wanted}
        print("\n" + render(table), flush=True)
        for column, rows in table.items():
            for what, problem in rows.items():
                with self.subTest(column=column, row=what):
                    self.assertEqual(problem, "")


def same(found, wanted):
    """Equal, and numbers of the same kind: 3 is not 3.0."""
    return json.dumps(found, sort_keys=True) == json.dumps(wanted, sort_keys=True)


def render(table):
    rows = list(dict.fromkeys(row.what for row in ROWS if any(row.what in column for column in table.values())))
    width = max(map(len, rows))
    lines = [" ".join([" " * width, *table])]
    for what in rows:
        cells = [("-" if what not in column else "FAIL" if column[what] else "ok").ljust(len(name))
                 for name, column in table.items()]
        lines.append(" ".join([what.ljust(width), *cells]))
    return "\n".join(lines)


if __name__ == "__main__":
    unittest.main()
