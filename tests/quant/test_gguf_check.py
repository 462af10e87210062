"""Bad files of every class are refused by the gate before native code, each with what was expected and found."""

import math
import os
import struct
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rushlight import Error
from rushlight.quant.gguf_check import check
from rushlight.quant.gguf_types import MAX_KEYS, MAX_TOKENS

U8, U16, U32, I32, F32, BOOL, TEXT, LIST, U64 = 0, 2, 4, 5, 6, 7, 8, 9, 10
TYPE_F16, TYPE_Q4_K = 1, 12


def u32(number: int) -> bytes:
    return struct.pack("<I", number)


def u64(number: int) -> bytes:
    return struct.pack("<Q", number)


def f32(number: float) -> bytes:
    return struct.pack("<f", number)


def text(value: bytes) -> bytes:
    return u64(len(value)) + value


def texts(*values: bytes) -> bytes:
    return u32(TEXT) + u64(len(values)) + b"".join(text(value) for value in values)


def header(n_tensors: int, n_keys: int, *, magic: bytes = b"GGUF", version: int = 3) -> bytes:
    return magic + struct.pack("<IQQ", version, n_tensors, n_keys)


def refusal(path: Path) -> str:
    """The message with which the file is refused."""
    with pytest.raises(Error) as caught:
        check(path)
    assert caught.value.kind == "bad-file"
    assert caught.value.hint
    message = caught.value.message
    assert path.name in message
    assert message.isprintable(), "nothing from the file reaches a terminal unescaped"
    assert len(message) < 600
    return message


