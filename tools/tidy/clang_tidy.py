#!/usr/bin/env python3
"""Runs clang-tidy 19 on the C++ files that differ from the main branch (or on all, with --all).

Needs build/dev/compile_commands.json (`./dev tidy` configures it). A changed header is checked
through the sources beside it that include it.
"""

import argparse
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from sources import is_cpp, project_files, repository_root


def changed_files(root):
    """What differs from the point where this branch left origin/main, committed or not; else since HEAD~1."""
    for base in ("origin/main", "HEAD~1"):
        merge_base = subprocess.run(["git", "-C", root, "merge-base", base, "HEAD"], capture_output=True, text=True,
                                    check=False)
        if merge_base.returncode == 0:
            listed = subprocess.run(["git", "-C", root, "diff", "--name-only", merge_base.stdout.strip()],
                                    capture_output=True, text=True, check=True).stdout.splitlines()
            return set(listed)
    return set(project_files(root))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--all", action="store_true", help="all files, not only the changed ones")
    arguments = parser.parse_args()
    root = repository_root()
    files = [path for path in project_files(root) if is_cpp(path) and path.split("/")[0] in ("src", "tests", "bench")]
    chosen = set(files) if arguments.all else changed_files(root)
    sources = [path for path in files if path.endswith(".cc") and
               (path in chosen or path.removesuffix(".cc") + ".h" in chosen)]

    def check(path):
        result = subprocess.run(["clang-tidy-19", "--quiet", "-p", os.path.join(root, "build/dev"), path], cwd=root,
                                capture_output=True, text=True, check=False)
        return path, result.returncode, result.stdout

    failed = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, status, output in pool.map(check, sources):
            if status:
                failed += 1
                print(output, end="")
            print(f"clang-tidy: {path}: {'FAILED' if status else 'ok'}", flush=True)
    print(f"clang-tidy: {len(sources)} files, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
