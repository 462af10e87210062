"""Blind votes: nobody learns who is who before the vote, the order is random, and votes say what was preferred."""

import random
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from rushlight import Error, Stop
from rushlight.assistant.app import App
from rushlight.assistant.engine.engine import FakeEngine
from rushlight.assistant.events import Finished, TextDelta
from rushlight.assistant.models.importing import import_model
from rushlight.assistant.paths import find_paths
from rushlight.assistant.registry import blind
from rushlight.assistant.registry.blind import MAX_TOKENS, BlindTrial
from rushlight.assistant.registry.values import Adapter, NewAdapter
from rushlight.assistant.registry.votes import Tally, Votes
from rushlight.assistant.settings import load_settings

LORA, BASE = "a bright answer", "a dull answer"


class TwoVoices(FakeEngine):
    """Says one thing with an adapter and another without."""

    def __init__(self) -> None:
        super().__init__([])

    def generate(self, request: Any, stop: Stop) -> Iterator[Any]:
        self.requests.append(request)
        yield TextDelta(LORA if request.lora else BASE)
        yield Finished("stop")


@pytest.fixture
def engine() -> TwoVoices:
    return TwoVoices()


@pytest.fixture(autouse=True)
def drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is drawn at random is the same in every run: an interval of 95 % misses once in twenty otherwise."""
    monkeypatch.setattr(blind.secrets, "randbelow", random.Random(1).randrange)


@pytest.fixture
def app(own_home: Path, tiny_gguf: Path, engine: TwoVoices) -> Iterator[App]:
    paths = find_paths()
    with App(paths, load_settings(paths), open_engine=lambda _load, _stop, _progress: engine) as opened:
        import_model(opened.catalogue, tiny_gguf, how="in-place")
        yield opened


@pytest.fixture
def adapter(app: App, gguf_builder: ModuleType, tmp_path: Path) -> Adapter:
    file = gguf_builder.tiny_lora_gguf(tmp_path / "style.gguf")
    model = app.model()
    return app.registry.add_adapter(NewAdapter(file, "chat", model.sha256, model.id, name="secret-style"))


def everything_stored(app: App) -> str:
    tables = [str(row[0]) for row in app.store.rows("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    told = [
        repr(app.store.rows(f"SELECT * FROM {one}")) for one in tables if one not in ("adapters",) and "_" not in one
    ]
    return "".join([*told, repr(app.store.rows("SELECT * FROM blind_votes"))])


def test_nobody_learns_who_is_who_before_the_vote(
    app: App, engine: TwoVoices, adapter: Adapter, own_home: Path
) -> None:
    chat = app.conversations.create("Lamps")
    app.conversations.append(chat.id, None, "user", "Hi")
    trial = BlindTrial(app, adapter)
    before = everything_stored(app)
    pair = trial.ask("And now?", conversation_id=chat.id)
    assert {pair.a, pair.b} == {LORA, BASE} and not pair.is_same
    assert "secret-style" not in repr(pair) and "adapter" not in repr(pair)
    assert everything_stored(app) == before
    logs = [one.read_text(errors="replace") for one in own_home.rglob("*.log*")]
    assert not any("secret-style" in text for text in logs)
    assert len({one.sampling.seed for one in engine.requests}) == 1  # the same dice for both
    shown = trial.vote(pair, "a" if pair.a == LORA else "b")
    assert (shown.a, shown.b) == (
        ("secret-style", app.model().id) if pair.a == LORA else (app.model().id, "secret-style")
    )
    assert shown.tally == Tally(1, 0, 0, int(pair.a == LORA))
    path = app.conversations.path(chat.id)
    assert [one.content for one in path] == ["Hi", "And now?", LORA] and path[-1].adapter == "secret-style"
    kept = app.feedback.list()
    assert [(one.kind, one.note) for one in kept] == [("kept", "blind")] and kept[0].message_id == path[-1].id
    with pytest.raises(Error, match="voted on already"):
        trial.vote(pair, "b")


def test_a_pair_without_a_vote_leaves_nothing(app: App, adapter: Adapter) -> None:
    before = everything_stored(app)
    BlindTrial(app, adapter).ask("And now?")
    assert everything_stored(app) == before and Votes(app.store).tally(adapter).n_votes == 0


def test_a_stored_question_is_answered_by_both_and_only_the_vote_stores_answers(
    app: App, engine: TwoVoices, adapter: Adapter
) -> None:
    chat = app.conversations.create("Lamps", options={"temperature": "0.5", "adapter_strength": "0.2"})
    asked = app.conversations.append(chat.id, None, "user", "And now?")
    before, trial = everything_stored(app), BlindTrial(app, adapter)
    pair = trial.answer(chat.id, asked.id)
    assert {pair.a, pair.b} == {LORA, BASE} and everything_stored(app) == before
    assert sorted(one.lora for one in engine.requests) == [(), (adapter.use(),)]  # at full strength
    assert {one.max_tokens for one in engine.requests} == {MAX_TOKENS}
    assert len({one.sampling.seed for one in engine.requests}) == 1
    trial.vote(pair, "b")
    path = app.conversations.path(chat.id)
    assert [one.content for one in path] == ["And now?", pair.b]
    assert [one.content for one in app.conversations.siblings(path[-1].id)] == [pair.a, pair.b]
    assert sorted(one.adapter for one in app.conversations.siblings(path[-1].id)) == ["", "secret-style"]
    app.conversations.configure(chat.id, model="gone")
    with pytest.raises(Error):
        trial.answer(chat.id, asked.id)


def test_two_bad_answers_prefer_neither_and_are_both_rated_bad(app: App, adapter: Adapter) -> None:
    chat = app.conversations.create("Lamps")
    asked = app.conversations.append(chat.id, None, "user", "And now?")
    trial = BlindTrial(app, adapter)
    shown = trial.vote(trial.answer(chat.id, asked.id), "bad")
    assert (shown.tally.n_bad, shown.tally.n_tie, shown.tally.n_votes) == (1, 0, 1)
    assert shown.tally.interval == (0.0, 1.0)
    assert sorted((one.kind, one.note) for one in app.feedback.list()) == [("down", "blind"), ("down", "blind")]


def test_what_both_say_alike_is_one_reply_and_no_vote(app: App, adapter: Adapter, monkeypatch: Any) -> None:
    monkeypatch.setattr(TwoVoices, "generate", lambda *_: iter([TextDelta("the same"), Finished("length")]))
    chat = app.conversations.create("Lamps")
    asked = app.conversations.append(chat.id, None, "user", "And now?")
    trial = BlindTrial(app, adapter)
    pair = trial.answer(chat.id, asked.id)
    trial.keep_same(pair)
    path = app.conversations.path(chat.id)
    assert [one.content for one in path] == ["And now?", "the same"] and path[-1].finish_reason == "length"
    assert Votes(app.store).tally(adapter).n_votes == 0
    with pytest.raises(Error, match="voted on already"):
        trial.vote(pair, "a")


def test_a_vote_on_an_adapter_that_is_gone_stores_nothing(app: App, adapter: Adapter) -> None:
    chat = app.conversations.create("Lamps")
    asked = app.conversations.append(chat.id, None, "user", "And now?")
    trial = BlindTrial(app, adapter)
    pair = trial.answer(chat.id, asked.id)
    app.registry.remove(adapter.name)
    with pytest.raises(Error, match="no adapter"):
        trial.vote(pair, "a")
    assert [one.content for one in app.conversations.path(chat.id)] == ["And now?"]


def test_stopping_one_of_them_ends_both(app: App, adapter: Adapter) -> None:
    chat = app.conversations.create("Lamps")
    asked = app.conversations.append(chat.id, None, "user", "And now?")
    stop = Stop()
    stop.set()
    with pytest.raises(Error) as raised:
        BlindTrial(app, adapter).answer(chat.id, asked.id, stop=stop)
    assert raised.value.kind == "stopped"


def test_two_hundred_votes_give_the_planted_preference(app: App, adapter: Adapter) -> None:
    """A voter who likes the adapter's answer in 7 of 10 cases, and always votes for a place in the rest."""
    numbers, trial = random.Random(11), BlindTrial(app, adapter)
    for _ in range(200):
        pair = trial.ask("And now?")
        likes = LORA if numbers.random() < 0.7 else BASE
        trial.vote(pair, "a" if pair.a == likes else "b")
    found = Votes(app.store).tally(adapter)
    low, high = found.interval
    assert found.n_votes == 200 and low <= 0.7 <= high and low > 0.5 and high - low < 0.14
    assert 70 <= found.n_first <= 130  # 4 standard deviations around 100


def test_who_votes_for_a_place_prefers_nobody(app: App, adapter: Adapter) -> None:
    trial = BlindTrial(app, adapter)
    for _ in range(60):
        trial.vote(trial.ask("And now?"), "a")
    low, high = Votes(app.store).tally(adapter).interval
    assert low < 0.5 < high
    trial.vote(trial.ask("And now?"), "tie")
    assert Votes(app.store).tally(adapter).n_tie == 1


def test_what_cannot_be_compared_is_told(app: App, adapter: Adapter, gguf_builder: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(Error, match="There is no question"):
        BlindTrial(app, adapter).ask("  ")
    file = gguf_builder.tiny_lora_gguf(tmp_path / "other.gguf", seed=9)
    sql = app.registry.add_adapter(NewAdapter(file, "sql:x-00000000", adapter.base_sha256, adapter.base, name="x"))
    with pytest.raises(Error, match="only answers in chats"):
        BlindTrial(app, sql)
    other = app.registry.add_adapter(NewAdapter(file, "chat", "f" * 64, "gone", name="y"))
    with pytest.raises(Error, match="not in the catalogue"):
        BlindTrial(app, other)
    with pytest.raises(Error, match="different models"):
        BlindTrial(app, adapter, other)
