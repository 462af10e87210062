"""`rushlight teach` as people type it, and its job with a scripted model and trainer: from a file to who serves."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple

import apsw
import pytest

from rushlight import Error, Stop
from rushlight.assistant.app import App
from rushlight.assistant.chat.feedback import FeedbackBook
from rushlight.assistant.engine.engine import FakeEngine
from rushlight.assistant.events import Finished, Notice, TextDelta, Usage
from rushlight.assistant.jobs.kind import JobContext, JobResult
from rushlight.assistant.learn.lessons import LessonBook
from rushlight.assistant.models.importing import import_model
from rushlight.assistant.models.model import Model
from rushlight.assistant.paths import find_paths
from rushlight.assistant.settings import load_settings
from rushlight.assistant.sql.database import open_database
from rushlight.assistant.sql.memory import SqlMemory
from rushlight.assistant.sql.taught import taught as who_answers
from rushlight.quant.proof_file import ADAPTER, Check, Proof, digest_of, write_proof
from rushlight.ui.work import kept_steps, practise, teach_start, teaching
from rushlight.ui.work import teach as teach_work
from rushlight.ui.work import train as train_work
from rushlight.ui.work.evaluate import EvaluateArguments, evaluate_adapter
from rushlight.ui.work.teach import KIND, TeachArguments
from rushlight.ui.work.teach_start import practised as practised_last

Cli = Callable[..., Any]


class Done(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def cli(inside: Any) -> Cli:
    return lambda *words: Done(*inside(*map(str, words)))


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    path = tmp_path / "shop.db"
    db = apsw.Connection(str(path))
    db.execute("""
        CREATE TABLE customer (customer_id INTEGER PRIMARY KEY, name TEXT, city TEXT, joined_on TEXT);
        CREATE TABLE purchase (
            purchase_id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customer, total_eur REAL
        );
    """)
    for i in range(40):
        row = (i, f"Name {i}", ("Oslo", "Graz", "Bern")[i % 3], f"20{20 + i % 4}-0{1 + i % 9}-11")
        db.execute("INSERT INTO customer VALUES (?, ?, ?, ?)", row)
        db.execute("INSERT INTO purchase VALUES (?, ?, ?)", (i, i % 20, 10.5 * i))
    db.close()
    return path


class Pupil(FakeEngine):
    """Without an adapter it says nothing useful; with one it says what the suite holds to be right."""

    def __init__(self) -> None:
        super().__init__([])
        self.right: dict[str, str] = {}

    def generate(self, request: Any, stop: Stop) -> Iterator[Any]:
        asked = request.messages[-1].content.split("\n")[0]
        yield TextDelta(self.right.get(asked, "SELECT 1") if request.lora else "SELECT customer.name FROM customer")
        yield Usage(5, 0, 9)
        yield Finished("stop")


@pytest.fixture
def pupil() -> Pupil:
    return Pupil()


@pytest.fixture
def app(own_home: Path, tiny_gguf: Path, pupil: Pupil) -> Iterator[App]:
    paths = find_paths()
    with App(paths, load_settings(paths), open_engine=lambda _load, _stop, _progress: pupil) as opened:
        import_model(opened.catalogue, tiny_gguf, how="in-place")
        yield opened


class Kept:
    """A job's context that remembers its checkpoints."""

    def __init__(self, app: App, folder: Path) -> None:
        self.app, self.folder, self.saved, self.job_id = app, folder, None, "job123456"
        folder.mkdir(exist_ok=True)

    def context(self) -> JobContext:
        def save(text: str) -> None:
            self.saved = text  # type: ignore[assignment]

        return JobContext(
            self.app, self.job_id, self.folder, Stop(), checkpoint=self.saved, tell=lambda _event: None, save=save,
            further=lambda: None,
        )  # fmt: skip


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch, gguf_builder: ModuleType, pupil: Pupil) -> list[Any]:
    """A trainer that makes a small adapter at once, and remembers what it was told."""
    monkeypatch.setattr(teaching, "need_trainer", lambda: None)
    told: list[Any] = []
    clock = [0.0]
    for module in (teach_work, kept_steps):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: clock[0]))

    def run(context: JobContext, arguments: Any) -> Iterator[Any]:
        told.append(arguments)
        out = Path(arguments.out)
        out.mkdir(parents=True, exist_ok=True)
        file = gguf_builder.tiny_lora_gguf(out / "taught-adapter.gguf")
        checks = (Check("weights", True, "", {}), Check("logits", True, "", {}))
        write_proof(file, Proof(file.name, *digest_of(file), ADAPTER, "adapter", checks))
        suite = context.folder / "suite.jsonl"
        for line in suite.read_text().splitlines()[1:] if suite.exists() else ():
            item = json.loads(line)
            if item["scorer"] == "sql-execution":
                pupil.right[item["prompt"]] = item["reference"]["sql"]
        clock[0] += 100.0
        context.save_checkpoint({"step": 5})
        yield JobResult({"made": [{"path": str(file), "size_bytes": 1, "proof": None}], "proof": None,
                         "outcome": {"loss": 0.1, "held_out": None, "step": 9, "trained_tokens": 99}})  # fmt: skip

    monkeypatch.setattr(train_work.KIND, "run", run)
    monkeypatch.setattr(teaching, "step_seconds", lambda *_: (1.0, 0.0))
    return told


