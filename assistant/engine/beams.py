"""Beam search: the likeliest whole answers to a prompt, where a grammar says what an answer may be.

Token by token a grammar leads astray: the likeliest first word may be one after which the model can say nothing that
it finds likely. So several beginnings are kept, each with the likelihood that the model itself gives all of it, and
the likeliest of them all is followed next: a likelihood only falls, so where the model is certain the others are never
computed (best-first beam search, Meister, Vieira and Cotterell, TACL 2020). No more than the width of the beam are
followed of one length. What a hypothesis loses to the grammar is not given back to it: so those that the grammar has
forced off their way fall behind (grammar-aligned decoding, Park et al. 2024, is about the same loss).

Knows one prompt, and the context it shares with answers that are being written: one step is computed between two of
theirs. Exact only as far as the beam is wide.
"""

import heapq
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from rushlight import Error
from rushlight.assistant.engine.llama import ABORTED, NO_ROOM, SUCCESS, damaged_error, decode_error, full_error
from rushlight.assistant.engine.load import Loaded
from rushlight.assistant.engine.lora import AdapterSet
from rushlight.assistant.engine.musts import lacking
from rushlight.assistant.engine.prefix import Prefix
from rushlight.assistant.engine.prepare import prepare
from rushlight.assistant.engine.request import BeamRequest
from rushlight.assistant.engine.sampling import check_beams
from rushlight.assistant.engine.slot import Ticket
from rushlight.assistant.events import Beam, Beams

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rushlight.assistant.engine.grammar import Constraint

_CHUNK: Final = 128  # tokens of the prompt at a time: others wait that long
_FORCED: Final = 48  # tokens that must come, of one hypothesis in one step; fewer where a batch is smaller
# Nats behind the likeliest: computed in one batch with it, where two cost less than twice one. It would mostly be next.
_TOGETHER: Final = 0.7


@dataclass(eq=False)
class Hypothesis:
    """A beginning of an answer. `pending` are its last tokens that are not in memory yet."""

    sequence: int
    n_held: int  # positions in memory, those of the prompt included
    said: list[int] = field(default_factory=list)
    pending: list[int] = field(default_factory=list)
    logprob: float = 0.0  # natural, of what was said; of tokens that had to come only the first of a row counts
    constraint: "Constraint | None" = None
    is_over: bool = False  # nothing but the end may follow
    n_steps: int = 0  # that it took, tokens that had to come not counted
    n_waiting: int = 0  # tokens after it that may still be followed: while there are any, its memory is kept


class _Next(NamedTuple):
    """A token that may be followed; the smallest is the likeliest."""

    loss: float  # -logprob of all up to it
    order: int  # of those as likely, the one that was found first
    after: Hypothesis
    token_id: int


