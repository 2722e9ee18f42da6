#!/usr/bin/env python3
"""Checks the rules of the project that a compiler does not know: who may include whom, where heavy
libraries may be named, how long a file may be, that documentation names files that exist.

Runs over all files of the project (`tools/tidy/tidy.py`), prints `path:line: message` for each
finding, and exits with 1 if there is one. A rule that is written down anywhere has its line here.
"""

import fnmatch
import os
import re
import sys

from sources import is_cpp, project_files, repository_root

# Which modules the files of a module may include, beside their own. The table of docs/architecture.md.
ENGINE = {"base", "model", "core", "evaluate", "wire", "aio", "store", "journal", "transport", "runtime", "cluster",
          "bundle", "api"}
MAY_INCLUDE = {
    "base": set(),
    "model": {"base"},
    "core": {"base", "model"},
    "evaluate": {"base", "model", "core"},
    "wire": {"base"},
    "aio": {"base"},
    "store": {"base", "wire", "aio"},
    "journal": {"base", "wire", "aio"},
    "transport": {"base", "wire", "aio"},
    "runtime": {"base", "wire", "aio"},
    "cluster": {"base", "wire", "aio"},
    "program": {"base", "wire", "runtime"},
    "bundle": {"base", "model"},
    "api": {"base", "model", "aio"},
    "node": ENGINE,
    "settings": {"base", "model"},
    "daemon": {"base", "model", "aio", "node", "api", "settings"},
    "cli": {"base", "model", "bundle", "settings"},
    "main.cc": {"base", "daemon", "cli", "program"},
}

# Libraries that cost seconds to compile or that only one place should know: who may name them.
ONLY_IN = [
    # (include prefix, patterns of the files that may, why)
    ("boost/beast", ["src/api/server*", "src/api/*_test.cc"], "Beast stays in the server of api"),
    ("boost/", ["src/aio/*", "src/api/server*", "src/api/*_test.cc"], "Asio stays in aio and the server of api"),
    ("spdlog/", ["src/base/log.cc"], "logging is base/log.h"),
    ("CLI/", ["src/cli/*.cc", "src/daemon/*.cc"], "one file each of cli and daemon parses a command line"),
    ("nlohmann/", ["src/base/json.cc"], "JSON is base/json.h"),
    ("curl/", ["src/cli/http_client.cc"], "the command line's HTTP is one file"),
    ("libfyaml", ["src/model/*.cc"], "YAML is read in model"),
    ("re2/", ["src/model/expr/pattern.cc"], "regular expressions are model/expr/pattern.h"),
    ("archive", ["src/bundle/*.cc"], "archives are read in bundle"),
    ("sqlite3", ["src/journal/*.cc"], "the database is the journal's"),
    ("openssl/", ["src/base/hash.cc", "src/base/base64.cc"], "cryptography is base's"),
    ("xxhash", ["src/base/hash.cc"], "hashes are base/hash.h"),
]
# At most so many files of a folder may name a library at all.
ONE_FILE_EACH = [("CLI/", "src/cli/"), ("CLI/", "src/daemon/")]

# Files that decide and do nothing: no I/O, no clock, no thread, no log. Simulator and tests use them as they are.
PURE = ["src/core/*", "src/model/*", "src/evaluate/*", "src/wire/*", "src/settings/setting.*", "src/settings/toml.*",
        "src/settings/values.*", "src/settings/page.*", "src/runtime/pool_policy.*", "src/program/description.*",
        "src/program/arguments.*", "src/program/products.*", "src/program/content.*", "src/store/budget.h",
        "src/store/placement.*", "src/store/range_allocator.*"]
IMPURE_INCLUDES = re.compile(
    r"^(fstream|iostream|filesystem|thread|mutex|shared_mutex|condition_variable|future|random|"
    r"unistd\.h|fcntl\.h|poll\.h|pthread\.h|dirent\.h|signal\.h|sys/.*|netinet/.*|arpa/.*|"
    r"base/(log|file|thread_role)\.h)$")
IMPURE_CALLS = re.compile(r"\b(?:steady_clock|system_clock|high_resolution_clock|Clock)::now\(|\bstd::random_device\b|"
                          r"\b(?:getenv|fopen|::open|gettimeofday|clock_gettime)\(")

