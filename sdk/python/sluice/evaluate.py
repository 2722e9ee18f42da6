"""Values of expressions in a plain run: the JSON-typed core of CEL, with absence as a fourth outcome.

Everything is known in a plain run, so what the engine calls unknown does not occur.
"""

import re

from . import expression as e
from .graph_error import BadExpression
from .handle import describe


class _Absent:
    __slots__ = ()

    def __repr__(self):
        return "ABSENT"


ABSENT = _Absent()  # An output that never comes. In a list: a hole.
_INT_MIN, _INT_MAX = -(1 << 63), (1 << 63) - 1


class Environment:
    """What the names of an expression mean now."""

    def __init__(self, inputs, outputs, run_id):
        self.inputs = inputs      # name -> value
        self.outputs = outputs    # step -> {name: value}
        self.run_id = run_id
        self.scopes = {}          # (scope, kind) -> value
        self.variables = {}

    def inside(self, scope, **values):
        """This environment with the names of one more scope."""
        inner = Environment(self.inputs, self.outputs, self.run_id)
        inner.variables = self.variables
        inner.scopes = {**self.scopes, **{(scope, kind): value for kind, value in values.items()}}
        return inner

    def bound(self, variable, value):
        inner = Environment(self.inputs, self.outputs, self.run_id)
        inner.scopes = self.scopes
        inner.variables = {**self.variables, variable: value}
        return inner

    def previous(self, scope, name):
        round_before = self.scopes.get((scope, "previous"), ABSENT)
        return ABSENT if round_before is ABSENT else round_before.get(name, ABSENT)


def evaluate(node, environment):
    """The value of a node, or ABSENT. Raises BadExpression."""
    return _EVALUATE[type(node)](node, environment)


def _literal(node, _environment):
    return node.value


def _list(node, environment):
    return [evaluate(item, environment) for item in node.items]


def _map(node, environment):
    return {key: evaluate(item, environment) for key, item in node.members}


def _text(node, environment):
    parts = [evaluate(part, environment) for part in node.parts]
    return ABSENT if any(part is ABSENT for part in parts) else "".join(map(_shown, parts))


def _shown(value):
    if isinstance(value, str):
        return value
    from json import dumps

    try:
        return dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_hole)
    except (TypeError, ValueError) as error:
        raise BadExpression(f"{type(value).__name__} in a text: {error}") from None


def _hole(value):
    if value is ABSENT:
        return None
    raise TypeError(f"{type(value).__name__} cannot be looked into")


def _scoped(node, environment):
    if node.kind == "previous":
        return environment.previous(node.scope, node.scope.step.own_outputs[0])
    return environment.scopes.get((node.scope, node.kind), ABSENT)


def _field(node, environment, is_asked=False):
    base = node.base
    if isinstance(base, e.Scoped) and base.kind == "previous" and base.scope.output_of(node.name):
        return environment.previous(base.scope, node.name)
    value = evaluate(base, environment)
    return _member(node, value, node.name, is_asked)


def _member(node, value, name, is_asked=False):
    if value is ABSENT:
        return ABSENT
    if not isinstance(value, dict):
        raise BadExpression(f"{describe(node)}: {_kind(value)} has no fields")
    if name in value:
        return value[name]
    if is_asked:
        return ABSENT
    raise BadExpression(f"{describe(node)}: there is no field '{name}'")


def _index(node, environment):
    base, at = evaluate(node.base, environment), evaluate(node.at, environment)
    if base is ABSENT or at is ABSENT:
        return ABSENT
    if isinstance(base, dict):
        return _member(node, base, at)
    if not isinstance(base, (list, tuple)):
        raise BadExpression(f"{describe(node)}: {_kind(base)} has no elements")
    if isinstance(at, bool) or not isinstance(at, int) and not (isinstance(at, float) and at.is_integer()):
        raise BadExpression(f"{describe(node)}: an index is an int, not {_kind(at)}")
    if not 0 <= at < len(base):
        raise BadExpression(f"{describe(node)}: index {at} of a list of {len(base)}")
    return base[int(at)]


def _unary(node, environment):
    value = evaluate(node.operand, environment)
    if value is ABSENT:
        return ABSENT
    if node.operator == "!":
        if not isinstance(value, bool):
            raise BadExpression(f"{describe(node)}: not of {_kind(value)}")
        return not value
    _number(node, value)
    return _checked(node, -value)


