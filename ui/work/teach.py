"""The job that teaches: a lesson is made, trained on, exported with its proof, and held against the base.

Where the gate lets the adapter through and it was wished so, it serves from then on. Each step is kept, so a killed one
goes on.
"""

import shutil
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from rushlight import Error, Progress
from rushlight.assistant.events import Notice
from rushlight.assistant.jobs.kind import JobContext, JobEvent, JobResult, PauseBy
from rushlight.assistant.learn.example import Example, Lesson, content_hash
from rushlight.assistant.learn.kinds.kind import LessonKind, Watch, make_lesson
from rushlight.assistant.learn.lessons import LessonBook
from rushlight.ui.work.kept_steps import (
    TRAINING_PATIENCE_S,
    KeptSteps,
    keep_stopped,
    read_stopped,
    run_folder,
    without_what_is_gone,
)
from rushlight.ui.work.lesson_news import feedback_lesson, with_news
from rushlight.ui.work.served import back_beside, n_asked_of_it
from rushlight.ui.work.teach_start import (
    begin_with,
    check_file_is_here,
    start_settings,
    with_those_before,
)

if TYPE_CHECKING:
    from rushlight.assistant.app import App
    from rushlight.assistant.models.model import Model
    from rushlight.assistant.registry.values import Adapter, LessonUse
    from rushlight.trainer.evaluate.suite import Item
    from rushlight.ui.work.teaching import Plan


class TeachArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What `rushlight teach` is told."""

    kind: Literal["database", "feedback", "imported"]
    model: str  # its id in the catalogue
    files: list[str] = []  # absolute: the database, or the files with examples
    columns: dict[str, str] = {}  # of imported files: which field is which
    lesson: str = ""  # the id of one that is there already; "" makes one
    name: str = ""  # of the new lesson, "" makes one up; or of the one that is there
    minutes: float = 15.0  # for all of it
    examples: int = 0  # that training sees, whatever time that takes; 0 = as many as the minutes hold
    suite: str = ""  # absolute: questions of one's own, in the place of the held-out part
    promote: bool = False
    go_on: bool = False  # from the adapter that learned this lesson; else anew
    practised: bool = True  # a database: from what the model has practised, where it has
    rehearse: bool = True  # of a lesson for chats: what the model says to other things already is learned beside it
    seed: int = 0
    settings: dict[str, Any] = {}  # of the training, by names such as "adapter.rank"


_MADE: Final = "made"  # the step that makes a new lesson; its time is the lesson's
_START: Final = "start"  # the adapter that is gone on from, as a PEFT folder


class TeachKind:
    name = "teach"
    arguments = TeachArguments
    pause: PauseBy = "exit"
    may_freeze = False
    patience_s = TRAINING_PATIENCE_S
    makes_way = True

    def title(self, arguments: TeachArguments) -> str:
        what = Path(arguments.files[0]).name if arguments.files else arguments.name or arguments.kind
        return f"Teach {what}"

    def run(self, context: JobContext, arguments: TeachArguments) -> Iterator[JobEvent]:
        from rushlight.ui.work import teaching
        from rushlight.ui.work.teach_settings import check_settings

        teaching.need_trainer()
        check_settings(arguments.settings)
        steps = _Steps(context, arguments)
        yield Progress("Making examples", 0)
        steps.make()
        yield Progress("Measuring this machine", 0)
        steps.plan()
        yield from steps.train()
        yield Progress("Evaluating", 0)
        steps.keep()
        steps.evaluate()
        steps.promote()
        yield from steps.notices()
        yield JobResult(steps.result())

    def clean(self, context: JobContext, arguments: TeachArguments, *, for_good: bool) -> None:
        """A cancelled one keeps its lesson, which was reviewed perhaps, and its run: begun again, it goes on there."""
        keep_stopped(context, for_good=for_good)


class _Steps(KeptSteps):
    """The steps of one teaching: what each came to lies in the job's checkpoint."""

    def __init__(self, context: JobContext, arguments: TeachArguments) -> None:
        super().__init__(context, context.checkpoint or _stopped(context))
        self._arguments = arguments
        self._book = LessonBook(self._app.store)
        self._model: Model = self._app.model(arguments.model)
        check_file_is_here(self._model)

    # --- steps --------------------------------------------------------------------------------------------------------
    def make(self) -> None:
        """The lesson, with its held-out part set apart. A new one is kept by itself first, so that what fails or is
        killed behind it makes no second one."""
        given = self._arguments
        watch = Watch(self._context.stop, self._context.tell)
        if given.go_on and not given.lesson:
            raise Error("A lesson that is new has no adapter to go on from.", "Name a lesson that was taught: "
                        "rushlight teach again LESSON --go-on", kind="nothing-to-go-on")  # fmt: skip
        if not given.lesson and "lesson" not in self._done:
            if _MADE in self._done and all(one.id != self._done[_MADE]["id"] for one in self._book.list()):
                del self._done[_MADE]  # it was removed meanwhile
            with self._step(_MADE) as made:
                if made is not None:
                    with self._kind() as kind:
                        made["id"] = make_lesson(self._book, kind, watch, name=given.name).id
        with self._step("lesson") as step:
            if step is None:
                return
            if given.lesson:
                lesson = with_news(self._app, self._book.find(given.lesson), watch)
            else:
                lesson = self._book.find(self._done[_MADE]["id"])
            lesson = self._split(lesson)
            run = run_folder(self._app.paths.runs, lesson.id, self._context.job_id)
            step |= {"id": lesson.id, "version": lesson.version, "run": str(run)}
            start = self._begins_with(lesson)
            if start is not None:
                before = self._app.registry.run(start.run_id).lessons  # kept: it may be removed meanwhile
                n_before = sum(lesson.id in {use.lesson_id for use in one.lessons} for one in self._app.registry.runs())
                step |= {"start": start.name, "n_before": n_before if given.go_on else 0,
                         "uses": msgspec.to_builtins(before)}  # fmt: skip

    def _split(self, lesson: Lesson) -> Lesson:
        from rushlight.ui.work import teaching

        share, most = teaching.held_out_part(lesson.kind)
        try:
            return self._book.split(lesson, share=share, most=most)
        except Error as err:
            if err.kind == "lesson-too-small" and not self._arguments.lesson:
                self._book.remove(lesson)  # tried again, it is made of all that there is by then
                del self._done[_MADE]
                self._save()
            raise

    def plan(self) -> None:
        """The files of the run, how fast this machine is, and how the time is divided."""
        from rushlight.ui.work import teaching

        with self._step("plan") as step:
            if step is None:
                return
            lesson, given = self._lesson(), self._arguments
            examples = self._book.examples(lesson, version=self._done["lesson"]["version"])
            items = self._items(lesson, examples)
            files = self._context.folder
            beside = beside_lesson(self._context, self._model, given, lesson.scope, trained(examples))
            n_train = teaching.write_training_file(files / "train.jsonl", trained(examples), beside)
            teaching.write_suite(files / "suite.jsonl", lesson, items)
            looked_at = teaching.followed(given.settings, examples)
            if looked_at:
                teaching.write_training_file(files / "validate.jsonl", looked_at)
            plan = teaching.told_steps(given.examples, given.settings, n_train)
            measured: list[tuple[float, float, float]] = []
            while plan is None or (len(measured) == 1 and teaching.is_pressed(plan, n_train)):
                # Once more where hardly any time is left: others may have been busy for that moment.
                answer_s = teaching.answer_seconds(self._context, self._model, lesson, items)
                measured.append((answer_s, *teaching.step_seconds(
                    self._context, self._model.path, files / "train.jsonl", lesson.scope, self._settings(),
                    self._validate(),
                )))  # fmt: skip
                answer_s, step_s, looks_s = map(min, zip(*measured, strict=True))
                spent_s = sum(self._seconds().values()) + (time.monotonic() - step["began"]) + looks_s
                batch = int(given.settings.get("steps.batch", teaching.BATCH))
                n_served = n_asked_of_it(self._app, lesson.scope, self._model.sha256, len(items))
                asks_back = bool(back_beside(self._app, lesson.scope, self._model.sha256))
                plan = teaching.steps_in(
                    given.minutes, spent_s, step_s, answer_s, len(items), n_train, batch, n_served,
                    teaching.WITH_WAY_BACK if asks_back else teaching.USUAL,
                )  # fmt: skip
            step |= {**teaching.plan_json(plan), "n_train": n_train, "n_rehearsed": len(beside), "n_items": len(items)}

    def train(self) -> Iterator[JobEvent]:
        """As `rushlight train` does it, in a folder of its own."""
        from rushlight.ui.work import teaching
        from rushlight.ui.work.train import KIND, TrainArguments

        with self._step("train") as step:
            if step is None:
                return
            out, file = Path(self._done["lesson"]["run"]), self._context.folder / "train.jsonl"
            start = self._start()
            # Another order each time: one that had no time for all examples sees others now.
            seed = self._arguments.seed + int(self._done["lesson"].get("n_before", 0))
            share = teaching.FURTHER if self._arguments.go_on else 1.0 if start is None else teaching.PRACTISED
            said = teaching.training_config(
                str(self._model.path), out, file, self._plan(), self._done["plan"]["n_train"], seed,
                self._lesson().scope, self._settings(), start, share=share,
            )  # fmt: skip
            validate = [str(one) for one in self._validate()]
            begun = "" if start is None else str(start["start"])
            arguments = TrainArguments(said, str(self._model.path), [str(file)], validate, str(out), begun)
            for event in KIND.run(self._training(), arguments):
                if isinstance(event, JobResult):
                    step["result"] = event.value
                    self._done["plan"] |= teaching.made_steps(self._plan(), event.value["outcome"])
                else:
                    yield event
            shutil.copyfile(self._context.folder / "suite.jsonl", out / "suite.jsonl")

    def keep(self) -> None:
        """The run and its adapter, in the registry."""
        from rushlight.assistant.registry.values import NewAdapter, NewRun
        from rushlight.trainer.manifest import licence_of

        with self._step("keep") as step:
            if step is None:
                return
            lesson, base = self._lesson(), self._model
            made = [Path(one["path"]) for one in self._done["train"]["result"]["made"]]
            run = self._app.registry.add_run(
                NewRun(
                    self._context.job_id, lesson.name, base.sha256, base.id, self._uses(lesson),
                    Path(self._done["lesson"]["run"]),
                    {"plan": self._done["plan"], "asked": msgspec.to_builtins(self._arguments),
                     **({"start": self._done["lesson"]["start"]} if "start" in self._done["lesson"] else {})},
                )
            )  # fmt: skip
            adapter = self._app.registry.add_adapter(
                NewAdapter(
                    made[0], lesson.scope, base.sha256, base.id, form=lesson.form, licence=licence_of(base.path),
                    run_id=run.id,
                )
            )  # fmt: skip
            step |= {"adapter": adapter.name, "run": run.id}

    def evaluate(self) -> None:
        """Both sides on the suite, and the guards of the scope."""
        from rushlight.ui.work.evaluate import EvaluateArguments, evaluate_adapter

        with self._step("evaluate") as step:
            if step is not None:
                suite = str(Path(self._done["lesson"]["run"]) / "suite.jsonl")
                arguments = EvaluateArguments(adapter=self._done["keep"]["adapter"], suite=suite)
                step["report"] = evaluate_adapter(self._context, arguments)

    def promote(self) -> None:
        from rushlight.ui.work.evaluate import promote_if_better

        with self._step("promote") as step:
            if step is not None:
                adapter, before = self._done["keep"]["adapter"], self._before()
                report, wished = self._done["evaluate"]["report"], self._arguments.promote
                promotes, is_worse = promote_if_better(self._app, adapter, report, before, wished=wished)
                step |= {"promoted": promotes, "before": before, "is_worse": is_worse}

    def notices(self) -> Iterator[Notice]:
        plan, minutes = self._done["plan"], self._arguments.minutes
        total_s = sum(self._seconds().values())
        is_told = not self._done["plan"]["train_s"]  # how many steps, and not how long it may take
        if not is_told and total_s > minutes * 66:
            yield Notice("over-time", f"It took {total_s / 60:.0f} minutes in place of {minutes:g}: this machine was "
                                      "busier than at the beginning.")  # fmt: skip
        if self._done["promote"].get("is_worse"):
            start, before = self._done["lesson"]["start"], float(self._done["promote"]["before"])
            yield Notice("no-better", f"{start} answered {before:.0%} of the same questions rightly, which this one "
                                      "does not reach: nothing was promoted.")  # fmt: skip
        if not is_told and plan["n_seen"] < plan["n_train"] / 4:
            yield Notice("short", f"There was time for {plan['n_seen']:,} of {plan['n_train']:,} examples; with more "
                                  "minutes it would learn more.")  # fmt: skip

    def result(self) -> dict[str, Any]:
        lesson, report = self._lesson(), dict(self._done["evaluate"]["report"])
        trained = self._done["train"]["result"]
        return {
            "lesson": {"id": lesson.id, "name": lesson.name, "kind": lesson.kind, "version": lesson.version,
                       "examples": lesson.n_examples, "held_out": lesson.n_held_out},
            "scope": lesson.scope, "form": lesson.form, "base": self._model.id,
            "adapter": self._done["keep"]["adapter"], "run": self._done["lesson"]["run"],
            "start": self._done["lesson"].get("start", ""),  # the adapter that was gone on from
            "plan": self._done["plan"], "outcome": trained["outcome"], "proof": trained["proof"],
            "report": report, "passed": bool(report["passed"]), "promoted": self._done["promote"]["promoted"],
            "seconds": self._seconds(),
        }  # fmt: skip

    # --- inside -------------------------------------------------------------------------------------------------------
    def _seconds(self) -> dict[str, float]:
        found = super()._seconds()
        made_s = found.pop(_MADE, 0.0)
        if made_s:
            found["lesson"] = found.get("lesson", 0.0) + made_s
        return found

    def _lesson(self) -> Lesson:
        return self._book.find(self._done["lesson"]["id"])

    def _plan(self) -> "Plan":
        from rushlight.ui.work.teaching import Plan

        return Plan(**{name: self._done["plan"][name] for name in Plan.__dataclass_fields__})

    def _items(self, lesson: Lesson, examples: "list[Example]") -> "list[Item]":
        from rushlight.ui.work import teaching

        held_out = [one for one in examples if one.part == "held_out" and not one.left_out]
        if lesson.kind == "database":
            given = self._arguments.suite
            return teaching.own_items(Path(given)) if given else teaching.sql_items(held_out)
        items = teaching.chat_items(self._context, self._model, held_out)
        if not items:
            raise Error(
                f"Nothing of {lesson.name} can be proven: what is held out has no worse answer beside the right one.",
                "Give more examples that differ from what the model says anyway.",
                kind="lesson-too-small",
            )
        return items

    def _kind(self) -> "AbstractContextManager[LessonKind]":
        return kind_of(self._app, self._arguments)

    def _settings(self) -> dict[str, Any]:
        from rushlight.ui.work import teaching

        return teaching.settings_behind(self._arguments.settings, begins="start" in self._done["lesson"])

    def _validate(self) -> list[Path]:
        """The file of held-out examples whose loss is followed, where there is one."""
        file = self._context.folder / "validate.jsonl"
        return [file] if file.exists() else []

    def _start(self) -> dict[str, Any] | None:
        """[adapter] of a training that goes on from another adapter."""
        if "start" not in self._done["lesson"]:
            return None
        return start_settings(self._context.folder / _START, self._arguments.settings)

    def _begins_with(self, lesson: Lesson) -> "Adapter | None":
        given = self._arguments
        return begin_with(
            self._app, lesson, self._model, self._context.folder / _START, given.settings, go_on=given.go_on,
            from_practice=given.practised,
        )  # fmt: skip

    def _before(self) -> float | None:
        """What the adapter that was gone on from has reached on the same questions, if that is known."""
        start = self._done["lesson"].get("start")
        adapter = next((one for one in self._app.registry.adapters() if one.name == start), None)
        known = None if adapter is None else self._app.registry.evaluation(adapter)
        if known is None or known.suite_sha256 != self._done["evaluate"]["report"]["suite_sha256"]:
            return None
        return float(known.report["own"]["candidate"])

    def _uses(self, lesson: Lesson) -> "tuple[LessonUse, ...]":
        """What was learned from, by the adapter that was gone on from too."""
        own, start = self._use(lesson), self._done["lesson"].get("start")
        if not start:
            return (own,)
        from rushlight.assistant.registry.values import LessonUse

        return with_those_before(own, msgspec.convert(self._done["lesson"]["uses"], list[LessonUse]))

    def _use(self, lesson: Lesson) -> "LessonUse":
        """The lesson as this run used it, with where its examples came from."""
        from rushlight.assistant.registry.values import LessonUse, Source

        examples = trained(self._book.examples(lesson, version=self._done["lesson"]["version"]))
        sources = Counter(  # a pair of answers has two origins in one conversation
            source for one in examples for source in {(origin.kind, origin.source) for origin in one.draft.origins}
        )
        return LessonUse(
            lesson.id, self._done["lesson"]["version"], lesson.name, lesson.kind, content_hash(examples), len(examples),
            tuple(Source(kind, source, n) for (kind, source), n in sources.items()),
        )  # fmt: skip


