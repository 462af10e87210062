"""The way back: learned behind a practice, proven by what is answered with and without it, and asked from then on."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rushlight import Error, Progress, Stop
from rushlight.assistant.app import App
from rushlight.assistant.engine.request import BeamRequest, ScoreRequest, TokenizeRequest
from rushlight.assistant.events import Beam, Beams, Notice, Scores, TokenLogprob
from rushlight.assistant.registry.scopes import PRACTICE, WAY_BACK
from rushlight.assistant.registry.values import NewAdapter
from rushlight.assistant.sql.database import open_database
from rushlight.assistant.sql.taught import taught as who_answers
from rushlight.ui.work import practise
from rushlight.ui.work.served import sides

Values = Callable[..., dict[str, Any]]
Begun = Callable[..., Any]
WRONG = "SELECT 1"  # runs and finds something


@pytest.fixture(autouse=True)
def _few_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    """To four databases of each kind: a test has no time for all of them."""
    for steps in (practise._Steps, practise._BackSteps):
        monkeypatch.setattr(steps, "n_proved", 4)


@pytest.fixture
def doubtful(pupil: Any, monkeypatch: pytest.MonkeyPatch) -> list[ScoreRequest]:
    """The pupil finds a wrong query a little likelier than the right one; its likelihoods of questions know better."""
    scored: list[ScoreRequest] = []

    def search(request: BeamRequest, stop: Stop) -> Beams:
        asked = request.asked.messages[-1].content.split("\n")[0]
        return Beams((Beam(WRONG, -0.1, 3), Beam(pupil.right.get(asked, WRONG), -1.0, 9)))

    def tokenize(request: TokenizeRequest) -> tuple[int, ...]:
        return tuple((request.text or request.messages[-1].content).encode())

    def score(request: ScoreRequest, stop: Stop) -> Scores:
        scored.append(request)
        each = -3.0 if bytes(request.token_ids[: request.n_read]).decode() == WRONG else -0.1
        return Scores(tuple(TokenLogprob(65, "A", each) for _ in request.token_ids))

    for name, function in {"search": search, "tokenize": tokenize, "score": score}.items():
        monkeypatch.setattr(pupil, name, function)
    return scored


def test_it_is_learned_proven_and_asked_from_then_on(
    app: App, begun: Begun, practised: Values, taught: Values, shop: Path, trained: list[Any], brought: list[Path],
    doubtful: list[ScoreRequest], tmp_path: Path,
) -> None:  # fmt: skip
    made = practised(begun("practice"), examples=96, way_back="with")
    back = made["way_back"]
    there, adapter = app.registry.find(made["adapter"]), app.registry.find(back["adapter"])
    assert (there.scope, there.state) == (PRACTICE, "candidate"), "it was not wished"
    assert (adapter.scope, adapter.form, adapter.state) == (WAY_BACK, "sql-back-1", "promoted") and back["promoted"]
    own = back["report"]["own"]
    assert own["n_items"] == 32 and own["candidate"] > 0.9 and own["base"] < 0.1
    assert [one["name"] for one in back["report"]["guards"]] == ["proof"]
    runs = {one.id: one for one in app.registry.runs()}
    assert set(runs) == {"job123456", "job123456-back"}
    for said, run_id in ((made, "job123456"), (back, "job123456-back")):
        run = app.registry.lineage(said["adapter"]).run
        assert run == runs[run_id] and run.folder == Path(said["run"]) and run.manifest["plan"] == said["plan"]
        assert [lesson.kind for lesson in run.lessons] == ["practice"], "the trainer has written it down before"
    first, second = trained
    assert first.out != second.out and second.train == [str(tmp_path / "practice" / "back" / "train.jsonl")]
    for name in ("train", "validate"):
        lines = (tmp_path / "practice" / "back" / f"{name}.jsonl").read_text().splitlines()
        said = [json.loads(line)["messages"] for line in lines]
        assert lines and all(turns[1]["content"].startswith(("SELECT", "WITH")) for turns in said)
        assert all("question" in turns[0]["content"] for turns in said)
    assert not brought, "it begins with nothing"

    # Whoever is taught a database is proven with it, and answers with it.
    doubtful.clear()
    one = taught(begun("one", "job222222").context(), kind="database", files=[str(shop)], examples=64, promote=True)
    assert one["passed"] and one["promoted"]
    assert one["report"]["own"]["candidate"] > 0.9, "but where the right query finds nothing, and the wrong one does"
    assert {request.lora[0].path for request in doubtful} == {str(adapter.path)}

    # Practices are proven alone, so that they can be compared.
    doubtful.clear()
    assert practised(begun("more", "job333333"), examples=96)["report"]["own"]["candidate"] < 0.1 and not doubtful

    with open_database([shop], app.paths) as database:
        assert who_answers(app, database).back == (adapter.use(),)
        app.registry.rollback(WAY_BACK)
        assert who_answers(app, database).back == () and who_answers(app, database).lora


def test_where_it_helps_nobody_it_is_not_asked(
    app: App, begun: Begun, practised: Values, trained: list[Any], brought: list[Path]
) -> None:
    back = practised(begun("practice"), examples=96, way_back="with", promote=True)["way_back"]
    assert not back["passed"] and not back["promoted"] and app.registry.find(back["adapter"]).state == "candidate"


def test_alone_it_goes_on_from_the_one_before(
    app: App, begun: Begun, practised: Values, trained: list[Any], brought: list[Path], doubtful: list[ScoreRequest]
) -> None:
    with pytest.raises(Error, match="nothing was"):
        practised(begun("early", "job111111"), examples=96, way_back="only")
    assert not trained, "half an hour before"
    practised(begun("practice"), examples=96)
    one = practised(begun("one", "job222222"), examples=96, way_back="only")["way_back"]
    more = practised(begun("more", "job333333"), examples=96, way_back="only")
    assert "adapter" not in more and more["way_back"]["start"] == one["adapter"]
    assert brought[-1] == app.registry.find(one["adapter"]).path
    assert "served" in [guard["name"] for guard in more["way_back"]["report"]["guards"]]


def test_a_killed_one_goes_on_where_it_was(
    app: App, begun: Begun, practised: Values, trained: list[Any], monkeypatch: pytest.MonkeyPatch,
    doubtful: list[ScoreRequest],
) -> None:  # fmt: skip
    kept = begun("practice")
    add = app.registry.__class__.add_adapter

    def breaks(registry: Any, new: Any) -> Any:
        if new.scope == WAY_BACK:
            raise Error("killed")
        return add(registry, new)

    with monkeypatch.context() as broken:
        broken.setattr(app.registry.__class__, "add_adapter", breaks)
        with pytest.raises(Error, match="killed"):
            practised(kept, examples=96, way_back="with")
    state = json.loads(kept.saved)
    assert "promote" in state["done"] and "train" in state["back"]["done"] and "keep" not in state["back"]["done"]
    made = practised(kept, examples=96, way_back="with")
    assert len(trained) == 2 and made["way_back"]["promoted"] and len(app.registry.adapters(PRACTICE)) == 1

    # The same for one that was cancelled, whose checkpoint is gone.
    again = begun("again", "job999999")
    with monkeypatch.context() as broken:
        broken.setattr(app.registry.__class__, "add_adapter", breaks)
        with pytest.raises(Error, match="killed"):
            practised(again, examples=96, way_back="with", anew=True)
    given = practise.PractiseArguments(model=app.model().id, examples=96, anew=True)
    practise.KIND.clean(again.context(), given, for_good=True)
    again.saved = None
    for _ in range(2):  # and that is killed once more
        with monkeypatch.context() as broken:
            broken.setattr(app.registry.__class__, "add_adapter", breaks)
            with pytest.raises(Error, match="killed"):
                practised(again, examples=96, way_back="with", anew=True)
        assert "promote" in json.loads(again.saved)["done"]
    assert practised(again, examples=96, way_back="with", anew=True)["way_back"]["adapter"]
    assert len(trained) == 4


def test_what_is_told_of_it_is_marked(
    begun: Begun, practised: Values, trained: list[Any], doubtful: list[ScoreRequest]
) -> None:
    kept = begun("one")
    practised(kept, examples=96, way_back="with")
    whole = [event.what for event in kept.told if isinstance(event, Progress) and not event.done]
    steps = ["Making examples", "Measuring this machine", "Evaluating"]
    assert [one for one in whole if one.removeprefix("Way back: ") in steps] == [
        *steps, *(f"Way back: {one}" for one in steps)
    ]  # fmt: skip


def test_where_the_minutes_are_too_few_it_is_left_out(
    app: App, begun: Begun, practised: Values, trained: list[Any], doubtful: list[ScoreRequest]
) -> None:
    kept = begun("short")
    made = practised(kept, minutes=1.0, settings={"steps.batch": 4}, way_back="with")
    assert made["adapter"] and "way_back" not in made and len(trained) == 1
    assert [event.kind for event in kept.told if isinstance(event, Notice)] == ["no-way-back"]
    assert not app.registry.adapters(WAY_BACK)
    with pytest.raises(Error, match="no time to learn the way back") as caught:
        practised(begun("alone", "job222222"), minutes=1.0, settings={"steps.batch": 4}, way_back="only")
    assert "--minutes" in str(caught.value.hint) and len(trained) == 1


def test_a_proof_that_could_not_be_made_fails(
    begun: Begun, practised: Values, trained: list[Any], doubtful: list[ScoreRequest], pupil: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def score(_request: ScoreRequest, _stop: Stop) -> Scores:
        raise Error("The adapter cannot be loaded.", kind="bad-adapter")

    monkeypatch.setattr(pupil, "score", score)
    with pytest.raises(Error, match="cannot be loaded"):
        practised(begun("one"), examples=96, way_back="with")


def test_answers_of_another_way_back_are_not_gone_on_with(
    app: App, gguf_builder: Any, tmp_path: Path, begun: Begun
) -> None:
    base = app.model()
    files = [gguf_builder.tiny_lora_gguf(tmp_path / f"{name}.gguf", seed=seed) for seed, name in enumerate("abcd")]
    there, own, one, other = (
        app.registry.add_adapter(NewAdapter(file, scope, base.sha256, base.id, form=form))
        for file, scope, form in zip(
            files, (PRACTICE, "sql:shop-11111111", WAY_BACK, WAY_BACK),
            ("sql-tables-1", "sql-tables-1", "sql-back-1", "sql-back-1"), strict=True,
        )
    )  # fmt: skip
    before = sides(app, own, own.scope), sides(app, there, PRACTICE), sides(app, one, WAY_BACK)
    app.registry.record_evaluation(one, suite="s", suite_sha256="0" * 64, passed=True, report={})
    app.registry.promote(one.name)
    after = sides(app, own, own.scope), sides(app, there, PRACTICE), sides(app, one, WAY_BACK)
    assert [x == y for x, y in zip(before, after, strict=True)] == [False, True, True], "a practice is asked alone"
    assert sides(app, other, WAY_BACK) != after[2] and there.sha256 in after[2]
    there.path.unlink()
    with pytest.raises(Error, match="nothing was"):
        sides(app, one, WAY_BACK)


def test_settings_that_do_not_fit_the_one_before_begin_anew(
    app: App, begun: Begun, practised: Values, trained: list[Any], brought: list[Path], doubtful: list[ScoreRequest]
) -> None:
    practised(begun("first", "job111111"), examples=96, way_back="with")
    more = practised(begun("more", "job222222"), examples=96, way_back="only", settings={"adapter.rank": 8})
    assert not more["way_back"]["start"] and "start" not in trained[-1].config["adapter"]
