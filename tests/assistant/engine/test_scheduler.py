"""Several answers at once: each is what it would be alone, nobody starves, and nothing is left behind."""

import random
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from rushlight import Error, Progress
from rushlight.assistant.engine import score
from rushlight.assistant.engine.llama import SUCCESS
from rushlight.assistant.engine.load import Loaded, load
from rushlight.assistant.engine.lora import AdapterSet
from rushlight.assistant.engine.prepare import prepare
from rushlight.assistant.engine.request import GenerateRequest, Grammar, LoadSettings, LoraUse, Sampling, ScoreRequest
from rushlight.assistant.engine.scheduler import Scheduler
from rushlight.assistant.engine.template_process import TemplateProcess
from rushlight.assistant.events import Event, Finished, Scores, TextDelta, Usage

NEAR_TIE = 0.02  # of two log-probabilities: the cache holds 16-bit numbers, and sums depend on where the cells lie


class Asker:
    """A ticket that keeps what it is told."""

    def __init__(self, request: GenerateRequest) -> None:
        self.request = request
        self.received_at = time.monotonic()
        self.is_cancelled = False
        self.is_slow = False
        self.events: list[Event | Scores] = []
        self.error: Exception | None = None
        self.n_done = 0

    def send(self, event: Event | Scores) -> None:
        assert not self.n_done
        self.events.append(event)

    def can_send(self) -> bool:
        return not self.is_slow

    def fail(self, err: Exception) -> None:
        self.error = err

    def done(self) -> None:
        self.n_done += 1

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, TextDelta))

    @property
    def said(self) -> list[tuple[int, float, float]]:
        """(token id, its log-probability, how far behind the second best is) of each token."""
        found = []
        for event in self.events:
            for one in event.logprobs if isinstance(event, TextDelta) else ():
                found.append((one.token_id, one.logprob, one.top[0][2] - one.top[1][2]))
        return found

    @property
    def usage(self) -> Usage:
        (usage,) = [event for event in self.events if isinstance(event, Usage)]
        return usage

    @property
    def reason(self) -> str:
        assert isinstance(self.events[-1], Finished)
        return self.events[-1].reason


def open_model(path: Path, **settings: Any) -> Loaded:
    options = {"n_ctx": 256, "n_batch": 32, "n_threads": 1, "n_slots": 4} | settings
    model, _ready = load(LoadSettings(str(path), **options), TemplateProcess.start(), lambda _progress: None)
    return model


@pytest.fixture(scope="module")
def tiny(tiny_gguf: Path) -> Iterator[Loaded]:
    model = open_model(tiny_gguf)
    yield model
    model.close()


@pytest.fixture
def fresh(tiny: Loaded) -> Loaded:
    tiny.memory.clear()
    return tiny


def ask(scheduler: Scheduler, loaded: Loaded, request: GenerateRequest) -> Asker:
    asker = Asker(request)
    scheduler.submit(asker, prepare(loaded, request))
    return asker


def ask_score(scheduler: Scheduler, loaded: Loaded, n_tokens: int) -> Asker:
    asker = Asker(GenerateRequest())
    request = ScoreRequest(token_ids=tuple(range(20, 20 + n_tokens)))
    scheduler.submit_work(asker, score.Scoring(loaded, request, asker).steps(scheduler.adapters_in_use))
    return asker


def finish(scheduler: Scheduler) -> int:
    """Steps until nobody waits."""
    n_steps = 0
    while not scheduler.is_idle:
        scheduler.step()
        n_steps += 1
        assert n_steps < 10_000
    return n_steps


def alone(loaded: Loaded, request: GenerateRequest) -> Asker:
    """The answer without neighbours and without anything remembered."""
    loaded.memory.clear()
    scheduler = Scheduler(loaded)
    asker = ask(scheduler, loaded, replace(request, cache_prompt=False))
    finish(scheduler)
    return asker


