"""One answer: prompt, prefill, the sampling loop, and the events of it.

Knows one request at a time and the loaded model. Everything costly per token is bound before the loop starts.
"""

import math
import time
from collections import deque
from collections.abc import Callable, Generator, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec.structs import replace

from rushlight import Error, Progress
from rushlight.assistant.engine.chain import Chain
from rushlight.assistant.engine.llama import ABORTED, NO_ROOM, SUCCESS, decode_error
from rushlight.assistant.engine.load import Loaded
from rushlight.assistant.engine.prompt import build_prompt
from rushlight.assistant.engine.reasoning import ReasoningSplitter, ReasoningTags
from rushlight.assistant.engine.request import GenerateRequest, TokenizeRequest
from rushlight.assistant.engine.sampling import check, check_tokenize, needs_history, stages
from rushlight.assistant.engine.stops import TextStream
from rushlight.assistant.events import Event, Finished, Notice, TextDelta, TokenLogprob, Usage

if TYPE_CHECKING:
    from rushlight.assistant.engine.grammar import Constraint

# A frame wakes the front process, which takes a core from ggml's threads: so about 45 frames a second, not one a token.
FRAME_S = 0.022


@dataclass(frozen=True, slots=True)
class _Start:
    """What the loop begins with."""

    token_ids: list[int]
    notices: tuple[Notice, ...] = ()
    tags: ReasoningTags | None = None
    is_reasoning: bool = False


def generate(loaded: Loaded, request: GenerateRequest, *, queue_s: float = 0.0) -> Iterator[Event]:
    """The events of one answer, ending with `Usage` and `Finished`. Raises `Error`; the engine stays usable."""
    return _Answer(loaded, request, queue_s).run()


def tokenize(loaded: Loaded, request: TokenizeRequest) -> tuple[int, ...]:
    """Token ids of a text, or of a conversation as a generation would see it."""
    check_tokenize(request)
    if request.messages:
        return tuple(_start(loaded, GenerateRequest(messages=request.messages)).token_ids)
    return tuple(
        loaded.vocabulary.tokenize(
            (request.text,), parse_special=request.parse_special, add_special=request.add_special
        )
    )


def _start(loaded: Loaded, request: GenerateRequest) -> _Start:
    vocabulary = loaded.vocabulary
    if request.token_ids:
        return _Start(list(request.token_ids))
    if request.prompt:
        return _Start(vocabulary.tokenize((request.prompt,), parse_special=request.parse_special, add_special=True))
    prompt = build_prompt(request, loaded.template.text, vocabulary, loaded.renderer)
    # Content cannot match a control token (build_prompt split it), so the segments are parsed for the template's own.
    token_ids = vocabulary.tokenize(prompt.segments, parse_special=True, add_special=True)
    notices = (loaded.template.notice, *prompt.notices) if loaded.template.notice else prompt.notices
    return _Start(token_ids, notices, prompt.reasoning_tags, prompt.reasoning_open)


