"""What the tests of the worker share: a node per test, and no violation of the protocol at its end."""

import unittest

from .fake_node import Node


class WorkerCase(unittest.TestCase):
    def node(self, code, **options):
        node = Node(code, **options)
        self.addCleanup(self._end, node)
        return node

    def _end(self, node):
        node.close()
        self.assertEqual(node.violations, [])

    def both_modes(self, code, **options):
        for copy in (False, True):
            with self.subTest(copy=copy):
                node = Node(code, copy=copy, **options)
                try:
                    yield node
                finally:
                    self._end(node)

    def assertFails(self, outcome, name, *parts):
        self.assertIsNotNone(outcome.failure, f"it went well instead of failing with {name}")
        self.assertEqual(outcome.failure["name"], name, outcome.failure)
        for part in parts:
            self.assertIn(part, outcome.failure["message"])
