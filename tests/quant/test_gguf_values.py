"""What the check returns: good files, seen as the gguf package sees them, whatever they hold."""

import math
import os
import struct
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, GGUFReader
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rushlight import Error
from rushlight.quant.gguf_check import GgufFile, LongArray, check, type_size
from rushlight.quant.gguf_types import TENSOR_TYPES, VALUE_TYPES

U16, U32, F32, BOOL, TEXT, LIST, F64 = 2, 4, 6, 7, 8, 9, 12
TYPE_F32, TYPE_F16, TYPE_Q4_0, TYPE_Q8_0, TYPE_Q4_K = 0, 1, 2, 8, 12


def text(value: bytes) -> bytes:
    return struct.pack("<Q", len(value)) + value


def array(kind: int, length: int, elements: bytes) -> bytes:
    return struct.pack("<IQ", kind, length) + elements


def texts(*values: bytes) -> bytes:
    return array(TEXT, len(values), b"".join(text(value) for value in values))


def as_gguf_sees_it(path: Path, file: GgufFile) -> None:
    reader = GGUFReader(path)
    assert file.version == reader.fields["GGUF.version"].contents()
    assert (file.alignment, file.data_offset) == (reader.alignment, reader.data_offset)
    theirs = {key: field for key, field in reader.fields.items() if not key.startswith("GGUF.")}
    assert list(file.metadata) == list(theirs)
    for key, field in theirs.items():
        ours = file.metadata[key]
        if isinstance(ours, LongArray):
            assert len(ours) == len(field.data)
            ours = ours.load()
        if ours != []:  # the package does not say of what an empty list is
            assert file.value_types[key].rsplit(" ", 1)[-1] == field.types[-1].name.lower()
        expected = field.contents()
        if isinstance(expected, np.generic):
            expected = expected.item()
        if ours != expected:  # or not-a-number, which equals nothing
            np.testing.assert_equal(ours, expected, err_msg=key)
    assert [tensor.name for tensor in file.tensors] == [tensor.name for tensor in reader.tensors]
    for tensor, their in zip(file.tensors, reader.tensors, strict=True):
        assert tensor.shape == tuple(their.shape)
        assert (tensor.type_name, tensor.n_elements) == (their.tensor_type.name, their.n_elements)
        assert (tensor.offset, tensor.size_bytes) == (their.data_offset, their.n_bytes)


@pytest.mark.model
def test_the_demo_model_is_accepted(demo_model: Path) -> None:
    file = check(demo_model)
    as_gguf_sees_it(demo_model, file)
    assert (file.kind, file.architecture, file.split_count) == ("model", "llama", 1)
    tokens = file.metadata["tokenizer.ggml.tokens"]
    assert isinstance(tokens, LongArray)
    assert (tokens.type_name, tokens.length) == ("string", 49_152)
    assert tokens.load()[:3] == ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    embedding = file.tensor("token_embd.weight")
    assert embedding is not None and embedding.shape == (576, 49_152)
    assert file.tensor("nothing") is None


@pytest.mark.parametrize("options", [
    {}, {"quantization": "Q8_0"}, {"alignment": 64}, {"tokenizer": "llama"}, {"template": None},
    {"extra": {"x.flag": True, "x.texts": ["a", "b"], "x.real": 0.5, "x.many": list(range(3_000))}},
])  # fmt: skip
def test_small_models_are_accepted(options: dict[str, Any], make_gguf: Callable[..., Path]) -> None:
    path = make_gguf(**options)
    as_gguf_sees_it(path, check(path))


def test_other_kinds_of_file_are_accepted(gguf_builder: ModuleType, tmp_path: Path) -> None:
    for kind, path in (
        ("adapter", gguf_builder.tiny_lora_gguf(tmp_path / "lora.gguf")),
        ("model", gguf_builder.tiny_bert_gguf(tmp_path / "bert.gguf")),
    ):
        file = check(path)
        assert file.kind == kind
        as_gguf_sees_it(path, file)


def test_broken_text_in_a_value_is_repaired_and_named(raw: Any, written: Callable[[], Path]) -> None:
    raw.set("tokenizer.chat_template", TEXT, text(b"{{ messages }}\xff"))
    file = check(written())
    assert file.broken_texts == {"tokenizer.chat_template"}
    assert file.text("tokenizer.chat_template", "") == "{{ messages }}\N{REPLACEMENT CHARACTER}"


def test_values_are_asked_for_with_their_type(tiny_gguf: Path) -> None:
    file = check(tiny_gguf)
    assert file.number("llama.block_count", 0) == 2
    assert file.number("llama.rope.freq_base", 1.0) == 10_000.0
    assert file.number("missing", 7) == 7
    assert file.text("general.name", "") == "Tiny Llama"
    with pytest.raises(Error, match=r"general\.name should be a whole number"):
        file.number("general.name", 0)
    with pytest.raises(Error, match=r"llama\.block_count should be a text"):
        file.text("llama.block_count", "")


