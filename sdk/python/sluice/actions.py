"""What a workflow function calls beside its functions: foreach, loop, switch, set, wait, fail, and expressions."""

from . import expression as e
from .graph_error import GraphError, did_you_mean
from .handle import Handle, call, lower, node_of, operand
from .port_spelling import type_spelling
from .settings import STEP_KEYS, check_names, error_names, settings
from .trace import (
    Branch, Scope, Step, StepHandle, identifier_problem, parameter_names, required_trace, step_of)

_OPTIONS = ("name", "when", "after", "catch", *STEP_KEYS)


class Catch:
    """`sluice.catch(…)`: what runs instead when the attempts of a step are used up."""

    def __init__(self, body=None, *, errors=None):
        if body is not None and not callable(body):
            raise GraphError("catch takes a function", "catch=lambda error: fallback(…), or sluice.catch(errors=[…])")
        self.body = body
        self.errors = None if errors is None else error_names(errors, "catch")


class Configured:
    """A call with options: `f.options(retry=3)(…)`."""

    def __init__(self, target, options):
        self._target = target
        self._options = options

    def __call__(self, *arguments, **names):
        return self._target._call(self._options, arguments, names)

    def options(self, **options):
        return configured(self._target, {**self._options, **options})


def configured(target, options):
    check_names(options, _OPTIONS, "a step")
    return Configured(target, options)


def finish(trace, step, options):
    """Puts the options of a call on its step and adds it."""
    name = options.get("name")
    if name is not None:
        problem = identifier_problem(name) if isinstance(name, str) else "names are texts"
        if problem:
            raise GraphError(f"the step cannot be called {name!r}: {problem}")
        step.name, step.is_named = name, True
    if options.get("when") is not None:
        step.when = operand(options["when"])
    after = options.get("after")
    if after is not None:
        step.after = [step_of(each) for each in (after if isinstance(after, (list, tuple)) else [after])]
    step.options = settings(options, STEP_KEYS)
    step.own_outputs = list(step.outputs)
    _add_catches(trace, step, options.get("catch"))
    return trace.add(step)


def _add_catches(trace, step, given):
    if given is None or given is False:
        return
    own = step.own_outputs
    for each in given if isinstance(given, (list, tuple)) else [given]:
        if not isinstance(each, Catch):
            each = Catch(None if each is True else each)
        branch = Branch(None, errors=each.errors)
        if each.body is not None:
            scope = Scope("catch")
            arguments = [scope.handle("error")] if parameter_names(each.body) else []
            branch.step = _branch_step(trace, each.body, arguments, "a catch", own)
            scope.active = False
            step.add_outputs(branch.step.outputs)
        step.catch.append(branch)


def _branch_step(trace, body, arguments, what, names):
    """The action of a branch. A body without a step gives values: of the only output, or a dict of outputs."""
    step, value = trace.capture(body, arguments, what)
    if step is None:
        if len(names) == 1:
            value = {names[0]: value}
        elif not isinstance(value, dict):
            raise GraphError(f"{what} gives one value, but there are several outputs or none",
                             "sluice.set(name=value) says which output it is")
        step = Step(trace, "set", "set", value)
        step.inputs = {name: lower(each) for name, each in value.items()}
        for node in step.inputs.values():
            trace.check(node)
    if not step.is_only_action():
        raise GraphError(f"{what} is an action and its inputs, without options of its own",
                         "put both into a @sluice.workflow and call that")
    return step


def _items_node(trace, items, what):
    if isinstance(items, StepHandle):
        raise items.several()
    if not isinstance(items, (Handle, list, tuple)):
        raise GraphError(f"{what} goes over a list, not {type(items).__name__}", "give it what a step returned, or a list")
    node = lower(items)
    trace.check(node)
    return node


class _Action:
    """Something that makes a step and takes options like a function."""

    def options(self, **options):
        return configured(self, options)

    def __call__(self, *arguments, **names):
        return self._call({}, arguments, names)


class Set(_Action):
    """`sluice.set(x=…)`: a step whose outputs are expressions."""

    def _call(self, options, arguments, names):
        trace = required_trace("set")
        if arguments or not names:
            raise GraphError("set takes outputs by name", "sluice.set(total=a + b)")
        for name in names:
            problem = identifier_problem(name)
            if problem:
                raise GraphError(f"'{name}' cannot be an output: {problem}")
        step = Step(trace, "set", "set", names)
        step.inputs = {name: lower(value) for name, value in names.items()}
        return finish(trace, step, options)


