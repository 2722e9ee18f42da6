"""What a workflow function builds while it runs once, with handles for its inputs: its steps."""

import inspect
import threading

from . import expression as e
from .graph_error import GraphError, did_you_mean
from .handle import Handle, describe, lower, node_of

_local = threading.local()
_numbers = iter(range(1, 1 << 62))
_NAME_LENGTH_MAX = 63


def current_trace():
    """The workflow that is being traced by this thread, or None: then functions are plain functions."""
    stack = getattr(_local, "stack", None)
    return stack[-1] if stack else None


class tracing:
    """`with tracing(trace):`; with None, plain Python inside of a trace."""

    def __init__(self, trace):
        self._trace = trace

    def __enter__(self):
        if not hasattr(_local, "stack"):
            _local.stack = []
        _local.stack.append(self._trace)
        return self._trace

    def __exit__(self, *_):
        _local.stack.pop()


def required_trace(what):
    trace = current_trace()
    if trace is None:
        raise GraphError(f"sluice.{what} is called outside of a workflow",
                         "call it in a function with @sluice.workflow")
    return trace


def parameter_names(body):
    """The names of the parameters without a default."""
    try:
        parameters = inspect.signature(body).parameters.values()
    except (TypeError, ValueError):
        return ["value"]
    return [each.name for each in parameters
            if each.default is each.empty and each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]


def identifier_problem(name):
    """Why this cannot be the name of a step, a port or an input; None if it can."""
    if not (name.isascii() and name.isidentifier()):
        return "a name here has the letters a to z, digits and '_', and starts with no digit"
    if len(name) > _NAME_LENGTH_MAX:
        return f"the name is longer than {_NAME_LENGTH_MAX} characters"
    if name in e.WORDS:
        return "the name has a meaning of its own in expressions"
    return None


class Scope:
    """Where `item`, `previous` or `error` exist: the body of one foreach, loop or catch."""

    def __init__(self, what):
        self.what = what
        self.active = True
        self.step = None  # That of the body, once it is known.

    def handle(self, kind):
        return Handle(e.Scoped(kind, self))

    def text(self, kind):
        if kind != "previous":
            return kind
        outputs = self.step.own_outputs if self.step else ["…"]
        if len(outputs) == 1:
            return f"previous.{outputs[0]}"
        raise GraphError(f"the previous round has the outputs {', '.join(outputs) or '(none)'}",
                         "name one: previous.NAME", self.step.place)

    def output_of(self, name):
        """Whether `previous.NAME` is an output (else a field of the only one)."""
        outputs = self.step.own_outputs
        if len(outputs) == 1:
            return outputs[0] == name
        if name not in outputs:
            raise GraphError(f"the previous round has no output '{name}'", did_you_mean(name, outputs), self.step.place)
        return True

    def previous_text(self, name):
        if self.step is None or self.output_of(name):
            return f"previous.{name}"
        return f"previous.{self.step.own_outputs[0]}.{name}"


class Branch:
    """One action of a switch or catch: a step of which only the action and its inputs count."""

    def __init__(self, step, condition=None, errors=None):
        self.step = step  # None: no action.
        self.condition = condition
        self.errors = errors


class Step:
    """One step: its action, and what the keys around it say. Nodes where expressions stand."""

    def __init__(self, trace, action, base, outputs):
        self.trace = trace
        self.action = action  # call, flow, set, wait, fail, switch
        self.base = base      # What its name is made of.
        self.outputs = list(outputs)  # With those of its catches.
        self.own_outputs = self.outputs
        self.name = base
        self.is_named = False
        self.target = None    # The Function or Workflow; of a wait, its time as a node or text.
        self.inputs = {}      # Of call and flow; of set, its outputs; of fail, name and message.
        self.ports = {}       # Of a wait for answers: types.
        self.branches = []    # Of a switch.
        self.options = {}     # Keys of the file that hold no expression, in their spelling there.
        self.foreach = None
        self.concurrency = None
        self.when = None
        self.after = []
        self.while_ = None
        self.max = None
        self.catch = []       # Branches.
        self.scopes = []      # Of its foreach and loop.
        from .graph_error import caller_place

        self.place = caller_place()

    def own_nodes(self):
        """The expressions of the step itself, without those of the actions in its branches."""
        yield from self.inputs.values()
        for node in (self.foreach, self.when, self.while_, self.target if isinstance(self.target, e.Node) else None):
            if node is not None:
                yield node
        for branch in self.branches:
            if branch.condition is not None:
                yield branch.condition

    def nodes(self):
        """Every expression of the step."""
        yield from self.own_nodes()
        for branch in (*self.branches, *self.catch):
            if branch.step is not None:
                yield from branch.step.nodes()

    def add_outputs(self, names):
        self.outputs += [name for name in names if name not in self.outputs]

    def is_only_action(self):
        return not (self.options or self.foreach or self.when or self.after or self.while_ or self.catch or self.is_named)

    def handle(self):
        if len(self.outputs) == 1:
            return Handle(e.Output(self, self.outputs[0]))
        return StepHandle(self)


