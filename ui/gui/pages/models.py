"""The page of models: memory, the table of what is on this machine, the card of one, and ways to more of them.

Knows the models desk and its cards. Nothing reaches the network before a button that says so is pressed.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QMimeData, Qt, QTimer
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent, QHideEvent, QShowEvent
from PySide6.QtWidgets import QFileDialog, QFrame, QHBoxLayout, QVBoxLayout, QWidget

from rushlight import Error
from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.desk.background import Running
from rushlight.ui.desk.model_values import ModelsState, OnDisk
from rushlight.ui.desk.models_desk import ModelsDesk
from rushlight.ui.gui.models.bench_card import BenchCard
from rushlight.ui.gui.models.disk_list import DiskList
from rushlight.ui.gui.models.get_panel import GetPanel
from rushlight.ui.gui.models.jobs_strip import JobsStrip
from rushlight.ui.gui.models.memory_card import MemoryCard
from rushlight.ui.gui.models.model_panel import ModelPanel
from rushlight.ui.gui.models.model_table import ModelTable
from rushlight.ui.gui.models.plan_card import PlanCard
from rushlight.ui.gui.models.tabs import add_tabs
from rushlight.ui.gui.page import Frame
from rushlight.ui.gui.pages.parts import PageColumn, PageHead, View
from rushlight.ui.gui.pages.showing import show_item, shows_items
from rushlight.ui.gui.widgets import Card, EmptyState, IconButton, button, label
from rushlight.ui.words import plural, text

# Looks at memory and at what is loaded while the page is shown; more often while a model is busy, which soon changes.
_MEASURE_EVERY_MS, _BUSY_EVERY_MS = 5000, 1000


class ModelsPage(QWidget):
    """Made once a window, when it is first shown."""

    def __init__(self, frame: Frame, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._frame = frame
        theme = frame.theme
        self._looking: Running | None = None
        self._came_from: QWidget | None = None
        self.ask_files: Callable[[], Sequence[str]] = self._ask_files
        self.setAccessibleName(text("Models"))
        self.setAcceptDrops(True)
        self._timer = QTimer(self)
        self._timer.setInterval(_MEASURE_EVERY_MS)
        self.desk = ModelsDesk(frame.background, View(self.show_state))
        self.desk.on_job = lambda job: self.jobs.expect(job.id)
        self._head = PageHead(theme, text("Models"))
        self.tabs = add_tabs(self._head, frame, "models")
        self.find_button = button(text("Find on this disk"), self.find_on_disk)
        self.import_button = button(text("Import…"), self.import_files)
        self.get_button = button(text("Get a model…"), self.get, "primary")
        for one in (self.find_button, self.import_button, self.get_button):
            self._head.add(one)
        self._column = PageColumn(theme, text("Models"))
        self.undo_bar = self._make_undo_bar()
        self.jobs = JobsStrip(theme, frame.background, self.show_model)
        self.get_panel = GetPanel(theme, self.desk, on_close=lambda: self.get_button.setFocus())
        self.disk = self._make_disk_card()
        self.memory = MemoryCard(theme)
        self._table_card = Card(theme)
        self._table_card.setAccessibleName(text("Models on this machine"))
        self.plan = PlanCard(theme, self.desk, self._make_smaller)
        self.table = ModelTable(theme, self.desk, self.show_model, self._make_smaller)
        self._table_card.body.addWidget(self.table)
        self._table_card.hide()
        self.panel = ModelPanel(
            theme, self.desk, frame.background, on_close=self._panel_closed, on_smaller=self._make_smaller,
            on_bench=self.measure_speed,
        )  # fmt: skip
        self.bench = BenchCard(theme, frame.background, on_close=lambda: self.get_button.setFocus())
        self.empty = EmptyState(
            theme,
            text("No model yet"),
            text("A model is a GGUF file. Drop one here, choose one, look for those of other programs on this disk, "
                 "or get one from the hub."),
            [(text("Get a model…"), self.get), (text("Import…"), self.import_files),
             (text("Find on this disk"), self.find_on_disk)],
            icon_name="box",
        )  # fmt: skip
        self.empty.hide()
        for widget in (self.undo_bar, self.jobs, self.get_panel, self.disk, self.memory, self.plan, self._table_card,
                       self.bench, self.panel, self.empty):  # fmt: skip
            self._column.body.addWidget(widget)
        self._drop_here = label(text("Drop the GGUF file to import it"), "title", parent=self)
        self._drop_here.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._drop_here.setAutoFillBackground(True)
        self._drop_here.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._head)
        layout.addWidget(self._column, 1)
        self._timer.timeout.connect(self.desk.refresh)
        for action_id, slot in (
            ("models.import", self.import_files),
            ("models.get", self.get),
            ("models.find", self.find_on_disk),
            ("models.unload-all", lambda: self.desk.unload("")),
            ("models.bench", self.measure_default),
        ):
            frame.bind(action_id, slot, self)
        shows_items(frame, "models", self.show_model)

    # --- the view -----------------------------------------------------------------------------------------------
    def show_state(self, state: ModelsState) -> None:
        every_ms = _BUSY_EVERY_MS if any(row.in_use for row in state.rows) else _MEASURE_EVERY_MS
        if self._timer.interval() != every_ms:
            self._timer.setInterval(every_ms)
        self.memory.show_bars(state.bars)
        self.table.show_rows(state.rows)
        self.plan.show_plan(state.plan)
        self._table_card.setVisible(bool(state.rows))
        self.empty.setVisible(not state.rows and not state.is_loading and not state.undo)
        self.undo_bar.setVisible(bool(state.undo))
        self._undo_words.setText(state.undo)
        if self.panel.model_id and not state.is_loading:
            self.panel.follow(self.desk.row(self.panel.model_id))

    # --- what can be done ---------------------------------------------------------------------------------------
    def show_model(self, model_id: str) -> None:
        """Open the card of that one."""
        self._came_from = self.focusWidget()
        self.panel.open(model_id)
        # Its height is known once it is filled and laid out.
        QTimer.singleShot(0, self, lambda: self._column.show_widget(self.panel))

    def measure_speed(self, model_id: str) -> None:
        """How fast that one reads and writes here."""
        row = self.desk.row(model_id)
        if row is not None:
            self.bench.measure(model_id, plain_line(row.label))
            self._column.show_widget(self.bench)

    def measure_default(self) -> None:
        """The model whose card is open, else the default one."""
        default = next((row.id for row in self.desk.state.rows if row.is_default), "")
        self.measure_speed(self.panel.model_id or default)

    def _make_smaller(self, model_id: str) -> None:
        show_item(self._frame, "quantize", model_id)

    def import_files(self) -> None:
        """Choose GGUF files; each becomes a job."""
        self._import([Path(name) for name in self.ask_files()])

    def get(self) -> None:
        self.get_panel.open()
        self._column.show_widget(self.get_panel)

    def find_on_disk(self) -> None:
        """Look for models of other programs on this disk."""
        if self._looking is not None:
            self._looking.drop()
        self.disk.show()
        self._disk_words.setText(text("Looking through the folders of LM Studio, Ollama, Jan and others…"))
        self._looking = self.desk.discover(self._show_found, self._find_failed)
        self._column.show_widget(self.disk)

    def _show_found(self, found: tuple[OnDisk, ...]) -> None:
        self._looking = None
        self.disk_list.show_found(found)
        self._disk_words.setText(_found_words(len(found), sum(not row.is_known for row in found)))
        if self.disk_list.buttons:
            self.disk_list.buttons[0].setFocus(Qt.FocusReason.OtherFocusReason)
        self._column.show_widget(self.disk)

    def _find_failed(self, err: Error) -> None:
        self._looking = None
        self._disk_words.setText(f"{err.message} {err.hint}".strip())

    def _use_found(self, row: OnDisk) -> None:
        """Other programs' files are used where they are."""
        is_included = row.reference.startswith("included:")
        self.desk.import_file(row.path, how="copy" if is_included else "in-place")
        self._close_disk()

    def _import(self, paths: Sequence[Path]) -> None:
        for path in paths:
            self.desk.import_file(path)

    def _ask_files(self) -> Sequence[str]:
        names, _ = QFileDialog.getOpenFileNames(
            self, text("Import a model"), str(Path.home()), text("GGUF models (*.gguf);;All files (*)")
        )
        return names

    def _close_disk(self) -> None:
        if self._looking is not None:
            self._looking.drop()
            self._looking = None
        self.disk.hide()
        self.find_button.setFocus(Qt.FocusReason.OtherFocusReason)

    def _panel_closed(self) -> None:
        back = self._came_from
        self._came_from = None
        if back is not None and back.isVisible():
            back.setFocus(Qt.FocusReason.OtherFocusReason)

    # --- pieces -------------------------------------------------------------------------------------------------
    def _make_undo_bar(self) -> QFrame:
        bar = QFrame()
        bar.setProperty("role", "notice")
        row = QHBoxLayout(bar)
        self._undo_words = label("", wrap=True)
        self.undo_button = button(text("Undo"), lambda: self.desk.undo(), "link")
        row.addWidget(self._undo_words, 1)
        row.addWidget(self.undo_button)
        bar.hide()
        return bar

    def _make_disk_card(self) -> Card:
        card = Card(self._frame.theme, text("On this disk"), role="raised")
        self._disk_words = label("", "muted", wrap=True)
        self.disk_list = DiskList(self._frame.theme, self._use_found)
        close = IconButton(self._frame.theme, "x", text("Close"), size=16, on_click=self._close_disk)
        head = QHBoxLayout()
        card.body.removeWidget(card.title)
        head.addWidget(card.title, 1)
        head.addWidget(close)
        card.body.addLayout(head)
        card.body.addWidget(self._disk_words)
        card.body.addWidget(self.disk_list)
        card.hide()
        return card

    # --- events -------------------------------------------------------------------------------------------------
    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.desk.refresh()
        self.jobs.desk.refresh()
        self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        self._timer.stop()
        self.desk.rest()
        self.jobs.desk.rest()
        super().hideEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if gguf_files(event.mimeData()):
            event.acceptProposedAction()
            self._drop_here.setGeometry(self.rect())
            self._drop_here.show()
            self._drop_here.raise_()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._drop_here.hide()

    def dropEvent(self, event: QDropEvent) -> None:
        self._drop_here.hide()
        files = gguf_files(event.mimeData())
        if files:
            event.acceptProposedAction()
            self._import(files)

    def leave(self) -> None:
        self._timer.stop()
        self.jobs.desk.close()
        self.bench.desk.close()
        self.desk.close()


def gguf_files(data: QMimeData) -> list[Path]:
    """The GGUF files among what is dragged."""
    paths = [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]
    return [path for path in paths if path.suffix.lower() == ".gguf"]


def _found_words(n_found: int, n_new: int) -> str:
    if not n_found:
        return text("No other program's GGUF files were found. Folders can be added in the settings.")
    if not n_new:
        return text("All that was found is in the catalogue already.")
    return plural(
        "{count} model file that is not in the catalogue.",
        "{count} model files that are not in the catalogue.",
        n_new,
    )
