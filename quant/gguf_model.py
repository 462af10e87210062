"""Refuses metadata that fits the format but makes llama.cpp abort, divide by zero or run out of memory.

llama.cpp answers most wrong values with an exception, which a worker reports. Where it asserts instead (the process
dies), we refuse first and name the key. Each rule says what it prevents; all were found in llama.cpp's loader and
graph code or by mutating files. Unknown architectures are llama.cpp's to refuse.
"""

import math
import re
from typing import Final

from rushlight.quant.gguf_facts import Facts
from rushlight.quant.gguf_reader import TOKENS_KEY, Contents, shown
from rushlight.quant.gguf_tokenizer import check_tokenizer
from rushlight.quant.gguf_types import MAX_TOKENS
from rushlight.quant.gguf_values import GgufFile, LongArray

MAX_LAYERS: Final = 512  # LLAMA_MAX_LAYERS
MAX_EXPERTS: Final = 1_024  # LLAMA_MAX_EXPERTS
MAX_CONTEXT: Final = 1 << 28  # 25 times the longest context any model claims
MAX_EMBEDDING: Final = 1 << 20
MIN_MAPPED_ALIGNMENT: Final = 32  # ggml asserts that mapped tensors start at a multiple of it
ROPE_SCALINGS: Final = ("none", "linear", "yarn", "longrope")

# What each kind of file that is no network may hold. (The name of an mmproj's tensors is not limited, its architecture
# "clip" is: llama.cpp builds no graph for it.)
_TENSOR_SUFFIXES: Final[dict[str, tuple[str, ...]]] = {
    "adapter": (".lora_a", ".lora_b", "_norm.weight"),
    "imatrix": (".in_sum2", ".counts"),
    "controlvector": (),
}
_AN: Final = {"adapter": "an adapter", "imatrix": "an importance matrix", "controlvector": "a control vector"}
# Stored by nothing: ggml makes them of activations while it computes, and has no product with them as weights.
_INTERMEDIATE_TYPES: Final = frozenset({"Q8_1", "Q8_K"})
_INTEGER_TYPES: Final = frozenset({"I8", "I16", "I32", "I64", "F64"})
# Tables of ids, not weights, in the few architectures that have them.
_ID_TABLES: Final = ("d2t", "t2d", "tid2eid")

# Dividing by one of these ends the process where an architecture uses it; none is ever zero in a real file.
_NEVER_ZERO: Final = (
    "full_attention_interval",
    "interleave_moe_layer_step",
    "moe_every_n_layers",
    "wkv.head_size",
    "ssm.conv_kernel",
    "ssm.inner_size",
    "ssm.state_size",
    "ssm.time_step_rank",
    "attention.group_norm_groups",
    "attention.key_length",
    "attention.value_length",
    "attention.output_group_count",
    "expert_group_scale",
    "experts_per_group",
    "conv_group_size",
    "hyper_connection.count",
    "attention.indexer.kpool",
    "shortconv.l_cache",
)
_EPSILONS: Final = (
    "attention.layer_norm_epsilon",
    "attention.layer_norm_rms_epsilon",
    "attention.group_norm_epsilon",
)
_BLOCK_NAME: Final = re.compile(r"blk\.(\d+)\.")


def check_contents(contents: Contents, file: GgufFile) -> None:
    """Raise an `Error` of kind "bad-file" for the first value that could take a native process down."""
    facts = Facts(contents)
    facts.name("general.type")
    _split(facts)
    suffixes = _TENSOR_SUFFIXES.get(file.kind)
    if suffixes is not None:
        # llama.cpp loads any file as a model when told to; so nothing with a model's tensors may pass as something else
        facts.name("general.architecture", required=file.kind == "adapter")
        for tensor in contents.tensors:
            if not tensor.name.endswith(suffixes) and not tensor.name.startswith("direction."):
                contents.bad(tensor.offset, f"only tensors of {_AN[file.kind]}", shown(tensor.name))
        if file.kind == "adapter":
            _adapter(facts)
        return
    if file.kind in ("model", "part"):
        _tensor_types(contents)
    if file.kind in ("model", "vocabulary"):
        architecture = facts.name("general.architecture", required=True)
        check_tokenizer(facts)
        if file.kind == "model":
            _Model(facts, architecture, file).check()


