"""The ports that Python source declares: what its annotations say in the types of the workflow language.

Only `ast` looks at the source; nothing of it is imported or run. The binary carries this file as a
program (src/bundle/python_source.cc has the format of request and answer) and runs it with -I -S, so
it imports nothing of the SDK; code-first Python imports it, so that both give one answer.
"""

import ast
import base64
import json
import math
import sys

SCALARS = {
    "bytes": "bytes", "bytearray": "bytes", "memoryview": "bytes", "Buffer": "bytes",
    "ByteString": "bytes", "str": "text", "LiteralString": "text", "int": "int",
    "float": "float", "bool": "bool", "dict": "json", "Dict": "json", "Mapping": "json",
    "MutableMapping": "json", "OrderedDict": "json", "Counter": "json", "defaultdict": "json",
    "DefaultDict": "json", "None": "json", "Any": "any", "object": "any", "Path": "file",
    "PurePath": "file", "PosixPath": "file", "ndarray": "array", "NDArray": "array",
    "Pipe": "pipe",
}
LISTS = {"list", "List", "Sequence", "MutableSequence", "Iterator", "Iterable", "Generator",
         "Collection"}
WRAPPERS = {"Annotated", "Final", "Required", "NotRequired", "ClassVar"}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Mistake(Exception):
    def __init__(self, node, message, hint=""):
        self.node, self.message, self.hint = node, message, hint


class Module:
    def __init__(self, source):
        self.lines = source.split(b"\n")
        self.tree = ast.parse(source)
        self.names = {}    # At module level: what was bound to the name last.
        self.imports = {}  # Name here -> (module, name there).
        self.read_names = None
        self.collect(self.tree.body)

    # Definitions may stand in `if` and `try`, as for optional imports.
    def collect(self, body):
        pending = list(reversed(body))
        while pending:
            node = pending.pop()
            if isinstance(node, FUNCTIONS + (ast.ClassDef,)):
                self.names[node.name] = node
            elif isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    name = alias.asname or alias.name
                    self.imports[name] = (node.module or "", alias.name)
                    self.names[name] = node
            elif isinstance(node, ast.Assign):
                for target in node.targets:
                    if isinstance(target, ast.Name):
                        self.names[target.id] = node
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                self.names[node.target.id] = node
            elif isinstance(node, (ast.If, ast.Try)):
                inner = list(node.body) + [n for h in getattr(node, "handlers", []) for n in h.body]
                inner += list(node.orelse) + list(getattr(node, "finalbody", []))
                pending.extend(reversed(inner))

    def place(self, node):
        line = getattr(node, "lineno", 1)
        offset = getattr(node, "col_offset", 0)
        text = self.lines[line - 1] if line <= len(self.lines) else b""
        return line, len(text[:offset].decode("utf-8", "replace")) + 1

    # The spelling of an annotation as a port type.
    def type_of(self, node, depth=0):
        if node is None or depth > 20:
            return "any"
        if isinstance(node, ast.Constant):
            if node.value is None:
                return "json"
            if node.value is Ellipsis:
                return "any"
            if isinstance(node.value, str):
                try:
                    inner = ast.parse(node.value.strip(), mode="eval").body
                except (SyntaxError, ValueError, RecursionError, MemoryError):
                    raise Mistake(node, "the annotation %r is not a type" % node.value[:60])
                if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
                    raise Mistake(node, "the annotation %r is not a type" % node.value[:60])
                for child in ast.walk(inner):
                    ast.copy_location(child, node)
                return self.type_of(inner, depth + 1)
            raise Mistake(node, "the annotation %r is not a type" % (node.value,),
                          "for a default write '= %r'" % (node.value,))
        if isinstance(node, (ast.List, ast.Tuple, ast.Dict, ast.Set)):
            raise Mistake(node, "the annotation %s is not a type" % ast.unparse(node)[:60],
                          "write list[T]" if isinstance(node, ast.List) else "")
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            parts, pending = [], [node]
            while pending:
                part = pending.pop()
                if isinstance(part, ast.BinOp) and isinstance(part.op, ast.BitOr):
                    pending += [part.right, part.left]
                else:
                    parts.append(part)
            return self.union(parts, depth)
        if isinstance(node, ast.Subscript):
            return self.subscript(node, depth)
        name = self.name_of(node)
        if name in SCALARS:
            return SCALARS[name]
        if name in LISTS:
            return "list<any>"
        if name == "Stream":
            return "stream<any>"
        if name == "Optional":
            return "optional<any>"
        if isinstance(node, ast.Name):
            bound = self.names.get(node.id)
            value = getattr(bound, "value", None)
            if isinstance(bound, (ast.Assign, ast.AnnAssign)) and isinstance(
                    value, (ast.Name, ast.Attribute, ast.Subscript, ast.BinOp)):
                return self.type_of(value, depth + 1)
        return "any"

    # The last part of a (dotted) name; what the module itself defines hides the built-in meaning.
    def name_of(self, node):
        if isinstance(node, ast.Attribute):
            return node.attr
        if not isinstance(node, ast.Name):
            return ""
        if isinstance(self.names.get(node.id), (ast.ClassDef, ast.Assign, ast.AnnAssign) + FUNCTIONS):
            return ""
        return self.imports.get(node.id, ("", node.id))[1]

    def subscript(self, node, depth):
        name = self.name_of(node.value)
        inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        first = inner[0] if inner else None
        if name in WRAPPERS:
            return self.type_of(first, depth + 1)
        if name == "Optional":
            return optional(self.type_of(first, depth + 1))
        if name == "Union":
            return self.union(inner, depth)
        if name == "Literal":
            kinds = {type(e.value) if isinstance(e, ast.Constant) else object for e in inner}
            if len(kinds) == 1:
                return {str: "text", int: "int", bool: "bool", bytes: "bytes"}.get(kinds.pop(), "any")
            return "any"
        if name == "Stream" or name in LISTS:
            element = self.type_of(first, depth + 1)
            if element.startswith("stream<") or element == "pipe":
                raise Mistake(node, "Stream and Pipe cannot be inside another type")
            return ("stream<%s>" if name == "Stream" else "list<%s>") % element
        return SCALARS.get(name, "any")

    def union(self, parts, depth):
        is_none = lambda p: isinstance(p, ast.Constant) and p.value is None
        rest = [p for p in parts if not is_none(p)]
        types = {self.type_of(p, depth + 1) for p in rest}
        kind = types.pop() if len(types) == 1 else "any"
        return optional(kind) if len(rest) < len(parts) else kind


