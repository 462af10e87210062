"""Builds small GGUF files that llama.cpp really loads: random seeded weights, a byte-level vocabulary, a chat template.

Used by the tests of every part that needs a model file but no sense in its answers. Reached through the fixtures
`gguf_builder`, `make_gguf` and `tiny_gguf` of tests/conftest.py.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGMLQuantizationType, GGUFReader, GGUFWriter
from gguf.quants import quantize

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
CONTROL_TOKENS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
MIN_VOCAB = len(CONTROL_TOKENS) + 256 + 1  # llama.cpp wants a list of merges, so there is one at least
_WORDS = (" the", " and", " of", " to", " in", " is", " a", "hello", " world", " France", " Paris", " user", " capital")
_NORMAL, _UNKNOWN, _CONTROL, _BYTE = 1, 2, 3, 6


def byte_letters() -> dict[int, str]:
    """GPT-2's printable letter for each byte value."""
    plain = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    letters = {byte: chr(byte) for byte in plain}
    others = (byte for byte in range(256) if byte not in letters)
    return letters | {byte: chr(256 + index) for index, byte in enumerate(others)}


def byte_level_vocabulary(n_vocab: int) -> tuple[list[str], list[int], list[str]]:
    """(tokens, token types, merges): control tokens, all bytes, then pieces of a few words, then pairs of letters."""
    letters = byte_letters()
    tokens = [*CONTROL_TOKENS, *(letters[byte] for byte in range(256))]
    merges: list[str] = []
    known = set(tokens)

    def merge(first: str, second: str) -> None:
        if first + second not in known and len(tokens) < n_vocab:
            merges.append(f"{first} {second}")
            tokens.append(first + second)
            known.add(first + second)

    for word in _WORDS:
        pieces = [letters[byte] for byte in word.encode()]
        for end in range(1, len(pieces)):
            merge("".join(pieces[:end]), pieces[end])
    alphabet = [letters[byte] for byte in range(0x21, 0x7F)]
    for first in alphabet:
        for second in alphabet:
            merge(first, second)
    assert MIN_VOCAB <= n_vocab == len(tokens), f"n_vocab must lie between {MIN_VOCAB} and {len(tokens)}"
    return tokens, [_CONTROL] * len(CONTROL_TOKENS) + [_NORMAL] * (n_vocab - len(CONTROL_TOKENS)), merges


def byte_fallback_vocabulary(n_vocab: int) -> tuple[list[str], list[int], list[float]]:
    """(tokens, token types, scores) as SentencePiece makes them: a token for each byte, words with bars for spaces."""
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    types = [_UNKNOWN, _CONTROL, _CONTROL] + [_BYTE] * 256
    words = [word.replace(" ", "\u2581") for word in _WORDS]
    parts = (word[:end] for word in words for end in range(2, len(word) + 1))
    pieces = ["\u2581", *(chr(code) for code in range(0x21, 0x7F)), *parts]
    tokens += [piece for piece in dict.fromkeys(pieces) if piece not in tokens][: n_vocab - len(tokens)]
    assert len(tokens) == n_vocab, f"n_vocab must lie between 260 and {len(tokens)}"
    types += [_NORMAL] * (n_vocab - len(types))
    return tokens, types, [0.0] * 259 + [-float(index) for index in range(n_vocab - 259)]


class _Weights:
    """Adds random matrices and vectors in one quantization type; vectors stay float32, as in real files."""

    def __init__(self, writer: GGUFWriter, quantization: str, seed: int) -> None:
        self._writer = writer
        self._type = GGMLQuantizationType[quantization]
        self._random = np.random.default_rng(seed)

    def matrix(
        self, name: str, n_rows: int, row_length: int, quantization: str | None = None, n_matrices: int = 0
    ) -> None:
        shape = (n_matrices, n_rows, row_length) if n_matrices else (n_rows, row_length)
        values = self._random.normal(0.0, 0.1, shape).astype(np.float32)
        kind = GGMLQuantizationType[quantization] if quantization else self._type
        if kind == GGMLQuantizationType.F32:
            self._writer.add_tensor(name, values)
        elif kind == GGMLQuantizationType.F16:
            self._writer.add_tensor(name, values.astype(np.float16))
        else:
            self._writer.add_tensor(name, quantize(values, kind), raw_dtype=kind)

    def ones(self, name: str, length: int) -> None:
        self._writer.add_tensor(name, np.ones(length, np.float32))

    def zeros(self, name: str, length: int) -> None:
        self._writer.add_tensor(name, np.zeros(length, np.float32))


