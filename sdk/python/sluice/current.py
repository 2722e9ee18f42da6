"""Which task this process runs now. A module of its own: `sluice` imports it without the worker's code."""

task = None
forked = False
is_worker = False
