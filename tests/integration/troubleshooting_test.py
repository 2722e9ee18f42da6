"""docs/troubleshooting.md quotes messages that the program really has."""

import os
import re
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LITERAL = r'"(?:[^"\\\n]|\\.)*"'
# A place that is filled in when the message is made: `{}` of fmt, `%s` of printf.
PLACE = "\0"


def messages():
    """All texts of the sources, literals that stand side by side joined, with their places marked."""
    found = []
    for parent, _, names in os.walk(os.path.join(ROOT, "src")):
        for name in names:
            if not name.endswith(".cc") or name.endswith("_test.cc"):
                continue
            with open(os.path.join(parent, name), encoding="utf-8") as file:
                code = re.sub(r"^\s*//.*$", "", file.read(), flags=re.MULTILINE)
            for joined in re.findall(rf"{LITERAL}(?:\s*{LITERAL})*", code):
                text = "".join(literal[1:-1] for literal in re.findall(LITERAL, joined))
                # {{ and }} are braces themselves, also around a place: {{{}}}.
                text = text.replace("{{", "\1").replace("}}", "\2") if "{{{" not in text else text
                text = re.sub(r"\{[^{}\"]*\}|%s", PLACE, text)
                found.append(text.replace("\1", "{").replace("\2", "}").replace('\\"', '"').replace("\\n", "\n"))
    return found


def quoted():
    with open(os.path.join(ROOT, "docs/troubleshooting.md"), encoding="utf-8") as file:
        return re.findall(r"^### (.*)$", file.read(), re.MULTILINE)


def is_in(message, quote):
    """Whether the quote is a part of the message, `…` standing for places, or for the rest at an end."""
    parts = [re.escape(part) for part in quote.split("…")]
    return re.search(f"[^{PLACE}]*?{PLACE}.*?".join(parts) if len(parts) > 1 else parts[0], message, re.DOTALL) is not None


class Troubleshooting(unittest.TestCase):
    def test_every_message_on_the_page_is_one_of_the_program(self):
        known = messages()
        self.assertGreater(len(known), 1000)
        headings = quoted()
        self.assertGreater(len(headings), 50)
        for heading in headings:
            with self.subTest(heading=heading):
                self.assertRegex(heading, r"^`[^`]+`$", "a heading is one message in backticks")
                quote = heading[1:-1].removesuffix("…").removeprefix("…").strip()
                self.assertGreater(len(quote.replace("…", "").strip()), 10, "this says nothing")
                self.assertTrue(any(is_in(message, quote) for message in known), "no such message in src/")

    def test_no_message_is_explained_twice(self):
        headings = quoted()
        self.assertEqual(sorted(set(headings)), sorted(headings))

    def test_the_comparison_can_fail(self):
        self.assertTrue(is_in(f"no step '{PLACE}' in {PLACE}", "no step '…' in"))
        self.assertFalse(is_in(f"no step '{PLACE}' in {PLACE}", "no step '…' at"))
        self.assertFalse(is_in("no step 'x' in y", "no step '…' in"))


if __name__ == "__main__":
    unittest.main()
