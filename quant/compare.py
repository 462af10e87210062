"""How much a model's answers change when it is quantized: perplexity, KL divergence and agreement over a text.

Runs the model in hand and its quantized versions window by window and looks at whole distributions, so that no file of
logits is needed. Knows token ids and logits. As llama.cpp does, the first half of a window only prepares the second.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rushlight import Error, Progress, Stop
from rushlight.quant.blocks.format import Floats
from rushlight.quant.compare_kept import Kept
from rushlight.quant.divergence import score_rows
from rushlight.quant.ggml import RunningModel
from rushlight.quant.imatrix import windows


@dataclass(slots=True)
class Scores:
    """Of every scored position: what the next token cost, and how far the distribution is from the reference's."""

    losses: list[float] = field(default_factory=list)  # -log p(next token), natural logarithm
    divergences: list[float] = field(default_factory=list)  # KL(reference || this)
    agreements: list[bool] = field(default_factory=list)  # the same most likely token
    shared_top: list[float] = field(default_factory=list)  # share of the most likely tokens that are so here too
    changes: list[float] = field(default_factory=list)  # p(next token) here minus there


@dataclass(frozen=True, slots=True)
class Comparison:
    """One model against the reference, over `n_positions`. An error is one standard error of the mean, between windows
    where there are some: positions of one window are alike."""

    path: Path
    n_positions: int
    perplexity: float
    reference_perplexity: float
    divergence: float  # mean KL, in nats
    divergence_error: float
    divergence_99: float  # 99 of 100 positions are below
    divergence_max: float
    agreement: float  # share of positions with the same most likely token
    shared_top: float  # mean share of the reference's ten most likely tokens that are among the ten here
    change_rms: float  # root mean square of the change of p(next token)
    by_window: tuple[float, ...] = ()  # mean KL of each window of the text


def compare(
    reference: Path,
    others: Sequence[Path],
    text: str,
    *,
    n_ctx: int = 512,
    most_windows: int | None = None,
    n_threads: int = 1,
    keep: Path | None = None,
    stop: Stop | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> list[Comparison]:
    """Each of `others` against `reference`, in one pass over the text. The reference is run once for all of them.
    `keep` is a file for what is known so far: with it a comparison that was broken off goes on."""
    opened: list[RunningModel] = []
    try:
        for path in (reference, *others):
            opened.append(RunningModel(path, n_ctx=n_ctx, n_threads=n_threads))
        first, *rest = opened
        for model in rest:
            if model.n_vocab != first.n_vocab:
                raise Error(
                    f"{model.path.name} has {model.n_vocab:,} tokens and {first.path.name} {first.n_vocab:,}: they "
                    "cannot be compared.",
                    "Compare files made of one model.",
                    kind="bad-file",
                )
        token_ids = first.tokenize(text)
        pieces = [piece for piece in windows(token_ids, n_ctx, first.first_token) if len(piece) > 2][:most_windows]
        if not pieces:
            raise Error("There is no text to compare on.", "Give a text of some pages at least.", kind="no-text")
        scores = [Scores() for _ in rest]
        reference_losses: list[float] = []
        kept = Kept(keep, (reference, *others), pieces)
        n_done = kept.load(scores, reference_losses)
        for done, piece in enumerate(pieces):
            if done < n_done:
                continue
            n_scored = len(piece) - max(1, len(piece) // 2)
            targets = np.array(piece[-n_scored:])
            base = first.logits(piece, n_scored + 1)[:-1]
            reference_losses += losses(base, targets, n_threads=n_threads).tolist()
            for model, score in zip(rest, scores, strict=True):
                if stop is not None:
                    stop.check()
                logits = model.logits(piece, n_scored + 1)[:-1]
                add_scores(score, base, logits, targets, n_threads=n_threads)
            kept.save(done + 1, scores, reference_losses)
            if on_progress is not None:
                on_progress(Progress("Comparing", done + 1, len(pieces), "windows"))
        expected = math.exp(float(np.mean(reference_losses)))
        counts = [len(piece) - max(1, len(piece) // 2) for piece in pieces]
        return [_comparison(path, score, expected, counts) for path, score in zip(others, scores, strict=True)]
    finally:
        for model in opened:
            model.close()


def losses(logits: Floats, targets: NDArray[np.integer], *, n_threads: int = 1) -> NDArray[np.float64]:
    """-log p(target) of each row."""
    return score_rows(logits, logits, targets, n_threads=n_threads).base_losses


def add_scores(
    scores: Scores, base: Floats, other: Floats, targets: NDArray[np.integer], *, n_threads: int = 1
) -> None:
    """Score the rows of two models' logits."""
    found = score_rows(base, other, targets, n_threads=n_threads)
    scores.losses += found.other_losses.tolist()
    scores.divergences += found.divergences.tolist()
    scores.agreements += found.agreements.tolist()
    scores.shared_top += found.shared_top.tolist()
    scores.changes += found.changes.tolist()


def _comparison(path: Path, scores: Scores, reference_perplexity: float, counts: Sequence[int]) -> Comparison:
    divergences = np.array(scores.divergences)
    ends = np.cumsum(counts)
    by_window = [float(part.mean()) for part in np.split(divergences, ends[:-1])]
    parts = np.array(by_window) if len(by_window) > 1 else divergences
    return Comparison(
        path=path,
        n_positions=len(divergences),
        perplexity=math.exp(float(np.mean(scores.losses))),
        reference_perplexity=reference_perplexity,
        divergence=float(divergences.mean()),
        divergence_error=float(parts.std() / math.sqrt(len(parts))),
        divergence_99=float(np.quantile(divergences, 0.99)),
        divergence_max=float(divergences.max()),
        agreement=float(np.mean(scores.agreements)),
        shared_top=float(np.mean(scores.shared_top)),
        change_rms=float(np.sqrt(np.mean(np.square(scores.changes)))),
        by_window=tuple(by_window),
    )
