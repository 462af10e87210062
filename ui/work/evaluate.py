"""The job that evaluates an adapter against its base on a suite, holds its guards, and records whether the gate lets it
through. It goes on after the last item that was answered.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from rushlight import Error, Progress
from rushlight.assistant.jobs.kind import JobContext, JobEvent, JobResult, PauseBy
from rushlight.assistant.registry.scopes import WAY_BACK
from rushlight.ui.work.served import Asking, answers_beside, answers_of, back_beside, serves_now, sides

if TYPE_CHECKING:
    from rushlight.assistant.app import App
    from rushlight.assistant.models.model import Model
    from rushlight.assistant.registry.values import Adapter
    from rushlight.assistant.sql.writing import LikelyQueries
    from rushlight.trainer.evaluate.answerer import Answerer
    from rushlight.trainer.evaluate.guards import Guarded
    from rushlight.trainer.evaluate.measuring import Row
    from rushlight.trainer.evaluate.suite import Suite


class EvaluateArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What `rushlight evaluate` is told."""

    adapter: str  # its name in the registry
    suite: str = ""  # absolute; "" = suite.jsonl in the folder of its run
    judge: str = ""  # a model for items that are judged
    guards: bool = True  # without them nothing is promoted
    n_threads: int = 0


class EvaluateKind:
    name = "evaluate"
    arguments = EvaluateArguments
    pause: PauseBy = "exit"
    may_freeze = True

    def title(self, arguments: EvaluateArguments) -> str:
        return f"Evaluate {arguments.adapter}"

    def run(self, context: JobContext, arguments: EvaluateArguments) -> Iterator[JobEvent]:
        yield Progress("Evaluating", 0)
        yield JobResult(evaluate_adapter(context, arguments))

    def clean(self, context: JobContext, arguments: EvaluateArguments, *, for_good: bool) -> None:
        if for_good:
            for file in context.folder.glob("evaluate-*.jsonl"):
                file.unlink(missing_ok=True)


def evaluate_adapter(context: JobContext, arguments: EvaluateArguments) -> dict[str, Any]:
    """Measure, decide, record; the report. A step of other jobs too: what is known so far lies in the job's folder."""
    from rushlight.trainer.evaluate.gate import decide, report_of
    from rushlight.trainer.evaluate.usual import usual_answer

    registry = context.app.registry
    adapter = registry.find(arguments.adapter)
    model = _base(context, adapter)
    suite = _suite(context, arguments, adapter)
    rows = _own_suite(context, arguments, adapter, model, suite)
    guards = _guards(context, arguments, adapter, model, rows) if arguments.guards else []
    guards += _held_against_served(context, adapter, model, suite, rows) if arguments.guards else []
    verdict = decide(rows, guards, usual=usual_answer(suite.items))
    report = {
        "adapter": adapter.name, "scope": adapter.scope, "base": model.id, "suite": suite.name,
        "suite_sha256": suite.sha256, "adapter_sha256": adapter.sha256, "base_sha256": model.sha256,
        **report_of(verdict, rows, {one.id: one.asked for one in suite.items}),
    }  # fmt: skip
    passed = verdict.passed and arguments.guards
    if verdict.passed and not arguments.guards:
        report |= {"passed": False, "reasons": ["The guards of its scope were left out."]}
    kept = registry.record_evaluation(
        adapter, suite=suite.name, suite_sha256=suite.sha256, passed=passed, report=report
    )
    _leave_with_run(context, adapter, report)
    return {**report, "evaluation": kept.id}


def promote_if_better(
    app: "App", name: str, report: dict[str, Any], before: float | None, *, wished: bool
) -> tuple[bool, bool]:
    """(whether it serves from now on, whether it answered less than what it was gone on from: `before`, a share of the
    same questions, where that is known). Where it is `wished`, and the gate has let it through."""
    is_worse = before is not None and float(report["own"]["candidate"]) < before
    promotes = wished and bool(report["passed"]) and not is_worse
    if promotes:
        app.registry.promote(name)
    return promotes, is_worse


def _base(context: JobContext, adapter: "Adapter") -> "Model":
    model = context.app.catalogue.find_sha256(adapter.base_sha256)
    if model is None:
        raise Error(
            f"The model that {adapter.name} was trained on is not in the catalogue any more: {adapter.base}.",
            "Import the same file again: rushlight models import FILE",
            kind="model-not-found",
        )
    return model


def _suite(context: JobContext, arguments: EvaluateArguments, adapter: "Adapter") -> "Suite":
    from rushlight.trainer.evaluate.suite import read_suite

    path = Path(arguments.suite) if arguments.suite else None
    if path is None and adapter.run_id:
        folder = context.app.registry.run(adapter.run_id).folder
        path = None if folder is None or not (folder / "suite.jsonl").is_file() else folder / "suite.jsonl"
    if path is None:
        raise Error(
            f"There is no suite for {adapter.name}: its run has kept none.",
            "Name one: --suite FILE. What a suite is, is told in docs/learn.md.",
            kind="no-suite",
        )
    suite = read_suite(path)
    if suite.scope and suite.scope != adapter.scope:
        raise Error(
            f"The suite {suite.name} is for {suite.scope}, and {adapter.name} was taught for {adapter.scope}.",
            "Name a suite of the same scope.",
            kind="bad-suite",
        )
    return suite


