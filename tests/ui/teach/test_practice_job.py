"""The job of a practice, and the databases that begin with what it learned."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rushlight import Error
from rushlight.assistant.app import App
from rushlight.assistant.sql.database import open_database
from rushlight.assistant.sql.taught import taught as who_answers
from rushlight.ui.work import practise
from rushlight.ui.work.evaluate import EvaluateArguments, evaluate_adapter
from rushlight.ui.work.teach_start import practised as practised_last

Begun = Callable[..., Any]
Teach = Callable[..., dict[str, Any]]
Practise = Callable[..., dict[str, Any]]


def test_a_database_begins_with_what_was_practised(
    app: App,
    begun: Begun,
    taught: Teach,
    practised: Practise,
    shop: Path,
    trained: list[Any],
    brought: list[Path],
    tmp_path: Path,
) -> None:
    first = taught(begun("zero").context(), kind="database", files=[str(shop)], examples=64)
    assert not first["start"] and not brought
    kept = begun("practice", "job999999")
    made = practised(kept, examples=96)
    assert made["plan"]["n_seen"] == 96
    assert set(made["seconds"]) == {"examples", "questions", "plan", "train", "keep", "evaluate", "promote"}
    adapter = app.registry.find(made["adapter"])
    assert (adapter.scope, adapter.state, adapter.form) == ("sql:practice", "candidate", "sql-tables-1")
    lines = (tmp_path / "practice" / "train.jsonl").read_text().splitlines()
    assert len(lines) == 96 and trained[-1].validate == [str(tmp_path / "practice" / "validate.jsonl")]

    two = begun("two", "job222222")
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
    three = begun("three", "job333333")
    other = taught(three.context(), kind="database", files=[str(shop)], examples=64, settings={"adapter.rank": 8})
    assert not other["start"] and trained[-1].config["adapter"]["rank"] == 8 and not (tmp_path / "three/start").exists()
    told = begun("told", "job666666")
    taught(told.context(), kind="database", files=[str(shop)], examples=64, settings={"steps.learn_beginning": True})
    assert trained[-1].config["steps"]["learn_beginning"] is True
    four = begun("four", "job444444")
    alone = taught(four.context(), kind="database", files=[str(shop)], examples=64, practised=False)
    assert not alone["start"]
    app.registry.retire(adapter.name)
    five = begun("five", "job555555")
    assert not taught(five.context(), kind="database", files=[str(shop)], examples=64)["start"]


def test_what_was_practised_is_proven_and_answers_where_nobody_taught(
    app: App,
    begun: Begun,
    taught: Teach,
    practised: Practise,
    shop: Path,
    trained: list[Any],
    brought: list[Path],
    tmp_path: Path,
) -> None:
    kept = begun("practice")
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
    three = begun("three", "job333333")
    more = practised(three, examples=96)
    assert more["before"] == 1.0 and more["report"]["suite"] == made["report"]["suite"] and not more["promoted"]

    # One that begins with nothing does not take the place of one that answers more.
    serving = app.registry.find(made["adapter"])
    evaluation = app.registry.evaluation(serving)
    assert evaluation is not None
    better = {**evaluation.report, "own": {**own, "candidate": 1.1}}
    app.registry.record_evaluation(serving, suite=evaluation.suite, suite_sha256=evaluation.suite_sha256, passed=True,
                                   report=better)  # fmt: skip
    anew = practised(begun("anew", "job444444"), examples=96, anew=True, promote=True)
    assert anew["passed"] and not anew["start"] and not anew["promoted"]
    assert (anew["before"], anew["rival"]) == (1.1, made["adapter"])

    with open_database([shop], app.paths) as database:
        found = who_answers(app, database)
        assert (found.adapter, found.form) == (made["adapter"], "sql-tables-1") and found.model == app.model().id
        assert found.is_practice
        assert who_answers(app, database, "another model").lora == ()
        two = begun("two", "job222222")
        own_one = taught(two.context(), kind="database", files=[str(shop)], examples=64, promote=True)
        own_found = who_answers(app, database)
        assert own_found.adapter == own_one["adapter"] and not own_found.is_practice, "its own goes first"
        app.registry.rollback(own_one["scope"])
        app.registry.rollback("sql:practice")
        assert who_answers(app, database).lora == ()


def test_another_practice_goes_on_with_other_databases(
    app: App, begun: Begun, practised: Practise, trained: list[Any], brought: list[Path], tmp_path: Path
) -> None:
    def again(name: str, **given: Any) -> tuple[dict[str, Any], str]:
        kept = begun(name, f"job-{name}")
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


def test_a_cancelled_practice_goes_on_when_it_is_begun_again(
    app: App, begun: Begun, practised: Practise, trained: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = begun("practice")
    with monkeypatch.context() as broken:
        broken.setattr(app.registry.__class__, "add_adapter", lambda *_: (_ for _ in ()).throw(Error("stopped")))
        with pytest.raises(Error, match="stopped"):
            practised(kept, examples=96)
    given = practise.PractiseArguments(model=app.model().id, examples=96)
    practise.KIND.clean(kept.context(), given, for_good=True)
    kept.saved = None  # the store forgets where it was
    first = practised(kept, examples=96)
    assert len(trained) == 1, "it is not trained twice"
    kept.saved = None
    (kept.folder / "train.jsonl").unlink()  # what it was going on with is gone
    anew = practised(kept, examples=96)
    assert len(trained) == 2 and anew["run"] != first["run"], "it begins anew, in a folder of its own"
    (one,) = app.registry.runs()
    assert one.folder == Path(anew["run"])


def test_a_candidate_that_was_removed_is_kept_anew_when_its_practice_is_begun_again(
    app: App, begun: Begun, practised: Practise, trained: list[Any]
) -> None:
    kept = begun("practice")
    first = practised(kept, examples=96)
    practise.KIND.clean(kept.context(), practise.PractiseArguments(model=app.model().id, examples=96), for_good=True)
    kept.saved = None
    app.registry.remove(first["adapter"])
    again = practised(kept, examples=96)
    assert len(trained) == 1 and app.registry.find(again["adapter"]).run_id == kept.job_id


def test_a_practice_that_was_killed_goes_on(
    app: App, begun: Begun, practised: Practise, trained: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = begun("practice")
    with monkeypatch.context() as broken:
        broken.setattr(app.registry.__class__, "add_adapter", lambda *_: (_ for _ in ()).throw(Error("the power")))
        with pytest.raises(Error, match="power"):
            practised(kept, examples=96)
    made = practised(kept, examples=96)
    assert len(trained) == len(app.registry.adapters()) == len(app.registry.runs()) == 1
    assert (
        made["seconds"]["train"] == 100 and practise.KIND.title(practise.PractiseArguments(model="m")) == "Practise m"
    )
