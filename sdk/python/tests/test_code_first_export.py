"""`sluice export`: each file in code_first/ gives the sluice.yaml beside it, byte by byte, and says what is wrong with a file."""

import os
import unittest

from .code_first_case import FOLDER, CodeFirstCase, export, export_here
from .fake_node import SDK

HEAD = "import sluice\n@sluice.function\ndef f(x: int) -> int: return x\n"


class ExportTest(CodeFirstCase):
    def test_the_text_is_what_an_author_would_write(self):
        files = sorted(name for name in os.listdir(FOLDER) if name.endswith(".py"))
        self.assertGreaterEqual(len(files), 5)
        for name in files:
            with self.subTest(name), open(os.path.join(FOLDER, name[:-2] + "yaml"), encoding="utf-8") as file:
                status, text, errors = export(os.path.join(FOLDER, name))
                self.assertEqual((status, errors), (0, ""))
                self.assertEqual(text, file.read())

    def test_it_does_not_depend_on_the_run(self):
        path = os.path.join(FOLDER, "choices.py")
        self.assertEqual(len({export(path)[1] for _ in range(3)}), 1)

    def test_what_the_file_prints_is_not_in_the_yaml(self):
        path = self.write(HEAD + "print('hello')\n@sluice.workflow\ndef w(x: int):\n    print('traced')\n    return f(x)\n")
        status, text, errors = export(path)
        self.assertEqual(status, 0, errors)
        self.assertTrue(text.startswith("# Written by"), text)
        self.assertIn("hello", errors)
        self.assertIn("traced", errors)

    def test_functions_of_other_files_of_the_folder_are_part_of_the_app(self):
        self.write("import sluice\n@sluice.function\ndef twice(x: int) -> int: return 2 * x\n", "lib/numbers.py")
        path = self.write("""
            import sluice
            from lib.numbers import twice
            @sluice.workflow
            def four(x: int): return twice(twice(x))
        """)
        status, text, errors = export(path)
        self.assertEqual(status, 0, errors)
        self.assertIn("handler: lib.numbers.twice", text)
        self.assertIn('twice_2: { call: twice, in: { x: "${twice.result}" } }', text)

    def test_the_name_is_that_of_the_file_or_what_app_says(self):
        body = HEAD + "@sluice.workflow\ndef w(x: int): return f(x)\n"
        self.assertIn("\napp: orders\n", export(self.write(body, "orders.py"))[1])
        self.assertIn("\napp: my-shop\n", export(self.write(body + "sluice.app('my-shop')\n", "orders.py"))[1])

    def test_texts_are_quoted_where_yaml_or_expressions_would_take_them_for_something_else(self):
        path = self.write(HEAD + """
@sluice.function
def g(a, b=None): return a
@sluice.workflow
def w(x: int):
    return {"a": g(["yes", "1", "", "a: b", "#", "null", "${x}", "é\\u2028\\x85", "a\\tb", "*x", "- x", "1.5Mi", b"by", b"\\xff"]),
            "b": g({"key with space": True, "n": 1.0, "none": None}, f"{x} of ${x}: {x}"), "c": f"{x}"}
""")
        status, text, errors = export(path)
        self.assertEqual(status, 0, errors)
        items = [line.strip()[2:] for line in text.splitlines() if line.startswith("            - ")]
        self.assertEqual(items, [
            '"yes"', '"1"', '""', '"a: b"', '"#"', '"null"', '"$${x}"', r'"é\u2028\u0085"', r'"a\tb"', '"*x"', '"- x"', "1.5Mi",
            "by", '{ "$base64": "/w==" }'])
        self.assertIn('"key with space": true, n: 1.0, none: null', text)
        self.assertIn('"${inputs.x} of $${inputs.x}: ${inputs.x}"', text)
        self.assertIn("c: ${string(inputs.x)}", text)

    def test_a_worker_gets_the_plain_function(self):
        # Without what builds graphs: that would be in the start of every worker.
        code = ("import sys; sys.path[:0] = sys.argv[1:]; from sluice import current; current.is_worker = True\n"
                "import sluice, wordcount, book, choices, trip, newton\n"
                "assert type(wordcount.count) is type(lambda: 0) and wordcount.count(b'a a') == {'a': 2}\n"
                "assert list(wordcount.split(b'a b', 1)) == [b'a b'] and book.upper.options(retry=3)('a', '') == 'A'\n"
                "assert not {'sluice.trace', 'sluice.codefirst', 'sluice.plain', 'ast', 'inspect'} & set(sys.modules), sys.modules\n"
                "try: sluice.foreach([1], print)\n"
                "except RuntimeError as error: print(error)\n")
        import subprocess

        from .fake_node import PYTHON

        done = subprocess.run([PYTHON, "-S", "-B", "-c", code, SDK, FOLDER], capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("belongs into a @sluice.workflow", done.stdout)


class NamesTest(unittest.TestCase):
    def test_the_types_for_editors_name_all_that_there_is(self):
        import ast

        import sluice
        from sluice.codefirst import NAMES

        with open(os.path.join(SDK, "sluice", "__init__.pyi"), encoding="utf-8") as file:
            tree = ast.parse(file.read())
        typed = {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
        typed |= {node.target.id for node in tree.body if isinstance(node, ast.AnnAssign)}
        self.assertEqual(set(NAMES), sluice._CODE_FIRST)
        self.assertEqual(set(NAMES) - typed, set())
        self.assertTrue(set(NAMES) <= set(dir(sluice)))
        with self.assertRaisesRegex(AttributeError, "no attribute 'nothing'"):
            sluice.nothing  # noqa: B018


class MistakesTest(CodeFirstCase):
    def assertMistake(self, body, line, *parts, name="app.py", head=HEAD):
        """The mistake is at this line of `body`, which follows HEAD."""
        text, mistakes = export_here(self.write(head + body, name))
        self.assertIsNone(text)
        errors = "\n".join(mistakes)
        self.assertTrue(errors.startswith(f"{name}:{head.count(chr(10)) + line}:"), errors)
        for part in parts:
            self.assertIn(part, errors)

    def assertBody(self, statement, *parts):
        """The mistake is in this statement of a workflow with inputs `x: int` and `xs: list[int]`."""
        self.assertMistake(f"@sluice.workflow\ndef w(x: int, xs: list[int]):\n    {statement}\n    return f(x)\n", 3, *parts)

    def test_what_data_that_is_not_there_yet_cannot_do(self):
        for statement, *parts in (
            ("if f(x): pass", "asks for a truth value", ".options(when=…)"),
            ("y = f(x) and x", "sluice.if_else"),
            ("y = 0 < x < 5", "chained comparison"),
            ("for y in xs: f(y)", "sluice.foreach(items, function)"),
            ("a, b = xs", "sluice.foreach"),
            ("len(xs)", "x.size()"),
            ("1 in xs", "item.in_(items)"),
            ("int(x)", "x.int()"),
            ("range(x)", "sluice.range(n)"),
            ("[1, 2][x]", "sluice.range(n)"),
            ("{x: 1}", "key of a dict"),
            ("xs[0] = 1", "cannot be changed"),
            ("x.a = 1", "cannot be changed"),
            ("xs[1:]", "a slice"),
            ("f(x // 2)", "'/' of two ints"),
            ("f'{x:.2f}'", "the format ':.2f'"),
            ("xs.append(1)", "'append' is a method of Python's"),
            ("x.foo(1)", "is data and cannot be called"),
            ("f(x) + b'a'", "expressions know no bytes"),
        ):
            with self.subTest(statement):
                self.assertBody(statement, *parts)

    def test_arguments_are_checked_against_the_function(self):
        for statement, *parts in (
            ("f()", "missing a required argument: 'x'"),
            ("f(1, 2)", "too many positional arguments", "f(x: int)"),
            ("f(y=1)", "there is 'x'"),
            ("f(float('nan'))", "nan is not JSON"),
            ("f(1 << 70)", "64 bits"),
            ("f(print)", "'print' is a function", "call it"),
            ("f({1: x})", "keys of a map are plain texts"),
            ("f(object())", "object cannot be written into a graph"),
            ("f(f(x).result)", "the output 'result' of the step already"),
        ):
            with self.subTest(statement):
                self.assertBody(statement, *parts)

    def test_options_are_checked(self):
        for statement, *parts in (
            ("f.options(retries=3)(x)", "a step has no option 'retries'", "did you mean 'retry'?"),
            ("f.options(retry={'max': 3})(x)", "retry has no option 'max'"),
            ("f.options(retry=0)(x)", "attempts is a number of at least 1"),
            ("f.options(timeout='soon')(x)", "'soon' is not a duration"),
            ("f.options(name='item')(x)", "a meaning of its own"),
            ("f.options(name='my-step')(x)", "letters a to z"),
            ("f.options(after=x)(x)", "is not what a step gave"),
            ("f.options(start='now')(x)", "'auto' or 'ready' or 'early'"),
            ("f.options(catch=sluice.catch(errors=[3]))(x)", "is no error"),
            ("f.options(name='a')(x); f.options(name='a')(x)", "two steps called 'a'"),
        ):
            with self.subTest(statement):
                self.assertBody(statement, *parts)

    def test_bodies_are_one_step(self):
        for statement, *parts in (
            ("sluice.foreach(xs, lambda y: f(f(y)))", "makes 2 steps ('f', 'f')", "@sluice.workflow"),
            ("sluice.foreach(xs, lambda y: y + 1)", "makes no step"),
            ("sluice.foreach(xs, lambda y: f(y) + 1)", "must return what its call returned"),
            ("sluice.foreach(3, f)", "goes over a list, not int"),
            ("sluice.foreach(xs, 3)", "a list and a function"),
            ("sluice.foreach(xs, lambda a, b, c: f(a))", "has 3 parameters"),
            ("sluice.foreach(xs, lambda y: sluice.foreach(xs, f))", "a foreach in a foreach"),
            ("sluice.foreach(xs, f, concurrency=0)", "concurrency is a number"),
            ("keep = []; sluice.foreach(xs, lambda y: keep.append(y) or f(y)); f(keep[0])", "'item' is used outside of its foreach"),
            ("sluice.loop(lambda p: f(p), while_=lambda p: p < 3)", "a loop has a limit"),
            ("sluice.loop(lambda p: f(p), while_=x < 3, max=5)", "loop takes functions"),
            ("sluice.switch((x > 1, f(x)))", "a function that makes the step"),
            ("sluice.switch(lambda: f(1), lambda: f(2))", "only the last branch"),
            ("sluice.switch((x > 1, lambda: f.options(retry=3)(x)))", "without options of its own"),
            ("f.options(catch=lambda error: f(error.code))(x)", "an error has no 'code'"),
            ("sluice.set(x)", "outputs by name"),
            ("sluice.set(item=x)", "cannot be an output"),
            ("sluice.wait('soon')", "is not a duration"),
            ("sluice.fail()", "a name and a message"),
            ("sluice.has(x + 1)", "not what was computed"),
            ("xs.map(lambda a, b: a)", "a function of one element"),
        ):
            with self.subTest(statement):
                self.assertBody(statement, *parts)

    def test_workflows_see_only_their_inputs(self):
        self.assertMistake("kept = []\n@sluice.workflow\ndef a(x: int):\n    kept.append(f(x))\n    return kept[0]\n"
                           "@sluice.workflow\ndef b(x: int):\n    return f(kept[0])\n", 8, "belongs to workflow 'a'")
        self.assertMistake("@sluice.workflow\ndef a(x: int):\n    return a(x)\n", 3, "contains itself")
        self.assertMistake("sluice.foreach([1], f)\n", 1, "outside of a workflow")

    def test_signatures_are_what_deploy_can_read(self):
        for body, line, part in (
            ("@sluice.function\ndef g(*xs): pass\n", 2, "names no inputs"),
            ("@sluice.function\nasync def g(x): pass\n", 2, "async def"),
            ("@sluice.function\ndef g(x: [int]): pass\n", 2, "write list[T]"),
            ("@sluice.function\ndef g(item): pass\n", 1, "the parameter 'item'"),
            ("@sluice.function(outputs='a-b')\ndef g(x): pass\n", 1, "the output 'a-b'"),
            ("@sluice.function(outputs={'a': 'lst'})\ndef g(x): pass\n", 1, "'lst' is not a type"),
            ("@sluice.function(memory='1Gi')\ndef g(x): pass\n", 1, "has no option 'memory'"),
            ("@sluice.function(resources={'ram': 1})\ndef g(x): pass\n", 1, "resources has no option 'ram'"),
            ("@sluice.function(name='f')\ndef g(x): pass\n", 1, "two functions called 'f'"),
            ("def outer():\n    @sluice.function\n    def g(x): pass\n    return g\ng = outer()\n", 2, "inside of outer"),
        ):
            with self.subTest(body):
                self.assertMistake(body + "@sluice.workflow\ndef w(x: int): return f(x)\n", line, part)
        for body, line, part in (
            ("@sluice.workflow\ndef w(x: sluice.Stream[int]): return f(1)\n", 1, "a way to read"),
            ("@sluice.workflow\ndef w(x: int): return x\n", 1, "has no steps"),
            ("@sluice.workflow\ndef w(x: int):\n    yield f(x)\n", 1, "yields"),
            ("@sluice.workflow\ndef w(x: int):\n    return {'a-b': f(x)}\n", 1, "an output 'a-b'"),
        ):
            with self.subTest(body):
                self.assertMistake(body, line, part)

    def test_all_workflows_are_looked_at(self):
        path = self.write(HEAD + "@sluice.workflow\ndef a(x: int): return f()\n@sluice.workflow\ndef b(x: int): return f(1, 2)\n")
        status, text, errors = export(path)
        self.assertEqual((status, text), (3, ""))
        self.assertIn("error: 2 mistakes in app.py", errors)
        self.assertIn("app.py:5:", errors)
        self.assertIn("app.py:7:", errors)

    def test_the_code_itself_is_wrong(self):
        self.assertMistake("def g(:\n", 1, "not valid Python")
        self.assertMistake("1 / 0\n", 1, "ZeroDivisionError: division by zero")
        self.assertMistake("raise SystemExit(4)\n", 1, "sys.exit(4)")
        self.assertMistake("import nowhere\n", 1, "ModuleNotFoundError")
        self.assertMistake("", -2, "there is no @sluice.workflow")
        self.assertMistake("@sluice.workflow\ndef w(x: int): return f(x)\n", -2, "cannot be imported by its name", name="my-app.py")
        for name in ("sluice.py", "sys.py"):
            self.assertMistake("", -2, "hides the module", name=name)
        self.assertMistake("@sluice.workflow\ndef w(x: int):\n    raise ValueError('mine')\n", 3, "ValueError: mine")


if __name__ == "__main__":
    unittest.main()
