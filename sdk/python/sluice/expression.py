"""Expressions of the workflow language as trees, and how they are written: `${…}`.

A tree is made by the operators of handles (handle.py), is written into sluice.yaml by `write`, and has
its value computed by a plain run (evaluate.py). Nodes are compared by identity and never changed.
"""


class Node:
    __slots__ = ()

    def children(self):
        return ()

    def walk(self):
        """This node and all below it. Not recursive: long sums are deep trees."""
        pending = [self]
        while pending:
            node = pending.pop()
            yield node
            pending.extend(node.children())


class Literal(Node):
    """None, bool, int, float, str or bytes."""

    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value


class ListOf(Node):
    __slots__ = ("items",)

    def __init__(self, items):
        self.items = tuple(items)

    def children(self):
        return self.items


class MapOf(Node):
    __slots__ = ("members",)

    def __init__(self, members):
        self.members = tuple(members)  # (key, node)

    def children(self):
        return tuple(node for _, node in self.members)


class Text(Node):
    """A text with expressions in it: literals and nodes in turn."""

    __slots__ = ("parts",)

    def __init__(self, parts):
        self.parts = tuple(parts)

    def children(self):
        return self.parts


class Input(Node):
    """`inputs.NAME`"""

    __slots__ = ("trace", "name")

    def __init__(self, trace, name):
        self.trace = trace
        self.name = name


class Output(Node):
    """`STEP.NAME`"""

    __slots__ = ("step", "name")

    def __init__(self, step, name):
        self.step = step
        self.name = name


class Scoped(Node):
    """`item`, `index`, `previous`, `round`, `error`: what exists inside one body only."""

    __slots__ = ("kind", "scope")

    def __init__(self, kind, scope):
        self.kind = kind
        self.scope = scope


class RunId(Node):
    """`run.id`"""

    __slots__ = ()


class Variable(Node):
    """The name that `map`, `filter`, … bind. Its spelling is chosen when it is written."""

    __slots__ = ("name",)

    def __init__(self, name):
        self.name = name


class Field(Node):
    __slots__ = ("base", "name")

    def __init__(self, base, name):
        self.base = base
        self.name = name

    def children(self):
        return (self.base,)


class Index(Node):
    __slots__ = ("base", "at")

    def __init__(self, base, at):
        self.base = base
        self.at = at

    def children(self):
        return (self.base, self.at)


class Unary(Node):
    __slots__ = ("operator", "operand")

    def __init__(self, operator, operand):
        self.operator = operator
        self.operand = operand

    def children(self):
        return (self.operand,)


class Binary(Node):
    __slots__ = ("operator", "left", "right")

    def __init__(self, operator, left, right):
        self.operator = operator
        self.left = left
        self.right = right

    def children(self):
        return (self.left, self.right)


class Choice(Node):
    """`condition ? yes : no`"""

    __slots__ = ("condition", "yes", "no")

    def __init__(self, condition, yes, no):
        self.condition = condition
        self.yes = yes
        self.no = no

    def children(self):
        return (self.condition, self.yes, self.no)


class Call(Node):
    """`f(a, b)`"""

    __slots__ = ("function", "arguments")

    def __init__(self, function, arguments):
        self.function = function
        self.arguments = tuple(arguments)

    def children(self):
        return self.arguments


class Method(Node):
    """`x.f(a, b)`"""

    __slots__ = ("base", "function", "arguments")

    def __init__(self, base, function, arguments=()):
        self.base = base
        self.function = function
        self.arguments = tuple(arguments)

    def children(self):
        return (self.base, *self.arguments)


class Macro(Node):
    """`x.map(v, …)`"""

    __slots__ = ("base", "function", "variable", "body")

    def __init__(self, base, function, variable, body):
        self.base = base
        self.function = function
        self.variable = variable
        self.body = body

    def children(self):
        return (self.base, self.body)


_PRECEDENCE = {"||": 1, "&&": 2, "==": 3, "!=": 3, "<": 3, "<=": 3, ">": 3, ">=": 3, "in": 3, "+": 4, "-": 4,
               "*": 5, "/": 5, "%": 5}
_CHOICE, _UNARY, _POSTFIX = 0, 6, 7
# What the names of variables must not be: words of expressions.
WORDS = frozenset((
    "inputs", "item", "index", "previous", "round", "error", "run", "true", "false", "null", "in", "as", "break",
    "const", "continue", "else", "for", "function", "if", "import", "let", "loop", "package", "namespace", "return",
    "var", "void", "while"))


