"""Embedding requests: texts to vectors, many in a batch, with a note of those that were cut.

Knows tokens and vectors; knows nothing of documents or indexes.
"""

import math
from collections.abc import Sequence

from rushlight import Error
from rushlight.assistant.engine.abort import AbortFlag
from rushlight.assistant.engine.context import Context
from rushlight.assistant.engine.llama import POOLING, Model
from rushlight.assistant.engine.pairs import PairMaker
from rushlight.assistant.engine.request import EmbedRequest
from rushlight.assistant.engine.sampling import check_embed
from rushlight.assistant.events import Embeddings

MAX_SEQUENCES = 32  # texts of one batch
_N_EMBED_BATCH = 2048  # tokens of one batch where the setting is lower: a text must fit into one


def batch_size(n_batch: int, n_ctx: int) -> int:
    """Tokens of one batch of an embedding context.

    Bidirectional models see a text whole or not at all, so this is also the longest text that is not cut.
    """
    return min(n_ctx, max(n_batch, _N_EMBED_BATCH))


def embed(request: EmbedRequest, model: Model, context: Context, flag: AbortFlag) -> Embeddings:
    """The vectors of a request in its order. Raises `Error`, of kind "stopped" when the flag is set."""
    check_embed(request)
    n_max = min(context.n_batch, context.n_ctx, model.n_ctx_train)
    texts: list[list[int]] = []
    truncated = []
    pairs = None
    if request.query:
        if context.pooling != POOLING["rank"]:
            raise Error(
                f"{model.path.name} is no cross-encoder, so it cannot rank texts.",
                hint="Choose a reranking model (a GGUF file with the pooling type rank).",
                kind="wrong-model",
            )
        pairs = PairMaker(model, request.query, n_max=n_max)
    for index, text in enumerate(request.texts):
        if pairs is not None:
            token_ids, is_cut = pairs.tokens(text)
            if is_cut:
                truncated.append(index)
            texts.append(token_ids)
            continue
        token_ids = model.tokenize(text, parse_special=False, add_special=True)
        if len(token_ids) > n_max:
            truncated.append(index)
            # The closing mark stays (SEP of BERT, EOS where the last token is the vector).
            closing = token_ids[-1:] if model.piece(token_ids[-1]) == b"" else []
            token_ids = token_ids[: n_max - len(closing)] + closing
        if not token_ids:
            raise Error(
                f"Text {index} is empty and this model has no mark to stand for it.",
                hint="Leave empty texts out.",
                kind="bad-request",
            )
        texts.append(token_ids)
    vectors: list[tuple[float, ...]] = []
    flag.watch(True)
    try:
        for batch in _batches(texts, n_max):
            if flag.is_set():
                raise Error("Stopped.", kind="stopped")
            for vector in context.embed(batch):
                if not all(math.isfinite(number) for number in vector):
                    raise Error(
                        f"{model.path.name} answered with something that is no number.",
                        hint="Check the file with: rushlight models verify",
                        kind="decode-failed",
                    )
                # A rank is a score, not a direction: its length means something.
                vectors.append(
                    _unit(vector) if request.normalize and context.pooling != POOLING["rank"] else tuple(vector)
                )
    finally:
        flag.watch(False)
        context.clear()
    return Embeddings(tuple(vectors), n_tokens=sum(len(tokens) for tokens in texts), truncated=tuple(truncated))


def _batches(texts: Sequence[list[int]], n_max: int) -> list[list[list[int]]]:
    """Neighbours together, as many as fit."""
    batches: list[list[list[int]]] = []
    n_tokens = n_max + 1
    for tokens in texts:
        if n_tokens + len(tokens) > n_max or len(batches[-1]) >= MAX_SEQUENCES:
            batches.append([])
            n_tokens = 0
        batches[-1].append(tokens)
        n_tokens += len(tokens)
    return batches


def _unit(vector: Sequence[float]) -> tuple[float, ...]:
    length = math.sqrt(math.fsum(number * number for number in vector))
    return tuple(number / length for number in vector) if length > 0 else tuple(vector)
