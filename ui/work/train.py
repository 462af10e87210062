"""The job that trains: prepares, trains, exports, proves. It goes on from its last checkpoint, whatever happens to it;
when it is paused it writes one first and gives its memory back."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from rushlight import Error, Progress
from rushlight.assistant.events import Notice
from rushlight.assistant.jobs.kind import JobContext, JobEvent, JobResult, PauseBy
from rushlight.assistant.jobs.kinds import quant_parts
from rushlight.ui.work.kept_steps import TRAINING_PATIENCE_S
from rushlight.ui.work.making_way import MakingWay
from rushlight.ui.work.train_plan import granted, plan_json

if TYPE_CHECKING:
    from rushlight.quant.proof_file import Proof
    from rushlight.trainer.run import Places


class TrainArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `rushlight train` is told."""

    config: dict[str, Any]  # as trainer.config.checked takes it
    model: str  # absolute: what the config's names stand for
    train: list[str]
    validate: list[str]
    out: str
    start: str = ""  # absolute: an adapter to go on from
    resume: bool = False
    only_plan: bool = False  # say what it would take, and write nothing


class TrainKind:
    name = "train"
    arguments = TrainArguments
    pause: PauseBy = "exit"
    may_freeze = False
    patience_s = TRAINING_PATIENCE_S
    makes_way = True

    def title(self, arguments: TrainArguments) -> str:
        return f"{'Plan' if arguments.only_plan else 'Train'} {Path(arguments.out).name}"

    def run(self, context: JobContext, arguments: TrainArguments) -> Iterator[JobEvent]:
        from rushlight.trainer.backends.packages import need_packages

        need_packages("transformers", "peft", "safetensors")
        from rushlight.trainer.backends.choose import choose_backend, choose_device
        from rushlight.trainer.config import checked
        from rushlight.trainer.manifest import write_manifest
        from rushlight.trainer.plan.of_run import plan_ahead, plan_run
        from rushlight.trainer.run import Watch, is_trained, prepare, train

        config, places = checked(arguments.config), places_of(arguments)
        if choose_backend(config, choose_device(config)).name == "unsloth":
            from rushlight.trainer.backends.unsloth import set_up

            set_up()  # before anything imports what it patches
        watch = Watch(
            stop=None,  # a training ends at a checkpoint, not between two: see `should_pause`
            on_progress=_Teller(context),
            on_checkpoint=lambda step: context.save_checkpoint({"step": step}),
            should_pause=context.stop.is_set,
            make_way=MakingWay(context),
        )
        with quant_parts.renderer() as found:
            render = found or refused_render
            template = template_text(config.data.template, config.model, places, context)
            if arguments.only_plan:
                yield Progress("Planning", 0)
                plan, report = plan_ahead(
                    config, places, render=render, template=template, watch=Watch(context.stop, context.tell)
                )
                yield JobResult(plan_json(plan, report))
                return
            report = prepare(
                config, places, render=render, template=template, watch=Watch(context.stop, context.tell),
                resume=arguments.resume or context.checkpoint is not None, owner=context.job_id,
            )  # fmt: skip
        yield from _notices(report, config)
        if not is_trained(config, places):
            yield Progress("Planning", 0)
            yield from granted(context, plan_run(config, places))
        outcome = train(config, places, watch)
        for name, why in outcome.get("not_tracked", {}).items():
            yield Notice("not-tracked", f"{name} was left out: {why}")
        context.stop.check()
        if outcome["state"] != "done":  # it was to stop, wrote its checkpoint, and the order was taken back meanwhile
            raise Error("Stopped.", kind="stopped")
        yield Progress("Exporting", 0)
        made = _exports(context, config, places)
        for _, proof in made:
            failed = quant_parts.proof_notice(proof)
            if failed is not None:
                yield failed
        manifest = write_manifest(places, [path for path, _ in made], context.stop)
        _register(context, places, manifest)
        yield JobResult(_result(places, report, outcome, made))

    def clean(self, context: JobContext, arguments: TrainArguments, *, for_good: bool) -> None:
        """A cancelled run keeps its folder: its checkpoints are hours of work, and `--resume` takes them up."""
        from rushlight.quant.whole_file import remove_leftovers

        out = Path(arguments.out)
        if out.is_dir():
            remove_leftovers(out)
            if (out / "checkpoints").is_dir():
                remove_leftovers(out / "checkpoints")


class _Teller:
    """Progress that does not end the work: a training that is to stop writes a checkpoint first."""

    def __init__(self, context: JobContext) -> None:
        self._context = context

    def __call__(self, event: Progress) -> None:
        try:
            self._context.tell(event)
        except Error as error:
            if error.kind != "stopped":
                raise


