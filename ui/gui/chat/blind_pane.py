"""Two answers without names, beside each other, or below each other where it is narrow; and what one may vote.

Knows two texts; which is whose it does not know. What is voted is said by a signal.
"""

from collections.abc import Callable

from PySide6.QtCore import Signal
from PySide6.QtGui import QGuiApplication, QKeySequence, QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QFrame, QGridLayout, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from rushlight.ui.desk.actions import action
from rushlight.ui.desk.chat_blind import Blind, ballots
from rushlight.ui.desk.turn import Turn
from rushlight.ui.gui.announce import announce
from rushlight.ui.gui.message_view import MessageView
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import IconButton, button, label
from rushlight.ui.words import text

_BESIDE = 560  # unscaled pixels: with less they stand below each other
_ONE_ROW = 500  # what the buttons of the vote need beside each other
_SPOKEN_CHARS = 1000


class BlindPane(QFrame):
    """Hidden until there is something to vote on."""

    voted = Signal(str)
    left = Signal()
    link = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._shown = Blind()
        self.setAccessibleName(text("Two answers without names"))
        self.title = label(text("Which answer is better?"), "heading")
        self.meaning = label(text("Whose is which is shown after your vote."), "muted")
        self.close_button = IconButton(
            theme, "x", text("End the comparison without a vote"), size=16, on_click=self.left.emit
        )
        self.a = _Answer(theme, "A", self.link.emit)
        self.b = _Answer(theme, "B", self.link.emit)
        self.buttons = {letter: button(said, self._voter(letter)) for letter, said in ballots()}
        for letter, made in self.buttons.items():
            made.setToolTip(_keys(f"chat.vote-{letter}"))
        self._head = QHBoxLayout()
        self._head.addWidget(self.title)
        self._head.addWidget(self.meaning, 1)
        self._head.addWidget(self.close_button)
        self._both = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._both.addWidget(self.a, 1)
        self._both.addWidget(self.b, 1)
        self._ballots = QWidget(self)
        self._ballot_rows = QGridLayout(self._ballots)
        self._ballot_rows.setContentsMargins(0, 0, 0, 0)
        self._column = QVBoxLayout(self)
        self._column.addLayout(self._head)
        self._column.addLayout(self._both, 1)
        self._column.addWidget(self._ballots)
        self._ballots.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        theme.changed.connect(self._dress)
        self._dress()
        self.hide()

    def show_blind(self, blind: Blind) -> None:
        """As the state of the chat has it; without a pair it is hidden."""
        before, self._shown = self._shown, blind
        for made in self.buttons.values():
            made.setEnabled(blind.stage == "voting")
        if not blind.is_voting:
            self.hide()
            return
        if (blind.a, blind.b) != (before.a, before.b) or self.isHidden():
            self.a.show_answer(blind.a)
            self.b.show_answer(blind.b)
            self.show()
            said = text("Two answers. A: {a}. B: {b}.", a=blind.a[:_SPOKEN_CHARS], b=blind.b[:_SPOKEN_CHARS])
            announce(self, said)

    def _voter(self, letter: str) -> Callable[[], None]:
        return lambda: self.voted.emit(letter)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    @property
    def is_stacked(self) -> bool:
        """Whether the answers stand below each other."""
        return self.width() < self._theme.px(_BESIDE)

    def _fit(self) -> None:
        is_narrow = self.is_stacked
        beside = QBoxLayout.Direction.LeftToRight
        self._both.setDirection(QBoxLayout.Direction.TopToBottom if is_narrow else beside)
        self.meaning.setVisible(not is_narrow)
        n_columns = 2 if self.width() < self._theme.px(_ONE_ROW) else len(self.buttons)
        for at, made in enumerate(self.buttons.values()):
            self._ballot_rows.addWidget(made, at // n_columns, at % n_columns)
        self._ballot_rows.setColumnStretch(len(self.buttons), 1)

    def _dress(self) -> None:
        px = self._theme.px
        self._column.setContentsMargins(0, px(4), 0, px(6))
        self._column.setSpacing(px(8))
        self._head.setSpacing(px(12))
        self._both.setSpacing(px(12))
        self._ballot_rows.setSpacing(px(8))
        self._fit()


class _Answer(QFrame):
    """One of the two: its letter, and its text as replies are drawn."""

    def __init__(self, theme: Theme, letter: str, on_link: Callable[[str], None]) -> None:
        super().__init__()
        self._theme = theme
        self._letter = letter
        self.setProperty("role", "card")
        self.letter: QLabel = label(letter, "heading")
        self.view = MessageView(theme, is_bare=True)
        self.view.setAccessibleName(text("Answer {letter}", letter=letter))
        self.view.link.connect(on_link)
        self.view.action.connect(lambda name, _turn_id: self._copy() if name == "copy" else None)
        self._column = QVBoxLayout(self)
        self._column.setSpacing(0)
        self._column.addWidget(self.letter)
        self._column.addWidget(self.view, 1)
        theme.changed.connect(self._dress)
        self._dress()

    def show_answer(self, written: str) -> None:
        self.view.show_turns([Turn(self._letter, "assistant", written or text("(nothing)"))])
        self.view.scroll_to(self._letter)  # both are read from the beginning

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.view.turns[0].text)

    def _dress(self) -> None:
        px = self._theme.px
        self.view.setMinimumHeight(px(88))
        self.letter.setContentsMargins(px(20), 0, 0, 0)
        self._column.setContentsMargins(0, px(8), 0, px(4))


class BlindLine(QFrame):
    """That two are compared in this chat, and the way to end it. Hidden while nothing is compared."""

    left = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setAccessibleName(text("Blind comparison"))
        self.words = label("", "small", wrap=True)
        self.end_button = button(text("End comparing"), self.left.emit, "chip")
        self._row = QHBoxLayout(self)
        self._row.addWidget(self.words, 1)
        self._row.addWidget(self.end_button)
        theme.changed.connect(self._dress)
        self._dress()
        self.hide()

    def show_words(self, said: str) -> None:
        """What is compared; "" hides it."""
        if said == self.words.text():
            return
        self.words.setText(said)
        self.setVisible(bool(said))
        announce(self, said)

    def _dress(self) -> None:
        px = self._theme.px
        self._row.setContentsMargins(px(4), 0, 0, 0)
        self._row.setSpacing(px(8))


def _keys(action_id: str) -> str:
    keys = action(action_id).window_keys
    return QKeySequence(keys[0]).toString(QKeySequence.SequenceFormat.NativeText) if keys else ""
