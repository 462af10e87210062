"""The job that practises: a model learns how questions become queries, from many databases that are made up; and then,
as an adapter of its own, the way back from queries to their questions, which tells likely queries apart.

A teaching of a database begins with what comes of it, and each of those is proven by itself. Where the gate lets it
through, on databases that it has not seen, it can be promoted: then it answers for every database that nobody taught.
The way back is proven beside it: by what it answers with and without. A model that has practised goes on from there,
with other databases.
"""

import math
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec
from msgspec.structs import replace

from rushlight import Error, Progress
from rushlight.assistant.events import Notice
from rushlight.assistant.jobs.kind import JobContext, JobEvent, JobResult, PauseBy
from rushlight.assistant.learn.example import Draft, Example, content_hash
from rushlight.assistant.learn.kinds.kind import Watch
from rushlight.assistant.learn.kinds.practice import PROVED, PROVED_BACK, PracticeLesson, practice_for
from rushlight.assistant.learn.way_back import way_back
from rushlight.assistant.registry.scopes import PRACTICE, WAY_BACK
from rushlight.assistant.sql.prompt import BACK_FORM
from rushlight.ui.work.kept_steps import (
    BACK_RUN,
    BACK_SAID,
    TRAINING_PATIENCE_S,
    KeptSteps,
    inside,
    keep_stopped,
    read_stopped,
    run_folder,
    without_what_is_gone,
)
from rushlight.ui.work.served import answers_beside, n_asked_of_it
from rushlight.ui.work.teach_start import bring, check_file_is_here, practised, start_settings

if TYPE_CHECKING:
    from rushlight.assistant.registry.values import Adapter
    from rushlight.trainer.evaluate.suite import Item
    from rushlight.ui.work.teaching import Asked, Plan

_START: Final = "start"  # in the job's folder: the adapter that it goes on from
_DATABASES: Final = "databases"  # there, and in the run's: what its proof is asked of
_SUITE: Final = "suite.jsonl"
_BACK: Final = "back"  # the folder in the job's, and the place in its checkpoint, of all that about the way back
_BACK_SHARE: Final = 0.4  # of the minutes


class PractiseArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What `rushlight teach practice` is told."""

    model: str  # its id in the catalogue
    minutes: float = 30.0  # for all of it
    examples: int = 0  # that training sees, whatever time that takes; 0 = as many as the minutes hold
    seed: int = 0
    anew: bool = False  # begins with nothing, also where it has practised
    promote: bool = False  # it answers for databases that nobody taught, if the gate lets it through
    way_back: Literal["with", "without", "only"] = "without"  # learned too, in a share of the minutes, or alone
    settings: dict[str, Any] = {}  # of the training, by names such as "adapter.rank"


class PractiseKind:
    name = "practise"
    arguments = PractiseArguments
    pause: PauseBy = "exit"
    may_freeze = False
    patience_s = TRAINING_PATIENCE_S
    makes_way = True

    def title(self, arguments: PractiseArguments) -> str:
        return f"Practise {arguments.model}"

    def run(self, context: JobContext, arguments: PractiseArguments) -> Iterator[JobEvent]:
        from rushlight.ui.work import teaching
        from rushlight.ui.work.teach_settings import check_settings

        teaching.need_trainer()
        check_settings(arguments.settings)
        found: dict[str, Any] = {}
        share = {"with": _BACK_SHARE, "without": 0.0, "only": 1.0}[arguments.way_back]
        if share == 1:
            answers_beside(context.app, context.app.model(arguments.model).sha256)  # it could not be proven
        else:
            found = _Steps(context, replace(arguments, minutes=arguments.minutes * (1 - share))).run()
        if share:
            own = replace(arguments, minutes=arguments.minutes * share, examples=round(arguments.examples * share))
            back = _BackSteps(inside(context, _BACK, BACK_SAID), own).run()
            found |= {"way_back": back, "has_way_back": True} if back else {}
        yield JobResult(found)

    def clean(self, context: JobContext, arguments: PractiseArguments, *, for_good: bool) -> None:
        """A cancelled one keeps its run, as a training does: begun again, it goes on there."""
        keep_stopped(context, for_good=for_good)
        if (context.folder / _BACK).is_dir():
            keep_stopped(inside(context, _BACK), for_good=for_good)


class _Steps(KeptSteps):
    """The steps of one practice."""

    scope, form, run_name, n_proved = PRACTICE, PracticeLesson.form, "practice", PROVED

    def __init__(self, context: JobContext, arguments: PractiseArguments) -> None:
        known = context.checkpoint or {}
        stopped = {} if "done" in known else _stopped(context)
        super().__init__(context, {**known, **stopped})
        self._arguments, self._model = arguments, context.app.model(arguments.model)
        check_file_is_here(self._model)
        self._train, self._validate = context.folder / "train.jsonl", context.folder / "validate.jsonl"
        if stopped:
            self._save()  # or what comes behind these steps would be all that is kept

    def run(self) -> dict[str, Any]:
        """One after the other; what came of it. Empty where there is no time for it."""
        self._context.tell(Progress("Making examples", 0))
        self.make()
        self.ask()
        self._context.tell(Progress("Measuring this machine", 0))
        self.plan()
        if "train" not in self._done and not self._has_time():
            return {}
        self.train()
        self.keep()
        self._context.tell(Progress("Evaluating", 0))
        self.evaluate()
        self.promote()
        return self.result()

    def make(self) -> None:
        """The files to learn from and to look at."""
        with self._step("examples") as step:
            if step is not None:
                given, start = self._arguments, self._begins_with()
                n, seed = practice_for(given.minutes, given.examples), given.seed + self._times()
                lesson = PracticeLesson(self._app.paths, n=n, seed=seed)
                watch = Watch(self._context.stop, self._context.tell)
                learned = _examples(lesson.drafts(watch))
                self._write(self._validate, _examples(lesson.held_out(watch)))
                n_train = self._write(self._train, learned)
                run = run_folder(self._app.paths.runs, self.run_name, self._context.job_id)
                step |= {"n_train": n_train, "sha256": content_hash(learned), "run": str(run), "seed": seed,
                         "start": start}  # fmt: skip

    def _write(self, file: Path, examples: list[Example]) -> int:
        """What is trained of them; how many lines."""
        from rushlight.ui.work import teaching

        return teaching.write_training_file(file, examples)

    def ask(self) -> None:
        """The questions that prove it, and their databases."""
        from rushlight.quant.whole_file import whole_file
        from rushlight.trainer.evaluate.suite import suite_bytes

        with self._step("questions") as step:
            if step is None:
                return
            lesson = PracticeLesson(self._app.paths, n=1)
            watch = Watch(self._context.stop, self._context.tell)
            asked = list(lesson.proof(self._context.folder / _DATABASES, watch, self.n_proved))
            kept_at = Path(self._done["examples"]["run"]) / _DATABASES
            examples = _examples(draft for _, draft in asked)
            items = [_item(one, kept_at / path.name) for one, (path, _) in zip(examples, asked, strict=True)]
            name = f"{self.run_name}-{content_hash(examples)[:8]}"  # the same questions, the same name
            with whole_file(self._context.folder / _SUITE) as file:
                file.write(suite_bytes(name, items, scope=self.scope, answerer="sql"))
            step |= {"n_items": len(items), "suite": name}

    def plan(self) -> None:
        from rushlight.ui.work import teaching

        with self._step("plan") as kept:
            if kept is not None:
                given, n_train = self._arguments, int(self._done["examples"]["n_train"])
                n_items = int(self._done["questions"]["n_items"])
                plan = teaching.told_steps(given.examples, given.settings, n_train)
                measured: list[tuple[float, float, float]] = []
                while plan is None or (len(measured) == 1 and teaching.is_pressed(plan, n_train)):
                    # Once more where hardly any time is left: others may have been busy for that moment.
                    step = teaching.step_seconds(
                        self._context, self._model.path, self._train, self.scope, given.settings, [self._validate]
                    )
                    measured.append((self._answer_seconds(), *step))
                    answer_s, step_s, looks_s = map(min, zip(*measured, strict=True))
                    spent_s = sum(self._seconds().values()) + (time.monotonic() - kept["began"]) + looks_s
                    batch = int(given.settings.get("steps.batch", teaching.BATCH))
                    n_served = n_asked_of_it(self._app, self.scope, self._model.sha256, n_items)
                    plan = teaching.steps_in(
                        given.minutes, spent_s, step_s, answer_s, n_items, n_train, batch, n_served,
                        self._asked(),
                    )  # fmt: skip
                self._check_time(plan, n_train)
                kept |= {**teaching.plan_json(plan), "n_train": n_train}

    def train(self) -> None:
        from rushlight.ui.work import teaching
        from rushlight.ui.work.train import KIND, TrainArguments

        with self._step("train") as step:
            if step is None:
                return
            out, plan = Path(self._done["examples"]["run"]), self._plan()
            start = self._start()
            said = teaching.training_config(
                str(self._model.path), out, self._train, plan, self._done["plan"]["n_train"],
                int(self._done["examples"].get("seed", self._arguments.seed)), self.scope, self._arguments.settings,
                start, share=1.0 if start is None else teaching.FURTHER,
            )  # fmt: skip
            begun = "" if start is None else str(start["start"])
            arguments = TrainArguments(
                said, str(self._model.path), [str(self._train)], [str(self._validate)], str(out), begun
            )
            for event in KIND.run(self._training(), arguments):
                if isinstance(event, JobResult):
                    step["result"] = event.value
                    self._done["plan"] |= teaching.made_steps(plan, event.value["outcome"])
                else:
                    self._context.tell(event)
            shutil.copytree(self._context.folder / _DATABASES, out / _DATABASES, dirs_exist_ok=True)
            shutil.copyfile(self._context.folder / _SUITE, out / _SUITE)

    def keep(self) -> None:
        """The run and its adapter, in the registry."""
        from rushlight.assistant.registry.values import LessonUse, NewAdapter, NewRun
        from rushlight.trainer.manifest import licence_of

        with self._step("keep") as step:
            if step is None:
                return
            examples, base = self._done["examples"], self._model
            use = LessonUse("practice", 1, "practice", "practice", examples["sha256"], int(examples["n_train"]))
            run = self._app.registry.add_run(
                NewRun(
                    self._run_id(), self.run_name, base.sha256, base.id, (use,), Path(examples["run"]),
                    {"plan": self._done["plan"], "asked": msgspec.to_builtins(self._arguments),
                     **({"start": examples["start"]} if examples.get("start") else {})},
                )
            )  # fmt: skip
            adapter = self._app.registry.add_adapter(
                NewAdapter(
                    Path(self._done["train"]["result"]["made"][0]["path"]), self.scope, base.sha256, base.id,
                    form=self.form, licence=licence_of(base.path), run_id=run.id,
                )
            )  # fmt: skip
            step |= {"adapter": adapter.name}

    def evaluate(self) -> None:
        """Both sides on questions to databases that were not practised on, and the guards of the scope."""
        from rushlight.ui.work.evaluate import EvaluateArguments, evaluate_adapter

        with self._step("evaluate") as step:
            if step is not None:
                suite = str(Path(self._done["examples"]["run"]) / _SUITE)
                arguments = EvaluateArguments(adapter=self._done["keep"]["adapter"], suite=suite)
                step["report"] = evaluate_adapter(self._context, arguments)

    def promote(self) -> None:
        from rushlight.ui.work.evaluate import promote_if_better

        with self._step("promote") as step:
            if step is not None:
                name, report = self._done["keep"]["adapter"], self._done["evaluate"]["report"]
                before, rival = self._before()
                promotes, _ = promote_if_better(self._app, name, report, before, wished=self._is_wished())
                step |= {"promoted": promotes, "before": before, "rival": rival}

    def result(self) -> dict[str, Any]:
        trained, report = self._done["train"]["result"], dict(self._done["evaluate"]["report"])
        return {
            "report": report, "passed": bool(report["passed"]), "promoted": self._done["promote"]["promoted"],
            # What was practised until then answered, of the same questions, and which adapter that is.
            "before": self._done["promote"]["before"], "rival": self._done["promote"].get("rival", ""),
            "base": self._model.id, "adapter": self._done["keep"]["adapter"], "run": self._done["examples"]["run"],
            "start": self._done["examples"].get("start", ""), "has_way_back": self._has_way_back(),
            "plan": self._done["plan"], "outcome": trained["outcome"], "proof": trained["proof"],
            "seconds": self._seconds(),
        }  # fmt: skip

    def _begins_with(self) -> str:
        """The name of what the model has practised so far, brought here; "" where it begins with nothing."""
        given, folder = self._arguments, self._context.folder / _START
        found = None if given.anew else practised(self._app, self._model, self.form, self.scope)
        if found is None:
            return ""
        bring(found, self._model, folder)
        try:
            start_settings(folder, given.settings)
        except Error as error:
            raise Error(
                error.message, "Leave them out, or give --from-scratch to practise anew.", kind=error.kind
            ) from error
        return found.name

    def _answer_seconds(self) -> float:
        from rushlight.trainer.evaluate.suite import read_suite
        from rushlight.ui.work import teaching

        items = read_suite(self._context.folder / _SUITE).items
        first = Path(str(items[0].reference["database"])).name
        own = [one for one in items if Path(str(one.reference["database"])).name == first]
        file, timed = self._context.folder / _DATABASES / first, self._timed()
        with_it = () if timed is None else ((timed.use(),), timed.form)
        return teaching.sql_answer_seconds(self._context, self._model, [file], own, *with_it)

    def _before(self) -> tuple[float | None, str]:
        """What was practised until then, or serves, has answered of the same questions, if that is known, and its name:
        the better of both. One that begins with nothing must reach what serves too."""
        registry, start = self._app.registry, str(self._done["examples"].get("start", ""))
        serving = registry.promoted(self.scope, self._model.sha256)
        names = {start, "" if serving is None else serving.name}
        known = [(registry.evaluation(one), one.name) for one in registry.adapters(self.scope) if one.name in names]
        suite = self._done["questions"]["suite"]
        return max(
            (
                (float(one.report["own"]["candidate"]), name)
                for one, name in known
                if one is not None and one.suite == suite
            ),
            default=(None, ""),
        )

    def _times(self) -> int:
        """How often it has practised: another time it meets other databases, in another order."""
        own = [one for one in self._app.registry.adapters(self.scope) if one.base_sha256 == self._model.sha256]
        return len(own)

    def _has_way_back(self) -> bool:
        return practised(self._app, self._model, BACK_FORM, WAY_BACK) is not None

    def _check_time(self, plan: "Plan", n_train: int) -> None:
        """An error where it is not worth while."""

    def _has_time(self) -> bool:
        return True

    def _asked(self) -> "Asked":
        """How long its questions take."""
        from rushlight.ui.work import teaching

        return teaching.USUAL

    def _timed(self) -> "Adapter | None":
        """Whose answers are timed; None: the model's alone."""
        return None

    def _is_wished(self) -> bool:
        return self._arguments.promote

    def _start(self) -> dict[str, Any] | None:
        """[adapter] of a training that goes on from what was practised before."""
        if not self._done["examples"].get("start"):
            return None
        return start_settings(self._context.folder / _START, self._arguments.settings)

    def _plan(self) -> "Plan":
        from rushlight.ui.work.teaching import Plan

        return Plan(**{name: self._done["plan"][name] for name in Plan.__dataclass_fields__})