def _split(facts: Facts) -> None:
    # llama.cpp reads the part number of later parts without looking at its type first, which asserts.
    count = facts.typed("split.count", "uint16")
    number = facts.typed("split.no", "uint16")
    facts.typed("split.tensors.count", "int32")
    if count and number is not None and number >= count:
        facts.bad("split.no", f"a part number below {count}", f"{number}")


def _adapter(facts: Facts) -> None:
    # An adapter's texts and scale are read without looking at their types first, which asserts.
    facts.name("general.architecture", required=True)
    facts.name("adapter.type", required=True)
    alpha = facts.typed("adapter.lora.alpha", "float32")
    if alpha is not None and not math.isfinite(alpha):
        facts.bad("adapter.lora.alpha", "a finite number", f"{alpha}")
    rows = {tensor.name: tensor.shape for tensor in facts.contents.tensors}
    for tensor in facts.contents.tensors:
        if tensor.type_name in _INTERMEDIATE_TYPES | _INTEGER_TYPES:
            facts.contents.bad(tensor.offset, f"a weight type of {shown(tensor.name)}", tensor.type_name)
        if tensor.name.endswith(".lora_a"):
            other = rows.get(tensor.name[:-1] + "b")
            if other is None:
                facts.contents.bad(tensor.offset, f"the matrix b that belongs to {shown(tensor.name)}", "none")
        if tensor.name.endswith((".lora_a", ".lora_b")) and len(tensor.shape) > 2 and max(tensor.shape[2:]) > 1:
            facts.contents.bad(tensor.offset, f"a matrix as {shown(tensor.name)}", f"{tensor.shape}")


def _tensor_types(contents: Contents) -> None:
    for tensor in contents.tensors:
        name, type_name = tensor.name, tensor.type_name
        if type_name in _INTERMEDIATE_TYPES:
            contents.bad(tensor.offset, f"a type of {shown(name)} that models are stored in", type_name)
        if type_name in _INTEGER_TYPES and not any(table in name for table in _ID_TABLES):
            contents.bad(tensor.offset, f"a weight type of {shown(name)}", type_name)
        vector = len(tensor.shape) == 1 or name.endswith(".bias") or "norm" in name or name == "token_types.weight"
        if vector and type_name != "F32" and not any(table in name for table in _ID_TABLES):
            # norms and biases meet float32 activations element by element; the CPU kernels abort on any other pair
            contents.bad(tensor.offset, f"F32 for the norm or bias {shown(name)}", type_name)
        if name.startswith("rope_f") and type_name != "F32":  # ggml_rope asserts it
            contents.bad(tensor.offset, f"F32 for {shown(name)}", type_name)


