"""Reads the corpus: the cases below cases/ and the functions they are made of.

README.md describes the files. sim/case_file.cc reads the same for the simulator; cases_test.py
holds both readers together.
"""

import dataclasses
import functools
import os
import re

import yaml

HERE = os.path.dirname(os.path.abspath(__file__))

CASE_KEYS = {"rule", "workflows", "runs", "engine", "sim"}
RUN_KEYS = {"inputs", "answers", "outputs", "outputs_any_of", "error", "error_any_of", "state", "tasks", "reused", "effects",
            "effects_set", "effects_any_of"}
ENDS = ("outputs", "outputs_any_of", "error", "error_any_of", "state")


class CoreLoader(yaml.SafeLoader):
    """YAML 1.2 as the engine reads it: `yes` is a text, `1:30` is one, dates are."""


CoreLoader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
        ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
        ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
        ("int", r"[-+]?[0-9]+", list("-+0123456789")),
        ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+.0123456789"))):
    CoreLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), _first)
# PyYAML reads 010 as 8 and 1.5e3 as a text; YAML 1.2 does not.
CoreLoader.add_constructor("tag:yaml.org,2002:int", lambda loader, node: int(node.value))
CoreLoader.add_constructor("tag:yaml.org,2002:float", lambda loader, node: float(node.value))


@dataclasses.dataclass
class Run:
    """One run of a case: what goes in, and how it must end."""
    name: str
    inputs: dict
    answers: list       # {"step": path, "index": N?, "values": {…}}, in the order in which they are given
    state: str
    outputs: list       # The results one of which it must have; empty unless it succeeds
    errors: list        # {"name", "message"?, "task"?} one of which it must have; empty unless it fails
    tasks: dict         # How many tasks of a step succeed; `outer~inner` for a step inside a flow
    reused: dict        # How many of them came from the cache
    effects: list       # The sequences of `act` one of which must be seen; None: anything goes
    effects_set: list   # The same in any order; None: anything goes


@dataclasses.dataclass
class Case:
    name: str
    rule: str
    workflows: str      # As written: these characters are what the engine parses
    runs: list
    engine: dict
    sim: dict

    def app(self):
        """sluice.yaml of this case alone."""
        return f"app: corpus\nfunctions:\n{functions_of(self.workflows)}workflows:\n{indent(self.workflows)}"


def indent(text):
    return "".join(f"  {line}" if line.strip() else line for line in text.splitlines(keepends=True))


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


@functools.cache
def function_lines():
    """The declarations of functions.yaml, one line each, by name."""
    return {line.split(":")[0].strip(): line for line in read(os.path.join(HERE, "functions.yaml")).splitlines()
            if re.match(r"  \w+: \{", line)}


def functions_of(workflows):
    lines = function_lines()
    used = {name for name in re.findall(r"\bcall: (\w+)", workflows) if name in lines}
    if not used:
        used = {"double"}  # An app has at least one.
    return "".join(lines[name] + "\n" for name in lines if name in used)


def expand(value):
    """`$range: n` is [0 … n-1], `$repeat: [text, n]` the text n times."""
    if isinstance(value, list):
        return [expand(each) for each in value]
    if isinstance(value, dict):
        if value.keys() == {"$range"}:
            return list(range(value["$range"]))
        if value.keys() == {"$repeat"}:
            text, times = value["$repeat"]
            return text * times
        return {key: expand(each) for key, each in value.items()}
    return value


def _check_keys(what, keys, allowed):
    unknown = set(keys) - allowed
    if unknown:
        raise ValueError(f"{what}: unknown key {', '.join(sorted(unknown))}")


def _run(name, document):
    _check_keys(name, document, RUN_KEYS)
    ends = [key for key in ENDS if key in document]
    if len(ends) != 1:
        raise ValueError(f"{name}: one of {', '.join(ENDS)} says how it ends, not {ends}")
    end = ends[0]
    value = document[end]
    outputs = [value] if end == "outputs" else value if end == "outputs_any_of" else []
    errors = [value] if end == "error" else [{"name": each} for each in value] if end == "error_any_of" else []
    state = value if end == "state" else "SUCCEEDED" if outputs else "FAILED"
    effects = [document["effects"]] if "effects" in document else document.get("effects_any_of")
    return Run(name=name, inputs=expand(document.get("inputs", {})), answers=document.get("answers", []), state=state,
               outputs=expand(outputs), errors=errors, tasks=document.get("tasks", {}),
               reused=document.get("reused", {}), effects=effects,
               effects_set=document.get("effects_set"))


def load(folder=os.path.join(HERE, "cases")):
    """All cases, in the order of files and of what stands in them; a mistake in a file is a ValueError."""
    cases = []
    for file in sorted(os.listdir(folder)):
        if not file.endswith(".yaml"):
            continue
        for key, document in yaml.load(read(os.path.join(folder, file)), CoreLoader).items():
            name = f"{file.removesuffix('.yaml')}/{key}"
            _check_keys(name, document, CASE_KEYS | RUN_KEYS)
            if "runs" in document:
                _check_keys(name, document, CASE_KEYS)
                runs = [_run(f"{name}#{number}", run) for number, run in enumerate(document["runs"], 1)]
            else:
                runs = [_run(name, {key: each for key, each in document.items() if key in RUN_KEYS})]
            cases.append(Case(name=name, rule=document["rule"], workflows=document["workflows"], runs=runs,
                              engine=document.get("engine", {}), sim=document.get("sim", {})))
    return cases
