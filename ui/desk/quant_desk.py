"""Quantizing as a page shows it: choose a model and a target, see what to expect, make it, compare what was made.

The work is jobs, which go on without the page. What is wanted is remembered per face. Knows no widget.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, get_args

from rushlight import Error
from rushlight.assistant.jobs.job import OVER, STATES
from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.desk.background import Background, Running
from rushlight.ui.desk.quant_reading import COMPARED, MADE, PROVEN, Found, beside_of, forecast, look, types_of
from rushlight.ui.desk.quant_values import (
    Forecast,
    Method,
    QuantState,
    SourceRow,
    TargetKind,
    TextKind,
    TypeRow,
    Wish,
)
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.assistant.app import App
    from rushlight.assistant.jobs.job import Job

_UNFINISHED = tuple(state for state in STATES if state not in OVER)
_MOST_UNFINISHED = 10_000
_FOLDER = ".made"  # in the models folder: what is being made, and what its proof has kept out of the catalogue


class QuantView(Protocol):
    """Whatever draws it."""

    def show(self, state: QuantState) -> None: ...


class QuantDesk:
    """One per page. Call `refresh` when the page is shown; it follows the store until `rest`."""

    def __init__(self, background: Background, remembered: Any, view: QuantView) -> None:
        self.on_job: Callable[[Job], None] = lambda _job: None  # one was started here
        self._background = background
        self._remembered = remembered
        self._view = view
        self._found: Found | None = None
        self._chosen = remembered.get("quant_model", "")
        self._wish = _read_wish(remembered.get("quant_wish", {}))
        self._types: dict[tuple[str, int], tuple[TypeRow, ...]] = {}  # by file and size
        self._beside: dict[tuple[str, int], int] = {}  # by file and context
        self._working_out: Running | None = None
        self._worked_out: set[tuple[str, int, int]] = set()  # asked for, also where it failed
        self._problem: Error | None = None
        self._starting: set[str] = set()  # what is being begun; the same is not begun a second time meanwhile
        self._is_reading = self._is_stale = self._follows = self._is_closed = False
        self._end_watch = background.watch(self._follow)
        self.state = QuantState(wish=self._wish)

    def close(self) -> None:
        """Follow the store no more."""
        self._is_closed = True
        self._end_watch()
        if self._working_out is not None:
            self._working_out.drop()

    def rest(self) -> None:
        """The page is not shown."""
        self._follows = self._is_stale = False

    def refresh(self) -> None:
        """Look again; while one look goes on, one more follows."""
        self._follows = True
        if self._is_closed:
            return
        if self._is_reading:
            self._is_stale = True
            return
        self._is_reading = True
        chosen = self._chosen
        self._background.task(lambda app, _stop: look(app, chosen), self._show_found, self._failed)

    # --- what is wanted -----------------------------------------------------------------------------------------
    def choose(self, model_id: str) -> None:
        """Another model."""
        if model_id != self._chosen:
            self._chosen = model_id
            self._problem = None
            self._remembered.set("quant_model", model_id)
            self.refresh()

    def want(self, **changed: Any) -> None:
        """Another target, text or method: fields of `Wish`."""
        wish = replace(self._wish, **changed)
        if wish != self._wish:
            self._wish = wish
            self._remembered.set("quant_wish", {**asdict(wish), "files": list(wish.files)})
            self._work_out()
            self._show()

    # --- what is done -------------------------------------------------------------------------------------------
    def make(self) -> None:
        """Begin the job that makes it."""
        source = self.state.source
        if source is None or not self.state.can_make:
            return
        wish, size = self._wish, self.state.forecast.size_bytes
        taken = {one.id for one in self.state.sources}
        name = wish.type_name if wish.kind == "type" else f"{size / 1e9:.2f}GB"
        arguments: dict[str, Any] = {
            "source": source.path,
            "model_id": _free_id(source.id, name, taken),
            "method": wish.method,
            "text": wish.text,
            "files": list(wish.files) if wish.text == "files" else [],
        }
        if wish.kind == "type":
            arguments["type_name"] = wish.type_name
        elif wish.kind == "card":
            arguments |= {"card_bytes": wish.card_bytes, "n_ctx": wish.n_ctx}
        else:
            arguments["size_bytes"] = size

        def start(app: "App") -> "Job":
            # Beside the models, so that taking it in is a rename.
            folder = app.paths.models / _FOLDER
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            target = str((folder / f"{_stem(source)}.{name}.gguf").absolute())
            _refuse_second(app, MADE, "target", target)
            return app.jobs.start(MADE, {**arguments, "target": target})

        self._start(MADE, start)

    def compare(self, paths: Sequence[str] = ()) -> None:
        """Begin the comparison of these with the model they were made of; all that are there, if none is named."""
        source = self.state.source
        others = [one.path for one in self.state.made if one.path and (not paths or one.path in paths)]
        if source is None or not others:
            return
        wish = self._wish
        arguments = {
            "reference": source.path,
            "others": list(dict.fromkeys(others)),
            "documents": list(wish.files) if wish.text == "files" else [],
            "chats": wish.text == "chats",
            "with_llama": True,
        }
        self._start(COMPARED, lambda app: app.jobs.start(COMPARED, arguments))

    def prove(self, path: str) -> None:
        """Hold it against its source once more."""
        source = self.state.source
        if source is None or not path:
            return

        def start(app: "App") -> "Job":
            _refuse_second(app, PROVEN, "path", path)
            return app.jobs.start(PROVEN, {"path": path, "source": source.path})

        self._start(f"{PROVEN} {path}", start)

    def discard(self, job_id: str) -> None:
        """A file that was not taken in, as its proof failed: delete it, and forget that it was made."""
        made = next((one for one in self.state.made if one.job_id == job_id), None)
        if made is None or made.model_id:
            return

        def work(app: "App", _stop: Any) -> None:
            path = Path(made.path)
            if path.parent == app.paths.models / _FOLDER:  # of others nothing is deleted
                for one in (path, path.with_name(f"{path.name}.proof.json")):
                    one.unlink(missing_ok=True)
            app.jobs.remove(job_id)

        self._background.task(work, lambda _done: self.refresh(), self._refused)

    def dismiss(self) -> None:
        """The problem was read."""
        self._problem = None
        self._show()

    # --- inside -------------------------------------------------------------------------------------------------
    def _start(self, what: str, start: "Callable[[App], Job]") -> None:
        if what in self._starting:
            return

        def started(job: "Job") -> None:
            self._starting.discard(what)
            self._problem = None
            self.on_job(job)
            self.refresh()
            self._show()

        def failed(err: Error) -> None:
            self._starting.discard(what)
            self._refused(err)

        self._starting.add(what)
        # A task: starting a job may have to start the process that runs it.
        self._background.task(lambda app, _stop: start(app), started, failed)
        self._show()

    def _follow(self) -> None:
        if self._follows:
            self.refresh()

    def _show_found(self, found: Found) -> None:
        self._is_reading = False
        self._found = found
        if found.sources and not any(one.id == self._chosen for one in found.sources):
            self._chosen = found.sources[0].id
        self._work_out()
        self._show()
        if self._is_stale:
            self._is_stale = False
            self.refresh()

    def _failed(self, err: Error) -> None:
        self._is_reading = self._is_stale = False
        self._refused(err)

    def _refused(self, err: Error) -> None:
        self._problem = err
        self._show()

    def _source(self) -> SourceRow | None:
        sources = self._found.sources if self._found is not None else ()
        return next((one for one in sources if one.id == self._chosen), None)

    def _work_out(self) -> None:
        """Sizes and what the context takes, where they are not known yet."""
        source, n_ctx = self._source(), self._wish.n_ctx
        if source is None or self._is_closed or self._working_out is not None:
            return
        key = (source.path, source.size_bytes)
        if (*key, n_ctx) in self._worked_out:
            return
        self._worked_out.add((*key, n_ctx))
        known = self._types.get(key)

        def work(_app: "App", stop: Any) -> tuple[tuple[TypeRow, ...], int]:
            return known or types_of(source.path, stop), beside_of(source.path, n_ctx)

        def done(worked_out: tuple[tuple[TypeRow, ...], int]) -> None:
            self._working_out = None
            self._types[key], self._beside[source.path, n_ctx] = worked_out
            self._work_out()  # another one may have been chosen meanwhile
            self._show()

        def failed(err: Error) -> None:
            self._working_out = None
            self._work_out()
            self._refused(err)

        self._working_out = self._background.task(work, done, failed)

    def _show(self) -> None:
        found, source = self._found, self._source()
        types = self._types.get((source.path, source.size_bytes), ()) if source is not None else ()
        expected = Forecast()
        if found is not None and source is not None and types:
            beside = self._beside.get((source.path, self._wish.n_ctx), 0)
            expected = forecast(self._wish, source, types, found, beside)
        state = QuantState(
            sources=found.sources if found is not None else (),
            chosen=self._chosen,
            types=types,
            wish=self._wish,
            forecast=expected,
            cards=found.cards if found is not None else (),
            made=found.made if found is not None else (),
            compared=found.compared if found is not None else (),
            compared_text=found.compared_text if found is not None else "",
            is_loading=found is None,
            is_forecasting=self._working_out is not None,
            is_starting=MADE in self._starting,
            problem=plain_line(self._problem.message) if self._problem is not None else "",
            hint=plain_line(self._problem.hint or "") if self._problem is not None else "",
        )
        if state != self.state and not self._is_closed:
            self.state = state
            self._view.show(state)


def _refuse_second(app: "App", kind: str, key: str, path: str) -> None:
    """Two jobs at one file would write over each other. Raises `Error(kind="job-runs")`."""
    for job in app.jobs.list(states=_UNFINISHED, limit=_MOST_UNFINISHED):
        if job.kind == kind and job.arguments.get(key) == path:
            raise Error(
                text("There is a job at this file already: {title}.", title=plain_line(job.title)),
                hint=text("Wait for it, or cancel it on the jobs page."),
                kind="job-runs",
            )


def _read_wish(kept: Any) -> Wish:
    """What was remembered, as far as it still says something."""
    if not isinstance(kept, dict):
        return Wish()
    default = Wish()
    values: dict[str, Any] = {}
    for one in fields(Wish):
        value = kept.get(one.name)
        if one.name == "files" and isinstance(value, list):
            values["files"] = tuple(str(file) for file in value)
        elif type(value) is type(getattr(default, one.name)):
            values[one.name] = value
    for name, allowed in (("kind", TargetKind), ("text", TextKind), ("method", Method)):
        if values.get(name) not in get_args(allowed):
            values.pop(name, None)
    return replace(default, **values)


def _free_id(source_id: str, name: str, taken: set[str]) -> str:
    """An id beside the source's that no model has."""
    base = f"{source_id.rpartition('@')[0] or source_id}@{name}"
    number, wanted = 1, base
    while wanted in taken:
        number += 1
        wanted = f"{base}-{number}"
    return wanted


def _stem(source: SourceRow) -> str:
    """The name of its file without the type, as a name that every disk takes."""
    stem = Path(source.path).name.removesuffix(".gguf")
    short = re.sub(rf"[.-]{re.escape(source.quantization)}$", "", stem, flags=re.IGNORECASE)
    return re.sub(r"[^A-Za-z0-9._-]", "_", short)[:120] or "model"
