"""A second, smaller model that guesses what the first will say. They must share a vocabulary.

The guesses are checked by the large model in one batch. Knows its own context and what of the text is in it; whether
guessing pays is decided in `speculate`.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rushlight import Error
from rushlight.assistant.engine.context import Context
from rushlight.assistant.engine.llama import SUCCESS, Model
from rushlight.assistant.engine.prefix import Prefix

_TOP = 40  # drawn guesses come from so many of the likeliest tokens
_FEW = 16  # tokens to catch up with, so few that the time of the guesses can be told


@dataclass(frozen=True, slots=True)
class Draft:
    """Guesses. `odds`: the distributions that they were drawn from, by token; empty where the likeliest were taken."""

    token_ids: list[int]
    odds: list[dict[int, float]]
    spent_s: float = 0.0  # for each of them; 0 = not known


class DraftModel:
    """Belongs to the engine's thread, as the large model's context does, and computes with its threads."""

    def __init__(self, path: Path, host: Context, *, kv_type: str, flash_attention: str, n_gpu_layers: int) -> None:
        self.model = Model(path, n_gpu_layers=n_gpu_layers, use_mmap=True)
        try:
            _check_alike(self.model, host.model)
            n_ctx = min(host.n_ctx, self.model.n_ctx_train or host.n_ctx)
            self._context = Context(
                self.model, n_ctx=n_ctx, n_batch=host.n_batch, n_threads=1, kv_type=kv_type,
                flash_attention=flash_attention,
            )  # fmt: skip
        except BaseException:
            self.model.close()
            raise
        self._host = host
        self._prefix = Prefix(self._context, is_recurrent=False)

    def draft(self, token_ids: Sequence[int], n: int, temperature: float, random: Any) -> Draft:
        """What may follow the text; [] where it is too long or the model fails. `random` is a numpy generator."""
        context, prefix = self._context, self._prefix
        n = min(n, context.n_ctx - len(token_ids))
        if n < 1:
            return Draft([], [])
        context.borrow_threads(self._host)
        n_known = prefix.reuse(token_ids, ())
        rest = list(token_ids[n_known:])
        began = time.monotonic()
        for start in range(0, len(rest), context.n_batch):
            part = rest[start : start + context.n_batch]
            if context.decode(part) != SUCCESS:
                prefix.clear()
                return Draft([], [])
            prefix.extend(part)
        guesses: list[int] = []
        odds: list[dict[int, float]] = []
        while True:
            token_id, odd = _pick(context.logits(), temperature, random)
            guesses.append(token_id)
            if odd:
                odds.append(odd)
            if len(guesses) == n:
                break
            if context.decode_one(token_id) != SUCCESS:
                prefix.clear()
                break
            prefix.extend((token_id,))
        spent_s = (time.monotonic() - began) / len(guesses) if len(rest) <= _FEW else 0.0
        return Draft(guesses, odds, spent_s)

    def close(self) -> None:
        self._context.close()
        self.model.close()


def _pick(logits: Any, temperature: float, random: Any) -> tuple[int, dict[int, float]]:
    """The likeliest token, or one that is drawn, and what each could have been drawn with."""
    import numpy as np

    if temperature <= 0.0:
        return int(logits.argmax()), {}
    n = min(_TOP, logits.shape[0])
    ids = np.argpartition(logits, logits.shape[0] - n)[-n:]
    chosen = logits[ids].astype(np.float64)
    weights = np.exp((chosen - chosen.max()) / temperature)
    weights /= weights.sum()
    i = int(random.choice(n, p=weights))
    return int(ids[i]), dict(zip(ids.tolist(), weights.tolist(), strict=True))


def accept(guess: int, odds: dict[int, float], token_ids: Any, weights: Any, random: Any) -> int:
    """The guess, or another token: either way distributed as the large model's `weights` over `token_ids` are.

    Leviathan et al. 2023 (arXiv:2211.17192), algorithm 1: keep x with min(1, p(x) / q(x)), else draw from what of p
    lies above q.
    """
    import numpy as np

    place = np.flatnonzero(token_ids == guess)
    p = float(weights[place[0]]) if place.size else 0.0
    if random.random() * odds[guess] < p:
        return guess
    above = np.maximum(weights - np.array([odds.get(token_id, 0.0) for token_id in token_ids.tolist()]), 0.0)
    total = above.sum()
    if total <= 0.0:  # p and q are equal but for rounding
        above, total = weights, weights.sum()
    return int(token_ids[int(random.choice(len(token_ids), p=above / total))])


def _check_alike(small: Model, large: Model) -> None:
    """Their tokens must be the same ones. Raises `Error`."""
    if small.is_recurrent or small.has_encoder or not small.has_decoder:
        why = "it is of a kind that cannot take guesses back"
    elif small.n_vocab != large.n_vocab:
        why = f"it has {small.n_vocab} tokens, {large.path.name} has {large.n_vocab}"
    else:
        different = next((i for i in range(large.n_vocab) if small.token_text(i) != large.token_text(i)), None)
        if different is None:
            return
        why = f"its token {different} is another one than that of {large.path.name}"
    raise Error(
        f"{small.path.name} cannot guess for {large.path.name}: {why}.",
        hint="Choose a smaller model of the same family for engine.draft_model, or none.",
        kind="bad-settings",
    )
