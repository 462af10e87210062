"""Beam search in a worker on the demo model: the likeliest whole answers, with the likelihood the model gives them."""

import math
import os
import signal
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from rushlight import Error, Stop
from rushlight.assistant.engine import beams
from rushlight.assistant.engine.beams import Searching
from rushlight.assistant.engine.client import EngineClient
from rushlight.assistant.engine.frames import Ready
from rushlight.assistant.engine.llama import NO_ROOM
from rushlight.assistant.engine.load import Loaded
from rushlight.assistant.engine.request import (
    BeamRequest,
    GenerateRequest,
    Grammar,
    LoadSettings,
    LoraUse,
    ScoreRequest,
    TokenizeRequest,
)
from rushlight.assistant.engine.sampling import MAX_BEAMS
from rushlight.assistant.engine.scheduler import Scheduler
from rushlight.assistant.events import Beam, TextDelta

pytestmark = pytest.mark.model
PROMPT = "The capital of France is"
ALL: dict[str, Any] = {"within": 1000.0, "far": 1000.0}
CITIES = (" Paris", " London", " Rome", " Madrid", " Berlin")


def regex(*texts: str, must: Sequence[str] = ()) -> Grammar:
    return Grammar("regex", "|".join(f"({text})" for text in texts), must=tuple((word,) for word in must))


def search(client: EngineClient, *, prompt: str = PROMPT, grammar: Grammar | None = None, **more: Any) -> list[Beam]:
    asked = GenerateRequest(prompt=prompt, grammar=grammar, max_tokens=more.pop("max_tokens", 24))
    return list(client.search(BeamRequest(asked, **more), Stop()).beams)


def logprob_of(client: EngineClient, text: str) -> float:
    """Of a text and its end after the prompt, by asking for the score of all of it."""
    prompt = client.tokenize(TokenizeRequest(PROMPT, add_special=True))
    said = client.tokenize(TokenizeRequest(text))
    ends = []
    for end in ("<|im_end|>", "<|endoftext|>"):
        (token_id,) = client.tokenize(TokenizeRequest(end, parse_special=True))
        tokens = client.score(ScoreRequest(token_ids=(*prompt, *said, token_id)), Stop()).tokens
        ends.append(sum(one.logprob for one in tokens[len(prompt) :]))
    return max(ends)


def test_all_answers_of_a_small_grammar_with_their_likelihood(client: EngineClient) -> None:
    found = search(client, grammar=regex(*CITIES), width=8, n_best=8, **ALL)
    assert {one.text for one in found} == set(CITIES)
    assert [one.logprob for one in found] == sorted((one.logprob for one in found), reverse=True)
    for one in found:
        # The usual way to cut a text is nearly always the likeliest; sums in another order differ by up to 0.2 a token.
        assert one.logprob == pytest.approx(logprob_of(client, one.text), abs=0.6), one
        assert one.n_lacking == 0 and 0 < one.n_tokens <= 8


def test_a_likely_word_that_leads_astray_is_not_followed(client: EngineClient) -> None:
    """ " Paris" is what the model wants to say, and then it must go on with what it never would."""
    grammar = regex(" Paris zqxj 7731 vbkw", " London")
    request = GenerateRequest(prompt=PROMPT, grammar=grammar, max_tokens=24)
    greedy = "".join(event.text for event in client.generate(request, Stop()) if isinstance(event, TextDelta))
    assert greedy.startswith(" Paris")
    found = search(client, grammar=grammar, **ALL)
    assert [one.text for one in found] == [" London", " Paris zqxj 7731 vbkw"]
    assert found[0].logprob > found[1].logprob + 5


def test_what_must_be_held_comes_first_where_that_is_worth_enough(client: EngineClient) -> None:
    must = regex(*CITIES, must=["Madrid"])
    found = search(client, grammar=must, width=8, n_best=8, lack=1000.0, **ALL)
    assert found[0].text == " Madrid" and found[0].n_lacking == 0
    assert {one.n_lacking for one in found[1:]} == {1} and found[1].text == " Paris"
    (only,) = search(client, grammar=must, n_best=1, width=8, far=1000.0, lack=1000.0)
    assert only.text == " Madrid"


def test_what_is_lacking_costs_so_many_nats(client: EngineClient) -> None:
    must = regex(*CITIES, must=["Madrid"])
    whole = search(client, grammar=must, width=8, n_best=8, lack=1000.0, **ALL)
    ahead = max(one.logprob for one in whole) - whole[0].logprob  # of Madrid
    assert ahead > 1
    for lack, first in ((ahead - 0.5, " Paris"), (ahead + 0.5, " Madrid")):
        found = search(client, grammar=must, width=8, n_best=8, lack=lack, **ALL)
        assert found[0].text == first and len(found) == len(CITIES)
        worth = [one.logprob - lack * one.n_lacking for one in found]
        assert worth == sorted(worth, reverse=True)


