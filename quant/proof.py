"""The proof of an exported file: that it cuts texts, renders chats and answers as its source does.

Both sides are models that can be asked (`Model`); where they come from is the caller's: `numpy_model.NumpyModel` for a
Hugging Face folder, `ggml.RunningModel` for a GGUF file, the trainer's own for what it made. The result lies as JSON
beside the file. A file whose proof failed is not to be served: `refusal_of` says why.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from rushlight import Error, Progress, Stop
from rushlight.quant.proof_file import Check, Proof, digest_of, write_proof
from rushlight.quant.proof_texts import GOLDEN_PROMPTS, HARD_TEXTS, LOGIT_TEXTS
from rushlight.quant.rows import Floats

_N_GOLDEN: Final = 12  # tokens of each golden answer
_NEARLY: Final = 0.1  # nats
_MOST_TOKENS: Final = 192  # of a text whose logits are compared

Render = Callable[[Sequence[Mapping[str, str]]], str]  # messages into the prompt that the model sees


class Model(Protocol):
    """What can be asked of both sides."""

    def tokenize(self, text: str) -> list[int]:
        """Token ids of plain text, nothing put around it."""
        ...

    def logits(self, token_ids: Sequence[int]) -> Floats:
        """The logits after each token: (tokens, vocabulary)."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """How far a file of one type may be from its source."""

    divergence: float  # mean KL, in nats
    agreement: float  # share of positions with the same most likely token
    golden_margin: float  # by how much the source may like another token better than the file's choice, in nats
    golden_mean: float  # the same on average: one near miss says little where a type loses much


# F32 to Q8_0 are tight: a wrong tensor, order or rope shows a hundredfold. Of smaller types a good file of one model
# loses more than a damaged one of another (tests/bench/bench_proof.py: 0.45 nats for SmolLM2 as Q4_0 without a matrix,
# 0.025 for a Llama as Q4_K_M with another rope): there faults are found by weights and settings, and answers only tell
# of what is broken altogether. There one near miss says nothing, the mean of many does: the good file above chose a
# token that its source liked less by 6.5 nats.
LIMITS: Final[Mapping[str, Limits]] = {
    "F32": Limits(1e-5, 0.995, 0.01, 0.01),
    "F16": Limits(1e-4, 0.99, 0.05, 0.05),
    "BF16": Limits(5e-3, 0.97, 0.3, 0.1),
    "Q8_0": Limits(3e-2, 0.9, 0.8, 0.2),
}
_BY_BITS: Final[Mapping[int, Limits]] = {
    8: Limits(3e-2, 0.9, 0.8, 0.2),
    6: Limits(0.1, 0.5, 2.0, 1.0),
    5: Limits(0.3, 0.3, 3.0, 1.5),
    4: Limits(0.8, 0.0, math.inf, 2.0),
    3: Limits(1.5, 0.0, math.inf, 3.0),
    2: Limits(3.0, 0.0, math.inf, 4.0),
    1: Limits(4.0, 0.0, math.inf, 5.0),
}
_BITS: Final = re.compile(r"(?:IQ|TQ|Q|MXFP|NVFP)(\d)")
# What one side cannot do is told and is no failure.
_CANNOT: Final = frozenset({"not-installed", "unsupported"})


def limits_of(type_name: str) -> Limits:
    """The limits of a type, or of a mixture such as Q4_K_M."""
    match = _BITS.match(type_name.upper())
    by_bits = _BY_BITS.get(int(match[1])) if match is not None else None
    return LIMITS.get(type_name.upper(), by_bits or _BY_BITS[2])


def prove(
    path: Path,
    file: Model,
    source: Model,
    *,
    type_name: str,
    source_name: str = "",
    render_file: Render | None = None,
    render_source: Render | None = None,
    texts: Sequence[str] = LOGIT_TEXTS,
    hard_texts: Sequence[str] = HARD_TEXTS,
    more: Sequence[Check] = (),
    stop: Stop | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Proof:
    """Hold `file`, which is the model in `path`, against `source`; write the result beside the file. `more` are checks
    that were made already. A side that cannot do something raises `Error` of kind "unsupported" or "not-installed"."""
    limits = limits_of(type_name)

    n_done, n_steps = 0, 3 + len(texts) + len(GOLDEN_PROMPTS)

    def step() -> None:
        nonlocal n_done
        if stop is not None:
            stop.check()
        if on_progress is not None:
            on_progress(Progress("Proving", min(n_done, n_steps), n_steps))
        n_done += 1

    step()
    checks = [*more, _made("tokens", lambda: _tokens(file, source, hard_texts))]
    step()
    checks.append(_template(render_file, render_source))
    checks.append(_made("logits", lambda: compare_logits(file, source, texts, limits, step)))
    checks.append(_made("prompts", lambda: _prompts(file, source, limits, step)))
    n_done = n_steps - 1
    step()
    size, digest = digest_of(path, stop)
    proof = Proof(path.name, size, digest, type_name, source_name, tuple(checks))
    write_proof(path, proof)
    step()
    return proof


# ---------------------------------------------------------------- the four checks
def _made(name: str, check: Callable[[], Check]) -> Check:
    """The check, or why it could not be made."""
    try:
        return check()
    except Error as error:
        if error.kind not in _CANNOT:
            raise
        return Check(name, None, error.message, {})


def _tokens(file: Model, source: Model, texts: Sequence[str]) -> Check:
    n_tokens = 0
    for number, text in enumerate(texts, 1):
        expected, found = source.tokenize(text), file.tokenize(text)
        n_tokens += len(expected)
        if expected != found:
            pairs = zip(expected, found, strict=False)
            at = next((index for index, (a, b) in enumerate(pairs) if a != b), min(len(expected), len(found)))
            return Check(
                "tokens",
                False,
                f"Text {number} of {len(texts)} is cut otherwise: token {at + 1} is {_at(found, at)} in the file, "
                f"{_at(expected, at)} in its source.",
                {"texts": number},
            )
    return Check("tokens", True, "All texts are cut alike.", {"texts": len(texts), "tokens": n_tokens})


def _at(token_ids: Sequence[int], index: int) -> str:
    return str(token_ids[index]) if index < len(token_ids) else "none"


_CHATS: Final[tuple[tuple[Mapping[str, str], ...], ...]] = (
    ({"role": "user", "content": "Hi"},),
    ({"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi\n\n  there "}),
    (
        {"role": "user", "content": "1 < 2 & \"quotes\" 'n' {{ braces }} {% tags %}"},
        {"role": "assistant", "content": "Yes. ✅"},
        {"role": "user", "content": "Warum?"},
    ),
)


def _template(render_file: Render | None, render_source: Render | None) -> Check:
    if render_file is None or render_source is None:
        return Check("template", None, "There is no chat template on one of the sides.", {})
    for number, chat in enumerate(_CHATS, 1):
        outcomes = [_rendered(render, chat) for render in (render_file, render_source)]
        if outcomes[0] != outcomes[1]:
            return Check("template", False, f"Chat {number} of {len(_CHATS)} is rendered otherwise.", {"chats": number})
    return Check("template", True, "All chats are rendered alike.", {"chats": len(_CHATS)})


def _rendered(render: Render, chat: Sequence[Mapping[str, str]]) -> str:
    """What comes of it; a template may refuse a system prompt, then both must."""
    try:
        return render(chat)
    except Error as error:
        return f"\0{error.kind}"


def _no_step() -> None:
    """Nobody counts."""


def compare_logits(
    file: Model, source: Model, texts: Sequence[str], limits: Limits, step: Callable[[], None] = _no_step
) -> Check:
    """The distributions after every token of some texts, on both sides. `step` is called before each text."""
    divergences: list[float] = []
    agreements: list[bool] = []
    likings: list[float] = []  # by how much the source likes its own choice better than the file's
    largest = total = 0.0
    n_logits = 0
    for text in texts:
        step()
        token_ids = file.tokenize(text)[:_MOST_TOKENS]
        if len(token_ids) < 2:
            continue
        expected = np.array(source.logits(token_ids), np.float64)
        found = np.array(file.logits(token_ids), np.float64)
        width = min(expected.shape[1], found.shape[1])  # rows that only fill up
        expected, found = expected[:, :width], found[:, :width]
        if not np.isfinite(found).all():
            return Check("logits", False, "The file's logits are not all numbers.", {})
        difference = np.abs(expected - found)
        largest = max(largest, float(difference.max()))
        total, n_logits = total + float(difference.sum()), n_logits + difference.size
        divergences += _divergence(expected, found).tolist()
        chosen = found.argmax(-1)
        agreements += (expected.argmax(-1) == chosen).tolist()
        likings += (expected.max(-1) - expected[np.arange(len(chosen)), chosen]).tolist()
    if not divergences:
        return Check("logits", None, "There was no text to compare on.", {})
    figures = {
        "positions": len(divergences),
        "max_difference": largest,
        "mean_difference": total / n_logits,
        "mean_divergence": float(np.mean(divergences)),
        "max_divergence": float(np.max(divergences)),
        "agreement": float(np.mean(agreements)),
    }
    problems = []
    if figures["mean_divergence"] > limits.divergence:
        problems.append(f"a mean divergence of {figures['mean_divergence']:.2g} where {limits.divergence:g} is allowed")
    # a model that finds two tokens nearly alike may choose either
    alike = float(np.mean(np.array(likings) <= min(_NEARLY, limits.golden_margin)))
    if alike < limits.agreement:
        problems.append(f"as good a first choice in {alike:.1%} where {limits.agreement:.1%} is expected")
    if problems:
        return Check("logits", False, f"The answers differ: {' and '.join(problems)}.", figures)
    return Check("logits", True, "The answers agree.", figures)


def _log_softmax(logits: Any) -> Any:
    shifted = logits - logits.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def _divergence(expected: Any, found: Any) -> Any:
    """KL(source || file) at each position, in nats."""
    p, q = _log_softmax(expected), _log_softmax(found)
    return np.maximum(0.0, (np.exp(p) * (p - q)).sum(-1))


def _prompts(file: Model, source: Model, limits: Limits, step: Callable[[], None]) -> Check:
    """The file answers five prompts, choosing the likeliest token each time; the source looks at each choice."""
    margins: list[float] = []
    for prompt in GOLDEN_PROMPTS:
        step()
        token_ids = file.tokenize(prompt)
        start = len(token_ids)
        if not token_ids:
            continue
        for _ in range(_N_GOLDEN):
            token_ids = [*token_ids, int(np.argmax(file.logits(token_ids)[-1]))]
        p = _log_softmax(np.array(source.logits(token_ids[:-1]), np.float64))[start - 1 :]
        chosen = token_ids[start:]
        margins += (p.max(-1) - p[np.arange(len(chosen)), chosen]).tolist()
    if not margins:
        return Check("prompts", None, "The prompts hold no token.", {})
    figures = {"tokens": len(margins), "largest_margin": max(margins), "mean_margin": float(np.mean(margins))}
    problems = []
    if figures["largest_margin"] > limits.golden_margin:
        at = int(np.argmax(margins))
        problems.append(
            f"at token {at % _N_GOLDEN + 1} of the answer to prompt {at // _N_GOLDEN + 1} of {len(GOLDEN_PROMPTS)} the "
            f"source likes another by {figures['largest_margin']:.2f} nats, where {limits.golden_margin:g} is allowed"
        )
    if figures["mean_margin"] > limits.golden_mean:
        problems.append(
            f"the source likes others by {figures['mean_margin']:.2f} nats on average, where {limits.golden_mean:g} is "
            "allowed"
        )
    if problems:
        return Check("prompts", False, f"The source would answer otherwise: {' and '.join(problems)}.", figures)
    return Check("prompts", True, "The source would choose alike.", figures)
