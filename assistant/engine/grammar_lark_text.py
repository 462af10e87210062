"""Rules over terminals written down as text in llguidance's Lark dialect.

Knows how things are spelled; `grammar_lark.py` decides what is a terminal.
"""

from collections.abc import Callable

from rushlight.assistant.engine.grammar_gbnf import Alt, Chars, Node, Ref, Repeat, Seq, Token, Whole

_MAX_PARENTHESES = 16  # in one line of Lark; what is deeper gets a line of its own


class LarkWriter:
    """Lark text: rules r0, r1, ... over terminals T0, T1, ...; the names of the user's rules stay out of it."""

    def __init__(self, trees: dict[str, Node], rules: dict[str, Node], eog_ids: frozenset[int]) -> None:
        self.rules = rules
        self.eog_ids = eog_ids
        self.rule_names = {name: "start" if name == "root" else f"r{i}" for i, name in enumerate(trees)}
        self.terminals: dict[Node, str] = {}
        self.waiting: list[tuple[str, Node]] = []
        self.deep_rules: list[tuple[str, Node]] = []
        self.n_deep = 0
        self.lines = [f"{self.rule_names[name]}: {self.rule(tree, 0)}" for name, tree in trees.items()]
        while self.deep_rules:
            name, node = self.deep_rules.pop()
            self.lines.append(f"{name}: {self.rule(node, 0)}")
        while self.waiting:
            name, node = self.waiting.pop()
            self.lines.append(f"{name}: {self.expression(node, 0)}")

    def rule(self, node: Node, depth: int) -> str:
        """The right side of a rule, or a part of it inside `depth` parentheses."""
        match node:
            case Whole(inner):
                return self.terminal(inner)
            case Ref(name):
                return self.rule_names[name]
            case Token(token_id, negated):
                if negated:
                    return "<[^" + ",".join(str(i) for i in sorted({token_id, *self.eog_ids})) + "]>"
                return f"<[{token_id}]>"
            case _ if depth > _MAX_PARENTHESES:
                self.n_deep += 1
                self.deep_rules.append((f"d{self.n_deep}", node))
                return f"d{self.n_deep}"
            case _:
                return self.compound(node, self.rule, depth)

    def expression(self, node: Node, depth: int) -> str:
        """The same of a terminal."""
        match node:
            case Ref(name):
                return self.terminal(self.rules[name])
            case Chars() | Seq(()):
                return _regex(node)
            case _ if depth > _MAX_PARENTHESES:
                return self.terminal(node)
            case _:
                return self.compound(node, self.expression, depth)

    def compound(self, node: Node, write: Callable[[Node, int], str], depth: int) -> str:
        match node:
            case Seq(items):
                literal = _literal(items)
                return literal if literal else " ".join(write(item, depth) for item in items) or '""'
            case Alt(options):
                return "(" + " | ".join(write(option, depth + 1) for option in options) + ")"
            case Repeat(item, least, most):
                return f"({write(item, depth + 1)}){{{least},{'' if most is None else most}}}"
            case _:
                raise AssertionError(f"not made of parts: {node}")

    def terminal(self, node: Node) -> str:
        name = self.terminals.get(node)
        if name is None:
            name = self.terminals[node] = f"T{len(self.terminals)}"
            self.waiting.append((name, node))
        return name


def _literal(items: tuple[Node, ...]) -> str:
    """One regular expression for a run of plain characters, "" for anything else: 20 characters, not 20 nodes."""
    if len(items) < 2 or not all(isinstance(item, Chars) for item in items):
        return ""
    return "/" + "".join(_class(item) for item in items if isinstance(item, Chars)) + "/"


def _regex(node: Chars | Seq) -> str:
    return f"/{_class(node)}/" if isinstance(node, Chars) else '""'


def _class(chars: Chars) -> str:
    if len(chars.ranges) == 1 and chars.ranges[0][0] == chars.ranges[0][1]:
        return _code(chars.ranges[0][0])
    parts = []
    for low, high in chars.ranges:
        # Rust's regular expressions know no surrogates; a range across them is two.
        for start, end in ((low, min(high, 0xD7FF)), (max(low, 0xE000), high)):
            if start <= end:
                parts.append(_code(start) if start == end else f"{_code(start)}-{_code(end)}")
    return "[" + "".join(parts) + "]"


def _code(code: int) -> str:
    char = chr(code)
    return char if char.isascii() and char.isalnum() else f"\\u{{{code:x}}}"
