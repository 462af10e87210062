"""A promoted adapter is loaded in its scope and in no other: in chats, in questions to its database, by name."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import apsw
import pytest

from rushlight import Error
from rushlight.assistant.app import App
from rushlight.assistant.engine.engine import FakeEngine
from rushlight.assistant.engine.request import LoraUse, TokenizeRequest
from rushlight.assistant.models.importing import import_model
from rushlight.assistant.paths import find_paths
from rushlight.assistant.registry.values import Adapter, NewAdapter
from rushlight.assistant.server.model_names import find_named
from rushlight.assistant.settings import load_settings
from rushlight.assistant.sql.asking import ask_database
from rushlight.assistant.sql.database import Database, open_database
from rushlight.assistant.sql.prompt import FORM, SHORT_FORM
from rushlight.assistant.sql.taught import scope_of, taught


class Listening(FakeEngine):
    """Keeps what it was asked, and says a query."""

    def __init__(self) -> None:
        super().__init__(["SELECT COUNT(*) FROM lamp"])

    def tokenize(self, request: TokenizeRequest) -> tuple[int, ...]:
        return (1, 2, 3)

    @property
    def loaded(self) -> list[tuple[LoraUse, ...]]:
        found, self.requests = [one.lora for one in self.requests], []
        return found


@pytest.fixture
def engine() -> Listening:
    return Listening()


@pytest.fixture
def app(own_home: Path, tiny_gguf: Path, tmp_path: Path, engine: Listening) -> Iterator[App]:
    paths = find_paths()
    with App(paths, load_settings(paths), open_engine=lambda _load, _stop, _progress: engine) as opened:
        copy = tmp_path / "tiny.gguf"
        shutil.copy(tiny_gguf, copy)
        import_model(opened.catalogue, copy)
        yield opened


@pytest.fixture
def lamps(tmp_path: Path, app: App) -> Iterator[Database]:
    path = tmp_path / "lamps.db"
    db = apsw.Connection(str(path))
    db.execute("CREATE TABLE lamp (id INTEGER PRIMARY KEY, room TEXT); INSERT INTO lamp VALUES (1, 'hall')")
    db.close()
    with open_database([path], app.paths) as database:
        yield database


@pytest.fixture
def promoted(app: App, gguf_builder: ModuleType, tmp_path: Path) -> Callable[..., Adapter]:
    """`promoted("chat-1", "chat")`"""

    def make(name: str, scope: str, *, form: str = "", promote: bool = True) -> Adapter:
        file = gguf_builder.tiny_lora_gguf(tmp_path / f"{name}.gguf", seed=len(name))
        model = app.model()
        adapter = app.registry.add_adapter(NewAdapter(file, scope, model.sha256, model.id, name=name, form=form))
        app.registry.record_evaluation(adapter, suite="s", suite_sha256="0" * 64, passed=True, report={})
        if promote:
            app.registry.promote(name)
        return adapter

    return make


def say(app: App, conversation: str, **more: Any) -> None:
    list(app.session(conversation, **more).send("Hello"))


def ask(app: App, database: Database, model: str = "") -> None:
    who = taught(app, database, model)
    ask_database(app, database, "How many lamps are there?", model=who.model, lora=who.lora, form=who.form)


def test_each_is_loaded_in_its_scope_only(
    app: App, engine: Listening, lamps: Database, promoted: Callable[..., Adapter]
) -> None:
    chat = app.conversations.create("Lamps").id
    say(app, chat), ask(app, lamps)
    assert engine.loaded == [(), ()]
    lamp = promoted("lamps-1", scope_of(lamps), form=SHORT_FORM)
    say(app, chat), ask(app, lamps)
    assert engine.loaded == [(), (lamp.use(),)]
    style = promoted("style-1", "chat")
    say(app, chat), ask(app, lamps)
    assert engine.loaded == [(style.use(),), (lamp.use(),)]
    list(app.ask("Hello"))
    assert engine.loaded == [()]  # what is no chat
    path = app.conversations.path(chat)
    assert [one.adapter for one in path if one.role == "assistant"] == ["", "", "style-1"]
    app.registry.rollback(lamp.scope)
    say(app, chat), ask(app, lamps)
    assert engine.loaded == [(style.use(),), ()]


def test_a_promotion_holds_from_the_next_answer_on_in_a_session_that_is_open(
    app: App, engine: Listening, promoted: Callable[..., Adapter]
) -> None:
    session = app.session(app.conversations.create("Lamps").id)
    list(session.send("one"))
    style = promoted("style-1", "chat")
    list(session.send("two"))
    app.registry.rollback("chat")
    list(session.send("three"))
    assert engine.loaded == [(), (style.use(),), ()]


def test_its_strength_can_be_set_and_another_one_goes_before_it(
    app: App, engine: Listening, promoted: Callable[..., Adapter]
) -> None:
    style = promoted("style-1", "chat")
    chat = app.conversations.create("Lamps").id
    say(app, chat, options={"adapter_strength": "0.5"})
    say(app, chat, options={"adapter_strength": "0"})
    say(app, chat, adapter="mine.gguf")
    assert engine.loaded == [(style.use(0.5),), (), ()]
    with pytest.raises(Error, match="adapter_strength must be a number from 0 to 2"):
        say(app, chat, options={"adapter_strength": "3"})
    style.path.unlink()
    say(app, chat)
    assert engine.loaded == [()]


def test_a_chat_may_choose_a_candidate_and_never_one_of_another_model(
    app: App, engine: Listening, promoted: Callable[..., Adapter], gguf_builder: ModuleType, tmp_path: Path
) -> None:
    style, fresh = promoted("style-1", "chat"), promoted("fresh-22", "chat", promote=False)
    file = gguf_builder.tiny_lora_gguf(tmp_path / "other.gguf", seed=99)
    app.registry.add_adapter(NewAdapter(file, "chat", "f" * 64, "another", name="other"))
    promoted("lamps-1", "sql:lamps-00000000")
    assert [one.name for one in app.chat_adapters(app.model())] == ["style-1", "fresh-22"]
    chat = app.conversations.create("Lamps", options={"adapter": "fresh-22", "adapter_strength": "1.5"}).id
    say(app, chat)
    app.conversations.configure(chat, options={"adapter": "other"})
    say(app, chat)
    app.conversations.configure(chat, options={"adapter": "fresh-22"})
    app.registry.retire("fresh-22")
    say(app, chat)
    assert engine.loaded == [(fresh.use(1.5),), (style.use(),), (style.use(),)]
    path = app.conversations.path(chat)
    assert [one.adapter for one in path if one.role == "assistant"] == ["fresh-22", "style-1", "style-1"]
    with pytest.raises(Error, match="adapter must be the name"):
        say(app, chat, options={"adapter": " "})


def test_other_tables_are_another_scope(app: App, lamps: Database, promoted: Callable[..., Adapter]) -> None:
    adapter = promoted("lamps-1", scope_of(lamps), form=SHORT_FORM)
    found = taught(app, lamps)
    assert (found.adapter, found.form, found.model) == ("lamps-1", SHORT_FORM, app.model().id)
    assert taught(app, lamps, app.model().id).adapter == "lamps-1"
    assert taught(app, lamps, "another-model").adapter == ""
    path = lamps.sources[0].path
    db = apsw.Connection(str(path))
    db.execute("ALTER TABLE lamp ADD COLUMN watts INTEGER")
    db.close()
    with open_database([path], app.paths) as changed:
        assert scope_of(changed) != adapter.scope and taught(app, changed).adapter == ""


def test_a_form_that_is_not_known_is_not_used(app: App, lamps: Database, promoted: Callable[..., Adapter]) -> None:
    promoted("lamps-1", scope_of(lamps), form="sql-short-9")
    assert taught(app, lamps).form == FORM and taught(app, lamps).lora == ()


def test_clients_name_candidates_and_what_is_promoted(
    app: App, lamps: Database, promoted: Callable[..., Adapter]
) -> None:
    model, scope = app.model().id, scope_of(lamps)
    assert find_named(app, f"{model}@promoted").lora == ()
    for name in (f"{model}@candidate", f"{scope}@promoted", "nobody@promoted", "chat@candidate"):
        with pytest.raises(Error) as caught:
            find_named(app, name)
        assert caught.value.kind == "model-not-found"
    style, lamp = promoted("style-1", "chat"), promoted("lamps-1", scope)
    new = promoted("style-2", "chat", promote=False)
    expected = {
        model: (), f"{model}@promoted": (style.use(),), f"{model}@candidate": (new.use(),),
        f"{model}@style-2": (new.use(),), f"{scope}@promoted": (lamp.use(),), "chat@promoted": (style.use(),),
    }  # fmt: skip
    for name, lora in expected.items():
        found = find_named(app, name)
        assert (found.lora, found.model.id, found.name) == (lora, model, name)
