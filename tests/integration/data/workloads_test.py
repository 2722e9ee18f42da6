"""The workloads of bench/workloads, in small: every task has read what the graph says, whole, and nothing else."""

import collections
import json
import os
import sys
import unittest

from harness import ROOT, ServerCase

SHARED = os.environ.get("SLUICE_SHARED_DATA") or os.path.join(os.path.dirname(ROOT), "shared", "data")
NUMBERS = os.path.join(SHARED, "papers/numbers.json")
WORKLOADS = os.path.join(ROOT, "bench/workloads")
sys.path.insert(0, WORKLOADS)
import generate  # noqa: E402

SMALL = {"time_scale": 0.01, "size_scale": 0.002}
LINE = 96  # The smallest payload.


class Papers(ServerCase):
    def setUp(self):
        super().setUp()
        self.server.deploy(os.path.join(WORKLOADS, "papers"))

    def run_workload(self, name, **inputs):
        run = self.server.run(name, **SMALL, **inputs)
        outputs = self.assert_succeeded(run)
        tasks = self.server.get(f"runs/{run['id']}/tasks?state=SUCCEEDED&limit=1000")["tasks"]
        return outputs, collections.Counter(task["path"].split(".")[0] for task in tasks)

    def test_svd_reads_sixteen_blocks_and_merges_them_in_order(self):
        outputs, tasks = self.run_workload("svd")
        self.assertEqual(outputs["sigma"], {"of": [f"svd-of-block-{block}" for block in range(16)],
                                            "bytes": 16 * int(2 * 2**20 * SMALL["size_scale"])})
        self.assertEqual(tasks, {"start": 1, "compute": 16, "merge": 1})

    def test_a_long_video_is_cut_into_four_and_a_short_one_is_not(self):
        outputs, tasks = self.run_workload("video", length=40.0)
        self.assertEqual(outputs["parts"], {str(part): f"video-of-ann-{part}.avi" for part in range(4)})
        self.assertEqual(tasks, {"upload": 1, "split": 1, "transcode": 4, "merge": 1})
        outputs, tasks = self.run_workload("video", length=7.0)
        self.assertEqual(list(outputs["parts"]), ["0", "1"])
        self.assertEqual(tasks, {"upload": 1, "split": 1, "transcode": 2, "merge": 1})
        outputs, tasks = self.run_workload("video", length=4.0)
        self.assertNotIn("parts", outputs)
        self.assertEqual(tasks, {"upload": 1, "simple_process": 1})


@unittest.skipUnless(os.path.exists(NUMBERS), f"the papers' graphs are not in {NUMBERS} (SLUICE_SHARED_DATA)")
class Science(ServerCase):
    # What the papers say of their graphs: tasks, edges between them, bytes that tasks write.
    PUBLISHED = {"cycles": (46, 52, 1208), "epigenomics": (45, 50, 39.6), "genome": (50, 74, 52.5), "soykb": (45, 77, 25.5)}

    def test_the_graphs_are_those_of_the_papers(self):
        self.assertEqual([graph.name for graph in generate.graphs(NUMBERS)], sorted(self.PUBLISHED))
        for graph in generate.graphs(NUMBERS):
            edges = {(file["src"], task["name"]) for task in graph.tasks for file in task["inputs"] if file["src"] != "GLOBAL"}
            written = sum(file["size"] for task in graph.tasks for file in task["outputs"])
            tasks, links, megabytes = self.PUBLISHED[graph.name]
            self.assertEqual((len(graph.tasks), len(edges)), (tasks, links), graph.name)
            self.assertAlmostEqual(written / 1e6, megabytes, delta=0.5, msg=graph.name)

    def check_graph(self, name):
        (graph,) = [graph for graph in generate.graphs(NUMBERS, **SMALL) if graph.name == name]
        folder = self.path(name)
        graph.write(folder)
        self.server.deploy(folder)
        run = self.server.run(name)
        outputs = self.assert_succeeded(run)
        read = {one["task"]: one["files"] for one in self.read_of(run, outputs)}
        # From the numbers, not from the app: who reads what, and how large it is.
        with open(NUMBERS, encoding="utf-8") as file:
            published = json.load(file)["pegasus_dags"][name]
        self.assertEqual(set(read), {"stage"} | {task["name"] for task in published})
        self.assertEqual(read.pop("stage"), [])
        total = 0
        for task in published:
            wanted = [[graph.names[file["key"]], max(int(file["size"] * SMALL["size_scale"]), LINE)] for file in task["inputs"]]
            self.assertEqual(read[task["name"]], wanted, task["name"])
            total += sum(size for _, size in wanted)
        self.assertEqual(sum(size for files in read.values() for _, size in files), total)
        tasks = self.server.get(f"runs/{run['id']}/tasks?state=SUCCEEDED&limit=1000")["tasks"]
        self.assertEqual(len([task for task in tasks if task["path"] in read or task["path"] == "stage"]), len(published) + 1)

    def read_of(self, run, outputs):
        value = outputs["read"]
        if isinstance(value, dict) and "$ref" in value:
            answer = self.server.http("GET", f"runs/{run['id']}/outputs/read")
            self.assertEqual(answer.status, 200)
            return answer.json()
        return value

    def test_cycles_runs(self):
        self.check_graph("cycles")

    def test_epigenomics_runs(self):
        self.check_graph("epigenomics")

    def test_genome_runs(self):
        self.check_graph("genome")

    def test_soykb_runs(self):
        self.check_graph("soykb")


if __name__ == "__main__":
    unittest.main()
