"""The Python worker. The node starts it, once per process, as

    /usr/bin/python3 -S -s /abs/sdk/python/sluice/worker.py

in an environment with SLUICE_FD (the descriptor of the connected socket) and, for the copy mode,
SLUICE_COPY=1; with the worker's scratch folder as the working directory.

Why so (`python3` is any CPython >= 3.9; measured with 3.11):
  -S   does not look for installed packages before one is imported that is not part of Python: 10 ms
       instead of 14 to start. They are found all the same: see _InstalledPackages below.
  -s   leaves out the packages of the user who happens to run the server.
  not -I or -E: they would take PYTHONHASHSEED, PYTHONPATH, … away from a function that sets them in
       its `env`. The node gives the whole environment, so nothing else gets in.
  not -m: it needs the package on a path, and imports `runpy`.
The package may lie anywhere and be read-only; `python3 -m compileall` beforehand makes it start faster.
Only this file is compiled at every start, so it holds nothing but the start.
"""

import sys


class _InstalledPackages:
    """The last finder: runs Python's own set-up of installed packages when something was not found without."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if path is not None or cls not in sys.meta_path:
            return None
        sys.meta_path.remove(cls)
        if name in ("_winapi", "nt", "winreg", "msvcrt", "_scproxy", "java"):  # Asked for by the standard library.
            sys.meta_path.append(cls)
            return None
        import site

        site.main()
        import importlib

        importlib.invalidate_caches()
        from importlib.machinery import PathFinder

        return PathFinder.find_spec(name)


def _start():
    folder = __file__.rpartition("/")[0]
    parent = folder.rpartition("/")[0]
    if sys.path and sys.path[0] == folder:
        del sys.path[0]  # Put there for scripts; its modules are those of a package.
    sys.path.insert(0, parent)
    from sluice import current, serving

    current.is_worker = True  # Before the app's code is imported: its decorators are none here.
    sys.path.remove(parent)
    if sys.flags.no_site:
        sys.meta_path.append(_InstalledPackages)
        import builtins
        from _sitebuiltins import Quitter

        builtins.exit = Quitter("exit", "")  # What `site` adds and scripts use.
        builtins.quit = Quitter("quit", "")
    serving.main()


if __name__ == "__main__":
    _start()
