"""The models page: what is there, what is loaded, what fits, and what may be done with it.

Asks through `Background`, tells the view, follows the store. Imports and downloads are jobs; a download says what it
would fetch before anything is fetched, and nothing goes to the network unasked. Knows no widget.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from rushlight import Error, Progress, Stop
from rushlight.ui.desk.background import Background, Running
from rushlight.ui.desk.model_loading import PlanRow, plan_of
from rushlight.ui.desk.model_reading import FitCache, Measured, measure, merged, read_card, read_rows, running_host
from rushlight.ui.desk.model_values import (
    DownloadPlan,
    MemoryBar,
    MemoryPart,
    ModelCard,
    ModelRow,
    ModelsState,
    OnDisk,
)
from rushlight.ui.desk.waiting import wait
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.assistant.app import App
    from rushlight.assistant.jobs.job import Job
    from rushlight.assistant.models.importing import How

__all__ = [
    "DownloadPlan",
    "MemoryBar",
    "MemoryPart",
    "ModelCard",
    "ModelRow",
    "ModelsDesk",
    "ModelsState",
    "ModelsView",
    "OnDisk",
]

UNDO_S = 10.0  # a removed model can be brought back for so long


class ModelsView(Protocol):
    """Whatever draws the models."""

    def show(self, state: ModelsState) -> None: ...


class ModelsDesk:
    """One per face. Call `refresh` when the page is shown, and now and then while it is, for the memory bars."""

    def __init__(self, background: Background, view: ModelsView) -> None:
        self.state = ModelsState()
        self.on_job: Callable[[Job], None] = lambda _job: None  # an import or a download was started
        self.on_changed: Callable[[], None] = lambda: None  # another default, a model more or less
        self._background = background
        self._view = view
        self._rows: tuple[ModelRow, ...] = ()
        self._measured: Measured | None = None
        self._fits: FitCache = {}
        self._loading: dict[str, float | None] = {}
        self._loads: dict[str, Running] = {}
        self._failures: dict[str, Error] = {}
        self._plan: PlanRow | None = None
        self._removing: tuple[str, str, Running] | None = None  # id, label, the wait
        self._is_reading = self._is_stale = self._is_measuring = self._wants_measure = self._follows = False
        self._is_closed = False
        self._end_watch = background.watch(self._follow)

    def close(self) -> None:
        """Follow the store no more; a removal that could still be undone is done now."""
        self._is_closed = True
        self._end_watch()
        self._remove_now()

    # --- what is shown ------------------------------------------------------------------------------------------
    def rest(self) -> None:
        """Follow the store no more until the next `refresh`: the page is not shown."""
        self._follows = self._is_stale = False

    def refresh(self) -> None:
        """Look again: the catalogue at once, what fits and what is loaded a moment later."""
        self._follows = self._wants_measure = True
        self._read()

    def row(self, model_id: str) -> ModelRow | None:
        return next((row for row in self.state.rows if row.id == model_id), None)

    def card(self, model_id: str, then: Callable[[ModelCard], None]) -> None:
        """Everything that is known of a model."""

        def found(card: ModelCard) -> None:
            row = self.row(model_id)
            then(replace(card, row=row) if row is not None else card)

        self._background.task(lambda app, _stop: read_card(app, model_id), found)

    # --- what is done -------------------------------------------------------------------------------------------
    def load(self, model_id: str) -> None:
        """Load it now rather than with the first question; the row shows how far that is, or why it cannot be."""
        if model_id in self._loads:
            return
        self._failures.pop(model_id, None)
        self._plan = None
        self._loading[model_id] = None
        self._show()

        def work(app: "App", stop: Stop, report: Callable[[Progress], None]) -> None:
            # It stays with the host for as long as the setting says; no connection need hold it.
            model = app.catalogue.find(model_id)
            app.forget(app.engine(model, embeddings=model.purpose != "chat", stop=stop, on_progress=report))

        def progress(progress: Progress) -> None:
            self._loading[model_id] = progress.fraction
            self._show()

        def over(err: Error | None) -> None:
            self._loading.pop(model_id, None)
            self._loads.pop(model_id, None)
            if err is not None and err.kind != "stopped":
                self._failures[model_id] = err
            self._show()
            self.refresh()

        self._loads[model_id] = self._background.task(work, lambda _done: over(None), over, progress)

    def wish_to_load(self, model_id: str) -> None:
        """Load it if that costs nobody anything; else say what it would take, and wait for `load` or `leave_plan`."""
        row = self.row(model_id)
        if row is None or model_id in self._loads:
            return
        if row.is_remote:
            self.load(model_id)
            return
        self._plan = None
        self._failures.pop(model_id, None)

        def planned(plan: PlanRow) -> None:
            if plan.state in ("loaded", "fits"):
                self.load(model_id)
            else:
                self._plan = plan
                self._show()

        self.plan(model_id, planned, lambda _err: self.load(model_id))  # what is wrong is then said in its row

    def plan(
        self, model_id: str, then: Callable[[PlanRow], None], failed: Callable[[Error], None] | None = None
    ) -> None:
        """What loading it would take."""
        row = self.row(model_id)
        label = model_id if row is None else row.label
        self._background.task(lambda app, _stop: plan_of(app, model_id, label), then, failed)

    def leave_plan(self) -> None:
        """It is not loaded after all."""
        self._plan = None
        self._show()

    def set_load_options(self, model_id: str, options: Mapping[str, str | None]) -> None:
        """How the model is loaded, as typed; None or "" takes one back, so that the settings hold again."""

        def work(app: "App") -> None:
            from rushlight.assistant.models.load_defaults import parse

            app.catalogue.set_load(
                model_id, {name: str(parse(name, value)) if value else None for name, value in options.items()}
            )

        self._do(work)

    def stop_loading(self, model_id: str) -> None:
        if model_id in self._loads:
            self._loads[model_id].stop()

    def unload(self, model_id: str) -> None:
        """Give its memory back; refused while it answers somebody. "": all of them."""
        row = self.row(model_id)
        path = "" if row is None else str(row.path.absolute())

        def work(app: "App", _stop: Stop) -> None:
            host = running_host(app)
            if host is not None:
                with host:
                    host.unload(path)

        if row is not None or not model_id:
            self._background.task(work, lambda _done: self.refresh(), self._failed_doing)

    def set_default(self, model_id: str) -> None:
        """The one that answers where none is named. The setting chat.model, which goes first, follows if it is set."""

        def work(app: "App") -> None:
            app.catalogue.alias(model_id, "default")
            if app.settings.text("chat.model"):
                from rushlight.assistant.settings_file import set_setting

                set_setting(app.paths, "chat.model", model_id)

        self._do(work)

    def remove(self, model_id: str) -> None:
        """Out of the catalogue in some seconds, with its file if that is ours; until then `undo` brings it back."""
        self._remove_now()
        row = self.row(model_id)
        if row is None:
            return
        running = self._background.task(
            lambda _app, stop: wait(stop, UNDO_S), lambda is_due: self._remove_now() if is_due else None
        )
        self._removing = (model_id, row.label, running)
        self._show()

    def undo(self) -> None:
        """Bring back what was removed last."""
        if self._removing is not None:
            self._removing[2].drop()
            self._removing = None
            self._show()

    def set_card_options(self, model_id: str, options: Mapping[str, str | None]) -> None:
        """Sampler defaults of the model, as typed; None or "" takes one back, so that the file's own holds again."""

        def work(app: "App") -> None:
            from rushlight.assistant.models.sampling_defaults import parse

            app.catalogue.set_sampling(
                model_id, {name: parse(name, value) if value else None for name, value in options.items()}
            )

        self._do(work)

    def set_alias(self, model_id: str, alias: str) -> None:
        """Another name for it."""
        self._do(lambda app: _ignored(app.catalogue.alias(model_id, alias)))

    def remove_alias(self, alias: str) -> None:
        self._do(lambda app: app.catalogue.remove_alias(alias))

    def import_file(
        self, path: Path, then: Callable[["Job"], None] = lambda _job: None, how: "How" = "copy", alias: str = ""
    ) -> None:
        """A job that takes a GGUF file in."""
        arguments = {"path": str(path.absolute()), "how": how, "alias": alias}
        self._start_job("model-import", arguments, then)

    def discover(
        self, then: Callable[[tuple[OnDisk, ...]], None], failed: Callable[[Error], None] | None = None
    ) -> Running:
        """The model files of other programs on this machine."""
        from rushlight.ui.desk.model_finding import find_on_disk

        return self._background.task(find_on_disk, then, failed)

    def download_plan(
        self, reference: str, then: Callable[[DownloadPlan], None], failed: Callable[[Error], None] | None = None
    ) -> Running:
        """Ask the hub what a name means: sizes, what fits. The first of two steps that go to the network."""
        from rushlight.ui.desk.model_finding import plan_download

        return self._background.task(lambda app, stop: plan_download(app, stop, reference), then, failed)

    def download(self, reference: str, then: Callable[["Job"], None] = lambda _job: None) -> None:
        """A job that fetches it and takes it in."""

        def start(app: "App", _stop: Stop) -> "Job":
            settings = app.settings
            arguments = {
                "name": reference,
                "endpoint": settings.text("download.endpoint"),
                "proxy": settings.text("download.proxy"),
            }
            return app.jobs.start("model-download", arguments)

        self._background.task(start, lambda job: self._started(job, then))

    # --- inside -------------------------------------------------------------------------------------------------
    def _start_job(self, kind: str, arguments: Mapping[str, str], then: Callable[["Job"], None]) -> None:
        # A task: starting a job may have to start the process that runs it.
        self._background.task(lambda app, _stop: app.jobs.start(kind, arguments), lambda job: self._started(job, then))

    def _started(self, job: "Job", then: Callable[["Job"], None]) -> None:
        then(job)
        self.on_job(job)

    def _do(self, work: "Callable[[App], None]") -> None:
        def done(_done: None) -> None:
            self.refresh()
            self.on_changed()

        self._background.read(work, done, self._failed_doing)

    def _failed_doing(self, err: Error) -> None:
        self._background.on_error(err)
        self.refresh()

    def _follow(self) -> None:
        if self._follows:
            self._read()

    def _read(self) -> None:
        if self._is_closed:
            return
        if self._is_reading:
            self._is_stale = True
            return
        self._is_reading = True
        self._background.read(read_rows, self._show_rows, self._failed)

    def _show_rows(self, rows: tuple[ModelRow, ...]) -> None:
        self._is_reading = False
        has_changed = [row.id for row in rows] != [row.id for row in self._rows]
        self._rows = rows
        if has_changed and self._measured is not None and not self._is_closed:
            self._wants_measure = True
            self.on_changed()
        self._measure()
        self._show()
        if self._is_stale:
            self._is_stale = False
            self._read()

    def _failed(self, err: Error) -> None:
        self._is_reading = self._is_stale = False
        self._show()
        self._background.on_error(err)

    def _measure(self) -> None:
        if self._wants_measure and not self._is_measuring and not self._is_closed:
            self._is_measuring, self._wants_measure = True, False
            fits = dict(self._fits)  # only one such task runs, yet it is another thread's
            self._background.task(lambda app, _stop: (measure(app, fits), fits), self._show_measured, self._unmeasured)

    def _show_measured(self, found: tuple[Measured, FitCache]) -> None:
        self._is_measuring = False
        self._measured, self._fits = found
        self._measure()
        self._show()

    def _unmeasured(self, err: Error) -> None:
        self._is_measuring = False
        self._show()
        self._background.on_error(err)

    def _remove_now(self) -> None:
        if self._removing is None:
            return
        model_id, _, running = self._removing
        self._removing = None
        running.drop()
        row = next((row for row in self._rows if row.id == model_id), None)
        path = "" if row is None else str(row.path.absolute())
        self._do(lambda app: _remove(app, model_id, path))

    def _show(self) -> None:
        going, label = self._removing[:2] if self._removing is not None else ("", "")
        rows = merged(self._rows, self._measured, self._loading, self._failures)
        state = ModelsState(
            rows=tuple(row for row in rows if row.id != going),
            bars=self._measured.bars if self._measured is not None else (),
            is_loading=False,
            is_measuring=self._is_measuring and self._measured is None,
            undo=text("“{name}” will be removed.", name=label) if going else "",
            plan=self._plan,
        )
        if state != self.state and not self._is_closed:
            self.state = state
            self._view.show(state)


def _ignored(_value: object) -> None:
    """For methods that answer what is not wanted here."""


def _remove(app: "App", model_id: str, path: str) -> None:
    """Its engine first: a file that is open cannot be deleted everywhere."""
    if path:
        host = running_host(app)
        if host is not None:
            with host:
                host.unload(path)
    app.catalogue.remove(model_id)