def taught(context: JobContext, **given: Any) -> dict[str, Any]:
    arguments = TeachArguments(model=context.app.model().id, **given)
    *_, last = KIND.run(context, arguments)
    assert isinstance(last, JobResult)
    return last.value


def test_from_a_file_to_an_adapter_that_serves(app: App, shop: Path, trained: list[Any], tmp_path: Path) -> None:
    kept = Kept(app, tmp_path / "job")
    made = taught(kept.context(), kind="database", files=[str(shop)], minutes=2, promote=True)
    assert made["passed"] and made["promoted"] and made["report"]["own"]["candidate"] == 1.0
    assert made["scope"].startswith("sql:shop-") and made["form"] == "sql-tables-1"
    adapter = app.registry.promoted(made["scope"])
    assert adapter is not None and adapter.name == made["adapter"]
    (use,) = app.registry.run(adapter.run_id).lessons
    assert use.kind == "database" and [(one.kind, one.source) for one in use.sources] == [("database", "shop")]
    (told,) = trained
    assert told.config["steps"]["batch"] == 8 and Path(told.out).is_relative_to(app.paths.runs)
    lines = (tmp_path / "job" / "train.jsonl").read_text().splitlines()
    asked = {json.loads(line)["messages"][1]["content"].split("\n")[0] for line in lines}
    suite = [json.loads(line) for line in (Path(made["run"]) / "suite.jsonl").read_text().splitlines()]
    assert not asked & {item["prompt"] for item in suite[1:]} and suite[0]["scope"] == made["scope"]
    assert set(made["seconds"]) == {"lesson", "plan", "train", "keep", "evaluate", "promote"}
    assert made["seconds"]["train"] == 100  # each second counts once