class _BackSteps(_Steps):
    """Those of the way back, which is asked beside what was practised."""

    scope, form, run_name, n_proved = WAY_BACK, BACK_FORM, BACK_RUN, PROVED_BACK

    def _write(self, file: Path, examples: list[Example]) -> int:
        from rushlight.ui.work import teaching

        return teaching.write_training_file(file, [], list(way_back(examples)))

    def _run_id(self) -> str:
        is_second = self._arguments.way_back == "with"  # what was practised is a run of that job too
        return f"{self._context.job_id}-back" if is_second else self._context.job_id

    def _begins_with(self) -> str:
        """What was learned of it before, where that fits what was told of the training."""
        try:
            return super()._begins_with()
        except Error:
            shutil.rmtree(self._context.folder / _START, ignore_errors=True)
            return ""

    def _asked(self) -> "Asked":
        from rushlight.ui.work import teaching

        return teaching.OF_WAY_BACK

    def _timed(self) -> "Adapter | None":
        return answers_beside(self._app, self._model.sha256)

    def _is_pressed(self, plan: "Plan", n_train: int) -> bool:
        """A few steps are as good as none: they would only cost the minutes of the proof."""
        from rushlight.ui.work import teaching

        return bool(plan.train_s) and teaching.is_pressed(plan, n_train)

    def _check_time(self, plan: "Plan", n_train: int) -> None:
        if self._arguments.way_back == "only" and self._is_pressed(plan, n_train):
            raise Error(
                f"There is no time to learn the way back: its proof alone takes about "
                f"{math.ceil(plan.evaluate_s / 60)} of the {self._arguments.minutes:g} minutes.",
                "Give it more: --minutes N. Half an hour is enough on most machines.",
                kind="no-time",
            )

    def _has_time(self) -> bool:
        is_pressed = self._is_pressed(self._plan(), int(self._done["examples"]["n_train"]))
        if is_pressed:
            self._context.tell(Notice("no-way-back", "There is no time to learn the way back too: give more minutes."))
        return not is_pressed

    def _before(self) -> tuple[float | None, str]:
        return None, ""  # that one was asked beside another practice; what serves now is asked again, by the guard

    def _is_wished(self) -> bool:
        return True  # it answers nothing by itself: where it makes others better it is asked beside them


