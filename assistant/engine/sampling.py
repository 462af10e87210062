"""Sampling settings to llama.cpp's sampler chain, and the check of every number in a request.

Knows ranges and order; knows nothing of contexts or text. What passes `check` can be given to native code.
"""

import math
import os
from collections.abc import Sequence

from rushlight import Error
from rushlight.assistant.engine.chain import Stage
from rushlight.assistant.engine.request import (
    BeamRequest,
    EmbedRequest,
    GenerateRequest,
    LoraUse,
    Message,
    Sampling,
    ScoreRequest,
    TokenizeRequest,
)

MAX_TEXT_BYTES = 16 * 1024 * 1024  # of one prompt, conversation or batch of texts
MAX_STOP_STRINGS = 64
MAX_STOP_CHARS = 1024
MAX_BIASES = 65_536
MAX_LOGPROBS = 20
MAX_ADAPTERS = 16
MAX_KEY_CHARS = 200
MAX_DRAFT_TOKENS = 64
MAX_BREAKERS = 64
MAX_BEAMS = 8
SPARE_SEQUENCES = 2 * MAX_BEAMS  # a beginning that is left for a while keeps its own
_MAX_BREAKER_BYTES = 40  # llama.cpp cuts longer ones
_SEEDS = 2**32 - 1  # the seed 2^32 - 1 itself means "random" in llama.cpp
_GRAMMAR_KINDS = ("json_schema", "gbnf", "lark", "regex", "json")
_ROLES = ("system", "developer", "user", "assistant", "tool")

# name: (lowest, highest). Both ends are allowed.
_RANGES: dict[str, tuple[float, float]] = {
    "temperature": (0.0, 100.0),
    "temperature_range": (0.0, 100.0),
    "temperature_exponent": (0.0, 100.0),
    "top_p": (0.0, 1.0),
    "min_p": (0.0, 1.0),
    "typical_p": (0.0, 1.0),
    "xtc_probability": (0.0, 1.0),
    "xtc_threshold": (0.0, 1.0),
    "dry_multiplier": (0.0, 100.0),
    "dry_base": (1.0, 100.0),
    "dry_allowed_length": (0, 1_000_000),
    "repeat_penalty": (0.01, 100.0),
    "frequency_penalty": (-100.0, 100.0),
    "presence_penalty": (-100.0, 100.0),
    "mirostat": (0, 2),
    "mirostat_tau": (0.0, 100.0),
    "mirostat_eta": (0.0, 1.0),
}
# Wrong above nothing: a larger number means the same as the largest sensible one, so it is clamped when used.
_AT_LEAST: dict[str, float] = {
    "top_k": -1, "dry_penalty_last_n": -1, "penalty_last_n": -1, "min_keep": 0, "seed": -1,
}  # fmt: skip


def sampling_problems(sampling: Sampling, n_vocab: int) -> list[str]:
    """Everything that is wrong with the numbers, as sentences."""
    problems = []
    for name, (low, high) in _RANGES.items():
        value = getattr(sampling, name)
        if not low <= value <= high:  # also true for NaN
            problems.append(f"{name} is {value}; {low:g} to {high:g} is allowed")
    for name, least in _AT_LEAST.items():
        value = getattr(sampling, name)
        if not least <= value < math.inf:  # also true for NaN
            problems.append(f"{name} is {value}; at least {least:g} is allowed")
    if not sampling.top_n_sigma <= 1000.0:
        problems.append(f"top_n_sigma is {sampling.top_n_sigma}; at most 1000 is allowed, below 0 = off")
    if sampling.temperature_range > sampling.temperature > 0:
        problems.append(
            f"temperature_range is {sampling.temperature_range}, more than the temperature {sampling.temperature}"
        )
    if len(sampling.dry_sequence_breakers) > MAX_BREAKERS:
        problems.append(
            f"dry_sequence_breakers has {len(sampling.dry_sequence_breakers)} entries; {MAX_BREAKERS} are allowed"
        )
    for breaker in sampling.dry_sequence_breakers[:MAX_BREAKERS]:
        if not breaker or "\0" in breaker or len(breaker.encode("utf-8", "replace")) > _MAX_BREAKER_BYTES:
            problems.append(
                f"dry_sequence_breakers: {breaker[:20]!r} must be 1 to {_MAX_BREAKER_BYTES} bytes long and hold no NUL"
            )
    if len(sampling.logit_bias) > MAX_BIASES:
        problems.append(f"logit_bias has {len(sampling.logit_bias)} entries; {MAX_BIASES} are allowed")
    else:
        problems += _bias_problems(sampling.logit_bias, n_vocab)
    return problems


