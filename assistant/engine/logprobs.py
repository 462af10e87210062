"""Log-probabilities of tokens from one row of logits. Knows numbers; texts of tokens are looked up by the caller."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from rushlight.assistant.events import TokenLogprob

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_TOP = 20


def token_logprobs(
    logits: "NDArray[np.float32]", token_id: int, n_top: int, piece_of: Callable[[int], bytes]
) -> TokenLogprob:
    """The chosen token's natural-log probability and the `n_top` (0 to 20) likeliest tokens. Shape (n_vocab,).

    A log-softmax over all tokens: subtract the largest logit, so that no exponential overflows, and sum in float64.
    Tokens with -inf (masked by a grammar or a bias) are never among the likeliest. Equal logits come by lower id.
    Bytes that are only a part of a character read as U+FFFD.
    """
    import numpy as np

    if not 0 <= n_top <= MAX_TOP:
        raise ValueError(f"n_top must be from 0 to {MAX_TOP}, not {n_top}")
    largest = float(logits.max())
    if not np.isfinite(largest):
        raise ValueError(f"the largest logit is {largest}")
    # In float32: twice as fast as float64, and each term is exact to 1e-7 of itself. The sum is not: float64.
    total = float(np.exp(logits - np.float32(largest)).sum(dtype=np.float64))
    log_total = float(np.log(total))

    def logprob(i: int) -> float:
        return min(0.0, float(logits[i]) - largest - log_total)  # in this order: both may be large

    def text(i: int) -> str:
        return piece_of(i).decode("utf-8", errors="replace")

    top: list[tuple[int, str, float]] = []
    if n_top:
        n = min(n_top, logits.shape[0])
        # Everything at or above the n-th largest value; ties at the edge are settled by the sort below.
        edge = np.partition(logits, logits.shape[0] - n)[logits.shape[0] - n]
        at_least = np.flatnonzero(logits >= edge)
        order = at_least[np.argsort(-logits[at_least], kind="stable")][:n]
        top = [(int(i), text(int(i)), logprob(int(i))) for i in order if logits[i] > -np.inf]
    return TokenLogprob(token_id, text(token_id), logprob(token_id), tuple(top))
