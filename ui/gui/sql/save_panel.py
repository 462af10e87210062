"""Saving a statement under a name: the name, and perhaps a dashboard. What was filled in becomes its defaults."""

from collections.abc import Callable, Sequence
from typing import Protocol

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QComboBox, QFormLayout, QLineEdit, QWidget

from rushlight import Error
from rushlight.assistant.safety.plain import plain, plain_line
from rushlight.ui.gui.chat.own_escape import own_escape
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import Card, FlowLayout, button, label
from rushlight.ui.words import text


class Saving(Protocol):
    """Whoever saves: (name, dashboard, whether one of this name gives way, what hears of the end)."""

    def __call__(self, name: str, dashboard: str, replace_it: bool, then: Callable[[Error | None], None]) -> None: ...


class SavePanel(Card):
    """panel.open(name, dashboards); Enter saves, Esc closes it."""

    def __init__(self, theme: Theme, save: Saving, on_close: Callable[[], None], parent: QWidget | None = None) -> None:
        super().__init__(theme, text("Save the question"), role="notice", parent=parent)
        self._theme = theme
        self._save = save
        self._on_close = on_close
        self._replaces = False
        self.name = QLineEdit()
        self.name.setAccessibleName(text("Name"))
        self.name.setMaxLength(80)
        self.dashboard = QComboBox()
        self.dashboard.setEditable(True)
        self.dashboard.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.dashboard.setAccessibleName(text("Dashboard"))
        field = self.dashboard.lineEdit()
        assert field is not None
        self.dashboard_field: QLineEdit = field
        self.dashboard_field.setPlaceholderText(text("none"))
        self.dashboard_field.setAccessibleName(text("Dashboard"))
        self._form_box = QWidget()
        form = QFormLayout(self._form_box)
        form.setContentsMargins(0, 0, 0, 0)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        form.addRow(label(text("Name"), "small"), self.name)
        form.addRow(label(text("Dashboard"), "small"), self.dashboard)
        hint = text("A word such as :year in the statement becomes a field, which is filled in whenever it is run.")
        self.problem = label("", "bad", wrap=True)
        self.save_button = button(text("Save"), self._press, "primary")
        self.cancel_button = button(text("Cancel"), self.close_panel)
        line = QWidget()
        flow = FlowLayout(line, spacing=10)
        flow.addWidget(self.save_button)
        flow.addWidget(self.cancel_button)
        for widget in (self._form_box, label(hint, "small", wrap=True), self.problem, line):
            self.body.addWidget(widget)
        self.name.textChanged.connect(lambda _text: self._look())
        for one in (self.name, self.dashboard_field):
            one.returnPressed.connect(self._press)
            one.installEventFilter(self)
            own_escape(one)
        self.hide()
        theme.changed.connect(self._dress_fields)
        self._dress_fields()

    def open(self, name: str, dashboards: Sequence[str], dashboard: str = "") -> None:
        self.name.setText(plain_line(name)[:80])
        self.dashboard.clear()
        self.dashboard.addItems([plain_line(one) for one in dashboards])
        self.dashboard_field.setText(plain_line(dashboard))
        self._look()
        self.show()
        self.name.setFocus(Qt.FocusReason.OtherFocusReason)
        self.name.selectAll()

    def close_panel(self) -> None:
        if not self.isHidden():
            self.hide()
            self._on_close()

    def _look(self) -> None:
        self._replaces = False
        self.problem.hide()
        self.save_button.setText(text("Save"))
        self.save_button.setEnabled(bool(self.name.text().strip()))

    def _press(self) -> None:
        if not self.save_button.isEnabled():
            return
        self.save_button.setEnabled(False)
        self._save(self.name.text(), self.dashboard_field.text(), self._replaces, self._over)

    def _over(self, err: Error | None) -> None:
        if err is None:
            self.close_panel()
            return
        self.save_button.setEnabled(True)
        self.problem.setText(plain(f"{err.message} {err.hint or ''}".strip()))
        self.problem.show()
        if err.kind == "name-taken":
            self._replaces = True
            self.save_button.setText(text("Replace it"))
            self.save_button.setFocus()
        else:
            self.name.setFocus()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress and event.key() == Qt.Key.Key_Escape:
            self.close_panel()
            return True
        return super().eventFilter(watched, event)

    def _dress_fields(self) -> None:
        for widget in (self.name, self.dashboard):
            widget.setMaximumWidth(self._theme.px(460))