def add_value(writer: GGUFWriter, key: str, value: Any) -> None:
    """Text, bool, whole number (uint32), number (float32) or list, under any key."""
    match value:
        case str():
            writer.add_string(key, value)
        case bool():
            writer.add_bool(key, value)
        case int():
            writer.add_uint32(key, value)
        case float():
            writer.add_float32(key, value)
        case _:
            writer.add_array(key, value)


def _write(writer: GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def tiny_llama_gguf(
    path: Path,
    *,
    n_vocab: int = 320,
    n_layers: int = 2,
    n_embd: int = 64,
    n_heads: int = 4,
    n_kv_heads: int = 2,
    n_ff: int = 128,
    n_ctx: int = 2048,
    n_experts: int = 0,
    quantization: str = "F32",
    template: str | None = CHATML,
    tokenizer: str = "gpt2",
    name: str = "Tiny Llama",
    seed: int = 1,
    alignment: int | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Path:
    """A llama model of a few hundred kilobytes. `quantization`: F32, F16, Q8_0, Q4_0 (rows must divide by 32);
    `tokenizer`: gpt2 (byte-level pairs) or llama (SentencePiece); `n_experts`: each token goes to two of them."""
    writer = GGUFWriter(path, "llama")
    if alignment is not None:
        writer.add_custom_alignment(alignment)
    writer.add_type("model")
    writer.add_name(name)
    writer.add_license("apache-2.0")
    writer.add_context_length(n_ctx)
    writer.add_embedding_length(n_embd)
    writer.add_block_count(n_layers)
    writer.add_feed_forward_length(n_ff)
    writer.add_head_count(n_heads)
    writer.add_head_count_kv(n_kv_heads)
    writer.add_rope_dimension_count(n_embd // n_heads)
    writer.add_rope_freq_base(10_000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(n_vocab)
    if n_experts:
        writer.add_expert_count(n_experts)
        writer.add_expert_used_count(2)
    writer.add_file_type({"F32": 0, "F16": 1, "Q4_0": 2, "Q8_0": 7}[quantization])
    writer.add_tokenizer_model(tokenizer)
    if tokenizer == "gpt2":
        tokens, token_types, merges = byte_level_vocabulary(n_vocab)
        writer.add_tokenizer_pre("gpt-2")
        writer.add_token_merges(merges)
    else:
        tokens, token_types, scores = byte_fallback_vocabulary(n_vocab)
        writer.add_token_scores(scores)
    writer.add_token_list(tokens)
    writer.add_token_types(token_types)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_pad_token_id(0)
    writer.add_add_bos_token(False)
    if template is not None:
        writer.add_chat_template(template)
    for key, value in (extra or {}).items():
        add_value(writer, key, value)

    weights = _Weights(writer, quantization, seed)
    n_kv = n_embd // n_heads * n_kv_heads
    weights.matrix("token_embd.weight", n_vocab, n_embd)
    for layer in range(n_layers):
        block = f"blk.{layer}"
        weights.ones(f"{block}.attn_norm.weight", n_embd)
        weights.matrix(f"{block}.attn_q.weight", n_embd, n_embd)
        weights.matrix(f"{block}.attn_k.weight", n_kv, n_embd)
        weights.matrix(f"{block}.attn_v.weight", n_kv, n_embd)
        weights.matrix(f"{block}.attn_output.weight", n_embd, n_embd)
        weights.ones(f"{block}.ffn_norm.weight", n_embd)
        suffix = "_exps" if n_experts else ""
        if n_experts:
            weights.matrix(f"{block}.ffn_gate_inp.weight", n_experts, n_embd, "F32")
        weights.matrix(f"{block}.ffn_gate{suffix}.weight", n_ff, n_embd, n_matrices=n_experts)
        weights.matrix(f"{block}.ffn_up{suffix}.weight", n_ff, n_embd, n_matrices=n_experts)
        weights.matrix(f"{block}.ffn_down{suffix}.weight", n_embd, n_ff, n_matrices=n_experts)
    weights.ones("output_norm.weight", n_embd)
    weights.matrix("output.weight", n_vocab, n_embd)
    _write(writer)
    return path


def tiny_lora_gguf(
    path: Path, *, rank: int = 4, n_layers: int = 2, n_embd: int = 64, alpha: float = 8.0, seed: int = 2
) -> Path:
    """A LoRA adapter for `tiny_llama_gguf` that changes the queries of every layer."""
    writer = GGUFWriter(path, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", alpha)
    weights = _Weights(writer, "F32", seed)
    for layer in range(n_layers):
        weights.matrix(f"blk.{layer}.attn_q.weight.lora_a", rank, n_embd)
        weights.matrix(f"blk.{layer}.attn_q.weight.lora_b", n_embd, rank)
    _write(writer)
    return path


def tiny_bert_gguf(
    path: Path,
    *,
    n_layers: int = 2,
    n_embd: int = 64,
    n_heads: int = 4,
    n_ff: int = 128,
    n_ctx: int = 256,
    seed: int = 3,
) -> Path:
    """An embedding model with mean pooling and a word-piece vocabulary of letters, digits and a few words."""
    tokens = ["[PAD]", *(f"[unused{index}]" for index in range(99)), "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = "abcdefghijklmnopqrstuvwxyz0123456789.,!?"
    tokens += [f"\u2581{letter}" for letter in letters] + list(letters)
    tokens += [f"\u2581{word.strip().lower()}" for word in _WORDS if len(word.strip()) > 1]
    writer = GGUFWriter(path, "bert")
    writer.add_type("model")
    writer.add_name("Tiny Bert")
    writer.add_context_length(n_ctx)
    writer.add_embedding_length(n_embd)
    writer.add_block_count(n_layers)
    writer.add_feed_forward_length(n_ff)
    writer.add_head_count(n_heads)
    writer.add_layer_norm_eps(1e-12)
    writer.add_causal_attention(False)
    writer.add_uint32("bert.pooling_type", 1)
    writer.add_file_type(0)
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_types([_CONTROL if token.startswith("[") else _NORMAL for token in tokens])
    writer.add_token_type_count(2)
    for kind, token in (
        ("padding", "[PAD]"),
        ("unknown", "[UNK]"),
        ("cls", "[CLS]"),
        ("seperator", "[SEP]"),
        ("mask", "[MASK]"),
        ("bos", "[CLS]"),
        ("eos", "[SEP]"),
    ):
        writer.add_uint32(f"tokenizer.ggml.{kind}_token_id", tokens.index(token))
    weights = _Weights(writer, "F32", seed)

    def norm(name: str) -> None:
        weights.ones(f"{name}.weight", n_embd)
        weights.zeros(f"{name}.bias", n_embd)

    def linear(name: str, n_out: int, n_in: int) -> None:
        weights.matrix(f"{name}.weight", n_out, n_in)
        weights.zeros(f"{name}.bias", n_out)

    weights.matrix("token_embd.weight", len(tokens), n_embd)
    weights.matrix("token_types.weight", 2, n_embd)
    weights.matrix("position_embd.weight", n_ctx, n_embd)
    norm("token_embd_norm")
    for layer in range(n_layers):
        block = f"blk.{layer}"
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            linear(f"{block}.{part}", n_embd, n_embd)
        norm(f"{block}.attn_output_norm")
        linear(f"{block}.ffn_up", n_ff, n_embd)
        linear(f"{block}.ffn_down", n_embd, n_ff)
        norm(f"{block}.layer_output_norm")
    _write(writer)
    return path


@dataclass
class RawTensor:
    """One row of the tensor table, written as it stands. `offset` None: right after the tensor before."""

    name: bytes
    dims: list[int]
    type_number: int
    data: bytes
    offset: int | None = None
    n_dims: int | None = None


@dataclass
class RawFile:
    """A GGUF file as plain parts, each of which may be wrong: what hand-made and mutated files are made of.

    `values` holds (key, value type, bytes of the value); counts and magic may be overridden to lie.
    """

    values: list[tuple[bytes, int, bytes]] = field(default_factory=list)
    tensors: list[RawTensor] = field(default_factory=list)
    magic: bytes = b"GGUF"
    version: int = 3
    n_tensors: int | None = None
    n_values: int | None = None
    alignment: int = 32

    def set(self, key: str, type_number: int, value: bytes) -> None:
        """Replace the value of `key`, or add it."""
        row = (key.encode(), type_number, value)
        at = next((index for index, (name, _, _) in enumerate(self.values) if name == row[0]), len(self.values))
        self.values[at : at + 1] = [row]

    def remove(self, key: str) -> None:
        self.values = [row for row in self.values if row[0] != key.encode()]

    def tensor(self, name: str) -> RawTensor:
        return next(tensor for tensor in self.tensors if tensor.name == name.encode())

    def pack(self) -> bytes:
        n_tensors = len(self.tensors) if self.n_tensors is None else self.n_tensors
        n_values = len(self.values) if self.n_values is None else self.n_values
        out = bytearray(self.magic + struct.pack("<IQQ", self.version, n_tensors, n_values))
        for key, type_number, value in self.values:
            out += raw_string(key) + struct.pack("<I", type_number) + value
        data = bytearray()
        for tensor in self.tensors:
            offset = len(data) if tensor.offset is None else tensor.offset
            n_dims = len(tensor.dims) if tensor.n_dims is None else tensor.n_dims
            out += raw_string(tensor.name) + struct.pack("<I", n_dims)
            out += struct.pack(f"<{len(tensor.dims)}Q", *tensor.dims) + struct.pack("<IQ", tensor.type_number, offset)
            data += tensor.data
            data += bytes(-len(data) % self.alignment)
        out += bytes(-len(out) % self.alignment)
        return bytes(out + data)

    def write(self, path: Path) -> Path:
        path.write_bytes(self.pack())
        return path


def raw_string(text: bytes) -> bytes:
    return struct.pack("<Q", len(text)) + text


def raw_array(type_number: int, elements: list[bytes]) -> bytes:
    """An array's value: element type, length, elements already packed."""
    return struct.pack("<IQ", type_number, len(elements)) + b"".join(elements)


def raw_file(path: Path) -> RawFile:
    """The parts of an existing good file, to be changed one at a time. Read through the gguf package."""
    reader = GGUFReader(path)
    raw = RawFile(version=int(reader.fields["GGUF.version"].parts[-1][0]), alignment=int(reader.alignment))
    for key, entry in reader.fields.items():
        if not key.startswith("GGUF."):
            # parts: length of the key, key, type, then the bytes of the value in order
            raw.values.append((key.encode(), int(entry.types[0]), b"".join(part.tobytes() for part in entry.parts[3:])))
    for tensor in reader.tensors:
        dims = [int(dim) for dim in tensor.shape]
        raw.tensors.append(RawTensor(tensor.name.encode(), dims, int(tensor.tensor_type), tensor.data.tobytes()))
    return raw


def hollow_gguf(path: Path, size_bytes: int, *, name: str = "Hollow") -> Path:
    """A valid model file of about `size_bytes`, nearly all of it a hole in one tensor: large to read, free to keep.

    Files of other sizes or names have other contents.
    """
    n_rows = max(1, size_bytes // 4096)
    writer = GGUFWriter(path, "llama")
    writer.add_name(name)
    writer.add_context_length(128)
    writer.add_embedding_length(1024)
    writer.add_block_count(1)
    writer.add_head_count(16)
    writer.add_vocab_size(MIN_VOCAB)
    tokens, token_types, merges = byte_level_vocabulary(MIN_VOCAB)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_merges(merges)
    writer.add_token_list(tokens)
    writer.add_token_types(token_types)
    for tensor, n in (("token_embd.weight", MIN_VOCAB), ("blk.0.ffn_up.weight", n_rows)):
        writer.add_tensor_info(tensor, (n, 1024), np.dtype(np.float32), n * 4096)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    with path.open("r+b") as file:
        start = -(-path.stat().st_size // 32) * 32
        file.truncate(start + (MIN_VOCAB + n_rows) * 4096)
    return path