class Fail(_Action):
    """`sluice.fail(name, message)`: a step that fails."""

    def _call(self, options, arguments, names):
        trace = required_trace("fail")
        given = dict(zip(("name", "message"), arguments))
        given.update(names)
        check_names(given, ("name", "message"), "fail")
        if "name" not in given or len(arguments) > 2:
            raise GraphError("fail takes a name and a message", "sluice.fail('NoTrip', 'no car left')")
        step = Step(trace, "fail", "fail", [])
        step.inputs = {name: lower(given[name]) for name in ("name", "message") if given.get(name) is not None}
        return finish(trace, step, options)


class Wait(_Action):
    """`sluice.wait("30s")`, `sluice.wait(time)`, `sluice.wait(approved=bool)`."""

    def _call(self, options, arguments, names):
        trace = required_trace("wait")
        if len(arguments) + bool(names) != 1:
            raise GraphError("wait takes a time, or the outputs that come from outside",
                             "sluice.wait('30s'), or sluice.wait(approved=bool)")
        step = Step(trace, "wait", "wait", names)
        if names:
            step.ports = {name: type_spelling(each, f"'{name}'") for name, each in names.items()}
        else:
            from .settings import duration

            time = arguments[0]
            is_text = isinstance(time, str) and ("\ue0f0" in time or "T" in time)
            step.target = lower(time) if isinstance(time, Handle) or is_text else e.Literal(duration(time, "wait"))
        return finish(trace, step, options)


class Switch(_Action):
    """`sluice.switch((condition, body), …, otherwise)`: the first branch whose condition is true."""

    def _call(self, options, arguments, names):
        trace = required_trace("switch")
        check_names(names, (), "switch (options stand in .options(…))")
        branches = []
        for position, each in enumerate(arguments):
            condition, body = each if isinstance(each, tuple) and len(each) == 2 else (None, each)
            if condition is None and position + 1 < len(arguments):
                raise GraphError("only the last branch of a switch has no condition", "write (condition, lambda: f(…))")
            if not callable(body) or isinstance(body, Handle):
                raise GraphError("a branch of a switch is a function that makes the step",
                                 "write (condition, lambda: f(…)), so that only the chosen one runs")
            branches.append((None if condition is None else operand(condition), body))
        if not branches:
            raise GraphError("a switch has branches", "sluice.switch((condition, lambda: f(…)), lambda: g(…))")
        step = Step(trace, "switch", "switch", [])
        # Those that are steps first: they say what an output is called that another gives as a value.
        taken = [trace.capture(body, [], "a branch") for _, body in branches]
        for made, _ in taken:
            if made is not None:
                step.add_outputs(made.outputs)
        own = list(step.outputs) or ["result"]
        for (condition, _), (made, value) in zip(branches, taken):
            if made is None:
                made = _branch_step(trace, lambda value=value: value, [], "a branch", own)
            elif not made.is_only_action():
                raise GraphError("a branch is an action and its inputs, without options of its own",
                                 "put both into a @sluice.workflow and call that")
            step.add_outputs(made.outputs)
            step.branches.append(Branch(made, condition=condition))
        return finish(trace, step, options)


def foreach(items, body, *, concurrency=None):
    """One task per element of a list: `foreach(chunks, count)`, `foreach(xs, lambda x, i: add(x, ys[i]))`."""
    trace = required_trace("foreach")
    node = _items_node(trace, items, "foreach")
    if not callable(body) or isinstance(body, Handle):
        raise GraphError("foreach takes a list and a function",
                         "sluice.foreach(items, count), or sluice.foreach(items, lambda item: count(item, …))")
    scope = Scope("foreach")
    arguments = [scope.handle("item"), scope.handle("index")]
    # A function or workflow gets the element alone, however many parameters it has.
    count = 1 if hasattr(body, "_call") else len(parameter_names(body))
    if count not in (1, 2):
        raise GraphError(f"the body of foreach has {count} parameters", "lambda item: …, or lambda item, index: …")
    step, output = trace.take(body, arguments[:count], "foreach")
    if step.foreach is not None:
        raise GraphError("a foreach in a foreach", "put the inner one into a @sluice.workflow and call that")
    if concurrency is not None:
        if not isinstance(concurrency, int) or isinstance(concurrency, bool) or concurrency < 1:
            raise GraphError(f"concurrency is a number of at least 1, not {concurrency!r}")
        step.concurrency = concurrency
    step.foreach = node
    step.scopes.append(scope)
    scope.active, scope.step = False, step
    return trace.result(step, output)


