"""GBNF rules into llguidance's Lark dialect, so that both accept the same texts.

llguidance reads a text in two layers: a lexer, which always takes the longest terminal (an answer `"a"* "a"`
could never end), and an Earley parser over the terminals. GBNF has no lexer. So everything regular becomes as
large a terminal as possible (fast: a token is then a walk through one automaton), and where the longest match
could take what belongs to the next terminal, the longer terminal is opened up into its parts, in the worst case
down to single characters, which are always exact. Knows no tokenizer and no model.

llguidance 1.9.1 has a converter of its own, which translates rule by rule and leaves the lexer as it is. Measured with
the tests' comparison against llama.cpp: of their 10 ambiguous grammars it reads 4 otherwise; of 81 random ones it
reads 14 otherwise and fails on 18. It also has no limits, and knows neither `<token>` nor lines in all its errors.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from rushlight.assistant.engine.grammar_gbnf import Alt, Chars, Node, Ref, Repeat, Seq, Token, Whole, children
from rushlight.assistant.engine.grammar_lark_text import LarkWriter

MAX_CHARS = 1000  # in one terminal, rules written out, or as many as the grammar itself has
MAX_DEPTH = 300  # nodes within nodes in one terminal, rules written out
MAX_STEPS = 1_000_000  # of the conflict search, about a second; then everything is opened up
_CHUNK = 256  # a long text that is too large for one terminal becomes pieces of this many items


def gbnf_to_lark(rules: dict[str, Node], eog_ids: frozenset[int]) -> str:
    """A Lark grammar for parsed GBNF rules. `eog_ids` are never what `!<token>` means."""
    return _Conversion(rules, eog_ids).run()


def regular_rules(rules: dict[str, Node]) -> list[str]:
    """Names of the rules that never come back to a loop of rules and hold no `<token>`: regular expressions.

    In an order in which each comes after those it uses.
    """
    missing: dict[str, set[str]] = {}
    users: dict[str, list[str]] = {}
    ready = []
    for name, node in rules.items():
        refs, has_token = set(), False
        for part in _walk(node):
            if isinstance(part, Ref):
                refs.add(part.name)
            has_token = has_token or isinstance(part, Token)
        if has_token:
            continue
        missing[name] = refs
        for ref in refs:
            users.setdefault(ref, []).append(name)
        if not refs:
            ready.append(name)
    found = []
    while ready:
        name = ready.pop()
        found.append(name)
        for user in users.get(name, ()):
            missing[user].discard(name)
            if not missing[user]:
                ready.append(user)
    return found


def _walk(node: Node) -> Iterator[Node]:
    """The node and all below it, not through rules nor into a `Whole`."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(children(node))


_Leaf: TypeAlias = Whole | Token  # what stands below the parser's Seq, Alt, Repeat and Ref


@dataclass(slots=True)
class _Automaton:
    """Glushkov's automaton of a terminal: one state per character of its expression. Repetitions are rounded up."""

    classes: list[Chars] = field(default_factory=list)
    follow: list[set[int]] = field(default_factory=list)
    first: set[int] = field(default_factory=set)
    last: set[int] = field(default_factory=set)
    nullable: bool = False


class _TooLarge(Exception):
    pass


