"""How likely a text is: the log-probability of every token of a prompt, given those before it, or of those behind what
is only read. Writes nothing.

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
_SILENT = 128  # tokens at a time that are only read: answers that are being written wait for them


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
            for begin, end, is_scored in self._pieces():
                if begin:
                    yield adapters
                loaded.adapters.activate(adapters)
                self._compute(prefix, token_ids[begin:end], n_rows=end - begin if is_scored else 0)
                if is_scored:
                    self._read(begin, end - begin, rows)
        finally:
            prefix.clear()  # so small a run is not worth keeping
            loaded.memory.close(prefix)
        pieces = [loaded.model.piece(one, special=True).decode("utf-8", "replace") for one in token_ids]
        n_read = len(token_ids) - len(rows)
        read = [TokenLogprob(one, piece, 0.0) for one, piece in zip(token_ids[:n_read], pieces, strict=False)]
        named = [
            TokenLogprob(row.token_id, piece, row.logprob, row.top)
            for row, piece in zip(rows, pieces[n_read:], strict=True)
        ]
        self._ticket.send(Scores((*read, *named)))

    def _pieces(self) -> Iterator[tuple[int, int, bool]]:
        """(begin, end, whether its rows of logits are wanted) of what is computed at once. The row of a token is about
        the one behind it, so the last of those that are only read has its row too."""
        n_batch, n_tokens = self._loaded.context.n_batch, len(self._token_ids)
        n_silent = max(0, self._request.n_read - 1)
        size = min(_SILENT, n_batch)
        for begin in range(0, n_silent, size):
            yield begin, min(begin + size, n_silent), False
        size = min(_CHUNK, n_batch)
        for begin in range(n_silent, n_tokens, size):
            yield begin, min(begin + size, n_tokens), True

    def _compute(self, prefix: Prefix, chunk: Sequence[int], n_rows: int) -> None:
        """One batch, with the logits of all its tokens or of none."""
        loaded, context = self._loaded, self._loaded.context
        while True:
            if self._ticket.is_cancelled:
                raise Error("Stopped.", kind="stopped")
            context.start_batch()
            context.add(chunk, prefix.sequence, len(prefix.token_ids), n_rows)
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
