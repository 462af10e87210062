"""What each layer of a model keeps in memory per token of context: the arithmetic of llama.cpp's caches.

Read from metadata: grouped heads, compressed attention (MLA), sliding windows, shared and recurrent layers. Facts
checked against llama.cpp as shipped with llama-cpp-python 0.3.36. Knows numbers only; `fit` adds them up.

    H_kv heads of keys and values, D head size, L layers; a layer keeps (H_kv * D_k + H_kv * D_v) numbers a token
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rushlight.quant.gguf_values import GgufFile

_MAX_LAYERS = 4096

# Architectures whose window layers follow a period where the file lists none: (period, full layer comes first).
_WINDOW_PERIODS: dict[str, tuple[int, bool]] = {
    "gemma2": (2, False), "gemma3": (6, False), "gemma3n": (5, False), "cohere2": (4, False), "cohere2moe": (4, True),
    "llama4": (4, False), "gpt-oss": (2, False), "exaone4": (4, False), "exaone-moe": (4, False), "olmo2": (4, False),
    "plamo3": (8, False), "afmoe": (4, False), "mellum": (4, False), "smallthinker": (4, True), "laguna": (4, True),
    "muse-glimmer": (4, False),
}  # fmt: skip
# Those that need the list in the file.
_WINDOW_LISTS = frozenset({"gemma4", "granite-swa", "mimo2", "step35", "spark2-5", "maple", "dots3note"})
# Windows that llama.cpp fixes whatever the file says.
_FIXED_WINDOWS = {"llama4": 8192, "smallthinker": 4096, "exaone-moe": 128}
_DEFAULT_WINDOWS = {"gemma2": 4096, "exaone4": 4096}

_RECURRENT = frozenset({"mamba", "mamba2", "rwkv6", "rwkv6qwen2", "rwkv7", "arwkv7"})
_NO_CACHE = frozenset(
    {
        "bert",
        "modern-bert",
        "nomic-bert",
        "nomic-bert-moe",
        "neo-bert",
        "eurobert",
        "jina-bert-v2",
        "jina-bert-v3",
        "gemma-embedding",
        "wavtokenizer-dec",
        "dream",
        "llada",
        "llada-moe",
        "rnd1",
    }
)
_FULL_EVERY = frozenset({"qwen3next", "qwen35", "qwen35moe", "qwen4exp", "minimax-01"})
_ZERO_HEADS_RECURRENT = frozenset(
    {
        "jamba",
        "granitehybrid",
        "plamo2",
        "lfm2",
        "lfm2moe",
        "kimi-linear",
        "kimi-k3",
        "bailingmoe3",
        "glm5-next",
        "nemotron_h",
        "nemotron_h_moe",
    }
)


@dataclass(frozen=True, slots=True)
class LayerMemory:
    """What one layer keeps. `window` > 0: at most that many tokens, unless the whole context is asked for."""

    k_width: int = 0  # numbers a token
    v_width: int = 0
    window: int = 0
    state_bytes: int = 0  # of a recurrent layer, whatever the context


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes that memory depends on."""

    architecture: str
    layers: tuple[LayerMemory, ...]
    n_embd: int
    n_ff: int
    n_head: int  # the most of any layer
    n_vocab: int
    n_ctx_train: int


def read_shape(file: GgufFile) -> Shape:
    """The shape of the model in a checked file. Missing numbers count as 0; hostile ones are bounded."""
    architecture = file.metadata.get("general.architecture")
    reader = _Keys(file.metadata, architecture if isinstance(architecture, str) else "")
    n_layer = min(reader.number("block_count"), _MAX_LAYERS)
    heads = reader.per_layer("attention.head_count", n_layer)
    embedding = file.tensor("token_embd.weight")
    n_vocab = embedding.shape[1] if embedding and len(embedding.shape) > 1 else reader.number("vocab_size")
    return Shape(
        reader.arch,
        _layers(reader, n_layer, heads),
        reader.number("embedding_length"),
        max(reader.per_layer("feed_forward_length", n_layer), default=0),
        max(heads, default=0),
        n_vocab,
        reader.number("context_length"),
    )


def _layers(keys: "_Keys", n_layer: int, heads: list[int]) -> tuple[LayerMemory, ...]:
    arch = keys.arch
    if arch in _NO_CACHE:
        return (LayerMemory(),) * n_layer
    n_embd = keys.number("embedding_length")
    head_size = n_embd // heads[0] if heads and heads[0] else 0
    k_size, v_size = keys.number("attention.key_length", head_size), keys.number("attention.value_length", head_size)
    k_window, v_window = (
        keys.number("attention.key_length_swa", k_size),
        keys.number("attention.value_length_swa", v_size),
    )
    kv_heads = keys.per_layer("attention.head_count_kv", n_layer, default=heads)
    compressed = keys.number("attention.key_length_mla") > 0 and keys.number("attention.value_length_mla") > 0
    windows = _windows(keys, n_layer)
    recurrent = _recurrent(keys, n_layer, kv_heads)
    n_own = _n_layers_with_cache(keys, n_layer)
    state = _state_bytes(keys, n_embd, heads)
    layers = []
    for index in range(n_layer):
        is_recurrent, attends = recurrent[index]
        attends = attends and index < n_own
        window = windows[index]
        k_width = kv_heads[index] * (k_window if window else k_size) if attends else 0
        v_width = kv_heads[index] * (v_window if window else v_size) if attends and not compressed else 0
        layers.append(LayerMemory(k_width, v_width, window, state if is_recurrent else 0))
    return tuple(layers)


