"""Types of ports as the workflow language spells them: `bytes`, `list<optional<json>>`, …"""

PLAIN = frozenset(("bytes", "text", "json", "int", "float", "bool", "array", "file", "any", "pipe"))
NESTING = frozenset(("list", "stream", "optional"))


class PortType:
    __slots__ = ("head", "inner")

    def __init__(self, head, inner=None):
        self.head = head
        self.inner = inner

    def __str__(self):
        return f"{self.head}<{self.inner}>" if self.inner else self.head

    @property
    def plain(self):
        """This type without `optional`."""
        return self.inner.plain if self.head == "optional" else self


ANY = PortType("any")


def parse(text):
    """The type that `text` names; ValueError where it names none."""
    text = text.strip()
    if text in PLAIN:
        return PortType(text)
    head, bracket, rest = text.partition("<")
    if bracket and head in NESTING and rest.endswith(">"):
        return PortType(head, parse(rest[:-1]))
    if text in ("list", "stream"):
        return PortType(text, ANY)
    raise ValueError(f"unknown type `{text}`")