class _Conversion:
    def __init__(self, rules: dict[str, Node], eog_ids: frozenset[int]) -> None:
        self.rules = rules
        n_chars = sum(isinstance(part, Chars) for node in rules.values() for part in _walk(node))
        # Rules that double each other grow without end; what is written down is never too much.
        self.max_chars = max(MAX_CHARS, n_chars)
        self.weights: dict[str, tuple[int, int]] = {}  # of regular rules: (characters, depth)
        for name in regular_rules(rules):
            self.weights[name] = self.weigh(rules[name])
        self.opened: set[Node] = set()  # regular nodes that may not be one terminal
        self.open_all = False
        self.eog_ids = eog_ids
        self.n_steps = 0
        self.automata: dict[Node, _Automaton] = {}
        self.meetings: dict[tuple[Node, Node], tuple[bool, frozenset[Chars], frozenset[Chars]]] = {}
        self.overlaps: dict[tuple[Chars, Chars], bool] = {}

    def run(self) -> str:
        while True:
            trees = self.build()
            conflicts = self.conflicts(trees)
            if not conflicts:
                return "\n".join(LarkWriter(trees, self.rules, self.eog_ids).lines) + "\n"
            self.opened |= conflicts

    # --- from nodes to rules over terminals

    def weigh(self, node: Node) -> tuple[int, int]:
        """(characters, depth) of a regular node with its rules written out."""
        match node:
            case Chars():
                return 1, 1
            case Ref(name):
                n_chars, depth = self.weights[name]
                return n_chars, depth + 1
            case _:
                parts = [self.weigh(part) for part in children(node)]
                return sum(part[0] for part in parts), 1 + max((part[1] for part in parts), default=0)

    def is_regular(self, node: Node) -> bool:
        return all(
            not isinstance(part, Token) and (not isinstance(part, Ref) or part.name in self.weights)
            for part in _walk(node)
        )

    def may_be_whole(self, node: Node) -> bool:
        if self.open_all or node in self.opened:
            return False
        n_chars, depth = self.weigh(node)
        return n_chars <= self.max_chars and depth <= MAX_DEPTH

    def build(self) -> dict[str, Node]:
        """The parser's rules that `root` reaches."""
        trees: dict[str, Node] = {}
        waiting = ["root"]
        while waiting:
            name = waiting.pop()
            if name in trees:
                continue
            tree = trees[name] = self.tree(self.rules[name])
            waiting.extend(part.name for part in _walk(tree) if isinstance(part, Ref))
        return trees

    def tree(self, node: Node) -> Node:
        if isinstance(node, Token):
            return node
        if isinstance(node, Chars) or node == Seq(()):
            return Whole(node)
        if self.is_regular(node):
            if self.may_be_whole(node):
                return Whole(node)
            match node:
                case Seq(items):
                    if len(items) > _CHUNK:
                        items = tuple(Seq(items[i : i + _CHUNK]) for i in range(0, len(items), _CHUNK))
                    return Seq(tuple(self.tree(item) for item in items))
                case Alt(options):
                    return Alt(tuple(self.tree(option) for option in options))
                case Repeat(item, least, most):
                    return Repeat(self.tree(item), least, most)
                case _:
                    return node
        match node:
            case Seq(items):
                return Seq(tuple(self.tree(run) for run in self.runs(items)))
            case Alt(options):
                regular = [option for option in options if self.is_regular(option)]
                parts = [option for option in options if not self.is_regular(option)]
                if len(regular) > 1:
                    parts.append(Alt(tuple(regular)))
                else:
                    parts.extend(regular)
                return Alt(tuple(self.tree(part) for part in parts))
            case Repeat(item, least, most):
                return Repeat(self.tree(item), least, most)
            case _:
                return node

    def runs(self, items: tuple[Node, ...]) -> list[Node]:
        """Neighbours that are regular become one node."""
        result: list[Node] = []
        run: list[Node] = []
        for item in (*items, None):
            if item is not None and self.is_regular(item):
                run.append(item)
                continue
            if run:
                result.append(run[0] if len(run) == 1 else Seq(tuple(run)))
                run = []
            if item is not None:
                result.append(item)
        return result

    # --- where the longest match would be wrong

    def conflicts(self, trees: dict[str, Node]) -> set[Node]:
        """Nodes of terminals that can run on over a character with which the next terminal could start.

        For terminals A and B that may start at one place: when A has ended and the next character may start what
        follows A, B must not be able to go on with it, else the lexer would wait for B. Asked of all pairs that can
        stand at one place, from above (repetitions rounded up), so that a wrong answer only costs speed.
        """
        if self.open_all or isinstance(trees["root"], Whole):
            return set()  # single characters, or one terminal for all: exact by themselves
        try:
            return self._conflicts(trees)
        except _TooLarge:
            self.open_all = True
            return {Seq(())}  # not empty: build once more

    def _conflicts(self, trees: dict[str, Node]) -> set[Node]:
        leaves = {leaf for leaf in _leaves(trees.values()) if isinstance(leaf, Whole)}
        start, follow = _neighbours(trees, lambda leaf: self.automaton(leaf.node).nullable, self.step)
        after = {leaf: self.first_classes(follow.get(leaf, set())) for leaf in leaves}
        found: set[Node] = set()
        seen: set[tuple[_Leaf, _Leaf]] = set()
        waiting = [(a, b) for a in start for b in start]
        while waiting:
            a, b = waiting.pop()
            if (a, b) in seen:
                continue
            seen.add((a, b))
            seen.add((b, a))
            same_text = a == b
            if isinstance(a, Whole) and isinstance(b, Whole):
                same_text, beyond_a, beyond_b = self.meeting(a.node, b.node)
                if self.any_overlap(beyond_a, after[a]):
                    found.add(b.node)
                if self.any_overlap(beyond_b, after[b]):
                    found.add(a.node)
                same_text = same_text or a == b
            if same_text:
                waiting.extend((x, y) for x in follow.get(a, ()) for y in follow.get(b, ()) if (x, y) not in seen)
                self.step(len(follow.get(a, ())) * len(follow.get(b, ())))
        return found

    def step(self, n: int) -> None:
        self.n_steps += n
        if self.n_steps > MAX_STEPS:
            raise _TooLarge

    def first_classes(self, leaves: set[_Leaf]) -> frozenset[Chars]:
        result: set[Chars] = set()
        for leaf in leaves:
            if isinstance(leaf, Whole):
                automaton = self.automaton(leaf.node)
                result.update(automaton.classes[state] for state in automaton.first)
        return frozenset(result)

    def any_overlap(self, left: frozenset[Chars], right: frozenset[Chars]) -> bool:
        return any(self.overlap(a, b) for a in left for b in right)

    def overlap(self, a: Chars, b: Chars) -> bool:
        known = self.overlaps.get((a, b))
        if known is None:
            known = a == b or any(
                low <= b_high and b_low <= high for low, high in a.ranges for b_low, b_high in b.ranges
            )
            self.overlaps[a, b] = self.overlaps[b, a] = known
        return known

    def meeting(self, a: Node, b: Node) -> tuple[bool, frozenset[Chars], frozenset[Chars]]:
        """What two terminals read alike: (both can end on one text, how B goes on after an A, how A after a B)."""
        if (b, a) in self.meetings:
            both, beyond_b, beyond_a = self.meetings[b, a]
            return both, beyond_a, beyond_b
        if (a, b) not in self.meetings:
            self.meetings[a, b] = self._meet(self.automaton(a), self.automaton(b))
        return self.meetings[a, b]

    def _meet(self, a: _Automaton, b: _Automaton) -> tuple[bool, frozenset[Chars], frozenset[Chars]]:
        both = False
        beyond_a: set[Chars] = set()
        beyond_b: set[Chars] = set()
        seen: set[tuple[int, int]] = set()
        waiting: list[tuple[Iterable[int], Iterable[int]]] = [(a.first, b.first)]
        while waiting:
            left, right = waiting.pop()
            for i in left:
                for j in right:
                    self.step(1)
                    if (i, j) in seen or not self.overlap(a.classes[i], b.classes[j]):
                        continue
                    seen.add((i, j))
                    a_ends, b_ends = i in a.last, j in b.last
                    both = both or (a_ends and b_ends)
                    if a_ends:
                        beyond_a.update(b.classes[k] for k in b.follow[j])
                    if b_ends:
                        beyond_b.update(a.classes[k] for k in a.follow[i])
                    waiting.append((a.follow[i], b.follow[j]))
        return both, frozenset(beyond_a), frozenset(beyond_b)

    def automaton(self, node: Node) -> _Automaton:
        known = self.automata.get(node)
        if known is None:
            known = self.automata[node] = _Automaton()
            known.first, known.last, known.nullable = self.positions(known, node)
        return known

    def positions(self, into: _Automaton, node: Node) -> tuple[set[int], set[int], bool]:
        """(first states, last states, can be empty) of a regular node, its states added to `into`."""
        match node:
            case Chars():
                into.classes.append(node)
                into.follow.append(set())
                return {len(into.classes) - 1}, {len(into.classes) - 1}, False
            case Ref(name):
                return self.positions(into, self.rules[name])
            case Alt(options):
                first, last, nullable = set(), set(), False
                for option in options:
                    its_first, its_last, its_nullable = self.positions(into, option)
                    first |= its_first
                    last |= its_last
                    nullable = nullable or its_nullable
                return first, last, nullable
            case Repeat(item, least, most):
                first, last, nullable = self.positions(into, item)
                if most == 0:
                    return set(), set(), True
                if most != 1:
                    self.connect(into, last, first)
                return first, last, nullable or least == 0
            case Seq(items):
                first, last, nullable = set(), set(), True
                for item in items:
                    its_first, its_last, its_nullable = self.positions(into, item)
                    self.connect(into, last, its_first)
                    first |= its_first if nullable else set()
                    last = its_last | last if its_nullable else its_last
                    nullable = nullable and its_nullable
                return first, last, nullable
            case Token() | Whole():
                raise AssertionError("never part of a terminal")

    def connect(self, into: _Automaton, last: set[int], first: set[int]) -> None:
        self.step(len(last) * len(first))
        for state in last:
            into.follow[state] |= first