def test_without_a_grammar_one_beam_is_the_greedy_answer(client: EngineClient) -> None:
    prompt = "1, 2, 3, 4, 5, 6, 7,"
    request = GenerateRequest(prompt=prompt, max_tokens=6)
    greedy = "".join(event.text for event in client.generate(request, Stop()) if isinstance(event, TextDelta))
    found = search(client, prompt=prompt, width=1, n_best=1, max_tokens=6, **ALL)
    assert found and greedy.startswith(found[0].text)


def test_the_wider_the_beam_the_likelier_is_what_it_finds(client: EngineClient) -> None:
    grammar = Grammar("regex", "( [a-z]{2,9}){3}")
    best = [search(client, grammar=grammar, width=width, n_best=1, max_tokens=16)[0].logprob for width in (1, 4, 8)]
    assert best[0] <= best[1] + 0.5 and best[1] <= best[2] + 0.5 and all(map(math.isfinite, best))


def test_it_leaves_nothing_behind_and_disturbs_no_answer(worker: Any) -> None:
    grammar = regex(*CITIES)
    asked = GenerateRequest(prompt="Once upon a time", max_tokens=120)
    with worker.client() as writing, worker.client() as searching:
        alone = "".join(e.text for e in writing.generate(asked, Stop()) if isinstance(e, TextDelta))
        wanted = search(searching, grammar=grammar, width=8, n_best=5, **ALL)
        said: list[str] = []
        thread = threading.Thread(
            target=lambda: said.extend(e.text for e in writing.generate(asked, Stop()) if isinstance(e, TextDelta))
        )
        thread.start()
        for _ in range(3):
            found = search(searching, grammar=grammar, width=8, n_best=5, **ALL)
            assert {one.text for one in found} == {one.text for one in wanted}
            likelihoods = {one.text: one.logprob for one in wanted}
            assert all(abs(one.logprob - likelihoods[one.text]) < 1.0 for one in found)
        thread.join(60)
        assert "".join(said)[:10] == alone[:10]


@pytest.mark.parametrize(
    "more",
    [{"width": 0}, {"width": MAX_BEAMS + 1}, {"n_best": 0}, {"within": math.nan}, {"far": -1.0}, {"lack": math.inf}],
)
def test_what_cannot_be_searched(client: EngineClient, more: dict[str, Any]) -> None:
    with pytest.raises(Error) as refused:
        search(client, **more)
    assert refused.value.kind == "bad-request"


def test_stop_strings_and_biases_are_refused(client: EngineClient) -> None:
    with pytest.raises(Error, match="no stop strings"):
        client.search(BeamRequest(GenerateRequest(prompt="a", stop=("b",))), Stop())
    with pytest.raises(Error, match="exactly one of"):
        client.search(BeamRequest(GenerateRequest()), Stop())


def test_it_stops_and_the_worker_goes_on(worker: Any) -> None:
    stop = Stop()
    with worker.client() as client:
        threading.Timer(0.3, stop.set).start()
        with pytest.raises(Error) as stopped:
            client.search(BeamRequest(GenerateRequest(prompt=PROMPT, max_tokens=2000), 8, 8, 1000.0, 1000.0), stop)
        assert stopped.value.kind == "stopped"
        assert search(client, grammar=regex(*CITIES))[0].text in CITIES


class Waiting:
    """Who asked, in this process."""

    is_cancelled, received_at = False, 0.0

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def send(self, value: Any) -> None:
        self.sent.append(value)

    def fail(self, err: Exception) -> None:
        raise err

    def done(self) -> None:
        pass


def searched(loaded: Loaded, request: BeamRequest) -> tuple[Beam, ...]:
    waiting = Waiting()
    for _ in Searching(loaded, request, waiting).steps(list):  # type: ignore[arg-type]
        pass
    found: tuple[Beam, ...] = waiting.sent[0].beams
    return found


@pytest.mark.parametrize("n_room", [1, 3])
def test_where_there_is_no_room_for_all_the_likelier_ones_go_on(
    loaded: Loaded, monkeypatch: pytest.MonkeyPatch, n_room: int
) -> None:
    context, decode, widths = loaded.context, loaded.context.decode_batch, []

    def decode_few() -> int:
        n = len(set(context._owners[: context._batch.n_tokens]))
        widths.append(n)
        return NO_ROOM if n > n_room else decode()

    monkeypatch.setattr(context, "decode_batch", decode_few)
    monkeypatch.setattr(beams, "_TOGETHER", 1000.0)
    request = BeamRequest(GenerateRequest(prompt=PROMPT, grammar=regex(*CITIES), max_tokens=24), 8, 8, 1000.0, 1000.0)
    found = searched(loaded, request)
    assert max(widths) > n_room and found and {one.text for one in found} <= set(CITIES)
    monkeypatch.undo()
    assert {one.text for one in searched(loaded, request)} == set(CITIES), "nothing is left of it"


