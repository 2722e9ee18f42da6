"""An app that most tests of the server's outside need: a quick workflow, and one that is held until the test lets it go."""

import os

from harness import LATCH, PATIENCE, ServerCase, wait_until

YAML = """
    app: small
    functions:
      add: { runtime: python3, handler: code.add, inputs: { x: int }, outputs: { y: int } }
      hold: { runtime: python3, handler: code.hold, inputs: { latch: text }, outputs: { y: int } }
    workflows:
      small:
        inputs: { x: int }
        steps:
          add: { call: add, in: { x: "${inputs.x}" } }
        outputs: { y: "${add.y}" }
      hold:
        inputs: { latch: text }
        steps:
          hold: { call: hold, in: { latch: "${inputs.latch}" } }
        outputs: { y: "${hold.y}" }
    """
CODE = LATCH + """
def add(x):
    print("adding to", x)
    return x + 1

def hold(latch):
    print("holding")
    write(latch + "/held")
    wait_for(latch + "/go")
    return 1
"""


class SmallAppCase(ServerCase):
    def setUp(self):
        super().setUp()
        self.folder_of_app = self.app("small", YAML, code=CODE)
        self.latch = self.path("latch")
        os.makedirs(self.latch)

    def wait_until_held(self):
        wait_until(lambda: os.path.exists(os.path.join(self.latch, "held")), PATIENCE, "the task holds")

    def hold(self):
        """Starts a run of `hold`; returns its id when its task is running."""
        run = self.server.start_run("hold", latch=self.latch)
        self.wait_until_held()
        return run

    def let_go(self):
        with open(os.path.join(self.latch, "go"), "w", encoding="utf-8"):
            pass