class Searching:
    """The likeliest answers to one request, sent to the ticket. Raises `Error` for what cannot be searched."""

    def __init__(self, loaded: Loaded, request: BeamRequest, ticket: Ticket) -> None:
        check_beams(request)
        self._prepared = prepare(loaded, request.asked)
        if len(loaded.spare_sequences) < request.width:
            raise Error(
                f"{loaded.model.path.name} cannot follow {request.width} beginnings of an answer at once.",
                hint="Ask for one answer, or use a model that keeps what it has read in a cache of keys and values.",
                kind="not-supported",
            )
        self._loaded, self._request, self._ticket = loaded, request, ticket
        self._n_forced = min(_FORCED, loaded.context.n_batch // request.width - 1)
        self._free = list(loaded.spare_sequences)
        self._ends = sorted(loaded.vocabulary.eog_ids)
        self._waiting: list[_Next] = []  # a heap
        self._n_found = 0
        self._n_followed: Counter[int] = Counter()  # by how many steps they took
        self._best_of: dict[int, float] = {}  # the same: the likeliest that was found
        self._whole: dict[str, Beam] = {}

    def steps(self, adapters_in_use: Callable[[], Sequence[AdapterSet]]) -> Iterator[AdapterSet]:
        """On the engine's thread: one step each time it is asked for the next, with the adapters it computes
        with; the answer is sent at the end."""
        loaded, token_ids = self._loaded, self._prepared.token_ids
        adapters = loaded.adapters.load(self._request.asked.lora, adapters_in_use())
        opened = loaded.memory.open(token_ids, adapters)
        prefix = opened.prefix
        try:
            row = -1
            size = min(_CHUNK, loaded.context.n_batch)
            for begin in range(opened.n_cached, len(token_ids), size):
                if begin > opened.n_cached:
                    yield adapters
                loaded.adapters.activate(adapters)
                row = self._read_prompt(prefix, token_ids[begin : begin + size])
            self._look(Hypothesis(prefix.sequence, len(token_ids), constraint=self._prepared.constraint), row)
            while followed := self._next():
                yield adapters
                loaded.adapters.activate(adapters)
                self._follow(followed)
        finally:
            for sequence in loaded.spare_sequences:
                loaded.context.remove(sequence)
            loaded.memory.close(prefix)
        self._ticket.send(Beams(self._best()))

    # --- computing ----------------------------------------------------------------------------------------------
    def _read_prompt(self, prefix: Prefix, chunk: Sequence[int]) -> int:
        context = self._loaded.context
        rows = self._computed(
            lambda: [context.add(chunk, prefix.sequence, len(prefix.token_ids), 1)], lambda: prefix.repair(chunk)
        )
        if rows is None:
            raise full_error(self._loaded.context.n_ctx)
        prefix.extend(chunk)
        return rows[0]

    def _follow(self, followed: list[Hypothesis]) -> None:
        """One step of all of them; where the context has no room for all, of the likelier ones."""
        rows = self._stepped(followed)
        while rows is None:
            if len(followed) > 1:
                self._release(followed.pop())  # the least likely one, as they come
            elif self._waiting:
                self._drop({one.after for one in self._waiting})
            else:
                self._release(followed.pop())
                if not self._whole:
                    raise full_error(self._loaded.context.n_ctx)
                return
            rows = self._stepped(followed)
        for one, row in zip(followed, rows, strict=True):
            if len(one.pending) > 1:
                one.logprob += float(self._logprobs(row - len(one.pending) + 1)[one.pending[1]])
            one.n_held += len(one.pending)
            one.pending = []
        for one, row in zip(followed, rows, strict=True):
            self._look(one, row)

    def _stepped(self, followed: Sequence[Hypothesis]) -> list[int] | None:
        def undo() -> None:
            for one in followed:
                self._loaded.context.cut(one.n_held, one.sequence)

        return self._computed(lambda: [self._added(one) for one in followed], undo)

    def _added(self, one: Hypothesis) -> int:
        """Of tokens that must come the first tells how far that is from what the model would say; the others end the
        name that it begins. So it gets a row of logits, and the last one does: a row is as long as the vocabulary."""
        add = self._loaded.context.add
        row = add(one.pending[:1], one.sequence, one.n_held, 1)
        return add(one.pending[1:], one.sequence, one.n_held + 1, 1) if len(one.pending) > 1 else row

    def _computed(self, add: Callable[[], list[int]], undo: Callable[[], None]) -> list[int] | None:
        """One batch of what `add` puts into it; the rows that it tells. None: there is no room."""
        loaded, context = self._loaded, self._loaded.context
        while True:
            if self._ticket.is_cancelled:
                raise Error("Stopped.", kind="stopped")
            context.start_batch()
            rows = add()
            code = context.decode_batch()
            if code == SUCCESS:
                return rows
            undo()
            if code == ABORTED:
                raise Error("Stopped.", kind="stopped")
            if code != NO_ROOM:
                raise decode_error(loaded.model, code)
            if not loaded.memory.make_room():
                return None

    def _logprobs(self, row: int) -> "NDArray[np.float32]":
        """Natural log-probabilities of all tokens after an output. Shape (n_vocab,)."""
        import numpy as np

        logits = self._loaded.context.logits(row)
        largest = logits.max()
        if not np.isfinite(largest):
            raise damaged_error(self._loaded.model.path.name)
        shifted: NDArray[np.float32] = logits - largest
        shifted -= np.float32(math.log(float(np.exp(shifted).sum(dtype=np.float64))))
        return shifted

    # --- choosing -----------------------------------------------------------------------------------------------
    def _look(self, one: Hypothesis, row: int) -> None:
        """What may follow, waits; a whole answer is noted."""
        following = self._following(one, self._logprobs(row))
        n_steps = one.n_steps + 1
        for token_id, logprob in following:
            loss = -(one.logprob + logprob)
            self._best_of[n_steps] = max(self._best_of.get(n_steps, -math.inf), -loss)
            heapq.heappush(self._waiting, _Next(loss, self._n_found, one, token_id))
            self._n_found += 1
        one.n_waiting = len(following)
        if not following:
            self._release(one)

    def _next(self) -> list[Hypothesis]:
        """The likeliest of what waits, ready to be computed, and those that are nearly as likely; none at the end."""
        least = self._least()
        followed: list[Hypothesis] = []
        while self._waiting and len(followed) < self._request.width:
            one = self._waiting[0]
            if -one.loss < least:
                self._drop({each.after for each in self._waiting})
                break
            if followed and -one.loss < followed[0].logprob - _TOGETHER:
                break
            heapq.heappop(self._waiting)
            n_steps = one.after.n_steps + 1
            is_behind = -one.loss < self._best_of[n_steps] - self._request.far
            if is_behind or self._n_followed[n_steps] >= self._request.width:
                self._let_go(one.after)
            else:
                self._n_followed[n_steps] += 1
                followed.append(self._begun(one))
        return followed

    def _following(self, one: Hypothesis, logprobs: "NDArray[np.float32]") -> list[tuple[int, float]]:
        """The likeliest tokens that may come next; where it may end here, that is noted."""
        import numpy as np

        if one.is_over or one.constraint is None:
            allowed = np.arange(0 if one.is_over else len(logprobs))
            may_end = True
        else:
            allowed = np.flatnonzero(~one.constraint.forbidden())
            may_end = bool(one.constraint.is_accepting)  # also without what must be held: noted as such
        if may_end and one.said:
            self._note(one, float(logprobs[self._ends].max()))
        if len(one.said) >= self._most():
            return []
        allowed = allowed[~np.isin(allowed, self._ends)]
        values = logprobs[allowed]
        n = min(self._request.width, len(values))
        best = np.argpartition(-values, n - 1)[:n] if n < len(values) else np.arange(len(values))
        return [(int(allowed[at]), float(values[at])) for at in best]

    def _most(self) -> int:
        room = self._loaded.context.n_ctx - len(self._prepared.token_ids)
        told = self._request.asked.max_tokens
        return room if told < 0 else min(room, told)

    def _note(self, one: Hypothesis, end: float) -> None:
        piece = self._loaded.vocabulary.piece
        text = b"".join(map(piece, one.said)).decode("utf-8", "replace")
        logprob = min(0.0, one.logprob + end)
        before = self._whole.get(text)  # the same text, cut into other tokens
        if before is None or before.logprob < logprob:
            grammar = self._request.asked.grammar
            n_lacking = len(lacking(grammar.must, text)) if grammar is not None else 0
            self._whole[text] = Beam(text, logprob, len(one.said), n_lacking)

    def _least(self) -> float:
        """How likely a beginning must be to be followed: logprobs only fall."""
        whole = sorted(map(self._worth, self._whole.values()), reverse=True)
        least = whole[0] - min(self._request.within, self._request.far) if whole else -math.inf
        return max(least, whole[self._request.n_best - 1]) if len(whole) >= self._request.n_best else least

    def _begun(self, one: _Next) -> Hypothesis:
        """A hypothesis of its own. The last that is begun after another takes that one's place in memory."""
        parent = one.after
        parent.n_waiting -= 1
        if not self._free and (parent.n_waiting or not self._is_own(parent)):
            self._make_room(parent)
        constraint, sequence = parent.constraint, parent.sequence
        if parent.n_waiting or not self._is_own(parent):
            constraint = None if constraint is None else constraint.copy()
            sequence = self._free.pop()
            self._loaded.context.share(parent.sequence, sequence, parent.n_held)
        child = Hypothesis(
            sequence, parent.n_held, [*parent.said, one.token_id], [one.token_id], -one.loss, constraint,
            n_steps=parent.n_steps + 1,
        )  # fmt: skip
        if constraint is not None:
            constraint.accept(one.token_id)
            child.is_over = constraint.is_finished
            for forced in [] if child.is_over else constraint.forced_tokens()[: self._n_forced]:
                constraint.accept(forced)
                child.said.append(forced)
                child.pending.append(forced)
                child.is_over = constraint.is_finished
        return child

    # --- memory -------------------------------------------------------------------------------------------------
    def _is_own(self, one: Hypothesis) -> bool:
        """Whether it has a sequence of its own: the first one has the prompt's."""
        return one.sequence in self._loaded.spare_sequences

    def _let_go(self, parent: Hypothesis) -> None:
        """One of those that waited after it will not be followed."""
        parent.n_waiting -= 1
        if not parent.n_waiting:
            self._release(parent)

    def _release(self, one: Hypothesis) -> None:
        if self._is_own(one):
            self._loaded.context.remove(one.sequence)
            self._free.append(one.sequence)

    def _drop(self, parents: set[Hypothesis]) -> None:
        """Nothing that waits after these will be followed."""
        self._forget(parents)
        for one in parents:
            self._release(one)

    def _forget(self, parents: set[Hypothesis]) -> None:
        self._waiting = [one for one in self._waiting if one.after not in parents]
        heapq.heapify(self._waiting)
        for one in parents:
            one.n_waiting = 0

    def _make_room(self, parent: Hypothesis) -> None:
        """A sequence for a child of it: of those in memory that one is dropped whose likeliest next token is the least
        likely. Where that is the parent, its child takes its place."""
        best: dict[Hypothesis, float] = {}
        for one in self._waiting:
            if self._is_own(one.after):
                best[one.after] = min(best.get(one.after, math.inf), one.loss)
        least = max(best, key=lambda one: best[one])
        if least is parent:
            self._forget({parent})
        else:
            self._drop({least})

    def _worth(self, one: Beam) -> float:
        """What it is ranked by: its logprob, less where it lacks what it must hold. That is a matter of nats, since it
        may be the question that was misread."""
        return one.logprob - self._request.lack * one.n_lacking

    def _best(self) -> tuple[Beam, ...]:
        return tuple(sorted(self._whole.values(), key=self._worth, reverse=True)[: self._request.n_best])
