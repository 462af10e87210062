"""How likely a text is: the log-probability of every token of a prompt, given those before it. Writes nothing.

Knows one prompt, and the context it shares with answers that are being written: a small piece is computed between two
of their steps. Small also since a row of logits is as long as the vocabulary.
"""

from collections.abc import Callable, Iterator, Sequence

from rushlight import Error
from rushlight.assistant.engine.llama import ABORTED, NO_ROOM, SUCCESS, damaged_error, decode_error, full_error
from rushlight.assistant.engine.load import Loaded
from rushlight.assistant.engine.logprobs import token_logprobs
from rushlight.assistant.engine.lora import AdapterSet
from rushlight.assistant.engine.prefix import Prefix
from rushlight.assistant.engine.request import ScoreRequest
from rushlight.assistant.engine.sampling import check_score
from rushlight.assistant.engine.slot import Ticket
from rushlight.assistant.events import Scores, TokenLogprob

_CHUNK = 64  # rows of logits at a time: 64 of 150,000 numbers are 38 MB


class Scoring:
    """The tokens of a prompt with their log-probabilities, sent to the ticket. Raises `Error` for what cannot be."""

    def __init__(self, loaded: Loaded, request: ScoreRequest, ticket: Ticket) -> None:
        check_score(request)
        if loaded.settings.embeddings:
            raise Error(
                f"{loaded.model.path.name} is loaded for embeddings; it says nothing of likelihoods.",
                hint="Load it again as a chat model.",
                kind="bad-request",
            )
        self._loaded = loaded
        self._request = request
        self._ticket = ticket
        self._token_ids = list(request.token_ids) or loaded.vocabulary.tokenize(
            (request.prompt,), parse_special=request.parse_special, add_special=True
        )
        _check(loaded, self._token_ids)

    def steps(self, adapters_in_use: Callable[[], Sequence[AdapterSet]]) -> Iterator[AdapterSet]:
        """On the engine's thread: one piece each time it is asked for the next, with the adapters it computes
        with; the answer is sent at the end."""
        loaded, token_ids = self._loaded, self._token_ids
        adapters = loaded.adapters.load(self._request.lora, adapters_in_use())
        prefix = loaded.memory.open(token_ids, adapters, use_cache=False).prefix
        rows: list[TokenLogprob] = []
        try:
            size = min(_CHUNK, loaded.context.n_batch)
            for begin in range(0, len(token_ids), size):
                if begin:
                    yield adapters
                loaded.adapters.activate(adapters)
                self._compute(prefix, token_ids[begin : begin + size])
                self._read(begin, min(size, len(token_ids) - begin), rows)
        finally:
            prefix.clear()  # so small a run is not worth keeping
            loaded.memory.close(prefix)
        pieces = [loaded.model.piece(one, special=True).decode("utf-8", "replace") for one in token_ids]
        named = [
            TokenLogprob(row.token_id, piece, row.logprob, row.top) for row, piece in zip(rows, pieces[1:], strict=True)
        ]
        self._ticket.send(Scores((TokenLogprob(token_ids[0], pieces[0], 0.0), *named)))

    def _compute(self, prefix: Prefix, chunk: Sequence[int]) -> None:
        """One batch with the logits of all its tokens."""
        loaded, context = self._loaded, self._loaded.context
        while True:
            if self._ticket.is_cancelled:
                raise Error("Stopped.", kind="stopped")
            context.start_batch()
            context.add(chunk, prefix.sequence, len(prefix.token_ids), len(chunk))
            code = context.decode_batch()
            if code == SUCCESS:
                prefix.extend(chunk)
                return
            prefix.repair(chunk)
            if code == ABORTED:
                raise Error("Stopped.", kind="stopped")
            if code != NO_ROOM:
                raise decode_error(loaded.model, code)
            if not loaded.memory.make_room():
                raise full_error(context.n_ctx)

    def _read(self, begin: int, n: int, rows: list[TokenLogprob]) -> None:
        """The log-probabilities of the tokens that follow those of the last batch."""
        loaded, token_ids = self._loaded, self._token_ids
        for row in range(n):
            following = begin + row + 1
            if following < len(token_ids):
                logits = loaded.context.logits(row)
                if logits[0] != logits[0]:
                    raise damaged_error(loaded.model.path.name)
                rows.append(
                    token_logprobs(logits, token_ids[following], self._request.logprobs, loaded.vocabulary.piece)
                )


def _check(loaded: Loaded, token_ids: Sequence[int]) -> None:
    if not token_ids:
        raise Error("The prompt is empty: it gives no token.", hint="Write something.", kind="bad-request")
    if any(not 0 <= token_id < loaded.model.n_vocab for token_id in token_ids):
        raise Error(
            f"A token id is not in the vocabulary (0 to {loaded.model.n_vocab - 1}).",
            hint="Use the ids of this model's own tokenizer.",
            kind="bad-request",
        )
    if len(token_ids) > loaded.context.n_ctx:
        raise Error(
            f"The prompt is {len(token_ids)} tokens long; the context holds {loaded.context.n_ctx}.",
            hint="Shorten it, or raise engine.context in the settings.",
            kind="context-full",
        )