# ---------------------------------------------------------------- plain bytes that are no whole file
BYTES: dict[str, tuple[bytes, str]] = {
    "empty file": (b"", "found an empty file"),
    "one byte": (b"G", "the letters GGUF"),
    "bad magic": (header(0, 0, magic=b"FUGG"), "the letters GGUF, found 'FUGG'"),
    "zip file": (b"PK\3\4" + bytes(60), "the letters GGUF"),
    "old format": (header(0, 0, magic=b"ggjt"), "the letters GGUF"),
    "escape codes for a magic": (b"\x1b]0;" + bytes(60), r"found '\x1b]0;'"),
    "magic alone": (b"GGUF", "the format version, found 0 bytes before the end"),
    "version 0": (header(0, 0, version=0), "version 2 or 3, found version 0"),
    "version 1": (header(0, 0, version=1), "must be converted anew"),
    "version 4": (header(0, 0, version=4), "found version 4"),
    "big-endian": (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "a little-endian file"),
    "header cut": (header(0, 0)[:20], "the number of keys"),
    "2^64-1 tensors": (header(2**64 - 1, 0), "at most 65,536 tensors, found 18,446,744,073,709,551,615"),
    "65,537 tensors": (header(65_537, 0), "at most 65,536 tensors"),
    "2^64-1 keys": (header(0, 2**64 - 1), "keys, found 18,446,744,073,709,551,615"),
    "more keys than any model": (header(0, MAX_KEYS + 1), f"at most {MAX_KEYS:,} keys"),
    "more keys than there are": (header(0, 2) + text(b"a") + u32(U32) + u32(1), "the length of key 2 of 2"),
    "37 bytes with an empty key": (header(0, 1) + u64(0) + u32(0) + b"\0", "key 1 of 1 that is not empty"),
    "key of 2^63 bytes": (header(0, 1) + u64(2**63), "key 1 of 1 of at most 65,535 bytes"),
    "key past the end": (header(0, 1) + u64(100) + b"short", "100 bytes of key 1 of 1, found 5 bytes"),
    "key with a zero byte": (header(0, 1) + text(b"a\0b") + u32(U8) + b"\1", "without control characters"),
    "key with escape codes": (header(0, 1) + text(b"a\x1b[2J") + u32(U8) + b"\1", r"found 'a\x1b[2J'"),
    "key that is no UTF-8": (header(0, 1) + text(b"a\xff") + u32(U8) + b"\1", "in UTF-8"),
    "value type 13": (header(0, 1) + text(b"a") + u32(13) + u64(0), "a value type from 0 to 12 for 'a', found 13"),
    "value type 2^32-1": (header(0, 1) + text(b"a") + u32(2**32 - 1), "found 4294967295"),
    "value cut": (header(0, 1) + text(b"a") + u32(U64) + bytes(7), "8 bytes of the value of 'a', found 7"),
    "bool that is 2": (header(0, 1) + text(b"a") + u32(BOOL) + b"\2", "0 or 1 for the bool 'a', found 2"),
    "text of 2^62 bytes": (header(0, 1) + text(b"a") + u32(TEXT) + u64(2**62), "at most 16,777,216 bytes"),
    "text past the end": (header(0, 1) + text(b"a") + u32(TEXT) + u64(9) + b"hello", "9 bytes of the value of 'a'"),
    "list of 2^40 elements": (header(0, 1) + text(b"a") + u32(LIST) + u32(U32) + u64(2**40), "16,777,216 elements"),
    "list whose size overflows": (header(0, 1) + text(b"a") + u32(LIST) + u32(U64) + u64(2**61), "elements in 'a'"),
    "list past the end": (header(0, 1) + text(b"a") + u32(LIST) + u32(U32) + u64(3) + bytes(8), "12 bytes of elements"),
    "list in a list": (header(0, 1) + text(b"a") + u32(LIST) + u32(LIST) + u64(1), "no array inside the array 'a'"),
    "list of unknown type": (header(0, 1) + text(b"a") + u32(LIST) + u32(99) + u64(1), "an element type from 0 to 12"),
    "list with a bool of 3": (
        header(0, 1) + text(b"a") + u32(LIST) + u32(BOOL) + u64(3) + b"\0\1\3", "only 0 and 1 in the bools 'a'"),
    "list with a text past the end": (
        header(0, 1) + text(b"a") + u32(LIST) + u32(TEXT) + u64(2) + text(b"x") + u64(50) + b"y", "element 2 of 2"),
    "list with a text of 2^64-1 bytes": (
        header(0, 1) + text(b"a") + u32(LIST) + u32(TEXT) + u64(2) + text(b"x") + u64(2**64 - 1), "element 2 of 2"),
    "long list whose last text is cut": (
        header(0, 1) + text(b"a") + u32(LIST) + u32(TEXT) + u64(2_000) + text(b"xy") * 1_999 + u64(50) + b"y",
        "the last element of 'a', found 1 bytes"),
    "a token more than allowed": (
        header(0, 1) + text(b"tokenizer.ggml.tokens") + u32(LIST) + u32(TEXT) + u64(MAX_TOKENS + 1),
        f"{MAX_TOKENS:,} tokens"),
    "4 million texts": (header(0, 1) + text(b"a") + u32(LIST) + u32(TEXT) + u64(2**22), "2,097,152 texts in all"),
    "the same key again": (
        header(0, 2) + (text(b"a") + u32(U8) + b"\1") * 2, "every key once, found 'a' again"),
}  # fmt: skip


@pytest.mark.parametrize("name", BYTES)
def test_bytes_that_are_no_gguf_file_are_refused(name: str, tmp_path: Path) -> None:
    data, fragment = BYTES[name]
    path = tmp_path / "bad.gguf"
    path.write_bytes(data)
    assert fragment in refusal(path)


# ---------------------------------------------------------------- one change to a good file
Change = Callable[[Any], object]


def number(key: str, value: int) -> Change:
    return lambda file: file.set(key, U32, u32(value))


def real(key: str, value: float) -> Change:
    return lambda file: file.set(key, F32, f32(value))


def value(key: str, kind: int, data: bytes) -> Change:
    return lambda file: file.set(key, kind, data)