def check_memory(loaded: Loaded) -> None:
    """Our lists say what llama.cpp holds."""
    assert loaded.memory.n_running == 0
    for prefix in loaded.memory.prefixes:
        assert loaded.context.n_positions(prefix.sequence) == len(prefix.token_ids)
    assert loaded.memory.parked_bytes <= loaded.settings.kv_ram_bytes


def same_answer(reference: Asker, asker: Asker) -> bool:
    """Token by token the same; False: up to a place where two tokens were nearly as likely. Else it fails."""
    for (id_1, logprob_1, gap), (id_2, logprob_2, _gap) in zip(reference.said, asker.said, strict=False):
        if id_1 != id_2:
            assert gap < NEAR_TIE
            return False
        assert abs(logprob_1 - logprob_2) < NEAR_TIE
    n_1, n_2 = len(reference.said), len(asker.said)
    if asker.reason == "cancelled":
        return True
    if n_1 != n_2:  # one of them ended here
        assert max(reference.said, asker.said, key=len)[min(n_1, n_2)][2] < NEAR_TIE
        return False
    assert asker.usage.n_completion_tokens == reference.usage.n_completion_tokens
    assert asker.reason == reference.reason
    return True


def prompts(numbers: random.Random, n: int) -> list[tuple[int, ...]]:
    """Prompts of 1 to 120 tokens; many of them begin alike."""
    stems = [tuple(numbers.randrange(20, 300) for _ in range(90)) for _ in range(3)]
    found = []
    for _ in range(n):
        stem = numbers.choice(stems)[: numbers.choice((0, 1, 40, 60, 90))]
        found.append(stem + tuple(numbers.randrange(20, 300) for _ in range(numbers.randrange(1, 31))))
    return found


def test_neighbours_change_nothing(fresh: Loaded) -> None:
    numbers = random.Random(7)
    requests = [
        GenerateRequest(token_ids=ids, max_tokens=numbers.randrange(1, 30), logprobs=2) for ids in prompts(numbers, 12)
    ]
    references = [alone(fresh, request) for request in requests]
    fresh.memory.clear()
    scheduler = Scheduler(fresh)
    askers = [ask(scheduler, fresh, request) for request in requests]
    finish(scheduler)
    for asker, reference in zip(askers, references, strict=True):
        assert asker.n_done == 1
        same_answer(reference, asker)
    assert sum(asker.usage.n_cached_tokens for asker in askers) > 100  # beginnings were shared
    check_memory(fresh)


def _schedule(loaded: Loaded, seed: int, known: dict[GenerateRequest, Asker]) -> int:
    """One random schedule; returns how many times an answer had to make room."""
    numbers = random.Random(seed)
    pool = prompts(random.Random(seed % 10), 16)  # so that references are found again
    if numbers.random() < 0.5:
        loaded.memory.clear()
    scheduler = Scheduler(loaded)
    askers: list[Asker] = []
    n_suspended = 0
    left = numbers.randrange(3, 9)
    while left or not scheduler.is_idle:
        if left and (scheduler.is_idle or numbers.random() < 0.3):
            left -= 1
            request = GenerateRequest(
                token_ids=numbers.choice(pool),
                max_tokens=numbers.choice((0, 1, 5, 20, 60)),
                logprobs=2,
                cache_prompt=numbers.random() < 0.9,
            )
            askers.append(ask(scheduler, loaded, request))
        if askers and numbers.random() < 0.05:
            scheduler.cancel(numbers.choice(askers))
        for asker in askers:
            asker.is_slow = numbers.random() < 0.1
        before = len(scheduler._suspended)
        scheduler.step()
        n_suspended += max(0, len(scheduler._suspended) - before)
    n_same = 0
    for asker in askers:
        assert asker.n_done == 1 and asker.error is None
        key = replace(asker.request, cache_prompt=False)
        if key not in known:
            known[key] = alone(loaded, key)
        n_same += same_answer(known[key], asker)
    assert n_same > len(askers) // 2
    check_memory(loaded)
    return n_suspended


