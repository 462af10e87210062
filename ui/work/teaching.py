"""What a teaching job works out: how long training may take, its config, and the suite that proves it.

Knows lessons, the trainer's config and suites; runs nothing but a few questions and steps to see how fast they are.
"""

import json
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from rushlight.assistant.jobs.kind import JobContext
from rushlight.assistant.learn.example import Example, Lesson
from rushlight.assistant.learn.lessons import training_lines

if TYPE_CHECKING:
    from rushlight.assistant.engine.request import LoraUse
    from rushlight.assistant.models.model import Model
    from rushlight.trainer.evaluate.suite import Item
    from rushlight.trainer.plan.kept import Plan as TrainPlan

BATCH: Final = 8
MOST_EPOCHS: Final = 4.0
LEAST_STEPS: Final = 8
# Rounded products are prepared anew for each new length of a row, which the trial has few of: 600 steps of a teaching
# took 1.4 times as long as it said.
_NEW_LENGTHS: Final = 1.4
_RATE: Final = 3e-3  # of a task, for a model of this width
_WIDTH: Final = 576
# Of the rate, where a training begins with an adapter: what it knows is not to be shaken off.
FURTHER: Final = 0.5  # with one that has learned the same lesson
PRACTISED: Final = 1 / 6  # with what was practised; measured once (log.md, 2026-11-26, seventh)
_TRIAL_STEPS: Final = 50  # that are planned, not made
_TRIED_QUESTIONS: Final = 3
_TRIED_QUERIES: Final = 8  # from all over the suite: of the first ones some are short
EXPORT_S: Final = 60.0  # the training's own trial, export and its proof, on a machine that does nothing else
_CHAT_MOST: Final = 40  # held-out items of a chat's lesson
_ANSWER_TOKENS: Final = 200  # of the model's own answer, where an example has no worse one
_VALIDATED: Final = 16  # held-out examples whose loss is followed while it trains
_LOOKS: Final = 4  # times, the end with it
_ANSWERED: Final = 2  # of those examples, for people to see what becomes of their answers
_ANSWERS: Final = 0.04  # of the time of training, at most, by trainer.spoken.SHARE for each look


def held_out_part(kind: str) -> tuple[float, int]:
    """(share of a lesson that is held out, at most so many): answers to a database are quick to check."""
    return (0.08, 120) if kind == "database" else (0.15, 40)


@dataclass(frozen=True, slots=True)
class Plan:
    """How the time is divided, and how many examples training sees."""

    n_steps: int
    batch: int
    step_s: float
    answer_s: float
    train_s: float
    evaluate_s: float

    @property
    def n_seen(self) -> int:
        return self.n_steps * self.batch


def need_trainer() -> None:
    """An `Error` that names the extra, before minutes are spent on a lesson."""
    from rushlight.trainer.backends.packages import need_packages

    need_packages("transformers", "peft", "safetensors")


class Asked(NamedTuple):
    """How long questions take, in answers of whoever was timed."""

    of_both: float  # one to both sides
    of_one: float  # one to an adapter


# The base is timed: who was taught comes to the end in half of it, and follows several beginnings of a query at once.
USUAL: Final = Asked(2.1, 1.1)
WITH_WAY_BACK: Final = Asked(2.5, 1.5)
# Who practised is timed, and looks for the likely queries of both sides at once, somewhat farther than alone.
OF_WAY_BACK: Final = Asked(1.9, 1.8)


def evaluation_seconds(n_items: int, answer_s: float, n_served: int = 0, asked: Asked = USUAL) -> float:
    """For both sides, where one answer takes `answer_s`. `n_served` are asked of what answers in the scope now, too."""
    return (asked.of_both * n_items + asked.of_one * n_served) * answer_s


def steps_in(
    minutes: float, spent_s: float, step_s: float, answer_s: float, n_items: int, n_train: int, batch: int = BATCH,
    n_served: int = 0, asked: Asked = USUAL,
) -> Plan:  # fmt: skip
    """What is left after making the lesson, exporting and asking every item of both is for training; `spent_s` has
    what looking at held-out examples will take."""
    evaluate_s = evaluation_seconds(n_items, answer_s, n_served, asked)
    left_s = (minutes * 60.0 - spent_s - evaluate_s - EXPORT_S) / (1.0 + _ANSWERS)
    batch = min(batch, n_train)
    most = max(LEAST_STEPS, int(MOST_EPOCHS * n_train / batch))
    n_steps = max(LEAST_STEPS, min(most, int(left_s / max(step_s, 1e-6))))
    return Plan(n_steps, batch, step_s, answer_s, n_steps * step_s, evaluate_s)


