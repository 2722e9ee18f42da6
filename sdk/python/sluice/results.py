"""From what a function returned or yields to its outputs, where that is more than one plain value."""

from .errors import InvalidOutput


def _is_iterator(value):
    return hasattr(type(value), "__next__")


def deliver(task, result):
    """With one output the result is it; with several it is a dict; what is yielded goes to the only list."""
    program = task.program
    if program.is_generator:
        _exhaust(task, program.lists[0], result)
    elif len(program.outputs) == 1:
        _fill(task, program.outputs[0], result)
    elif program.outputs:
        _fill_several(task, result)
    elif result is not None:
        raise InvalidOutput(f"{type(result).__name__} was returned, but no output is declared")


def _exhaust(task, output, iterator):
    """Elements are emitted as they are yielded; what is returned fills the rest."""
    if not _is_iterator(iterator):  # A decorator made something else of the generator.
        _fill(task, output, iterator)
        return
    emit = task.emit
    take = iterator.__next__
    while True:
        try:
            element = take()
        except StopIteration as stop:
            result = stop.value
            break
        emit(output, element)
        del element
    if len(task.program.outputs) > 1:
        _fill_several(task, result, output)
    elif result is not None:
        raise output.wrong(f"{type(result).__name__} was returned after elements were yielded, and there is no other output")


def _may_lack(task, output):
    return task.filled & output.bit or output.optional or output.is_list


def _fill_several(task, result, yielded=None):
    outputs = [output for output in task.program.outputs if output is not yielded]
    names = ", ".join(f"`{output.name}`" for output in outputs)
    if result is None:
        result = {}
    if not isinstance(result, dict):
        raise InvalidOutput(f"{type(result).__name__} was returned; with several outputs it is a dict with {names}")
    known = {output.name for output in outputs}
    lacks = [f"lacks `{each.name}`" for each in outputs if each.name not in result and not _may_lack(task, each)]
    extra = [f"has `{name}`" for name in result if name not in known]
    if lacks or extra:
        raise InvalidOutput(f"what was returned {' and '.join(lacks + extra)}; it is a dict with {names}")
    for output in outputs:
        if output.name in result:
            _fill(task, output, result[output.name])


def _fill(task, output, value):
    if not output.is_list:
        if value is not None or not _may_lack(task, output):
            task.emit(output, value)
        return
    if value is None:
        return  # Nothing was added.
    if not isinstance(value, (list, tuple)) and not _is_iterator(value):
        advice = ": return sorted(...)" if isinstance(value, (set, frozenset)) else ""
        raise output.wrong(f"{type(value).__name__} is no list{advice}")
    for element in value:
        task.emit(output, element)