class _Answer:
    """The state of one answer."""

    def __init__(self, loaded: Loaded, request: GenerateRequest, queue_s: float) -> None:
        self._loaded = loaded
        self._request = request
        self._queue_s = queue_s
        self._started = time.monotonic()
        self._first_token = self._last_token = 0.0
        self._n_prompt = self._n_cached = self._n_said = 0
        self._logprobs: list[TokenLogprob] = []
        self._constraint: Constraint | None = None
        self._forced: deque[int] = deque()  # what the grammar says must come next
        self._sample: Callable[[], int] = lambda: -1

    def run(self) -> Iterator[Event]:
        loaded, request = self._loaded, self._request
        check(request, n_vocab=loaded.model.n_vocab)
        if loaded.settings.embeddings:
            raise Error(
                f"{loaded.model.path.name} is loaded for embeddings; it writes no text.",
                hint="Load it again as a chat model.",
                kind="bad-request",
            )
        # A grammar that is wrong should fail before a long prompt is computed.
        if request.grammar is not None:
            from rushlight.assistant.engine.grammar import compile_grammar  # llguidance: 67 ms, numpy: 87 ms

            self._constraint = compile_grammar(request.grammar, loaded.grammar_tokenizer)
        start = _start(loaded, request)
        yield from start.notices
        self._check_length(start.token_ids)
        computed_with: Hashable = loaded.adapters.apply(request.lora)
        chain_stages = stages(
            request.sampling,
            n_vocab=loaded.model.n_vocab,
            n_ctx=loaded.context.n_ctx,
            suppressed=loaded.vocabulary.suppressed,
        )
        chain = Chain(loaded.model, chain_stages)
        try:
            n_history = needs_history(chain_stages)
            for token_id in start.token_ids[-n_history:] if n_history else ():
                chain.accept(token_id)
            self._sample = self._sampler(chain)
            if not request.cache_prompt:
                loaded.prefix.clear()
            self._n_prompt = len(start.token_ids)
            self._n_cached = loaded.prefix.reuse(start.token_ids, computed_with)
            reason, stop_string = (yield from self._prefill(start.token_ids)), ""
            if not reason:
                reason, stop_string = yield from self._loop(start)
        finally:
            chain.close()
        now = time.monotonic()
        yield Usage(
            n_prompt_tokens=self._n_prompt,
            n_cached_tokens=self._n_cached,
            n_completion_tokens=self._n_said,
            queue_s=self._queue_s,
            prompt_s=(self._first_token or now) - self._started,
            decode_s=max(0.0, self._last_token - self._first_token),
        )
        yield Finished(reason, stop_string)

    def _check_length(self, token_ids: Sequence[int]) -> None:
        context = self._loaded.context
        if not token_ids:
            raise Error(
                "The prompt is empty: it gives no token to begin with.", hint="Write something.", kind="bad-request"
            )
        if len(token_ids) > context.n_ctx:
            more = (
                f" (the model was made for up to {self._loaded.model.n_ctx_train})"
                if context.n_ctx < self._loaded.model.n_ctx_train
                else ""
            )
            raise Error(
                f"The prompt is {len(token_ids)} tokens long; the context holds {context.n_ctx}{more}.",
                hint="Shorten the conversation or start a new one, or raise engine.context in the settings.",
                kind="context-full",
            )

    def _prefill(self, token_ids: list[int]) -> Generator[Event, None, str]:
        """Compute what is new of the prompt. Returns why the answer ends here, "" = it does not."""
        loaded = self._loaded
        context, prefix, flag = loaded.context, loaded.prefix, loaded.flag
        n_total, done = len(token_ids), self._n_cached
        is_long = n_total - done > context.n_batch
        flag.watch(True)
        try:
            while done < n_total:
                if flag.is_set():
                    return "cancelled"
                chunk = token_ids[done : done + context.n_batch]
                self._decoded(context.decode(chunk), chunk)
                if len(prefix.token_ids) != done + len(chunk):  # aborted inside
                    return "cancelled"
                done += len(chunk)
                if is_long:
                    yield Progress("prompt", done, n_total, "tokens")
        finally:
            flag.watch(False)
        if not context.has_numbers():
            prefix.clear()
            raise Error(
                f"{loaded.model.path.name} answers with something that is no number.",
                hint="The file is damaged. Check it with: rushlight models verify",
                kind="decode-failed",
            )
        return ""

    def _decoded(self, code: int, token_ids: Sequence[int]) -> bool:
        """Keep the prefix true after a decode. False: aborted. Raises `Error` where it failed."""
        prefix = self._loaded.prefix
        if code == SUCCESS:
            prefix.extend(token_ids)
            return True
        prefix.repair(token_ids)
        if code == ABORTED:
            return False
        if code == NO_ROOM:
            raise Error(
                f"The context of {self._loaded.context.n_ctx} tokens is full.",
                hint="Start a new conversation, or raise engine.context in the settings.",
                kind="context-full",
            )
        prefix.clear()
        raise decode_error(self._loaded.model, code)

    def _loop(self, start: _Start) -> Generator[Event, None, tuple[str, str]]:
        """Sample until something ends it. Returns (reason, stop string)."""
        loaded, request = self._loaded, self._request
        context, flag, constraint = loaded.context, loaded.flag, self._constraint
        room = context.n_ctx - self._n_prompt + 1  # the last token needs no place in the cache
        limit = room if request.max_tokens < 0 else min(room, request.max_tokens)
        if limit <= 0:
            return "length", ""
        eog_ids = loaded.vocabulary.eog_ids
        pieces = _visible_pieces(loaded, start.tags)
        piece_of = loaded.vocabulary.piece
        stream = TextStream(request.stop)
        splitter = ReasoningSplitter(start.tags, start.is_reasoning)
        decode_one, known = context.decode_one, loaded.prefix.token_ids
        sample, monotonic = self._sample, time.monotonic
        forced, held = self._forced, list[int]()
        reason, text, next_frame, n_said = "", "", 0.0, 0
        while True:
            token_id = sample()
            now = monotonic()
            if n_said == 0:
                self._first_token = now
            if token_id in eog_ids:
                reason = "stop"
                break
            n_said += 1
            piece = pieces.get(token_id)
            if piece is None:
                piece = pieces[token_id] = piece_of(token_id)
            text += stream.feed(piece)
            if stream.stopped or (constraint is not None and constraint.is_finished):
                reason = "stop"
                break
            if n_said >= limit:
                reason = "length"
                break
            if text and now >= next_frame:
                yield from self._frame(splitter.feed(text))
                text = ""
                next_frame = now + FRAME_S
            if flag.is_set():
                reason = "cancelled"
                break
            if forced and len(held) < context.n_batch - 1:
                held.append(token_id)  # more must follow: they are decoded together
                continue
            if held:
                pending = [*held, token_id]
                held.clear()
                if not self._decoded(context.decode(pending), pending):
                    reason = "cancelled"
                    break
                continue
            code = decode_one(token_id)
            if code == SUCCESS:
                known.append(token_id)
            elif not self._decoded(code, (token_id,)):
                reason = "cancelled"
                break
        self._last_token, self._n_said = monotonic(), n_said
        text += stream.finish()
        yield from self._frame([*(splitter.feed(text) if text else ()), *splitter.close()])
        if self._logprobs and not stream.stopped:  # of tokens without text of their own
            yield TextDelta("", tuple(self._logprobs))
        return reason, stream.stopped

    def _frame(self, deltas: Sequence[Event]) -> Iterator[Event]:
        """The deltas, the first text among them with the log-probabilities gathered since the last."""
        for delta in deltas:
            if self._logprobs:
                if isinstance(delta, TextDelta):
                    delta = replace(delta, logprobs=tuple(self._logprobs))
                self._logprobs.clear()  # those of reasoning are not part of the answer
            yield delta

    def _sampler(self, chain: Chain) -> Callable[[], int]:
        """A function that picks the next token."""
        context, request, constraint = self._loaded.context, self._request, self._constraint
        if constraint is None and request.logprobs < 0:
            pick = chain.sample
            return lambda: pick(context)
        return self._masked_sampler(chain)

    def _masked_sampler(self, chain: Chain) -> Callable[[], int]:
        """The same with a grammar, with log-probabilities, or with both: through a numpy view of the logits."""
        from rushlight.assistant.engine.logprobs import token_logprobs

        loaded, request, constraint = self._loaded, self._request, self._constraint
        context, eog_ids, piece_of = loaded.context, loaded.vocabulary.eog_ids, loaded.vocabulary.piece
        forbidden = {token_id for token_id, bias in request.sampling.logit_bias if bias == -math.inf}
        forced = self._forced
        may_skip = constraint is not None and request.logprobs < 0 and not forbidden

        def sample() -> int:
            if forced and constraint is not None:
                token_id = forced.popleft()
                chain.accept(token_id)
                constraint.accept(token_id)
                return token_id
            logits = context.logits()
            model_logits = logits
            if constraint is not None:
                if request.logprobs >= 0:
                    model_logits = logits.copy()  # the model's own distribution, not the masked one
                constraint.apply(logits)
            token_id = chain.sample(context)
            if constraint is not None:
                if token_id in forbidden or logits[token_id] == -math.inf:
                    raise Error(
                        "The grammar and the logit bias together leave no token to go on with.",
                        hint="Change the grammar, or take tokens out of logit_bias.",
                        kind="bad-request",
                    )
                if token_id not in eog_ids:
                    constraint.accept(token_id)
                    if may_skip:
                        forced.extend(constraint.forced_tokens())
            if request.logprobs >= 0 and token_id not in eog_ids:
                self._logprobs.append(token_logprobs(model_logits, token_id, request.logprobs, piece_of))
            return token_id

        return sample


def _visible_pieces(loaded: Loaded, tags: ReasoningTags | None) -> dict[int, bytes]:
    """Control tokens that the splitter must see as text; all others are not rendered."""
    if tags is None:
        return {}
    marks = "\0".join(tags.all)
    vocabulary = loaded.vocabulary
    return {
        token_id: loaded.model.piece(token_id, special=True)
        for token_id in vocabulary.special_ids
        if (text := loaded.model.token_text(token_id)) and text in marks
    }