def places_of(arguments: TrainArguments) -> "Places":
    from rushlight.trainer.run import Places

    return Places(
        Path(arguments.model), tuple(map(Path, arguments.train)), tuple(map(Path, arguments.validate)),
        Path(arguments.out), Path(arguments.start) if arguments.start else None,
    )  # fmt: skip


def refused_render(template: str, variables: dict[str, Any]) -> str:
    raise Error("Chat templates cannot be rendered safely on this system.", "Learn from plain texts.",
                kind="unsupported")  # fmt: skip


def template_text(said: str, model: str, places: "Places", context: JobContext) -> str:
    """The text of the chat template that a config names; "" for the model's own. A name is one of the assistant's
    formats, so that what is trained is written as it will be read."""
    if not said:
        return ""
    from rushlight.assistant.engine.fallback_templates import FORMATS

    if said in FORMATS:
        return FORMATS[said]
    if "{" in said:
        return said
    import difflib

    near = difflib.get_close_matches(said, FORMATS, 1)
    raise Error(
        f"There is no chat format {said[:40]!r}.",
        f"Did you mean {near[0]}?" if near else f"data.template may be {', '.join(sorted(FORMATS))}, or a text.",
        kind="no-such-format",
    )


def _notices(report: dict[str, Any], config: Any) -> list[Notice]:
    found, train = [], report["train"]
    if train["cut"]:
        found.append(
            Notice(
                "cut", f"{train['cut']:,} examples were cut at data.max_tokens, or at the positions that the model has."
            )
        )
    if train["left_out"] + train["without_answer"]:
        found.append(Notice("left-out", f"{train['left_out'] + train['without_answer']:,} examples were left out: too "
                                        "long, or no answer within data.max_tokens."))  # fmt: skip
    missing = train["examples"] - train["ending_in_end_of_turn"]
    if missing:
        found.append(Notice("no-end", f"{missing:,} examples do not end with the end of a turn; from those alone the "
                                      "model would not learn to stop."))  # fmt: skip
    if train.get("alike"):
        found.append(Notice("alike", f"Pairs left out since both answers are the same: {train['alike']:,}."))
    if config.recipe == "kto":
        found += _balance(train["good"], train["examples"] - train["good"], config.preference)
    return found


def _balance(n_good: int, n_bad: int, said: Any) -> list[Notice]:
    """What KTO's authors advise (arXiv:2402.01306, eq. 8): liked answers count 1 to 4/3 of what the others do."""
    good, bad = n_good * said.good_weight, n_bad * said.bad_weight
    if 0.99 * bad <= good <= 1.34 * bad:
        return []
    if not n_good or not n_bad:
        return [Notice("one-sided", f"All {n_good + n_bad:,} answers are {'liked' if n_good else 'disliked'}; kto "
                                    "learns from the difference.")]  # fmt: skip
    better = (f"good_weight = {n_bad * said.bad_weight / n_good:.2g}" if n_good < n_bad
              else f"bad_weight = {n_good * said.good_weight / n_bad:.2g}")  # fmt: skip
    return [Notice("unbalanced", f"{n_good:,} answers are liked and {n_bad:,} are not; set preference.{better}.")]


def _register(context: JobContext, places: "Places", manifest: dict[str, Any]) -> None:
    """In the registry, so that what came of it can be traced. What it learned from, a lesson's job adds itself."""
    from rushlight.assistant.registry.values import NewRun

    base = manifest["base"]
    known = context.app.catalogue.find_sha256(base["sha256"])
    name = base["name"] if known is None else known.id
    context.app.registry.add_run(
        NewRun(context.job_id, places.out.name, base["sha256"], name, folder=places.out, manifest=manifest)
    )


def _exports(context: JobContext, config: Any, places: "Places") -> "list[tuple[Path, Proof | None]]":
    from rushlight.trainer.export import export
    from rushlight.trainer.run import Watch

    n_threads = quant_parts.threads(context.app, config.machine.threads)
    with quant_parts.renderer() as render:
        return export(config, places, render=render, n_threads=n_threads, watch=Watch(context.stop, context.tell))


def _result(
    places: "Places", report: dict[str, Any], outcome: dict[str, Any], made: "list[tuple[Path, Proof | None]]"
) -> dict[str, Any]:
    proofs = [quant_parts.proof_json(proof) for _, proof in made]
    failed = next((one for one in proofs if one is not None and one["state"] == "failed"), None)
    return {
        "out": str(places.out), "examples": report["train"], "held_out": report["held_out"], "outcome": outcome,
        "made": [{"path": str(path), "size_bytes": path.stat().st_size, "proof": proof}
                 for (path, _), proof in zip(made, proofs, strict=True)],
        "proof": failed or (proofs[0] if proofs else None),
    }  # fmt: skip


KIND = TrainKind()