def n_computed(loaded: Loaded, monkeypatch: pytest.MonkeyPatch, request: BeamRequest) -> tuple[int, tuple[Beam, ...]]:
    """How many hypotheses were computed, each by a step of its own or with others; and what was found."""
    context, decode, widths = loaded.context, loaded.context.decode_batch, []

    def counted() -> int:
        widths.append(len(set(context._owners[: context._batch.n_tokens])))
        return decode()

    with monkeypatch.context() as patch:
        patch.setattr(context, "decode_batch", counted)
        found = searched(loaded, request)
    return sum(widths) - 1, found  # the first is the prompt's


def test_where_the_model_is_certain_hardly_anything_else_is_computed(
    loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    grammar = Grammar("regex", "(, [0-9]+){5}")
    prompt = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12"
    certain = GenerateRequest(prompt=prompt, grammar=grammar, max_tokens=30)
    few, found = n_computed(loaded, monkeypatch, BeamRequest(certain, 4, 4, within=1.0))
    assert found[0].text == ", 13, 14, 15, 16, 17"
    all_of_them, same = n_computed(loaded, monkeypatch, BeamRequest(certain, 4, 4, within=1000.0, far=1000.0))
    assert same[0].text == found[0].text and same[0].logprob == pytest.approx(found[0].logprob, abs=0.3)
    assert few < 0.5 * all_of_them, (few, all_of_them)


@pytest.mark.parametrize("n_spare", [3, 4, 8])
def test_with_few_places_in_memory_the_likelier_beginnings_keep_theirs(
    loaded: Loaded, monkeypatch: pytest.MonkeyPatch, n_spare: int
) -> None:
    asked = GenerateRequest(prompt=PROMPT, grammar=Grammar("regex", "( [a-z]{2,9}){3}"), max_tokens=16)
    request = BeamRequest(asked, 3, 3, 1000.0, 1000.0)
    roomy = searched(loaded, request)
    with monkeypatch.context() as patch:
        patch.setattr(loaded, "spare_sequences", loaded.spare_sequences[:n_spare])
        crowded = searched(loaded, request)
    assert crowded and crowded[0].logprob <= roomy[0].logprob + 0.5
    assert searched(loaded, request)[0].text == roomy[0].text, "nothing is left of it"


def test_where_nothing_whole_fits_there_is_no_answer(loaded: Loaded) -> None:
    endless = GenerateRequest(prompt=PROMPT, grammar=Grammar("regex", "( [a-z]{1,12}){600}"), max_tokens=30)
    assert searched(loaded, BeamRequest(endless, 2)) == ()


def test_who_searches_hears_of_a_worker_that_is_killed(start_worker: Callable[..., Any], demo_model: Path) -> None:
    killed = start_worker(LoadSettings(path=str(demo_model), n_ctx=2048))
    assert isinstance(killed.first_word(), Ready)
    with killed.client() as client:
        threading.Timer(0.3, lambda: os.kill(killed.pid, signal.SIGKILL)).start()
        with pytest.raises(Error) as died:
            client.search(BeamRequest(GenerateRequest(prompt=PROMPT, max_tokens=2000), 8, 8, 1000.0, 1000.0), Stop())
        assert died.value.kind == "engine-died"


def test_its_adapter_stays_while_others_come_and_the_file_is_changed(
    loaded: Loaded, gguf_builder: ModuleType, tmp_path: Path
) -> None:
    file = gguf_builder.tiny_lora_gguf(tmp_path / "a.gguf", n_layers=1, n_embd=576)
    asked = GenerateRequest(prompt=PROMPT, grammar=regex(*CITIES), max_tokens=24, lora=(LoraUse(str(file), 1.0),))
    scheduler, waiting = Scheduler(loaded), Waiting()
    work = Searching(loaded, BeamRequest(asked, 4, 4), waiting).steps(scheduler.adapters_in_use)  # type: ignore[arg-type]
    scheduler.submit_work(waiting, work)  # type: ignore[arg-type]
    scheduler.step()
    (begun,) = [one for one in scheduler.adapters_in_use() if one]
    gguf_builder.tiny_lora_gguf(file, n_layers=1, n_embd=576, seed=7, rank=2)
    other = loaded.adapters.load([LoraUse(str(file), 1.0)], scheduler.adapters_in_use())
    assert other != begun
    loaded.adapters.activate(other)
    loaded.adapters.load([LoraUse(str(file), 1.0)], scheduler.adapters_in_use())
    for _ in range(60):
        scheduler.step()
    assert scheduler.is_idle and waiting.sent[0].beams, waiting.sent
    assert scheduler.adapters_in_use() == [()]
    loaded.adapters.apply(())


def test_a_model_that_keeps_a_state_cannot_search(loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loaded, "spare_sequences", ())
    with pytest.raises(Error) as refused:
        Searching(loaded, BeamRequest(GenerateRequest(prompt="a")), None)  # type: ignore[arg-type]
    assert refused.value.kind == "not-supported"