def _stopped(context: JobContext) -> dict[str, Any]:
    """How far it had come before it was cancelled, if all of that is there still."""
    try:
        state = read_stopped(context)
        adapters = {one.name for one in context.app.registry.adapters()}
        done = without_what_is_gone(dict(state["done"]), adapters)
        LessonBook(context.app.store).find(done["lesson" if "lesson" in done else _MADE]["id"])
        has_files = (context.folder / "train.jsonl").exists() and (context.folder / "suite.jsonl").exists()
        has_files = has_files and ("start" not in done.get("lesson", {}) or (context.folder / _START).is_dir())
        has_run = state.get("inner") is None or Path(done["lesson"]["run"]).is_dir()
    except (OSError, ValueError, KeyError, TypeError, Error):
        return {}
    return {"done": done, "inner": state.get("inner")} if has_run and (has_files or "plan" not in done) else {}


@contextmanager
def kind_of(app: "App", given: TeachArguments) -> Iterator[LessonKind]:
    """What a new lesson is made of."""
    if given.kind == "feedback":
        yield feedback_lesson(app)
    elif given.kind == "imported":
        from rushlight.assistant.learn.kinds.imported import ImportedLesson

        yield ImportedLesson([Path(path) for path in given.files], columns=given.columns)
    else:
        from rushlight.assistant.learn.kinds.database import DatabaseLesson, examples_for
        from rushlight.assistant.sql.database import open_database
        from rushlight.assistant.sql.memory import SqlMemory

        n = examples_for(given.minutes, given.examples)
        with open_database(given.files, app.paths) as database:
            yield DatabaseLesson(database, SqlMemory(app.store), n=n, seed=given.seed)


def trained(examples: "list[Example]") -> "list[Example]":
    """Those that are learned from."""
    return [one for one in examples if one.part == "train" and not one.left_out]


def beside_lesson(
    context: JobContext, model: "Model", given: TeachArguments, scope: str, examples: "list[Example]"
) -> list[str]:
    """Lines of training that belong to no lesson: what is to stay as it is."""
    from rushlight.assistant.registry.scopes import CHAT
    from rushlight.ui.work.rehearsal import rehearsed

    return rehearsed(context, model, len(examples)) if scope == CHAT and given.rehearse and examples else []


KIND = TeachKind()
