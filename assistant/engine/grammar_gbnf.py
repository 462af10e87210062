"""llama.cpp's grammar format (GBNF) read into a small tree, with errors that name the line.

Knows the syntax only; `grammar_lark.py` turns the tree into what llguidance understands.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from rushlight import Error

MAX_TEXT_BYTES = 128 * 1024
MAX_RULES = 1000  # with a chain of that length llguidance's own recursion stays well inside a stack
MAX_NESTING = 32  # parentheses
MAX_STACKED = 4  # repetitions of repetitions: ((a*)+)?
MAX_REPETITIONS = 100_000
_LAST_CODE_POINT = 0x10FFFF
_HINT = 'The format is described in llama.cpp\'s grammars/README.md; rules look like: root ::= "yes" | "no"'


@dataclass(frozen=True, slots=True)
class Chars:
    """One character out of sorted, disjoint ranges of code points (both ends included)."""

    ranges: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Token:
    """One token of the vocabulary by its id, or any other one."""

    token_id: int
    negated: bool


@dataclass(frozen=True, slots=True)
class Ref:
    """A rule by name."""

    name: str


@dataclass(frozen=True, slots=True)
class Seq:
    """All items, one after the other; without items the empty text."""

    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Alt:
    """One of the options."""

    options: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """The item from `least` to `most` times; None = without end."""

    item: "Node"
    least: int
    most: int | None


@dataclass(frozen=True, slots=True)
class Whole:
    """A node that is read in one piece, as one terminal. Only `grammar_lark.py` makes these."""

    node: "Node"


Node: TypeAlias = Chars | Token | Ref | Seq | Alt | Repeat | Whole


def children(node: Node) -> tuple[Node, ...]:
    """The nodes directly below; none below a `Whole`."""
    match node:
        case Seq(items):
            return items
        case Alt(options):
            return options
        case Repeat(item):
            return (item,)
        case _:
            return ()


def merged(ranges: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Sorted, disjoint and never touching: the one way to write a set of code points."""
    result: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if result and low <= result[-1][1] + 1:
            result[-1] = (result[-1][0], max(high, result[-1][1]))
        else:
            result.append((low, high))
    return tuple(result)


