"""The first start, with no model yet: what this machine is, which models lie on its disk, and taking one of them in.

Asks through `Background`, tells the view. Goes to the network only for a download that was asked for. No widget.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from rushlight import Error
from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.desk.background import Background, Running
from rushlight.ui.desk.figures import size_text
from rushlight.ui.desk.jobs_desk import PULSE_S, row_of
from rushlight.ui.desk.model_values import DownloadPlan, OnDisk
from rushlight.ui.desk.waiting import wait
from rushlight.ui.words import plural, text

if TYPE_CHECKING:
    from rushlight.assistant.app import App
    from rushlight.assistant.jobs.job import Job
    from rushlight.assistant.models.importing import How
    from rushlight.assistant.models.memory import Memory

# looking: the disk is being looked through. found: `found` has something to choose. none: it has nothing.
# importing: a job takes one in or fetches it. done: there is a model, the chat can begin.
Step: TypeAlias = Literal["looking", "found", "none", "importing", "done"]
_COMFORT = 0.5  # of the free memory: a larger model fits, and leaves the machine little else


@dataclass(frozen=True, slots=True)
class FirstRunState:
    """All that the page shows."""

    step: Step = "looking"
    machine: str = ""  # "8 cores · 32.0 GB · RTX 3060"
    found: tuple[OnDisk, ...] = ()
    recommended: int = -1  # place in `found` of the one to begin with
    advice: str = ""  # what to do where nothing was found
    job_id: str = ""
    job_title: str = ""
    job_text: str = ""  # how far it is
    job_fraction: float | None = None
    model_id: str = ""  # when done
    problem: str = ""
    hint: str = ""


class FirstRunView(Protocol):
    """Whatever draws it."""

    def show(self, state: FirstRunState) -> None: ...


class FirstRun:
    """One per face, for as long as there is no model. `look` begins it."""

    def __init__(self, background: Background, view: FirstRunView) -> None:
        self.state = FirstRunState()
        self.on_done: Callable[[str], None] = lambda _model_id: None  # there is a model now
        self._background = background
        self._view = view
        self._look: Running | None = None
        self._pulse: Running | None = None
        self._is_reading = self._is_stale = False
        self._is_closed = False
        self._end_watch = background.watch(self._follow)

    def close(self) -> None:
        """Look no more; a job that was started goes on by itself."""
        self._is_closed = True
        self._end_watch()
        for running in (self._look, self._pulse):
            if running is not None:
                running.drop()

    def is_needed(self, then: Callable[[bool], None]) -> None:
        """Whether there is no model yet that can chat."""
        self._background.read(lambda app: not any(model.purpose == "chat" for model in app.catalogue.list()), then)

    def look(self) -> None:
        """Look through the places where other programs keep their models."""
        from rushlight.ui.desk.model_finding import find_on_disk

        if self._look is not None:
            self._look.drop()
        self._show(replace(self.state, step="looking", problem="", hint=""))
        self._look = self._background.task(
            lambda app, stop: (_machine(app), find_on_disk(app, stop), _free_bytes(app)), self._show_found, self._failed
        )

    def choose(self, path: Path, how: "How | None" = None) -> None:
        """Take that file in. Without `how`, files of other programs are used where they are, others are copied."""
        row = next((row for row in self.state.found if row.path == path), None)
        is_included = row is not None and row.reference.startswith("included:")
        if how is None:
            how = "in-place" if row is not None and not is_included else "copy"
        arguments = {"path": str(path.absolute()), "how": how, "alias": "demo" if is_included else ""}
        self._start("model-import", arguments)

    def download_plan(
        self, reference: str, then: Callable[[DownloadPlan], None], failed: Callable[[Error], None] | None = None
    ) -> Running:
        """What a name on the hub means, before anything is fetched; as `ModelsDesk.download_plan`."""
        from rushlight.ui.desk.model_finding import plan_download

        return self._background.task(lambda app, stop: plan_download(app, stop, reference), then, failed)

    def download(self, reference: str) -> None:
        """Fetch it and take it in."""

        def start(app: "App") -> "Job":
            endpoint, proxy = app.settings.text("download.endpoint"), app.settings.text("download.proxy")
            return app.jobs.start("model-download", {"name": reference, "endpoint": endpoint, "proxy": proxy})

        self._background.task(lambda app, _stop: start(app), self._show_job, self._refused)

    def cancel(self) -> None:
        """Break the import off, and choose again."""
        job_id = self.state.job_id
        if job_id:
            self._background.task(lambda app, _stop: app.jobs.cancel(job_id), self._show_job, self._refused)

    # --- inside -------------------------------------------------------------------------------------------------
    def _start(self, kind: str, arguments: dict[str, str]) -> None:
        self._show(replace(self.state, step="importing", job_title="", job_text="", problem="", hint=""))
        self._background.task(lambda app, _stop: app.jobs.start(kind, arguments), self._show_job, self._refused)

    def _show_found(self, found: tuple[str, tuple[OnDisk, ...], int]) -> None:
        machine, rows, free_bytes = found
        usable = tuple(row for row in rows if not row.is_known)
        state = replace(self.state, machine=machine, found=usable, recommended=_recommended(usable, free_bytes))
        if state.step == "looking":
            state = self._choosing(state)
        self._show(state)

    def _choosing(self, state: FirstRunState) -> FirstRunState:
        return replace(
            state,
            step="found" if state.found else "none",
            advice=""
            if state.found
            else text("No model was found on this disk. Choose a GGUF file, or download one from Hugging Face."),
            job_id="",
            job_title="",
            job_text="",
            job_fraction=None,
        )

    def _show_job(self, job: "Job") -> None:
        if self.state.step == "done":
            return
        row = row_of(job)
        if not job.is_over:
            words = " · ".join(part for part in (row.status, row.detail) if part)
            self._show(
                replace(
                    self.state,
                    step="importing",
                    job_id=job.id,
                    job_title=row.title,
                    job_text=words,
                    job_fraction=job.fraction,
                )
            )
            if self._pulse is None:
                self._pulse = self._background.task(lambda _app, stop: wait(stop, PULSE_S), self._beat)
        elif job.state == "done":
            model_id = str(job.result.get("id", ""))
            self._show(replace(self.state, step="done", model_id=model_id, job_fraction=1.0))
            self.on_done(model_id)
        else:
            problem = row.detail if job.state == "failed" else ""
            self._show(replace(self._choosing(self.state), problem=problem, hint=row.hint))

    def _beat(self, is_due: bool) -> None:
        """Looking is what gets the job a new process, where the one before died."""
        self._pulse = None
        if is_due:
            self._follow()

    def _follow(self) -> None:
        """Something in the store changed: how far is the job?"""
        job_id = self.state.job_id
        if not job_id or self.state.step != "importing":
            return
        if self._is_reading:
            self._is_stale = True  # what is being read may be older than this change
            return
        self._is_reading, self._is_stale = True, False

        def found(job: "Job") -> None:
            self._is_reading = False
            if job.id == self.state.job_id:
                self._show_job(job)
            if self._is_stale:
                self._follow()

        def failed(err: Error) -> None:
            self._is_reading = False
            self._refused(err)

        self._background.task(lambda app, _stop: app.jobs.get(job_id), found, failed)

    def _refused(self, err: Error) -> None:
        self._show(
            replace(self._choosing(self.state), problem=plain_line(err.message), hint=plain_line(err.hint or ""))
        )

    def _failed(self, err: Error) -> None:
        """The look itself failed: a file can still be chosen."""
        self._refused(err)

    def _show(self, state: FirstRunState) -> None:
        if state != self.state and not self._is_closed:
            self.state = state
            self._view.show(state)


def _machine(app: "App") -> str:
    """What the user has, in one line."""
    import psutil

    memory = _memory(app)
    cores = psutil.cpu_count(logical=False) or psutil.cpu_count() or 1
    parts = [plural("{count} core", "{count} cores", cores), size_text(memory.total_bytes)]
    parts += [plain_line(gpu.name) for gpu in memory.gpus]
    return " · ".join(parts)


def _free_bytes(app: "App") -> int:
    memory = _memory(app)
    return max(memory.available_bytes, memory.gpu_free_bytes)


def _memory(app: "App") -> "Memory":
    from rushlight.ui.desk.model_reading import usable_memory

    return usable_memory(app)


def _recommended(found: tuple[OnDisk, ...], free_bytes: int) -> int:
    """The largest that leaves the machine room for other things; else the smallest that fits."""
    fitting = [(row.size_bytes, place) for place, row in enumerate(found) if row.fits == "yes" and row.is_complete]
    comfortable = [one for one in fitting if one[0] <= free_bytes * _COMFORT]
    if comfortable:
        return max(comfortable)[1]
    return min(fitting)[1] if fitting else -1