def test_a_long_list_of_a_file_that_changed_is_an_error(make_gguf: Callable[..., Path]) -> None:
    path = make_gguf(extra={"x.many": [f"text {index}" for index in range(2_000)]})
    many = check(path).metadata["x.many"]
    assert many.load()[1_999] == "text 1999"
    with path.open("r+b") as file:
        file.seek(many.offset)
        file.write(struct.pack("<Q", 2**60))
    with pytest.raises(Error, match="it changed after it was checked"):
        many.load()
    os.truncate(path, many.offset + 5)
    with pytest.raises(Error, match="it changed"):
        many.load()
    path.unlink()
    with pytest.raises(Error, match="was it moved"):
        many.load()


def test_sizes_of_tensor_types_are_those_of_the_gguf_package() -> None:
    ours = {number: (elements, size) for number, (_, elements, size) in TENSOR_TYPES.items()}
    for kind, sizes in GGML_QUANT_SIZES.items():
        assert ours[kind.value] == sizes, kind
        assert type_size(kind.name) == sizes
    with pytest.raises(Error, match="no tensor type 'q4_k'") as caught:
        type_size("q4_k")
    assert "Did you mean Q4_K?" in caught.value.hint


# ---------------------------------------------------------------- any file that fits the format
_NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=12)
_WHOLE = {number: (st.integers(-(1 << 8 * size - 1), (1 << 8 * size - 1) - 1) if code.islower()
                   else st.integers(0, (1 << 8 * size) - 1))
          for number, (_, size, code) in VALUE_TYPES.items() if code and code in "BbHhIiQq"}  # fmt: skip
_SCALARS = st.one_of(
    *(numbers.map(lambda item, kind=kind: (kind, struct.pack(f"<{VALUE_TYPES[kind][2]}", item)))
      for kind, numbers in _WHOLE.items()),
    st.floats(width=32).map(lambda item: (F32, struct.pack("<f", item))),
    st.floats().map(lambda item: (F64, struct.pack("<d", item))),
    st.booleans().map(lambda item: (BOOL, bytes([item]))),
    st.text(max_size=20).map(lambda item: (TEXT, text(item.encode()))),
)  # fmt: skip
_LISTS = st.one_of(
    st.lists(st.text(max_size=5), max_size=8).map(lambda items: texts(*(item.encode() for item in items))),
    st.integers(1_020, 1_100).map(lambda length: texts(*(b"%d" % index for index in range(length)))),
    st.integers(1_020, 1_100).map(lambda length: array(U16, length, os.urandom(2 * length))),
    st.lists(st.floats(width=32), min_size=1, max_size=9).map(
        lambda items: array(F32, len(items), struct.pack(f"<{len(items)}f", *items))),
).map(lambda data: (LIST, data))  # fmt: skip
_SHAPES = st.lists(st.integers(1, 5), min_size=0, max_size=3)
_KINDS = st.sampled_from([TYPE_F32, TYPE_F16, TYPE_Q4_0, TYPE_Q8_0, TYPE_Q4_K, 24, 28, 30, 39])


@given(
    values=st.dictionaries(_NAMES.map(lambda name: f"x.{name}"), _SCALARS | _LISTS, max_size=6),
    tensors=st.dictionaries(_NAMES, st.tuples(_SHAPES, _KINDS), max_size=5),
    alignment=st.sampled_from([8, 32, 64, 256]),
    version=st.sampled_from([2, 3]),
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_file_that_fits_the_format_is_accepted(
    gguf_builder: ModuleType,
    tmp_path: Path,
    values: dict[str, tuple[int, bytes]],
    tensors: dict[str, tuple[list[int], int]],
    alignment: int,
    version: int,
) -> None:
    # an mmproj: the one kind of file whose tensors and keys may be called anything
    raw = gguf_builder.RawFile(version=version, alignment=alignment)
    raw.set("general.architecture", TEXT, text(b"clip"))
    raw.set("general.alignment", U32, struct.pack("<I", alignment))
    for key, (kind, data) in values.items():
        raw.set(key, kind, data)
    for name, (shape, number) in tensors.items():
        elements, size = GGML_QUANT_SIZES[GGMLQuantizationType(number)]
        dims = [elements * 2, *shape]
        raw.tensors.append(gguf_builder.RawTensor(name.encode(), dims, number, bytes(math.prod(shape) * 2 * size)))
    path = raw.write(tmp_path / "any.gguf")
    file = check(path)
    assert file.kind == "mmproj"
    as_gguf_sees_it(path, file)
