"""The numbers of sluice.wire are those of src/wire/abi.h."""

import os
import re
import unittest

from .fake_node import SDK, wire

HEADER = os.path.join(SDK, "..", "..", "src", "wire", "abi.h")


class WireTest(unittest.TestCase):
    @unittest.skipUnless(os.path.exists(HEADER), "outside of the repository")
    def test_constants_are_those_of_the_header(self):
        with open(HEADER, encoding="utf-8") as file:
            text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
        found = dict(re.findall(r"SLUICE_(\w+) = (\d+)", text))
        found.update({
            name: value.strip("()").split("*")[0] for name, value in re.findall(r"#define SLUICE_(\w+) +(\d+|\(\d+ \* \d+\))", text)})
        found["CREDIT_BYTES"] = str(256 * 1024)
        names = [name for name in found if hasattr(wire, name)]
        self.assertGreater(len(names), 35)
        for name in names:
            self.assertEqual(getattr(wire, name), int(found[name]), name)
        missing = [name for name in found if name.startswith(("FRAME_", "KIND_", "PLACE_", "FLAG_")) and name not in names]
        self.assertEqual(missing, [])

    def test_layouts_have_the_sizes_that_the_header_asserts(self):
        sizes = {"HEADER": 16, "RANGE": 24, "VALUE": 16, "MAP": 16, "CREDIT": 8, "HELLO": 8}
        self.assertEqual({name: getattr(wire, name).size for name in sizes}, sizes)


if __name__ == "__main__":
    unittest.main()
