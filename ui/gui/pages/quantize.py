"""The page of quantizing: what is wanted, the jobs that make it, what was made with its proof, how it compares.

Knows the desk of quantizing and its cards.
"""

from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from rushlight.ui.desk.quant_desk import QuantDesk
from rushlight.ui.desk.quant_reading import KINDS
from rushlight.ui.desk.quant_values import QuantState
from rushlight.ui.gui.models.jobs_strip import JobsStrip
from rushlight.ui.gui.models.tabs import add_tabs
from rushlight.ui.gui.page import Frame
from rushlight.ui.gui.pages.parts import PageColumn, PageHead, View, finish_typing
from rushlight.ui.gui.pages.showing import show_item, shows_items
from rushlight.ui.gui.quantize.comparison_card import ComparisonCard
from rushlight.ui.gui.quantize.made_card import MadeCard
from rushlight.ui.gui.quantize.wish_card import WishCard
from rushlight.ui.gui.widgets import EmptyState, ErrorPanel
from rushlight.ui.words import text


class QuantizePage(QWidget):
    """Made once a window, when it is first shown."""

    def __init__(self, frame: Frame, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._frame = frame
        theme = frame.theme
        self.setAccessibleName(text("Quantize"))
        self.desk = QuantDesk(frame.background, frame.remembered, View(self.show_state))
        self.desk.on_job = lambda job: self.jobs.expect(job.id)
        self._head = PageHead(theme, text("Models"))
        self.tabs = add_tabs(self._head, frame, "quantize")
        self._column = PageColumn(theme, text("Quantize"))
        self.problem = ErrorPanel(theme, on_dismiss=self.desk.dismiss)
        self.empty = EmptyState(
            theme,
            text("No model that could be made smaller"),
            text("A smaller file of a model fits where the model does not, and writes faster; what it loses is "
                 "measured. First a model is needed."),
            [(text("Get a model…"), self._get_model)],
            icon_name="layers",
        )  # fmt: skip
        self.empty.hide()
        self.wish = WishCard(theme, self.desk)
        self.jobs = JobsStrip(
            theme, frame.background, self._show_model, kinds=KINDS, name=text("What is being made and measured")
        )
        self.made = MadeCard(theme, self.desk, self._show_model)
        self.comparison = ComparisonCard(theme)
        for widget in (self.problem, self.empty, self.wish, self.jobs, self.made, self.comparison):
            self._column.body.addWidget(widget)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._head)
        layout.addWidget(self._column, 1)
        frame.bind("quantize.make", self._make, self)
        frame.bind("quantize.compare", self.desk.compare, self)
        shows_items(frame, "quantize", self.desk.choose)
        self.show_state(self.desk.state)

    def show_state(self, state: QuantState) -> None:
        has_none = not state.sources and not state.is_loading
        self.empty.setVisible(has_none)
        self.wish.setVisible(not has_none)
        if state.problem:
            self.problem.show_problem(state.problem, state.hint)
        else:
            self.problem.hide()
        self.wish.show_state(state)
        self.made.show_state(state)
        self.comparison.show_state(state)

    def _make(self) -> None:
        """With what is just being typed into a field."""
        finish_typing(self)
        self.desk.make()

    def _get_model(self) -> None:
        self._frame.show_page("models")
        self._frame.run_action("models.get")

    def _show_model(self, model_id: str) -> None:
        show_item(self._frame, "models", model_id)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.desk.refresh()
        self.jobs.desk.refresh()

    def hideEvent(self, event: QHideEvent) -> None:
        self.desk.rest()
        self.jobs.desk.rest()
        super().hideEvent(event)

    def leave(self) -> None:
        self.jobs.desk.close()
        self.desk.close()
