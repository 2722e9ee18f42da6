"""Which files belong to the project: what git tracks or would track, or every file of an unpacked archive."""

import os
import subprocess

IGNORED_FOLDERS = {".git", "build", "__pycache__", "node_modules"}


def project_files(root):
    """Paths relative to `root`, sorted. Files that were deleted but not yet committed are left out."""
    try:
        listed = subprocess.run(
            ["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            capture_output=True, check=True).stdout.decode()
        paths = [path for path in listed.split("\0") if path]
    except (OSError, subprocess.CalledProcessError):
        paths = list(_walk(root))
    return sorted({path for path in paths if os.path.isfile(os.path.join(root, path))})


def _walk(root):
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name not in IGNORED_FOLDERS]
        for name in files:
            yield os.path.relpath(os.path.join(folder, name), root)


def is_cpp(path):
    return path.endswith((".h", ".cc"))


def repository_root():
    return os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
