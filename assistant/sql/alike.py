"""Which questions ask the same, and which are alike. By words; another measure can take the place of `alike`.

Two questions are the same where they differ in nothing but courtesy, articles and ways to say "show" or "how many".
Everything else counts, also order, number and tense: what is taken for the same is answered without a model.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from math import log, sqrt

from rushlight.assistant.sql.linking import stem

# The question, the questions to be compared with it -> how alike each is, from 0 to 1. An embedder fits here.
Alike = Callable[[str, Sequence[str]], Sequence[float]]

_TOKEN = re.compile(r"\d+(?:[.,:/-]\d+)*|[^\W\d_]\w*|[^\w\s]")
_IDLE = frozenset("\"'“”„‘’«».?")
_ASKED = r"(?:show|list|display|give|tell|name|find|get|print|zeige?|nenne?|gib|liste)"
_SAME = (  # in this order, over words with one blank between them
    (re.compile(r" (?:please|kindly|bitte)(?= )"), ""),
    (re.compile(r"^ (?:can|could|would|will) you(?= )"), ""),
    (re.compile(r"^ i (?:want|need|would like) to (?:know|see)(?= )"), ""),
    (re.compile(rf"^ {_ASKED}(?: me| mir)?(?: all)?(?= )"), ""),
    (re.compile(r" (?:is|are|was|were) there(?= )"), ""),
    (re.compile(r" there (?:is|are|was|were)(?= )"), ""),
    (re.compile(r" (?:a|an|the)(?= )"), ""),
    (re.compile(r"^ (?:what|which) (?:is|are)(?= )"), ""),
    (re.compile(r"^ (?:number|count) of(?= )"), " how many"),
    (re.compile(r"^ count(?= )"), " how many"),
    (re.compile(r"^ (?:which|what)(?= )"), ""),
)
_VALUE, _NUMBER = "‹value›", "‹number›"
_LIGHT_WORDS = "a an the of in on at to by is are was were be do does did there me us please show list give"
_LIGHT = frozenset(_LIGHT_WORDS.split())
_LIGHT_WEIGHT = 0.15
_PAIR_WEIGHT = 0.4


def same_question(question: str) -> str:
    """What two questions have in common exactly where they ask the same."""
    tokens = [token for token in _TOKEN.findall(question.strip().rstrip("!")) if token not in _IDLE]
    # A capital A inside is a name, as of a blood group, and no article.
    tokens = [token if i and token == "A" else token.casefold() for i, token in enumerate(tokens)]
    line = "".join(f" {token}" for token in tokens) + " "
    for pattern, instead in _SAME:
        line = pattern.sub(instead, line)
    return line.strip() or " ".join(tokens)


def without_values(question: str, values: Sequence[str]) -> str:
    """The question with a mark where it names one of these values or a number: what is left is what it asks."""
    for value in sorted({value for value in values if value.strip()}, key=len, reverse=True):
        question = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", _VALUE, question, flags=re.IGNORECASE)
    return re.sub(r"(?<![\w‹])\d+(?:[.,:/-]\d+)*(?!\w)", _NUMBER, question)


def by_words(question: str, others: Sequence[str]) -> list[float]:
    """The cosine of their words and pairs of words, rare ones heavier."""
    asked, counted = _features(question), [_features(other) for other in others]
    within = Counter(feature for one in counted for feature in one)

    def weighed(features: Counter[str]) -> dict[str, float]:
        return {one: n * _weight(one) * log(1 + (1 + len(others)) / (0.5 + within[one])) for one, n in features.items()}

    first = weighed(asked)
    scores = []
    for one in counted:
        second = weighed(one)
        length = sqrt(sum(w * w for w in first.values()) * sum(w * w for w in second.values()))
        scores.append(sum(w * second.get(feature, 0.0) for feature, w in first.items()) / length if length else 0.0)
    return scores


def _features(question: str) -> Counter[str]:
    words = [stem(word) for word in re.findall(r"‹\w+›|[^\W_]+", question.casefold())]
    return Counter(words) + Counter(f"{one} {other}" for one, other in pairwise(words))


def _weight(feature: str) -> float:
    if " " in feature:
        return _PAIR_WEIGHT
    return _LIGHT_WEIGHT if feature in _LIGHT else 1.0
