"""One running answer: its tokens, its samplers, its text, and where it is.

A slot is moved on by the scheduler: tokens of `todo` are decoded, then `proceed` picks what follows. Knows one request
and one sequence; knows nothing of other slots.
"""

import math
import time
from collections import deque
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Protocol

from rushlight import Error
from rushlight.assistant.engine.chain import Chain
from rushlight.assistant.engine.draft_model import accept
from rushlight.assistant.engine.llama import damaged_error
from rushlight.assistant.engine.load import Loaded
from rushlight.assistant.engine.lora import AdapterSet
from rushlight.assistant.engine.prefix import Prefix
from rushlight.assistant.engine.prepare import Prepared, stop_tokens, visible_pieces
from rushlight.assistant.engine.reasoning import ReasoningSplitter
from rushlight.assistant.engine.sampling import needs_history, seed_number
from rushlight.assistant.engine.speculate import SIZES, ModelRate, Speculator, can_speculate
from rushlight.assistant.engine.stops import AnswerStream
from rushlight.assistant.events import Beams, Event, Finished, Scores, TokenLogprob, Usage

# A frame wakes the front process, which takes a core from ggml's threads: so about 45 frames a second, not one a token.
FRAME_S = 0.022


class Ticket(Protocol):
    """Who asked. `send` never waits; while `can_send` is false the slot is not moved on."""

    received_at: float
    is_cancelled: bool

    def send(self, event: Event | Scores | Beams) -> None: ...

    def can_send(self) -> bool: ...

    def fail(self, err: Exception) -> None: ...

    def done(self) -> None:
        """Nothing more will be sent."""


