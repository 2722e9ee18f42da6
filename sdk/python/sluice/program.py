"""The function of this worker: loaded, checked against its declared ports, and called."""

import sys

from . import porttype, wire
from .errors import LoadError
from .inputs import Input, ListInput
from .outputs import Output, Sender
from .reading import compile_reader, default_input

_FUNCTION = type(lambda: None)
_VARARGS, _VARKEYWORDS, _GENERATOR = 0x04, 0x08, 0x20
_ASYNC = 0x80 | 0x200  # coroutine, async generator


class Port:
    """One declared input."""

    __slots__ = ("index", "name", "type", "make_input", "read", "required", "has_default", "default", "fallback")

    def __init__(self, index, name, type, required, has_default, default):
        self.index = index
        self.name = name
        self.type = type
        self.required = required  # Otherwise it may turn out absent, even after the task has started.
        self.make_input = ListInput if type.plain.head in ("list", "stream") else Input
        self.read = None
        self.has_default = has_default
        self.default = default
        self.fallback = None  # The default of the parameter: what an absent input without a default becomes.
        if has_default:
            self.default_input(None)  # A wrong one is a LoadError.

    def default_input(self, task):
        """The declared default, as if it had been sent. Made anew for each task: code may change what it gets."""
        return default_input(self.name, self.type, self.default, task, self.index)


class Program:
    """Everything about the function that does not change from task to task."""

    def __init__(self, setup, channel, shm):
        self.channel = channel
        self.name = setup.get("function", "")
        self.handler = setup["handler"]
        self.code = setup["code"]
        self.scratch = setup["scratch"]
        self.sender = Sender(channel, shm, setup.get("inline_max", wire.INLINE_MAX))
        self.lazy_started = bool(setup.get("lazy_started"))
        self.ports = []
        self.outputs = []
        self.function = None
        self.is_generator = False
        self.is_plain = False  # Exactly one output, which is no list: what is returned is its value.
        self.parameters = ()
        self._positional = ()
        self._keywords = ()
        try:
            for index, each in enumerate(setup["inputs"]):
                self.ports.append(Port(
                    index, each["name"], porttype.parse(each["type"]), each.get("required", True), "default" in each,
                    each.get("default")))
            for index, each in enumerate(setup["outputs"]):
                self.outputs.append(Output(
                    index, each["name"], porttype.parse(each["type"]), bool(each.get("optional"))))
        except Exception as error:
            raise LoadError(f"the declared ports of `{self.name}`: {error}") from None
        self.lists = [output for output in self.outputs if output.is_list]

    # ---- loading ----

    def load(self):
        """Imports the code. Raises LoadError with file and line."""
        module_name, _, function_name = self.handler.rpartition(".")
        if not module_name:
            raise LoadError(f"handler `{self.handler}` is not `module.function`")
        try:
            __import__(module_name)
        except BaseException as error:
            from .failure import load_failure

            raise load_failure(error, module_name, self.code) from None
        module = sys.modules[module_name]
        function = getattr(module, function_name, None)
        if function is None:
            raise LoadError(f"{self._file(module)}: there is no function `{function_name}`{_hint(function_name, module)}")
        if not callable(function):
            raise LoadError(f"{self._file(module)}: `{function_name}` is a {type(function).__name__}, not a function")
        self.function = function
        self._check(function, module)

    def _file(self, module):
        path = getattr(module, "__file__", None) or module.__name__
        return path[len(self.code) + 1 :] if path.startswith(self.code + "/") else path

    def _check(self, function, module):
        where = self._file(module)
        if type(function) is _FUNCTION and not hasattr(function, "__wrapped__"):
            code = function.__code__
            where = f"{where}:{code.co_firstlineno}"
            flags = code.co_flags
            count = code.co_argcount
            names = code.co_varnames[: count + code.co_kwonlyargcount]
            positional_only = code.co_posonlyargcount
            optional = dict(zip(names[count - len(function.__defaults__ or ()) : count], function.__defaults__ or ()))
            optional.update(function.__kwdefaults__ or {})
            takes_all = bool(flags & _VARKEYWORDS)
        else:
            names, positional_only, optional, takes_all, flags = _signature(function, where)
        called = f"{where}: {self.handler}"
        if flags & _ASYNC:
            raise LoadError(f"{called} is async: write a plain function, `def` without `async`")
        self.is_generator = bool(flags & _GENERATOR)
        if self.is_generator and len(self.lists) != 1:
            which = "none of its outputs is a list" if not self.lists else "it has several outputs that are lists"
            raise LoadError(
                f"{called} yields, but {which}: declare one output as `list<…>`, or use sluice.context().emit(name, value)")
        self.is_plain = len(self.outputs) == 1 and not self.lists
        annotations = _annotations(function, module)
        ports = {port.name: port for port in self.ports}
        for name in names:
            if name not in ports and name not in optional:
                raise LoadError(f"{called} has a parameter `{name}`, but no input is declared for it")
        passed = []
        for port in self.ports:
            known = port.name in names
            if not known and not takes_all and not _uses_sluice(module):
                raise LoadError(
                    f"{called} has no parameter `{port.name}`, but an input of that name is declared; its parameters: "
                    + (", ".join(names) or "none"))
            try:
                port.read = compile_reader(port.name, port.type, annotations.get(port.name) if known else None)
            except Exception as error:
                raise LoadError(f"{called}, parameter `{port.name}`: {error}") from None
            if known and port.name in optional:
                port.fallback = optional[port.name]
            if known or takes_all:
                passed.append(port)
        order = {name: at for at, name in enumerate(names)}
        self.parameters = passed
        first = names[:positional_only]
        self._positional = sorted((port for port in passed if port.name in first), key=lambda port: order[port.name])
        self._keywords = [port for port in passed if port.name not in first]

    # ---- calling ----

    def call(self, task):
        values = task.values
        if self._positional:
            positional = [values[port.name] for port in self._positional]
            return self.function(*positional, **{port.name: values[port.name] for port in self._keywords})
        return self.function(**values)

    def read_arguments(self, task):
        """Turns inputs into arguments, in task.values; waits for those that are not there yet."""
        inputs = task.inputs
        values = task.values
        for port in self.parameters:
            input = inputs.get(port.index)
            if input is None or not port.required:
                task.value(port)
            else:
                values[port.name] = port.read(task, input)