def test_a_killed_job_goes_on_and_does_nothing_twice(
    app: App, shop: Path, trained: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Kept(app, tmp_path / "job")
    with monkeypatch.context() as broken:
        broken.setattr(
            app.registry.__class__, "add_adapter", lambda *_: (_ for _ in ()).throw(Error("the power is out"))
        )
        with pytest.raises(Error, match="power"):
            taught(kept.context(), kind="database", files=[str(shop)], examples=64)
    assert len(LessonBook(app.store).list()) == 1 and len(trained) == 1
    made = taught(kept.context(), kind="database", files=[str(shop)], examples=64)
    assert made["passed"] and not made["promoted"] and len(trained) == 1
    assert len(LessonBook(app.store).list()) == len(app.registry.adapters()) == len(app.registry.runs()) == 1
    assert made["plan"]["n_seen"] == 64 and app.registry.find(made["adapter"]).state == "candidate"


def test_a_lesson_taught_again_takes_in_what_was_accepted_since(
    app: App, shop: Path, trained: list[Any], tmp_path: Path
) -> None:
    made = taught(Kept(app, tmp_path / "one").context(), kind="database", files=[str(shop)], examples=64)
    with open_database([shop], app.paths) as database:
        kept = SqlMemory(app.store).accept(
            database, "Who is number 7?", "SELECT name FROM customer WHERE customer_id = 7"
        )
    book = LessonBook(app.store)
    lesson = book.find(made["lesson"]["id"])
    again = Kept(app, tmp_path / "two")
    again.job_id = "job654321"
    more = taught(again.context(), kind="database", lesson=lesson.id, examples=64)
    assert more["lesson"]["examples"] == made["lesson"]["examples"] + 1 and more["adapter"] != made["adapter"]
    assert [one.id for one in book.using("query", kept.id)] == [lesson.id]
    assert more["lesson"]["held_out"] == made["lesson"]["held_out"]


@pytest.fixture
def brought(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The adapters that teachings begin with, of rank 4."""
    found: list[Path] = []

    def bring(adapter: Any, _model: Any, folder: Path) -> None:
        found.append(adapter.path)
        folder.mkdir(exist_ok=True)
        settings = {"r": 4, "lora_alpha": 8, "target_modules": ["model.layers.0.self_attn.q_proj"]}
        (folder / "adapter_config.json").write_text(json.dumps(settings))

    monkeypatch.setattr(teach_start, "bring", bring)
    monkeypatch.setattr(practise, "bring", bring)
    return found


def practised(kept: Kept, **given: Any) -> dict[str, Any]:
    arguments = practise.PractiseArguments(model=kept.app.model().id, **given)
    *_, last = practise.KIND.run(kept.context(), arguments)
    assert isinstance(last, JobResult)
    return last.value


def test_a_database_begins_with_what_was_practised(
    app: App, shop: Path, trained: list[Any], brought: list[Path], tmp_path: Path
) -> None:
    first = taught(Kept(app, tmp_path / "zero").context(), kind="database", files=[str(shop)], examples=64)
    assert not first["start"] and not brought
    kept = Kept(app, tmp_path / "practice")
    kept.job_id = "job999999"
    made = practised(kept, examples=96)
    assert made["plan"]["n_seen"] == 96
    assert set(made["seconds"]) == {"examples", "questions", "plan", "train", "keep", "evaluate", "promote"}
    adapter = app.registry.find(made["adapter"])
    assert (adapter.scope, adapter.state, adapter.form) == ("sql:practice", "candidate", "sql-tables-1")
    lines = (tmp_path / "practice" / "train.jsonl").read_text().splitlines()
    assert len(lines) == 96 and trained[-1].validate == [str(tmp_path / "practice" / "validate.jsonl")]

    two = Kept(app, tmp_path / "two")
    two.job_id = "job222222"
    more = taught(two.context(), kind="database", files=[str(shop)], examples=64)
    assert more["start"] == adapter.name and brought == [adapter.path]
    then = trained[-1].config
    assert then["adapter"]["start"] == str(tmp_path / "two" / "start") and then["adapter"]["rank"] == 4
    rates = [then["steps"]["rate"], trained[0].config["steps"]["rate"]]
    assert rates[0] == pytest.approx(rates[1] / 6), "what was practised is not to be shaken off"
    assert then["steps"]["learn_beginning"] is False and "learn_beginning" not in trained[0].config["steps"]
    run = app.registry.lineage(more["adapter"]).run
    assert run is not None and {one.kind for one in run.lessons} == {"database", "practice"}

    assert practised_last(app, app.model()) == adapter
    assert practised_last(app, app.model(), "sql-short-1") is None, "a lesson in another form cannot begin with it"

    # Another rank was told, it was not wished, or it is retired: the model begins alone.
    three = Kept(app, tmp_path / "three")
    three.job_id = "job333333"
    other = taught(three.context(), kind="database", files=[str(shop)], examples=64, settings={"adapter.rank": 8})
    assert not other["start"] and trained[-1].config["adapter"]["rank"] == 8 and not (tmp_path / "three/start").exists()
    told = Kept(app, tmp_path / "told")
    told.job_id = "job666666"
    taught(told.context(), kind="database", files=[str(shop)], examples=64, settings={"steps.learn_beginning": True})
    assert trained[-1].config["steps"]["learn_beginning"] is True
    four = Kept(app, tmp_path / "four")
    four.job_id = "job444444"
    alone = taught(four.context(), kind="database", files=[str(shop)], examples=64, practised=False)
    assert not alone["start"]
    app.registry.retire(adapter.name)
    five = Kept(app, tmp_path / "five")
    five.job_id = "job555555"
    assert not taught(five.context(), kind="database", files=[str(shop)], examples=64)["start"]


def test_what_was_practised_is_proven_and_answers_where_nobody_taught(
    app: App, shop: Path, trained: list[Any], brought: list[Path], tmp_path: Path
) -> None:
    kept = Kept(app, tmp_path / "practice")
    made = practised(kept, minutes=2.0, promote=True)
    assert made["passed"] and made["promoted"] and made["before"] is None
    own = made["report"]["own"]
    assert own["n_items"] == 80 and own["candidate"] == 1.0 and own["base"] < 0.2
    lines = (Path(made["run"]) / "suite.jsonl").read_text().splitlines()
    files = {json.loads(line)["reference"]["database"] for line in lines[1:]}
    assert len(files) == 10 and all(Path(one).is_relative_to(made["run"]) and Path(one).is_file() for one in files)
    learned = (tmp_path / "practice" / "train.jsonl").read_text()
    asked = {json.loads(line)["prompt"] for line in lines[1:]}
    known = {json.loads(line)["messages"][1]["content"].split("\n")[0] for line in learned.splitlines()}
    assert len(asked & known) < len(asked) / 10, "only short ones that any database may be asked"

    # The suite lies in the run: it can be evaluated again, and another practice is held against the same questions.
    again = evaluate_adapter(kept.context(), EvaluateArguments(adapter=made["adapter"]))
    assert again["suite_sha256"] == made["report"]["suite_sha256"]
    three = Kept(app, tmp_path / "three")
    three.job_id = "job333333"
    more = practised(three, examples=96)
    assert more["before"] == 1.0 and more["report"]["suite"] == made["report"]["suite"] and not more["promoted"]

    with open_database([shop], app.paths) as database:
        found = who_answers(app, database)
        assert (found.adapter, found.form) == (made["adapter"], "sql-tables-1") and found.model == app.model().id
        assert found.is_practice
        assert who_answers(app, database, "another model").lora == ()
        two = Kept(app, tmp_path / "two")
        two.job_id = "job222222"
        own_one = taught(two.context(), kind="database", files=[str(shop)], examples=64, promote=True)
        own_found = who_answers(app, database)
        assert own_found.adapter == own_one["adapter"] and not own_found.is_practice, "its own goes first"
        app.registry.rollback(own_one["scope"])
        app.registry.rollback("sql:practice")
        assert who_answers(app, database).lora == ()


def test_another_practice_goes_on_with_other_databases(
    app: App, trained: list[Any], brought: list[Path], tmp_path: Path
) -> None:
    def again(name: str, **given: Any) -> tuple[dict[str, Any], str]:
        kept = Kept(app, tmp_path / name)
        kept.job_id = f"job-{name}"
        return practised(kept, examples=96, **given), (tmp_path / name / "train.jsonl").read_text()

    first, learned = again("first1")
    assert not first["start"] and not brought
    more, then = again("second")
    before = app.registry.find(first["adapter"])
    assert more["start"] == before.name and brought == [before.path]
    config = trained[-1].config
    assert trained[-1].start == config["adapter"]["start"] == str(tmp_path / "second" / "start")
    assert config["steps"]["rate"] == pytest.approx(trained[0].config["steps"]["rate"] / 2)
    assert config["steps"]["seed"] == 1 and not set(learned.splitlines()) & set(then.splitlines())
    last = practised_last(app, app.model())
    assert last is not None and last.name == more["adapter"]
    run = app.registry.lineage(more["adapter"]).run
    assert run is not None and run.manifest["start"] == before.name

    with pytest.raises(Error, match="rank is 8, there it is 4") as refused:
        again("third3", settings={"adapter.rank": 8})
    assert "--from-scratch" in refused.value.hint
    anew, _ = again("fourth", settings={"adapter.rank": 8}, anew=True)
    assert not anew["start"] and "start" not in trained[-1].config["adapter"]


def test_a_practice_that_was_killed_goes_on(
    app: App, trained: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Kept(app, tmp_path / "practice")
    with monkeypatch.context() as broken:
        broken.setattr(app.registry.__class__, "add_adapter", lambda *_: (_ for _ in ()).throw(Error("the power")))
        with pytest.raises(Error, match="power"):
            practised(kept, examples=96)
    made = practised(kept, examples=96)
    assert len(trained) == len(app.registry.adapters()) == len(app.registry.runs()) == 1
    assert (
        made["seconds"]["train"] == 100 and practise.KIND.title(practise.PractiseArguments(model="m")) == "Practise m"
    )


def test_an_adapter_is_trained_further(
    app: App, shop: Path, trained: list[Any], brought: list[Path], tmp_path: Path
) -> None:
    made = taught(Kept(app, tmp_path / "one").context(), kind="database", files=[str(shop)], examples=64, promote=True)
    with pytest.raises(Error, match="new has no adapter"):
        taught(Kept(app, tmp_path / "new").context(), kind="database", files=[str(shop)], go_on=True)
    two = Kept(app, tmp_path / "two")
    two.job_id = "job654321"
    lesson = made["lesson"]["id"]
    told_otherwise = {"adapter.rank": 8}
    with pytest.raises(Error, match="rank is 8, there it is 4"):
        taught(two.context(), kind="database", lesson=lesson, examples=64, go_on=True, settings=told_otherwise)
    more = taught(two.context(), kind="database", lesson=lesson, examples=64, go_on=True, promote=True)
    first, then = trained[0].config, trained[-1].config
    assert then["adapter"] == {"rank": 4, "alpha": 8.0, "modules": ["q_proj"], "start": trained[-1].start}
    assert Path(trained[-1].start) == tmp_path / "two" / "start" and brought[-1].stem == made["adapter"]
    assert then["steps"]["rate"] == first["steps"]["rate"] / 2 and then["steps"]["seed"] == first["steps"]["seed"] + 1
    assert more["start"] == made["adapter"] and more["promoted"], "as many right as before"
    run = app.registry.lineage(more["adapter"]).run
    assert run is not None and run.manifest["start"] == made["adapter"] and len(run.lessons) == 1

    # The next one knows nothing: it does not take the place of one that answered more, though it beats the base.
    three = Kept(app, tmp_path / "three")
    three.job_id = "job777777"
    evaluation = app.registry.evaluation(app.registry.find(more["adapter"]))
    assert evaluation is not None
    better = {**evaluation.report, "own": {**evaluation.report["own"], "candidate": 1.1}}
    app.registry.record_evaluation(app.registry.find(more["adapter"]), suite=evaluation.suite,
                                   suite_sha256=evaluation.suite_sha256, passed=True, report=better)  # fmt: skip
    worse = list(KIND.run(three.context(), TeachArguments(model=app.model().id, kind="database", lesson=lesson,
                                                          examples=64, go_on=True, promote=True)))  # fmt: skip
    assert not worse[-1].value["promoted"] and worse[-1].value["passed"]
    assert [one.kind for one in worse if isinstance(one, Notice)] == ["no-better"]
    serving = app.registry.promoted(made["scope"])
    assert serving is not None and serving.name == more["adapter"]


def test_who_goes_on_learned_what_was_learned_before() -> None:
    from rushlight.assistant.registry.values import LessonUse, Source
    from rushlight.ui.work.teach_start import with_those_before

    def use(lesson: str, *sources: Source) -> LessonUse:
        return LessonUse(lesson, 1, lesson, "feedback", "", 1, sources)

    own = use("a", Source("conversation", "c1", 3))
    before = [use("a", Source("conversation", "c1", 2), Source("conversation", "c2", 1)), use("b", Source("file", "f"))]
    found = with_those_before(own, before)
    assert [one.lesson_id for one in found] == ["a", "b"] and found[1] == before[1]
    assert [(one.source, one.n_examples) for one in found[0].sources] == [("c1", 3), ("c2", 1)]


def test_a_cancelled_job_goes_on_when_it_is_begun_again(
    app: App, shop: Path, trained: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Kept(app, tmp_path / "job")
    with monkeypatch.context() as broken:
        broken.setattr(app.registry.__class__, "add_adapter", lambda *_: (_ for _ in ()).throw(Error("stopped")))
        with pytest.raises(Error, match="stopped"):
            taught(kept.context(), kind="database", files=[str(shop)], examples=64)
    given = TeachArguments(model=app.model().id, kind="database", files=[str(shop)], examples=64)
    KIND.clean(kept.context(), given, for_good=True)
    kept.saved = None  # the store forgets where it was
    made = taught(kept.context(), kind="database", files=[str(shop)], examples=64)
    assert made["passed"] and len(trained) == len(LessonBook(app.store).list()) == 1
    again = Kept(app, tmp_path / "job")
    book = LessonBook(app.store)
    book.remove(book.find(made["lesson"]["id"]))
    again.job_id = "job222222"
    fresh = taught(again.context(), kind="database", files=[str(shop)], examples=64)
    assert fresh["lesson"]["id"] != made["lesson"]["id"], "its lesson was removed: it is made anew"


def test_questions_of_ones_own_prove_it(app: App, shop: Path, trained: list[Any], tmp_path: Path) -> None:
    suite = tmp_path / "own.jsonl"
    lines = [{"question": f"How many people are from {city}?",
              "sql": f"SELECT COUNT(*) FROM customer WHERE city = '{city}'"}
             for city in ("Oslo", "Graz", "Bern")]  # fmt: skip
    suite.write_text("\n".join(map(json.dumps, lines)))
    kept = Kept(app, tmp_path / "job")
    made = taught(kept.context(), kind="database", files=[str(shop)], examples=64, suite=str(suite))
    assert made["report"]["own"]["n_items"] == 3


def test_time_is_divided_by_what_was_measured() -> None:
    plan = teaching.steps_in(15, spent_s=30, step_s=4.0, answer_s=0.5, n_items=120, n_train=1_400)
    assert (
        plan.evaluate_s == 126
        and plan.n_steps == int((900 - 30 - 126 - 60) / 1.04 / 4)
        and plan.n_seen == plan.n_steps * 8
    )
    assert teaching.steps_in(1, 50, 10.0, 1.0, 100, 1_400).n_steps == teaching.LEAST_STEPS
    assert teaching.steps_in(600, 0, 0.1, 0.1, 10, 100).n_seen <= 4 * 100 + 8  # no more than four times each
    assert teaching.fixed_steps(100, 1_400).n_seen == 104


def test_lessons_are_listed_shown_changed_and_written(cli: Cli, tiny_model: Model, tmp_path: Path) -> None:
    from rushlight.assistant.app import open_app
    from rushlight.assistant.learn.kinds.imported import ImportedLesson
    from rushlight.assistant.learn.kinds.kind import make_lesson

    source = tmp_path / "style.jsonl"
    source.write_text("\n".join(json.dumps({"prompt": f"Q{i}", "completion": f"A{i}\x1b[31m"}) for i in range(5)))
    with open_app() as opened:
        make_lesson(LessonBook(opened.store), ImportedLesson([source]))
    assert "style" in cli("teach", "list").out
    done = cli("teach", "show", "style")
    assert done.code == 0 and "Q3" in done.out and "\x1b" not in done.out
    shown = json.loads(cli("teach", "show", "style", "--json").out)
    first = shown["shown"][0]["id"]
    assert shown["examples"] == 5 and shown["shown"][0]["origins"][0]["place"] == "1"
    assert cli("teach", "edit", "style", first, "Better").code == 0
    assert "version 3" in cli("teach", "leave-out", "style", shown["shown"][1]["id"]).err
    target = tmp_path / "out.jsonl"
    assert cli("teach", "export", "style", target).code == 0
    answers = [json.loads(line)["messages"][-1]["content"] for line in target.read_text().splitlines()]
    assert answers[0] == "Better" and len(answers) == 4
    assert "already" in cli("teach", "export", "style", target).err
    old = json.loads(cli("teach", "show", "style", "--version", 1, "--json").out)
    assert old["shown"][0]["answer"].startswith("A0")
    assert cli("teach", "remove", "style").code == 0 and "no lessons" in cli("teach", "list").out
    assert cli("teach", "show", "style").code == 1


def test_what_cannot_be_taught_is_told_at_once(cli: Cli, tiny_model: Model, shop: Path, tmp_path: Path) -> None:
    done = cli("teach", "database", shop)
    assert done.code == 1 and "--yes" in done.err
    suite = tmp_path / "own.jsonl"
    suite.write_text("nonsense\n")
    assert "line 1" in cli("teach", "database", shop, "--suite", suite, "--yes").err
    assert "FIELD=NAME" in cli("teach", "file", suite, "--column", "prompt").err
    assert "Did you mean prompt?" in cli("teach", "file", suite, "--column", "promt=x").err
    assert cli("teach", "again", "nothing").code == 1
    both = cli("teach", "again", "nothing", "--go-on", "--from-scratch")
    assert both.code == 2 and "give one of them" in both.err


def test_feedback_is_proven_by_what_is_likelier(
    app: App, tmp_path: Path, trained: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    book = FeedbackBook(app.conversations)
    for i in range(30):
        conversation = app.conversations.create(system="")
        words = re.sub(r"\d", lambda digit: "abcdefghij"[int(digit[0])] * 3, f"{i * 7919}")
        user = app.conversations.append(conversation.id, None, "user", f"Tell me about {words} {words[::-1]}")
        reply = app.conversations.append(conversation.id, user.id, "assistant", f"Long talk about {words}")
        book.correct(reply.id, f"Short: {words}.")
    asked: list[Any] = []

    def likelihoods(self: Any, item: Any, stop: Stop) -> list[float]:
        asked.append(item)
        return [0.0, -1.0] if self._lora else [-1.0, 0.0]

    monkeypatch.setattr("rushlight.ui.work.answerers.ChatAnswerer.likelihoods", likelihoods)
    monkeypatch.setattr("rushlight.ui.work.evaluate._guards", lambda *_: [])
    made = taught(Kept(app, tmp_path / "job").context(), kind="feedback", minutes=2)
    assert (
        made["scope"] == "chat" and made["report"]["own"]["candidate"] == 1.0 and made["report"]["own"]["base"] == 0.0
    )
    assert all(one.scorer == "choice" and one.choices[0].startswith("Short") for one in asked)
    lesson = LessonBook(app.store).find(made["lesson"]["id"])
    assert len(LessonBook(app.store).sources(lesson, "conversation")) == 30


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.torch
@pytest.mark.timeout(1_800)
def test_a_real_model_learns_a_small_database(cli: Cli, real_model: Model, shop: Path, tmp_path: Path) -> None:
    """The whole way with nothing scripted. What it reaches is measured by tests/bench/bench_teach.py."""
    suite = tmp_path / "own.jsonl"
    lines = [{"question": f"How many customers live in {city}?",
              "sql": f"SELECT COUNT(*) FROM customer WHERE city = '{city}'"}
             for city in ("Oslo", "Graz", "Bern")]  # fmt: skip
    suite.write_text("\n".join(map(json.dumps, lines)))
    done = cli("teach", "database", shop, "--yes", "--examples", 160, "--suite", suite, "--json")
    made = json.loads(done.out)
    assert made["plan"]["n_seen"] == 160 and made["outcome"]["loss"] < 1.0 and made["proof"]["state"] == "passed"
    own = made["report"]["own"]
    assert own["n_items"] == 3 and own["candidate"] >= own["base"]
    (adapter,) = json.loads(cli("registry", "list", "--json").out)
    assert adapter["state"] == "candidate" and adapter["form"] == "sql-tables-1"


def test_without_the_extra_nothing_is_begun(app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    arguments = TeachArguments(kind="feedback", model=app.model("").id)
    with pytest.raises(Error, match="Training needs torch") as found:
        list(KIND.run(Kept(app, tmp_path / "job").context(), arguments))
    assert "rushlight[train]" in str(found.value.hint) and not LessonBook(app.store).list()
