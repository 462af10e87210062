"""A draft model: the same answers in fewer steps, drawn ones of the same distribution, off where it does not pay."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from rushlight import Error
from rushlight.assistant.engine.draft_model import accept
from rushlight.assistant.engine.generate import generate
from rushlight.assistant.engine.llama import SUCCESS
from rushlight.assistant.engine.load import Loaded, load
from rushlight.assistant.engine.load_check import check_settings
from rushlight.assistant.engine.request import GenerateRequest, Grammar, LoadSettings, Sampling
from rushlight.assistant.engine.speculate import SIZES, ModelRate, StepCosts
from rushlight.assistant.engine.template_process import TemplateProcess
from rushlight.assistant.events import TextDelta, Usage
from rushlight.native import COMPILED

needs_index = pytest.mark.skipif(not COMPILED, reason="guesses need the compiled index")


class Cheap(StepCosts):
    """Guesses always pay."""

    def ratio(self, n_rows: int, now_s: float) -> float:
        return 1.0 + 0.01 * n_rows

    def draft_ratio(self) -> float:
        return 0.01


def open_with(model: Path, draft: Path) -> Loaded:
    settings = LoadSettings(str(model), n_ctx=256, n_batch=64, n_threads=1, draft_path=str(draft))
    renderer = TemplateProcess.start()
    try:
        loaded, _ready = load(settings, renderer, lambda _progress: None)
    except Error:
        renderer.close()
        raise
    loaded.costs = Cheap()
    return loaded


@pytest.fixture(scope="module")
def twins(tiny_gguf: Path) -> Iterator[Loaded]:
    """The model guesses for itself."""
    loaded = open_with(tiny_gguf, tiny_gguf)
    yield loaded
    loaded.close()


def said(loaded: Loaded, request: GenerateRequest) -> tuple[list[int], Usage]:
    loaded.memory.clear()
    usage = None
    for event in generate(loaded, request):
        if isinstance(event, Usage):
            usage = event
    assert usage is not None
    tokens = loaded.prefix.token_ids[len(request.token_ids) :]
    return tokens, usage


def leads(loaded: Loaded, request: GenerateRequest) -> list[tuple[int, float]]:
    """Each token of the plain answer, and its lead over the second best."""
    loaded.memory.clear()
    tokens = []
    for event in generate(loaded, replace(request, logprobs=2, draft_tokens=0)):
        if isinstance(event, TextDelta):
            tokens += [(one.token_id, one.top[0][2] - one.top[1][2]) for one in event.logprobs]
    return tokens


@needs_index
def test_the_same_answer_in_fewer_steps(twins: Loaded) -> None:
    for start in range(20, 26):
        ids = tuple(range(start, start + 10))
        request = GenerateRequest(token_ids=ids, max_tokens=40, draft_tokens=7)
        plain = leads(twins, request)
        tokens, usage = said(twins, request)
        for (token_id, lead), guessed in zip(plain, tokens, strict=False):
            if token_id != guessed:
                assert lead < 0.05  # a near tie
                break
        if len(tokens) > 10:
            assert usage.n_draft_accepted > 0.5 * usage.n_draft_tokens > 0  # some by prompt lookup
    assert len(twins.prefix.token_ids) == twins.context.n_positions()


@needs_index
def test_wrong_guesses_change_nothing(make_gguf: Callable[..., Path], tiny_gguf: Path) -> None:
    loaded = open_with(tiny_gguf, make_gguf("other.gguf", seed=7))
    try:
        n_wrong = 0
        for start in range(20, 24):
            request = GenerateRequest(token_ids=tuple(range(start, start + 10)), max_tokens=30, draft_tokens=7)
            plain = leads(loaded, request)
            tokens, usage = said(loaded, request)
            n_wrong += usage.n_draft_tokens - usage.n_draft_accepted
            for (token_id, lead), guessed in zip(plain, tokens, strict=False):
                if token_id != guessed:
                    assert lead < 0.05
                    break
        assert n_wrong > 0
    finally:
        loaded.close()


def chi_square(counts: Counter[int], wanted: dict[int, float], n: int) -> float:
    """Summed over cells of at least 5 expected; each adds about 1."""
    cells = {token: n * p for token, p in wanted.items() if n * p >= 5}
    return sum((counts[token] - expected) ** 2 / expected for token, expected in cells.items()) / len(cells)


def test_kept_or_replaced_they_follow_the_large_model() -> None:
    random = np.random.default_rng(3)
    ids = np.arange(12)
    for _ in range(4):
        p, q = random.dirichlet(np.full(12, 0.5)), random.dirichlet(np.full(10, 0.5))
        odds = dict(enumerate(q.tolist()))
        n = 6000
        counts = Counter(accept(int(random.choice(10, p=q)), odds, ids, p, random) for _ in range(n))
        assert chi_square(counts, dict(enumerate(p.tolist())), n) < 3.0


@needs_index
def test_drawn_answers_keep_their_distribution(make_gguf: Callable[..., Path], tiny_gguf: Path) -> None:
    """The second token after a fixed prompt: with a bad draft model as often each as without."""
    loaded = open_with(tiny_gguf, make_gguf("other.gguf", seed=7))
    try:
        sampling = Sampling(temperature=0.8, top_k=6)
        ends = tuple((token, -100.0) for token in loaded.vocabulary.eog_ids)
        n = 400
        counts: dict[int, Counter[int]] = {}
        n_accepted = n_drafted = 0
        for n_draft in (0, 3):
            counts[n_draft] = Counter()
            for seed in range(n):
                request = GenerateRequest(
                    token_ids=tuple(range(20, 30)),
                    max_tokens=6,
                    draft_tokens=n_draft,
                    sampling=replace(sampling, seed=seed + 1000 * n_draft, logit_bias=ends),
                )
                tokens = []
                for event in generate(loaded, request):
                    if isinstance(event, Usage):
                        n_accepted += event.n_draft_accepted
                        n_drafted += event.n_draft_tokens
                tokens = loaded.prefix.token_ids[10:]
                counts[n_draft][tokens[1]] += 1
        assert n_drafted > n
        together = counts[0] + counts[3]
        cells = [token for token, count in together.items() if count >= 10]
        distance = sum((counts[0][token] - counts[3][token]) ** 2 / together[token] for token in cells)
        assert len(cells) > 5 and distance / len(cells) < 2.0
    finally:
        loaded.close()


@needs_index
def test_with_a_grammar(twins: Loaded) -> None:
    request = GenerateRequest(prompt="a", grammar=Grammar("regex", "[a-z]{20}"), max_tokens=40, draft_tokens=7)
    text = "".join(event.text for event in generate(twins, request) if isinstance(event, TextDelta))
    assert len(text) == 20 and text.islower()


def test_it_is_off_where_it_does_not_pay_and_tried_again_later() -> None:
    costs = StepCosts()
    for n_rows in (1, *(size + 1 for size in SIZES)):
        costs.note(n_rows, 0.01 * (1 + 0.05 * (n_rows - 1)), 0.0, 1)
    costs.note_draft(0.001)
    rate = ModelRate(costs, n_most=15)
    assert rate.size(100, 0.0) >= 3
    for _ in range(60):
        rate.note(7, 0)
    asked = [rate.size(100, 0.0) for _ in range(400)]
    assert 1 <= sum(size > 0 for size in asked) < 8  # now and then, to know
    for _ in range(60):
        rate.note(7, 7)
    assert any(rate.size(100, 0.0) >= 7 for _ in range(1100))
    costs.note_draft(1.0)  # and a slow draft model never pays
    costs.note_draft(1.0)
    assert sum(rate.size(100, 0.0) > 0 for _ in range(300)) < 8


def test_it_computes_with_the_threads_of_the_large_model(twins: Loaded) -> None:
    assert twins.draft_model is not None
    host, guest = twins.context, twins.draft_model._context
    for n_threads in (1, 2, 1):  # the pool is another one each time, and none with one thread
        host.set_threads(n_threads)
        guest.borrow_threads(host)
        assert guest.n_threads == n_threads and guest._borrowed is host._pool
        guest.clear()
        assert guest.decode_one(20) == SUCCESS  # one token: beside busy programs two threads take long
    twins.draft_model._prefix.clear()


def test_another_vocabulary_is_refused(make_gguf: Callable[..., Path], tiny_gguf: Path) -> None:
    with pytest.raises(Error, match="cannot guess for"):
        open_with(tiny_gguf, make_gguf("larger.gguf", n_vocab=400))
    with pytest.raises(Error, match="draft model"):
        check_settings(LoadSettings(str(tiny_gguf), draft_path="relative.gguf"))
