"""The page of the first start, while there is no model: what is on this disk, a file of one's own, or the hub.

Knows the desk of the first run. When there is a model the chat opens by itself.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QShowEvent
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.desk.first_run import FirstRun, FirstRunState
from rushlight.ui.gui.announce import announce
from rushlight.ui.gui.icons import sign
from rushlight.ui.gui.models.disk_list import DiskList
from rushlight.ui.gui.models.get_panel import GetPanel
from rushlight.ui.gui.page import Frame
from rushlight.ui.gui.pages.models import gguf_files
from rushlight.ui.gui.pages.parts import PageColumn, View
from rushlight.ui.gui.widgets import Card, ErrorPanel, FlowLayout, Meter, button, label
from rushlight.ui.words import text

_WIDTH = 704  # unscaled, with the margins of the column


class FirstRunPage(QWidget):
    """Made when the window finds no model."""

    def __init__(self, frame: Frame, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._frame = frame
        theme = frame.theme
        self.ask_file: Callable[[], str] = self._ask_file
        self._has_looked = False
        self.setAccessibleName(text("Welcome to Rushlight"))
        self.setAcceptDrops(True)
        self.desk = FirstRun(frame.background, View(self.show_state))
        self.desk.on_done = self._done
        self._end_watch = frame.background.watch(self._look_whether_needed)
        column = PageColumn(theme, text("Welcome to Rushlight"), width=_WIDTH)
        column.top = 72
        self._body = column.body
        self._body.addWidget(self._make_welcome())
        self._machine_card = Card(theme, text("This machine"))
        self._machine = label("…", "small", wrap=True)
        self._machine_card.body.addWidget(self._machine)
        self.problem = ErrorPanel(theme)
        self._found_card = Card(theme, text("Models found on your disk"))
        self._advice = label("", "muted", wrap=True)
        self.found = DiskList(theme, lambda row: self.desk.choose(row.path), only_fitting=True)
        self._found_card.body.addWidget(self._advice)
        self._found_card.body.addWidget(self.found)
        self._job_card = Card(theme, text("Taking the model in"))
        self._job_title = label("", "strong", wrap=True)
        self._meter = Meter(theme, text("Progress"), width=0)
        self._job_text = label("", "small", wrap=True)
        self.cancel_button = button(text("Cancel"), self.desk.cancel)
        for widget in (self._job_title, self._meter, self._job_text, _in_a_row(self.cancel_button)):
            self._job_card.body.addWidget(widget)
        self.choose_button = button(text("Choose a GGUF file…"), self.choose_file)
        self.get_button = button(text("Download from Hugging Face…"), self.get)
        self.look_button = button(text("Look again"), self.desk.look)
        self._ways = _in_a_row(self.choose_button, self.get_button, self.look_button)
        self._drop = label(text("Or drop a GGUF file anywhere on this page."), "small", wrap=True)
        self.get_panel = GetPanel(theme, self.desk, on_close=lambda: self.get_button.setFocus())
        for widget in (self._machine_card, self.problem, self._found_card, self._job_card, self._ways, self._drop,
                       self.get_panel):  # fmt: skip
            self._body.addWidget(widget)
        self._job_card.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(column)
        theme.changed.connect(self._dress)
        self._dress()
        self.show_state(self.desk.state)

    # --- the view -----------------------------------------------------------------------------------------------
    def show_state(self, state: FirstRunState) -> None:
        is_importing = state.step in ("importing", "done")
        self._machine.setText(plain_line(state.machine) or text("Looking…"))
        if self.found.property("shown") != (state.found, state.recommended):
            self.found.setProperty("shown", (state.found, state.recommended))
            self.found.show_found(state.found, state.recommended)
            if self.found.first is not None and not self.get_panel.isVisible():
                self.found.first.setFocus(Qt.FocusReason.OtherFocusReason)
        self.found.setVisible(bool(state.found))
        looking = text("Looking through the folders of LM Studio, Ollama, Jan and others…")
        self._advice.setText(looking if state.step == "looking" else state.advice)
        self._advice.setVisible(bool(self._advice.text()))
        self._found_card.setVisible(not is_importing)
        self._ways.setVisible(not is_importing)
        self._drop.setVisible(not is_importing)
        self._job_card.setVisible(is_importing)
        self._job_title.setText(state.job_title or text("Beginning…"))
        self._job_text.setText(state.job_text)
        self._meter.set_fraction(state.job_fraction or 0.0)
        self.cancel_button.setVisible(state.step == "importing" and bool(state.job_id))
        if state.problem:
            self.problem.show_problem(state.problem, state.hint)
            announce(self.problem, f"{state.problem} {state.hint}")
        else:
            self.problem.hide()
        if is_importing:
            self.get_panel.hide()

    def _done(self, model_id: str) -> None:
        self._frame.tell(text("{model} is ready.", model=plain_line(model_id)), "good")
        self._frame.open_conversation(None)

    # --- what can be done ---------------------------------------------------------------------------------------
    def choose_file(self) -> None:
        self._take([Path(name) for name in [self.ask_file()] if name])

    def get(self) -> None:
        self.get_panel.open()

    def _take(self, paths: Sequence[Path]) -> None:
        if paths and self.desk.state.step not in ("importing", "done"):
            self.desk.choose(paths[0])

    def _ask_file(self) -> str:
        name, _ = QFileDialog.getOpenFileName(
            self, text("Choose a GGUF file"), str(Path.home()), text("GGUF models (*.gguf);;All files (*)")
        )
        return name

    def _look_whether_needed(self) -> None:
        """Another face may have taken a model in."""
        if self.isVisible() and self.desk.state.step != "importing":

            def then(is_needed: bool) -> None:
                if not is_needed and self.isVisible() and self.desk.state.step not in ("importing", "done"):
                    self._frame.open_conversation(None)

            self.desk.is_needed(then)

    # --- pieces and events --------------------------------------------------------------------------------------
    def _make_welcome(self) -> QWidget:
        made = QWidget()
        row = QHBoxLayout(made)
        row.setContentsMargins(0, 0, 0, 0)
        self._sign = QLabel()
        words = QVBoxLayout()
        words.addWidget(label(text("Welcome to Rushlight"), "large", wrap=True))
        words.addWidget(
            label(
                text("An assistant that runs here, and learns here. Nothing leaves this machine."), "muted", wrap=True
            )
        )
        row.addWidget(self._sign, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(words, 1)
        self._welcome = row
        return made

    def _dress(self) -> None:
        theme = self._frame.theme
        tokens, px = theme.tokens, theme.px
        self._sign.setPixmap(sign(tokens.ink, tokens.flame, px(44), self.devicePixelRatioF()))
        self._welcome.setSpacing(px(12))

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if not self._has_looked:
            self._has_looked = True
            self.desk.look()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if gguf_files(event.mimeData()) and self.desk.state.step not in ("importing", "done"):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        event.acceptProposedAction()
        self._take(gguf_files(event.mimeData()))

    def leave(self) -> None:
        self._end_watch()
        self.desk.close()


def _in_a_row(*buttons: QWidget) -> QWidget:
    made = QWidget()
    flow = FlowLayout(made)
    for one in buttons:
        flow.addWidget(one)
    return made
