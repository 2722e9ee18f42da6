"""`sluice export FILE.py`: imports the file, traces its workflows, prints sluice.yaml.

The binary starts it as `python3 -c … FOLDER_OF_THE_SDK FILE`, on the author's machine and at the author's
word. What the file itself prints goes to standard error. Exit status: 0; 3 with the places of mistakes.
"""

import importlib.util
import os
import sys

from .graph_error import GraphError, Place, raised_place

_INVALID = 3


def load(path):
    """Imports a file under its own name, as the worker will, with its folder first on the path."""
    folder, name = os.path.split(os.path.abspath(path))
    stem = name[:-3] if name.endswith(".py") else name
    if not stem.isidentifier():
        raise GraphError(f"'{name}' cannot be imported by its name", "letters, digits and '_' only", Place(path, 1))
    if stem in sys.modules:
        raise GraphError(f"'{name}' hides the module '{stem}' of Python's or of Sluice", "rename the file", Place(path, 1))
    sys.path.insert(0, folder)
    specification = importlib.util.spec_from_file_location(stem, os.path.join(folder, name))
    module = importlib.util.module_from_spec(specification)
    sys.modules[stem] = module
    specification.loader.exec_module(module)
    return module, folder


def export(path):
    """(YAML or None, list of texts that say what is wrong)"""
    from . import application, yaml_text

    try:
        module, folder = load(path)
        document, mistakes = application.document(module, folder)
    except (Exception, SystemExit) as error:
        document, mistakes = None, [error]
    if mistakes:
        return None, [_explain(each, path) for each in mistakes]
    name = os.path.basename(path)
    return yaml_text.dump(document, f"Written by `sluice export {name}`: change that file and export again."), []


def _explain(error, path):
    if isinstance(error, GraphError):
        place, message = error.place, error.message + (f"\n    hint: {error.hint}" if error.hint else "")
    elif isinstance(error, SyntaxError):
        place, message = raised_place(error), f"not valid Python: {error.msg}"
    elif isinstance(error, SystemExit):
        place, message = raised_place(error), f"the file calls sys.exit({error.code!r}) while it is imported"
    else:
        place, message = raised_place(error), f"{type(error).__name__}: {error}"
    place = place or Place(path, 1)
    # As the author sees the folder: relative to the file that was named.
    folder = os.path.dirname(os.path.abspath(path))
    shown = os.path.relpath(place.file, folder) if os.path.isabs(place.file) else place.file
    if shown.startswith(os.pardir):
        shown = place.file
    return f"{shown}:{place.line}:{place.column}: {message}"


def main(path):
    output = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # Standard output is the YAML alone.
    try:
        text, mistakes = export(path)
    except KeyboardInterrupt:
        return 130  # The author pressed Ctrl-C: no news, no traceback.
    sys.stdout.flush()
    if mistakes:
        count = len(mistakes)
        print(*mistakes, sep="\n", file=sys.stderr)
        print(f"error: {count} mistake{'' if count == 1 else 's'} in {os.path.basename(path)}", file=sys.stderr)
        return _INVALID
    with output:
        output.write(text)
    return 0