def _own_suite(
    context: JobContext, arguments: EvaluateArguments, adapter: "Adapter", model: "Model", suite: "Suite"
) -> "list[Row]":
    from rushlight.trainer.evaluate.measuring import run_suite
    from rushlight.ui.work.answerers import ChatAnswerer

    app = context.app
    with _asking(app, model, suite, adapter.scope) as asking:
        judge = ChatAnswerer(app, app.model(arguments.judge)) if arguments.judge else None
        return run_suite(
            suite, asking.with_adapter(None), asking.with_adapter(adapter), keep=context.folder / "evaluate-own.jsonl",
            sides=sides(app, adapter, adapter.scope), given=asking.given, judge=judge, stop=context.stop,
            on_progress=context.tell,
        )  # fmt: skip


@contextmanager
def _asking(app: "App", model: "Model", suite: "Suite", scope: str) -> Iterator[Asking]:
    """Who answers this suite over the model, for an adapter of that scope."""
    from rushlight.ui.work.answerers import ChatAnswerer
    from rushlight.ui.work.suite_databases import SuiteDatabases, SuiteSqlAnswerer, execution_scorer

    if suite.answerer == "sql":
        with SuiteDatabases(suite, app) as databases:
            likely: LikelyQueries = {}

            def asked(adapter: "Adapter | None") -> "Answerer":
                if adapter is None:
                    return SuiteSqlAnswerer(app, model, databases)
                back = back_beside(app, scope, model.sha256)
                return SuiteSqlAnswerer(app, model, databases, [adapter.use()], adapter.form, back)

            def asked_beside(adapter: "Adapter | None") -> "Answerer":
                """The same answerer, with the way back and without: it looks for likely queries once."""
                there = answers_beside(app, model.sha256)
                back = () if adapter is None else (adapter.use(),)
                return SuiteSqlAnswerer(app, model, databases, [there.use()], there.form, back, likely)

            yield Asking(asked_beside if scope == WAY_BACK else asked, execution_scorer(databases))
    elif suite.answerer == "chat":
        yield Asking(lambda adapter: ChatAnswerer(app, model, [adapter.use()] if adapter else ()), None)
    else:
        raise Error(
            f"The suite {suite.name} asks for the answerer {suite.answerer[:40]!r}; there are chat and sql.",
            kind="bad-suite",
        )


def _held_against_served(
    context: JobContext, adapter: "Adapter", model: "Model", suite: "Suite", rows: "list[Row]"
) -> "list[Guarded]":
    """What answers in the scope now must not be better, where another adapter does."""
    from rushlight.trainer.evaluate.guards import kept_served

    served = serves_now(context.app, adapter.scope, model.sha256, adapter.name)
    if served is None:
        return []
    with _asking(context.app, model, suite, adapter.scope) as asking:
        answered = answers_of(context, served, suite, asking, adapter.scope)
    return [kept_served(served.name, rows, answered)] if answered else []


def _guards(
    context: JobContext, arguments: EvaluateArguments, adapter: "Adapter", model: "Model", rows: "list[Row]"
) -> "list[Guarded]":
    from rushlight.assistant.jobs.kinds import quant_parts
    from rushlight.trainer.evaluate import guards
    from rushlight.trainer.evaluate.measuring import run_suite
    from rushlight.ui.work.answerers import ChatAnswerer

    app, found, timed = context.app, [], list(rows)
    wanted = guards.guards_of(adapter.scope)
    base, candidate = ChatAnswerer(app, model), ChatAnswerer(app, model, [adapter.use()])
    for name in ("instructions", "refusals"):
        if name in wanted:
            suite = guards.guard_suite(name)
            answered = run_suite(
                suite, base, candidate, keep=context.folder / f"evaluate-{name}.jsonl",
                sides=sides(app, adapter, adapter.scope), stop=context.stop, on_progress=context.tell,
            )  # fmt: skip
            timed += answered
            kept = [guards.kept_answers(name, answered)] if name == "instructions" else guards.kept_refusals(
                answered, suite)  # fmt: skip
            found += kept
    if "divergence" in wanted:
        from rushlight.assistant.jobs.kinds.model_memory import loaded_bytes
        from rushlight.trainer.evaluate.drift import drift

        context.need_memory(loaded_bytes([str(model.path)]))
        moved = drift(
            model.path, adapter.path, n_threads=_idle(quant_parts.threads(app, arguments.n_threads)),
            stop=context.stop, on_progress=context.tell,
        )  # fmt: skip
        context.need_memory(0)
        found += [guards.kept_perplexity(moved), guards.kept_near(moved)]
    if "speed" in wanted:
        found.append(guards.kept_speed(timed))
    if "proof" in wanted:
        found.append(guards.kept_proof(adapter.path))
    return found


def _idle(n_threads: int) -> int:
    """Not more threads than processors have nothing else to do: those of one step wait for each other."""
    import os

    if not hasattr(os, "getloadavg"):
        return n_threads
    busy = os.getloadavg()[0]
    return max(1, min(n_threads, round((os.cpu_count() or 1) - busy)))


def _leave_with_run(context: JobContext, adapter: "Adapter", report: dict[str, Any]) -> None:
    """A copy in the folder of the run, and a line in its manifest, if that is still there."""
    from rushlight.quant.whole_file import whole_file
    from rushlight.trainer.manifest import add_evaluation

    folder = context.app.registry.run(adapter.run_id).folder if adapter.run_id else None
    if folder is not None and folder.is_dir():
        with whole_file(folder / "evaluation.json") as file:
            file.write(json.dumps(report, indent=2, ensure_ascii=False).encode("utf-8", "replace"))
        short = ("adapter", "suite", "suite_sha256", "adapter_sha256", "passed", "own")
        add_evaluation(folder, {key: report[key] for key in short})


KIND = EvaluateKind()
