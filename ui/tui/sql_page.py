"""The SQL page of the terminal app: files, a thread of questions with statement, rows and chart. Draws `SqlDesk`."""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from rushlight.assistant.paths import with_home
from rushlight.assistant.safety.plain import plain_line
from rushlight.assistant.sql.addresses import is_address
from rushlight.ui.desk.actions import actions
from rushlight.ui.desk.sql_desk import SqlDesk
from rushlight.ui.desk.sql_saved_values import SavedCard
from rushlight.ui.desk.sql_schema import narrowed
from rushlight.ui.desk.sql_values import SqlState
from rushlight.ui.tui.desk_views import Later
from rushlight.ui.tui.panel import ChoicePanel, LinePanel, ReadPanel, TextPanel, is_there, replace_panel
from rushlight.ui.tui.row_list import RowList, row
from rushlight.ui.tui.sql_page_rows import page_rows, row_text
from rushlight.ui.tui.sql_page_saved import SavedPart, ask_value, saved_rows
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.ui.tui.frame import Frame

_OWN = {
    "a": "ask", "t": "tables", "h": "threads", "c": "chart", "l": "examples", "g": "given", "b": "board",
    "x": "dismiss", "delete": "remove", "u": "rename",
}  # fmt: skip


class SqlPage(Vertical):
    """Has a `SqlDesk` of its own, and beside it the desk of what was saved."""

    DEFAULT_CSS = """
    SqlPage { padding: 0 1; background: $background; }
    SqlPage > #sql-title { text-style: bold; color: $accent; height: 1; padding: 0 1; }
    SqlPage > #sql-state { height: auto; max-height: 3; padding: 0 1; color: $muted; }
    SqlPage > #sql-keys { height: auto; max-height: 3; padding: 0 1; color: $muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(",".join(one.terminal_keys), f"order('{one.id}')", show=False)
            for one in actions()
            if one.scope == "sql" and one.terminal_keys
        ),
        *(Binding(key, f"order('{order}')", show=False) for key, order in _OWN.items()),
    ]

    def __init__(self, frame: "Frame") -> None:
        super().__init__(id="sql")
        self.frame = frame
        self.desk = SqlDesk(frame.background, frame.remembered, Later(self.draw))
        self.saved = SavedPart(frame, self._draw_now, self._open_card)
        self._shows_saved = self._shows_tables = False
        self._drawn = ""  # the notice that was told last
        self._title = Static(id="sql-title")
        self._state = Static(id="sql-state")
        self._list = RowList(id="sql-list")

    def compose(self) -> ComposeResult:
        yield self._title
        yield self._list
        yield self._state
        keys = text(
            "A: ask · R: statement · O: open · T: tables · N: new thread · H: earlier ones · K: keep · S: save · "
            "V: saved · C: chart · E: export · I: index · M: model · G: values · L: examples · D: read again · "
            "Esc: stop"
        )
        yield Static(Content(keys), id="sql-keys")

    def on_mount(self) -> None:
        self.draw(self.desk.state)

    def on_unmount(self) -> None:
        self.desk.close()
        self.saved.desk.close()

    def on_hide(self) -> None:
        self.desk.rest()
        self.saved.desk.rest()

    def take_focus(self) -> None:
        self._list.focus()
        self.desk.refresh()
        if self._shows_saved:
            self.saved.desk.refresh()

    # --- what is shown ------------------------------------------------------------------------------------------
    def draw(self, state: SqlState) -> None:
        """The state of the desk."""
        if self._shows_saved:
            self._title.update(Content(text("Saved questions and dashboards")))
            self._list.show_rows(saved_rows(self.saved.state))
        else:
            name = plain_line(state.title)
            self._title.update(Content(text("SQL · {files}", files=name) if name else text("SQL")))
            tables = self._shows_tables and state.is_open
            self._list.show_rows(page_rows(_without_answer(state) if tables else state))
        self._state.update(Content("\n").join([Content.assemble(*line) for line in self._state_lines(state)]))
        notice = (self.saved.state.notice if self._shows_saved else "") or state.notice
        if notice and notice != self._drawn:
            self.frame.tell(plain_line(notice), "good")
        self._drawn = notice

    def _state_lines(self, state: SqlState) -> list[list[tuple[str, str]]]:
        """What runs, and what went wrong."""
        lines: list[list[tuple[str, str]]] = []
        if state.busy:
            share = "" if state.fraction is None else f" {state.fraction:.0%}"
            lines.append([(f"{plain_line(state.progress)}{share}", "$foreground"), (text("  Esc: stop"), "$muted")])
        for problem, hint in ((state.problem, state.hint), (self.saved.state.problem, self.saved.state.hint)):
            if problem:
                lines.append([(f"✗ {plain_line(problem)}", "$bad"), (f" {plain_line(hint)}", "$muted")])
        return lines

    def _draw_now(self) -> None:
        self.draw(self.desk.state)

    # --- what is done -------------------------------------------------------------------------------------------
    def action_order(self, order: str) -> None:
        self.do(order)

    def do(self, action_id: str) -> None:
        """An action of the page."""
        desk, order = self.desk, action_id.removeprefix("sql.")
        if order in ("open", "add"):
            self._ask_files(desk.open if order == "open" else desk.add)
        elif order == "saved":
            self._turn(saved=not self._shows_saved)
        elif order in ("stop", "dismiss"):
            self._leave(order)
        elif self._shows_saved and order in ("board", "remove", "rename", "run", "given"):
            self._on_saved(order)
        elif not desk.state.is_open:
            self.frame.tell(text("Nothing is open: O opens databases, spreadsheets or CSV files."))
        elif order in ("reload", "new", "advise", "tables", "ask", "find"):
            self._on_files(order)
        else:
            self._on_answer(order)

    def _leave(self, order: str) -> None:
        if self.desk.state.busy:
            self.desk.stop()
        elif self.saved.state.is_running:
            self.saved.desk.stop()
        elif self._shows_saved and order == "stop":
            self._turn(saved=False)
        else:
            self.desk.dismiss()
            self.saved.desk.dismiss()

    def _on_saved(self, order: str) -> None:
        key = self._list.chosen
        match order:
            case "board":
                self.saved.put_on(key)
            case "remove":
                self.saved.remove(key)
            case "rename":
                self.saved.rename(key)
            case _:
                self.saved.desk.run()

    def _on_files(self, order: str) -> None:
        self._turn(saved=False)
        match order:
            case "reload":
                self.desk.reload()
            case "new":
                self.desk.new_thread()
            case "advise":
                self.desk.advise()
            case "tables":
                self._shows_tables = not self._shows_tables
                self._draw_now()
            case "find":
                self._ask_table()
            case _:
                self._ask_question()

    def _on_answer(self, order: str) -> None:
        state = self.desk.state
        asks: dict[str, Callable[[], None]] = {
            "run": self._ask_statement, "model": self._ask_model, "threads": self._ask_thread,
            "examples": self._ask_example, "given": self._ask_given,
        }  # fmt: skip
        with_rows: dict[str, Callable[[], None]] = {
            "keep": self._keep, "save": self._ask_name, "export": self._ask_target, "chart": self._ask_chart,
        }  # fmt: skip
        if order in asks:
            asks[order]()
        elif order in with_rows and state.shown is not None and state.shown.result is not None:
            with_rows[order]()
        elif order in with_rows:
            self.frame.tell(text("There are no rows yet."))

    @on(RowList.Highlighted)
    def _highlighted(self, event: RowList.Highlighted) -> None:
        event.stop()

    @on(RowList.Chosen)
    def _chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        if self._shows_saved:
            self.saved.chosen(event.key)
            return
        kind, _, rest = event.key.partition(":")
        state, desk = self.desk.state, self.desk
        match kind:
            case "ask":
                self._ask_question()
            case "open":
                self.do("sql.open")
            case "recent":
                desk.open(state.recent[int(rest)].paths)
            case "table":
                self._shows_tables = False
                desk.look_into(rest)
            case "at":
                desk.show_question(int(rest))
            case "choice":
                said, _, choice = rest.rpartition("=")
                desk.choose_meaning(said, choice)
            case "statement":
                self._ask_statement()
            case "more-time" if state.shown is not None:
                desk.run(state.shown.sql, more_time=True)
            case "all-rows" if state.shown is not None:
                desk.run(state.shown.sql, all_rows=True)
            case "row" if state.shown is not None and state.shown.result is not None:
                self.frame.ask(ReadPanel(text("Row {n}", n=int(rest) + 1), row_text(state.shown.result, int(rest))))
            case "other" if state.shown is not None:
                desk.run(state.shown.others[int(rest)].sql)
            case "advice":
                self._show_advice()

    # --- what is asked ------------------------------------------------------------------------------------------
    def _ask_files(self, then: Callable[[Sequence[str]], None]) -> None:
        def typed(words: str) -> None:
            try:
                files = shlex.split(words)
            except ValueError:
                files = [words.strip()]
            if files:
                self._turn(saved=False)
                then([one if is_address(one) else str(with_home(one)) for one in files])

        hint = text("Several with blanks between, or quotes around names with blanks · Enter: open · Esc: leave")
        self.frame.ask(LinePanel(text("Which databases, spreadsheets or CSV files?"), typed, hint=hint))

    def _ask_question(self, typed: str = "") -> None:
        placeholder = text("How many … are there?") if not self.desk.state.thread else text("only 2024")
        title = text("What do you want to know?")
        self.frame.ask(LinePanel(title, self._asked, value=typed, placeholder=placeholder))

    def _asked(self, question: str) -> None:
        if question.strip() and self._must_wait():
            self._ask_question(question)
            return
        self._shows_tables = False
        self.desk.ask(question)

    def _ask_statement(self, written: str = "") -> None:
        shown, hint = self.desk.state.shown, text("Ctrl+S: run it · Esc: leave")

        def typed(sql: str) -> None:
            if sql.strip() and self._must_wait("opening"):
                self._ask_statement(sql)
                return
            self._shows_tables = False
            self.desk.look_at_parameters(sql)
            self.desk.run(sql)

        value = written or (shown.sql if shown is not None else "")
        self.frame.ask(TextPanel(text("The statement"), typed, value=value, hint=hint))

    def _must_wait(self, *more: str) -> bool:
        """Whether something runs, which is told: what was typed stays where it is until that is over. A question waits
        by itself while files are opened, a statement does not."""
        busy = self.desk.state.busy
        if not busy or (busy == "opening" and busy not in more):
            return False
        self.frame.tell(text("Opening…") if busy == "opening" else text("Wait for the answer, or stop it first."))
        return True

    def _ask_table(self) -> None:
        rows = [row(one.place, plain_line(one.name)) for one in narrowed(self.desk.state.tables, "")]
        self.frame.ask(ChoicePanel(text("Look into which table?"), rows, self.desk.look_into))

    def _ask_model(self) -> None:
        rows = [row("=", text("The usual model"), is_current=not self.desk.state.model)]
        for one in self.frame.models.state.rows:
            rows.append(row(f"={one.id}", plain_line(one.id), is_current=one.id == self.desk.state.model))
        self.frame.ask(
            ChoicePanel(text("Which model writes the queries?"), rows, lambda key: self.desk.choose_model(key[1:]))
        )

    def _ask_thread(self) -> None:
        threads = self.desk.state.threads
        if threads:
            rows = [row(one.id, plain_line(one.title)) for one in threads]
            self.frame.ask(ChoicePanel(text("Go on with which questions?"), rows, self.desk.open_thread))
        else:
            self.frame.tell(text("Nothing else has been asked of it."))

    def _ask_example(self) -> None:
        examples = self.desk.state.examples
        if examples:
            rows = [row(one.id, f"{plain_line(one.question)}  {plain_line(one.sql)}") for one in examples]
            self.frame.ask(ChoicePanel(text("Examples that were kept. Enter forgets one."), rows, self.desk.forget))
        else:
            self.frame.tell(text("Nothing has been kept for it: K keeps the shown question with its statement."))

    def _ask_given(self) -> None:
        rows = [row(one.name, f":{one.name} = {plain_line(one.value)}") for one in self.desk.state.parameters]
        if not rows:
            self.frame.tell(text("The statement has no parameters; they are written :name."))
            return

        def chosen(name: str) -> None:
            found = next(one for one in self.desk.state.parameters if one.name == name)
            ask_value(self.frame, found, lambda value: self._give(name, value))

        self.frame.ask(ChoicePanel(text("Which value?"), rows, chosen))

    def _give(self, name: str, value: str) -> None:
        self.desk.give(name, value)
        shown = self.desk.state.shown
        if shown is not None and all(one.value for one in self.desk.state.parameters):
            self.desk.run(shown.sql)

    def _ask_chart(self) -> None:
        shown = self.desk.state.shown
        names = {"bar": text("Bars"), "line": text("A line"), "scatter": text("Points"),
                 "histogram": text("A histogram")}  # fmt: skip
        now = shown.chart.kind if shown is not None and shown.chart is not None else ""
        kinds = [one.kind for one in shown.charts] if shown is not None else []
        rows = [row("=", text("No chart"), is_current=not now)]
        rows += [row(f"={kind}", names[kind], is_current=kind == now) for kind in kinds]
        self.frame.ask(ChoicePanel(text("Which chart?"), rows, lambda key: self.desk.choose_chart(key[1:])))

    def _ask_target(self) -> None:
        hint = text(".csv, .tsv, .md or .parquet for all rows, .svg for the chart · Enter: write · Esc: leave")

        def typed(words: str) -> None:
            path = with_home(words.strip().strip("'\""))
            if not words.strip():
                return
            if is_there(path):
                self.frame.ask(replace_panel(path, lambda: self.desk.export(path)))
            else:
                self.desk.export(path, replace_it=False)

        self.frame.ask(LinePanel(text("Write the rows to which file?"), typed, hint=hint))

    def _ask_name(self) -> None:
        shown, held = self.desk.state.shown, self.desk.held
        if shown is None or held is None:
            return

        def typed(name: str) -> None:
            if name.strip():
                self.saved.desk.save(held, shown, name, then=lambda err: self._saved(err, name))

        self.frame.ask(LinePanel(text("Save the question under which name?"), typed, value=plain_line(shown.question)))

    def _saved(self, err: Exception | None, name: str) -> None:
        if err is None:
            self.frame.tell(text("Saved as {name}.", name=plain_line(name)), "good")
        else:
            self.frame.tell(f"✗ {plain_line(str(err))}", "bad")

    def _keep(self) -> None:
        shown = self.desk.state.shown
        if shown is not None and not shown.question.strip():
            self.frame.ask(LinePanel(text("Which question does the statement answer?"), self.desk.keep_as))
        else:
            self.desk.keep()

    def _show_advice(self) -> None:
        advice = self.desk.state.advice
        if advice.phase == "scans":
            self.desk.advise()
        else:
            shown = "\n".join(part for part in (advice.words, advice.statement, "", *advice.lines))
            self.frame.ask(ReadPanel(text("How the statement is run"), shown))

    def _turn(self, *, saved: bool) -> None:
        """To what was saved, or back."""
        if saved != self._shows_saved:
            self._shows_saved = saved
            if saved:
                self.saved.desk.refresh()
            else:
                self.saved.desk.rest()
            self._draw_now()

    def _open_card(self, card: SavedCard) -> None:
        self._turn(saved=False)
        given = {one.name: one.value for one in card.parameters if one.value} | dict(card.given)
        self.desk.show_saved(card.files, card.question, card.sql, given)


def _without_answer(state: SqlState) -> SqlState:
    """The tables in place of the shown answer."""
    return replace(state, thread=(), at=-1)
