"""Guessing ahead: what was written before is likely to go on as it did then (prompt lookup), or a draft model guesses.

Drafts are checked in one batch with the token before them, which costs less than a batch each where weights are read
once for all. Whether that pays is measured, not assumed: how often guesses come true (also of those that were not
tried, which is free to know), and how long batches of each size take. Knows tokens and times; knows no context.

Source: Saxena 2023, github.com/apoorvumang/prompt-lookup-decoding; the index is native/ngram_index.
"""

from bisect import bisect_right
from collections.abc import Sequence

from rushlight.assistant.engine.ngram_table import MAX_NGRAM, NgramTable
from rushlight.native import COMPILED, NgramIndex

SIZES = (3, 7, 15)  # drafts of a batch; few sizes, so that each is measured often
_MIN_NGRAM, _MAX_NGRAM = 2, 4
_AHEAD = 2 * SIZES[-1]  # tokens of a guess: one is used for several steps
# How many tokens of a guess have come true already says most about the next one. Borders of classes, and how often
# guesses of each class are taken to come true before any was seen.
_STREAKS = (0, 1, 2, 4, 8)
_FIRST_RATES = (0.3, 0.6, 0.8, 0.9, 0.97)
_FIRST_WEIGHT, _HIT_WEIGHT = 5, 0.06  # these count as so many observations; a new one counts at least so much
_COST_WEIGHT = 0.3
_EXTRA_COST = 0.06  # of a row in a batch, as a part of a step, before it was measured
_STALE_S = 20.0  # a measured cost is forgotten: the machine may be another by then
_FIRST_MODEL_RATE = 0.75  # of a draft model's guesses that come true, before any was seen
_FIRST_PAUSE, _LONGEST_PAUSE = 32, 1024  # steps until a draft model that did not pay is tried again
_FIRST_DRAFT_COST = 0.2  # of a guess of a draft model, as a part of a step, before it was measured
_WORTH = 1.08  # times plain decoding; less is not worth the risk


class StepCosts:
    """How long steps of 1, 4, 8 and 16 rows take here and now. Shared by the answers of an engine."""

    def __init__(self) -> None:
        self._costs: dict[int, tuple[float, float]] = {}  # rows: seconds, when
        self._n_threads = 0
        self._draft_s = 0.0

    def note(self, n_rows: int, spent_s: float, now_s: float, n_threads: int) -> None:
        """A step took so long; with another number of threads all is measured anew."""
        if n_threads != self._n_threads:
            self._costs.clear()
            self._draft_s = 0.0
            self._n_threads = n_threads
        old = self._costs.get(n_rows)
        cost_s = spent_s if old is None else old[0] + _COST_WEIGHT * (spent_s - old[0])
        self._costs[n_rows] = (cost_s, now_s)

    def note_draft(self, spent_s: float) -> None:
        """A guess of the draft model took so long."""
        self._draft_s = spent_s if not self._draft_s else self._draft_s + _COST_WEIGHT * (spent_s - self._draft_s)

    def draft_ratio(self) -> float:
        """The cost of a draft model's guess, as a multiple of a step with a single row."""
        one = self._costs.get(1)
        return self._draft_s / one[0] if one is not None and self._draft_s else _FIRST_DRAFT_COST

    def ratio(self, n_rows: int, now_s: float) -> float:
        """The cost of a step with so many rows, as a multiple of one with a single row."""
        one = self._costs.get(1)
        many = self._costs.get(n_rows)
        if one is None or many is None or now_s - many[1] > _STALE_S:
            return 1.0 + _EXTRA_COST * (n_rows - 1)
        return many[0] / one[0]


class ModelRate:
    """Whether the guesses of a draft model pay for one answer."""

    def __init__(self, costs: StepCosts, *, n_most: int) -> None:
        self._costs = costs
        self._sizes = tuple(size for size in SIZES if size <= n_most)
        self.hit_rate = _FIRST_MODEL_RATE
        self._n_seen = 0
        self._rest = 0  # steps without it, before it is tried again
        self._pause = _FIRST_PAUSE

    def size(self, n_room: int, now_s: float) -> int:
        """How many guesses to ask for now; 0 where plain decoding is faster."""
        if self._rest:
            self._rest -= 1
            return 0
        best, n_best = _WORTH, 0
        for size in self._sizes:
            expected = 1.0 + sum(self.hit_rate**i for i in range(1, size + 1))
            gain = expected / (self._costs.ratio(size + 1, now_s) + size * self._costs.draft_ratio())
            if size <= n_room and gain > best:
                best, n_best = gain, size
        if not n_best and self._sizes and self._sizes[0] <= n_room:
            self._rest = self._pause
            self._pause = min(2 * self._pause, _LONGEST_PAUSE)
            return self._sizes[0] if self._n_seen else 0  # once more now, to know
        if n_best:
            self._pause = _FIRST_PAUSE
        return n_best

    def note(self, n_guesses: int, n_accepted: int) -> None:
        """So many came true in a row."""
        for is_hit in [True] * n_accepted + [False] * (n_accepted < n_guesses):
            self._n_seen += 1
            weight = max(_HIT_WEIGHT / 2, 1.0 / (_FIRST_WEIGHT + self._n_seen))
            self.hit_rate += weight * (is_hit - self.hit_rate)


