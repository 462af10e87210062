"""The context meter in the head: "3,120 / 8,192" and a bar. Pressed, it shows what takes the space.

Knows the state of a chat.
"""

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QWidget

from rushlight.ui.desk.chat_view import ChatState
from rushlight.ui.gui.chat.left_out import use_text
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import Meter, label
from rushlight.ui.words import text

_NEARLY_FULL = 0.9


class ContextMeter(QPushButton):
    """A button, since it opens something; its name says the figures to a screen reader."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._shown: tuple[int | None, int] | None = None
        self._has_figures = True
        self.setProperty("role", "ghost")
        self.setAutoDefault(False)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.figures = label("", "small")
        self.bar = Meter(theme, text("Context in use"), width=120)
        self._row = QHBoxLayout(self)
        self._row.addWidget(self.figures)
        self._row.addWidget(self.bar)
        for child in (self.figures, self.bar):
            child.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        theme.changed.connect(self._dress)
        self._dress()
        self.show_use(ChatState())

    def show_use(self, state: ChatState) -> None:
        used, total = state.n_context_used, state.n_context_total
        if (used, total) == self._shown:
            return
        self._shown = (used, total)
        self._write()
        fraction = (used or 0) / total if total else 0.0
        self.bar.set_fraction(fraction, "bad" if fraction >= _NEARLY_FULL else "flame")
        said = use_text(state)
        self.setAccessibleName(text("Context: {figures}", figures=said))
        self.setToolTip(said)
        self.updateGeometry()

    def set_room(self, *, has_bar: bool, has_figures: bool) -> None:
        """Less, where there is less room: figures without the bar, or the share alone."""
        self.bar.setVisible(has_bar)
        if has_figures != self._has_figures:
            self._has_figures = has_figures
            self._write()
        self.updateGeometry()

    def _write(self) -> None:
        used, total = self._shown or (None, 0)
        first = f"{used:,}" if used is not None else "–"
        if total and self._has_figures:
            self.figures.setText(f"{first} / {total:,}")
        elif total and used is not None:
            self.figures.setText(f"{round(100 * used / total)} %")
        else:
            self.figures.setText(first)

    def sizeHint(self) -> QSize:
        return self._row.sizeHint()

    def minimumSizeHint(self) -> QSize:
        return self._row.minimumSize()

    def _dress(self) -> None:
        px = self._theme.px
        self._row.setContentsMargins(px(8), px(6), px(8), px(6))
        self._row.setSpacing(px(10))
        self.updateGeometry()