def _stopped(context: JobContext) -> dict[str, Any]:
    """How far it had come before it was cancelled, if all of that is there still."""
    try:
        state = read_stopped(context)
        adapters = {one.name for one in context.app.registry.adapters()}
        done = without_what_is_gone(dict(state["done"]), adapters)
        has_files = {
            "examples": not done.get("examples", {}).get("start") or (context.folder / _START).is_dir(),
            "questions": (context.folder / _SUITE).is_file() and (context.folder / _DATABASES).is_dir(),
        }
        has_run = state.get("inner") is None or Path(done["examples"]["run"]).is_dir()
        has_lessons = "examples" not in done or (context.folder / "train.jsonl").is_file()
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    is_whole = has_run and has_lessons and all(there or name not in done for name, there in has_files.items())
    return {"done": done, "inner": state.get("inner")} if is_whole else {}


def _examples(drafts: Iterator[Draft]) -> list[Example]:
    """As a training file is written from; they are in no lesson of the user's."""
    return [Example(id=f"p{number}", draft=draft, part="train") for number, draft in enumerate(drafts)]


def _item(example: Example, database: Path) -> "Item":
    from rushlight.assistant.learn.kinds.database import question_of
    from rushlight.trainer.evaluate.suite import Item

    one = question_of(example)
    reference = {"sql": one.sql, "ordered": one.ordered, "database": str(database)}
    return Item(id=example.id, prompt=one.question, scorer="sql-execution", reference=reference)


KIND = PractiseKind()
