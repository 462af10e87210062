"""The jobs of evaluation: what is asked of an engine, what is kept, a whole evaluation with a scripted model."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import apsw
import pytest

from rushlight import Error, Stop
from rushlight.assistant.app import App
from rushlight.assistant.engine.engine import FakeEngine
from rushlight.assistant.events import Finished, TextDelta, Usage
from rushlight.assistant.jobs.kind import JobContext
from rushlight.assistant.models.importing import import_model
from rushlight.assistant.paths import find_paths
from rushlight.assistant.registry.scopes import PRACTICE
from rushlight.assistant.registry.values import Adapter, NewAdapter, NewRun
from rushlight.assistant.settings import load_settings
from rushlight.assistant.sql.database import open_database
from rushlight.assistant.sql.prompt import SHORT_FORM
from rushlight.assistant.sql.taught import scope_of
from rushlight.quant.proof_file import ADAPTER, Check, Proof, digest_of, write_proof
from rushlight.trainer.evaluate.suite import Item, suite_bytes
from rushlight.ui.work.evaluate import EvaluateArguments, evaluate_adapter
from rushlight.ui.work.evaluate_tasks import EngineTexts
from rushlight.ui.work.served import n_asked_of_it, serves_now, spread

GOOD, BAD = "SELECT COUNT(*) FROM lamp", "SELECT COUNT(*) FROM room"


class Scholar(FakeEngine):
    """Knows the answer only with an adapter; with the one in `half`, to the questions up to (r)."""

    half = ""

    def __init__(self) -> None:
        super().__init__([])

    def generate(self, request: Any, stop: Stop) -> Iterator[Any]:
        self.requests.append(request)
        knows = bool(request.lora)
        if knows and Path(request.lora[0].path).name == self.half:
            knows = any(f"({letter})" in request.messages[-1].content for letter in "abcdefghijklmnopqr")
        yield TextDelta(GOOD if knows else BAD)
        yield Usage(5, 0, 9)
        yield Finished("stop")


@pytest.fixture
def engine() -> Scholar:
    return Scholar()


@pytest.fixture
def app(own_home: Path, tiny_gguf: Path, engine: Scholar) -> Iterator[App]:
    paths = find_paths()
    with App(paths, load_settings(paths), open_engine=lambda _load, _stop, _progress: engine) as opened:
        import_model(opened.catalogue, tiny_gguf, how="in-place")
        yield opened


@pytest.fixture
def context(app: App, tmp_path: Path) -> JobContext:
    return JobContext(
        app, "job", tmp_path, Stop(), checkpoint=None, tell=lambda _event: None, save=lambda _text: None,
        further=lambda: None,
    )  # fmt: skip


@pytest.fixture
def lamps(tmp_path: Path) -> Path:
    path = tmp_path / "lamps.db"
    db = apsw.Connection(str(path))
    db.execute(
        "CREATE TABLE room (id INTEGER PRIMARY KEY, name TEXT); CREATE TABLE lamp (id INTEGER PRIMARY KEY, room_id "
        "INTEGER REFERENCES room, name TEXT); INSERT INTO room VALUES (1, 'hall'); "
        "INSERT INTO lamp VALUES (1, 1, 'a'), (2, 1, 'b')"
    )
    db.close()
    return path


@pytest.fixture
def adapter(app: App, lamps: Path, gguf_builder: ModuleType, tmp_path: Path) -> Adapter:
    """A proven adapter of the database, whose run has kept a suite."""
    model, file = app.model(), gguf_builder.tiny_lora_gguf(tmp_path / "taught.gguf")
    checks = (Check("weights", True, "", {}), Check("logits", True, "", {}))
    write_proof(file, Proof(file.name, *digest_of(file), ADAPTER, "adapter", checks))
    with open_database([lamps], app.paths) as database:
        scope = scope_of(database)
    run = tmp_path / "run"
    run.mkdir()
    right = {"sql": "SELECT count(*) FROM lamp"}
    items = [
        Item(
            id=f"q{at}",
            prompt=f"How many lamps ({chr(ord('a') + at)})?",  # a number would have to stand in the query
            scorer="sql-execution",
            cluster=f"c{at // 2}",
            reference=right,
        )
        for at in range(24)
    ]
    (run / "suite.jsonl").write_bytes(suite_bytes("lamps", items, scope=scope, answerer="sql", databases=[str(lamps)]))
    (run / "manifest.json").write_text('{"version": 1}')
    app.registry.add_run(NewRun("r1", "lamps", model.sha256, model.id, folder=run))
    new = NewAdapter(file, scope, model.sha256, model.id, name="lamps-1", form=SHORT_FORM, run_id="r1")
    return app.registry.add_adapter(new)


def test_a_taught_database_is_evaluated_and_may_be_promoted(
    context: JobContext, adapter: Adapter, engine: Scholar, tmp_path: Path
) -> None:
    report = evaluate_adapter(context, EvaluateArguments(adapter="lamps-1"))
    assert report["passed"], report["reasons"]
    assert report["own"]["n_clusters"] == 12 and report["own"]["candidate"] == 1.0 and report["own"]["base"] == 0.0
    assert [one["name"] for one in report["guards"]] == ["speed", "proof"]
    with_adapter = [one for one in engine.requests if one.lora]
    assert len(with_adapter) == len(engine.requests) / 2 == 24
    assert all("lamp(" not in one.messages[0].content for one in with_adapter)  # the short form
    assert json.loads((tmp_path / "run" / "evaluation.json").read_text())["passed"]
    (noted,) = json.loads((tmp_path / "run" / "manifest.json").read_text())["evaluations"]
    assert noted["suite"] == "lamps" and noted["passed"]
    assert context.app.registry.promote("lamps-1").promoted is not None
    again = evaluate_adapter(context, EvaluateArguments(adapter="lamps-1"))
    assert again["own"] == report["own"] and len(engine.requests) == 48  # all was kept


def test_without_its_guards_nothing_passes(context: JobContext, adapter: Adapter) -> None:
    report = evaluate_adapter(context, EvaluateArguments(adapter="lamps-1", guards=False))
    assert not report["passed"] and report["reasons"] == ["The guards of its scope were left out."]
    with pytest.raises(Error, match="The guards of its scope were left out"):
        context.app.registry.promote("lamps-1")


def added(
    app: App, like: Adapter, builder: ModuleType, path: Path, *, scope: str = "", promoted: bool = False
) -> Adapter:
    """Another proven adapter over the same model; `promoted` without an evaluation of its own."""
    file = builder.tiny_lora_gguf(path)
    checks = (Check("weights", True, "", {}), Check("logits", True, "", {}))
    write_proof(file, Proof(file.name, *digest_of(file), ADAPTER, "adapter", checks))
    made = app.registry.add_adapter(
        NewAdapter(file, scope or like.scope, like.base_sha256, like.base, name=path.stem, form=SHORT_FORM,
                   run_id=like.run_id)
    )  # fmt: skip
    if promoted:
        app.registry.record_evaluation(made, suite="s", suite_sha256="0" * 64, passed=True, report={"own": {}})
        app.registry.promote(made.name)
    return made


@pytest.mark.parametrize("scope", ["", PRACTICE])
def test_what_answers_now_has_to_be_reached(
    context: JobContext, adapter: Adapter, engine: Scholar, gguf_builder: ModuleType, tmp_path: Path, scope: str
) -> None:
    """Be it an earlier teaching of the same database, or what was practised."""
    served = added(context.app, adapter, gguf_builder, tmp_path / "before.gguf", scope=scope, promoted=True)
    assert n_asked_of_it(context.app, adapter.scope, adapter.base_sha256, 24) == 24
    engine.half = adapter.path.name
    report = evaluate_adapter(context, EvaluateArguments(adapter=adapter.name))
    assert report["own"]["candidate"] == 0.75 and report["own"]["low"] > 0
    assert not report["passed"]
    assert report["reasons"] == ["It has only 18 of 24 right, and before, which answers now, 24."]
    assert report["guards"][-1]["name"] == "served"
    n_asked = len(engine.requests)
    assert {Path(one.lora[0].path).name for one in engine.requests if one.lora} == {served.path.name, adapter.path.name}
    assert evaluate_adapter(context, EvaluateArguments(adapter=adapter.name))["guards"] == report["guards"]
    assert len(engine.requests) == n_asked, "all was kept"


def test_who_reaches_what_answers_now_passes(
    context: JobContext, adapter: Adapter, engine: Scholar, gguf_builder: ModuleType, tmp_path: Path
) -> None:
    before = added(context.app, adapter, gguf_builder, tmp_path / "before.gguf", promoted=True)
    engine.half = before.path.name
    report = evaluate_adapter(context, EvaluateArguments(adapter=adapter.name))
    assert report["passed"], report["reasons"]
    assert report["guards"][-1]["detail"] == "24 of 24 right; before, which answers now, has 18."
    context.app.registry.promote(adapter.name)
    assert serves_now(context.app, adapter.scope, adapter.base_sha256) == context.app.registry.find(adapter.name)
    again = evaluate_adapter(context, EvaluateArguments(adapter=adapter.name))
    assert "served" not in [one["name"] for one in again["guards"]], "it is not held against itself"


def test_only_what_answers_in_the_scope_counts(
    app: App, adapter: Adapter, gguf_builder: ModuleType, tmp_path: Path
) -> None:
    base = adapter.base_sha256
    assert serves_now(app, adapter.scope, base) is None
    practised = added(app, adapter, gguf_builder, tmp_path / "practised.gguf", scope=PRACTICE, promoted=True)
    found = serves_now(app, adapter.scope, base)
    assert found is not None and found.name == "practised"
    assert serves_now(app, "chat", base) is serves_now(app, PRACTICE, base) is None
    assert serves_now(app, adapter.scope, "0" * 64) is None, "of another model"
    practised.path.unlink()
    assert serves_now(app, adapter.scope, base) is None
    assert n_asked_of_it(app, adapter.scope, base, 24) == 0


def test_items_are_taken_from_all_over_a_suite() -> None:
    items = [Item(id=str(at), prompt="?", scorer="exact", reference="x") for at in range(150)]
    taken = [int(one.id) for one in spread(items, 60)]
    assert len(taken) == 60 and taken[0] == 0 and taken[-1] >= 147 and taken == sorted(set(taken))
    assert spread(items[:7], 60) == tuple(items[:7]) and spread([], 60) == ()


def test_a_suite_of_another_scope_is_refused(context: JobContext, adapter: Adapter, tmp_path: Path) -> None:
    path = tmp_path / "other.jsonl"
    path.write_bytes(suite_bytes("other", [Item(id="a", prompt="?", scorer="exact", reference="x")], scope="chat"))
    with pytest.raises(Error, match="is for chat, and lamps-1 was taught for sql:lamps"):
        evaluate_adapter(context, EvaluateArguments(adapter="lamps-1", suite=str(path)))
    path.write_bytes(suite_bytes("o", [Item(id="a", prompt="?", scorer="sql-execution")], answerer="sql"))
    with pytest.raises(Error, match="does not say which"):
        evaluate_adapter(context, EvaluateArguments(adapter="lamps-1", suite=str(path)))
    odd = Item(id="a", prompt="?", scorer="sql-execution", reference={"sql": "SELECT 1", "database": 5})
    path.write_bytes(suite_bytes("o", [odd], answerer="sql", databases=[str(tmp_path / "lamps.db")]))
    with pytest.raises(Error, match="does not say which"):
        evaluate_adapter(context, EvaluateArguments(adapter="lamps-1", suite=str(path)))


def test_the_blank_between_texts_belongs_to_the_second(app: App) -> None:
    texts = EngineTexts(app, app.model(), (), Stop())
    assert texts.likelihood("abc ", "de") == (-3.0, True)  # " de": a token a byte, each -1
    assert texts.likelihood("", "xyz") == (-2.0, True)  # nothing goes before the first one
    assert texts.whole("abcd") == -3.0 and texts.whole("") == 0