class _Model:
    """The rules for the numbers of one architecture's network."""

    def __init__(self, facts: Facts, architecture: str, file: GgufFile) -> None:
        self.facts = facts
        self.contents = facts.contents
        self.prefix = architecture
        self.whole_model = file.split_count == 1  # else tensors lie in other files too

    def check(self) -> None:
        if self.contents.alignment < MIN_MAPPED_ALIGNMENT:
            self.facts.bad("general.alignment", f"at least {MIN_MAPPED_ALIGNMENT}", f"{self.contents.alignment}")
        self._whole("context_length", 1, MAX_CONTEXT, required=True)
        n_embd = self._whole("embedding_length", 1, MAX_EMBEDDING, required=True) or 1
        n_layers = self._whole("block_count", 1, MAX_LAYERS, required=True) or 1
        self._whole("nextn_predict_layers", 0, n_layers)
        for key in _NEVER_ZERO:
            self._positive(key)
        self._floats()
        self._heads(n_embd, n_layers)
        self._experts(n_layers)
        self._vocabulary()
        self._blocks(n_layers)
        for key in ("pooling_type", "classifier.pooling_type"):  # another value aborts when the graph is built
            self._whole(key, 0, 4)
        scaling = self._key("rope.scaling.type")
        if self.facts.typed(scaling, "string") not in (None, *ROPE_SCALINGS):
            self.facts.bad(scaling, f"one of {', '.join(ROPE_SCALINGS)}", shown(self.facts.metadata[scaling]))

    def _key(self, name: str) -> str:
        return f"{self.prefix}.{name}"

    def _whole(self, name: str, lowest: int, highest: int, *, required: bool = False) -> int | None:
        return self.facts.whole(self._key(name), lowest, highest, required=required)

    def _positive(self, name: str) -> None:
        value = self.facts.metadata.get(self._key(name))
        if isinstance(value, int) and value < 1:
            self.facts.bad(self._key(name), "a number from 1", f"{value}")

    def _floats(self) -> None:
        for key, value in self.facts.metadata.items():
            if isinstance(value, float) and key.startswith(f"{self.prefix}.") and not math.isfinite(value):
                self.facts.bad(key, "a finite number", f"{value}")
        for name in _EPSILONS:  # norms assert that it is not negative
            value = self.facts.typed(self._key(name), "float32")
            if value is not None and value < 0:
                self.facts.bad(self._key(name), "a number from 0", f"{value}")
        base = self.facts.typed(self._key("rope.freq_base"), "float32")
        if base is not None and base <= 0:
            self.facts.bad(self._key("rope.freq_base"), "a number above 0", f"{base}")

    def _per_layer(self, name: str, n_layers: int) -> list[int]:
        """One number a layer: the file holds a single one, or an array of exactly as many as there are layers."""
        key = self._key(name)
        value = self.facts.metadata.get(key)
        if value is None:
            return []
        if isinstance(value, list | LongArray):
            if len(value) != n_layers:
                self.facts.bad(key, f"one number for each of {n_layers} layers", f"{len(value):,}")
            numbers = value if isinstance(value, list) else []
            if not all(isinstance(number, int) for number in numbers):
                self.facts.bad(key, "whole numbers", self.contents.value_types[key])
            return numbers
        return [int(self.facts.typed(key, "uint32"))] * n_layers

    def _heads(self, n_embd: int, n_layers: int) -> None:
        heads = self._per_layer("attention.head_count", n_layers)
        kv_heads = self._per_layer("attention.head_count_kv", n_layers)
        if not heads or heads[0] == 0:
            self._no_heads(heads)
            return
        key = self._key("attention.head_count")
        for count in heads:
            if not 0 <= count <= n_embd:
                self.facts.bad(key, f"a number of heads up to the embedding length {n_embd:,}", f"{count:,}")
        for count, kv_count in zip(heads, kv_heads, strict=False):
            if kv_count < 0 or (kv_count and count % kv_count):  # the product over heads asserts it
                self.facts.bad(self._key("attention.head_count_kv"), f"a divisor of the {count} heads", f"{kv_count}")
        key_length = self._whole("attention.key_length", 1, MAX_EMBEDDING)
        value_length = self._whole("attention.value_length", 1, MAX_EMBEDDING)
        if key_length is None and n_embd % heads[0]:
            self.facts.bad(key, f"a number of heads that divides the embedding length {n_embd:,}", f"{heads[0]:,}")
        plain_length = n_embd // heads[0]
        self._head_lengths(heads[0], (kv_heads or heads)[0], key_length or plain_length, value_length or plain_length)
        self._rope(key_length or plain_length)

    def _head_lengths(self, n_heads: int, n_kv_heads: int, key_length: int, value_length: int) -> None:
        """Most graphs assert that keys and values of a head are equally long. Where they are not, the weights of the
        first layer must say the same."""
        if key_length == value_length:
            return
        expected_rows = {
            "blk.0.attn_k.weight": n_kv_heads * key_length,
            "blk.0.attn_v.weight": n_kv_heads * value_length,
            "blk.0.attn_qkv.weight": n_heads * key_length + n_kv_heads * (key_length + value_length),
        }
        swa_keys = (self._key("attention.key_length_swa"), self._key("attention.value_length_swa"))
        layer_differs = any(key in self.facts.metadata for key in swa_keys)
        for tensor in self.contents.tensors:
            rows = expected_rows.get(tensor.name)
            if rows and not layer_differs and len(tensor.shape) == 2 and tensor.shape[1] != rows:
                given = next(
                    key
                    for key in (self._key("attention.key_length"), self._key("attention.value_length"))
                    if key in self.facts.metadata
                )
                self.facts.bad(
                    given,
                    f"head lengths that fit the {tensor.shape[1]:,} rows of {shown(tensor.name)}",
                    f"{key_length} for keys and {value_length} for values",
                )

    def _no_heads(self, heads: list[int]) -> None:
        # Models without attention have no heads; with attention weights the head size would be divided by zero.
        if heads and any(name.name == "blk.0.attn_q.weight" for name in self.contents.tensors):
            self.facts.bad(self._key("attention.head_count"), "a number of heads from 1", "0")

    def _rope(self, head_length: int) -> None:
        key = self._key("rope.dimension_count")
        count = self._whole("rope.dimension_count", 0, head_length)
        if count is not None and count % 2:  # rotated in pairs
            self.facts.bad(key, "an even number", f"{count}")
        sections = self.facts.metadata.get(self._key("rope.dimension_sections"))
        if isinstance(sections, list) and any(not isinstance(part, int) or part < 0 for part in sections):
            self.facts.bad(self._key("rope.dimension_sections"), "whole numbers from 0", f"{sections[:8]}")

    def _experts(self, n_layers: int) -> None:
        n_experts = self._whole("expert_count", 0, MAX_EXPERTS) or 0
        used = self._per_layer("expert_used_count", n_layers)
        most_used = max(used, default=0)
        key = self._key("expert_used_count")
        # hunyuan's loader forgets both numbers where there is one expert
        if n_experts > 1 and not 0 < most_used <= n_experts:
            self.facts.bad(
                key if used else self._key("expert_count"),
                f"from 1 to {n_experts} experts used for a token",
                f"{most_used}",
            )
        if n_experts <= 1 and most_used > n_experts and not self.prefix.startswith("hunyuan"):
            self.facts.bad(key, f"at most the {n_experts} experts there are", f"{most_used}")
        if used and min(used) < 0:
            self.facts.bad(key, "numbers from 0", f"{min(used)}")
        groups = self._whole("expert_group_count", 0, max(0, n_experts - 1)) or 0
        if groups > 1:
            if n_experts % groups:
                self.facts.bad(self._key("expert_group_count"), f"a divisor of {n_experts} experts", f"{groups}")
            self._whole("expert_group_used_count", 1, groups - 1, required=True)

    def _vocabulary(self) -> None:
        self._whole("vocab_size", 1, MAX_TOKENS)  # without a tokenizer, so many entries are allocated
        tokens = self.contents.tokens
        embedding = next((tensor for tensor in self.contents.tensors if tensor.name == "token_embd.weight"), None)
        if embedding is not None and tokens:
            rows = embedding.shape[1] if len(embedding.shape) > 1 else 1
            if rows != len(tokens):
                self.facts.bad(
                    TOKENS_KEY, f"as many tokens as token_embd.weight has rows ({rows:,})", f"{len(tokens):,}"
                )

    def _blocks(self, n_layers: int) -> None:
        if not self.whole_model:
            return
        for tensor in self.contents.tensors:
            match = _BLOCK_NAME.match(tensor.name)
            if match and int(match[1][:9]) >= n_layers:
                self.facts.bad(
                    self._key("block_count"), f"more blocks, since {shown(tensor.name)} exists", f"{n_layers}"
                )