def is_pressed(plan: Plan, n_train: int) -> bool:
    """Whether nothing is left of the time but the fewest steps, though there are examples for more."""
    return plan.n_steps <= LEAST_STEPS < int(MOST_EPOCHS * n_train / plan.batch)


def fixed_steps(n_examples: int, n_train: int, batch: int = BATCH) -> Plan:
    """So many examples, however long it takes."""
    batch = min(batch, n_train)
    return Plan(max(1, -(-n_examples // batch)), batch, 0.0, 0.0, 0.0, 0.0)


def told_steps(n_examples: int, settings: Mapping[str, Any], n_train: int) -> Plan | None:
    """The steps, where they were told and do not follow from the minutes."""
    batch, most = int(settings.get("steps.batch", BATCH)), int(settings.get("steps.most", 0))
    epochs = settings.get("steps.epochs")
    if not (n_examples or most or epochs):
        return None
    if n_examples or epochs:
        plan = fixed_steps(n_examples or max(1, round(float(epochs or 0) * n_train)), n_train, batch)
        most = min(most or plan.n_steps, plan.n_steps)
    return Plan(most, min(batch, n_train), 0.0, 0.0, 0.0, 0.0)


def settings_behind(settings: Mapping[str, Any], *, begins: bool) -> dict[str, Any]:
    """What was told of the training, and what is usual where it begins with an adapter: that one knows how tables are
    read, so no gradient goes through them again. Measured once (log.md, 2026-11-27, second)."""
    return {"steps.learn_beginning": False, **settings} if begins else dict(settings)


def training_config(
    model: str,
    out: Path,
    file: Path,
    plan: Plan,
    n_train: int,
    seed: int,
    scope: str,
    settings: Mapping[str, Any] | None = None,
    start: Mapping[str, Any] | None = None,
    *,
    share: float = 1.0,
) -> dict[str, Any]:
    """As trainer.config.checked takes it. The rank is a usual one for small models; see `task_rate` for the rate.
    `settings` are those that were told; `start` is [adapter] where it begins with one. `share` of the
    usual rate: less of it where an adapter is gone on from."""
    from rushlight.ui.work.teach_settings import with_settings

    is_task = not scope.startswith("chat")
    rate = (task_rate(Path(model)) if is_task else 3e-4) * share
    usual = {
        "model": model, "out": str(out), "method": "lora",
        "data": {"train": [str(file)], "max_tokens": 2048},
        "adapter": dict(start or {"rank": 16, "alpha": 32.0}),
        "steps": {"epochs": MOST_EPOCHS if plan.train_s else max(0.001, plan.n_seen / max(1, n_train)),
                  "most": plan.n_steps, "seconds": plan.train_s, "batch": plan.batch,
                  "rate": rate, "warmup": 0.05, "seed": seed},
        "keep": {"every": 25, "last": 2, "validate_every": looked_at_every(plan.n_steps), "answers": _ANSWERED},
        "export": {"gguf": True, "prove": True},
    }  # fmt: skip
    return with_settings(usual, settings or {})


def task_rate(model: Path) -> float:
    """The rate at which a task is learned: 3e-3 for a model of width 576, and less for wider ones as their width grows
    (Yang et al. 2022, arXiv:2203.03466). Measured once, on SmolLM2-135M, a suite's database and 200 steps: held-out
    loss 0.087 at 8e-4, 0.073 at 2e-3, 0.054 at 4e-3."""
    width = _width(model)
    return float(f"{min(_RATE, _RATE * _WIDTH / width):.1e}") if width else _RATE


def _width(model: Path) -> int:
    """Of the hidden states; 0 where no file says it."""
    from rushlight.assistant.models.layers import read_shape
    from rushlight.quant.gguf_check import check

    return read_shape(check(model)).n_embd if model.is_file() else 0


def looked_at_every(n_steps: int) -> int:
    """Steps between two looks at what is held out: each takes a step or two."""
    return max(1, -(-n_steps // _LOOKS))


def followed(settings: Mapping[str, Any], examples: Sequence[Example]) -> list[Example]:
    """The held-out examples whose loss is looked at while it trains; none where that is not wanted."""
    if settings.get("keep.validate_every") == 0:
        return []
    held_out = [one for one in examples if one.part == "held_out" and not one.left_out and one.draft.good is not False]
    return held_out[:: -(-len(held_out) // _VALIDATED) or 1]


def write_training_file(path: Path, examples: Sequence[Example], beside: Sequence[str] = ()) -> int:
    """The examples that are trained on, as the trainer reads them, and lines `beside` them; how many."""
    from rushlight.quant.whole_file import whole_file

    lines = [*training_lines(examples), *beside]
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as file:
        for line in lines:
            file.write(line.encode("utf-8", "replace") + b"\n")
    return len(lines)


def step_seconds(
    context: JobContext, model: Path, file: Path, scope: str, settings: Mapping[str, Any] | None = None,
    validate: Sequence[Path] = (),
) -> tuple[float, float]:  # fmt: skip
    """(a step, all looks at held-out examples): how long they take here and now, as `rushlight train --plan` finds it
    by a trial."""
    plan, _ = trial(context, model, file, scope, settings or {}, validate)
    return seconds_of_step(plan, settings or {}), seconds_of_looks(plan, settings or {})


def trial(
    context: JobContext, model: Path, file: Path, scope: str, settings: Mapping[str, Any], validate: Sequence[Path] = ()
) -> "tuple[TrainPlan, dict[str, Any]]":
    """The plan of a training of some steps, and the report of what it would learn from."""
    from rushlight.assistant.jobs.kinds import quant_parts
    from rushlight.trainer.config import checked
    from rushlight.trainer.plan.of_run import plan_ahead
    from rushlight.trainer.run import Places, Watch
    from rushlight.ui.work.train import refused_render

    n_lines = file.read_bytes().count(b"\n")
    wanted = fixed_steps(_TRIAL_STEPS * BATCH, n_lines, int(settings.get("steps.batch", BATCH)))
    out = context.folder / "trial"
    said = training_config(str(model), out, file, wanted, n_lines, 0, scope, settings)
    watch = Watch(context.stop, context.tell)
    with quant_parts.renderer() as found:
        places = Places(model, (file,), tuple(validate), out)
        return plan_ahead(checked(said), places, render=found or refused_render, watch=watch)


def seconds_of_step(plan: "TrainPlan", settings: Mapping[str, Any]) -> float:
    """With its share of looking at held-out examples, where it was told after how many steps that is done."""
    names = ("steps", "evaluation") if settings.get("keep.validate_every") else ("steps",)
    spent = sum(part.amount for part in plan.seconds if part.name in names)
    more = _NEW_LENGTHS if plan.products == "rounded" else 1.0
    return more * float(spent) / max(1, plan.n_steps)


def seconds_of_looks(plan: "TrainPlan", settings: Mapping[str, Any]) -> float:
    """All looks at held-out examples: as many as in the trial, however many steps there are."""
    if settings.get("keep.validate_every"):
        return 0.0
    return float(sum(part.amount for part in plan.seconds if part.name == "evaluation"))


# --- suites ---------------------------------------------------------------------------------------------------------


def sql_items(examples: Sequence[Example]) -> "list[Item]":
    """The held-out part of a database's lesson, as items."""
    from rushlight.assistant.learn.kinds.database import question_of
    from rushlight.trainer.evaluate.suite import Item

    found = []
    for example in examples:
        one = question_of(example)
        reference = {"sql": one.sql, "ordered": one.ordered}
        found.append(
            Item(id=example.id, cluster=example.cluster, prompt=one.question, scorer="sql-execution",
                 reference=reference)
        )  # fmt: skip
    return found


def own_items(path: Path) -> "list[Item]":
    """Questions of the user's own."""
    from rushlight.assistant.learn.answers import read_questions
    from rushlight.trainer.evaluate.suite import Item

    return [
        Item(id=f"q{number}", prompt=one.question, scorer="sql-execution",
             reference={"sql": one.sql, "ordered": one.ordered})
        for number, one in enumerate(read_questions(path), 1)
    ]  # fmt: skip


def chat_items(context: JobContext, model: "Model", examples: Sequence[Example]) -> "list[Item]":
    """Two answers to choose from by likelihood: the lesson's, and the worse one of a pair or else the model's own. They
    are asked behind as much of the chat as the model can read; what is too long even so is not asked."""
    from rushlight.trainer.evaluate.suite import Item, Turn
    from rushlight.ui.work.answerers import ChatAnswerer
    from rushlight.ui.work.fitting import fitting_turns

    found: list[Item] = []
    answerer = ChatAnswerer(context.app, model)
    for example in [one for one in examples if one.draft.good is not False][:_CHAT_MOST]:
        draft = example.draft
        answers, room = ([draft.answer, draft.rejected], 0) if draft.rejected else ([draft.answer], _ANSWER_TOKENS)
        kept = fitting_turns(context.app, model, draft.prompt, answers=answers, room=room, stop=context.stop)
        if not kept:
            continue
        turns = tuple(Turn(turn.role, turn.content) for turn in kept)
        worse = draft.rejected
        if not worse:
            asked = Item(id=example.id, prompt=turns, scorer="exact", max_tokens=_ANSWER_TOKENS)
            worse = answerer.answer(asked, context.stop).text
        if worse.strip() and worse.strip() != draft.answer.strip():
            found.append(
                Item(id=example.id, cluster=example.cluster, prompt=turns, scorer="choice", reference=draft.answer,
                     choices=(draft.answer, worse))
            )  # fmt: skip
    return found


def write_suite(path: Path, lesson: Lesson, items: "Sequence[Item]") -> None:
    from rushlight.quant.whole_file import whole_file
    from rushlight.trainer.evaluate.suite import suite_bytes

    is_sql = lesson.kind == "database"
    more = {"databases": lesson.source["databases"]} if is_sql else {}
    said = suite_bytes(lesson.name, items, scope=lesson.scope, answerer="sql" if is_sql else "chat", **more)
    with whole_file(path) as file:
        file.write(said)


def answer_seconds(context: JobContext, model: "Model", lesson: Lesson, items: "Sequence[Item]") -> float:
    """How long an answer takes here and now: the base answers a few items."""
    from rushlight.ui.work.answerers import ChatAnswerer

    if lesson.kind != "database":
        likely = ChatAnswerer(context.app, model)
        likely.likelihoods(items[0], context.stop)  # the model is loaded by it
        began = time.monotonic()
        for one in items[:_TRIED_QUESTIONS]:
            likely.likelihoods(one, context.stop)
        return (time.monotonic() - began) / min(_TRIED_QUESTIONS, len(items))
    return sql_answer_seconds(context, model, lesson.source["databases"], items)


def sql_answer_seconds(
    context: JobContext, model: "Model", files: "Sequence[str | Path]", items: "Sequence[Item]",
    lora: "Sequence[LoraUse]" = (), form: str = "",
) -> float:  # fmt: skip
    """The same for questions to a database, whose tables the engine has read by then, or of an adapter."""
    from rushlight.assistant.sql.database import open_database
    from rushlight.ui.work.answerers import SqlAnswerer

    with open_database(files, context.app.paths) as database:
        answerer = SqlAnswerer(context.app, model, database, lora, form)
        answerer.answer(items[0], context.stop)
        took = []
        for one in items[:: -(-len(items) // _TRIED_QUERIES)]:
            began = time.monotonic()
            answerer.answer(one, context.stop)
            took.append(time.monotonic() - began)
    return float(statistics.mean(took))


def made_steps(plan: Plan, outcome: Mapping[str, Any]) -> dict[str, Any]:
    """How many steps it came to: where they follow from the time, more or fewer than planned, as they took less or more
    of it."""
    n_steps = int(outcome["step"]) if plan.train_s else plan.n_steps
    return {"n_steps": n_steps, "n_seen": n_steps * plan.batch}


def plan_json(plan: Plan) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(msgspec.json.encode(plan))
    return {**found, "n_seen": plan.n_seen}