FILE_LINES_MAX = 600
FORBIDDEN_STEMS = {"utils", "util", "common", "helpers", "helper", "manager", "misc"}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]')


def module_of(path):
    """`src/core/x.h` is of module core, `src/main.cc` a module of its own, all else of none."""
    parts = path.split("/")
    if parts[0] != "src" or len(parts) < 2:
        return None
    return parts[1]


def matches(path, patterns):
    return any(fnmatch.fnmatch(path, pattern) for pattern in patterns)


def is_test(path):
    return path.endswith("_test.cc")


def check_includes(path, lines):
    module = module_of(path)
    allowed = MAY_INCLUDE.get(module)
    if module is not None and allowed is None and is_cpp(path):
        yield 1, f"module '{module}' is not in the table of tools/tidy/tidy.py"
        return
    for number, line in enumerate(lines, 1):
        found = INCLUDE.match(line)
        if not found:
            continue
        kind, name = found.groups()
        if name in ("boost/asio.hpp", "boost/beast.hpp"):
            yield number, f"<{name}> includes everything: include the single headers"
        if kind == '"' and ".." in name.split("/"):
            yield number, f'"{name}": include paths start at src/'
        if module is not None and kind == '"':
            other = name.split("/")[0] if "/" in name else None
            if other is None:
                yield number, f'"{name}": include paths start at src/ ("{module}/{name}")'
            elif other != module and other not in allowed:
                yield number, f"{module} may not include {other} ({name}); see docs/architecture.md, Modules"
        for prefix, patterns, why in ONLY_IN:
            if name.startswith(prefix) and module is not None and not matches(path, patterns):
                yield number, f"<{name}> is not for this file: {why}"
        if matches(path, PURE) and not is_test(path) and IMPURE_INCLUDES.match(name):
            yield number, f"<{name}> in a file that only decides: no I/O, clocks, threads or logs here"


def check_purity(path, lines):
    if not matches(path, PURE) or is_test(path):
        return
    for number, line in enumerate(lines, 1):
        if IMPURE_CALLS.search(line.split("//")[0]):
            yield number, "time, randomness and the world are arguments in a file that only decides"


def check_shape(path, lines):
    stem = os.path.splitext(os.path.basename(path))[0]
    if stem.removesuffix("_test") in FORBIDDEN_STEMS:
        yield 1, f"'{stem}' names no idea: call the file after what is in it"
    if len(lines) > FILE_LINES_MAX:
        yield len(lines), f"{len(lines)} lines (at most {FILE_LINES_MAX}): two ideas live in this file"
    if path.endswith(".h") and is_cpp(path) and not path.endswith("abi.h"):
        if not any(line.strip() == "#pragma once" for line in lines[:5]):
            yield 1, "a header begins with #pragma once"
    if path.endswith(("_test.cc", "_fuzz.cc")) and module_of(path) not in MAY_INCLUDE and not path.startswith("tests/"):
        yield 1, "a test lies beside the code of a module, where the build finds it"


# The markers are put together so that this file does not find itself.
UNFINISHED = re.compile(r"\b(TO" r"DO\(now\)|FIX" r"ME\b|X" r"XX\b)")
UNNAMED_TODO = re.compile(r"\bTO" r"DO\b(?!\((?:now|perf|someday)\))")


def check_unfinished(path, lines):
    if not path.endswith((".h", ".cc", ".py", ".sh", ".txt", ".cmake", ".yaml", ".yml", ".json", ".md")):
        return
    for number, line in enumerate(lines, 1):
        found = UNFINISHED.search(line)
        if found and not path.endswith(".md"):
            yield number, f"'{found.group(1)}' must not reach main"
        elif UNNAMED_TODO.search(line) and not path.endswith(".md"):
            yield number, "a to-do says of which kind it is: (now), (perf) or (someday)"