def _leaves(trees: Iterable[Node]) -> set[_Leaf]:
    return {part for tree in trees for part in _walk(tree) if isinstance(part, Whole | Token)}


@dataclass(slots=True)
class _Edges:
    """Which leaves a node can begin and end with, and whether it can be empty."""

    first: set[_Leaf] = field(default_factory=set)
    last: set[_Leaf] = field(default_factory=set)
    nullable: bool = False

    def size(self) -> int:
        return len(self.first) + len(self.last) + self.nullable


def _neighbours(
    trees: dict[str, Node],
    is_nullable: Callable[[Whole], bool],
    step: Callable[[int], None],
) -> tuple[set[_Leaf], dict[_Leaf, set[_Leaf]]]:
    """(leaves that can come first, for each leaf those that can come right after it)."""
    edges = {name: _Edges() for name in trees}
    follow: dict[_Leaf, set[_Leaf]] = {}

    def connect(last: set[_Leaf], first: set[_Leaf]) -> None:
        step(len(last) * len(first))
        for leaf in last:
            follow.setdefault(leaf, set()).update(first)

    def look(node: Node) -> _Edges:
        step(1)
        match node:
            case Whole():
                return _Edges({node}, {node}, is_nullable(node))
            case Token():
                return _Edges({node}, {node})
            case Ref(name):
                return edges[name]
            case Alt(options):
                parts = [look(option) for option in options]
                return _Edges(
                    set().union(*(part.first for part in parts)),
                    set().union(*(part.last for part in parts)),
                    any(part.nullable for part in parts),
                )
            case Repeat(item, least, most):
                part = look(item)
                if most == 0:
                    return _Edges(nullable=True)
                if most != 1:
                    connect(part.last, part.first)
                return _Edges(part.first, part.last, part.nullable or least == 0)
            case Seq(items):
                whole = _Edges(nullable=True)
                for item in items:
                    part = look(item)
                    connect(whole.last, part.first)
                    whole = _Edges(
                        whole.first | part.first if whole.nullable else whole.first,
                        part.last | whole.last if part.nullable else part.last,
                        whole.nullable and part.nullable,
                    )
                return whole
            case Chars():
                raise AssertionError("always within a terminal")

    changed = True
    while changed:
        changed = False
        for name, tree in reversed(trees.items()):  # what a rule uses mostly comes after it
            found = look(tree)
            if found.size() != edges[name].size():
                edges[name] = _Edges(set(found.first), set(found.last), found.nullable)
                changed = True
    return edges["root"].first, follow
