"""The head of the SQL page: the question as its title, the model, and what can be done with an answer.

Knows states of the desk; what is pressed is said by signals.
"""

from functools import partial

from PySide6.QtCore import QPoint, Signal
from PySide6.QtWidgets import QMenu, QWidget

from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.desk.sql_values import SqlState
from rushlight.ui.gui.chat.elided import ElidedButton
from rushlight.ui.gui.pages.parts import PageHead
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import Chip, button, label
from rushlight.ui.words import text

_TITLE_CHARS = 200


class SqlHead(PageHead):
    """head.show_state(state)"""

    tables_pressed = Signal()
    model_pressed = Signal()
    keep_pressed = Signal()
    unkeep_pressed = Signal()
    export_wanted = Signal(str)  # the ending of the file
    save_pressed = Signal()
    view_pressed = Signal(str)  # ask or saved

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, text("SQL"), parent, elided=True)
        self._view = "ask"
        self.tables = Chip(theme, text("Tables"), icon_name="panel-left", on_click=self.tables_pressed.emit)
        self.model = ElidedButton("", min_chars=10)
        self.model.setProperty("role", "chip")
        self.model.clicked.connect(lambda _checked=False: self.model_pressed.emit())
        self.adapter = label("", "chip-accent")
        self.keep = button(text("Keep as example"), self.keep_pressed.emit)
        self.kept = Chip(theme, text("Kept as example"), icon_name="check", on_click=self.unkeep_pressed.emit)
        self.kept.setAccessibleDescription(text("A press forgets it again."))
        self.export = button(f"{text('Export')} ▾", self.open_export)
        self.export.setAccessibleName(text("Export"))
        self.export_menu = QMenu(self.export)
        self.export_menu.setAccessibleName(text("Export"))
        for words, ending in (
            (text("All rows as CSV…"), ".csv"),
            (text("All rows as TSV…"), ".tsv"),
            (text("All rows as Markdown…"), ".md"),
            (text("All rows as Parquet…"), ".parquet"),
        ):
            self.export_menu.addAction(words, partial(self.export_wanted.emit, ending))
        self.export_menu.addSeparator()
        self._pictures = [
            self.export_menu.addAction(words, partial(self.export_wanted.emit, ending))
            for words, ending in ((text("The chart as SVG…"), ".svg"), (text("The chart as PNG…"), ".png"))
        ]
        self.views = {
            "ask": Chip(theme, text("Questions"), on_click=lambda: self.view_pressed.emit("ask")),
            "saved": Chip(theme, text("Saved"), on_click=lambda: self.view_pressed.emit("saved")),
        }
        self.save = button(text("Save…"), self.save_pressed.emit)
        tabs: tuple[QWidget, ...] = (*self.views.values(), self.tables, self.model, self.adapter)
        for tab in tabs:
            self.add_tab(tab)
        for widget in (self.kept, self.keep, self.save, self.export):
            self.add(widget)

    def show_view(self, view: str) -> None:
        """Which of the two is shown."""
        self._view = view
        for name, chip in self.views.items():
            chip.set_accent(name == view)
            chip.setAccessibleDescription(text("This page") if name == view else text("Goes to that page"))

    def show_state(self, state: SqlState) -> None:
        shown = state.shown
        is_asked = self._view == "ask"
        title = shown.question if shown is not None and shown.question else state.title or text("SQL")
        self.title.setText(plain_line(title)[:_TITLE_CHARS] if is_asked else text("Saved questions"))
        self.title.setMinimumWidth(min(self._theme.px(180), self.title.sizeHint().width()))
        model = state.model.rpartition("/")[2].partition("@")[0] if state.model else text("Default model")
        self.model.set_words(plain_line(model))
        self.model.setAccessibleName(text("Model: {model}", model=plain_line(model)))
        has_rows = shown is not None and shown.result is not None and is_asked
        self.model.setVisible(is_asked)
        self.adapter.setText(f"✦ {plain_line(state.adapter)[:40]}")
        self.adapter.setToolTip(text("Taught for these tables or practised, and promoted"))
        self.adapter.setAccessibleName(text("Adapter: {adapter}", adapter=plain_line(state.adapter)))
        self.adapter.setVisible(is_asked and bool(state.adapter))
        self.save.setVisible(has_rows)
        is_kept = shown is not None and bool(shown.kept_id)
        had_focus = self.keep.hasFocus() or self.kept.hasFocus()
        self.keep.setVisible(has_rows and not is_kept and shown is not None and not shown.given)
        self.kept.setVisible(has_rows and is_kept)
        self.export.setVisible(has_rows)
        for one in (self.keep, self.save, self.export):
            one.setEnabled(not state.busy)
        if had_focus and has_rows:
            (self.kept if is_kept else self.keep).setFocus()
        for action in self._pictures:
            action.setEnabled(shown is not None and shown.chart is not None)

    def open_export(self) -> None:
        """As which kind of file?"""
        self.export_menu.popup(self.export.mapToGlobal(QPoint(0, self.export.height())))
