"""The page of databases: files and tables at the left, a thread of questions, each with statement, rows and chart.

Knows the SQL desk and its cards. Nothing that is asked here can write to a file that was opened.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QHideEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from rushlight import Error
from rushlight.ui.desk.models_desk import ModelsDesk, ModelsState
from rushlight.ui.desk.sql_desk import SqlDesk
from rushlight.ui.desk.sql_saved_values import SavedCard
from rushlight.ui.desk.sql_values import Answer, SqlState
from rushlight.ui.gui.chat.model_picker import ModelPicker
from rushlight.ui.gui.page import Frame
from rushlight.ui.gui.pages.parts import PageColumn, View
from rushlight.ui.gui.pages.showing import shows_items
from rushlight.ui.gui.sql.answer_card import RowsPart, StatementPart
from rushlight.ui.gui.sql.files_page import FilesPage
from rushlight.ui.gui.sql.head import SqlHead
from rushlight.ui.gui.sql.opening_card import OpeningCard
from rushlight.ui.gui.sql.question_card import ChoicesCard, QuestionField, ThreadLine
from rushlight.ui.gui.sql.save_panel import SavePanel
from rushlight.ui.gui.sql.saved_view import SavedView
from rushlight.ui.gui.sql.side_cards import AdviceCard, ExamplesCard, ThreadsCard
from rushlight.ui.gui.sql.source_column import SourceColumn
from rushlight.ui.gui.sql.start_part import StartPart
from rushlight.ui.gui.svg_png import png_of
from rushlight.ui.gui.widgets import EmptyState, ErrorPanel, label
from rushlight.ui.words import text

_SIDE, _NARROW = 264, 820  # unscaled pixels: the left column; below, it stands in the page's place when asked for


class SqlPage(FilesPage):
    """Made once a window, when it is first shown."""

    def __init__(self, frame: Frame, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._frame = frame
        self._theme = theme = frame.theme
        self._is_side_wanted = False
        self._view = "ask"
        self._models: ModelsDesk | None = None
        self._to_save: tuple[tuple[str, ...], Answer] | None = None  # files, and what was shown of them
        self.setAccessibleName(text("SQL"))
        self.desk = SqlDesk(frame.background, frame.remembered, View(self.show_state))
        self.desk.png_of = png_of
        self._make_head()
        self.side = SourceColumn(theme, self.desk, self.open_files, self.add_files)
        self.side.tree.named.connect(self._insert_name)
        self._column = PageColumn(theme, text("SQL"), width=1240)
        self.problem = ErrorPanel(theme, on_dismiss=self.desk.dismiss)
        self.opening = OpeningCard(theme, self.desk)
        self.side.ask_server = self.opening.ask_address
        self.empty = EmptyState(
            theme,
            text("Ask your data in your own words"),
            text("Open a database, a spreadsheet or a CSV file. A model on this machine writes the query; you see it, "
                 "its rows and what it does. Nothing can be written to what you open."),
            [(text("Open files…"), self.open_files)],
            icon_name="database",
        )  # fmt: skip
        self.no_tables = EmptyState(
            theme, text("There are no tables in it"), text("Open another file, or add one beside it."),
            [(text("Open files…"), self.open_files), (text("Add files beside…"), self.add_files)], icon_name="database",
        )  # fmt: skip
        self.thread_line = ThreadLine(theme, self.desk)
        self.question = QuestionField(theme, self.desk, self.new_thread)
        self.progress = label("", "small", wrap=True)
        self.choices = ChoicesCard(theme, self.desk.choose_meaning)
        self.statement = StatementPart(theme, self.desk)
        self.save_panel = SavePanel(theme, self._save, lambda: self.head.save.setFocus())
        self.saved = SavedView(theme, frame.background, frame.remembered, self._open_saved,
                               lambda said: frame.tell(said, "good"))  # fmt: skip
        self.statement.question = lambda: self.question.field.text()
        self.rows = RowsPart(theme, self.desk)
        self.start = StartPart(theme, self.desk.look_into)
        self.advice = AdviceCard(theme, self.desk, lambda said: frame.tell(said, "good"))
        self.examples = ExamplesCard(theme, self.desk, self._show_example)
        self.earlier = ThreadsCard(theme, self.desk)
        cards: tuple[QWidget, ...] = (
            self.problem, self.opening, self.empty, self.no_tables, self.save_panel, self.thread_line, self.question,
            self.progress, self.choices, self.statement, self.start, self.rows, self.advice, self.examples,
            self.earlier,
        )  # fmt: skip
        for widget in cards:
            self._column.body.addWidget(widget)
        self._lay_out()
        self.picker = ModelPicker(theme, self)
        self.picker.chosen.connect(self._choose_model)
        self.picker.manage.connect(lambda: frame.show_page("models"))
        self.picker.closed.connect(self.question.field.setFocus)
        self._bind()
        shows_items(frame, "sql", self._show_item)
        theme.changed.connect(self._dress)
        self._dress()
        self.show_state(self.desk.state)

    # --- the view -----------------------------------------------------------------------------------------------
    def show_state(self, state: SqlState) -> None:
        shown = state.shown
        self.side.show_state(state)
        self.head.show_state(state)
        if state.problem:
            self.problem.show_problem(state.problem, state.hint, self._ways_out(state))
        else:
            self.problem.hide()
        self.opening.show_state(state)
        self.empty.setVisible(not state.is_open and state.busy != "opening")
        self.no_tables.setVisible(state.is_empty and not state.busy)
        was_asked = self.question.isVisible()
        parts: tuple[QWidget, ...] = (self.question, self.statement)
        for widget in parts:
            widget.setVisible(state.is_open and bool(state.tables))
        self.thread_line.show_thread(state.thread, state.at)
        self.question.show_state(state)
        running = bool(state.busy) and state.busy != "opening"
        part = "" if state.fraction is None else f" {state.fraction:.0%}"
        self.progress.setText(f"{state.progress}{part}" if running else "")
        self.progress.setVisible(running and bool(state.progress))
        self.choices.show_choices(shown.choices if shown is not None else ())
        self.statement.show_state(state)
        self.rows.show_answer(shown)
        self.rows.setVisible(shown is not None and not shown.choices)
        self.start.show_state(state)
        self.advice.show_state(state)
        self.examples.show_state(state)
        self.earlier.show_state(state)
        if self.question.isVisible() and not was_asked and not self.isAncestorOf(self.window().focusWidget() or self):
            self.question.field.setFocus(Qt.FocusReason.OtherFocusReason)  # it came with the files
        if state.notice:
            self._frame.tell(state.notice, "good")
            self.desk.dismiss_notice()

    def _ways_out(self, state: SqlState) -> list[tuple[str, Callable[[], None]]]:
        """Buttons that may help with the problem."""
        if state.problem_kind in ("no-model", "model-not-found", "model-missing"):
            return [(text("Choose the model"), self.choose_model), (text("Get a model…"), self._get_model)]
        if state.problem_kind in ("no-file", "nothing-open", "unknown-file", "file-empty"):
            return [(text("Open files…"), self.open_files)]
        if state.problem_kind == "worker-died" and state.is_open:  # the model's process, or the one that reads
            return [(text("Ask again"), self.question.ask), (text("Open it again"), self.desk.reload)]
        return []

    # --- what can be done ---------------------------------------------------------------------------------------
    def ask(self, question: str, paths: Sequence[str] = ()) -> None:
        """From the composer: ask this of the files that are open, or of these."""
        self.show_view("ask")
        self.question.fill(question)
        self.desk.ask_of(question, paths)

    def choose_model(self) -> None:
        """The list under the model's chip."""
        if self._models is None:
            self._models = ModelsDesk(self._frame.background, _PickerView(self.picker))
        self._models.refresh()
        self.picker.open_under(self.head.model, self.desk.state.model)

    def keep(self) -> None:
        """The pair of question and statement is right. A statement without a question takes that of the field."""
        shown = self.desk.state.shown
        if shown is not None and not shown.question and self.question.field.text().strip():
            self.desk.keep_as(self.question.field.text())
        else:
            self.desk.keep()

    def unkeep(self) -> None:
        shown = self.desk.state.shown
        if shown is not None and shown.kept_id:
            self.desk.forget(shown.kept_id)

    def run(self) -> None:
        """The statement as it stands; without one its field waits for it."""
        if self.statement.field.statement:
            self.statement.run()
        else:
            self.statement.field.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def new_thread(self) -> None:
        """The next question follows none."""
        if self.desk.new_thread():
            self.question.field.clear()
        self.question.field.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def export(self, ending: str) -> None:
        """All rows, or the chart, into a file that is asked for."""
        shown = self.desk.state.shown
        if shown is None:
            return
        name = "".join(letter if letter.isalnum() else "_" for letter in shown.question.lower())[:40].strip("_")
        target = self.ask_target(f"{name or 'rows'}{ending}", ending)
        if target:
            path = Path(target)
            named = path if path.suffix else path.with_name(path.name + ending)
            self.desk.export(named, replace_it=named == path)  # the dialog has asked about the name that was typed

    def open_save(self) -> None:
        """Under which name? In a panel above the question. What is shown now is saved, also if something else is shown
        by the time it has its name."""
        shown = self.desk.state.shown
        if shown is not None:
            self._to_save = (self._paths(), shown)
            self.saved.desk.refresh()
            self.save_panel.open(shown.question, self.saved.desk.state.dashboards)
            self._column.show_widget(self.save_panel)

    def show_view(self, view: str) -> None:
        """ask: questions and answers; saved: what was saved, and dashboards."""
        is_saved = view == "saved"
        self._view = view
        self.head.show_view(view)
        self._place_side()
        if is_saved:
            self.saved.desk.refresh()
            self.saved.take_focus()
        else:
            self.saved.desk.rest()
            self.question.field.setFocus(Qt.FocusReason.OtherFocusReason)
        self.head.show_state(self.desk.state)

    def toggle_saved(self) -> None:
        self.show_view("ask" if self._view == "saved" else "saved")

    def toggle_side(self) -> None:
        """The left column: hidden or shown; in a narrow page it takes the place of the rest."""
        if self._is_narrow():
            self._is_side_wanted = not self._is_side_wanted
        else:
            self._frame.remembered.set("sql_side_shown", not self._frame.remembered.get("sql_side_shown", True))
        self._place_side()

    def find_table(self) -> None:
        if not self.side.isVisible():
            self.toggle_side()
        self.side.take_focus()

    def escape(self) -> None:
        if self.picker.is_open:
            self.picker.close_picker()
        elif self.saved.desk.state.is_running:
            self.saved.desk.stop()
        elif not self.save_panel.isHidden():
            self.save_panel.close_panel()
        else:
            self.desk.stop()

    # --- inside -------------------------------------------------------------------------------------------------
    def _make_head(self) -> None:
        self.head = SqlHead(self._theme)
        self.head.tables_pressed.connect(self.toggle_side)
        self.head.model_pressed.connect(self.choose_model)
        self.head.keep_pressed.connect(self.keep)
        self.head.unkeep_pressed.connect(self.unkeep)
        self.head.export_wanted.connect(self.export)
        self.head.save_pressed.connect(self.open_save)
        self.head.view_pressed.connect(self.show_view)

    def _lay_out(self) -> None:
        self._right = QWidget()
        right = QVBoxLayout(self._right)
        right.setContentsMargins(0, 0, 0, 0)
        right.setSpacing(0)
        right.addWidget(self.head)
        right.addWidget(self._column, 1)
        right.addWidget(self.saved, 1)
        self.saved.hide()
        self.head.show_view("ask")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.side)
        row.addWidget(self._right, 1)

    def _bind(self) -> None:
        for action_id, slot in (
            ("sql.open", self.open_files),
            ("sql.add", self.add_files),
            ("sql.reload", self._of_open(self.desk.reload)),
            ("sql.run", self._of_open(self.run)),
            ("sql.new", self._of_open(self.new_thread)),
            ("sql.keep", self._of_rows(self.keep)),
            ("sql.export", self._of_rows(self.head.open_export)),
            ("sql.find", self._of_open(self.find_table)),
            ("sql.advise", self._of_rows(self.desk.advise)),
            ("sql.model", self.choose_model),
            ("sql.save", self._of_rows(self.open_save)),
            ("sql.saved", self.toggle_saved),
            ("sql.stop", self.escape),
            ("view.sidebar", self.toggle_side),
            ("app.focus-input", self.question.field.setFocus),
        ):
            self._frame.bind(action_id, slot, self)

    def _of_open(self, order: Callable[[], None]) -> Callable[[], None]:
        """What needs open files."""
        return lambda: order() if self.desk.state.is_open else self._frame.tell(text("Nothing is open."))

    def _of_rows(self, order: Callable[[], None]) -> Callable[[], None]:
        """What needs an answer with rows."""

        def ordered() -> None:
            shown = self.desk.state.shown
            if shown is not None and shown.result is not None:
                order()
            else:
                self._frame.tell(text("There are no rows yet."))

        return ordered

    def _save(self, name: str, dashboard: str, replace_it: bool, then: Callable[[Error | None], None]) -> None:
        """What was shown when the panel was opened, as long as its files are open: also where they were read again."""
        held, wanted = self.desk.held, self._to_save
        if held is None or wanted is None or wanted[0] != self._paths():
            then(Error(text("The files that it asks are not open any more."), kind="nothing-open"))
        else:
            self.saved.desk.save(held, wanted[1], name, dashboard=dashboard, replace_it=replace_it, then=then)

    def _paths(self) -> tuple[str, ...]:
        return tuple(one.path for one in self.desk.state.files)

    def _open_saved(self, card: SavedCard) -> None:
        self.show_view("ask")
        given = {one.name: one.value for one in card.parameters if one.value}
        self.desk.show_saved(card.files, card.question or card.name, card.sql, given)

    def _show_item(self, written: str) -> None:
        """A question from elsewhere; before it the files that it is about, a NUL after each."""
        *paths, question = written.split("\0")
        self.ask(question, paths)

    def _show_example(self, question: str) -> None:
        self.question.fill(question)
        self.question.field.setFocus(Qt.FocusReason.OtherFocusReason)

    def _insert_name(self, name: str) -> None:
        if self._is_narrow() and self._is_side_wanted:
            self.toggle_side()
        self.statement.field.insert_name(name)

    def _choose_model(self, model_id: str) -> None:
        self.desk.choose_model(model_id)

    def _get_model(self) -> None:
        self._frame.show_page("models")
        self._frame.run_action("models.get")

    # --- sizes --------------------------------------------------------------------------------------------------
    def _is_narrow(self) -> bool:
        return self.width() < self._theme.px(_NARROW)

    def _place_side(self) -> None:
        is_narrow = self._is_narrow()
        wanted = self._is_side_wanted if is_narrow else self._frame.remembered.get("sql_side_shown", True)
        wanted = wanted and self._view == "ask"
        if not wanted and self.side.isAncestorOf(self.focusWidget() or self):
            self.question.field.setFocus()
        self.side.setVisible(wanted)
        self.side.setMinimumWidth(0 if is_narrow else self._theme.px(_SIDE))
        self.side.setMaximumWidth(16777215 if is_narrow else self._theme.px(_SIDE))
        wanted_rest = not (is_narrow and wanted)
        self._column.setVisible(wanted_rest and self._view == "ask")
        self.saved.setVisible(wanted_rest and self._view == "saved")
        self.head.tables.set_accent(wanted)
        self.head.tables.setVisible(self._view == "ask" and (is_narrow or not wanted))

    def _dress(self) -> None:
        self._place_side()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place_side()
        if self.picker.is_open:
            self.picker.place(self.head.model)

    # --- events -------------------------------------------------------------------------------------------------
    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.desk.refresh()
        self.show_view(self._view)

    def hideEvent(self, event: QHideEvent) -> None:
        self.desk.rest()
        self.saved.desk.rest()
        super().hideEvent(event)

    def leave(self) -> None:
        if self._models is not None:
            self._models.close()
        self.saved.desk.close()
        self.desk.close()


class _PickerView:
    """The picker as the view of a models desk: a widget's own `show` is something else."""

    def __init__(self, picker: ModelPicker) -> None:
        self._picker = picker

    def show(self, state: ModelsState) -> None:
        self._picker.show_models(state)
