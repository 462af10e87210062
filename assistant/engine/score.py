"""How likely a text is: the log-probability of every token of a prompt, given those before it. Writes nothing.

Knows one prompt at a time. The rows of logits are read in small chunks, since a row is as long as the vocabulary.
"""

from collections.abc import Sequence

from rushlight import Error
from rushlight.assistant.engine.llama import ABORTED, SUCCESS, decode_error
from rushlight.assistant.engine.load import Loaded
from rushlight.assistant.engine.logprobs import token_logprobs
from rushlight.assistant.engine.request import ScoreRequest
from rushlight.assistant.engine.sampling import check_score
from rushlight.assistant.events import Scores, TokenLogprob

_CHUNK = 64  # rows of logits at a time: 64 of 150,000 numbers are 38 MB


def score(loaded: Loaded, request: ScoreRequest) -> Scores:
    """The tokens of a prompt with their log-probabilities. Raises `Error`, of kind "stopped" when the flag is set."""
    check_score(request)
    if loaded.settings.embeddings:
        raise Error(
            f"{loaded.model.path.name} is loaded for embeddings; it says nothing of likelihoods.",
            hint="Load it again as a chat model.",
            kind="bad-request",
        )
    token_ids = list(request.token_ids) or loaded.vocabulary.tokenize(
        (request.prompt,), parse_special=request.parse_special, add_special=True
    )
    _check(loaded, token_ids)
    loaded.adapters.apply(request.lora)
    pieces = [loaded.model.piece(token_id, special=True).decode("utf-8", "replace") for token_id in token_ids]
    rows = _rows(loaded, token_ids, request.logprobs)
    first = TokenLogprob(token_ids[0], pieces[0], 0.0)
    named = [
        TokenLogprob(row.token_id, piece, row.logprob, row.top) for row, piece in zip(rows, pieces[1:], strict=True)
    ]
    return Scores((first, *named))


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


def _rows(loaded: Loaded, token_ids: Sequence[int], n_top: int) -> list[TokenLogprob]:
    """For each token after the first its log-probability."""
    context, flag = loaded.context, loaded.flag
    piece_of = loaded.vocabulary.piece
    rows: list[TokenLogprob] = []
    loaded.prefix.clear()
    flag.watch(True)
    try:
        size = min(_CHUNK, context.n_batch)
        for begin in range(0, len(token_ids), size):
            if flag.is_set():
                raise Error("Stopped.", kind="stopped")
            chunk = token_ids[begin : begin + size]
            code = context.decode_rows(chunk, begin)
            if code == ABORTED:
                raise Error("Stopped.", kind="stopped")
            if code != SUCCESS:
                raise decode_error(loaded.model, code)
            for row in range(len(chunk)):
                following = begin + row + 1
                if following < len(token_ids):
                    logits = context.logits(row)
                    if logits[0] != logits[0]:
                        raise Error(
                            f"{loaded.model.path.name} answers with something that is no number.",
                            hint="The file is damaged. Check it with: rushlight models verify",
                            kind="decode-failed",
                        )
                    rows.append(token_logprobs(logits, token_ids[following], n_top, piece_of))
    finally:
        flag.watch(False)
        loaded.prefix.clear()  # so small a run is not worth keeping, and its adapters may be others
    return rows
