"""Read Clojure's data, as project.clj and deps.edn hold it: no code of them is run."""

import re
from collections.abc import Iterator
from typing import NamedTuple

_TOKEN = re.compile(
    r"""[\s,]+ | ;[^\n]* | (?P<skip>\#_) | (?P<text>\#?"(?:\\.|[^"\\])*") | (?P<torn>\#?")
    | (?P<character>\\(?:[a-zA-Z0-9]+|.)) | (?P<meta>\#?\^) | (?P<open>\#?\??@?[(\[{]|\#:[^\s{]*\{) | (?P<close>[)\]}])
    | (?P<prefix>\#'|\#=|~@|['`~@]) | (?P<tag>\#[^\s,()\[\]{}"]+) | (?P<atom>[^\s,()\[\]{}"';`~@^][^\s,()\[\]{}";]*)""",
    re.VERBOSE | re.DOTALL,
)
_CLOSES = {"(": ")", "[": "]", "{": "}"}


class Broken(ValueError):
    """The message says where and how."""


class Form(NamedTuple):
    """A list, vector, map or set: the bracket that opens it, and what is in it."""

    bracket: str
    items: list["Node"]

    def get(self, key: str) -> "Node | None":
        """What follows a key, in a map and in a list of keys and values like defproject's."""
        for place, item in enumerate(self.items[:-1]):
            if item == key:
                return self.items[place + 1]
        return None


Node = str | Form
"""Keywords are `:name`, strings `"text` (without their last quote), all else as it is written."""


def read(text: str) -> list[Node]:
    """All forms of the text; raises Broken where brackets or quotes are not in pairs."""
    top: list[Node] = []
    stack: list[tuple[Form, int]] = []
    skips: list[int] = []
    for kind, word, line in _tokens(text):
        into = stack[-1][0].items if stack else top
        if kind in ("skip", "meta"):
            skips.append(len(stack))
            continue
        if kind == "open":
            stack.append((Form(word[-1], []), line))
            continue
        done: Node = word
        if kind == "close":
            done = _closed(stack, word, line)
            into = stack[-1][0].items if stack else top
        if skips and skips[-1] == len(stack):
            skips.pop()
        elif kind != "tag":
            into.append(done)
    if stack:
        form, line = stack[-1]
        raise Broken(f"the {form.bracket} of line {line} is never closed")
    return top


def _closed(stack: list[tuple[Form, int]], word: str, line: int) -> Form:
    if not stack:
        raise Broken(f"the {word} of line {line} closes nothing")
    form, opened = stack.pop()
    if _CLOSES[form.bracket] != word:
        raise Broken(f"the {word} of line {line} does not close the {form.bracket} of line {opened}")
    return form


def _tokens(text: str) -> Iterator[tuple[str, str, int]]:
    place = 0
    while place < len(text):
        found = _TOKEN.match(text, place)
        line = text.count("\n", 0, place) + 1
        if not found or found.lastgroup == "torn":
            raise Broken(f"the text that begins in line {line} has no end")
        if found.lastgroup == "text":
            yield "text", '"' + found[0].lstrip("#")[1:-1], line
        elif found.lastgroup not in (None, "prefix"):
            yield str(found.lastgroup), found[0], line
        place = found.end()


def every(node: Node) -> Iterator[Node]:
    """The node and all that is in it, in the order of the text. However deep: without recursion."""
    left = [node]
    while left:
        node = left.pop()
        yield node
        if isinstance(node, Form):
            left += reversed(node.items)


def plain(node: Node | None) -> str:
    """The text of a string, a symbol's or a keyword's name; nothing for other things."""
    return node.lstrip('":') if isinstance(node, str) else ""