@pytest.mark.parametrize("n", [60, pytest.param(1000, marks=pytest.mark.slow)])
@pytest.mark.timeout(900)
def test_random_schedules(fresh: Loaded, n: int) -> None:
    known: dict[GenerateRequest, Asker] = {}
    n_suspended = sum(_schedule(fresh, seed, known) for seed in range(n))
    assert n_suspended > 0  # four answers of up to 180 tokens in 256 cells


def test_a_long_prompt_holds_up_nobody_for_more_than_a_piece(fresh: Loaded) -> None:
    scheduler = Scheduler(fresh)
    writer = ask(scheduler, fresh, GenerateRequest(token_ids=(30, 40, 50), max_tokens=60, logprobs=2))
    scheduler.step()
    scheduler._prompt_speed = 1.0  # a slow machine: the smallest pieces
    reader = ask(scheduler, fresh, GenerateRequest(token_ids=tuple(range(20, 140)), max_tokens=2, logprobs=2))
    steps = []
    while not reader.n_done:
        before = scheduler.slots[0].tokens[:]
        scheduler._prompt_speed = 1.0
        scheduler.step()
        steps.append(len(scheduler.slots[0].tokens) - len(before))
    assert steps.count(1) >= 4 and max(steps) == 1  # 120 tokens in pieces of at most 31, a token each for the other
    finish(scheduler)
    assert writer.reason == "length"


def test_first_come_first_served(fresh: Loaded) -> None:
    scheduler = Scheduler(fresh)
    askers = [
        ask(scheduler, fresh, GenerateRequest(token_ids=(i + 20,) * 20, max_tokens=8, logprobs=2)) for i in range(9)
    ]
    ended: list[int] = []
    while not scheduler.is_idle:
        scheduler.step()
        assert len(scheduler.slots) <= 4
        ended += [i for i, asker in enumerate(askers) if asker.n_done and i not in ended]
    assert ended == sorted(ended)


def test_who_makes_room_goes_on_where_it_was(tiny_gguf: Path) -> None:
    """Two answers that do not fit together: the younger one waits, and says the same."""
    for ram_bytes in (0, 1 << 24):
        loaded = open_model(tiny_gguf, n_ctx=256, kv_ram_bytes=ram_bytes)
        requests = [GenerateRequest(token_ids=(i,) * 90, max_tokens=100, logprobs=2) for i in (33, 44)]
        references = [alone(loaded, request) for request in requests]
        loaded.memory.clear()
        scheduler = Scheduler(loaded)
        askers = [ask(scheduler, loaded, request) for request in requests]
        seen = 0
        while not scheduler.is_idle:
            scheduler.step()
            seen = max(seen, len(scheduler._suspended))
        assert seen == 1
        for asker, reference in zip(askers, references, strict=True):
            same_answer(reference, asker)
        check_memory(loaded)
        loaded.close()


