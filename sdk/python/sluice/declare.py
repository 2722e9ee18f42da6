"""`@sluice.function` and `@sluice.workflow`: plain functions outside of a workflow, steps inside of one."""

import functools
import inspect

from . import expression as e
from .actions import configured, finish
from .graph_error import GraphError, Place, did_you_mean
from .handle import Handle, lower
from .port_spelling import describe, type_spelling
from .settings import FUNCTION_KEYS, WORKFLOW_KEYS, check_names, settings
from .trace import Step, Trace, current_trace, identifier_problem, tracing

_missing = object()
_numbers = iter(range(1 << 62))


class Port:
    __slots__ = ("name", "type", "default")

    def __init__(self, name, type, default=_missing):
        self.name = name
        self.type = type
        self.default = default  # A JSON value; what is only None is not written: the port is optional.

    @property
    def has_default(self):
        return self.default is not _missing


class _Declared:
    """What functions and workflows have in common: a Python function, its parameters as ports, options."""

    kind = ""
    keys = ()

    def __init__(self, function, given, more=()):
        if not inspect.isfunction(function):
            raise GraphError(f"@sluice.{self.kind} stands before a function, not a {type(function).__name__}")
        functools.update_wrapper(self, function)
        self.function = function
        self.name = given.get("name") or function.__name__
        self.place = Place(function.__code__.co_filename, function.__code__.co_firstlineno)
        try:
            check_names(given, ("name", "inputs", *self.keys, *more), f"@sluice.{self.kind}")
            self.settings = settings(given, self.keys)
        except GraphError as error:  # Versions of Python differ in the line of a decorator's call.
            error.place = self.place
            raise
        self.number = next(_numbers)  # The order of definition is that of the file.
        self.signature = inspect.signature(function)
        self._given = given
        self._said = None

    def said(self):
        """What the source says, once somebody wants to know."""
        if self._said is None:
            self._said = describe(self.function)
        return self._said

    @functools.cached_property
    def inputs(self):
        given = self._given.get("inputs") or {}
        check_names(given, self.signature.parameters, f"'{self.name}' (its inputs)")
        ports = []
        for each in self.said()["inputs"]:
            name = each["name"]
            problem = identifier_problem(name)
            default = self.signature.parameters[name].default
            if problem:
                if default is not inspect.Parameter.empty and self.kind == "function":
                    continue  # The code's own affair.
                raise GraphError(f"the parameter '{name}' of '{self.name}' cannot be an input: {problem}",
                                 "rename the parameter", self.place)
            spelling = self.spelling(given[name], name) if name in given else each["type"]
            port = Port(name, spelling)
            if default is None or default is not inspect.Parameter.empty and not _is_json(default):
                port.type = spelling if spelling.startswith("optional<") else f"optional<{spelling}>"
            elif default is not inspect.Parameter.empty:
                port.default = default
            ports.append(port)
        return ports

    def spelling(self, type, name):
        try:
            return type_spelling(type, f"'{name}' of '{self.name}'")
        except GraphError as error:
            error.place = self.place
            raise

    def bind(self, arguments, names):
        """The given arguments by the names of their inputs."""
        try:
            bound = self.signature.bind(*arguments, **names)
        except TypeError as error:
            unknown = [name for name in names if name not in self.signature.parameters]
            hint = did_you_mean(unknown[0], self.signature.parameters) if unknown else f"{self.name}{self.signature}"
            raise GraphError(f"'{self.name}': {error}", hint) from None
        inputs = [port.name for port in self.inputs]
        result = {}
        for name, value in bound.arguments.items():
            if name not in inputs:
                raise GraphError(f"the parameter '{name}' of '{self.name}' is no input", "leave it at its default")
            # None for a default of None says nothing; absent is what it means.
            if value is not None or self.signature.parameters[name].default is not None:
                result[name] = value
        return result

    def options(self, **options):
        return configured(self, options)

    def __call__(self, *arguments, **names):
        return self._call({}, arguments, names)

    def __repr__(self):
        return f"<sluice.{self.kind} {self.function.__module__}.{self.function.__qualname__}>"

    def __get__(self, instance, owner=None):
        raise GraphError(f"'{self.name}' is a method", "functions and workflows stand at the level of the module")

    def _call(self, options, arguments, names):
        trace = current_trace()
        if trace is None:
            return self._plain(arguments, names)
        step = Step(trace, self.action, self.name.replace("-", "_"), self.outputs)
        step.target = self
        step.inputs = {name: lower(value) for name, value in self.bind(arguments, names).items()}
        return finish(trace, step, options)


def _is_json(value):
    try:
        lower(value)
    except GraphError:
        return False
    return True


class Function(_Declared):
    kind, action, keys = "function", "call", FUNCTION_KEYS

    def __init__(self, function, given):
        super().__init__(function, given, ("outputs",))

    @functools.cached_property
    def output_types(self):
        """Name -> type."""
        said, given = self.said(), self._given.get("outputs")
        returned = said["returns"]
        if given is None:
            return {"result": returned}
        if isinstance(given, (str, list, tuple)):
            names = [given] if isinstance(given, str) else given
            given = {name: returned if len(names) == 1 else "any" for name in names}
        if not isinstance(given, dict) or not given:
            raise GraphError("outputs are a name, names, or a dict of names and types",
                             "outputs={'keys': 'json', 'segments': 'list<bytes>'}", self.place)
        for name in given:
            problem = identifier_problem(name) if isinstance(name, str) else "names are texts"
            if problem:
                raise GraphError(f"'{self.name}' cannot have the output {name!r}: {problem}", place=self.place)
        return {name: self.spelling(each, name) for name, each in given.items()}

    @property
    def outputs(self):
        return list(self.output_types)

    def _plain(self, arguments, names):
        return self.function(*arguments, **names)


class Workflow(_Declared):
    kind, action, keys = "workflow", "flow", WORKFLOW_KEYS

    def __init__(self, function, given):
        super().__init__(function, given)
        self._trace = None
        self._is_traced = False

    @property
    def trace(self):
        """Its graph: the function is run once, with handles."""
        if self._trace is not None:
            return self._trace
        if self._is_traced:
            raise GraphError(f"workflow '{self.name}' contains itself", "repeat with sluice.loop or sluice.foreach")
        self._is_traced = True
        try:
            if self.said()["generator"]:
                raise GraphError(f"workflow '{self.name}' yields", "it returns its outputs: return {'name': data}", self.place)
            for port in self.inputs:
                if port.type.startswith("stream") or port.type == "pipe":
                    raise GraphError(f"the input '{port.name}' of workflow '{self.name}' is a way to read",
                                     "a workflow passes data on: write list[T], or bytes", self.place)
            trace = Trace(self.name)
            with tracing(trace):
                handles = {port.name: Handle(e.Input(trace, port.name)) for port in self.inputs}
                returned = self.function(**handles)
                try:
                    trace.set_outputs(returned)
                except GraphError as error:  # Raised after the function's last line.
                    error.place = self.place
                    raise
            if not trace.steps:
                raise GraphError(f"workflow '{self.name}' has no steps", "call a @sluice.function in it", self.place)
            trace.name_steps()
            self._trace = trace
        finally:
            self._is_traced = False
        return self._trace

    @property
    def outputs(self):
        return list(self.trace.outputs)

    def _plain(self, arguments, names):
        from .plain import run_workflow

        return run_workflow(self, arguments, names)


def _decorator(make):
    def decorate(function=None, **given):
        if function is None:
            return lambda function: make(function, given)
        return make(function, given)
    return decorate


function = _decorator(Function)
workflow = _decorator(Workflow)
