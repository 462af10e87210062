"""Interpolated modified Kneser-Ney n-gram models in plain Python: what the compiled kernels are tested against.

The definitions (Chen and Goodman 1999, "An empirical study of smoothing techniques for language modeling", 3; Heafield
et al. 2013, "Scalable modified Kneser-Ney language model estimation"):

- Words lie between ASCII control characters and blanks. Each line with words is a sentence, `<s> w ... </s>`. Words
  written like one of the marks `<unk>`, `<s>`, `</s>` count as `<unk>`.
- The count a of an n-gram of the highest order, and of one that begins with `<s>`, is how often it occurs; of any other
  it is how many different words come before it. Nothing leads to `<s>`: its count is 0.
- Each order has three discounts, for counts of 1, 2, and 3 or more, from how many n-grams have the counts 1 to 4:
  Y = n1 / (n1 + 2 n2), D(i) = i - (i + 1) Y n(i+1) / n(i). Where one of the four is 0, or a discount is not above 0 and
  at most i, they are 0.5, 1 and 1.5.
- p(w | c) = (a(c w) - D(a)) / sum over x of a(c x) + b(c) p(w | c without its first word), where b(c) is what the
  discounts of c have left over. Below the words lies 1 / V; V counts all words, `<unk>` and `</s>`, not `<s>`.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

Gram = tuple[bytes, ...]
Model = list[dict[Gram, tuple[float, float]]]  # by order: log10 of the probability, and of what backing off costs

NEVER = -99.0
UNKNOWN, BEGIN, END = b"<unk>", b"<s>", b"</s>"
MARKS = (UNKNOWN, BEGIN, END)


def sentences(text: bytes) -> list[list[bytes]]:
    """The words of every line that has any."""
    lines = [[word for word in re.split(rb"[\x00-\x20]+", line) if word] for line in text.split(b"\n")]
    return [line for line in lines if line]


def discounts(counts: Iterable[int]) -> tuple[float, float, float, float]:
    """What is taken from counts of 0, 1, 2, and 3 or more."""
    n = Counter(counts)
    if not all(n[i] for i in (1, 2, 3, 4)):
        return 0.0, 0.5, 1.0, 1.5
    share = n[1] / (n[1] + 2 * n[2])
    found = [i - (i + 1) * share * n[i + 1] / n[i] for i in (1, 2, 3)]
    if not all(0 < one <= i for i, one in enumerate(found, 1)):
        return 0.0, 0.5, 1.0, 1.5
    return 0.0, found[0], found[1], found[2]


def adjusted_counts(texts: Iterable[bytes | None], order: int) -> list[dict[Gram, int]]:
    """The counts of all n-grams, by order."""
    counts: list[Counter[Gram]] = [Counter() for _ in range(order)]
    for text in texts:
        for words in sentences(text or b""):
            row = [BEGIN, *(UNKNOWN if word in MARKS else word for word in words), END]
            for length in range(1, order + 1):
                counts[length - 1].update(tuple(row[i : i + length]) for i in range(len(row) - length + 1))
    found: list[dict[Gram, int]] = [dict(one) for one in counts]
    for length in range(1, order):
        before = Counter(gram[1:] for gram in counts[length])
        found[length - 1] = {gram: n if gram[0] == BEGIN else before[gram] for gram, n in counts[length - 1].items()}
    found[0] |= {(BEGIN,): 0, (UNKNOWN,): found[0].get((UNKNOWN,), 0)}
    return found


def estimate(texts: Iterable[bytes | None], order: int) -> Model:
    """The model of the texts."""
    counts = adjusted_counts(texts, order)
    model: Model = []
    below: dict[Gram, float] = defaultdict(lambda: 1 / (len(counts[0]) - 1))
    for length, grams in enumerate(counts, 1):
        taken = discounts(grams.values())
        following: dict[Gram, list[int]] = defaultdict(list)
        for gram, n in grams.items():
            following[gram[:-1]] += [n] if n else []
        left = {context: sum(taken[min(n, 3)] for n in all_) / sum(all_) for context, all_ in following.items() if all_}
        here = {
            gram: (n - taken[min(n, 3)]) / sum(following[gram[:-1]]) + left[gram[:-1]] * below[gram[1:]]
            for gram, n in grams.items()
        }
        model.append({gram: (math.log10(share), 0.0) for gram, share in here.items()})
        if length == 1:
            model[0][(BEGIN,)] = (NEVER, 0.0)
        for context, share in left.items() if length > 1 else ():
            model[length - 2][context] = (model[length - 2][context][0], math.log10(share))
        below = here
    return model


def log_probability(model: Model, context: Sequence[bytes], word: bytes) -> float:
    """log10 p(word | context), by the definition of backing off."""
    context = tuple(context)[-(len(model) - 1) :] if len(model) > 1 else ()
    found = model[len(context)].get((*context, word))
    if found is not None:
        return found[0]
    if not context:
        return model[0][(UNKNOWN,)][0]
    return model[len(context) - 1].get(context, (0.0, 0.0))[1] + log_probability(model, context[1:], word)


def word_scores(model: Model, text: bytes) -> list[tuple[float, bool]]:
    """log10 of the probability of each word and each end of line, and whether the model knows the word."""
    found = []
    for words in sentences(text):
        row = [BEGIN]
        for word in [*(UNKNOWN if one in MARKS else one for one in words), END]:
            known = word if (word,) in model[0] else UNKNOWN
            found.append((log_probability(model, row, known), known != UNKNOWN))
            row.append(known)
    return found


def to_arpa(model: Model) -> bytes:
    """The model as an ARPA file."""
    lines = [b"\\data\\", *(b"ngram %d=%d" % (i, len(grams)) for i, grams in enumerate(model, 1))]
    for length, grams in enumerate(model, 1):
        lines += [b"", b"\\%d-grams:" % length]
        for gram, (probability, backoff) in grams.items():
            has_more = length < len(model) and gram[-1] != END
            lines.append(b"%.7f\t%s" % (probability, b" ".join(gram)) + (b"\t%.7f" % backoff if has_more else b""))
    return b"\n".join([*lines, b"", b"\\end\\", b""])


def from_arpa(arpa: bytes) -> Model:
    """The model of an ARPA file. Raises ValueError with the line for what is none."""
    model: Model = []
    counts: list[int] = []
    has_begun = False
    for number, line in enumerate(arpa.split(b"\n"), 1):
        parts = [part for part in re.split(rb"[\x00-\x20]+", line) if part]
        try:
            if parts == [b"\\end\\"] and [len(grams) for grams in model] == counts and counts:
                return _with_ends(model)
            if not has_begun or not parts:
                has_begun = has_begun or parts == [b"\\data\\"]
            elif parts[0] == b"ngram" and not model:
                counts.append(int(b"".join(parts[1:]).split(b"=")[1]))
            elif parts == [b"\\%d-grams:" % (len(model) + 1)]:
                model.append({})
            else:
                length = len(model)
                gram = tuple(parts[1 : 1 + length])
                probability, backoff = float(parts[0]), float(b"".join(parts[1 + length :]) or b"0")
                if len(gram) < length or gram in model[-1] or not max(NEVER * 10**4, probability) <= 0:
                    raise ValueError
                if length > 1 and not all((word,) in model[0] or word in MARKS for word in gram):
                    raise ValueError
                model[-1][gram] = (max(probability, NEVER), backoff)
        except (ValueError, IndexError):
            raise ValueError(f"line {number}: expected a piece of an ARPA file.") from None
    raise ValueError("the file ends too early.")


def _with_ends(model: Model) -> Model:
    for mark in MARKS:
        model[0].setdefault((mark,), (NEVER, 0.0))
    missing = []
    for length in range(len(model), 2, -1):
        for gram in list(model[length - 1]):
            if gram[1:] not in model[length - 2]:
                model[length - 2][gram[1:]] = (NEVER, 0.0)
                missing.append(gram[1:])
    for gram in sorted(missing, key=len):
        del model[len(gram) - 1][gram]
        model[len(gram) - 1][gram] = (log_probability(model, gram[:-1], gram[-1]), 0.0)
    return model