def inverted(ranges: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
    """Every other character. U+0000 is never one: llama.cpp ends a text there."""
    result = []
    start = 1
    for low, high in ranges:
        if low > start:
            result.append((start, low - 1))
        start = max(start, high + 1)
    if start <= _LAST_CODE_POINT:
        result.append((start, _LAST_CODE_POINT))
    return tuple(result)


ANY_CHAR = Chars(inverted(()))


def parse_gbnf(text: str, token_ids: Mapping[bytes, int], n_vocab: int) -> dict[str, Node]:
    """Rules by name, `root` among them. `token_ids` finds the special tokens that `<name>` may mean.

    Raises `Error(kind="bad-grammar")` with the line.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MAX_TEXT_BYTES:
        raise Error(
            f"The grammar is larger than {MAX_TEXT_BYTES // 1024} KiB.", hint="Make it smaller.", kind="bad-grammar"
        )
    return _Parser(text, token_ids, n_vocab).parse()


_ESCAPES = {"t": "\t", "r": "\r", "n": "\n", "\\": "\\", '"': '"', "[": "[", "]": "]", "-": "-"}
_HEX_ESCAPES = {"x": 2, "u": 4, "U": 8}
_NAME_CHARS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")
_DIGITS = frozenset("0123456789")
_HEX_DIGITS = frozenset("0123456789abcdefABCDEF")


class _Parser:
    def __init__(self, text: str, token_ids: Mapping[bytes, int], n_vocab: int) -> None:
        self.text = text + "\0"  # a sentinel no rule accepts, so that peeking needs no length checks
        self.end = len(text)
        self.at = 0
        self.nesting = 0
        self.token_ids = token_ids
        self.n_vocab = n_vocab
        self.rules: dict[str, Node] = {}
        self.used: dict[str, int] = {}  # name -> position of its first use

    def parse(self) -> dict[str, Node]:
        self.skip_space(newlines=True)
        while self.at < self.end:
            self.parse_rule()
            if len(self.rules) > MAX_RULES:
                raise self.error(f"more than {MAX_RULES} rules")
            self.skip_space(newlines=True)
        for name, position in self.used.items():
            if name not in self.rules:
                raise self.error(f'rule "{name}" is used but not defined', position)
        if "root" not in self.rules:
            raise Error(
                'The grammar has no rule "root", which says what the whole answer is.', hint=_HINT, kind="bad-grammar"
            )
        return self.rules

    def error(self, problem: str, position: int | None = None) -> Error:
        at = min(self.at if position is None else position, self.end)
        line = self.text.count("\n", 0, at) + 1
        start = self.text.rfind("\n", 0, at) + 1
        shown = self.text[at : self.end].split("\n", 1)[0][:30]
        place = f'before "{shown}"' if shown else "at its end"
        return Error(
            f"The grammar cannot be read: line {line}, column {at - start + 1}: {problem}, {place}.",
            hint=_HINT,
            kind="bad-grammar",
        )

    def peek(self) -> str:
        return self.text[self.at]

    def skip_space(self, *, newlines: bool) -> None:
        while self.at < self.end:
            char = self.peek()
            if char == "#":
                while self.at < self.end and self.peek() not in "\r\n":
                    self.at += 1
            elif char in " \t" or (newlines and char in "\r\n"):
                self.at += 1
            else:
                return

    def parse_name(self) -> str:
        start = self.at
        while self.peek() in _NAME_CHARS:
            self.at += 1
        if self.at == start:
            raise self.error("a rule name is expected")
        return self.text[start : self.at]

    def parse_rule(self) -> None:
        position = self.at
        name = self.parse_name()
        self.skip_space(newlines=False)
        if not self.text.startswith("::=", self.at):
            raise self.error('"::=" is expected')
        self.at += 3
        self.skip_space(newlines=True)
        if name in self.rules:
            raise self.error(f'rule "{name}" is defined twice', position)
        self.rules[name] = self.parse_options(nested=False)
        if self.at < self.end and self.peek() not in "\r\n":
            raise self.error("a new line or the end is expected")

    def parse_options(self, *, nested: bool) -> Node:
        options = [self.parse_sequence(nested=nested)]
        while self.at < self.end and self.peek() == "|":
            self.at += 1
            self.skip_space(newlines=True)
            options.append(self.parse_sequence(nested=nested))
        return options[0] if len(options) == 1 else Alt(tuple(options))

    def parse_sequence(self, *, nested: bool) -> Node:
        items: list[Node] = []
        n_stacked = 0  # repetitions of the last item
        while self.at < self.end:
            char = self.peek()
            n_stacked = n_stacked + 1 if char in "*+?{" else 0
            if char == '"':
                items.append(self.parse_literal())
            elif char == "[":
                items.append(self.parse_class())
            elif char == "(":
                items.append(self.parse_group())
            elif char == ".":
                self.at += 1
                items.append(ANY_CHAR)
            elif char in "<!":
                items.append(self.parse_token())
            elif char in "*+?{":
                if not items:
                    raise self.error(f'"{char}" needs something before it to repeat')
                if n_stacked > MAX_STACKED:
                    raise self.error(f"more than {MAX_STACKED} repetitions of one thing")
                items[-1] = self.parse_repetition(items[-1], nested=nested)
            elif char in _NAME_CHARS:
                position = self.at
                name = self.parse_name()
                self.used.setdefault(name, position)
                items.append(Ref(name))
            else:
                break
            self.skip_space(newlines=nested)
        return items[0] if len(items) == 1 else Seq(tuple(items))

    def parse_group(self) -> Node:
        opened = self.at
        self.nesting += 1
        if self.nesting > MAX_NESTING:
            raise self.error(f"parentheses are nested deeper than {MAX_NESTING}")
        self.at += 1
        self.skip_space(newlines=True)
        node = self.parse_options(nested=True)
        if self.at >= self.end or self.peek() != ")":
            raise self.error('")" is missing', opened if self.at >= self.end else None)
        self.at += 1
        self.nesting -= 1
        return node

    def parse_literal(self) -> Node:
        opened = self.at
        self.at += 1
        chars: list[Node] = []
        while True:
            if self.at >= self.end:
                raise self.error("the closing quote is missing", opened)
            if self.peek() == '"':
                self.at += 1
                return chars[0] if len(chars) == 1 else Seq(tuple(chars))
            code = self.parse_char()
            chars.append(Chars(((code, code),)))

    def parse_class(self) -> Node:
        opened = self.at
        self.at += 1
        negated = self.peek() == "^"
        if negated:
            self.at += 1
        ranges: list[tuple[int, int]] = []
        while True:
            if self.at >= self.end:
                raise self.error('"]" is missing', opened)
            if self.peek() == "]":
                self.at += 1
                break
            low = high = self.parse_char()
            if self.peek() == "-" and self.text[self.at + 1] != "]":
                self.at += 1
                if self.at >= self.end:
                    raise self.error('"]" is missing', opened)
                high = self.parse_char()
                if high < low:
                    raise self.error("a range of characters runs backwards", opened)
            ranges.append((low, high))
        if not ranges:
            raise self.error("a set of characters is empty", opened)
        found = merged(ranges)
        chars = Chars(inverted(found) if negated else found)
        if not chars.ranges:
            raise self.error("a set of characters holds none", opened)
        return chars

    def parse_char(self) -> int:
        """The code point of one character or escape."""
        char = self.peek()
        if char != "\\":
            self.at += 1
            code = ord(char)
            if 0xD800 <= code <= 0xDFFF:
                raise self.error("half of a surrogate pair is no character", self.at - 1)
            return code
        position = self.at
        letter = self.text[self.at + 1]
        n_digits = _HEX_ESCAPES.get(letter, 0)
        self.at += 2
        if n_digits == 0:
            if self.at > self.end or letter not in _ESCAPES:
                raise self.error("an escape that does not exist", position)
            return ord(_ESCAPES[letter])
        digits = self.text[self.at : self.at + n_digits]
        if len(digits) < n_digits or not _HEX_DIGITS.issuperset(digits):
            raise self.error(f"\\{letter} needs {n_digits} hexadecimal digits", position)
        self.at += n_digits
        code = int(digits, 16)
        if code > _LAST_CODE_POINT or 0xD800 <= code <= 0xDFFF:
            raise self.error("that is not a character of Unicode", position)
        return code

    def parse_int(self) -> int:
        start = self.at
        while self.peek() in _DIGITS:
            self.at += 1
        if self.at == start:
            raise self.error("a number is expected")
        if self.at - start > 9:
            raise self.error("the number is too large", start)
        return int(self.text[start : self.at])

    def parse_repetition(self, item: Node, *, nested: bool) -> Node:
        position = self.at
        char = self.peek()
        self.at += 1
        if char != "{":
            return Repeat(item, 1 if char == "+" else 0, 1 if char == "?" else None)
        self.skip_space(newlines=nested)
        least = self.parse_int()
        most: int | None = least
        self.skip_space(newlines=nested)
        if self.peek() == ",":
            self.at += 1
            self.skip_space(newlines=nested)
            most = self.parse_int() if self.peek() in _DIGITS else None
            self.skip_space(newlines=nested)
        if self.peek() != "}":
            raise self.error('"}" is missing', position)
        self.at += 1
        if most is not None and most < least:
            raise self.error(f"from {least} to {most} times is impossible", position)
        if max(least, most or 0) > MAX_REPETITIONS:
            raise self.error(f"more than {MAX_REPETITIONS} repetitions", position)
        return Repeat(item, least, most)

    def parse_token(self) -> Node:
        position = self.at
        negated = self.peek() == "!"
        if negated:
            self.at += 1
        if self.peek() != "<":
            raise self.error('"<" is expected')
        if self.text.startswith("<[", self.at):
            self.at += 2
            token_id = self.parse_int()
            if not self.text.startswith("]>", self.at):
                raise self.error('"]>" is missing')
            self.at += 2
            if token_id >= self.n_vocab:
                raise self.error(f"the model has no token {token_id}", position)
            return Token(token_id, negated)
        close = self.text.find(">", self.at, self.end)
        if close < 0:
            raise self.error('">" is missing', position)
        name = self.text[self.at : close + 1]
        found = self.token_ids.get(name.encode("utf-8", "surrogatepass"))
        if found is None:
            raise self.error(f'"{name}" is not one token of this model', position)
        self.at = close + 1
        return Token(found, negated)