def _bias_problems(biases: Sequence[tuple[int, float]], n_vocab: int) -> list[str]:
    problems = []
    for token_id, bias in biases:
        if not 0 <= token_id < n_vocab:
            problems.append(f"logit_bias: token {token_id} is not in the vocabulary (0 to {n_vocab - 1})")
        if not (bias == -math.inf or -10_000 <= bias <= 10_000):
            problems.append(f"logit_bias: {bias} for token {token_id}; -10000 to 10000, or -inf, is allowed")
        if len(problems) >= 5:
            problems.append("logit_bias: more like these")
            break
    if len({token_id for token_id, bias in biases if bias == -math.inf}) >= n_vocab:
        problems.append("logit_bias forbids every token")
    return problems


def check(request: GenerateRequest, *, n_vocab: int) -> None:
    """Raise one `Error(kind="bad-request")` that names every problem of the request."""
    problems = sampling_problems(request.sampling, n_vocab)
    given = [name for name in ("messages", "prompt", "token_ids") if getattr(request, name)]
    if len(given) != 1:
        problems.append(
            f"exactly one of messages, prompt and token_ids is expected, "
            f"{'none is' if not given else ' and '.join(given) + ' are'} given"
        )
    problems += _message_problems(request.messages)
    bad_ids = [token_id for token_id in request.token_ids if not 0 <= token_id < n_vocab]
    if bad_ids:
        problems.append(
            f"token_ids: {bad_ids[0]} is not in the vocabulary (0 to {n_vocab - 1})"
            + (f", nor are {len(bad_ids) - 1} others" if len(bad_ids) > 1 else "")
        )
    if request.continue_final and (not request.messages or request.messages[-1].role != "assistant"):
        problems.append("continue_final needs an assistant message at the end")
    if request.max_tokens < -1:
        problems.append(f"max_tokens is {request.max_tokens}; -1 (until the context is full) or more is allowed")
    if not -1 <= request.logprobs <= MAX_LOGPROBS:
        problems.append(f"logprobs is {request.logprobs}; -1 (none) to {MAX_LOGPROBS} is allowed")
    if len(request.cache_key) > MAX_KEY_CHARS:
        problems.append(f"cache_key is {len(request.cache_key)} characters long; {MAX_KEY_CHARS} are allowed")
    if not -1 <= request.draft_tokens <= MAX_DRAFT_TOKENS:
        problems.append(f"draft_tokens is {request.draft_tokens}; -1 (where they pay) to {MAX_DRAFT_TOKENS} is allowed")
    if len(request.stop) > MAX_STOP_STRINGS:
        problems.append(f"stop has {len(request.stop)} strings; {MAX_STOP_STRINGS} are allowed")
    if any(not text or len(text) > MAX_STOP_CHARS for text in request.stop):
        problems.append(f"stop: every string must be 1 to {MAX_STOP_CHARS} characters long")
    if request.reasoning not in ("auto", "off", "raw"):
        problems.append(f"reasoning is {request.reasoning!r}; auto, off or raw is allowed")
    if request.grammar is not None and request.grammar.kind not in _GRAMMAR_KINDS:
        problems.append(f"grammar: the kind {request.grammar.kind!r} is not one of {', '.join(_GRAMMAR_KINDS)}")
    problems += _lora_problems(request.lora)
    n_bytes = len(request.prompt) + _n_chars(request.messages) + len(request.tools)
    if n_bytes > MAX_TEXT_BYTES:
        problems.append(f"the prompt is {n_bytes} characters long; {MAX_TEXT_BYTES} are allowed")
    _raise(problems)