class Speculator:
    """The guesses of one answer by prompt lookup."""

    def __init__(self, costs: StepCosts, *, n_most: int = SIZES[-1], table: NgramTable | None = None) -> None:
        self._costs, self._table = costs, table
        self._sizes = tuple(size for size in SIZES if size <= n_most) or ((n_most,) if n_most > 0 else ())
        self._index = NgramIndex(_MAX_NGRAM, _MIN_NGRAM)
        self._guess: list[int] = []  # what the index said would come next
        self._streak = 0  # tokens of the guess that came true
        self.hit_rates = list(_FIRST_RATES)
        self._n_seen = [0] * len(_FIRST_RATES)

    def follow(self, token_ids: Sequence[int]) -> None:
        """The text so far. Its new tokens tell how good the guesses were."""
        n_known = len(self._index)
        new = list(token_ids[n_known:])
        if len(token_ids) > self._index.max_tokens:
            self._sizes = ()
            return
        if n_known:
            guess = self._guess
            tail = list(token_ids[max(0, n_known - MAX_NGRAM) : n_known])
            for i, token_id in enumerate(new):
                if not guess:
                    self._index.extend(new[i:])
                    break
                is_hit = guess[0] == token_id
                kind = _class(self._streak)
                self._n_seen[kind] += 1
                weight = max(_HIT_WEIGHT, 1.0 / (_FIRST_WEIGHT + self._n_seen[kind]))
                self.hit_rates[kind] += weight * (is_hit - self.hit_rates[kind])
                self._index.append(token_id)
                if is_hit:
                    self._streak += 1
                    guess = guess[1:]
                else:
                    self._streak = 0
                    guess = self._propose(tail + new[: i + 1])
            self._guess = guess
        else:
            self._index.extend(new)
        if len(self._guess) < SIZES[-1]:  # a longer one; where it begins otherwise, it has yet to come true
            longer = self._propose(token_ids)
            if longer[: len(self._guess)] != self._guess:
                self._streak = 0
            self._guess = longer

    def _propose(self, text: Sequence[int]) -> list[int]:
        """From the text itself, else from past replies."""
        guess = self._index.propose(_AHEAD)
        if not guess and self._table is not None:
            guess = self._table.propose(text[-MAX_NGRAM:], _AHEAD)
        return guess

    def draft(self, n_room: int, now_s: float) -> list[int]:
        """Tokens that are worth checking together; [] where plain decoding is faster."""
        guess = self._guess
        if not guess or not self._sizes:
            return []
        best, n_best = _WORTH, 0
        for size in self._sizes:
            if size > len(guess):
                break  # sizes in between are never measured
            gain = self.expected_tokens(size) / self._costs.ratio(size + 1, now_s)
            if gain > best:
                best, n_best = gain, size
        return guess[: min(n_best, n_room)]

    def expected_tokens(self, n_drafts: int) -> float:
        """Tokens that a step with so many drafts should give: those accepted in a row, and the one picked then."""
        expected = reached = 1.0
        for i in range(n_drafts):
            reached *= self.hit_rates[_class(self._streak + i)]
            expected += reached
        return expected


def _class(streak: int) -> int:
    return bisect_right(_STREAKS, streak) - 1


def can_speculate(*, is_recurrent: bool, draft_tokens: int, temperature: float, seed: int) -> bool:
    """Whether an answer may be guessed ahead.

    What is drawn follows the same distribution either way, but batches of other shapes round differently: a seed given
    by the user should give the same text again, so there it is left out unless asked for.
    """
    if is_recurrent or draft_tokens == 0 or not COMPILED:  # a recurrent state cannot go back after a wrong guess
        return False
    return draft_tokens > 0 or temperature <= 0.0 or seed < 0
