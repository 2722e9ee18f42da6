"""A plain run: the graph of a workflow executed here and now, step by step, for unit tests.

The functions run as ordinary Python in this process, one after another in the order of the workflow's
code. What an author can observe is what the engine gives: absence and holes, the nesting of `foreach`,
`when`, `catch`, `loop`, `retry` and `switch`, names of errors. Time is not: a time to wait passes at
once, nobody waits between attempts, and no timeout ends one.
"""

import threading

from . import expression as e
from .errors import InvalidInput, InvalidOutput
from .evaluate import ABSENT, Environment, evaluate
from .graph_error import BadExpression, Failure, GraphError, LoopLimit
from .porttype import parse as parse_type
from .stream import Pipe, Stream
from .trace import tracing

_NOT_RETRIED = ("LoadError", "InvalidInput", "InvalidOutput", "BadExpression", "TooLarge", "LoopLimit")
_local = threading.local()


class answers:
    """`with sluice.answers(approve={"approved": True}):` what comes from outside for steps that wait for it.

    For a step in a foreach, a list of such. None: nobody answers in time, which is a Timeout.
    """

    def __init__(self, **by_step):
        self._by_step = by_step

    def __enter__(self):
        self._before = getattr(_local, "answers", {})
        _local.answers = {**self._before, **self._by_step}
        return self

    def __exit__(self, *_):
        _local.answers = self._before


def run_workflow(workflow, arguments, names):
    """Calls a workflow with values; gives the dict of its outputs, or its only value where it returns one."""
    given = workflow.bind(arguments, names)
    inputs = {}
    for port in workflow.inputs:
        value = given.get(port.name, ABSENT)
        if value is ABSENT and port.has_default:
            value = port.default
        if value is not ABSENT:
            inputs[port.name] = _fit(value, parse_type(port.type), f"input '{port.name}' of '{workflow.name}'", InvalidInput)
    outputs = _run(workflow, inputs)
    result = {name: _to_plain(value) for name, value in outputs.items() if value is not ABSENT}
    if list(workflow.trace.outputs) == ["result"] and not workflow.trace.returns_names:
        return result.get("result")
    return result


def _run(workflow, inputs):
    environment = Environment(inputs, {}, "plain")
    goes_on = workflow.settings.get("on_failure") == "continue"
    failed = None
    for step in workflow.trace.steps:
        try:
            environment.outputs[step] = _run_step(step, environment)
        except Exception as error:
            if not goes_on:
                raise
            failed = failed or error
            environment.outputs[step] = {}
    if failed is not None:
        raise failed
    return {name: evaluate(node, environment) for name, node in workflow.trace.outputs.items()}


# ---- one step: foreach, when, catch, while, retry, switch, from the outermost in ----


def _is_true(node, environment):
    value = evaluate(node, environment)
    if value is not ABSENT and not isinstance(value, bool):
        raise BadExpression(f"a condition is true or false, not {value!r}")
    return value is True


def _names_element(node, scopes):
    return any(isinstance(each, e.Scoped) and each.scope in scopes and each.kind in ("item", "index")
               for each in node.walk())


def _run_step(step, environment):
    """Its outputs; what is missing there is absent."""
    if step.foreach is None:
        if step.when is not None and not _is_true(step.when, environment):
            return {}
        return _task(step, environment)
    scope = next(scope for scope in step.scopes if scope.what == "foreach")
    asked_each = step.when is not None and _names_element(step.when, step.scopes)
    if step.when is not None and not asked_each and not _is_true(step.when, environment):
        return {}
    items = evaluate(step.foreach, environment)
    if items is ABSENT or _common_input_is_absent(step, environment):
        return {}
    if not isinstance(items, (list, tuple)):
        raise BadExpression(f"foreach goes over a list, not {type(items).__name__}")
    rows = []
    for index, item in enumerate(items):
        inner = environment.inside(scope, item=item, index=index)
        if item is ABSENT or asked_each and not _is_true(step.when, inner):
            rows.append({})
        else:
            rows.append(_task(step, inner, index))
    return {name: [row.get(name, ABSENT) for row in rows] for name in step.outputs}


def _common_input_is_absent(step, environment):
    if step.action not in ("call", "flow"):
        return False
    needed = _needed(step)
    for name, node in step.inputs.items():
        if name not in needed or any(isinstance(each, e.Scoped) for each in node.walk()):
            continue
        try:
            if evaluate(node, environment) is ABSENT:
                return True
        except BadExpression:
            pass  # Each task says so itself, and its `catch` may take it.
    return False