def check_tokenize(request: TokenizeRequest) -> None:
    """The same for a request to tokenize."""
    problems = _message_problems(request.messages)
    if request.text and request.messages:
        problems.append("one of text and messages is expected, both are given")
    n_chars = len(request.text) + _n_chars(request.messages)
    if n_chars > MAX_TEXT_BYTES:
        problems.append(f"the text is {n_chars} characters long; {MAX_TEXT_BYTES} are allowed")
    _raise(problems)


def check_embed(request: EmbedRequest) -> None:
    """The same for a request to embed."""
    problems = []
    if not request.texts:
        problems.append("no text is given")
    if len(request.texts) > 65_536:
        problems.append(f"{len(request.texts)} texts are given; 65536 are allowed in one request")
    n_chars = sum(len(text) for text in request.texts) + len(request.query)
    if n_chars > MAX_TEXT_BYTES:
        problems.append(f"the texts are {n_chars} characters long; {MAX_TEXT_BYTES} are allowed in one request")
    _raise(problems)


def check_score(request: ScoreRequest) -> None:
    """The same for a request to score."""
    problems = _lora_problems(request.lora)
    if bool(request.prompt) == bool(request.token_ids):
        problems.append("exactly one of prompt and token_ids is expected")
    if len(request.prompt) > MAX_TEXT_BYTES:
        problems.append(f"the prompt is {len(request.prompt)} characters long; {MAX_TEXT_BYTES} are allowed")
    if not 0 <= request.logprobs <= MAX_LOGPROBS:
        problems.append(f"logprobs is {request.logprobs}; 0 to {MAX_LOGPROBS} is allowed")
    if request.n_read and not 0 <= request.n_read < len(request.token_ids):
        problems.append(f"n_read is {request.n_read}; it must be less than the {len(request.token_ids)} token_ids")
    _raise(problems)


def check_beams(request: BeamRequest) -> None:
    """The same for a beam search; the request in it is checked by itself."""
    problems = []
    if not 1 <= request.width <= MAX_BEAMS:
        problems.append(f"width is {request.width}; 1 to {MAX_BEAMS} is allowed")
    if not 1 <= request.n_best <= MAX_BEAMS:
        problems.append(f"n_best is {request.n_best}; 1 to {MAX_BEAMS} is allowed")
    for name in ("within", "far", "lack"):
        if not 0.0 <= getattr(request, name) <= 1000.0:
            problems.append(f"{name} is {getattr(request, name)}; 0 to 1000 is allowed")
    if request.asked.stop or request.asked.sampling.logit_bias:
        problems.append("a beam search knows no stop strings and no logit_bias")
    _raise(problems)


def _message_problems(messages: Sequence[Message]) -> list[str]:
    return [
        f"messages: the role {message.role[:40]!r} is not one of {', '.join(_ROLES)}"
        for message in messages
        if message.role not in _ROLES
    ][:3]


def _lora_problems(uses: Sequence[LoraUse]) -> list[str]:
    problems = []
    if len(uses) > MAX_ADAPTERS:
        problems.append(f"lora has {len(uses)} adapters; {MAX_ADAPTERS} are allowed at once")
    if len({use.path for use in uses}) != len(uses):
        problems.append("lora names the same adapter twice")
    for use in uses[:MAX_ADAPTERS]:
        if not -100.0 <= use.scale <= 100.0:
            problems.append(f"lora: the scale {use.scale} is not between -100 and 100")
        if not use.path or "\0" in use.path:
            problems.append("lora: an adapter needs the path of its file")
    return problems


def _n_chars(messages: Sequence[Message]) -> int:
    return sum(len(m.content) + len(m.reasoning) + len(m.name) + len(m.tool_calls) for m in messages)


