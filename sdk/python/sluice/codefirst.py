"""What `sluice` offers to those who write workflows in Python. Imported when one of these names is first used."""

from .actions import (
    Catch, any_of, fail_action, first, foreach, has, if_else, loop, present, range_of, run, set_action, switch_action,
    wait_action)
from .application import app
from .declare import function, workflow
from .graph_error import BadExpression, Failure, GraphError, LoopLimit
from .plain import answers

NAMES = {
    "function": function, "workflow": workflow, "app": app,
    "foreach": foreach, "loop": loop, "switch": switch_action, "catch": Catch,
    "set": set_action, "wait": wait_action, "fail": fail_action,
    "first": first, "present": present, "any": any_of, "has": has, "range": range_of, "if_else": if_else, "run": run,
    "answers": answers,
    "GraphError": GraphError, "Failure": Failure, "BadExpression": BadExpression, "LoopLimit": LoopLimit,
}