def loop(body, *, while_, max=None):
    """Runs a step, then asks; while the answer is true, again: `loop(lambda previous: f(first(previous.x, a)), …)`."""
    trace = required_trace("loop")
    if not callable(body) or isinstance(body, Handle) or not callable(while_) or isinstance(while_, Handle):
        raise GraphError("loop takes functions: its body, and while_",
                         "sluice.loop(lambda previous: f(previous.x), while_=lambda previous: previous.x < 10, max=50)")
    if not isinstance(max, int) or isinstance(max, bool) or max < 1:
        raise GraphError("a loop has a limit: max, a number of at least 1", "max=100")
    scope = Scope("loop")
    arguments = [scope.handle("previous"), scope.handle("round")]
    count = len(parameter_names(body))
    if count > 2:
        raise GraphError(f"the body of loop has {count} parameters", "lambda previous: …, or lambda previous, round: …")
    step, output = trace.take(body, arguments[:count], "loop")
    if step.foreach is not None or step.while_ is not None:
        raise GraphError("a foreach or loop in a loop", "put the inner one into a @sluice.workflow and call that")
    asked = while_(*arguments[: len(parameter_names(while_))])
    step.while_ = operand(asked)
    trace.check(step.while_)
    for branch in step.catch:
        for node in branch.step.nodes() if branch.step else ():
            if any(isinstance(each, e.Scoped) and each.scope is scope for each in node.walk()):
                raise GraphError("'previous' is used in a catch, which is outside of the loop", "use what the step was given")
    step.max = max
    step.scopes.append(scope)
    scope.active, scope.step = False, step
    for node in step.nodes():
        _check_previous(node, scope)
    return trace.result(step, output)


def _check_previous(node, scope):
    fields = set()
    for each in node.walk():  # A field comes before what it is a field of.
        if isinstance(each, e.Field) and isinstance(each.base, e.Scoped) and each.base.kind == "previous":
            scope.output_of(each.name)
            fields.add(id(each.base))
        if isinstance(each, e.Scoped) and each.kind == "previous" and each.scope is scope and id(each) not in fields:
            scope.text("previous")


class Run:
    """`sluice.run.id`: the run that this is."""

    @property
    def id(self):
        return Handle(e.RunId())

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        raise GraphError(f"a run has no '{name}'", did_you_mean(name, ["id"]))


def has(value):
    """Whether this output is there: not absent."""
    if not isinstance(value, Handle):
        raise GraphError(f"has takes data of the graph, not {type(value).__name__}")
    node = node_of(value)
    if not (isinstance(node, (e.Output, e.Input, e.Field)) or isinstance(node, e.Scoped) and node.kind == "previous"):
        raise GraphError("has takes an output, an input or a field, not what was computed from them",
                         "sluice.set(x=…) makes an output of it")
    return call("has", value)


def first(*values):
    """The first in this order that is not absent; of several, or of one list."""
    return _some("first", values)


def present(*values):
    """Those that are not absent; of several, or of one list."""
    return _some("present", values)


def any_of(count, *values):
    """The list of the `count` that come first. The only thing that depends on time."""
    if not isinstance(count, (int, Handle)) or isinstance(count, bool):
        raise GraphError("any takes a number first", "sluice.any(2, a, b, c)")
    return _some("any", values, count)


def _some(name, values, *before):
    if not values:
        raise GraphError(f"{name} takes data", f"sluice.{name}({', '.join([*map(str, before), 'a', 'b'])})")
    return call(name, *before, *values)


def range_of(count):
    """The list 0, 1, … below `count`."""
    return call("range", count)


def if_else(condition, yes, no):
    """One of two values. The other one need not come."""
    return Handle(e.Choice(operand(condition), operand(yes), operand(no)))


set_action = Set()
fail_action = Fail()
wait_action = Wait()
switch_action = Switch()
run = Run()
