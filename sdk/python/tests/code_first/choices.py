"""Elements, branches, answers, absence, expressions."""

from typing import Optional

import sluice


class Refused(Exception):
    pass


@sluice.function
def ten(x: int) -> int:
    if x == 2:
        raise Refused("two")
    return x * 10


@sluice.function(outputs={"quotient": "int", "rest": "optional<int>"})
def divide(a: int, b: int = 3):
    return {"quotient": a // b, "rest": a % b or None}


@sluice.workflow
def zipped(xs: list[int], ys: list[int]):
    chosen = sluice.foreach(
        xs,
        lambda x, i: ten.options(when=(x > 0) & (ys[i] != 0), catch=sluice.catch(errors=Refused))(x),
    )
    pairs = sluice.foreach(sluice.range(xs.size()), lambda i: sluice.set(pair=[xs[i], {"y": ys[i], "none": None}]))
    return {"chosen": chosen, "there": sluice.present(chosen), "pairs": pairs}


@sluice.workflow
def branches(n: int, flag: bool = False):
    way = sluice.switch(
        (flag, lambda: ten(5)),
        ((n % 2 == 0) | (n < 0), lambda: -n),
        lambda: sluice.set(result=[n, 0][0] + 1),
    )
    parts = divide.options(start="early")(n)
    return {
        "way": way,
        "rest": sluice.first(parts.rest, "none"),
        "kind": sluice.if_else(~flag & (n - (1 - n) * 2 > 10), "big", f"n is {n}, it's ${{n}}"),
        "quickest": sluice.any(1, way, parts.quotient),
    }


@sluice.workflow
def approval(topic: str, until: Optional[str] = None):
    pause = sluice.wait("30s")
    later = sluice.wait.options(name="later", when=sluice.has(until))(until)
    answer = sluice.wait.options(
        name="approve",
        after=[pause, later],
        timeout="7d",
        catch=sluice.catch(lambda: sluice.set(approved=False), errors="Timeout"),
    )(approved=bool, note=Optional[str])
    sluice.fail.options(when=~answer.approved)("Refused", f"{topic} in run {sluice.run.id}")
    return answer
