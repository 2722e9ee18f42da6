"""Types of ports from what authors write: `"list<bytes>"`, `list[bytes]`, `bytes`; and what a function's source says."""

import ast
import inspect
import os

from . import porttype, source_ports
from .graph_error import GraphError, Place

_modules = {}  # path -> (time of change, source_ports.Module)


def type_spelling(value, what):
    """The port type of the language that a text, a class or an annotation names."""
    if isinstance(value, str):
        try:
            return str(porttype.parse(value))
        except ValueError:
            raise GraphError(f"{what}: '{value}' is not a type",
                             "bytes, text, json, int, float, bool, array, file, any, list<T>, optional<T>") from None
    text = "None" if value is None else value.__name__ if type(value) is type else repr(value)
    try:
        return source_ports.Module(b"").type_of(ast.parse(text, mode="eval").body)
    except (SyntaxError, source_ports.Mistake):
        raise GraphError(f"{what}: {text} is not a type", "write it as text: 'list<bytes>'") from None


def _module(path):
    changed = os.stat(path).st_mtime_ns
    found = _modules.get(path)
    if found is None or found[0] != changed:
        with open(path, "rb") as file:
            found = _modules[path] = (changed, source_ports.Module(file.read()))
    return found[1]


def _definition(module, function):
    """The `def` of this function, also where it stands inside another."""
    line = function.__code__.co_firstlineno
    for node in ast.walk(module.tree):
        if isinstance(node, source_ports.FUNCTIONS) and node.name == function.__name__:
            if min([node.lineno, *(each.lineno for each in node.decorator_list)]) == line:
                return node
    return None


def describe(function):
    """Inputs, type of what is returned, and whether it yields: by the same rules as at deploy.

    Of code without a source file (typed into a prompt) types are unknown.
    """
    path = inspect.getsourcefile(function)
    node = None
    if path and os.path.exists(path):
        try:
            module = _module(path)
        except (SyntaxError, ValueError) as error:
            raise GraphError(f"not valid Python: {error}", place=Place(path, getattr(error, "lineno", 1) or 1)) from None
        node = _definition(module, function)
    if node is None:
        return _from_signature(function)
    try:
        return source_ports.describe(module, function.__name__, node)
    except source_ports.Mistake as mistake:
        raise GraphError(mistake.message, mistake.hint, Place(path, *module.place(mistake.node))) from None


def _from_signature(function):
    parameters = inspect.signature(function).parameters.values()
    inputs = [{"name": each.name, "type": "any", "required": each.default is each.empty} for each in parameters]
    generator = inspect.isgeneratorfunction(function)
    return {"inputs": inputs, "returns": "list<any>" if generator else "any", "generator": generator}