def optional(kind):
    return kind if kind.startswith("optional<") else "optional<%s>" % kind


def to_json(value, depth=0):
    if depth > 32:
        raise ValueError
    if value is None or isinstance(value, (bool, str)):
        if isinstance(value, str):
            value.encode("utf-8")
        return value
    if isinstance(value, int):
        if not -2**63 <= value < 2**63:
            raise ValueError
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError
        return value
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            return {"$base64": base64.b64encode(value).decode("ascii")}
    if isinstance(value, (list, tuple)):
        return [to_json(v, depth + 1) for v in value]
    if isinstance(value, dict) and all(isinstance(k, str) for k in value):
        return {k: to_json(v, depth + 1) for k, v in value.items()}
    raise ValueError


def parameter(module, argument, default):
    line, column = module.place(argument)
    result = {"name": argument.arg, "type": module.type_of(argument.annotation), "line": line,
              "column": column, "required": default is None}
    if default is not None:
        line, column = module.place(default)
        result["default_line"], result["default_column"] = line, column
        try:
            result["default"] = to_json(ast.literal_eval(default))
            result["has_default"] = True
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            result["has_default"] = False
    return result


def is_generator(function):
    pending = list(function.body)
    while pending:
        node = pending.pop()
        if isinstance(node, (ast.Yield, ast.YieldFrom)):
            return True
        if not isinstance(node, FUNCTIONS + (ast.ClassDef, ast.Lambda)):
            pending.extend(ast.iter_child_nodes(node))
    return False


def names_read(module):
    """Names that code of the module gives to a method `read`: of inputs, where it is the context's."""
    if module.read_names is None:
        found = set()
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "read":
                first = node.args[0] if node.args else None
                if isinstance(first, ast.Constant) and isinstance(first.value, str) and first.value.isidentifier():
                    found.add(first.value)
        module.read_names = sorted(found)[:1000]
    return module.read_names


