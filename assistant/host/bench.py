"""How fast a model is on this machine under different settings: each is loaded, asked a few times, and let go.

Through the host and the engine like every answer, so what is measured is what users get, and the arbiter is asked.
Knows no command line.
"""

import random
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from rushlight import Error, Progress, Stop
from rushlight.assistant.engine.client import EngineClient
from rushlight.assistant.engine.request import GenerateRequest, LoadSettings, Sampling, TokenizeRequest
from rushlight.assistant.events import Finished, Usage

_CELL_STEP = 256
# Words that most vocabularies know; in a random order, so that nothing can be guessed or reused.
_WORDS = (
    "the river carries water from the hills to the sea and a small boat waits under old trees while children count "
    "stones birds cross open fields farmers mend fences letters arrive late in winter lamps burn low near quiet roads"
)
# What ends an answer in common vocabularies: forbidden here, so that every answer has its full length.
_ENDS = ("<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end_of_text|>", "<end_of_turn>", "<eos>", "</s>", "<|end|>")
_FORBID = float("-inf")

OpenEngine = Callable[[LoadSettings, Stop], EngineClient]


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to load the model."""

    n_threads: int
    kv_type: str
    flash_attention: str  # on, off
    n_gpu_layers: int = 0

    @property
    def is_possible(self) -> bool:
        """llama.cpp keeps quantized values only with flash attention."""
        return self.kv_type == "f16" or self.flash_attention != "off"


@dataclass(frozen=True, slots=True)
class Measured:
    """Medians over the repetitions; tokens a second."""

    variant: Variant
    prompt_per_s: float
    decode_per_s: float
    load_s: float
    runs_on: str
    gpu_layers: int
    notice: str = ""
    problem: str = ""  # why it could not be measured


@dataclass(frozen=True, slots=True)
class Task:
    """What each variant is asked."""

    n_prompt: int = 256
    n_tokens: int = 64
    n_repeats: int = 3


def variants(
    threads: Sequence[int], kv_types: Sequence[str], flash_attention: Sequence[str], gpu_layers: Sequence[int]
) -> list[Variant]:
    """All combinations that are possible, those to be compared side by side next to each other."""
    found = [
        Variant(n_threads, kv_type, flash, n_gpu_layers)
        for n_gpu_layers in gpu_layers
        for kv_type in kv_types
        for flash in flash_attention
        for n_threads in threads
    ]
    return [one for one in found if one.is_possible]


def measure(
    load: LoadSettings,
    wanted: Sequence[Variant],
    task: Task,
    open_engine: OpenEngine,
    stop: Stop,
    on_progress: Callable[[Progress, Variant], None] = lambda _progress, _variant: None,
) -> Iterator[Measured]:
    """One result after another, as they come. Raises `Error(kind="stopped")` once `stop` is set."""
    n_ctx = -(-(task.n_prompt + task.n_tokens + 8) // _CELL_STEP) * _CELL_STEP
    for index, variant in enumerate(wanted):
        on_progress(Progress("Measuring", index, len(wanted), "variants"), variant)
        changed = replace(
            load,
            n_ctx=n_ctx,
            n_threads=variant.n_threads,
            kv_type=variant.kv_type,
            flash_attention=variant.flash_attention,
            n_gpu_layers=variant.n_gpu_layers,
            n_slots=1,
            kv_ram_bytes=0,
            kv_folder="",
            kv_disk_bytes=0,
        )
        try:
            engine = open_engine(changed, stop)
            try:
                yield _measured(engine, variant, task, stop)
            finally:
                engine.close()
        except Error as err:
            if err.kind == "stopped":
                raise
            # One way that this model or machine does not take; the others are measured all the same.
            yield Measured(variant, 0.0, 0.0, 0.0, "", 0, problem=err.message)


def _measured(engine: EngineClient, variant: Variant, task: Task, stop: Stop) -> Measured:
    tokens = _prompt_tokens(engine, task.n_prompt)
    bias = tuple((token_id, _FORBID) for token_id in _end_tokens(engine))
    _ask(engine, tokens[:8], 2, bias, stop)  # pages of the file come in, threads start
    prompt_speeds, decode_speeds = [], []
    for repeat in range(task.n_repeats):
        shuffled = list(tokens)
        random.Random(repeat).shuffle(shuffled)
        usage = _ask(engine, tuple(shuffled), task.n_tokens, bias, stop)
        if usage.prompt_s > 0:
            prompt_speeds.append((usage.n_prompt_tokens - usage.n_cached_tokens) / usage.prompt_s)
        if usage.tokens_per_second:
            decode_speeds.append(usage.tokens_per_second)
    ready = engine.ready
    return Measured(
        variant,
        statistics.median(prompt_speeds) if prompt_speeds else 0.0,
        statistics.median(decode_speeds) if decode_speeds else 0.0,
        ready.load_s if ready is not None else 0.0,
        ready.devices if ready is not None else "",
        ready.gpu_layers if ready is not None else 0,
        ready.notice if ready is not None else "",
    )


def _ask(
    engine: EngineClient, token_ids: tuple[int, ...], n_tokens: int, bias: tuple[tuple[int, float], ...], stop: Stop
) -> Usage:
    request = GenerateRequest(
        token_ids=token_ids, max_tokens=n_tokens, sampling=Sampling(logit_bias=bias), cache_prompt=False
    )
    usage = None
    for event in engine.generate(request, stop):
        if isinstance(event, Usage):
            usage = event
        elif isinstance(event, Finished) and event.reason == "cancelled":
            raise Error("Measuring was stopped.", kind="stopped")
    if usage is None:
        raise Error("The engine did not say how long its answer took.", kind="internal")
    return usage


def _prompt_tokens(engine: EngineClient, n_tokens: int) -> tuple[int, ...]:
    """So many tokens of plain words."""
    generator, known = random.Random(0), _WORDS.split()
    words = " ".join(generator.choice(known) for _ in range(n_tokens + 8))
    found = engine.tokenize(TokenizeRequest(text=words))
    while len(found) < n_tokens:  # a vocabulary with longer tokens than words
        found += found
    return found[:n_tokens]


def _end_tokens(engine: EngineClient) -> set[int]:
    """Those of the usual ends that are one token here."""
    found = set()
    for end in _ENDS:
        tokens = engine.tokenize(TokenizeRequest(text=end, parse_special=True))
        if len(tokens) == 1:
            found.add(tokens[0])
    return found
