#!/usr/bin/env python3
"""The rules of tidy.py, each shown to find what it is for and to leave alone what is right."""

import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tidy  # noqa: E402


class Tidy(unittest.TestCase):
    def check(self, files):
        """Writes `files` (path → text) into a folder and returns the findings as `path:line message`."""
        with tempfile.TemporaryDirectory() as root:
            for path, text in files.items():
                os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
                with open(os.path.join(root, path), "wb") as file:
                    file.write(text if isinstance(text, bytes) else text.encode())
            return [f"{path}:{line} {message}" for path, line, message in tidy.findings(root, sorted(files))]

    def assert_one(self, files, *parts):
        found = self.check(files)
        self.assertEqual(len(found), 1, found)
        for part in parts:
            self.assertIn(part, found[0])

    def assert_none(self, files):
        self.assertEqual(self.check(files), [])

    def test_a_module_may_include_what_the_table_allows(self):
        self.assert_none({"src/core/a.cc": '#include "core/a.h"\n#include "base/ids.h"\n#include "model/plan.h"\n'})
        self.assert_none({"src/node/a.cc": '#include "core/a.h"\n#include "store/store.h"\n'})
        self.assert_none({"src/main.cc": '#include "cli/cli.h"\n#include "daemon/serve.h"\n'})

    def test_an_include_outside_of_the_table_is_found(self):
        self.assert_one({"src/core/a.cc": '#include "base/ids.h"\n#include "wire/abi.h"\n'}, "src/core/a.cc:2", "wire")
        self.assert_one({"src/cli/a.cc": '#include "core/types.h"\n'}, "cli may not include core")
        self.assert_one({"src/store/a.cc": '#include "journal/journal.h"\n'}, "store may not include journal")
        self.assert_one({"src/core/a_test.cc": '#include "store/store.h"\n'}, "core may not include store")

    def test_an_unknown_module_is_found(self):
        self.assert_one({"src/magic/a.h": "#pragma once\n"}, "magic")

    def test_includes_start_at_src(self):
        self.assert_one({"src/base/a.cc": '#include "ids.h"\n'}, 'base/ids.h')
        self.assertEqual(len(self.check({"src/base/a.cc": '#include "../base/ids.h"\n'})), 2)

    def test_a_heavy_library_is_named_only_where_it_may_be(self):
        self.assert_one({"src/node/a.cc": "#include <boost/asio/io_context.hpp>\n"}, "aio")
        self.assert_one({"src/cli/run.cc": "#include <curl/curl.h>\n"}, "one file")
        self.assert_one({"src/api/a.cc": "#include <nlohmann/json.hpp>\n"}, "base/json.h")
        self.assert_none({"src/aio/loop.cc": "#include <boost/asio/io_context.hpp>\n"})
        self.assert_none({"src/cli/http_client.cc": "#include <curl/curl.h>\n"})

    def test_an_umbrella_header_is_found_everywhere(self):
        self.assert_one({"src/aio/loop.cc": "#include <boost/asio.hpp>\n"}, "single headers")

    def test_a_library_of_one_file_is_found_in_the_second(self):
        self.assert_one({"src/cli/a.cc": "#include <CLI/CLI.hpp>\n", "src/cli/b.cc": "#include <CLI/CLI.hpp>\n"},
                        "src/cli/b.cc", "src/cli/a.cc")

    def test_a_file_that_decides_does_no_io(self):
        self.assert_one({"src/core/a.cc": "#include <thread>\n"}, "only decides")
        self.assert_one({"src/core/a.cc": '#include "base/log.h"\n'}, "only decides")
        self.assert_one({"src/core/a.cc": "auto t = std::chrono::steady_clock::now();\n"}, "arguments")
        self.assert_none({"src/core/a.cc": "// Not steady_clock::now(): time is an argument.\n"})
        self.assert_none({"src/core/a_test.cc": "#include <thread>\n"})
        self.assert_none({"src/store/a.cc": "#include <thread>\n"})

    def test_a_name_without_an_idea_is_found(self):
        self.assert_one({"src/base/utils.cc": "\n"}, "utils")
        self.assert_one({"src/base/manager_test.cc": "\n"}, "manager")

    def test_a_file_that_is_too_long_is_found(self):
        self.assert_one({"src/base/a.cc": "\n" * 601}, "601 lines")
        self.assert_none({"src/base/a.cc": "\n" * 600})

    def test_a_header_without_pragma_once_is_found(self):
        self.assert_one({"src/base/a.h": "int x;\n"}, "#pragma once")

    def test_a_test_outside_of_a_module_is_found(self):
        self.assert_one({"bench/a_test.cc": "\n"}, "beside the code")
        self.assert_none({"src/base/a_test.cc": "\n"})

    def test_what_is_unfinished_is_found(self):
        self.assert_one({"src/base/a.cc": "// TO" "DO(now): mend\n"}, "must not reach main")
        self.assert_one({"src/base/a.cc": "// FIX" "ME\n"}, "must not reach main")
        self.assert_one({"src/base/a.cc": "// TO" "DO: mend\n"}, "of which kind")
        self.assert_none({"src/base/a.cc": "// TO" "DO(perf): batch\n"})

    def test_braces_inside_co_await_are_found(self):
        self.assert_one({"src/api/a.cc": "auto x = co_await read(Options{.a = 1});\n"}, "co_await")
        self.assert_one({"src/api/a.cc": "auto x = co_await read(\n  [](int a) { return a; });\n"}, "co_await")
        self.assert_one({"src/api/a.cc": "co_await Read{1};\n"}, "co_await")
        self.assert_none({"src/api/a.cc": "if (co_await read(a)) { f(); }\nwhile (g(co_await h(), 1)) { i(); }\n"})

    def test_a_coroutine_lambda_that_captures_is_found(self):
        self.assert_one({"src/api/a.cc": "spawn([this](int a) -> asio::awaitable<void> { f(); });\n"}, "captures")
        self.assert_none({"src/api/a.cc": "spawn([](int a) -> asio::awaitable<void> { f(); });\n"})

    def test_detached_work_is_found(self):
        self.assert_one({"src/api/a.cc": "co_spawn(loop, f(), asio::detached);\n"}, "detached")

    def test_a_path_in_documentation_that_does_not_exist_is_found(self):
        self.assert_one({"README.md": "See `src/core/x.h`.\n", "src/core/y.h": "#pragma once\n"}, "src/core/x.h")
        self.assert_none({"README.md": "See `src/core/y.h`, `src/core/`, `GET runs/{id}`, `a/b`, `src/NAME/x`, `build/release/sluice`.\n",
                          "src/core/y.h": "#pragma once\n"})
        self.assert_none({"README.md": "```\n`src/gone.h`\n```\n", "src/core/y.h": "#pragma once\n"})

    def test_a_link_that_leads_nowhere_is_found(self):
        self.assert_one({"docs/a.md": "[b](b.md)\n"}, "b.md")
        self.assert_none({"docs/a.md": "[b](b.md#part) [c](https://example.org) [d](../README.md)\n", "docs/b.md": "",
                          "README.md": ""})

    def test_bytes_that_are_no_text_are_left_alone(self):
        self.assert_none({"tests/fuzz/corpus/a.txt": b"\xff\xfe"})


if __name__ == "__main__":
    unittest.main()
