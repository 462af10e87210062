"""Rules that tell text from rubbish, each with its source. They know one text at a time and no language model.

Gopher: Rae et al. 2021 (arXiv:2112.11446), A.1.1 and table A1. C4: Raffel et al. 2020 (arXiv:1910.10683), 2.2.
FineWeb: Penedo et al. 2024 (arXiv:2406.17557), 3.6. The rules on words are made for English and its neighbours.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

_STOP_WORDS = frozenset({"the", "be", "to", "of", "and", "that", "have", "with"})
_BULLETS = ("•", "‣", "▪", "●", "*", "-")
_ENDS = (".", "!", "?", '"', "”", "…")


@dataclass(frozen=True, slots=True)
class Rule:
    """`measure` of a text must lie between `least` and `most`."""

    name: str
    source: str
    measure: Callable[["Parts"], float]
    least: float = float("-inf")
    most: float = float("inf")


class Parts:
    """A text taken apart once for all rules."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.words = text.split()
        self.lower_words = [word.lower() for word in self.words]
        self.lines = [line.strip() for line in text.split("\n") if line.strip()]
        self.paragraphs = [part.strip() for part in re.split(r"\n\s{0,1000}\n", text) if part.strip()]
        self.n_chars = max(1, len(text))


def _share(found: int, total: int) -> float:
    return found / total if total else 0.0


def _mean_word(parts: Parts) -> float:
    return _share(sum(map(len, parts.words)), len(parts.words))


def _symbols(parts: Parts) -> float:
    found = parts.text.count("#") + parts.text.count("...") + parts.text.count("…")
    return _share(found, len(parts.words))


def _line_share(is_so: Callable[[str], bool]) -> Callable[[Parts], float]:
    return lambda parts: _share(sum(map(is_so, parts.lines)), len(parts.lines))


def _with_letters(parts: Parts) -> float:
    return _share(sum(any(map(str.isalpha, word)) for word in parts.words), len(parts.words))


def _stop_words(parts: Parts) -> float:
    return len(_STOP_WORDS & {word.strip(".,;:!?\"'()") for word in parts.lower_words})


def _repeated(pieces: Sequence[str]) -> float:
    return _share(len(pieces) - len(set(pieces)), len(pieces))


def _repeated_chars(pieces: Sequence[str], n_chars: int) -> float:
    seen, n_repeated = set(), 0
    for one in pieces:
        n_repeated += len(one) if one in seen else 0
        seen.add(one)
    return _share(n_repeated, n_chars)


def _top_ngram(n: int) -> Callable[[Parts], float]:
    """The share of characters in the most frequent n-gram of words."""

    def measure(parts: Parts) -> float:
        words = parts.lower_words
        grams = Counter(zip(*(words[i:] for i in range(n)), strict=False))
        if not grams:
            return 0.0
        gram, count = max(grams.items(), key=lambda one: (one[1], sum(map(len, one[0]))))
        return 0.0 if count == 1 else _share(count * sum(map(len, gram)), parts.n_chars)

    return measure


def _repeated_ngrams(n: int) -> Callable[[Parts], float]:
    """The share of characters in n-grams of words that occurred before, each character counted once."""

    def measure(parts: Parts) -> float:
        words = parts.lower_words
        seen, n_repeated, free = set(), 0, 0
        for i in range(len(words) - n + 1):
            gram = tuple(words[i : i + n])
            if gram in seen:
                n_repeated += sum(len(word) for word in words[max(i, free) : i + n])
                free = i + n
            seen.add(gram)
        return _share(n_repeated, parts.n_chars)

    return measure


def _sentences(parts: Parts) -> float:
    return len(re.findall(r"[.!?](?=[\s\"'”)]|$)", parts.text))


RULES: Final = (
    Rule("n_words", "Gopher", lambda parts: len(parts.words), 50, 100_000),
    Rule("mean_word_length", "Gopher", _mean_word, 3, 10),
    Rule("symbols_per_word", "Gopher", _symbols, most=0.1),
    Rule("lines_with_bullet", "Gopher", _line_share(lambda line: line.startswith(_BULLETS)), most=0.9),
    Rule("lines_with_ellipsis", "Gopher", _line_share(lambda line: line.endswith(("...", "…"))), most=0.3),
    Rule("words_with_letters", "Gopher", _with_letters, least=0.8),
    Rule("stop_words", "Gopher", _stop_words, least=2),
    Rule("repeated_lines", "Gopher", lambda parts: _repeated(parts.lines), most=0.3),
    Rule("repeated_paragraphs", "Gopher", lambda parts: _repeated(parts.paragraphs), most=0.3),
    Rule("chars_in_repeated_lines", "Gopher", lambda parts: _repeated_chars(parts.lines, parts.n_chars), most=0.2),
    Rule("chars_in_repeated_paragraphs", "Gopher",
         lambda parts: _repeated_chars(parts.paragraphs, parts.n_chars), most=0.2),
    *(Rule(f"top_{n}_gram", "Gopher", _top_ngram(n), most=most) for n, most in ((2, 0.20), (3, 0.18), (4, 0.16))),
    *(Rule(f"repeated_{n}_grams", "Gopher", _repeated_ngrams(n), most=most)
      for n, most in ((5, 0.15), (6, 0.14), (7, 0.13), (8, 0.12), (9, 0.11), (10, 0.10))),
    Rule("n_sentences", "C4", _sentences, least=3),
    Rule("curly_brackets", "C4", lambda parts: parts.text.count("{"), most=0),
    Rule("lorem_ipsum", "C4", lambda parts: "lorem ipsum" in parts.text.lower(), most=0),
    Rule("javascript", "C4", lambda parts: "enable javascript" in parts.text.lower(), most=0),
    Rule("lines_that_end", "FineWeb", _line_share(lambda line: line.endswith(_ENDS)), least=0.12),
    Rule("short_lines", "FineWeb", _line_share(lambda line: len(line) < 30), most=0.67),
    Rule("chars_in_repeated_lines", "FineWeb", lambda parts: _repeated_chars(parts.lines, parts.n_chars), most=0.1),
)  # fmt: skip


def measured(text: str) -> tuple[dict[str, float], list[str]]:
    """Every measure of the text, and the rules that it breaks as "Gopher n_words"."""
    parts = Parts(text)
    values: dict[str, float] = {}
    broken = []
    for rule in RULES:
        value = values[rule.name] if rule.name in values else float(rule.measure(parts))
        values[rule.name] = round(value, 6)
        if not rule.least <= value <= rule.most:
            broken.append(f"{rule.source} {rule.name}")
    return values, broken
