"""What loading a model would take, where that costs something: whom it would unload, or why it cannot be."""

from collections.abc import Callable
from typing import Protocol

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QWidget

from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.desk.model_loading import PlanRow
from rushlight.ui.gui.announce import announce
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import Card, FlowLayout, button, label, with_role
from rushlight.ui.words import text


class Deciding(Protocol):
    """Whoever does what is decided: `ModelsDesk`."""

    def load(self, model_id: str) -> None: ...
    def leave_plan(self) -> None: ...


class PlanCard(Card):
    """card.show_plan(state.plan); hidden without one."""

    def __init__(
        self, theme: Theme, desk: Deciding, on_smaller: Callable[[str], None], parent: QWidget | None = None
    ) -> None:
        super().__init__(theme, text("Loading"), role="raised", parent=parent)
        self._desk = desk
        self._plan: PlanRow | None = None
        self.sentence = label("", "", wrap=True)
        self.lines = label("", "muted", wrap=True)
        self.load_button = button(text("Load it"), lambda: desk.load(self._id), "primary")
        self.smaller_button = button(text("Make a smaller one"), lambda: on_smaller(self._id))
        self.leave_button = button(text("Leave it"), lambda: desk.leave_plan())
        last = QWidget()
        flow = FlowLayout(last)
        for one in (self.load_button, self.smaller_button, self.leave_button):
            flow.addWidget(one)
        for widget in (self.sentence, self.lines, last):
            self.body.addWidget(widget)
        self.hide()

    @property
    def _id(self) -> str:
        return self._plan.model_id if self._plan is not None else ""

    def show_plan(self, plan: PlanRow | None) -> None:
        is_new = plan is not None and plan != self._plan
        self._plan = plan
        self.setVisible(plan is not None)
        if plan is None or not is_new:
            return
        cannot = plan.state == "does-not-fit"
        self.set_title(text("Loading {model}", model=plain_line(plan.label)))
        self.sentence.setText(plan.sentence)
        with_role(self.sentence, "bad" if cannot else "")
        self.lines.setText("\n".join(plan.lines))
        self.load_button.setText(text("Try it all the same") if cannot else text("Load it"))
        self.smaller_button.setVisible(cannot)
        (self.leave_button if cannot else self.load_button).setFocus(Qt.FocusReason.OtherFocusReason)
        announce(self, plan.sentence)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self._desk.leave_plan()
        else:
            super().keyPressEvent(event)
