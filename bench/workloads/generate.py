#!/usr/bin/env python3
"""Makes an app of each scientific workflow in a file of the papers' numbers.

    generate.py NUMBERS.json DIRECTORY [--time-scale 1] [--size-scale 1] [--only NAME]

Below DIRECTORY there is then a folder per graph (cycles, epigenomics, genome, soykb): a step per task, which reads
the files that the task reads, sleeps as long as it, and writes files as large. Files from outside are made by the
step `stage`. What a task has read is in its output `read`; `read` of the workflow has those of all.

Nothing of the numbers becomes part of this project: they are read where they are.
"""

import argparse
import json
import os
import re
import shutil

HERE = os.path.dirname(os.path.abspath(__file__))
OUTSIDE = "GLOBAL"
STAGE = "stage"

FUNCTIONS = """
import time

import payload


def task(name: str, seconds: float, names, sizes, files=()) -> dict:
    read = [[payload.check(file), len(file)] for file in files]
    time.sleep(seconds)
    for file, size in zip(names, sizes):
        yield payload.make(file, size)
    return {"read": {"task": name, "files": read}}
"""

HEAD = """# Written by generate.py: {tasks} steps.
app: {name}
functions:
  task:
    runtime: python3
    handler: science.task
    inputs:
      name: text
      seconds: float
      names: json
      sizes: json
      files: {{ type: list<bytes>, default: [] }}
    outputs: {{ outs: list<bytes>, read: json }}
workflows:
  {name}:
    inputs: {{}}
    steps:
"""


def short(key, number):
    """A name for a file that says what it is: its number and the end of its key."""
    return f"{number}{re.sub('[^.a-zA-Z]', '', key[-12:])[-8:]}"


class Graph:
    """One workflow: which step makes which file, as its output number so and so."""

    def __init__(self, name, tasks, time_scale, size_scale):
        self.name, self.tasks, self.time_scale, self.size_scale = name, tasks, time_scale, size_scale
        staged = {file["key"]: file for task in tasks for file in task["inputs"] if file["src"] == OUTSIDE}
        self.outputs = {STAGE: list(staged.values()), **{task["name"]: task["outputs"] for task in tasks}}
        self.made = {(step, file["key"]): at for step, files in self.outputs.items() for at, file in enumerate(files)}
        numbers = {file["key"]: number for number, file in enumerate(f for files in self.outputs.values() for f in files)}
        self.names = {key: short(key, number) for key, number in numbers.items()}

    def size(self, file):
        return int(file["size"] * self.size_scale)

    def references(self, task):
        for file in task["inputs"]:
            step = STAGE if file["src"] == OUTSIDE else file["src"]
            yield f"${{{step}.outs[{self.made[step, file['key']]}]}}"

    def step(self, name, seconds, references=()):
        files = self.outputs[name]
        arguments = {"name": name, "seconds": seconds, "names": [self.names[file["key"]] for file in files],
                     "sizes": [self.size(file) for file in files]}
        if references:
            arguments["files"] = list(references)
        lines = "".join(f"          {key}: {json.dumps(value)}\n" for key, value in arguments.items())
        return f"      {name}:\n        call: task\n        in:\n{lines}"

    def yaml(self):
        steps = [self.step(STAGE, 0.0)]
        steps += [self.step(task["name"], task["sleep_s"] * self.time_scale, list(self.references(task))) for task in self.tasks]
        reads = "".join(f"        - ${{{name}.read}}\n" for name in self.outputs)
        last = [task for task in self.tasks if not task["next"]]
        results = "".join(f"      {task['name']}: ${{{task['name']}.outs}}\n" for task in last)
        return HEAD.format(name=self.name, tasks=len(self.outputs)) + "".join(steps) + f"    outputs:\n      read:\n{reads}{results}"

    def write(self, folder):
        os.makedirs(folder, exist_ok=True)
        for file, text in (("sluice.yaml", self.yaml()), ("science.py", FUNCTIONS.lstrip())):
            with open(os.path.join(folder, file), "w", encoding="utf-8") as out:
                out.write(text)
        shutil.copy(os.path.join(HERE, "papers", "payload.py"), folder)


def graphs(numbers, time_scale=1.0, size_scale=1.0):
    with open(numbers, encoding="utf-8") as file:
        dags = json.load(file)["pegasus_dags"]
    return [Graph(name, tasks, time_scale, size_scale) for name, tasks in sorted(dags.items())]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("numbers")
    parser.add_argument("directory")
    parser.add_argument("--time-scale", type=float, default=1.0)
    parser.add_argument("--size-scale", type=float, default=1.0)
    parser.add_argument("--only")
    arguments = parser.parse_args()
    for graph in graphs(arguments.numbers, arguments.time_scale, arguments.size_scale):
        if arguments.only in (None, graph.name):
            graph.write(os.path.join(arguments.directory, graph.name))
            print(os.path.join(arguments.directory, graph.name))


if __name__ == "__main__":
    main()
