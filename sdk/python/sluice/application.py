"""All functions and workflows of a file as the document that sluice.yaml holds."""

import inspect
import os
import sys

from . import expression as e
from .declare import Function, Workflow
from .graph_error import GraphError, Place, frame_place

_names = {}  # File -> (name, place) of `sluice.app(…)`


def app(name):
    """Names the app that this file is; without it, the file's name does."""
    place = frame_place(sys._getframe(1))
    if not isinstance(name, str) or not _is_name(name):
        raise GraphError(f"{name!r} cannot be the name of an app", "letters a to z, digits, '_' and '-'", place)
    _names[place.file] = name


def _is_name(name):
    return 0 < len(name) <= 63 and name.isascii() and name[0] != "-" and all(c.isalnum() or c in "_-" for c in name)


def document(module, folder):
    """(document, mistakes) of a module. The document is what the YAML says, as dicts and lists."""
    workflows = _of_module(module, Workflow)
    functions = _of_module(module, Function)
    mistakes, pending = [], list(workflows)
    while pending:  # What they reach belongs to the app, too.
        workflow = pending.pop(0)
        try:
            steps = workflow.trace.steps
        except Exception as error:
            mistakes.append(error)
            continue
        for step in _with_branches(steps):
            known = functions if step.action == "call" else workflows
            if step.action in ("call", "flow") and step.target not in known:
                known.append(step.target)
                if step.action == "flow":
                    pending.append(step.target)
    if not workflows and not mistakes:
        mistakes.append(GraphError("there is no @sluice.workflow in this file", "write one, or name the file that has one",
                                   Place(module.__file__, 1)))
    functions.sort(key=lambda each: each.number)
    workflows.sort(key=lambda each: each.number)
    result = {"app": _names.get(module.__file__) or module.__name__, "functions": {}, "workflows": {}}
    for kind, things, describe in (("functions", functions, _function), ("workflows", workflows, _workflow)):
        for thing in things:
            try:
                _check_name(thing, things)
                result[kind][thing.name] = describe(thing, folder)
            except Exception as error:
                if all(str(error) != str(other) for other in mistakes):
                    mistakes.append(error)
    if not result["functions"]:
        del result["functions"]
    return result, mistakes


def _of_module(module, kind):
    found = []
    for each in vars(module).values():
        if isinstance(each, kind) and each not in found:
            found.append(each)
    return found


def _with_branches(steps):
    for step in steps:
        yield step
        yield from _with_branches([branch.step for branch in (*step.branches, *step.catch) if branch.step is not None])


def _check_name(thing, things):
    if not _is_name(thing.name):
        raise GraphError(f"'{thing.name}' cannot be the name of a {thing.kind}", "letters a to z, digits, '_' and '-'",
                         thing.place)
    for other in things:
        if other is not thing and other.name == thing.name and other.number < thing.number:
            raise GraphError(f"there are two {thing.kind}s called '{thing.name}': here and at {other.place}",
                             f"@sluice.{thing.kind}(name=\"…\") gives one of them another name", thing.place)


# ---- functions ----


def _handler(function, folder):
    code = function.function
    path = os.path.realpath(inspect.getsourcefile(code) or code.__code__.co_filename)
    if "." in code.__qualname__:
        raise GraphError(f"'{function.name}' is defined inside of {code.__qualname__.rpartition('.')[0]}",
                         "functions stand at the level of the module, where a worker finds them", function.place)
    inside = os.path.relpath(path, os.path.realpath(folder))
    if inside.startswith(os.pardir) or not inside.endswith(".py"):
        raise GraphError(f"'{function.name}' is defined in {path}, outside of the app's folder",
                         "what is deployed is this folder: move the file into it", function.place)
    names = inside[:-3].split(os.sep)
    if names[-1] == "__init__":
        names.pop()
    if not all(name.isidentifier() for name in names):
        raise GraphError(f"the file {inside} cannot be imported by its name", "letters, digits and '_' only",
                         function.place)
    module = sys.modules.get(code.__module__)
    if getattr(module, code.__name__, None) is not function:
        raise GraphError(f"'{code.__name__}' means something else at the end of {inside}",
                         "each function keeps a name of its own", function.place)
    return ".".join([*names, code.__name__])


def _port(port):
    if not port.has_default:
        return port.type
    return {"type": port.type, "default": _default(port.default)}


def _default(value):
    from .handle import lower

    return e.Writer(()).value(lower(value))


def _function(function, folder):
    return {
        "runtime": "python3",
        "handler": _handler(function, folder),
        "inputs": {port.name: _port(port) for port in function.inputs},
        "outputs": dict(function.output_types),
        **function.settings,
    }


# ---- workflows ----


def _workflow(workflow, _folder):
    trace = workflow.trace
    writer = e.Writer(step.name for step in trace.steps)
    result = {"inputs": {port.name: _port(port) for port in workflow.inputs}, **workflow.settings}
    result["steps"] = {step.name: _placed(step, writer) for step in trace.steps}
    result["outputs"] = {name: writer.value(node) for name, node in trace.outputs.items()}
    return result


def _placed(step, writer):
    try:
        return _step(step, writer)
    except GraphError as error:
        error.place = step.place
        raise


def _step(step, writer):
    result = {}
    if step.action != "switch":
        result.update(_action(step, writer))
    inputs = result.pop("in", None)
    if step.foreach is not None:
        result["foreach"] = _expression(step.foreach, writer)
    if step.concurrency is not None:
        result["concurrency"] = step.concurrency
    if step.when is not None:
        result["when"] = _expression(step.when, writer)
    if step.after:
        result["after"] = [other.name for other in step.after]
    if step.action == "switch":
        result["switch"] = [_branch(branch, writer) for branch in step.branches]
    if inputs is not None:
        result["in"] = inputs
    if step.while_ is not None:
        result["while"] = _expression(step.while_, writer)
        result["max"] = step.max
    result.update(step.options)
    if step.catch:
        catches = [_branch(branch, writer) for branch in step.catch]
        result["catch"] = catches[0] if len(catches) == 1 else catches
    return result


def _expression(node, writer):
    """Where only an expression can stand, also a literal is written as one."""
    return writer.expression(node)


def _branch(branch, writer):
    result = {}
    if branch.errors is not None:
        result["errors"] = branch.errors
    if branch.condition is not None:
        result["when"] = _expression(branch.condition, writer)
    if branch.step is not None:
        if branch.step.action == "switch":
            raise GraphError("a switch inside of a branch", "put the inner one into a @sluice.workflow and call that",
                             branch.step.place)
        result.update(_action(branch.step, writer))
    return result


def _action(step, writer):
    values = {name: writer.value(node) for name, node in step.inputs.items()}
    if step.action in ("call", "flow"):
        return {step.action: step.target.name, **({"in": values} if values else {})}
    if step.action == "wait" and step.target is None:
        return {"wait": step.ports}
    if step.action == "wait":
        return {"wait": writer.value(step.target)}
    return {step.action: values}
