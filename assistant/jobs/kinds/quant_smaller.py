"""The job that makes a smaller model from start to end: calibrate, plan, make with its proof, take into the catalogue.

Each step is the job of its own kind, with a folder and a checkpoint of its own inside this one's: it pauses, goes on
and leaves nothing half-made as that one does. What fails its proof is not taken in.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec

from rushlight.assistant.events import Notice
from rushlight.assistant.jobs.kind import JobContext, JobEvent, JobResult, PauseBy
from rushlight.assistant.jobs.kinds import quant_calibrate, quant_make, quant_plan
from rushlight.assistant.jobs.kinds.model_memory import WORK_BYTES, loaded_bytes


class QuantSmaller(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is wanted. One of `type_name`, `size_bytes` and `card_bytes` is given."""

    source: str  # absolute
    target: str  # absolute: where the file is made; it is moved from there into the models folder
    model_id: str = ""  # in the catalogue
    type_name: str = ""
    size_bytes: int = 0
    card_bytes: int = 0
    n_ctx: int = 8192  # beside the model on the card
    method: quant_make.Method = "search"
    text: Literal["none", "sample", "chats", "files"] = "sample"  # to calibrate on
    files: list[str] = []
    n_threads: int = 0


class QuantSmallerKind:
    name = "quant-smaller"
    arguments = QuantSmaller
    pause: PauseBy = "exit"
    may_freeze = True

    def title(self, arguments: QuantSmaller) -> str:
        wanted = arguments.type_name or f"{(arguments.size_bytes or arguments.card_bytes) / 1e9:.2g} GB"
        return f"Make {Path(arguments.source).name} smaller: {wanted}"

    def memory_bytes(self, arguments: QuantSmaller) -> int:
        return loaded_bytes(
            [arguments.source], work_bytes=WORK_BYTES * (4 if arguments.method in quant_make.FEEDS_BACK else 1)
        )

    def run(self, context: JobContext, arguments: QuantSmaller) -> Iterator[JobEvent]:
        steps = _Steps(context, arguments)
        if steps.calibrates:
            yield from steps.run("calibrate", quant_calibrate.KIND, steps.calibration())
        if not arguments.type_name:
            yield from steps.run("plan", quant_plan.KIND, steps.planning())
        yield from steps.run("make", quant_make.KIND, steps.making())
        made = dict(steps.results["make"])
        plan = steps.results.get("plan")
        if plan is not None:
            made["expected_divergence"] = plan["expected_divergence"]
        proof = made.get("proof")
        if proof is None or proof["state"] != "failed":
            yield from steps.take_in(made)
        yield JobResult({**made, "source": arguments.source})

    def clean(self, context: JobContext, arguments: QuantSmaller, *, for_good: bool) -> None:
        steps = _Steps(context, arguments)
        quant_make.KIND.clean(steps.context("make"), steps.making(), for_good=for_good)
        if for_good:
            for name in ("calibrate", "plan", "make"):
                shutil.rmtree(context.folder / name, ignore_errors=True)
            target = Path(arguments.target)
            for left in (target, target.with_name(f"{target.name}.proof.json")):
                left.unlink(missing_ok=True)


class _Steps:
    """The steps of one job: what each is told, and how far it has come."""

    def __init__(self, context: JobContext, arguments: QuantSmaller) -> None:
        self._context, self._arguments = context, arguments
        state: dict[str, Any] = dict(context.checkpoint or {})
        self.results: dict[str, Any] = dict(state.get("results", {}))
        self._checkpoints: dict[str, Any] = dict(state.get("checkpoints", {}))
        # then the making calibrates itself, and keeps a part of the text for looking at what came of it
        is_for_own_use = arguments.text in ("chats", "files") and arguments.method != "ggml"
        self.calibrates = arguments.text != "none" and not is_for_own_use
        self._is_for_own_use = is_for_own_use
        self._matrix = str(context.folder / "calibrate" / "matrix.gguf") if self.calibrates else ""
        self._plan = "" if arguments.type_name else str(context.folder / "plan" / "plan.json")
        self._documents = list(arguments.files) if arguments.text == "files" else []
        self._chats = arguments.text == "chats"

    def run(self, name: str, kind: Any, arguments: Any) -> Iterator[JobEvent]:
        """The step, unless its result is there already."""
        if name in self.results:
            return
        for event in kind.run(self.context(name), arguments):
            if isinstance(event, JobResult):
                self.results[name] = event.value
                self._checkpoints.pop(name, None)
                self._save()
            elif not (isinstance(event, Notice) and event.kind == "sample" and self._arguments.text == "sample"):
                yield event

    def context(self, name: str) -> JobContext:
        """What the step is given to work with."""
        whole = self._context
        folder = whole.folder / name
        folder.mkdir(parents=True, exist_ok=True)

        def save(checkpoint: str) -> None:
            self._checkpoints[name] = json.loads(checkpoint)
            self._save()

        known = self._checkpoints.get(name)
        return JobContext(
            whole.app,
            whole.job_id,
            folder,
            whole.stop,
            checkpoint=None if known is None else json.dumps(known),
            tell=whole.tell,
            save=save,
            further=whole.got_further,
            ask_memory=whole.need_memory,
        )

    def take_in(self, made: dict[str, Any]) -> Iterator[JobEvent]:
        """Into the catalogue, and the file into the models folder."""
        if "id" not in self.results.get("kept", {}):
            from rushlight.assistant.jobs.kinds.model_import import imported_json
            from rushlight.assistant.models.importing import import_model

            imported = import_model(
                self._context.app.catalogue,
                Path(made["path"]),
                how="move",
                model_id=self._arguments.model_id,
                stop=self._context.stop,
                on_progress=self._context.tell,
            )
            yield from imported.notices
            self.results["kept"] = imported_json(imported)
            self._save()
        made.update({name: self.results["kept"][name] for name in ("id", "path", "size_bytes")})

    def calibration(self) -> quant_calibrate.QuantCalibrate:
        return quant_calibrate.QuantCalibrate(
            model=self._arguments.source,
            target=self._matrix,
            chats=self._chats,
            documents=self._documents,
            n_threads=self._arguments.n_threads,
        )

    def planning(self) -> quant_plan.QuantPlan:
        wanted = self._arguments
        return quant_plan.QuantPlan(
            model=wanted.source, target=self._plan, size_bytes=wanted.size_bytes, card_bytes=wanted.card_bytes,
            n_ctx=wanted.n_ctx, imatrix=self._matrix, chats=self._chats, documents=self._documents,
            n_threads=wanted.n_threads,
        )  # fmt: skip

    def making(self) -> quant_make.QuantMake:
        wanted = self._arguments
        looks_at_text = wanted.method in quant_make.FEEDS_BACK or self._is_for_own_use
        return quant_make.QuantMake(
            source=wanted.source, target=wanted.target, type_name=wanted.type_name, method=wanted.method,
            imatrix=self._matrix, plan=self._plan, for_my_use=self._is_for_own_use, n_threads=wanted.n_threads,
            chats=self._chats and looks_at_text, documents=self._documents if looks_at_text else [],
        )  # fmt: skip

    def _save(self) -> None:
        self._context.save_checkpoint({"results": self.results, "checkpoints": self._checkpoints})


KIND = QuantSmallerKind()