def _needed(step):
    """Inputs whose absence skips a task. A flow passes absence on to its steps."""
    if step.action != "call":
        return ()
    return {port.name for port in step.target.inputs if not port.type.startswith("optional<") and not port.has_default}


def _task(step, environment, index=None):
    try:
        return _rounds(step, environment, index)
    except Exception as error:
        names = _error_names(error)
        for branch in step.catch:
            if branch.errors is None or any(name in names for name in branch.errors):
                return _caught(branch, environment, {"name": names[0], "message": str(error)}, index)
        raise


def _caught(branch, environment, error, index):
    if branch.step is None:
        return {}
    inner = environment
    for node in branch.step.nodes():
        for each in node.walk():
            if isinstance(each, e.Scoped) and each.kind == "error":
                inner = inner.inside(each.scope, error=error)
    return _action(branch.step, inner, index)


def _rounds(step, environment, index):
    if step.while_ is None:
        return _attempts(step, environment, index)
    scope = next(scope for scope in step.scopes if scope.what == "loop")
    inner = environment.inside(scope, round=1)
    for number in range(1, step.max + 1):
        outputs = _attempts(step, inner, index)
        after = environment.inside(scope, previous=outputs, round=number)
        if not _is_true(step.while_, after):
            return outputs
        inner = environment.inside(scope, previous=outputs, round=number + 1)
    raise LoopLimit(f"'{step.name}' still wants to go on after {step.max} rounds")


def _attempts(step, environment, index):
    retry = step.options.get("retry")
    if retry is None and step.action == "call":
        retry = step.target.settings.get("retry")
    retry = retry or {}
    for attempt in range(retry.get("attempts", 1), 0, -1):
        try:
            return _action(step, environment, index)
        except Exception as error:
            names = _error_names(error)
            wanted = retry.get("errors")
            if attempt == 1 or names[0] in _NOT_RETRIED or wanted is not None and not any(name in names for name in wanted):
                raise
    return {}


def _error_names(error):
    """The name of a failure and those of its bases, as `retry` and `catch` know them."""
    if isinstance(error, Failure):
        return [error.name]
    if isinstance(error, MemoryError):
        return ["OutOfMemory", "MemoryError", "Exception"]
    return [each.__name__ for each in type(error).__mro__ if each is not object]


# ---- actions ----


def _action(step, environment, index):
    return _ACTIONS[step.action](step, environment, index)


def _call(step, environment, _index):
    function = step.target
    values = {}
    for port in function.inputs:
        if port.name not in step.inputs:
            continue  # Its default, which Python knows.
        value = evaluate(step.inputs[port.name], environment)
        if value is ABSENT:
            if port.has_default:
                continue
            if not port.type.startswith("optional<"):
                return {}
            if function.signature.parameters[port.name].default is function.signature.empty:
                values[port.name] = None
            continue
        where = f"input '{port.name}' of '{function.name}'"
        values[port.name] = _argument(function, port, _fit(value, parse_type(port.type), where, InvalidInput))
    with tracing(None):  # A function that calls functions calls plain Python.
        return _outputs(function, function.function(**values))


def _argument(function, port, value):
    kind = parse_type(port.type).plain
    if kind.head == "stream":
        return Stream(_to_plain(value))
    if kind.head == "pipe":
        return Pipe(value.encode() if isinstance(value, str) else value)
    if isinstance(value, (bytes, bytearray)):
        annotation = function.function.__annotations__.get(port.name)
        if annotation is memoryview or annotation == "memoryview":
            return memoryview(value)
    return _to_plain(value)


def _outputs(function, returned):
    types = {name: parse_type(text) for name, text in function.output_types.items()}
    where = f"'{function.name}'"
    values = {}
    if function.said()["generator"]:
        lists = [name for name, type in types.items() if type.plain.head in ("list", "any")]
        if not lists:
            raise InvalidOutput(f"{where} yields, but none of its outputs is a list")
        elements = []
        while True:
            try:
                elements.append(next(returned))
            except StopIteration as end:
                returned = end.value
                break
        values[lists[0]] = elements
        types_left = [name for name in types if name != lists[0]]
        if types_left or returned is not None:
            values.update(_named(where, types_left, returned))
    elif len(types) == 1:
        values = dict.fromkeys(types, returned)
    else:
        values = _named(where, types, returned)
    return {name: _fit(value, types[name], f"output '{name}' of {where}", InvalidOutput) for name, value in values.items()}


