"""The SQL page without a widget: a thread of questions with their rows, what is learnt of them, advice, exports.

What is open and what runs is in `sql_files.py`. Nothing here waits. Knows no widget.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rushlight import Error, Stop
from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.desk import sql_work as work
from rushlight.ui.desk.background import Background
from rushlight.ui.desk.sql_files import SqlFiles, SqlView
from rushlight.ui.desk.sql_held import Held
from rushlight.ui.desk.sql_values import AdviceRow, Answer, ParameterRow
from rushlight.ui.words import plural, text

if TYPE_CHECKING:
    from rushlight.assistant.app import App

SECONDS, MORE_SECONDS = 1.5, 60.0  # a statement may take, and where the user gave it more time
PICTURES = (".svg", ".png")
LOOKED_AT = 100  # rows of a table
MAX_THREAD = 100  # questions that are shown of one thread


class SqlDesk(SqlFiles):
    """One per page."""

    def __init__(self, background: Background, remembered: Any, view: SqlView) -> None:
        self.png_of: Callable[[str], bytes] | None = None  # draws an SVG, where a face can
        self._seconds = SECONDS
        super().__init__(background, remembered, view)

    # --- questions ----------------------------------------------------------------------------------------------
    def ask(self, question: str, chosen: Mapping[str, str] | None = None) -> None:
        """A question to the open files, following those before it."""
        question = question.strip()
        if not question:
            return
        if self._opening is not None:
            self._waiting = lambda: self.ask(question, chosen)
            return
        if self._held is None:
            self._waiting = lambda: self.ask(question, chosen)
            hint = text("Open a database, a spreadsheet or a CSV file: then it is asked.")
            self._refused(Error(text("Nothing is open that could be asked."), hint=hint, kind="nothing-open"))
            return
        model, thread_id, seconds = self.state.model, self._thread_id, self._seconds
        choices = dict(chosen or {})

        def asked(app: "App", stop: Stop, report: Any, held: Held) -> tuple[Answer, str]:
            app.begin()
            return work.ask(
                app, held, stop, report, question, model=model, thread_id=thread_id, seconds=seconds, chosen=choices
            )

        def done(found: tuple[Answer, str]) -> None:
            answer, self._thread_id = found
            self._add(answer, replaces=self._is_asked_back())

        self._begin("asking", asked, done, text("The model writes the query…"))

    def ask_of(self, question: str, paths: Sequence[str] = ()) -> None:
        """From elsewhere, such as a chat: of these files, or of those that are open or were open last."""
        if paths and list(paths) != self._paths():
            self.open(paths)
        elif self._held is None and self._opening is None:
            self.refresh()
        self.ask(question)

    def choose_meaning(self, said: str, choice: str) -> None:
        """One of the things that a question may mean, "" for any of them; when all are chosen it is asked again."""
        shown = self.state.shown
        if shown is None or not shown.choices:
            return
        choices = tuple(replace(one, chosen=choice) if one.said == said else one for one in shown.choices)
        self._put(replace(shown, choices=choices))
        chosen = {one.said: one.chosen for one in choices if one.chosen is not None}
        if len(chosen) == len(choices):
            self.ask(shown.question, chosen)

    def run(self, sql: str, *, question: str = "", more_time: bool = False, all_rows: bool = False) -> None:
        """The statement as it stands in the field. Where nothing is shown yet, it answers that question."""
        sql = sql.strip()
        if not sql:
            return
        if more_time:
            self._seconds = MORE_SECONDS
        seconds, shown = self._seconds, self.state.shown
        question = shown.question if shown is not None else question.strip()
        n_rows = work.ALL_ROWS if all_rows else work.MAX_ROWS
        is_same = shown is not None and shown.sql == sql
        given = {one.name: one.value for one in self.state.parameters if one.value}
        if is_same and shown is not None and not self.state.parameters:
            given = dict(shown.given)

        thread_id = "" if is_same or given else self._thread_id

        def ran(app: "App", stop: Stop, _report: Any, held: Held) -> Answer:
            follow = work.follower(app, thread_id) if thread_id else None
            return work.run(held, stop, question, sql, seconds=seconds, max_rows=n_rows, given=given, follow=follow)

        def done(answer: Answer) -> None:
            if is_same and shown is not None:
                answer = replace(answer, is_own=shown.is_own, kept_id=shown.kept_id, unclear=shown.unclear)
            else:
                answer = replace(answer, is_own=True)
            self._add(answer, replaces=shown is not None)

        self._begin("running", ran, done, text("The rows are read…"))

    def look_at_parameters(self, sql: str) -> None:
        """Which fields the statement in the field needs; values that were filled in stay."""
        from rushlight.assistant.sql.parameters import names_in

        held = self._held
        try:
            names = names_in(sql) if held is not None else ()
        except Error:
            names = ()  # told when it is run
        if not names or held is None:
            self._change(parameters=())
            return
        if names == tuple(one.name for one in self.state.parameters):
            return
        shown = self.state.shown
        filled = dict(shown.given) if shown is not None else {}
        filled |= {one.name: one.value for one in self.state.parameters if one.value}

        def found(rows: tuple[ParameterRow, ...]) -> None:
            if self._held is held:
                self._change(parameters=tuple(replace(one, value=filled.get(one.name, "")) for one in rows))

        self._background.task(lambda _app, stop: work.parameter_rows(held, stop, sql), found, lambda _err: None)

    def give(self, name: str, value: str) -> None:
        """The value of a parameter."""
        self._change(
            parameters=tuple(replace(one, value=value) if one.name == name else one for one in self.state.parameters)
        )

    def look_into(self, place: str) -> None:
        """The first rows of a table, named as a statement writes it."""
        if self.new_thread():
            self.run(f"SELECT * FROM {place} LIMIT {LOOKED_AT}")

    def show_question(self, at: int) -> None:
        """Another one of the thread; one of an earlier thread is run again."""
        if not 0 <= at < len(self.state.thread) or self._running is not None:
            return
        self._change(at=at, advice=AdviceRow(), notice="")
        shown = self.state.shown
        if shown is None:
            return
        if shown.is_stored:
            self.run(shown.sql)
        else:
            self._look_at_plan(shown)

    def new_thread(self) -> bool:
        """The next question follows none. False: something runs, which is told; the thread stays until that is over."""
        if self._must_wait():
            return False
        self._thread_id = ""
        self._change(thread=(), at=-1, advice=AdviceRow(), parameters=(), notice="")
        return True

    def show_saved(self, paths: Sequence[str], question: str, sql: str, given: Mapping[str, str]) -> None:
        """A saved question, opened to be looked at and changed; its files are opened where others are."""
        if list(paths) != self._paths():
            self.open(paths)

        def show() -> None:
            if not self.new_thread():
                return
            answer = Answer(question, sql, given=tuple(given.items()), is_own=True, is_stored=True)
            self._change(thread=(answer,), at=0, parameters=())
            self.run(sql)

        if self._opening is not None:
            self._waiting = show
        else:
            show()

    def open_thread(self, thread_id: str) -> None:
        """Go on with questions asked earlier."""
        held = self._held
        if held is None or self._running is not None:
            return

        def found(answers: tuple[Answer, ...]) -> None:
            if self._held is held and answers and self._running is None:
                self._thread_id = thread_id
                self._change(thread=answers[-MAX_THREAD:], at=-1)
                self.show_question(len(self.state.thread) - 1)

        self._background.read(lambda app: work.thread_answers(app, held.database, thread_id), found, self._refused)

    def forget_thread(self, thread_id: str) -> None:
        held = self._held
        if held is not None:
            self._background.read(lambda app: work.forget_thread(app, held.database, thread_id),
                                  lambda _done: self._read_stored(), self._refused)  # fmt: skip

    def choose_model(self, model_id: str) -> None:
        """The model that writes the queries; "" = the catalogue's default."""
        self._remembered.set("sql_model", model_id)
        self._change(model=model_id)
        self._read_stored()

    def choose_chart(self, kind: str) -> None:
        """Another kind of chart for the shown rows; "" for none."""
        shown = self.state.shown
        if shown is not None:
            self._put(replace(shown, chart=next((one for one in shown.charts if one.kind == kind), None)))

    # --- what is learnt -----------------------------------------------------------------------------------------
    def keep(self) -> None:
        """The shown pair of question and statement is right: it teaches the next ones."""
        shown = self.state.shown
        if shown is None or shown.result is None or shown.kept_id:
            return
        if not shown.question.strip():
            self._refused(Error(text("There is no question that this statement answers."),
                                hint=text("Write the question above it, then keep both.")))  # fmt: skip
            return

        def kept(app: "App", stop: Stop, _report: Any, held: Held) -> str:
            return work.keep(app, held, stop, shown)

        def done(example_id: str) -> None:
            now = self.state.shown
            if now is not None and (now.question, now.sql) == (shown.question, shown.sql):
                self._put(replace(now, kept_id=example_id))
            self._change(notice=text("Kept: the same question is answered so, and others learn from it."))
            self._read_stored()

        self._begin("keeping", kept, done)

    def keep_as(self, question: str) -> None:
        """Keep the shown statement for that question."""
        shown = self.state.shown
        if shown is not None and question.strip():
            self._put(replace(shown, question=question.strip()))
            self.keep()

    def forget(self, example_id: str) -> None:
        """An example less: it teaches nothing from now on."""
        held = self._held
        if held is None:
            return

        def done(_done: object) -> None:
            thread = tuple(replace(one, kept_id="") if one.kept_id == example_id else one for one in self.state.thread)
            self._change(thread=thread, notice=text("The example is forgotten."))
            self._read_stored()

        self._background.read(lambda app: work.forget(app, held.database, example_id), done, self._refused)

    def advise(self) -> None:
        """Try on a copy which index would make the shown statement faster."""
        shown = self.state.shown
        if shown is None or not shown.sql:
            return

        def done(found: AdviceRow) -> None:
            if self.state.shown is shown:
                self._change(advice=found)

        self._begin("advising", lambda app, stop, _report, held: work.advise(app, held, stop, shown.sql), done,
                    text("Indexes are tried on a copy…"))  # fmt: skip

    def export(self, path: Path, *, replace_it: bool = True) -> None:
        """All rows of the shown statement, not only those that are shown; as .svg or .png the chart. `replace_it`: over
        a file of that name, which the user was asked."""
        shown = self.state.shown
        if shown is None or shown.result is None:
            return

        if path.suffix.lower() in PICTURES:
            png_of = self.png_of

            def drawn(_done: object) -> None:
                self._change(notice=text("The chart was written to {file}.", file=plain_line(path.name)))

            self._begin("exporting", lambda *_given: work.draw(shown, path, png_of, replace_it=replace_it), drawn)
            return

        def done(n_rows: int) -> None:
            said = plural("{count} row was written to {file}.", "{count} rows were written to {file}.", n_rows,
                          file=plain_line(path.name))  # fmt: skip
            self._change(notice=said)

        self._begin(
            "exporting",
            lambda _app, stop, _report, held: work.export(held, stop, shown, path, replace_it=replace_it),
            done,
            text("The rows are written…"),
        )

    # --- inside -------------------------------------------------------------------------------------------------
    def _look_at_plan(self, answer: Answer) -> None:
        held = self._held
        if held is None or answer.result is None or answer.result.seconds <= 0:
            return

        def found(advice: AdviceRow) -> None:
            if self.state.shown is answer and self._held is held and not self.state.advice.phase:
                self._change(advice=advice)

        self._background.task(lambda _app, stop: work.scans(held, stop, answer.sql), found, lambda _err: None)

    def _is_asked_back(self) -> bool:
        shown = self.state.shown
        return shown is not None and bool(shown.choices)

    def _add(self, answer: Answer, *, replaces: bool) -> None:
        """At the end of the thread, or in place of the shown one."""
        thread, at = list(self.state.thread), self.state.at
        if replaces and 0 <= at < len(thread):
            thread[at] = answer
        else:
            thread.append(answer)
            thread = thread[-MAX_THREAD:]
            at = len(thread) - 1
        self._change(thread=tuple(thread), at=at, advice=AdviceRow())
        self._look_at_plan(answer)

    def _put(self, answer: Answer) -> None:
        """In place of the shown one."""
        thread, at = list(self.state.thread), self.state.at
        if 0 <= at < len(thread):
            thread[at] = answer
            self._change(thread=tuple(thread))
