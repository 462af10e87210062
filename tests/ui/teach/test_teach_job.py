"""The job of a teaching, with a scripted model and trainer: from a file to who serves."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

from rushlight import Error, Stop
from rushlight.assistant.app import App
from rushlight.assistant.chat.feedback import FeedbackBook
from rushlight.assistant.engine.engine import FakeEngine
from rushlight.assistant.events import Notice
from rushlight.assistant.learn.example import Draft, Example, Turn
from rushlight.assistant.learn.kinds.kind import Watch, make_lesson
from rushlight.assistant.learn.lessons import LessonBook
from rushlight.assistant.registry.values import LessonUse, Source
from rushlight.assistant.sql.database import open_database
from rushlight.assistant.sql.memory import SqlMemory
from rushlight.trainer.evaluate.suite import Item
from rushlight.ui.work import practise, teaching, train
from rushlight.ui.work.answerers import ChatAnswerer
from rushlight.ui.work.lesson_news import feedback_lesson, with_news
from rushlight.ui.work.teach import KIND, TeachArguments
from rushlight.ui.work.teach_plan import KIND as PLAN
from rushlight.ui.work.teach_start import with_those_before

WORDS = ("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heath", "inlet", "larch", "oak", "pine")
Begun = Callable[..., Any]
Teach = Callable[..., dict[str, Any]]


def test_from_a_file_to_an_adapter_that_serves(
    app: App, begun: Begun, taught: Teach, shop: Path, trained: list[Any], tmp_path: Path
) -> None:
    kept = begun("job")
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
    app: App, begun: Begun, taught: Teach, shop: Path, trained: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = begun("job")
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
    app: App, begun: Begun, taught: Teach, shop: Path, trained: list[Any]
) -> None:
    made = taught(begun("one").context(), kind="database", files=[str(shop)], examples=64)
    with open_database([shop], app.paths) as database:
        kept = SqlMemory(app.store).accept(
            database, "Who is number 7?", "SELECT name FROM customer WHERE customer_id = 7"
        )
    book = LessonBook(app.store)
    lesson = book.find(made["lesson"]["id"])
    again = begun("two", "job654321")
    more = taught(again.context(), kind="database", lesson=lesson.id, examples=64)
    assert more["lesson"]["examples"] == made["lesson"]["examples"] + 1 and more["adapter"] != made["adapter"]
    assert [one.id for one in book.using("query", kept.id)] == [lesson.id]
    assert more["lesson"]["held_out"] == made["lesson"]["held_out"]


def test_an_adapter_is_trained_further(
    app: App, begun: Begun, taught: Teach, shop: Path, trained: list[Any], brought: list[Path], tmp_path: Path
) -> None:
    made = taught(begun("one").context(), kind="database", files=[str(shop)], examples=64, promote=True)
    with pytest.raises(Error, match="new has no adapter"):
        taught(begun("new").context(), kind="database", files=[str(shop)], go_on=True)
    two = begun("two", "job654321")
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
    three = begun("three", "job777777")
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
    def use(lesson: str, *sources: Source) -> LessonUse:
        return LessonUse(lesson, 1, lesson, "feedback", "", 1, sources)

    own = use("a", Source("conversation", "c1", 3))
    before = [use("a", Source("conversation", "c1", 2), Source("conversation", "c2", 1)), use("b", Source("file", "f"))]
    found = with_those_before(own, before)
    assert [one.lesson_id for one in found] == ["a", "b"] and found[1] == before[1]
    assert [(one.source, one.n_examples) for one in found[0].sources] == [("c1", 3), ("c2", 1)]


def test_a_cancelled_job_goes_on_when_it_is_begun_again(
    app: App, begun: Begun, taught: Teach, shop: Path, trained: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = begun("job")
    with monkeypatch.context() as broken:
        broken.setattr(app.registry.__class__, "add_adapter", lambda *_: (_ for _ in ()).throw(Error("stopped")))
        with pytest.raises(Error, match="stopped"):
            taught(kept.context(), kind="database", files=[str(shop)], examples=64)
    given = TeachArguments(model=app.model().id, kind="database", files=[str(shop)], examples=64)
    KIND.clean(kept.context(), given, for_good=True)
    kept.saved = None  # the store forgets where it was
    made = taught(kept.context(), kind="database", files=[str(shop)], examples=64)
    assert made["passed"] and len(trained) == len(LessonBook(app.store).list()) == 1
    again = begun("job")
    book = LessonBook(app.store)
    book.remove(book.find(made["lesson"]["id"]))
    again.job_id = "job222222"
    fresh = taught(again.context(), kind="database", files=[str(shop)], examples=64)
    assert fresh["lesson"]["id"] != made["lesson"]["id"], "its lesson was removed: it is made anew"


def test_questions_of_ones_own_prove_it(
    begun: Begun, taught: Teach, shop: Path, trained: list[Any], tmp_path: Path
) -> None:
    suite = tmp_path / "own.jsonl"
    lines = [{"question": f"How many people are from {city}?",
              "sql": f"SELECT COUNT(*) FROM customer WHERE city = '{city}'"}
             for city in ("Oslo", "Graz", "Bern")]  # fmt: skip
    suite.write_text("\n".join(map(json.dumps, lines)))
    kept = begun("job")
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


@pytest.mark.parametrize(("steps_s", "is_pressed"), [([1.0], False), ([100.0, 1.0], False), ([100.0, 100.0], True)])
def test_a_machine_that_is_busy_for_a_moment_is_measured_again(
    begun: Begun, taught: Teach, shop: Path, trained: list[Any], monkeypatch: pytest.MonkeyPatch,
    steps_s: list[float], is_pressed: bool,
) -> None:  # fmt: skip
    left = iter(steps_s)
    monkeypatch.setattr(teaching, "step_seconds", lambda *_: (next(left), 0.0))
    taught(begun("job").context(), kind="database", files=[str(shop)], minutes=15.0)
    assert next(left, None) is None and (trained[0].config["steps"]["most"] == 8) == is_pressed


def test_feedback_is_proven_by_what_is_likelier(
    app: App, begun: Begun, taught: Teach, trained: list[Any], monkeypatch: pytest.MonkeyPatch
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
    made = taught(begun("job").context(), kind="feedback", minutes=2)
    assert (
        made["scope"] == "chat" and made["report"]["own"]["candidate"] == 1.0 and made["report"]["own"]["base"] == 0.0
    )
    assert all(one.scorer == "choice" and one.choices[0].startswith("Short") for one in asked)
    lesson = LessonBook(app.store).find(made["lesson"]["id"])
    assert len(LessonBook(app.store).sources(lesson, "conversation")) == 30


def test_whoever_trains_makes_way_and_is_waited_for() -> None:
    """As the job of a training does: it goes to the end of a row, and writes down how far it is."""
    for kind in (KIND, practise.KIND):
        assert kind.makes_way and kind.patience_s == train.KIND.patience_s > 2


def test_a_judgement_is_learned_once_whatever_the_system_prompt_says_by_then(app: App) -> None:
    conversations, feedback = app.conversations, FeedbackBook(app.conversations)
    talks = []
    for word in WORDS[:4]:
        talks.append(conversations.create(system="Be brief."))
        user = conversations.append(talks[-1].id, None, "user", word)
        reply = conversations.append(talks[-1].id, user.id, "assistant", "Long talk")
        feedback.correct(reply.id, "Short.")
    book = LessonBook(app.store)
    lesson = make_lesson(book, feedback_lesson(app), Watch())
    lesson = book.leave_out(lesson, [book.examples(lesson)[0].id])
    for talk in talks:
        conversations.configure(talk.id, system="Be kind.")
    new = conversations.append(talks[0].id, conversations.get(talks[0].id).head_id, "user", "More")
    feedback.correct(conversations.append(talks[0].id, new.id, "assistant", "Much more").id, "Less.")
    lesson = with_news(app, lesson, Watch())
    found = book.examples(lesson)
    assert [one.left_out for one in found] == [True, False, False, False, False]
    assert [one.draft.prompt[0].content for one in found] == ["Be brief."] * 4 + ["Be kind."]


def test_a_lesson_whose_tables_have_changed_is_not_taught(
    app: App, begun: Begun, taught: Teach, shop: Path, trained: list[Any]
) -> None:
    made = taught(begun("one").context(), kind="database", files=[str(shop)], examples=64)
    db = apsw.Connection(str(shop))
    db.execute("ALTER TABLE customer ADD COLUMN phone TEXT")
    db.close()
    again = begun("two", "job222222").context()
    with pytest.raises(Error, match="have changed since the lesson") as told:
        taught(again, kind="database", lesson=made["lesson"]["id"], examples=64)
    assert told.value.kind == "schema-changed" and len(trained) == 1
    with pytest.raises(Error, match="have changed since the lesson"):
        list(PLAN.run(again, TeachArguments(kind="database", model=app.model().id, lesson=made["lesson"]["id"])))


def test_what_fails_behind_a_new_lesson_makes_no_second_one(
    app: App, begun: Begun, taught: Teach, shop: Path, trained: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = begun("job")
    with monkeypatch.context() as broken:
        broken.setattr(LessonBook, "split", lambda *_, **__: (_ for _ in ()).throw(Error("the power")))
        with pytest.raises(Error, match="power"):
            taught(kept.context(), kind="database", files=[str(shop)], examples=64, name="mine")
    made = taught(kept.context(), kind="database", files=[str(shop)], examples=64, name="mine")
    assert [one.name for one in LessonBook(app.store).list()] == ["mine"] == [made["lesson"]["name"]]
    assert set(made["seconds"]) == {"lesson", "plan", "train", "keep", "evaluate", "promote"}


def test_a_lesson_that_was_too_small_is_made_of_what_there_is_when_it_is_tried_again(
    app: App, begun: Begun, taught: Teach, trained: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def judge(*numbers: int) -> None:
        for i in numbers:
            conversation = app.conversations.create(system="")
            user = app.conversations.append(conversation.id, None, "user", WORDS[i])
            reply = app.conversations.append(conversation.id, user.id, "assistant", "Long talk")
            FeedbackBook(app.conversations).correct(reply.id, "Short.")

    monkeypatch.setattr("rushlight.ui.work.answerers.ChatAnswerer.likelihoods", lambda *_: [0.0, -1.0])
    monkeypatch.setattr("rushlight.ui.work.evaluate._guards", lambda *_: [])
    kept, book = begun("job"), LessonBook(app.store)
    judge(0)
    with pytest.raises(Error, match="cannot be split"):
        taught(kept.context(), kind="feedback", examples=64)
    assert not book.list()
    judge(*range(1, len(WORDS)))
    with monkeypatch.context() as broken:
        broken.setattr(LessonBook, "split", lambda *_, **__: (_ for _ in ()).throw(Error("the power")))
        with pytest.raises(Error, match="power"):
            taught(kept.context(), kind="feedback", examples=64)
    book.remove(book.list()[0])  # and made anew where somebody removed it meanwhile
    made = taught(kept.context(), kind="feedback", examples=64)
    assert made["lesson"]["examples"] == len(WORDS) and len(book.list()) == 1


def test_an_adapter_that_was_kept_and_not_noted_is_the_same_one(
    app: App, begun: Begun, taught: Teach, shop: Path, trained: list[Any]
) -> None:
    kept = begun("job")
    made = taught(kept.context(), kind="database", files=[str(shop)], examples=64)
    state = json.loads(kept.saved)
    state["done"] = {name: one for name, one in state["done"].items() if name in ("made", "lesson", "plan", "train")}
    kept.saved = json.dumps(state)  # killed between the registry and the checkpoint
    again = taught(kept.context(), kind="database", files=[str(shop)], examples=64)
    assert again["adapter"] == made["adapter"] and len(app.registry.adapters()) == 1


def test_a_model_that_was_unloaded_meanwhile_is_asked_again(app: App, pupil: FakeEngine) -> None:
    gone = [True, True]

    def tokenize(request: Any) -> tuple[int, ...]:
        if gone.pop():
            raise Error("It was unloaded.", kind="unloaded")
        return (1, *request.text.encode())

    item = Item(id="a", prompt="x", scorer="choice", reference="y", choices=("y", "z"))
    pupil.tokenize = tokenize  # type: ignore[method-assign]
    answerer = ChatAnswerer(app, app.model())
    with pytest.raises(Error, match="unloaded"):
        answerer.likelihoods(item, Stop())
    gone[:] = [False] * 9 + [True]
    assert answerer.likelihoods(item, Stop()) == [-1.0, -1.0]


def test_a_chat_longer_than_the_model_reads_is_asked_by_its_end(app: App, begun: Begun, pupil: FakeEngine) -> None:
    def tokenize(request: Any) -> tuple[int, ...]:
        return tuple(request.text.encode()) + sum((tuple(one.content.encode()) for one in request.messages), ())

    pupil.tokenize = tokenize  # type: ignore[method-assign]
    n_ctx = app.load_settings(app.model()).n_ctx
    long = "x" * (n_ctx // 3)
    talk = [Turn("system", "Be kind.")]
    for at in range(5):
        talk += [Turn("user", f"{at} {long}"), Turn("assistant", "Yes.")]
    drafts = [
        Draft(prompt=(*talk, Turn("user", "Now?")), answer="good", shape="pair", rejected="bad"),
        Draft(prompt=(Turn("user", "x" * n_ctx),), answer="good", shape="pair", rejected="bad"),
    ]
    examples = [Example(id=str(at), draft=one) for at, one in enumerate(drafts)]
    (item,) = teaching.chat_items(begun("job").context(), app.model(), examples)
    said = [turn.content[:2].strip() for turn in item.turns]
    assert said == ["Be", "3", "Ye", "4", "Ye", "No"], "the oldest exchanges go, the rest stays whole"


def test_without_the_extra_nothing_is_begun(app: App, begun: Begun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    arguments = TeachArguments(kind="feedback", model=app.model("").id)
    with pytest.raises(Error, match="Training needs torch") as found:
        list(KIND.run(begun("job").context(), arguments))
    assert "rushlight[train]" in str(found.value.hint) and not LessonBook(app.store).list()
