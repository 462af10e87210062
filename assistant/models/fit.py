"""Will a model fit? Memory for its weights, context and computation, told before anything is loaded.

    fit = estimate(check(path), n_ctx=8192, kv_type="q8_0", n_gpu_layers=-1, n_batch=512)
    verdict = judge(fit, available_memory())

Estimates follow llama.cpp's own allocation; what it repacks for the processor (a copy of some weights) is left out,
since the originals are then no longer needed in memory.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from rushlight import Error
from rushlight.assistant.models.layers import LayerMemory, Shape, read_shape
from rushlight.assistant.models.memory import Memory
from rushlight.assistant.models.staging import in_words
from rushlight.quant.gguf_types import type_size
from rushlight.quant.gguf_values import GgufFile

KV_TYPES = ("f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl")
_CELL_STEP = 256  # llama.cpp rounds a context up to this
CARD_RESERVE_BYTES = 300 * 1024 * 1024  # driver, kernels, the display
DEFAULT_RESERVE_BYTES = 512 * 1024 * 1024

FITS, TIGHT, TOO_LARGE = "fits", "tight", "does-not-fit"


@dataclass(frozen=True, slots=True)
class Fit:
    """What loading would take. `gpu_layers` counts the output as one more layer, as llama.cpp does."""

    weights_bytes: int
    kv_bytes: int
    compute_bytes: int
    n_layers: int
    gpu_layers: int
    gpu_bytes: int  # of the sum, on the graphics card
    n_ctx: int
    n_ctx_train: int
    kv_type: str

    @property
    def total_bytes(self) -> int:
        return self.weights_bytes + self.kv_bytes + self.compute_bytes

    @property
    def main_bytes(self) -> int:
        """What is needed in main memory."""
        return self.total_bytes - self.gpu_bytes


@dataclass(frozen=True, slots=True)
class Verdict:
    """`state`: "fits", "tight" (works, but leaves less than the reserve) or "does-not-fit"; `sentence` says why."""

    state: str
    sentence: str
    hint: str = ""


def estimate(
    gguf: GgufFile | Sequence[GgufFile],
    *,
    n_ctx: int,
    kv_type: str = "f16",
    n_gpu_layers: int = -1,
    n_batch: int = 512,
    flash_attention: str = "auto",
    full_windows: bool = True,
    gpu_free_bytes: int = 0,
) -> Fit:
    """The memory for a model (all its parts) with these settings. `n_ctx` 0 is what the model was trained for.

    `n_gpu_layers` -1 puts as many layers on the graphics card as `gpu_free_bytes` holds. `full_windows`: layers with
    a sliding window keep the whole context, as the engine asks for (a cut prefix can then be reused).
    """
    files = [gguf] if isinstance(gguf, GgufFile) else list(gguf)
    return _Estimator(files, n_ctx, kv_type, n_batch, flash_attention, full_windows).fit(n_gpu_layers, gpu_free_bytes)


def choices(
    files: Sequence[GgufFile],
    *,
    n_ctx: int,
    kv_type: str = "f16",
    n_gpu_layers: int = -1,
    n_batch: int = 512,
    flash_attention: str = "auto",
    full_windows: bool = True,
) -> tuple[Fit, ...]:
    """The ways to share a model between card and main memory, most layers on the card first.

    There is one where `n_gpu_layers` says how many; with -1 there is one for each number.
    """
    estimator = _Estimator(list(files), n_ctx, kv_type, n_batch, flash_attention, full_windows)
    return estimator.choices(n_gpu_layers)


def judge(fit: Fit, memory: Memory, *, reserve_bytes: int = DEFAULT_RESERVE_BYTES) -> Verdict:
    """Compare with what is free."""
    is_shared = any(gpu.is_shared for gpu in memory.gpus)  # what is on the card is in main memory, too
    need, free = fit.total_bytes if is_shared else fit.main_bytes, memory.available_bytes
    figures = (
        f"it needs {in_words(need)} of memory ({in_words(fit.weights_bytes)} weights, "
        f"{in_words(fit.kv_bytes)} for {fit.n_ctx:,} tokens of context, {in_words(fit.compute_bytes)} to "
        f"compute{_on_the_card(fit)}); {in_words(free)} are free"
    )
    if fit.gpu_bytes > memory.gpu_free_bytes and fit.gpu_layers:
        return Verdict(
            TOO_LARGE,
            f"It does not fit on the graphics card: {fit.gpu_layers} layers need "
            f"{in_words(fit.gpu_bytes)}; {in_words(memory.gpu_free_bytes)} are free.",
            "Put fewer layers on the card (engine.gpu_layers, -1 = as many as fit).",
        )
    if need + reserve_bytes <= free:
        return Verdict(FITS, f"It fits: {figures}.")
    hint = "Choose a smaller quantization, a lower engine.context or engine.kv_type = q8_0, or close other programs."
    if need <= free:
        return Verdict(TIGHT, f"It is tight: {figures}, and {in_words(reserve_bytes)} should stay free.", hint)
    return Verdict(TOO_LARGE, f"It does not fit: {figures}.", hint)


def refuse_too_large(fit: Fit, memory: Memory, name: str, *, reserve_bytes: int = 0) -> None:
    """Raise `Error(kind="out-of-memory")` when the model cannot be loaded."""
    verdict = judge(fit, memory, reserve_bytes=reserve_bytes)
    if verdict.state != FITS:
        raise Error(f"Cannot load {name}. {verdict.sentence}", hint=verdict.hint, kind="out-of-memory")


def largest_context(
    gguf: GgufFile | Sequence[GgufFile],
    memory: Memory,
    *,
    kv_type: str = "f16",
    n_gpu_layers: int = -1,
    n_batch: int = 512,
    flash_attention: str = "auto",
    reserve_bytes: int = DEFAULT_RESERVE_BYTES,
) -> int:
    """The most tokens of context that fit, at most what the model was trained for; 0 when not even 256 do."""
    files = [gguf] if isinstance(gguf, GgufFile) else list(gguf)
    trained = read_shape(files[0]).n_ctx_train or 131_072

    def fits(n_ctx: int) -> bool:
        fit = estimate(
            files,
            n_ctx=n_ctx,
            kv_type=kv_type,
            n_gpu_layers=n_gpu_layers,
            n_batch=n_batch,
            flash_attention=flash_attention,
            gpu_free_bytes=memory.gpu_free_bytes,
        )
        return judge(fit, memory, reserve_bytes=reserve_bytes).state == FITS

    if fits(trained):
        return trained
    low, high = 0, trained // _CELL_STEP  # in steps; `low` fits, `high` does not
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle * _CELL_STEP) else (low, middle)
    return low * _CELL_STEP


class _Estimator:
    def __init__(
        self, files: list[GgufFile], n_ctx: int, kv_type: str, n_batch: int, flash_attention: str, full_windows: bool
    ) -> None:
        if kv_type.lower() not in KV_TYPES:
            raise Error(
                f"There is no number format {kv_type!r} for the context.",
                hint=f"Use one of {', '.join(KV_TYPES)}.",
                kind="bad-kv-type",
            )
        if n_ctx < 0 or n_batch < 1:
            raise Error(
                f"A context of {n_ctx} tokens in batches of {n_batch} is not possible.",
                hint="Give a context of 0 (the model's own) or more, and a batch of 1 or more.",
                kind="bad-value",
            )
        self.files, self.kv_type = files, kv_type.lower()
        self.shape: Shape = read_shape(files[0])
        self.n_ctx = n_ctx or self.shape.n_ctx_train or 2048
        self.cells = -(-self.n_ctx // _CELL_STEP) * _CELL_STEP
        self.n_batch = min(n_batch, self.cells)
        # A quantized V needs flash attention; the engine then turns it on.
        self.flash = flash_attention != "off" or self.kv_type not in ("f32", "f16", "bf16")
        self.full_windows = full_windows
        # Without flash attention V lies transposed and every layer gets the widest layer's rows.
        self.v_width = 0 if self.flash else max((layer.v_width for layer in self.shape.layers), default=0)

    def fit(self, n_gpu_layers: int, gpu_free_bytes: int) -> Fit:
        found = self.choices(n_gpu_layers)
        if n_gpu_layers >= 0:
            return found[0]
        room = gpu_free_bytes - CARD_RESERVE_BYTES
        return next(fit for fit in found if fit.gpu_bytes <= room or not fit.gpu_layers)

    def choices(self, n_gpu_layers: int) -> tuple[Fit, ...]:
        """One for that number of layers on the card; below zero one for each number, the largest first."""
        n_layers = len(self.shape.layers)
        kv = [self._kv_bytes(layer) for layer in self.shape.layers]
        weights, per_layer, output, copied = self._weights(n_layers)
        compute, sum_kv = self._compute_bytes(), sum(kv)

        # From each layer to the last one, so that the many choices of a deep model cost no more than a few.
        tails = [*accumulate((size + kv[i] for i, size in reversed(list(enumerate(per_layer)))), initial=0)]

        def with_layers(n: int) -> Fit:
            """With the last `n` layers on the card, the output being the very last."""
            on_card = output + compute + tails[min(n - 1, n_layers)] if n else 0
            return Fit(
                weights + (copied if n else 0),
                sum_kv,
                compute,
                n_layers,
                n,
                on_card,
                self.n_ctx,
                self.shape.n_ctx_train,
                self.kv_type,
            )

        if n_gpu_layers >= 0:
            return (with_layers(min(n_gpu_layers, n_layers + 1)),)
        return tuple(with_layers(n) for n in range(n_layers + 1, -1, -1))

    def _kv_bytes(self, layer: LayerMemory) -> int:
        cells = self.cells
        if layer.window and not self.full_windows:
            cells = min(cells, -(-(layer.window + self.n_batch) // _CELL_STEP) * _CELL_STEP)
        v_width = max(layer.v_width, self.v_width) if layer.v_width else 0
        return cells * (self._row_bytes(layer.k_width) + self._row_bytes(v_width)) + layer.state_bytes

    def _row_bytes(self, width: int) -> int:
        elements, size = type_size(self.kv_type.upper())
        return -(-width // elements) * size

    def _weights(self, n_layers: int) -> tuple[int, list[int], int, int]:
        """(all, per layer, output, copied). A tied embedding serves as the output: the card gets a copy of it."""
        total, per_layer, output, embedding = 0, [0] * n_layers, 0, 0
        for file in self.files:
            for tensor in file.tensors:
                total += tensor.size_bytes
                head, _, rest = tensor.name.partition(".")
                number = rest.split(".", 1)[0]
                if head == "blk" and number.isdecimal() and len(number) < 5 and int(number) < n_layers:
                    per_layer[int(number)] += tensor.size_bytes
                elif head.startswith("output"):
                    output += tensor.size_bytes
                elif tensor.name == "token_embd.weight":
                    embedding = tensor.size_bytes
        tied = not any(file.tensor("output.weight") for file in self.files)
        copied = embedding if tied else 0
        return total, per_layer, output + copied, copied

    def _compute_bytes(self) -> int:
        """The scheduler's buffer: the larger of the output's logits and one layer's working set, for a full batch."""
        shape, batch = self.shape, self.n_batch
        row = 4 * batch * shape.n_embd
        logits = 4 * batch * shape.n_vocab
        mask = batch * self.cells * (2 if self.flash else 4)
        attention = mask if self.flash else mask + 4 * batch * self.cells * shape.n_head
        layer = 6 * row + max(attention, mask + 8 * batch * shape.n_ff)
        return max(logits + 2 * row, layer)


def _on_the_card(fit: Fit) -> str:
    return f"; {in_words(fit.gpu_bytes)} of that on the graphics card" if fit.gpu_layers else ""