def test_who_is_alone_again_is_moved_together(fresh: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    moved: list[int] = []
    compact = fresh.memory.compact

    def seen(prefix: Any) -> bool:
        moved.append(prefix.sequence)
        return compact(prefix)

    monkeypatch.setattr(fresh.memory, "compact", seen)
    request = GenerateRequest(token_ids=(77,) * 40, max_tokens=60, logprobs=2)
    reference = alone(fresh, request)
    fresh.memory.clear()
    scheduler = Scheduler(fresh)
    others = [ask(scheduler, fresh, GenerateRequest(token_ids=(i,) * 70, max_tokens=8)) for i in (33, 44)]
    asker = ask(scheduler, fresh, request)
    finish(scheduler)
    assert len(moved) == 1 and all(other.n_done for other in others)
    assert same_answer(reference, asker)
    check_memory(fresh)


def test_cancelled_one_by_one(fresh: Loaded) -> None:
    scheduler = Scheduler(fresh)
    askers = [
        ask(scheduler, fresh, GenerateRequest(token_ids=(i + 20,) * 30, max_tokens=100, logprobs=2)) for i in range(6)
    ]
    for _ in range(4):
        scheduler.step()
    askers[3].is_slow = True  # else the last one would be alone, and written to its end
    for i in (5, 1, 0, 2, 4, 3):
        scheduler.cancel(askers[i])
        scheduler.step()
        assert askers[i].n_done == 1 and askers[i].reason == "cancelled"
    assert scheduler.is_idle
    check_memory(fresh)


def test_a_prompt_alone_is_stopped_inside_and_one_beside_others_is_not(fresh: Loaded) -> None:
    scheduler = Scheduler(fresh)
    one, other = (Asker(GenerateRequest(token_ids=(i,) * 30)) for i in (20, 30))
    scheduler._computing._slots = (_slot(one), _slot(other))
    scheduler.cancel(one)
    assert not fresh.flag.is_set()
    scheduler.cancel(other)
    assert fresh.flag.is_set()
    scheduler._computing._slots = ()
    third = ask(scheduler, fresh, GenerateRequest(token_ids=(40,) * 30, max_tokens=3, logprobs=2))
    finish(scheduler)
    assert third.reason == "length"  # the flag was of another time


def _slot(asker: Asker) -> Any:
    class OnlyATicket:
        ticket = asker

    return OnlyATicket()


def test_a_slow_reader_holds_up_nobody(fresh: Loaded) -> None:
    scheduler = Scheduler(fresh)
    slow, quick = (ask(scheduler, fresh, GenerateRequest(token_ids=(i,) * 30, max_tokens=20)) for i in (20, 30))
    scheduler.step()
    slow.is_slow = True
    n_events = len(slow.events)
    while not quick.n_done:
        scheduler.step()
    assert len(slow.events) == n_events
    slow.is_slow = False
    finish(scheduler)
    assert slow.reason == "length"


def test_what_one_asked_wrongly_harms_no_other(fresh: Loaded) -> None:
    scheduler = Scheduler(fresh)
    good = ask(scheduler, fresh, GenerateRequest(token_ids=(50,) * 30, max_tokens=20))
    scheduler.step()
    bad = ask(scheduler, fresh, GenerateRequest(token_ids=(1, 2), lora=(LoraUse("/nowhere/none.gguf"),)))
    finish(scheduler)
    assert isinstance(bad.error, Error) and bad.error.kind == "bad-adapter" and bad.n_done == 1
    assert good.reason == "length" and good.error is None
    check_memory(fresh)


def test_adapters_take_turns(fresh: Loaded, gguf_builder: Any, tmp_path: Path) -> None:
    adapters = [gguf_builder.tiny_lora_gguf(tmp_path / f"{seed}.gguf", seed=seed) for seed in (1, 2)]
    uses = [(), (LoraUse(str(adapters[0])),), (LoraUse(str(adapters[1]), 4.0),), (LoraUse(str(adapters[0]), 8.0),)]
    requests = [
        GenerateRequest(token_ids=(60, 61, 62) * 10, max_tokens=30, logprobs=2, lora=tuple(lora)) for lora in uses
    ]
    references = [alone(fresh, request) for request in requests]
    assert len({tuple(reference.said) for reference in references}) > 2
    fresh.memory.clear()
    scheduler = Scheduler(fresh)
    askers = [ask(scheduler, fresh, request) for request in requests]
    order: list[Any] = []
    scheduler_turn = scheduler._whose_turn

    def turn() -> list[Any]:
        scheduler._turn_began -= 1.0  # each slice is over at once
        slots = scheduler_turn()
        order.append({slot.adapters for slot in slots})
        return slots

    scheduler._whose_turn = turn  # type: ignore[method-assign]
    finish(scheduler)
    assert all(len(sets) <= 1 for sets in order)
    for asker, reference in zip(askers, references, strict=True):
        same_answer(reference, asker)  # else it was computed with another's adapter
    # Nobody waits longer than the others take for one step each.
    names = [next(iter(sets)) for sets in order if sets]
    while len(set(names)) == 4:
        assert len(set(names[:4])) == 4
        del names[0]


@pytest.mark.model
def test_a_grammar_for_each(loaded: Loaded) -> None:
    grammars = [Grammar("regex", "[a-z]{12}"), Grammar("regex", "[0-9]{9}"), Grammar("regex", "(yes|no)"), None]
    loaded.memory.clear()
    scheduler = Scheduler(loaded)
    askers = [
        ask(
            scheduler,
            loaded,
            GenerateRequest(
                prompt="Say it: ", grammar=grammar, max_tokens=14, sampling=Sampling(temperature=1.0, seed=3)
            ),
        )
        for grammar in grammars
    ]
    finish(scheduler)
    assert askers[0].text.isalpha() and len(askers[0].text) == 12
    assert askers[1].text.isdecimal() and len(askers[1].text) == 9
    assert askers[2].text in ("yes", "no")
    assert askers[3].text and askers[3].error is None


@pytest.mark.model
def test_neighbours_of_a_real_model(loaded: Loaded, record_property: Any) -> None:
    """Batch shapes round differently (8-bit activations): every difference must begin at a near tie."""
    questions = ["The capital of France is", "Water boils at", "The three primary colours are", "One, two, three,"]
    requests = [GenerateRequest(prompt=text, max_tokens=24, logprobs=2) for text in questions]
    references = [alone(loaded, request) for request in requests]
    loaded.memory.clear()
    scheduler = Scheduler(loaded)
    askers = [ask(scheduler, loaded, request) for request in requests]
    finish(scheduler)
    for asker, reference in zip(askers, references, strict=True):
        for (id_1, logprob_1, gap), (id_2, logprob_2, _gap) in zip(reference.said, asker.said, strict=False):
            if id_1 != id_2:
                record_property("near_tie", f"{asker.request.prompt!r}: {gap:.3f}")
                assert gap < 1.0
                break
            assert abs(logprob_1 - logprob_2) < 1.0


@pytest.mark.model
def test_long_prompts_report_and_are_computed_in_pieces_beside_others(loaded: Loaded) -> None:
    loaded.memory.clear()
    scheduler = Scheduler(loaded)
    short = ask(scheduler, loaded, GenerateRequest(prompt="Once upon a time", max_tokens=30))
    scheduler.step()
    long = ask(scheduler, loaded, GenerateRequest(prompt="word " * 200, max_tokens=1))
    finish(scheduler)
    steps = [event for event in long.events if isinstance(event, Progress)]
    assert len(steps) >= 3 and steps[-1].done == steps[-1].total
    assert short.reason in ("length", "stop")


def test_from_many_threads(fresh: Loaded) -> None:
    """Askers come and go on threads of their own while one thread computes."""
    scheduler = Scheduler(fresh)
    askers: list[Asker] = []
    lock = threading.Lock()

    def come_and_go(seed: int) -> None:
        numbers = random.Random(seed)
        for ids in prompts(numbers, 10):
            request = GenerateRequest(token_ids=ids, max_tokens=numbers.randrange(1, 12))
            asker = ask(scheduler, fresh, request)
            with lock:
                askers.append(asker)
            if numbers.random() < 0.3:
                scheduler.cancel(asker)

    threads = [threading.Thread(target=partial(come_and_go, seed)) for seed in range(6)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads) or not scheduler.is_idle:
        scheduler.step()
    for thread in threads:
        thread.join()
    assert len(askers) == 60 and all(asker.n_done == 1 and asker.error is None for asker in askers)
    check_memory(fresh)


# --- beside other work ----------------------------------------------------------------------------------------------
def test_an_answer_and_other_work_take_turns(fresh: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(score, "_CHUNK", 4)  # 40 pieces
    request = GenerateRequest(token_ids=(30, 40, 50), max_tokens=60, logprobs=2)
    reference = alone(fresh, request)
    scheduler = Scheduler(fresh)
    by_itself = ask_score(scheduler, fresh, 160)
    finish(scheduler)
    fresh.memory.clear()
    writer = ask(scheduler, fresh, request)
    scheduler.step()
    scorer = ask_score(scheduler, fresh, 160)
    n_tokens = []
    while not scorer.n_done:
        n_tokens.append(len(scheduler.slots[0].tokens))
        scheduler.step()
    assert n_tokens == list(range(n_tokens[0], n_tokens[0] + 40))  # a token after each piece
    finish(scheduler)
    same_answer(reference, writer)
    wanted, found = by_itself.events[-1], scorer.events[-1]
    assert isinstance(wanted, Scores) and isinstance(found, Scores) and len(found.tokens) == 160
    for one, other in zip(wanted.tokens, found.tokens, strict=True):
        assert abs(one.logprob - other.logprob) < NEAR_TIE
    check_memory(fresh)


def test_with_one_slot_other_work_waits_for_the_end_of_the_answer(tiny_gguf: Path) -> None:
    loaded = open_model(tiny_gguf, n_slots=1)
    scheduler = Scheduler(loaded)
    first = ask(scheduler, loaded, GenerateRequest(token_ids=(30, 40, 50), max_tokens=20, logprobs=2))
    scheduler.step()
    scorer, unwanted = ask_score(scheduler, loaded, 80), ask_score(scheduler, loaded, 80)
    second = ask(scheduler, loaded, GenerateRequest(token_ids=(60, 70), max_tokens=5))
    scheduler.cancel(unwanted)
    scheduler.step()
    assert unwanted.n_done == 1 and unwanted.reason == "cancelled"
    finish(scheduler)
    assert first.reason == "length" and second.n_done == 1 and second.error is None
    assert isinstance(scorer.events[-1], Scores) and scorer.n_done == 1
    check_memory(loaded)
    loaded.close()


def test_other_work_that_waits_for_its_turn_is_cancelled_at_once(fresh: Loaded) -> None:
    scheduler = Scheduler(fresh)
    begun, waiting, last = (ask_score(scheduler, fresh, 120) for _ in range(3))
    scheduler.step()
    for one in (waiting, begun):
        scheduler.cancel(one)
        scheduler.step()
        assert one.n_done == 1 and one.reason == "cancelled" and one.usage.n_prompt_tokens == 0
    finish(scheduler)
    assert isinstance(last.events[-1], Scores)
    check_memory(fresh)


def test_what_stopped_an_answer_does_not_stop_other_work(fresh: Loaded) -> None:
    scheduler = Scheduler(fresh)
    stopped = Asker(GenerateRequest(token_ids=(20,) * 30))
    scheduler._computing._slots = (_slot(stopped),)
    scheduler.cancel(stopped)
    assert fresh.flag.is_set()
    scheduler._computing._slots = ()
    scorer = ask_score(scheduler, fresh, 40)
    finish(scheduler)
    assert isinstance(scorer.events[-1], Scores)


def _holding(loaded: Loaded, n_pieces: int, n_more: int) -> Iterator[AdapterSet]:
    """Other work that fills 30 cells with each piece, and holds them for some steps more."""
    prefix = loaded.memory.open((77,) * 30, (), use_cache=False).prefix
    try:
        for i in range(n_pieces + n_more):
            if i < n_pieces:
                loaded.context.start_batch()
                loaded.context.add((77,) * 30, prefix.sequence, len(prefix.token_ids), 1)
                assert loaded.context.decode_batch() == SUCCESS
                prefix.extend((77,) * 30)
            yield ()
    finally:
        prefix.clear()
        loaded.memory.close(prefix)


def test_an_answer_for_which_other_work_leaves_no_room_goes_on_after_it(fresh: Loaded) -> None:
    never = Sampling(logit_bias=tuple((token_id, -100.0) for token_id in fresh.vocabulary.eog_ids))
    request = GenerateRequest(token_ids=(33,) * 40, max_tokens=150, logprobs=2, sampling=never)
    reference = alone(fresh, request)
    fresh.memory.clear()
    scheduler = Scheduler(fresh)
    writer = ask(scheduler, fresh, request)
    scheduler.step()
    holder = Asker(GenerateRequest())
    scheduler.submit_work(holder, _holding(fresh, 4, 150))
    n_suspended = 0
    while not scheduler.is_idle:
        scheduler.step()
        n_suspended += len(scheduler._suspended)
    assert n_suspended > 0 and holder.error is None
    same_answer(reference, writer)
    assert writer.reason == "length"
    check_memory(fresh)
