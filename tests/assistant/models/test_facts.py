"""What a file says of itself, what it is called, and which sampler values are believed."""

from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rushlight import Error
from rushlight.assistant.engine.request import Sampling
from rushlight.assistant.models import sampling_defaults
from rushlight.assistant.models.facts import Facts, quantization, read_facts
from rushlight.assistant.models.naming import file_names, id_of, publisher_and_model
from rushlight.quant.gguf_check import check
from rushlight.quant.gguf_values import GgufFile, TensorInfo


def gguf(types: dict[str, int], **metadata: Any) -> GgufFile:
    tensors = tuple(
        TensorInfo(f"t{number}.weight", (256, 4), name, 0, size, 1024)
        for number, (name, size) in enumerate(types.items())
    )
    values = {key.replace("__", "."): value for key, value in metadata.items()}
    return GgufFile(Path("x.gguf"), 3, 32, 0, 0, MappingProxyType(values), tensors, MappingProxyType({}))


def facts(**changes: Any) -> Facts:
    base: dict[str, Any] = {
        "architecture": "llama",
        "n_params": 1,
        "n_ctx_train": 1,
        "quantization": "Q4_K_M",
        "purpose": "chat",
        "chat_template": "",
        "license": "",
        "organization": "",
        "name": "",
        "sampling": {},
    }
    return Facts(**(base | changes))


@pytest.mark.parametrize(
    ("types", "file_type", "name"),
    [
        ({"Q4_K": 100, "Q6_K": 50, "F32": 1}, 15, "Q4_K_M"),
        ({"Q4_K": 100, "Q6_K": 50}, 14, "Q4_K_S"),
        ({"IQ3_S": 100, "IQ3_XXS": 50}, 22, "IQ3_XS"),
        ({"Q8_0": 100}, 15, "Q8_0"),  # the file lies about its type
        ({"Q5_0": 10, "F16": 100}, None, "F16"),
        ({"Q4_0": 10}, 999_999, "Q4_0"),
        ({}, 15, "unknown"),
    ],
)
def test_quantization_is_named_by_the_mix_if_the_tensors_agree(
    types: dict[str, int], file_type: int | None, name: str
) -> None:
    metadata = {} if file_type is None else {"general__file_type": file_type}
    assert quantization([gguf(types, **metadata)]) == name


def test_wrong_metadata_types_count_as_missing() -> None:
    found = read_facts(
        [
            gguf(
                {"F32": 4},
                general__architecture="llama",
                general__license=7,
                general__name=["x"],
                llama__context_length="many",
                tokenizer__chat_template=3,
                general__file_type=True,
            )
        ]
    )
    assert (found.license, found.name, found.n_ctx_train, found.chat_template) == ("", "", 0, "")
    assert found.chat_template_sha256 == ""
    with pytest.raises(Error) as caught:
        read_facts([gguf({"F32": 4})])
    assert caught.value.kind == "bad-file"


def test_the_demo_model(demo_model: Path) -> None:
    found = read_facts([check(demo_model)])
    assert (found.architecture, found.n_ctx_train, found.quantization) == ("llama", 8192, "Q4_1")
    assert found.n_params == 134_515_008 and found.license == "apache-2.0"
    place = publisher_and_model(found, demo_model.name)
    assert id_of(place, found) == "HuggingFaceTB/SmolLM2-135M-Instruct@Q4_1"


@pytest.mark.parametrize(
    ("file_name", "name", "model"),
    [
        ("Llama-3.2-1B-Instruct-Q4_K_M.gguf", "checkpoint-900", "Llama-3.2-1B-Instruct"),
        ("Llama-3.2-1B-Instruct.i1-IQ3_XXS.gguf", "Llama", "Llama-3.2-1B-Instruct"),
        ("model.gguf", "Gemma 3 270m", "Gemma-3-270m"),
        ("model.gguf", "", "model"),
        ("big-Q8_0-00001-of-00003.gguf", "x", "big"),
        ("sha256-abc", "Tiny", "Tiny"),
        ("weird Q4_0 name.gguf", "", "weird-Q4_0-name"),
    ],
)
def test_names(file_name: str, name: str, model: str) -> None:
    assert publisher_and_model(facts(name=name), file_name)[1] == model


def test_parts_keep_their_numbers_at_the_end() -> None:
    assert file_names(facts(), "a b-00002-of-00003.gguf", 3) == [
        "a-b-00001-of-00003.gguf",
        "a-b-00002-of-00003.gguf",
        "a-b-00003-of-00003.gguf",
    ]


def test_every_bounded_field_is_one_of_the_engines() -> None:
    assert set(sampling_defaults.BOUNDS) < set(Sampling.__struct_fields__)
    for name, (whole, least, most) in sampling_defaults.BOUNDS.items():
        default = getattr(Sampling(), name)
        assert least <= default <= most, name
        assert isinstance(default, int) == whole, name


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("temperature", "-1"),
        ("temperature", "nan"),
        ("temperature", "inf"),
        ("top_k", "1.5"),
        ("top_p", "2"),
        ("top_k", "x"),
        ("top_k", "1e400"),
        ("mirostat", "3"),
    ],
)
def test_nonsense_sampler_values_are_refused(name: str, text: str) -> None:
    with pytest.raises(Error) as caught:
        sampling_defaults.parse(name, text)
    assert caught.value.kind == "bad-sampling" and name in caught.value.message


def test_an_unknown_sampler_field_gets_the_nearest() -> None:
    with pytest.raises(Error) as caught:
        sampling_defaults.parse("temprature", "1")
    assert "temperature" in caught.value.hint


@given(
    st.dictionaries(
        st.sampled_from(sorted(sampling_defaults._FILE_KEYS)),
        st.one_of(st.floats(), st.integers(), st.text(), st.booleans(), st.none()),
    )
)
def test_a_files_sampler_values_are_within_bounds_or_left_out(metadata: dict[str, object]) -> None:
    for name, value in sampling_defaults.from_metadata(metadata).items():
        whole, least, most = sampling_defaults.BOUNDS[name]
        assert least <= value <= most and isinstance(value, int) == whole
