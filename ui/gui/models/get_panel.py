"""Getting a model: a name on the hub, what it means and whether it fits, then the download. Nothing goes out before.

Two steps reach the network, and each is a button that says so: Look, and Download.
"""

from collections.abc import Callable
from typing import Protocol

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QLineEdit, QRadioButton, QVBoxLayout, QWidget

from rushlight import Error
from rushlight.assistant.safety.plain import plain, plain_line
from rushlight.ui.desk.background import Running
from rushlight.ui.desk.figures import size_text
from rushlight.ui.desk.model_values import DownloadPlan
from rushlight.ui.gui.announce import announce
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import Card, ErrorPanel, FlowLayout, IconButton, button, label
from rushlight.ui.words import text

_FIT_ROLES = {"yes": "chip-good", "no": "chip-bad", "unknown": "chip"}


class Plans(Protocol):
    """Whoever asks the hub: `ModelsDesk`, `FirstRun`."""

    def download_plan(
        self, reference: str, then: Callable[[DownloadPlan], None], failed: Callable[[Error], None] | None = None
    ) -> Running: ...
    def download(self, reference: str) -> None: ...


class GetPanel(Card):
    """panel.open(); hidden until then, and again when it is closed or a download has begun."""

    def __init__(
        self, theme: Theme, desk: Plans, *, on_close: Callable[[], None] = lambda: None, parent: QWidget | None = None
    ) -> None:
        super().__init__(theme, text("Get a model"), role="raised", parent=parent)
        self._theme = theme
        self._desk = desk
        self._on_close = on_close
        self._asking: Running | None = None
        self._plan: DownloadPlan | None = None
        self.close_button = IconButton(theme, "x", text("Close"), size=16, on_click=self.close_panel)
        head = QHBoxLayout()
        self.body.removeWidget(self.title)
        head.addWidget(self.title, 1)
        head.addWidget(self.close_button)
        self.body.addLayout(head)
        self.body.addWidget(
            label(
                text("A name on the hub, as org/repo or org/repo:Q4_K_M, or a link from its page. Nothing is asked "
                     "of the network before you press Look."),
                "muted", wrap=True,
            )
        )  # fmt: skip
        self.field = QLineEdit()
        self.field.setPlaceholderText(text("org/repo:Q4_K_M"))
        self.field.setAccessibleName(text("Name of the model on the hub"))
        self.field.setMaxLength(500)
        self.look_button = button(text("Look"), self.look, "primary")
        asked = QHBoxLayout()
        asked.addWidget(self.field, 1)
        asked.addWidget(self.look_button)
        self.body.addLayout(asked)
        self.state = label("", "muted", wrap=True)
        self.problem = ErrorPanel(theme)
        self.choices = QWidget()
        self._rows = QVBoxLayout(self.choices)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._group = QButtonGroup(self)
        self.download_button = button(text("Download"), self.download, "primary")
        self._last = QWidget()
        FlowLayout(self._last).addWidget(self.download_button)
        for widget in (self.state, self.problem, self.choices, self._last):
            self.body.addWidget(widget)
            widget.hide()
        self.field.returnPressed.connect(self.look)
        self.field.textEdited.connect(lambda _words: self._forget())
        self.hide()

    @property
    def radios(self) -> list[QRadioButton]:
        """One for each choice of the plan."""
        return [one for one in self._group.buttons() if isinstance(one, QRadioButton)]

    def open(self) -> None:
        self.show()
        self.field.setFocus(Qt.FocusReason.OtherFocusReason)
        self.field.selectAll()

    def close_panel(self) -> None:
        self._forget()
        if not self.isHidden():
            self.hide()
            self._on_close()

    def look(self) -> None:
        """Ask the hub what the name means."""
        reference = self.field.text().strip()
        self._forget()
        if not reference:
            self.field.setFocus()
            return
        self._say(text("Asking the hub…"))
        self.look_button.setEnabled(False)
        self._asking = self._desk.download_plan(reference, self._show_plan, self._show_error)

    def download(self) -> None:
        """Fetch the marked one; it goes on as a job."""
        at = self._group.checkedId()
        if self._plan is None or not 0 <= at < len(self._plan.choices):
            self._say(text("Choose one of the files."))
            return
        reference = self._plan.choices[at].reference
        self._desk.download(reference)
        self.field.clear()
        self.close_panel()

    # --- inside -------------------------------------------------------------------------------------------------
    def _forget(self) -> None:
        """What was asked before."""
        if self._asking is not None:
            self._asking.drop()
            self._asking = None
        self._plan = None
        self.look_button.setEnabled(True)
        for widget in (self.state, self.problem, self.choices, self._last):
            widget.hide()

    def _show_error(self, err: Error) -> None:
        self._asking = None
        self.look_button.setEnabled(True)
        self.state.hide()
        self.problem.show_error(err)

    def _show_plan(self, plan: DownloadPlan) -> None:
        self._asking = None
        self._plan = plan
        self.look_button.setEnabled(True)
        self._fill(plan)
        self._say(
            text(
                "{repository} at {origin}. {free} are free on the disk.",
                repository=plain_line(plan.repository),
                origin=plain_line(plan.origin),
                free=size_text(plan.free_bytes),
            )
        )
        if plan.problem:
            self.problem.show_problem(plain(plan.problem))
        self.choices.setVisible(bool(plan.choices))
        self._last.setVisible(bool(plan.choices))
        self._mark()
        if plan.choices:
            marked = self._group.checkedButton() or self.radios[0]
            marked.setFocus(Qt.FocusReason.OtherFocusReason)

    def _fill(self, plan: DownloadPlan) -> None:
        for old in self.radios:
            self._group.removeButton(old)
        while self._rows.count():
            item = self._rows.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for at, choice in enumerate(plan.choices):
            row = QWidget(self.choices)
            flow = FlowLayout(row, spacing=self._theme.px(10))
            radio = QRadioButton(choice.name.replace("&", "&&"), row)
            size = size_text(choice.size_bytes)
            radio.setAccessibleName(f"{choice.name}, {size}, {choice.fit_text}")
            radio.setChecked(at == plan.chosen)
            self._group.addButton(radio, at)
            radio.toggled.connect(lambda _checked: self._mark())
            flow.addWidget(radio)
            flow.addWidget(label(size, "muted", parent=row))
            flow.addWidget(label(choice.fit_text, _FIT_ROLES[choice.fits], parent=row))
            self._rows.addWidget(row)

    def _mark(self) -> None:
        """The button says what would be fetched."""
        at = self._group.checkedId()
        plan = self._plan
        if plan is None or not 0 <= at < len(plan.choices):
            self.download_button.setText(text("Download"))
            self.download_button.setEnabled(False)
            return
        choice = plan.choices[at]
        self.download_button.setText(text("Download {size}", size=size_text(choice.size_bytes)))
        self.download_button.setAccessibleName(text("Download {name}", name=choice.name))
        self.download_button.setEnabled(choice.size_bytes <= plan.free_bytes)

    def _say(self, sentence: str) -> None:
        self.state.setText(sentence)
        self.state.show()
        announce(self.field, sentence)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close_panel()
        else:
            super().keyPressEvent(event)
