"""Guessing ahead: the same answers, fewer steps, and no guesses where they do not pay."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from rushlight import Error
from rushlight.assistant.engine.generate import generate
from rushlight.assistant.engine.load import Loaded, load
from rushlight.assistant.engine.request import GenerateRequest, Grammar, LoadSettings, Sampling
from rushlight.assistant.engine.speculate import SIZES, Speculator, StepCosts, can_speculate
from rushlight.assistant.engine.template_process import TemplateProcess
from rushlight.assistant.events import TextDelta, Usage
from rushlight.native import COMPILED

needs_index = pytest.mark.skipif(not COMPILED, reason="guesses need the compiled index")


def costs(ratio: float) -> StepCosts:
    """Each further row of a batch costs `ratio` of the first."""
    made = StepCosts()
    for n_rows in (1, *(size + 1 for size in SIZES)):
        made.note(n_rows, 0.01 * (1 + ratio * (n_rows - 1)), 0.0, 1)
    return made


@pytest.fixture(scope="module")
def tiny(tiny_gguf: Path) -> Iterator[Loaded]:
    settings = LoadSettings(str(tiny_gguf), n_ctx=512, n_batch=64, n_threads=1)
    model, _ready = load(settings, TemplateProcess.start(), lambda _progress: None)
    yield model
    model.close()


def said(loaded: Loaded, request: GenerateRequest) -> tuple[list[tuple[int, float, float]], Usage]:
    """(token id, log-probability, lead over the second best) of each token; what it cost."""
    loaded.memory.clear()
    loaded.costs = costs(0.01)  # guesses always pay
    tokens, usage = [], None
    for event in generate(loaded, replace(request, logprobs=2)):
        if isinstance(event, TextDelta):
            tokens += [(one.token_id, one.logprob, one.top[0][2] - one.top[1][2]) for one in event.logprobs]
        elif isinstance(event, Usage):
            usage = event
    assert usage is not None
    return tokens, usage


def repetitive(seed: int) -> tuple[int, ...]:
    numbers = random.Random(seed)
    part = [numbers.randrange(20, 300) for _ in range(12)]
    return tuple(part * 6)


@needs_index
@pytest.mark.parametrize("sampling", [
    Sampling(), Sampling(temperature=0.2, seed=5), Sampling(repeat_penalty=1.3),
    Sampling(temperature=0.3, top_k=5, min_p=0.05, seed=9),
], ids=["greedy", "drawn", "penalties", "truncated"])  # fmt: skip
def test_the_same_answer_with_and_without(tiny: Loaded, sampling: Sampling) -> None:
    """Each token is drawn once, from its own distribution, in order: with one seed even drawn answers are equal."""
    n_accepted = 0
    for seed in range(12):
        request = GenerateRequest(token_ids=repetitive(seed), max_tokens=80, sampling=sampling)
        plain, usage = said(tiny, replace(request, draft_tokens=0))
        assert usage.n_draft_tokens == 0
        guessed, usage = said(tiny, replace(request, draft_tokens=7))
        n_accepted += usage.n_draft_accepted
        assert usage.n_draft_accepted <= usage.n_draft_tokens
        for (id_1, logprob_1, gap), (id_2, logprob_2, _gap) in zip(plain, guessed, strict=False):
            if id_1 != id_2:
                assert gap < 0.05 or sampling.temperature > 0
                break
            assert abs(logprob_1 - logprob_2) < 0.05
        else:
            assert len(plain) == len(guessed) == usage.n_completion_tokens
        prefix = tiny.prefix
        assert tiny.context.n_positions() == len(prefix.token_ids)
    assert n_accepted > 0


@needs_index
def test_a_limit_is_kept_in_the_middle_of_a_guess(tiny: Loaded) -> None:
    for max_tokens in range(1, 30):
        _tokens, usage = said(tiny, GenerateRequest(token_ids=repetitive(3), max_tokens=max_tokens, draft_tokens=15))
        assert usage.n_completion_tokens <= max_tokens


@needs_index
def test_up_to_the_end_of_the_context(tiny: Loaded) -> None:
    ids = (repetitive(4) * 8)[:480]
    ends = tuple((token, -100.0) for token in tiny.vocabulary.eog_ids)
    request = GenerateRequest(token_ids=ids, draft_tokens=15, sampling=Sampling(logit_bias=ends))
    _tokens, usage = said(tiny, request)
    assert usage.n_completion_tokens == 512 - 480 + 1


@needs_index
@pytest.mark.model
def test_with_a_grammar(loaded: Loaded) -> None:
    loaded.memory.clear()
    loaded.costs = costs(0.01)
    request = GenerateRequest(
        prompt="abc abc abc abc abc abc ", grammar=Grammar("regex", "(abc ){12}"), max_tokens=60, draft_tokens=7
    )
    text = "".join(event.text for event in generate(loaded, request) if isinstance(event, TextDelta))
    assert text == "abc " * 12
    loaded.memory.clear()


@needs_index
def test_it_is_off_where_it_does_not_pay() -> None:
    text = list(repetitive(1))
    for ratio, pays in ((0.05, True), (1.0, False)):
        speculator = Speculator(costs(ratio))
        speculator.follow(text)
        for token in text * 4:
            text.append(token)
            speculator.follow(text)
        assert speculator.hit_rates[-1] > 0.9
        assert bool(speculator.draft(100, 0.0)) is pays


@needs_index
def test_wrong_guesses_end_it_and_right_ones_bring_it_back() -> None:
    numbers = random.Random(2)
    text = [1, 2, 3, 4] * 10
    speculator = Speculator(costs(0.1))
    speculator.follow(text)
    for _ in range(120):  # it looks like a repetition, and is none
        for token in (1, 2, numbers.randrange(10, 10_000)):
            text.append(token)
            speculator.follow(text)
    assert speculator.hit_rates[0] < 0.1 and not speculator.draft(100, 0.0)
    for _ in range(20):
        for token in (7, 8, 9, 10, 11, 12):
            text.append(token)
            speculator.follow(text)
    assert speculator.hit_rates[-1] > 0.9 and len(speculator.draft(100, 0.0)) >= 3
    assert len(speculator.draft(2, 0.0)) == 2


def test_old_costs_are_forgotten() -> None:
    made = costs(2.0)
    assert made.ratio(8, 1.0) == pytest.approx(15.0)
    assert made.ratio(8, 100.0) < 2.0  # to be measured again
    made.note(1, 0.01, 1.0, 2)  # another number of threads
    assert made.ratio(8, 1.0) < 2.0


@given(st.floats(0, 1), st.integers(0, 20))
def test_expected_tokens(rate: float, n: int) -> None:
    speculator = Speculator(StepCosts())
    speculator.hit_rates = [rate] * len(speculator.hit_rates)
    assert speculator.expected_tokens(n) == pytest.approx(sum(rate**i for i in range(n + 1)), abs=1e-6)


def test_who_may() -> None:
    common: dict[str, Any] = {"is_recurrent": False, "draft_tokens": -1, "temperature": 0.0, "seed": -1}
    assert can_speculate(**common) is COMPILED
    assert not can_speculate(**common | {"is_recurrent": True})
    assert not can_speculate(**common | {"draft_tokens": 0})
    assert not can_speculate(**common | {"temperature": 0.7, "seed": 42})
    assert can_speculate(**common | {"temperature": 0.7}) is COMPILED


def test_the_number_is_checked(tiny: Loaded) -> None:
    for n in (-2, 65):
        with pytest.raises(Error, match="draft_tokens"):
            list(generate(tiny, GenerateRequest(token_ids=(1,), draft_tokens=n)))