class Slot:
    """The state of one answer. `reason` is "" until it has ended."""

    def __init__(self, loaded: Loaded, ticket: Ticket, prepared: Prepared, prepare_s: float) -> None:
        self._loaded = loaded
        self.ticket = ticket
        self.prepared = prepared
        self.adapters: AdapterSet = ()
        self.prefix: Prefix | None = None
        self.tokens = list(prepared.token_ids)  # the prompt, then what was said
        self.todo: list[int] = []  # the end of `tokens` that is not in memory yet
        self.n_shared = 0  # cells that another sequence holds too
        self.is_writing = False  # the prompt is computed
        self.reason = self._stop_string = ""
        self.n_drafted = self.n_accepted = 0
        self._prepare_s = prepare_s
        self._admitted = time.monotonic()
        self._first_token = self._last_token = 0.0
        self.n_prompt, self.n_cached, self._n_said = len(self.tokens), 0, 0
        self.is_long = False
        request, context = prepared.request, loaded.context
        room = context.n_ctx - self.n_prompt + 1  # the last token needs no place in the cache
        self._limit = room if request.max_tokens < 0 else min(room, request.max_tokens)
        self._n_most = context.n_batch - 1
        self._constraint = prepared.constraint
        self._forced: deque[int] = deque()  # what the grammar says must come next
        self._eog_ids = loaded.vocabulary.eog_ids
        self._pieces = visible_pieces(loaded, prepared.tags)
        self._stop_tokens = stop_tokens(loaded, request.stop, self._pieces)
        self._answer = AnswerStream(request.stop, ReasoningSplitter(prepared.tags, prepared.is_reasoning))
        self._logprob: TokenLogprob | None = None  # of the token that was picked last
        self._next_frame = 0.0
        self._chain = Chain(loaded.model, prepared.stages)
        n_history = needs_history(prepared.stages)
        for token_id in self.tokens[-n_history:] if n_history else ():
            self._chain.accept(token_id)
        sampling = request.sampling
        self.speculator: Speculator | None = None
        self._model_rate: ModelRate | None = None
        self._odds: list[dict[int, float]] = []  # of the draft model's guesses that are being checked
        self._is_model_draft = False
        if can_speculate(
            is_recurrent=loaded.model.is_recurrent,
            draft_tokens=request.draft_tokens,
            temperature=sampling.temperature,
            seed=sampling.seed,
        ):
            n_most = request.draft_tokens if request.draft_tokens > 0 else SIZES[-1]
            self.speculator = Speculator(loaded.costs, n_most=min(n_most, self._n_most), table=loaded.ngrams)
            if loaded.draft_model is not None:
                self._model_rate = ModelRate(loaded.costs, n_most=min(n_most, self._n_most))
        self._is_masked = self._constraint is not None or request.logprobs >= 0
        self._never = {token_id for token_id, bias in request.sampling.logit_bias if bias == -math.inf}
        self._may_skip = self._constraint is not None and request.logprobs < 0 and not self._never

    # --- moving on ----------------------------------------------------------------------------------------------
    def opened(self, prefix: Prefix, n_cached: int, n_shared: int) -> None:
        """A sequence is there (again, after it had to make room)."""
        self.prefix, self.n_shared = prefix, n_shared
        self.todo = self.tokens[n_cached:]
        if not self.is_writing:
            self.n_cached = n_cached
            self.is_long = self.n_prompt - n_cached > self._loaded.context.n_batch

    def begin_writing(self, row: int) -> None:
        """The prompt is computed; `row` is its last output. Raises `Error` where the model is damaged."""
        if not self._loaded.context.has_numbers(row):
            assert self.prefix is not None
            self.prefix.clear()
            raise damaged_error(self._loaded.model.path.name)
        self.is_writing = True
        if self._limit <= 0:
            self.reason = "length"

    def draft(self, now_s: float) -> list[int]:
        """Guesses at what follows the one token of `todo`."""
        speculator = self.speculator
        if speculator is None or self._forced:
            return []
        speculator.follow(self.tokens)
        n_room = self._limit - self._n_said - 1
        self._odds, self._is_model_draft = [], False
        return speculator.draft(n_room, now_s) or self._ask_draft_model(n_room, now_s)

    def _ask_draft_model(self, n_room: int, now_s: float) -> list[int]:
        rate, model = self._model_rate, self._loaded.draft_model
        n = rate.size(n_room, now_s) if rate is not None else 0
        if not n or model is None:
            return []
        # Drawn guesses need the large model's whole distribution: where that is masked, the likeliest are taken.
        is_drawn = self.prepared.stages[-1][0] == "dist" and not self._is_masked
        temperature = self.prepared.request.sampling.temperature if is_drawn else 0.0
        draft = model.draft(self.tokens, n, temperature, self._random if is_drawn else None)
        self._odds, self._is_model_draft = draft.odds, True
        if draft.spent_s:
            self._loaded.costs.note_draft(draft.spent_s)
        return draft.token_ids

    @cached_property
    def _random(self) -> Any:
        """Draws guesses and decides about them: of its own, so that the sampler's numbers stay as they are."""
        import numpy as np

        return np.random.default_rng(seed_number(self.prepared.request.sampling.seed))

    def proceed(self, row: int, drafts: Sequence[int], frame_s: float) -> int:
        """Pick what follows the output `row`; the outputs right after it are those of `drafts`.

        Returns how many of the drafts are what was picked: these are in memory already. What else was picked is
        `todo`. Raises `Error`.
        """
        n_accepted = 0
        todo, tokens, forced = self.todo, self.tokens, self._forced
        while not self.reason:
            if n_accepted < len(self._odds) and drafts:
                token_id = self._check_guess(row + n_accepted, drafts[n_accepted], self._odds[n_accepted])
            else:
                token_id = self._sample(row + n_accepted)
            self._take(token_id)
            if self.reason:
                break
            tokens.append(token_id)
            if n_accepted < len(drafts) and drafts[n_accepted] == token_id:
                n_accepted += 1
                continue
            todo.append(token_id)
            while forced and len(todo) < self._n_most:  # more must follow: they are decoded together
                token_id = self._sample(row)
                self._take(token_id)
                if self.reason:
                    break
                tokens.append(token_id)
                todo.append(token_id)
            break
        if self._is_model_draft and drafts and self._model_rate is not None and not self.reason:
            self._model_rate.note(len(drafts), n_accepted)
        self.n_drafted += len(drafts)
        self.n_accepted += n_accepted
        if self._answer.has_news and not self.reason and self._last_token >= self._next_frame:
            for delta in self._answer.take():
                self.ticket.send(delta)
            self._next_frame = self._last_token + frame_s
        return n_accepted

    def finish(self) -> None:
        """Say what was held back, what it cost, and how it ended."""
        for delta in self._answer.finish():
            self.ticket.send(delta)
        if self._answer.stopped and self.reason in ("stop", "length"):  # in what was held back, else it is known
            self.reason, self._stop_string = "stop", self._answer.stopped
        now = time.monotonic()
        self.ticket.send(
            Usage(
                n_prompt_tokens=self.n_prompt,
                n_cached_tokens=self.n_cached,
                n_completion_tokens=self._n_said,
                queue_s=max(0.0, self._admitted - self.ticket.received_at - self._prepare_s),
                prompt_s=(self._first_token or now) - self._admitted + self._prepare_s,
                decode_s=max(0.0, self._last_token - self._first_token),
                n_draft_tokens=self.n_drafted,
                n_draft_accepted=self.n_accepted,
            )
        )
        self.ticket.send(Finished(self.reason, self._stop_string))

    def close(self) -> None:
        """Give the samplers back."""
        self._chain.close()

    # --- one token ----------------------------------------------------------------------------------------------
    def _take(self, token_id: int) -> None:
        """Turn a token into text, and see whether it ends the answer."""
        now = self._last_token = time.monotonic()
        if self._n_said == 0:
            self._first_token = now
        if token_id in self._eog_ids:
            self.reason = "stop"
            return
        self._n_said += 1
        logprob, self._logprob = self._logprob, None
        if token_id in self._stop_tokens:
            self.reason, self._stop_string = "stop", self._stop_tokens[token_id]
            return
        piece = self._pieces.get(token_id)
        if piece is None:
            piece = self._pieces[token_id] = self._loaded.vocabulary.piece(token_id)
        self._answer.feed(piece, logprob)
        if self._answer.stopped or (self._constraint is not None and self._constraint.is_finished):
            self.reason, self._stop_string = "stop", self._answer.stopped
        elif self._n_said >= self._limit:
            self.reason = "length"

    def _sample(self, row: int) -> int:
        """Pick the next token."""
        if not self._is_masked:
            return self._chain.sample(self._loaded.context, row)
        return self._sample_masked(row)

    def _check_guess(self, row: int, guess: int, odds: dict[int, float]) -> int:
        """A drawn guess, or what is drawn in its place."""
        token_ids, weights = self._chain.distribution(self._loaded.context.logits(row))
        token_id = accept(guess, odds, token_ids, weights, self._random)
        self._chain.accept(token_id)
        return token_id

    def _sample_masked(self, row: int) -> int:
        """The same with a grammar, with log-probabilities, or with both: through a numpy view of the logits."""
        constraint, chain, context = self._constraint, self._chain, self._loaded.context
        if self._forced and constraint is not None:
            token_id = self._forced.popleft()
            chain.accept(token_id)
            constraint.accept(token_id)
            return token_id
        n_top = self.prepared.request.logprobs
        logits = context.logits(row)
        model_logits = logits
        if constraint is not None:
            if n_top >= 0:
                model_logits = logits.copy()  # the model's own distribution, not the masked one
            constraint.apply(logits)
        token_id = chain.sample(context, row)
        if constraint is not None:
            if token_id in self._never or logits[token_id] == -math.inf:
                raise Error(
                    "The grammar and the logit bias together leave no token to go on with.",
                    hint="Change the grammar, or take tokens out of logit_bias.",
                    kind="bad-request",
                )
            if token_id not in self._eog_ids:
                constraint.accept(token_id)
                if self._may_skip:
                    self._forced.extend(constraint.forced_tokens())
        if n_top >= 0 and token_id not in self._eog_ids:
            from rushlight.assistant.engine.logprobs import token_logprobs

            self._logprob = token_logprobs(model_logits, token_id, n_top, self._loaded.vocabulary.piece)
        return token_id
