"""How far an adapter moves its base model on fixed text that has nothing to do with what it was taught: perplexity
and KL divergence of the next token, position by position.

llama.cpp runs in this process and can end it over a damaged file: so this belongs into a job's process.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from rushlight import Error, Progress, Stop
from rushlight.quant.divergence import score_rows
from rushlight.quant.ggml import RunningModel
from rushlight.quant.imatrix import windows

N_CTX: Final = 256
_FIRST_SCORED: Final = 16  # of a window: before it there is too little text to tell
FIXED_TEXT: Final = Path(__file__).parent / "suites" / "fixed.txt"


@dataclass(frozen=True, slots=True)
class Drift:
    """Base against base with adapter. Errors are one standard error of the mean over windows."""

    n_positions: int
    base_perplexity: float
    perplexity: float
    divergence: float  # mean KL(base || with adapter), in nats
    divergence_error: float
    agreement: float  # share of positions with the same most likely token

    @property
    def ratio(self) -> float:
        """Perplexity with the adapter over that of the base."""
        return self.perplexity / self.base_perplexity


def drift(
    base: Path,
    adapter: Path,
    *,
    scale: float = 1.0,
    text: str = "",
    n_threads: int = 1,
    stop: Stop | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Drift:
    """Run both over the text (ours, where none is given) and compare every distribution."""
    text = text or FIXED_TEXT.read_text(encoding="utf-8")
    with RunningModel(base, n_ctx=N_CTX, n_threads=n_threads) as model:
        token_ids = model.tokenize(text)
        pieces = [one for one in windows(token_ids, N_CTX, model.first_token) if len(one) > 2 * _FIRST_SCORED]
        if not pieces:
            raise Error("There is too little text to compare on.", "Give some pages.", kind="no-text")
        losses, others, divergences, agreements = [], [], [], []
        for done, piece in enumerate(pieces):
            if stop is not None:
                stop.check()
            n_scored = len(piece) - _FIRST_SCORED
            targets = np.array(piece[-n_scored:])
            model.drop_adapter()
            plain = model.logits(piece, n_scored + 1)[:-1].copy()  # they stand until the next ones are computed
            model.apply_adapter(adapter, scale)
            found = score_rows(plain, model.logits(piece, n_scored + 1)[:-1], targets, n_threads=n_threads)
            losses.append(found.base_losses)
            others.append(found.other_losses)
            divergences.append(found.divergences)
            agreements.append(found.agreements)
            on_progress(Progress("Comparing with the base", done + 1, len(pieces), "windows"))
    means = np.array([one.mean() for one in divergences])
    return Drift(
        n_positions=sum(map(len, losses)),
        base_perplexity=math.exp(float(np.concatenate(losses).mean())),
        perplexity=math.exp(float(np.concatenate(others).mean())),
        divergence=float(np.concatenate(divergences).mean()),
        divergence_error=float(means.std(ddof=1) / math.sqrt(len(means))) if len(means) > 1 else 0.0,
        agreement=float(np.concatenate(agreements).mean()),
    )