def check_coroutines(path, lines):
    """The first three rules for coroutines: no captures, nothing detached, no braces inside co_await."""
    if not path.endswith((".cc", ".h")) or module_of(path) is None:
        return
    text = "\n".join(line.split("//")[0] for line in lines)
    for found in re.finditer(r"\bco_await\b", text):
        if "{" in _expression_after(text, found.end()):
            yield _line_at(text, found.start()), "no braces and no lambda inside a co_await expression"
    for found in re.finditer(r"\[[^\]\[]+\]\s*\([^()]*\)\s*(?:mutable\s*)?->\s*(?:[\w:]*::)?(?:awaitable|Task)<", text):
        yield _line_at(text, found.start()), "a coroutine lambda captures nothing: write a named function"
    if module_of(path) != "aio":
        for found in re.finditer(r"\basio::detached\b|\bnet::detached\b|\.detach\(\)", text):
            yield _line_at(text, found.start()), "nothing is detached: its owner counts it and waits for it"


def _expression_after(text, start):
    """The operand of a co_await: up to the `;`, `,` or closing bracket that ends it."""
    depth = 0
    for position in range(start, len(text)):
        character = text[position]
        if character in "([":
            depth += 1
        elif character in ")]":
            if depth == 0:
                return text[start:position]
            depth -= 1
        elif depth == 0 and character in ";,{":
            # A brace here opens an initialiser (`co_await f{…}`): part of the expression.
            return text[start:position + 1] if character == "{" else text[start:position]
    return text[start:]


def _line_at(text, position):
    return text.count("\n", 0, position) + 1


# Folders of the repository: a path in backticks that begins with one of them must exist.
CODE_SPAN = re.compile(r"`([^`\n]+)`")
PATH_LIKE = re.compile(r"^[\w.][\w./-]*$")


def check_paths_in_documentation(path, lines, files, folders):
    if not path.endswith(".md"):
        return
    top = {name.split("/")[0] for name in files}
    in_fence = False
    for number, line in enumerate(lines, 1):
        if line.lstrip().startswith("```"):
            in_fence = not in_fence
        if in_fence:
            continue
        for span in CODE_SPAN.findall(line):
            name = span.split("::")[0].removeprefix("./").rstrip("/")
            if "/" not in name or not PATH_LIKE.match(name) or name.split("/")[0] not in top:
                continue
            # What is built does not exist yet, and NAME in capitals stands for something else.
            if name.startswith("build/") or any(part.isupper() and "." not in part for part in name.split("/")):
                continue
            if name in files or name in folders:
                continue
            yield number, f"`{span}` does not exist"
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", line):
            if "://" in target or target.startswith("mailto:"):
                continue
            resolved = os.path.normpath(os.path.join(os.path.dirname(path), target))
            if resolved not in files and resolved not in folders:
                yield number, f"the link to {target} leads nowhere"


def check_one_file_each(contents):
    for prefix, folder in ONE_FILE_EACH:
        users = [path for path, lines in contents.items() if path.startswith(folder) and not is_test(path)
                 and any((found := INCLUDE.match(line)) and found.group(2).startswith(prefix) for line in lines)]
        for path in users[1:]:
            yield path, 1, f"<{prefix}…> is named in {users[0]} already: one file of {folder} is enough"


def findings(root, files):
    """All findings as (path, line, message)."""
    known = set(files)
    folders = {os.path.dirname(path) for path in files}
    folders |= {"/".join(folder.split("/")[:depth]) for folder in folders for depth in range(1, folder.count("/") + 1)}
    contents = {}
    for path in files:
        try:
            with open(os.path.join(root, path), encoding="utf-8") as file:
                contents[path] = file.read().splitlines()
        except UnicodeDecodeError:
            continue  # Not text, or text that is wrong on purpose (a corpus): no rule speaks about it.
    result = []
    for path, lines in contents.items():
        rules = [check_paths_in_documentation(path, lines, known, folders), check_unfinished(path, lines)]
        if is_cpp(path):
            rules += [check_includes(path, lines), check_purity(path, lines), check_coroutines(path, lines)]
        if is_cpp(path) or path.endswith((".py", ".ts", ".tsx", ".js", ".sh")):
            rules.append(check_shape(path, lines))
        for rule in rules:
            result += [(path, number, message) for number, message in rule]
    result += check_one_file_each(contents)
    return sorted(result)


def main():
    root = repository_root()
    files = project_files(root)
    found = findings(root, files)
    for path, number, message in found:
        print(f"{path}:{number}: {message}")
    print(f"tidy: {len(files)} files, {len(found)} findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