def describe(module, name, node=None):
    """What the function of this name says. `node`: which one it is, where it stands inside another."""
    node = node or module.names.get(name)
    if node is None:
        functions = [n for n, d in module.names.items() if isinstance(d, ast.FunctionDef)]
        return {"missing": True, "names": functions[:200]}
    if isinstance(node, ast.AsyncFunctionDef):
        raise Mistake(node, "'%s' is an 'async def'; functions of an app are plain functions" % name,
                      "write 'def'; what waits inside can use asyncio.run(...)")
    if isinstance(node, ast.ClassDef):
        raise Mistake(node, "'%s' is a class, not a function" % name,
                      "write a function that makes use of it")
    if isinstance(node, ast.ImportFrom):
        origin, original = module.imports[name]
        raise Mistake(node, "'%s' is imported here, not defined here" % name,
                      "name the module that defines it: handler: %s.%s" % (origin, original)
                      if origin and not node.level else "name the module that defines it")
    if not isinstance(node, ast.FunctionDef):
        is_lambda = isinstance(getattr(node, "value", None), ast.Lambda)
        raise Mistake(node, "'%s' is %s" % (name, "a lambda" if is_lambda else "not defined by 'def'"),
                      "write 'def %s(...):'" % name)
    arguments = node.args
    if arguments.posonlyargs:
        raise Mistake(arguments.posonlyargs[0],
                      "'%s' of '%s' can be given by position only" % (arguments.posonlyargs[0].arg, name),
                      "inputs are given by name: remove the '/'")
    for star, argument in (("*", arguments.vararg), ("**", arguments.kwarg)):
        if argument is not None:
            raise Mistake(argument, "'%s%s' of '%s' names no inputs" % (star, argument.arg, name),
                          "write one parameter per input")
    plain = arguments.args
    defaults = [None] * (len(plain) - len(arguments.defaults)) + list(arguments.defaults)
    pairs = list(zip(plain, defaults)) + list(zip(arguments.kwonlyargs, arguments.kw_defaults))
    generator = is_generator(node)
    returns = module.type_of(node.returns) if node.returns is not None else None
    if returns is not None and ("stream<" in returns or "pipe" in returns):
        raise Mistake(node.returns, "Stream and Pipe are ways to read an input, not to return",
                      "write Iterator[T], or bytes")
    if generator:
        if returns in (None, "any", "json", "optional<any>"):
            returns = "list<any>"
        elif not returns.startswith("list<"):
            raise Mistake(node.returns, "'%s' yields, so it cannot return %s" % (name, returns),
                          "write Iterator[%s]" % ast.unparse(node.returns)[:60])
    return {"inputs": [parameter(module, a, d) for a, d in pairs], "returns": returns or "any",
            "generator": generator, "reads": names_read(module)}


def read_file(source, functions):
    try:
        module = Module(source)
    except SyntaxError as error:
        # A message about an encoding has no line; it concerns the whole file.
        return {"syntax": str(error.msg), "line": error.lineno or 1, "column": max(error.offset or 1, 1)}
    except (ValueError, RecursionError, MemoryError) as error:
        text = str(error) if isinstance(error, ValueError) else "nested too deeply, or too large"
        return {"syntax": text, "line": 1, "column": 1}
    result = {}
    for name in functions:
        try:
            result[name] = describe(module, name)
        except Mistake as mistake:
            line, column = module.place(mistake.node)
            result[name] = {"mistake": mistake.message, "hint": mistake.hint, "line": line,
                            "column": column}
        except RecursionError:
            result[name] = {"mistake": "nested too deeply", "hint": "", "line": 1, "column": 1}
    return {"functions": result}


def main():
    import resource

    # A source of 1 MiB can be a tree of several hundred; beyond this it is hostile.
    resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
    header = json.loads(sys.stdin.buffer.readline())
    answers = []
    for entry in header:
        source = sys.stdin.buffer.read(entry["size"])
        answers.append(read_file(source, entry["functions"]))
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