def _windows(keys: "_Keys", n_layer: int) -> list[int]:
    """Per layer its sliding window in tokens, 0 for full attention."""
    arch = keys.arch
    window = keys.number("attention.sliding_window", _DEFAULT_WINDOWS.get(arch, 0))
    if arch == "llama4" and "attention.sliding_window" not in keys:
        window = 8192
    if arch == "exaone-moe":
        window = 128
    if window <= 0 or (arch == "exaone4" and n_layer != 64):
        return [0] * n_layer
    window = _FIXED_WINDOWS.get(arch, window)
    if arch in ("lfm2",):
        return [window] * n_layer
    if arch not in _WINDOW_PERIODS and arch not in _WINDOW_LISTS:
        return [0] * n_layer  # phi3, mistral: the key is there and not used
    listed = keys.get("attention.sliding_window_pattern")
    if isinstance(listed, list):
        return [window if index < len(listed) and listed[index] else 0 for index in range(n_layer)]
    period, full_first = _WINDOW_PERIODS.get(arch, (1, False))
    period = keys.number("attention.sliding_window_pattern", period)
    if period == 0:
        return [window] * n_layer
    if full_first:
        return [window if index % period else 0 for index in range(n_layer)]
    return [window if index % period < period - 1 else 0 for index in range(n_layer)]


def _recurrent(keys: "_Keys", n_layer: int, kv_heads: list[int]) -> list[tuple[bool, bool]]:
    """Per layer: (keeps a recurrent state, keeps keys and values)."""
    arch = keys.arch
    if arch in _RECURRENT:
        return [(True, False)] * n_layer
    if arch == "falcon-h1":
        return [(True, True)] * n_layer
    n_nextn = keys.number("nextn_predict_layers")
    if arch in _FULL_EVERY:
        listed = keys.get("attention.recurrent_layers")
        every = max(1, keys.number("full_attention_interval", 4))
        flags = [
            bool(listed[index]) if isinstance(listed, list) and index < len(listed) else (index + 1) % every != 0
            for index in range(n_layer)
        ]
        return [
            (flag and index < n_layer - n_nextn, not flag and index < n_layer - n_nextn)
            for index, flag in enumerate(flags)
        ]
    if arch in _ZERO_HEADS_RECURRENT:
        feeds = keys.per_layer("feed_forward_length", n_layer)
        only_feeds = [arch.startswith("nemotron") and feed > 0 for feed in feeds]
        return [
            (heads == 0 and not feed, heads > 0 and not feed) for heads, feed in zip(kv_heads, only_feeds, strict=True)
        ]
    return [(False, index < n_layer - n_nextn) for index in range(n_layer)]


def _n_layers_with_cache(keys: "_Keys", n_layer: int) -> int:
    """Later layers of these read the cache of earlier ones."""
    if keys.arch == "gemma3n":
        return 20
    if keys.arch == "gemma4":
        return n_layer - keys.number("attention.shared_kv_layers")
    return n_layer


def _state_bytes(keys: "_Keys", n_embd: int, heads: list[int]) -> int:
    """Bytes of one recurrent layer's state, in 32-bit floats: the convolution's rows and the state itself."""
    n_head = heads[0] if heads else 0
    if wkv := keys.number("wkv.head_size"):
        return 4 * (keys.number("token_shift_count", 2) * n_embd + n_embd * wkv)
    if cache := keys.number("shortconv.l_cache"):
        return 4 * n_embd * (cache - 1)
    d_conv = keys.number("ssm.conv_kernel")
    if kda := keys.number("kda.head_dim"):
        return 4 * (3 * (d_conv - 1 if d_conv else 3) * n_head * kda + kda * kda * n_head)
    d_inner, d_state, n_group = (
        keys.number("ssm.inner_size"),
        keys.number("ssm.state_size"),
        keys.number("ssm.group_count"),
    )
    return 4 * (max(0, d_conv - 1) * (d_inner + 2 * n_group * d_state) + d_state * d_inner)


class _Keys:
    """Numbers under one architecture's prefix; a wrong type or a nonsense value counts as missing."""

    def __init__(self, metadata: Mapping[str, Any], arch: str) -> None:
        self._metadata = metadata
        self.arch = arch

    def __contains__(self, key: str) -> bool:
        return f"{self.arch}.{key}" in self._metadata

    def get(self, key: str) -> object:
        return self._metadata.get(f"{self.arch}.{key}")

    def number(self, key: str, default: int = 0) -> int:
        value = self.get(key)
        if isinstance(value, list) and value:
            value = value[0]
        return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**32 else default

    def per_layer(self, key: str, n_layer: int, default: list[int] | None = None) -> list[int]:
        value = self.get(key)
        if isinstance(value, list):
            numbers = [item if isinstance(item, int) and 0 <= item < 2**32 else 0 for item in value[:n_layer]]
            return numbers + [0] * (n_layer - len(numbers))
        if key not in self and default is not None:
            return default
        return [self.number(key)] * n_layer
