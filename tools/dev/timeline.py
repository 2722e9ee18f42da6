"""Draws the tasks of a run as text bars, from the Chrome trace events that `sluice trace` prints."""

import dataclasses

WIDTH = 56


@dataclasses.dataclass
class Bar:
    name: str
    begin: float  # µs
    end: float


def bars(trace):
    """One bar per task, from the start of its code to its end, in order of start."""
    events = trace["traceEvents"] if isinstance(trace, dict) else trace
    tasks = [event for event in events if event.get("ph") == "X" and event.get("cat") == "task"]
    # A task may come in phases (waiting for a worker, running, …): what is drawn is its code running.
    running = [event for event in tasks if event.get("args", {}).get("phase") in ("run", "running")]
    by_name = {}
    for event in running or tasks:
        begin, end = event["ts"], event["ts"] + event.get("dur", 0)
        bar = by_name.setdefault(event["name"], Bar(event["name"], begin, end))
        bar.begin, bar.end = min(bar.begin, begin), max(bar.end, end)
    return sorted(by_name.values(), key=lambda bar: (bar.begin, bar.name))


def draw(drawn):
    """The lines of the picture. The first begins at 0; every bar has at least one cell."""
    if not drawn:
        return ["(no task in the trace)"]
    zero = min(bar.begin for bar in drawn)
    span = max(max(bar.end for bar in drawn) - zero, 1)
    label = max(len(bar.name) for bar in drawn)
    lines = []
    for bar in drawn:
        first = min(int((bar.begin - zero) * WIDTH / span), WIDTH - 1)
        cells = max(1, round((bar.end - bar.begin) * WIDTH / span))
        picture = (" " * first + "█" * cells)[:WIDTH]
        lines.append(f"{bar.name:{label}} |{picture:{WIDTH}}| {(bar.begin - zero) / 1000:8.1f} … "
                     f"{(bar.end - zero) / 1000:.1f} ms")
    return lines