def row(name: str, /, **changes: Any) -> Change:
    def change(file: Any) -> None:
        tensor = file.tensor(name)
        for field, new in changes.items():
            setattr(tensor, field, new)

    return change


def whole(**changes: Any) -> Change:
    def change(file: Any) -> None:
        for field, new in changes.items():
            setattr(file, field, new)

    return change


def both(*changes: Change) -> Change:
    return lambda file: [change(file) for change in changes]


def without(key: str) -> Change:
    return lambda file: file.remove(key)


Q, K, OUT, NORM = "blk.0.attn_q.weight", "blk.0.attn_k.weight", "output.weight", "output_norm.weight"

CHANGES: dict[str, tuple[Change, str]] = {
    # the tensor table
    "fewer tensors than said": (whole(n_tensors=22), "the name of tensor 22 of 22"),
    "no dimensions": (row(Q, n_dims=0, dims=[]), "1 to 4 dimensions of 'blk.0.attn_q.weight', found 0"),
    "5 dimensions": (row(Q, n_dims=5), "1 to 4 dimensions"),
    "2^32-1 dimensions": (row(Q, n_dims=2**32 - 1), "found 4,294,967,295"),
    "a dimension of 0": (row(Q, dims=[64, 0]), "of at least 1"),
    "2^63 elements": (row(Q, dims=[2**31, 2**32]), "fewer than 2^63 elements"),
    "2^64 elements, 0 when wrapped": (row(Q, dims=[2**32, 2**32]), "fewer than 2^63 elements"),
    "bytes that wrap when padded": (row(OUT, dims=[2**61 - 1, 1]), "within the file"),
    "negative dimension": (row(Q, dims=[64, 2**64 - 64]), "fewer than 2^63 elements"),
    "unknown tensor type": (row(Q, type_number=99), "a known tensor type of 'blk.0.attn_q.weight', found type 99"),
    "removed tensor type": (row(Q, type_number=31), "Q4_0_4_4, which was removed"),
    "rows that do not fit the blocks": (row(Q, type_number=TYPE_Q4_K), "divisible by 256 for Q4_K, found 64"),
    "empty tensor name": (row(Q, name=b""), "that is not empty"),
    "tensor name of 64 bytes": (row(Q, name=b"x" * 64), "of at most 63 bytes, found 64"),
    "tensor name with a line end": (row(Q, name=b"a\nb"), "without control characters"),
    "the same tensor again": (row(K, name=Q.encode()), "every tensor name once"),
    "offset off the alignment": (row(K, offset=1), "a multiple of 32, found 1"),
    "tensor on another": (row(K, offset=0), "which overlaps the tensor before"),
    "a gap between tensors": (row(K, offset=2**20), "which leaves a gap"),
    "offset of 2^64-32": (row(K, offset=2**64 - 32), "which leaves a gap"),
    "tensor larger than the file": (row(OUT, dims=[64, 2**40]), "within the file"),
    "data missing": (row(OUT, data=b""), "within the file"),
    # alignment
    "alignment of 0": (number("general.alignment", 0), "a power of two from 8"),
    "alignment of 3": (number("general.alignment", 3), "a power of two from 8"),
    "alignment of 2^31": (number("general.alignment", 2**31), "within the file of"),
    "alignment that is a text": (value("general.alignment", TEXT, text(b"32")), "a uint32"),
    "alignment below the mapped one": (both(number("general.alignment", 16), whole(alignment=16)), "at least 32"),
    # what llama.cpp asserts, divides by, or allocates without a look
    "no architecture": (without("general.architecture"), "the key 'general.architecture'"),
    "architecture that is a number": (number("general.architecture", 3), "a value of type string"),
    "architecture with a zero byte": (value("general.architecture", TEXT, text(b"llama\0x")), "a plain name"),
    "no context length": (without("llama.context_length"), "the key 'llama.context_length'"),
    "context length of 2^32-1": (number("llama.context_length", 2**32 - 1), "a number from 1 to"),
    "context length as a real number": (real("llama.context_length", 8.0), "a value of type uint32"),
    "embedding length of 0": (number("llama.embedding_length", 0), "a number from 1"),
    "no layers": (number("llama.block_count", 0), "a number from 1 to 512"),
    "513 layers": (number("llama.block_count", 513), "a number from 1 to 512"),
    "a layer too few": (number("llama.block_count", 1), "more blocks, since 'blk.1."),
    "heads beyond the embedding": (number("llama.attention.head_count", 65), "up to the embedding length 64"),
    "no heads": (number("llama.attention.head_count", 0), "a number of heads from 1"),
    "heads that do not divide": (number("llama.attention.head_count", 3), "divisor"),
    "key heads that do not divide": (number("llama.attention.head_count_kv", 3), "a divisor of the 4 heads"),
    "heads for other layers": (
        value("llama.attention.head_count", LIST, u32(I32) + u64(3) + struct.pack("<3i", 4, 4, 4)), "each of 2 layers"),
    "key length of 0": (number("llama.attention.key_length", 0), "a number from 1"),
    "key and value length differ": (number("llama.attention.value_length", 8), "head lengths that fit"),
    "odd rotation": (number("llama.rope.dimension_count", 7), "an even number"),
    "rotation beyond the head": (number("llama.rope.dimension_count", 64), "a number from 0 to 16"),
    "rope base of 0": (real("llama.rope.freq_base", 0.0), "a number above 0"),
    "rope base that is infinite": (real("llama.rope.freq_base", math.inf), "a finite number"),
    "unknown rope scaling": (value("llama.rope.scaling.type", TEXT, text(b"up")), "one of none, linear"),
    "negative epsilon": (real("llama.attention.layer_norm_rms_epsilon", -1.0), "a number from 0"),
    "epsilon that is no number": (real("llama.attention.layer_norm_rms_epsilon", math.nan), "a finite number"),
    "pooling of an unknown kind": (number("llama.pooling_type", 77), "a number from 0 to 4"),
    "1,025 experts": (number("llama.expert_count", 1_025), "a number from 0 to 1,024"),
    "experts of which none is used": (number("llama.expert_count", 4), "from 1 to 4 experts"),
    "experts used that do not exist": (number("llama.expert_used_count", 2), "at most the 0 experts"),
    "divisor of 0": (number("llama.full_attention_interval", 0), "a number from 1"),
    "part number as a text": (value("split.no", TEXT, text(b"1")), "a value of type uint16"),
    "part 3 of 2": (
        both(value("split.count", U16, b"\2\0"), value("split.no", U16, b"\2\0")), "a part number below 2"),
    # vocabulary
    "no tokenizer": (without("tokenizer.ggml.model"), "the key 'tokenizer.ggml.model'"),
    "tokenizer 'none'": (value("tokenizer.ggml.model", TEXT, text(b"none")), "a tokenizer"),
    "no tokens": (without("tokenizer.ggml.tokens"), "the key 'tokenizer.ggml.tokens'"),
    "tokens that are numbers": (
        value("tokenizer.ggml.tokens", LIST, u32(U32) + u64(2) + bytes(8)), "a value of type array of string"),
    "a token twice": (value("tokenizer.ggml.tokens", LIST, texts(b"a", b"b", b"a")), "'a' as token 0 and 2"),
    "a token twice up to a zero byte": (
        value("tokenizer.ggml.tokens", LIST, texts(b"a", b"b", b"a\0x")), "'a' as token 0 and 2"),
    "an empty token's name twice": (
        value("tokenizer.ggml.tokens", LIST, texts(b"[EMPTY_1]", b"")), "every token once"),
    "fewer tokens than rows": (value("tokenizer.ggml.tokens", LIST, texts(b"a", b"b")), "has rows (320) as"),
    "too few token types": (
        value("tokenizer.ggml.token_type", LIST, u32(I32) + u64(2) + bytes(8)), "each of 320 tokens as"),
    "token types that are texts": (value("tokenizer.ggml.token_type", LIST, texts(b"a")), "an array of int32"),
    "merges that are no list": (number("tokenizer.ggml.merges", 1), "a value of type array of string"),
    "scores that are bytes": (value("tokenizer.ggml.scores", LIST, u32(U8) + u64(1) + b"\0"), "an array of float32"),
    "byte tokens missing": (value("tokenizer.ggml.model", TEXT, text(b"llama")), "which the tokenizer 'llama' needs"),
    "byte tokens in word pieces": (
        both(value("tokenizer.ggml.model", TEXT, text(b"bert")),
             value("tokenizer.ggml.token_type", LIST, u32(I32) + u64(320) + struct.pack("<320i", 6, *[1] * 319))),
        "no byte tokens in a vocabulary of word pieces"),
    "begin token beyond the tokens": (
        both(value("tokenizer.ggml.model", TEXT, text(b"rwkv")), value("tokenizer.ggml.add_bos_token", BOOL, b"\1"),
             number("tokenizer.ggml.bos_token_id", 320)), "a token id below 320 as"),
    "begin token that nothing names": (
        both(value("tokenizer.ggml.pre", TEXT, text(b"glm4")), value("tokenizer.ggml.add_bos_token", BOOL, b"\1"),
             without("tokenizer.ggml.bos_token_id")), "the key 'tokenizer.ggml.bos_token_id'"),
    # weights no kernel multiplies with
    "norm in half precision": (row(NORM, type_number=TYPE_F16, data=bytes(128)), "F32 for the norm or bias"),
    "weights of whole numbers": (row(Q, type_number=26), "a weight type"),
    "weights of an inner type": (row(Q, type_number=9, data=bytes(64 * 2 * 40)), "a type of 'blk.0.attn_q.weight'"),
    # files that are no model
    "adapter with a model's tensors": (value("general.type", TEXT, text(b"adapter")), "only tensors of an adapter"),
    "mmproj by name, but a model": (
        both(value("general.type", TEXT, text(b"imatrix"))), "only tensors of an importance matrix"),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_one_change_makes_a_good_file_bad(name: str, raw: Any, written: Callable[[], Path]) -> None:
    change, fragment = CHANGES[name]
    check(written())
    change(raw)
    assert fragment in refusal(written())


def test_an_adapter_needs_both_matrices(gguf_builder: ModuleType, tmp_path: Path) -> None:
    path = gguf_builder.tiny_lora_gguf(tmp_path / "lora.gguf")
    assert check(path).kind == "adapter"
    raw = gguf_builder.raw_file(path)
    raw.tensors = [tensor for tensor in raw.tensors if not tensor.name.endswith(b"lora_b")]
    assert "the matrix b that belongs to" in refusal(raw.write(path))


@pytest.mark.parametrize("end", [0, 1, 4, 7, 23, 24, 25, 100, 1_000, 5_000, 20_000, -32, -1])
def test_a_cut_file_is_refused(end: int, tiny_gguf: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.gguf"
    path.write_bytes(tiny_gguf.read_bytes()[:end])
    refusal(path)


def test_what_is_no_file_is_refused_and_nothing_waits(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.gguf")
    assert "pipe or device" in refusal(tmp_path / "pipe.gguf")
    (tmp_path / "folder.gguf").mkdir()
    assert "folder" in refusal(tmp_path / "folder.gguf")
    assert "No such file" in refusal(tmp_path / "missing.gguf")
    with pytest.raises(Error, match="zero byte"):
        check(Path("a\0b"))


@given(data=st.binary(max_size=200))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_bytes_after_a_good_header_never_raise_anything_else(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "bytes.gguf"
    path.write_bytes(header(data[0] % 3 if data else 0, len(data) % 4) + data)
    try:
        check(path)
    except Error as error:
        assert error.kind == "bad-file"
