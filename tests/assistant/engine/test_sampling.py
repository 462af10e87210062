"""Which samplers a request gets, and that no number reaches native code unchecked."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import fields, replace

from rushlight import Error
from rushlight.assistant.engine.request import (
    EmbedRequest,
    GenerateRequest,
    Grammar,
    LoraUse,
    Message,
    Sampling,
    TokenizeRequest,
)
from rushlight.assistant.engine.sampling import (
    check,
    check_embed,
    check_tokenize,
    needs_history,
    sampling_problems,
    seed_number,
    stages,
)

N_VOCAB = 1000


def names(sampling: Sampling) -> list[str]:
    return [name for name, _numbers in stages(sampling, n_vocab=N_VOCAB, n_ctx=512)]


def test_defaults_are_greedy() -> None:
    assert names(Sampling()) == ["greedy"]
    assert sampling_problems(Sampling(), N_VOCAB) == []


def test_everything_in_the_documented_order() -> None:
    everything = Sampling(
        temperature=0.8,
        temperature_range=0.2,
        top_k=40,
        top_p=0.9,
        min_p=0.05,
        typical_p=0.9,
        top_n_sigma=1.0,
        xtc_probability=0.5,
        dry_multiplier=0.8,
        repeat_penalty=1.1,
        logit_bias=((3, -math.inf),),
        seed=1,
    )
    assert sampling_problems(everything, N_VOCAB) == []
    assert names(everything) == [
        "logit_bias",
        "penalties",
        "dry",
        "top_n_sigma",
        "top_k",
        "typical",
        "top_p",
        "min_p",
        "xtc",
        "temp_ext",
        "dist",
    ]


@pytest.mark.parametrize(("mirostat", "last"), [(1, "mirostat"), (2, "mirostat_v2")])
def test_mirostat_replaces_the_truncating_samplers(mirostat: int, last: str) -> None:
    sampling = Sampling(temperature=0.8, mirostat=mirostat, top_k=40, top_p=0.9, min_p=0.1, repeat_penalty=1.1)
    assert names(sampling) == ["penalties", "temp", last]


def test_greedy_keeps_only_what_can_change_the_likeliest_token() -> None:
    sampling = Sampling(
        temperature=0.0,
        top_k=40,
        top_p=0.9,
        min_p=0.1,
        top_n_sigma=1.0,
        frequency_penalty=0.5,
        typical_p=0.5,
        mirostat=2,
    )
    assert names(sampling) == ["penalties", "typical", "greedy"]


def test_temperature_one_needs_no_sampler() -> None:
    assert names(Sampling(temperature=1.0)) == ["dist"]


def test_suppressed_tokens_are_forbidden() -> None:
    assert stages(Sampling(), n_vocab=N_VOCAB, n_ctx=512, suppressed=(5, 6))[0] == (
        "logit_bias",
        ((5, -math.inf), (6, -math.inf)),
    )


def test_windows_are_cut_to_the_context() -> None:
    chain = stages(Sampling(repeat_penalty=1.1, penalty_last_n=2**40, dry_multiplier=1.0), n_vocab=N_VOCAB, n_ctx=512)
    assert chain[0][1][0] == 512
    assert chain[1][1][3] == 512
    assert needs_history(chain) == 512
    assert needs_history([("greedy", ())]) == 0


def test_seeds() -> None:
    assert seed_number(7) == 7
    assert seed_number(2**32 - 1) == 0  # that number means "random" in llama.cpp
    assert seed_number(2**63 - 1) < 2**32 - 1
    assert seed_number(-1) != seed_number(-1)


def test_all_problems_at_once() -> None:
    request = GenerateRequest(
        messages=(Message("wizard", "x"),),
        prompt="y",
        max_tokens=-5,
        logprobs=99,
        stop=("",),
        reasoning="maybe",
        grammar=Grammar("yaml"),
        lora=(LoraUse("a", math.nan), LoraUse("a")),
        sampling=Sampling(temperature=-1, top_p=math.nan, top_k=-7, seed=-2, logit_bias=((N_VOCAB, 1.0),)),
    )
    with pytest.raises(Error) as caught:
        check(request, n_vocab=N_VOCAB)
    assert caught.value.kind == "bad-request"
    for word in (
        "temperature",
        "top_p",
        "top_k",
        "seed",
        "logit_bias",
        "messages and prompt",
        "wizard",
        "max_tokens",
        "logprobs",
        "stop",
        "reasoning",
        "yaml",
        "twice",
        "scale",
    ):
        assert word in caught.value.message, word


def test_exactly_one_of_three() -> None:
    check(GenerateRequest(prompt="x"), n_vocab=N_VOCAB)
    check(GenerateRequest(token_ids=(0, N_VOCAB - 1)), n_vocab=N_VOCAB)
    for request in (
        GenerateRequest(),
        GenerateRequest(prompt="x", token_ids=(1,)),
        GenerateRequest(token_ids=(N_VOCAB,)),
        GenerateRequest(token_ids=(-1, 2**40)),
        GenerateRequest(messages=(Message("user", "x"),), continue_final=True),
    ):
        with pytest.raises(Error, match=r"cannot be answered"):
            check(request, n_vocab=N_VOCAB)


def test_forbidding_every_token_is_refused() -> None:
    biases = tuple((token_id, -math.inf) for token_id in range(10))
    assert sampling_problems(Sampling(logit_bias=biases), 10) == ["logit_bias forbids every token"]


def test_texts_to_embed_and_tokenize() -> None:
    check_embed(EmbedRequest(("a",)))
    check_tokenize(TokenizeRequest("a"))
    with pytest.raises(Error, match="no text"):
        check_embed(EmbedRequest(()))
    with pytest.raises(Error, match="both"):
        check_tokenize(TokenizeRequest("a", messages=(Message("user", "b"),)))


_NUMBERS = sorted({field.name for field in fields(Sampling)} - {"logit_bias", "dry_sequence_breakers"})
_EDGES = [
    0,
    1,
    -1,
    2,
    2**31,
    -(2**31),
    2**32 - 1,
    2**63 - 1,
    -(2**63),
    0.5,
    -0.0,
    1e-45,
    1e308,
    math.inf,
    -math.inf,
    math.nan,
]


@settings(max_examples=300)
@given(
    st.dictionaries(
        st.sampled_from(_NUMBERS), st.sampled_from(_EDGES) | st.floats() | st.integers(-(2**63), 2**63 - 1), max_size=4
    )
)
def test_what_passes_fits_into_native_numbers(values: dict[str, float]) -> None:
    given_types = {
        name: int(value) if isinstance(getattr(Sampling(), name), int) and math.isfinite(value) else value
        for name, value in values.items()
    }
    sampling = replace(Sampling(temperature=0.7), **given_types)  # type: ignore[arg-type]
    if sampling_problems(sampling, N_VOCAB):
        with pytest.raises(Error, match="cannot be answered"):
            check(GenerateRequest(prompt="x", sampling=sampling), n_vocab=N_VOCAB)
        return
    for name, numbers in stages(sampling, n_vocab=N_VOCAB, n_ctx=512):
        for number in numbers:
            if isinstance(number, int):
                assert -1000 <= number < 2**32 - 1, (name, number)
            elif isinstance(number, float):
                assert math.isfinite(number) and abs(number) < 3e38, (name, number)
