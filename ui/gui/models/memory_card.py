"""Memory as bars: who holds how much of it, in colours with words beside them."""

from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.desk.figures import size_text
from rushlight.ui.desk.model_values import MemoryBar, MemoryPart
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import Card, FlowLayout, Meter, label
from rushlight.ui.words import text

_MODEL_COLORS = ("flame", "good", "info", "accent")


class _Square(QWidget):
    """The colour of a part, beside its words."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme, self._color = theme, "faint"

    def set_color(self, color: str) -> None:
        self._color = color or "line"
        self.setVisible(bool(color))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(self._theme.px(9), self._theme.px(9))

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        side = self._theme.px(9)
        painter = QPainter(self)
        top = (self.height() - side) / 2
        painter.fillRect(QRectF(0, top, side, side), self._theme.color(self._color))
        painter.end()


class _Entry(QWidget):
    """One part in words."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._square = _Square(theme, self)
        self._words = label("", "small", parent=self)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.px(5))
        row.addWidget(self._square)
        row.addWidget(self._words)

    def show_part(self, sentence: str, color: str) -> None:
        self._words.setText(sentence)
        self._square.set_color(color)
        self.updateGeometry()


class _Bar(QWidget):
    """One memory."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.title = label("", "small", wrap=True)
        self.meter = Meter(theme, "", width=0, height=14)
        self._legend = QWidget()
        self._flow = FlowLayout(self._legend, spacing=theme.px(12))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for widget in (self.title, self.meter, self._legend):
            column.addWidget(widget)
        self._entries: list[_Entry] = []
        self._shown: MemoryBar | None = None

    def show_bar(self, bar: MemoryBar) -> None:
        if bar == self._shown:
            return
        self._shown = bar
        name = f"{plain_line(bar.name)} · {size_text(bar.total_bytes)}"
        self.title.setText(name)
        colored = _colored(bar.parts)
        total = max(1, bar.total_bytes)
        self.meter.set_parts([(part.size_bytes / total, color) for part, color in colored if part.kind != "free"])
        words = [f"{plain_line(part.label)} {size_text(part.size_bytes)}" for part in bar.parts]
        self.meter.setAccessibleName(name)
        self.meter.setAccessibleDescription(", ".join(words))
        while len(self._entries) < len(words):
            self._entries.append(_Entry(self._theme, self._legend))
            self._flow.addWidget(self._entries[-1])
        for at, entry in enumerate(self._entries):
            entry.setVisible(at < len(words))
            if at < len(words):
                part, color = colored[at]
                entry.show_part(words[at], "" if part.kind == "free" else color)
        self._flow.invalidate()
        self._legend.updateGeometry()


def _colored(parts: tuple[MemoryPart, ...]) -> list[tuple[MemoryPart, str]]:
    """Each loaded model in a colour of its own, the rest in grey; models stand first."""
    colored, at = [], 0
    for part in parts:
        if part.kind == "model":
            colored.append((part, _MODEL_COLORS[at % len(_MODEL_COLORS)]))
            at += 1
        else:
            colored.append((part, "faint"))
    return colored


class MemoryCard(Card):
    """All memories, beside each other where there is room."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, parent=parent)
        self.setAccessibleName(text("Memory"))
        self._theme = theme
        self._row = QHBoxLayout()
        self._row.setSpacing(theme.px(32))
        self.body.addLayout(self._row)
        self.bars: list[_Bar] = []
        self.hide()

    def show_bars(self, bars: tuple[MemoryBar, ...]) -> None:
        while len(self.bars) < len(bars):
            made = _Bar(self._theme)
            self.bars.append(made)
            self._row.addWidget(made, 1)
        for at, widget in enumerate(self.bars):
            widget.setVisible(at < len(bars))
            if at < len(bars):
                widget.show_bar(bars[at])
        self.setVisible(bool(bars))