def _hint(name, module):
    from difflib import get_close_matches

    found = get_close_matches(name, [each for each, what in vars(module).items() if callable(what)], 1)
    return f"; did you mean `{found[0]}`?" if found else ""


def _uses_sluice(module):
    """Whether code of this module can call context().read(): then inputs need no parameter."""
    package = sys.modules[__package__]
    for each in vars(module).values():
        if each is package or str(getattr(each, "__module__", "")).partition(".")[0] == __package__:
            return True
    return False


def _annotations(function, module):
    found = {}
    for name, annotation in (getattr(function, "__annotations__", None) or {}).items():
        if isinstance(annotation, str):
            try:
                annotation = eval(annotation, getattr(function, "__globals__", vars(module)))
            except Exception:
                annotation = None  # It names what exists only for type checkers: the port decides.
        found[name] = annotation
    return found


def _signature(function, where):
    """Of what is callable, but no plain function: a decorated one, a class, a partial, a callable object."""
    import inspect

    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError) as error:
        raise LoadError(f"{where}: its parameters cannot be found out: {error}") from None
    names, optional, positional_only, takes_all = [], {}, 0, False
    for parameter in signature.parameters.values():
        if parameter.kind == parameter.VAR_KEYWORD:
            takes_all = True
        elif parameter.kind != parameter.VAR_POSITIONAL:
            names.append(parameter.name)
            positional_only += parameter.kind == parameter.POSITIONAL_ONLY
            if parameter.default is not parameter.empty:
                optional[parameter.name] = parameter.default
    code = getattr(inspect.unwrap(function), "__code__", None)
    return tuple(names), positional_only, optional, takes_all, code.co_flags if code else 0
