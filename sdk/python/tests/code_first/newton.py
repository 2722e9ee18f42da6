"""A loop until the result is good enough; one function with two outputs, and one with a single one."""

import sluice


@sluice.function(outputs={"x": float, "delta": "float"})
def improve(a: float, x: float):
    better = (x + a / x) / 2
    return {"x": better, "delta": abs(better - x)}


@sluice.function
def grow(n: int, by: int = 2) -> int:
    return n * by


@sluice.workflow(timeout="10m", durability="express")
def root(a: float):
    best = sluice.loop(
        lambda previous: improve(a, sluice.first(previous.x, a)),
        while_=lambda previous: previous.delta > 0.000001,
        max=50,
    )
    return best.x


@sluice.workflow
def powers(least: int):
    return {
        "power": sluice.loop(
            lambda previous, round: grow(sluice.first(previous, 1), round + 1),
            while_=lambda previous, round: (previous < least) & (round < 10),
            max=10,
        )
    }
