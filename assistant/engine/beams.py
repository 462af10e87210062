"""Beam search: the likeliest whole answers to a prompt, where a grammar says what an answer may be.

Token by token a grammar leads astray: the likeliest first word may be one after which the model can say nothing that
it finds likely. So several beginnings are followed at once, each with the likelihood that the model itself gives all of
it, and the best whole ones are kept. What a hypothesis loses to the grammar is not given back to it: so those that
the grammar has forced off their way fall behind (grammar-aligned decoding, Park et al. 2024, is about the same loss).

Knows one prompt, and the context it shares with answers that are being written: one step of all hypotheses is
computed between two of theirs. Exact only as far as the beam is wide.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

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


@dataclass
class Hypothesis:
    """A beginning of an answer. `pending` are its last tokens that are not in memory yet."""

    sequence: int
    n_held: int  # positions in memory, those of the prompt included
    said: list[int] = field(default_factory=list)
    pending: list[int] = field(default_factory=list)
    logprob: float = 0.0  # natural, of what was said; of tokens that had to come only the first of a row counts
    constraint: "Constraint | None" = None
    is_over: bool = False  # nothing but the end may follow


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
        self._free: list[int] = []
        self._ends = sorted(loaded.vocabulary.eog_ids)
        self._found: dict[str, Beam] = {}

    def steps(self, adapters_in_use: Callable[[], Sequence[AdapterSet]]) -> Iterator[None]:
        """On the engine's thread: one step each time it is asked for the next; the answer is sent at the end."""
        loaded, token_ids = self._loaded, self._prepared.token_ids
        adapters = loaded.adapters.load(self._request.asked.lora, adapters_in_use())
        opened = loaded.memory.open(token_ids, adapters)
        prefix = opened.prefix
        self._free = list(loaded.spare_sequences[: self._request.width])
        try:
            row = -1
            size = min(_CHUNK, loaded.context.n_batch)
            for begin in range(opened.n_cached, len(token_ids), size):
                if begin > opened.n_cached:
                    yield
                loaded.adapters.activate(adapters)
                row = self._read_prompt(prefix, token_ids[begin : begin + size])
            root = Hypothesis(prefix.sequence, len(token_ids), constraint=self._prepared.constraint)
            alive = self._chosen([(root, self._logprobs(row))])
            while alive:
                yield
                loaded.adapters.activate(adapters)
                alive = self._followed(alive)
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

    def _followed(self, alive: list[Hypothesis]) -> list[Hypothesis]:
        """One step of all of them; where the context has no room for all, of the likelier ones."""
        rows = self._stepped(alive)
        while rows is None:
            if len(alive) == 1:
                if not self._found:
                    raise full_error(self._loaded.context.n_ctx)
                return []
            self._give_up(alive.pop())  # the least likely one, as they come
            rows = self._stepped(alive)
        looked: list[tuple[Hypothesis, NDArray[np.float32]]] = []
        for one, row in zip(alive, rows, strict=True):
            if len(one.pending) > 1:
                one.logprob += float(self._logprobs(row - len(one.pending) + 1)[one.pending[1]])
            one.n_held += len(one.pending)
            one.pending = []
            looked.append((one, self._logprobs(row)))
        return self._chosen(looked)

    def _stepped(self, alive: Sequence[Hypothesis]) -> list[int] | None:
        def undo() -> None:
            for one in alive:
                self._loaded.context.cut(one.n_held, one.sequence)

        return self._computed(lambda: [self._added(one) for one in alive], undo)

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
    def _chosen(self, looked: "list[tuple[Hypothesis, NDArray[np.float32]]]") -> list[Hypothesis]:
        """The best that follows, in memory and on its way through the grammar."""
        wanted: list[tuple[float, Hypothesis, int]] = []
        for one, logprobs in looked:
            for token_id, logprob in self._following(one, logprobs):
                wanted.append((one.logprob + logprob, one, token_id))
        wanted.sort(key=lambda each: -each[0])
        least = self._least(wanted[0][0] if wanted else 0.0)
        kept = [each for each in wanted[: self._request.width] if each[0] >= least]
        children: dict[int, list[tuple[float, int]]] = {}
        parents = {id(one): one for one, _ in looked}
        for logprob, one, token_id in kept:
            children.setdefault(id(one), []).append((logprob, token_id))
        for key, one in parents.items():
            if key not in children:
                self._give_up(one)
        made = [child for key, own in children.items() for child in self._children(parents[key], own)]
        return sorted(made, key=lambda child: -child.logprob)

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
        before = self._found.get(text)  # the same text, cut into other tokens
        if before is None or before.logprob < logprob:
            grammar = self._request.asked.grammar
            n_lacking = len(lacking(grammar.must, text)) if grammar is not None else 0
            self._found[text] = Beam(text, logprob, len(one.said), n_lacking)

    def _least(self, best_alive: float) -> float:
        """How likely a beginning must be to be followed: logprobs only fall."""
        whole = sorted((one.logprob for one in self._found.values() if not one.n_lacking), reverse=True)
        least = max([best_alive, *whole[:1]]) - self._request.far
        if whole:
            least = max(least, whole[0] - self._request.within)
        if len(whole) >= self._request.n_best:
            least = max(least, whole[self._request.n_best - 1])
        return least

    def _give_up(self, one: Hypothesis) -> None:
        if one.sequence in self._loaded.spare_sequences:
            self._loaded.context.remove(one.sequence)
            self._free.append(one.sequence)

    def _children(self, one: Hypothesis, own: Sequence[tuple[float, int]]) -> list[Hypothesis]:
        """One hypothesis for each token; the first of them takes its parent's place."""
        made = []
        is_root = one.sequence not in self._loaded.spare_sequences
        constraints = [one.constraint.copy() if one.constraint is not None else None for _ in own[1:]]
        for place, (logprob, token_id) in enumerate(own):
            sequence = one.sequence
            if place or is_root:
                sequence = self._free.pop()
                self._loaded.context.share(one.sequence, sequence, one.n_held)
            constraint = constraints[place - 1] if place else one.constraint
            child = Hypothesis(sequence, one.n_held, [*one.said, token_id], [token_id], logprob, constraint)
            if constraint is not None:
                constraint.accept(token_id)
                child.is_over = constraint.is_finished
                for forced in [] if child.is_over else constraint.forced_tokens()[: self._n_forced]:
                    constraint.accept(forced)
                    child.said.append(forced)
                    child.pending.append(forced)
                    child.is_over = constraint.is_finished
            made.append(child)
        return made

    def _best(self) -> tuple[Beam, ...]:
        """Those that hold what they must first, then the likelier ones."""
        found = sorted(self._found.values(), key=lambda one: (one.n_lacking, -one.logprob))
        return tuple(found[: self._request.n_best])