class StepHandle:
    """A step with several outputs, or with none: they are its attributes."""

    __slots__ = ("_step",)

    def __init__(self, step):
        object.__setattr__(self, "_step", step)

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name):
        step = self._step
        if name not in step.outputs:
            raise GraphError(f"'{step.base}' has no output '{name}'", did_you_mean(str(name), step.outputs))
        return Handle(e.Output(step, name))

    def several(self):
        names = self._step.outputs
        if not names:
            return GraphError(f"'{self._step.base}' has no outputs, so it is no value", "after=[…] waits for it")
        return GraphError(f"'{self._step.base}' has several outputs", f"name one: .{names[0]}, …: {', '.join(names)}")

    def __setattr__(self, _name, _value):
        raise GraphError("data of a graph cannot be changed", "compute new data in a function, or in sluice.set(…)")

    def __bool__(self):
        raise GraphError("a step is asked for a truth value while the graph is built",
                         "for a step: .options(when=…)(…)")

    def __iter__(self):
        raise GraphError("the outputs of a step are not unpacked", "name them: step.a, step.b")

    def __str__(self):
        raise self.several()

    __format__ = lambda self, _spec: self.__str__()

    def __repr__(self):
        return f"<step {self._step.base}: {', '.join(self._step.outputs) or 'no outputs'}>"


def step_of(value):
    """The step that a handle is an output of, for `after`."""
    if isinstance(value, StepHandle):
        return value._step
    if isinstance(value, Handle):
        node = node_of(value)
        if isinstance(node, e.Output):
            return node.step
        raise GraphError(f"{describe(node)} is not what a step gave", "after takes what calls of functions returned")
    raise GraphError(f"after takes steps, not {type(value).__name__}", "after=[what a call returned, …]")


class Trace:
    """One workflow while its function runs."""

    def __init__(self, name):
        self.name = name
        self.number = next(_numbers)
        self.steps = []
        self.spliced = []  # Nodes that stand in texts.
        self.outputs = {}  # Name -> node
        self.returns_names = False

    def add(self, step):
        """Checks what the step uses, and takes it."""
        for node in step.own_nodes():  # Those in branches were checked while their scopes were open.
            self.check(node)
        for other in step.after:
            if other.trace is not self:
                raise GraphError(f"'{other.base}' is a step of another workflow", "a workflow sees only its inputs")
        self.steps.append(step)
        return step.handle()

    def check(self, node):
        for each in node.walk():
            owner = each.trace if isinstance(each, e.Input) else each.step.trace if isinstance(each, e.Output) else self
            if owner is not self:
                raise GraphError(f"{describe(each)} belongs to workflow '{owner.name}'", "make it an input of this one")
            if isinstance(each, e.Scoped) and not each.scope.active:
                raise GraphError(f"'{each.kind}' is used outside of its {each.scope.what}",
                                 "it exists in that body only: return what is needed outside")

    def capture(self, body, arguments, what):
        """Runs the body of a foreach, loop, branch or catch; its step (None: it made none) and its value."""
        outer, self.steps = self.steps, []
        try:
            value = body(*arguments)
        finally:
            captured, self.steps = self.steps, outer
        if len(captured) > 1:
            names = ", ".join(f"'{step.base}'" for step in captured)
            raise GraphError(f"the body of {what} makes {len(captured)} steps ({names}), it can be only one",
                             "put them into a @sluice.workflow and call that, or make the first ones before")
        return (captured[0] if captured else None), value

    def take(self, body, arguments, what):
        """The one step that a body makes, and which of its outputs it returned (None: the step itself)."""
        step, value = self.capture(body, arguments, what)
        if step is None:
            raise GraphError(f"the body of {what} makes no step", "call a function, a workflow or sluice.set(…) in it")
        if isinstance(value, StepHandle) and value._step is step or value is None:
            return step, None
        node = node_of(value) if isinstance(value, Handle) else None
        if not (isinstance(node, e.Output) and node.step is step):
            raise GraphError(f"the body of {what} must return what its call returned",
                             "compute with it afterwards, or in sluice.set(…)")
        return step, node.name

    def result(self, step, output):
        """The handle of a step that a body made, now seen from outside."""
        self.steps.append(step)
        return step.handle() if output is None else Handle(e.Output(step, output))

    def name_steps(self):
        """Explicit names first; the others are called as their functions, then name_2, …."""
        used = {}
        for step in self.steps:
            if step.is_named:
                if step.name in used:
                    raise GraphError(f"there are two steps called '{step.name}'", "names of steps are different",
                                     step.place)
                used[step.name] = step
        for step in self.steps:
            if step.is_named:
                continue
            problem = identifier_problem(step.base)
            if problem:
                raise GraphError(f"the step cannot be called '{step.base}': {problem}",
                                 ".options(name=\"…\") gives it another name", step.place)
            step.name, number = step.base, 2
            while step.name in used:
                step.name, number = f"{step.base}_{number}", number + 1
            used[step.name] = step

    def set_outputs(self, value):
        """What the function returned: a dict of names, one value (`result`), a step, or nothing."""
        if value is None:
            return
        if isinstance(value, StepHandle):
            value = {name: value[name] for name in value._step.outputs}
        self.returns_names = isinstance(value, dict)
        if not self.returns_names:
            value = {"result": value}
        for name, each in value.items():
            problem = identifier_problem(name) if isinstance(name, str) else "names are texts"
            if problem:
                raise GraphError(f"the workflow cannot have an output {name!r}: {problem}")
            node = lower(each)
            self.check(node)
            self.outputs[name] = node