class Writer:
    """Writes expressions of one workflow. `taken`: the names of its steps, which no variable may hide."""

    def __init__(self, taken):
        self._taken = WORDS | frozenset(taken)

    def value(self, node):
        """What stands in the file for this node: a JSON value whose texts may hold `${…}`."""
        if isinstance(node, Literal):
            if isinstance(node.value, str):
                return _escape(node.value)
            if isinstance(node.value, bytes):
                return _bytes_value(node.value)
            return node.value
        if isinstance(node, ListOf):
            return [self.value(item) for item in node.items]
        if isinstance(node, MapOf):
            return {key: self.value(item) for key, item in node.members}
        if isinstance(node, Text):
            return "".join(
                _escape(part.value) if isinstance(part, Literal) else self.expression(part) for part in node.parts)
        return self.expression(node)

    def expression(self, node):
        return "${" + self.text(node, {}, 0) + "}"

    def text(self, node, names, least):
        """The node as text, in parentheses if it binds less than `least`. `names`: of variables in scope."""
        text, precedence = self._text(node, names)
        return f"({text})" if precedence < least else text

    def _text(self, node, names):
        kind = type(node)
        if kind is Literal:
            text = _literal(node.value)
            return text, _UNARY if text.startswith("-") else _POSTFIX
        if kind is Input:
            return f"inputs.{node.name}", _POSTFIX
        if kind is Output:
            return f"{node.step.name}.{node.name}", _POSTFIX
        if kind is Scoped:
            return node.scope.text(node.kind), _POSTFIX
        if kind is RunId:
            return "run.id", _POSTFIX
        if kind is Variable:
            return names[node], _POSTFIX
        if kind is Field:
            if isinstance(node.base, Scoped) and node.base.kind == "previous":
                return node.base.scope.previous_text(node.name), _POSTFIX
            return f"{self.text(node.base, names, _POSTFIX)}.{node.name}", _POSTFIX
        if kind is Index:
            return f"{self.text(node.base, names, _POSTFIX)}[{self.text(node.at, names, 0)}]", _POSTFIX
        if kind is Unary:
            return node.operator + self.text(node.operand, names, _UNARY + (node.operator == "-")), _UNARY
        if kind is Binary:
            return self._binary(node, names)
        if kind is Choice:
            return (f"{self.text(node.condition, names, 1)} ? {self.text(node.yes, names, 1)}"
                    f" : {self.text(node.no, names, 0)}"), _CHOICE
        if kind is Call:
            return f"{node.function}({self._list(node.arguments, names)})", _POSTFIX
        if kind is Method:
            base = self.text(node.base, names, _POSTFIX)
            return f"{base}.{node.function}({self._list(node.arguments, names)})", _POSTFIX
        if kind is Macro:
            return self._macro(node, names), _POSTFIX
        if kind is ListOf:
            return f"[{self._list(node.items, names)}]", _POSTFIX
        if kind is MapOf:
            members = ", ".join(f"{_quoted(key)}: {self.text(item, names, 0)}" for key, item in node.members)
            return "{" + members + "}", _POSTFIX
        raise TypeError(f"no text for {kind.__name__}")

    def _list(self, nodes, names):
        return ", ".join(self.text(node, names, 0) for node in nodes)

    def _binary(self, node, names):
        # Along the left side in a loop: `a + b + c + …` is as deep as it is long.
        precedence = _PRECEDENCE[node.operator]
        right = []
        while type(node) is Binary and _PRECEDENCE[node.operator] == precedence:
            right.append(f"{node.operator} {self.text(node.right, names, precedence + 1)}")
            node = node.left
            if precedence == 3:
                break  # `(a < b) == c` reads better with its parentheses.
        left = self.text(node, names, precedence + (precedence == 3))
        return " ".join([left, *reversed(right)]), precedence

    def _macro(self, node, names):
        used = self._taken | set(names.values())
        name = node.variable.name
        while name in used:
            name += "_"
        body = self.text(node.body, {**names, node.variable: name}, 0)
        return f"{self.text(node.base, names, _POSTFIX)}.{node.function}({name}, {body})"


def _escape(text):
    return text.replace("${", "$${")


def _bytes_value(data):
    try:
        return _escape(data.decode())
    except UnicodeDecodeError:
        from base64 import b64encode

        return {"$base64": b64encode(data).decode()}


def _literal(value):
    if value is None:
        return "null"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, str):
        return _quoted(value)
    return number_text(value)


def number_text(value):
    """As people write it: 0.000001 rather than 1e-06. Very small and very large ones keep the exponent."""
    text = repr(value)
    mantissa, e, exponent = text.partition("e-")
    if not e or int(exponent) > 9:
        return text
    digits = mantissa.lstrip("-").replace(".", "")
    return f"{'-' * text.startswith('-')}0.{'0' * (int(exponent) - 1)}{digits}"


_ESCAPES = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _quoted(text):
    quoted = "".join(_ESCAPES.get(c) or (c if c.isprintable() else f"\\U{ord(c):08x}") for c in text)
    return "'" + quoted.replace("${", "\\x24{") + "'"  # No `${` inside of `${…}`.
