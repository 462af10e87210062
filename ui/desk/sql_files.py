"""The files that an SQL page has open, and the one piece of work that runs on them: opened, read anew, stopped, let go.

The part of the SQL desk that knows no questions. Nothing here waits. Knows no widget.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from rushlight import Error, Progress, Stop
from rushlight.assistant.paths import with_home
from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.desk import sql_work as work
from rushlight.ui.desk.background import Background, Running
from rushlight.ui.desk.sql_held import Held
from rushlight.ui.desk.sql_recent import Recent
from rushlight.ui.desk.sql_schema import table_rows
from rushlight.ui.desk.sql_values import AdviceRow, Busy, FileRow, SqlState
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.assistant.app import App
    from rushlight.assistant.sql.values import Schema

Work = Callable[["App", Stop, Callable[[Progress], None], Held], Any]


class SqlView(Protocol):
    """Whatever draws it."""

    def show(self, state: SqlState) -> None: ...


class SqlFiles:
    """One per page, as `SqlDesk`. `refresh` when the page is shown, `rest` when it is not, `close` at its end."""

    def __init__(self, background: Background, remembered: Any, view: SqlView) -> None:
        self.on_held: Callable[[Held | None], None] = lambda _held: None  # other files are open
        self._background = background
        self._remembered = remembered
        self._view = view
        self._recent = Recent(remembered)
        self._held: Held | None = None
        self._running: Running | None = None
        self._opening: Running | None = None
        self._thread_id = ""
        self._waiting: Callable[[], None] | None = None  # to be done as soon as the files are open
        self._follows = self._is_closed = self._was_shown = False
        self._end_watch = background.watch(self._follow)
        self.state = SqlState(model=remembered.get("sql_model", ""), recent=self._recent.rows(()))

    def close(self) -> None:
        """The page is gone: what runs ends, the files are closed."""
        self._is_closed = True
        self._end_watch()
        for running in (self._running, self._opening):
            if running is not None:
                running.stop()
        if self._held is not None:
            self._held.let_go()
            self._held = None

    def refresh(self) -> None:
        """The page is shown; for the first time it opens what was open last."""
        self._follows = True
        if not self._was_shown:
            self._was_shown = True
            last = self._recent.last()
            if last and self._held is None and self._opening is None:
                self.open(last)
        self._read_stored()

    def rest(self) -> None:
        """The page is not shown."""
        self._follows = False
        if self._opening is None:
            self._waiting = None

    @property
    def held(self) -> Held | None:
        """What is open, for who works with it beside this desk."""
        return self._held

    # --- files --------------------------------------------------------------------------------------------------
    def open(self, paths: Sequence[str]) -> None:
        """These files together, in place of those that are open. Those stay if it fails."""
        wanted = list(dict.fromkeys(map(_place, paths)))
        if not wanted or self._is_closed:
            return
        self._was_shown = True
        for before in (self._opening, self._running):
            if before is not None:
                before.stop()
        self._running = None
        self._change(busy="opening", progress=text("Opening…"), fraction=None, is_stopping=False, **no_problem())

        def done(held: Held) -> None:
            if self._opening is not running or self._is_closed:
                held.let_go()
                return
            self._opening = None
            self._opened(held, wanted)

        def failed(err: Error) -> None:
            if self._opening is running:
                self._opening = None
                self._waiting = None
                self._rested()
                if err.kind == "no-file":
                    self._recent.forget(wanted)
                self._change(recent=self._recent.rows(self._paths()))
                self._refused(err)

        running = self._background.task(lambda app, stop: work.open_files(app, wanted, stop), done, failed)
        self._opening = running

    def add(self, paths: Sequence[str]) -> None:
        """These beside those that are open."""
        self.open([*self._paths(), *paths])

    def remove(self, name: str) -> None:
        """Without that file; without the last one nothing is open."""
        left = [one.path for one in self.state.files if one.name != name]
        if left:
            self.open(left)
        else:
            self._let_go()
            self._recent.close()
            self._change(files=(), tables=(), schema_notes=(), thread=(), at=-1, advice=AdviceRow(), examples=(),
                         threads=(), parameters=(), recent=self._recent.rows(()), **no_problem())  # fmt: skip

    def reload(self) -> None:
        """Read the same files again, as they are now."""
        self.open(self._paths())

    def stop(self) -> None:
        """Whatever runs."""
        if self._opening is not None:
            self._opening.stop()
            self._opening = None
            self._waiting = None
            self._rested()
            self._change(notice=text("Stopped."))
        elif self._running is not None and not self.state.is_stopping:
            self._change(is_stopping=True, progress=text("Stopping…"))
            self._running.stop()

    def dismiss(self) -> None:
        """The problem or the notice was read."""
        if self._opening is None:
            self._waiting = None
        self._change(notice="", **no_problem())

    def dismiss_notice(self) -> None:
        """What was done was said."""
        self._change(notice="")

    # --- inside -------------------------------------------------------------------------------------------------
    def _must_wait(self) -> bool:
        """Whether something runs on the open files, which is told."""
        if self._running is not None:
            self._change(notice=text("Wait for the answer, or stop it first."))
        return self._running is not None

    def _begin(self, busy: Busy, do: Work, then: Callable[[Any], None], says: str = "") -> None:
        """One piece of work on the open files; while one runs nothing else begins."""
        held = self._held
        if self._must_wait():
            return
        if held is None or self._opening is not None or self._is_closed:
            return
        self._change(busy=busy, progress=says, fraction=None, is_stopping=False, notice="", **no_problem())

        def done(found: Any) -> None:
            if self._running is running:
                self._rested()
                then(found)

        def failed(err: Error) -> None:
            if self._running is not running:
                return
            was_stopped = running.stopper.is_set()
            self._rested()
            if was_stopped or err.kind == "stopped":
                self._change(notice=text("Stopped."))
            else:
                self._refused(err)

        def heard(progress: Progress) -> None:
            if self._running is not running or self.state.is_stopping:
                return
            if progress.fraction is not None and progress.fraction >= 1:
                self._change(progress=says, fraction=None)
            else:
                self._change(progress=_progress_words(progress.what), fraction=progress.fraction)

        running = self._background.task(lambda app, stop, report: do(app, stop, report, held), done, failed, heard)
        self._running = running

    def _rested(self) -> None:
        self._running = None
        self._change(busy="", progress="", fraction=None, is_stopping=False)

    def _opened(self, held: Held, paths: list[str]) -> None:
        self._let_go()
        self._held, self._thread_id = held, ""
        self._recent.open(paths)
        self._rested()
        files = tuple(FileRow(one.name, one.path, one.kind, one.notes) for one in held.database.sources)
        self._change(files=files, recent=self._recent.rows(paths), thread=(), at=-1, advice=AdviceRow(), examples=(),
                     threads=(), parameters=(), notice="")  # fmt: skip
        self._show_schema(held.database.schema)
        self.on_held(held)
        self._look_at_values(held)
        self._read_stored()
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting()

    def _let_go(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            if self._running is not None:
                self._running.stop()
                self._rested()
            held.let_go()
            self.on_held(None)

    def _show_schema(self, schema: "Schema") -> None:
        dialect = self._held.database.dialect if self._held is not None else "sqlite"
        self._change(tables=table_rows(schema, dialect), schema_notes=schema.notes)

    def _look_at_values(self, held: Held) -> None:
        """What the columns hold, beside everything else. Where that cannot be found the schema says enough."""

        def found(schema: "Schema") -> None:
            if self._held is held:
                self._show_schema(schema)

        self._background.task(lambda _app, stop: work.known_schema(held, stop), found, lambda _err: None)

    def _follow(self) -> None:
        if self._follows:
            self._read_stored()

    def _read_stored(self) -> None:
        held = self._held
        if held is None or self._is_closed:
            return

        def found(read: Any) -> None:
            if self._held is held:
                examples, threads, adapter = read
                earlier = tuple(one for one in threads if one.id != self._thread_id)
                self._change(examples=examples, threads=earlier, adapter=adapter)

        model = self.state.model
        self._background.read(lambda app: work.stored(app, held.database, model), found, lambda _err: None)

    def _paths(self) -> list[str]:
        return [one.path for one in self.state.files]

    def _refused(self, err: Error) -> None:
        self._change(problem=plain_line(err.message), hint=plain_line(err.hint or ""), problem_kind=err.kind or "error")

    def _change(self, **changed: Any) -> None:
        state = replace(self.state, **changed)
        if state != self.state and not self._is_closed:
            self.state = state
            self._view.show(state)


def _place(given: str) -> str:
    """A file by its whole path; the address of a server as it is."""
    from rushlight.assistant.sql.addresses import is_address

    return given if is_address(given) else str(with_home(given).absolute())


def _progress_words(what: str) -> str:
    """What an engine says of itself, in words."""
    words = {"load": text("Loading the model…"), "prompt": text("The model reads the question…")}
    return words.get(what) or text(what)


def no_problem() -> dict[str, str]:
    return {"problem": "", "hint": "", "problem_kind": ""}