def _raise(problems: Sequence[str]) -> None:
    if problems:
        raise Error(
            f"The request cannot be answered: {'; '.join(problems)}.",
            hint="Correct these values and ask again.",
            kind="bad-request",
        )


def seed_number(seed: int) -> int:
    """The seed for llama.cpp: the given one folded into 32 bits, or a new one for -1."""
    if seed < 0:
        seed = int.from_bytes(os.urandom(8), "little")
    return seed % _SEEDS


def stages(sampling: Sampling, *, n_vocab: int, n_ctx: int, suppressed: Sequence[int] = ()) -> list[Stage]:
    """The chain for checked settings, in the order that `Sampling` documents; neutral settings add nothing.

    Temperature 0 is greedy whatever else is set: of the truncating samplers only those that can take the likeliest
    token away (typical, XTC) are kept then, and mirostat, which needs a temperature, is off.
    """
    seed = seed_number(sampling.seed)
    keep = min(sampling.min_keep, n_vocab)
    greedy = sampling.temperature <= 0.0
    mirostat = 0 if greedy else sampling.mirostat
    chain: list[Stage] = []
    biases = tuple(sampling.logit_bias) + tuple((token_id, -math.inf) for token_id in suppressed)
    if biases:
        chain.append(("logit_bias", biases))
    last_n = n_ctx if sampling.penalty_last_n < 0 else min(sampling.penalty_last_n, n_ctx)
    if last_n and (sampling.repeat_penalty != 1.0 or sampling.frequency_penalty or sampling.presence_penalty):
        chain.append(
            ("penalties", (last_n, sampling.repeat_penalty, sampling.frequency_penalty, sampling.presence_penalty))
        )
    dry_last_n = n_ctx if sampling.dry_penalty_last_n < 0 else min(sampling.dry_penalty_last_n, n_ctx)
    if sampling.dry_multiplier and dry_last_n:
        chain.append(
            (
                "dry",
                (
                    sampling.dry_multiplier,
                    sampling.dry_base,
                    sampling.dry_allowed_length,
                    dry_last_n,
                    sampling.dry_sequence_breakers,
                ),
            )
        )
    if not mirostat:
        if sampling.top_n_sigma > 0.0 and not greedy:
            chain.append(("top_n_sigma", (sampling.top_n_sigma,)))
        if sampling.top_k > 0 and not greedy:
            chain.append(("top_k", (min(sampling.top_k, n_vocab),)))
        if sampling.typical_p < 1.0:
            chain.append(("typical", (sampling.typical_p, max(1, keep))))
        if sampling.top_p < 1.0 and not greedy:
            chain.append(("top_p", (sampling.top_p, max(1, keep))))
        if sampling.min_p > 0.0 and not greedy:
            chain.append(("min_p", (sampling.min_p, max(1, keep))))
        if sampling.xtc_probability > 0.0 and sampling.xtc_threshold <= 0.5:  # above 0.5 it never takes anything
            chain.append(("xtc", (sampling.xtc_probability, sampling.xtc_threshold, max(1, keep), seed)))
    if greedy:
        chain.append(("greedy", ()))
        return chain
    if sampling.temperature_range > 0.0:
        chain.append(("temp_ext", (sampling.temperature, sampling.temperature_range, sampling.temperature_exponent)))
    elif sampling.temperature != 1.0:
        chain.append(("temp", (sampling.temperature,)))
    match mirostat:
        case 1:
            chain.append(("mirostat", (seed, sampling.mirostat_tau, sampling.mirostat_eta, 100)))
        case 2:
            chain.append(("mirostat_v2", (seed, sampling.mirostat_tau, sampling.mirostat_eta)))
        case _:
            chain.append(("dist", (seed,)))
    return chain


def needs_history(chain: Sequence[Stage]) -> int:
    """How many of the prompt's last tokens the chain wants to see before the first is sampled."""
    n_wanted = 0
    for name, numbers in chain:
        if name == "penalties":
            n_wanted = max(n_wanted, numbers[0])
        elif name == "dry":
            n_wanted = max(n_wanted, numbers[3])
    return n_wanted
