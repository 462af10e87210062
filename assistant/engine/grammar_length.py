"""How long the shortest text of each GBNF rule is: where llguidance may look ahead for what is forced, and where not.

llguidance follows text that must come to its end, and sixty rules that double each other are 2**60 forced letters.
Knows the tree of `grammar_gbnf.py` only.
"""

import math

from rushlight.assistant.engine.grammar_gbnf import Alt, Chars, Node, Ref, Repeat, Seq, Token

MAX_FORCED = 20_000  # characters; about 0.1 s of looking ahead


def has_long_parts(rules: dict[str, Node]) -> bool:
    """Whether a rule has no text of at most `MAX_FORCED` characters (or none at all, since it never ends)."""
    lengths = dict.fromkeys(rules, math.inf)
    changed = True
    while changed:
        changed = False
        for name, node in reversed(rules.items()):  # what a rule uses mostly comes after it
            length = _shortest(node, lengths)
            if length < lengths[name]:
                lengths[name] = length
                changed = True
    return max(lengths.values()) > MAX_FORCED


def _shortest(node: Node, lengths: dict[str, float]) -> float:
    match node:
        case Chars() | Token():
            return 1
        case Ref(name):
            return lengths[name]
        case Seq(items):
            return sum(_shortest(item, lengths) for item in items)
        case Alt(options):
            return min(_shortest(option, lengths) for option in options)
        case Repeat(item, least):
            return least * _shortest(item, lengths) if least else 0
        case _:
            raise AssertionError(f"never written by a user: {node}")
