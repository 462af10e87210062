"""The job that says what a teaching would take: memory by part, time, how many examples; it keeps no lesson and no run.

A few questions are asked and a few steps are tried, as the teaching itself does it first.
"""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rushlight import Error, Progress
from rushlight.assistant.jobs.kind import JobContext, JobEvent, JobResult, PauseBy
from rushlight.assistant.learn.example import Draft, Example, Lesson
from rushlight.assistant.learn.kinds.kind import Watch
from rushlight.assistant.learn.lessons import LessonBook
from rushlight.ui.work.lesson_news import check_tables
from rushlight.ui.work.served import back_beside, n_asked_of_it
from rushlight.ui.work.teach import TeachArguments, beside_lesson, kind_of, trained
from rushlight.ui.work.teach_start import begin_with

if TYPE_CHECKING:
    from rushlight.assistant.models.model import Model
    from rushlight.trainer.evaluate.suite import Item

_ASKED = 3  # items of a chat's lesson, whose worse answers the model has to write


class TeachPlanKind:
    name = "teach-plan"
    arguments = TeachArguments
    pause: PauseBy = "hold"
    may_freeze = False

    def title(self, arguments: TeachArguments) -> str:
        return "Plan a teaching"

    def run(self, context: JobContext, arguments: TeachArguments) -> Iterator[JobEvent]:
        from rushlight.ui.work import teaching
        from rushlight.ui.work.teach_settings import check_settings
        from rushlight.ui.work.train_plan import plan_json

        teaching.need_trainer()
        check_settings(arguments.settings)
        began, settings = time.monotonic(), arguments.settings
        model = context.app.model(arguments.model)
        yield Progress("Making examples", 0)
        lesson, examples = _looked_at(context, arguments)
        learned = trained(examples)
        beside = beside_lesson(context, model, arguments, lesson.scope, learned)
        n_train = teaching.write_training_file(context.folder / "train.jsonl", learned, beside)
        validate = teaching.followed(settings, examples)
        files = [context.folder / "validate.jsonl"] if validate else []
        for file in files:
            teaching.write_training_file(file, validate)
        made_s = time.monotonic() - began
        yield Progress("Measuring this machine", 0)
        items, n_items = _items(context, model, lesson, examples)
        answer_s = teaching.answer_seconds(context, model, lesson, items) if items else 0.0
        begins = begin_with(
            context.app, lesson, model, context.folder / "start", settings, go_on=arguments.go_on,
            from_practice=arguments.practised,
        )  # fmt: skip
        train_plan, report = teaching.trial(
            context, model.path, context.folder / "train.jsonl", lesson.scope,
            teaching.settings_behind(settings, begins=begins is not None), files,
        )  # fmt: skip
        step_s = teaching.seconds_of_step(train_plan, settings)
        looks_s = teaching.seconds_of_looks(train_plan, settings)
        batch = int(settings.get("steps.batch", teaching.BATCH))
        told = teaching.told_steps(arguments.examples, settings, n_train)
        n_served = n_asked_of_it(context.app, lesson.scope, model.sha256, n_items)
        asks_back = bool(back_beside(context.app, lesson.scope, model.sha256))
        asked = teaching.WITH_WAY_BACK if asks_back else teaching.USUAL
        plan = teaching.steps_in(
            arguments.minutes, made_s + looks_s, step_s, answer_s, n_items, n_train, batch, n_served,
            asked,
        )  # fmt: skip
        n_steps = (plan if told is None else told).n_steps
        evaluate_s = teaching.evaluation_seconds(n_items, answer_s, n_served, asked)
        batch = plan.batch
        yield JobResult({
            **plan_json(train_plan, report), "examples": n_train, "held_out": n_items, "n_steps": n_steps,
            "batch": batch, "n_seen": n_steps * batch, "step_s": step_s, "answer_s": answer_s,
            "by_minutes": told is None,
            "seconds": [
                {"name": "lesson", "amount": made_s}, {"name": "steps", "amount": n_steps * step_s + looks_s},
                {"name": "export", "amount": teaching.EXPORT_S}, {"name": "proof", "amount": evaluate_s},
            ],
            "total_s": made_s + n_steps * step_s + looks_s + teaching.EXPORT_S + evaluate_s,
        })  # fmt: skip

    def clean(self, context: JobContext, arguments: TeachArguments, *, for_good: bool) -> None:
        """What it writes lies in the folder of the job."""


def _looked_at(context: JobContext, given: TeachArguments) -> tuple[Lesson, list[Example]]:
    """The lesson as it stands, or as it would be made; that one is in no book."""
    if given.lesson:
        book = LessonBook(context.app.store)
        lesson = book.find(given.lesson)
        if lesson.kind == "database":
            from rushlight.assistant.sql.database import open_database

            with open_database(lesson.source["databases"], context.app.paths) as database:
                check_tables(lesson, database)
        examples = book.examples(lesson)
        return lesson, examples if lesson.is_split else _split(lesson.kind, [one.draft for one in examples])
    with kind_of(context.app, given) as kind:
        drafts = list(kind.drafts(Watch(context.stop, context.tell)))
        if not drafts:
            raise Error(f"There is nothing to learn from yet: {kind.title} has no examples.", kind.hint,
                        kind="nothing-to-learn")  # fmt: skip
        lesson = Lesson(id="", name=kind.title, kind=kind.name, scope=kind.scope, form=kind.form, source=kind.source,
                        version=1, created_at=0.0, updated_at=0.0, split_at=None)  # fmt: skip
    return lesson, _split(lesson.kind, drafts)


def _split(kind: str, drafts: list[Draft]) -> list[Example]:
    """About as large a part held out as there would be; by order only, since nothing is proven on it."""
    from rushlight.ui.work.teaching import held_out_part

    share, most = held_out_part(kind)
    n_held_out = min(most, max(1, round(share * len(drafts))))
    every = max(2, len(drafts) // n_held_out)
    return [
        Example(id=str(at), draft=draft, part="held_out" if at % every == 0 and at // every < n_held_out else "train")
        for at, draft in enumerate(drafts)
    ]


def _items(context: JobContext, model: "Model", lesson: Lesson, examples: list[Example]) -> "tuple[list[Item], int]":
    """A few items to ask, and how many there would be."""
    from rushlight.ui.work import teaching

    held_out = [one for one in examples if one.part == "held_out" and not one.left_out]
    if lesson.kind == "database":
        return teaching.sql_items(held_out), len(held_out)
    return teaching.chat_items(context, model, held_out[:_ASKED]), len(held_out)


KIND = TeachPlanKind()