def _named(where, names, returned):
    if not isinstance(returned, dict) or returned.keys() != set(names):
        got = f"a dict of {', '.join(map(str, returned))}" if isinstance(returned, dict) else type(returned).__name__
        raise InvalidOutput(f"{where} returns a dict with exactly {', '.join(names) or 'nothing'}, not {got}")
    return returned


def _flow(step, environment, _index):
    inputs = {name: evaluate(node, environment) for name, node in step.inputs.items()}
    given = {}
    for port in step.target.inputs:
        value = inputs.get(port.name, ABSENT)
        if value is ABSENT and port.has_default:
            value = port.default
        if value is not ABSENT:
            given[port.name] = value
    return _run(step.target, given)


def _set(step, environment, _index):
    return {name: evaluate(node, environment) for name, node in step.inputs.items()}


def _fail(step, environment, _index):
    said = {name: evaluate(node, environment) for name, node in step.inputs.items()}
    if any(value is ABSENT for value in said.values()):
        return {}
    raise Failure(said["name"], said.get("message", ""))


def _wait(step, environment, index):
    if step.target is not None:
        evaluate(step.target, environment)
        return {}
    known = getattr(_local, "answers", {})
    if step.name not in known:
        example = ", ".join(f"'{name}': …" for name in step.ports)
        raise RuntimeError(f"step '{step.name}' waits for an answer: with sluice.answers({step.name}={{{example}}}): …")
    answer = known[step.name]
    if isinstance(answer, list) and index is not None:
        answer = answer[index]
    if answer is None:
        raise Failure("Timeout", f"nobody answered '{step.name}'")
    unknown = [name for name in answer if name not in step.ports]
    missing = [name for name, type in step.ports.items() if name not in answer and not type.startswith("optional<")]
    if unknown or missing:
        raise GraphError(f"the answer to '{step.name}' has {', '.join(answer) or 'nothing'}, "
                         f"it waits for {', '.join(step.ports)}")
    return {name: _fit(value, parse_type(step.ports[name]), f"'{name}' of the answer to '{step.name}'", InvalidInput)
            for name, value in answer.items()}


def _switch(step, environment, index):
    for branch in step.branches:
        if branch.condition is None or _is_true(branch.condition, environment):
            return _action(branch.step, environment, index)
    return {}


_ACTIONS = {"call": _call, "flow": _flow, "set": _set, "fail": _fail, "wait": _wait, "switch": _switch}


# ---- values ----


def _to_plain(value):
    """A copy that code may change; holes are None."""
    if value is ABSENT:
        return None
    if isinstance(value, (list, tuple)):
        return [_to_plain(each) for each in value]
    if type(value) is dict:
        return {key: _to_plain(each) for key, each in value.items()}
    return value


def _is_int(value):
    return isinstance(value, int) and not isinstance(value, bool)


_FITS = {
    "int": lambda value: _is_int(value) or isinstance(value, float) and value.is_integer(),
    "float": lambda value: _is_int(value) or isinstance(value, float),
    "bool": lambda value: isinstance(value, bool),
    "text": lambda value: isinstance(value, str),
    "bytes": lambda value: not _is_int(value) and not isinstance(value, (bool, float, list, tuple, dict)) and value is not None,
    "list": lambda value: not isinstance(value, (str, bytes, dict)) and hasattr(value, "__iter__"),
}


def _fit(value, type, where, error):
    """The value as the port has it, where its Python type tells that it does not fit: InvalidInput, InvalidOutput."""
    if type.head == "optional":
        return ABSENT if value is None else _fit(value, type.inner, where, error)
    if value is ABSENT:
        return ABSENT
    head = "list" if type.head == "stream" else "bytes" if type.head == "pipe" else type.head
    check = _FITS.get(head)
    is_scalar_of_numpy = hasattr(value, "dtype") and hasattr(value, "item")
    if is_scalar_of_numpy and head in ("int", "float", "bool") and getattr(value, "ndim", 0) == 0:
        value = value.item()
    if check is not None and not check(value):
        raise error(f"{where} is {type}, not {value.__class__.__name__}")
    if head == "list":
        inner = type.inner
        if inner.head not in ("optional", "any", "json") and any(each is ABSENT for each in value):
            raise error(f"{where} is {type}, and there is a hole in it: sluice.present(…) drops holes")
        return [_fit(each, inner, f"element {index} of {where}", error) if inner.head != "any" else each
                for index, each in enumerate(value)]
    if head == "int":
        return int(value)
    if head == "float":
        return float(value)
    if head == "bytes" and isinstance(value, str):
        return value.encode()
    return value