def _logic(node, environment):
    """false && anything is false, true || anything is true; else absent comes before errors."""
    decisive = node.operator == "||"
    outcomes = []
    for side in (node.left, node.right):
        try:
            value = evaluate(side, environment)
            if value is not ABSENT and not isinstance(value, bool):
                raise BadExpression(f"{describe(node)}: {node.operator} of {_kind(value)}")
        except BadExpression as error:
            value = error
        if value is decisive:
            return decisive
        outcomes.append(value)
    if any(value is ABSENT for value in outcomes):
        return ABSENT
    for value in outcomes:
        if isinstance(value, BadExpression):
            raise value
    return not decisive


def _binary(node, environment):
    operator = node.operator
    if operator in ("&&", "||"):
        return _logic(node, environment)
    left, right = _strict([node.left, node.right], environment)
    if left is ABSENT or right is ABSENT:
        return ABSENT
    if operator in ("==", "!="):
        return _equal(left, right) is (operator == "==")
    if operator == "in":
        if isinstance(right, dict):
            return left in right
        if not isinstance(right, (list, tuple)):
            raise BadExpression(f"{describe(node)}: in of {_kind(right)}")
        return any(_equal(left, each) for each in right)
    if operator in ("<", "<=", ">", ">="):
        is_pair = isinstance(left, str) and isinstance(right, str) or isinstance(left, bool) and isinstance(right, bool)
        if not is_pair:
            _number(node, left)
            _number(node, right)
        return {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[operator]
    if operator == "+":
        if isinstance(left, str) and isinstance(right, str):
            return left + right
        if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
            return [*left, *right]
    _number(node, left)
    _number(node, right)
    return _arithmetic(node, operator, left, right)


def _strict(nodes, environment):
    """The values of operands: absence of one is stronger than an error of another."""
    values, failed = [], None
    for node in nodes:
        try:
            values.append(evaluate(node, environment))
        except BadExpression as error:
            failed = failed or error
            values.append(None)
    if failed is not None and not any(value is ABSENT for value in values):
        raise failed
    return values


def _arithmetic(node, operator, left, right):
    if operator == "+":
        return _checked(node, left + right)
    if operator == "-":
        return _checked(node, left - right)
    if operator == "*":
        return _checked(node, left * right)
    if right == 0 and (operator == "%" or isinstance(left, int) and isinstance(right, int)):
        raise BadExpression(f"{describe(node)}: division by zero")
    if isinstance(left, int) and isinstance(right, int):
        quotient = abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
        return _checked(node, quotient if operator == "/" else left - quotient * right)
    if operator == "%":
        raise BadExpression(f"{describe(node)}: % is of ints")
    if right == 0:
        raise BadExpression(f"{describe(node)}: the result is no number")
    return _checked(node, left / right)


def _number(node, value):
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        operator = getattr(node, "operator", "arithmetic")
        raise BadExpression(f"{describe(node)}: {operator} of {_kind(value)}")


def _checked(node, value):
    if isinstance(value, int) and not _INT_MIN <= value <= _INT_MAX:
        raise BadExpression(f"{describe(node)}: the int does not fit 64 bits")
    if value != value or value in (float("inf"), float("-inf")):
        raise BadExpression(f"{describe(node)}: the result is {value}")
    return value


def _equal(left, right):
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        return left == right
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        return len(left) == len(right) and all(map(_equal, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_equal(left[key], right[key]) for key in left)
    return type(left) is type(right) and left == right


def _choice(node, environment):
    condition = evaluate(node.condition, environment)
    if condition is ABSENT:
        return ABSENT
    if not isinstance(condition, bool):
        raise BadExpression(f"{describe(node)}: the condition is {_kind(condition)}")
    return evaluate(node.yes if condition else node.no, environment)


def _call(node, environment):
    name, arguments = node.function, node.arguments
    if name == "has":
        if isinstance(arguments[0], e.Field):
            return _field(arguments[0], environment, is_asked=True) is not ABSENT
        return evaluate(arguments[0], environment) is not ABSENT
    if name in ("first", "present", "any"):
        return _some(node, name, arguments, environment)
    value = evaluate(arguments[0], environment)
    if value is ABSENT:
        return ABSENT
    if name == "size":
        if not isinstance(value, (str, list, tuple, dict)):
            raise BadExpression(f"{describe(node)}: size of {_kind(value)}")
        return len(value)
    if name == "range":
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 1_000_000:
            raise BadExpression(f"{describe(node)}: range of {value!r}")
        return list(range(value))
    return _convert(node, name, value)


def _some(node, name, arguments, environment):
    count = None
    if name == "any":
        count = evaluate(arguments[0], environment)
        arguments = arguments[1:]
    if len(arguments) == 1:
        only = evaluate(arguments[0], environment)
        if only is ABSENT:
            return ABSENT
        # One that is a list is a list of references; one that is not is one reference.
        found = list(only) if isinstance(only, (list, tuple)) else [only]
    elif name == "first":
        for each in arguments:  # No further than needed.
            value = evaluate(each, environment)
            if value is not ABSENT:
                return value
        return ABSENT
    else:
        found = [evaluate(each, environment) for each in arguments]
    there = [value for value in found if value is not ABSENT]
    if name == "first":
        return there[0] if there else ABSENT
    if name == "present":
        return there
    return ABSENT if count is ABSENT or len(there) < count else there[:count]


def _convert(node, name, value):
    try:
        if name == "int" and isinstance(value, (int, float, str)) and not isinstance(value, bool):
            return _checked(node, int(value))
        if name == "double" and isinstance(value, (int, float, str)) and not isinstance(value, bool):
            return _checked(node, float(value))
        if name == "string" and isinstance(value, (str, int, float, bool)):
            return _shown(value)
    except (ValueError, OverflowError):
        pass
    raise BadExpression(f"{describe(node)}: {name} of {value!r}")


def _method(node, environment):
    values = _strict([node.base, *node.arguments], environment)
    if any(value is ABSENT for value in values):
        return ABSENT
    base, name = values[0], node.function
    if name == "flatten":
        if not isinstance(base, (list, tuple)):
            raise BadExpression(f"{describe(node)}: flatten of {_kind(base)}")
        result = []
        for each in base:
            result.extend(each if isinstance(each, (list, tuple)) else [each])
        return result
    if not all(isinstance(value, str) for value in values):
        raise BadExpression(f"{describe(node)}: {name} is of texts")
    if name == "matches":
        try:
            return re.search(values[1], base) is not None
        except re.error as error:
            raise BadExpression(f"{describe(node)}: {error}") from None
    return {"startsWith": base.startswith, "endsWith": base.endswith, "contains": base.__contains__}[name](values[1])


def _macro(node, environment):
    base = evaluate(node.base, environment)
    if base is ABSENT:
        return ABSENT
    if not isinstance(base, (list, tuple, dict)):
        raise BadExpression(f"{describe(node)}: {node.function} of {_kind(base)}")
    elements = list(base)
    if node.function == "map":
        return [evaluate(node.body, environment.bound(node.variable, each)) for each in elements]
    answers = []
    for each in elements:
        try:
            value = evaluate(node.body, environment.bound(node.variable, each))
            if value is not ABSENT and not isinstance(value, bool):
                raise BadExpression(f"{describe(node)}: its body gives {_kind(value)}")
        except BadExpression as error:
            value = error
        answers.append(value)
    return _quantified(node.function, elements, answers)


def _quantified(function, elements, answers):
    decisive = {"all": False, "exists": True}.get(function)
    if decisive is not None and any(answer is decisive for answer in answers):
        return decisive
    if function != "filter" and any(answer is ABSENT for answer in answers):
        return ABSENT
    for answer in answers:
        if isinstance(answer, BadExpression):
            raise answer
    if function == "filter":
        return [each for each, answer in zip(elements, answers) if answer is True]
    return answers.count(True) == 1 if function == "exists_one" else not decisive


def _kind(value):
    names = {type(None): "null", bool: "a bool", int: "an int", float: "a double", str: "a text", list: "a list",
             tuple: "a list", dict: "a map"}
    return names.get(type(value), f"{type(value).__name__} (which cannot be looked into)")


_EVALUATE = {
    e.Literal: _literal, e.ListOf: _list, e.MapOf: _map, e.Text: _text,
    e.Input: lambda node, environment: environment.inputs.get(node.name, ABSENT),
    e.Output: lambda node, environment: environment.outputs[node.step].get(node.name, ABSENT),
    e.Scoped: _scoped, e.RunId: lambda _node, environment: environment.run_id,
    e.Variable: lambda node, environment: environment.variables[node],
    e.Field: _field, e.Index: _index, e.Unary: _unary, e.Binary: _binary, e.Choice: _choice, e.Call: _call,
    e.Method: _method, e.Macro: _macro,
}
