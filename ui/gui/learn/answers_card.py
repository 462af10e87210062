"""What is said to a few held-out questions as training goes on: each with the answer that is wanted."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.desk.learn_values import HeldOutAnswer
from rushlight.ui.desk.learn_words import look_words
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import Card, label
from rushlight.ui.words import text


class AnswersCard(Card):
    """card.show_answers(answers); hidden while there are none. All of it is strangers' text, shown as letters."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, text("Held-out answers"), parent=parent)
        self._shown: tuple[HeldOutAnswer, ...] = ()
        self._box = QWidget()
        self._rows = QVBoxLayout(self._box)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setSpacing(theme.px(4))
        self._gap = theme.px(8)
        self.body.addWidget(self._box)
        self.hide()

    def show_answers(self, answers: tuple[HeldOutAnswer, ...]) -> None:
        self.setVisible(bool(answers))
        if answers == self._shown:
            return
        self._shown = answers
        while (item := self._rows.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.deleteLater()
        for number, one in enumerate(answers):
            if number:
                self._rows.addSpacing(self._gap)
            self._add(plain_line(one.asked), "strong")
            self._add(text("wanted: {answer}", answer=plain_line(one.wanted)), "muted")
            for look in one.looks:
                self._add(plain_line(look_words(look)), "good" if look.is_right else "")

    def _add(self, words: str, role: str) -> None:
        made = label(words, role, wrap=True)
        made.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        # A model that repeats itself writes words without an end: they are cut off, and the page stays as wide.
        policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        made.setSizePolicy(policy)
        self._rows.addWidget(made)
