#!/usr/bin/env python3
"""Checks (or with --write makes) the format of all C++ files with clang-format 19."""

import subprocess
import sys

from sources import is_cpp, project_files, repository_root


def main():
    write = sys.argv[1:] == ["--write"]
    root = repository_root()
    files = [path for path in project_files(root) if is_cpp(path)]
    if not files:
        print("format: no C++ file found", file=sys.stderr)
        return 1
    mode = ["-i"] if write else ["--dry-run", "-Werror"]
    status = subprocess.run(["clang-format-19", *mode, *files], cwd=root, check=False).returncode
    print(f"format: {len(files)} files {'formatted' if write else 'checked'}")
    return 1 if status else 0


if __name__ == "__main__":
    sys.exit(main())
