"""What goes on in the server and what was since its start: a few numbers with their words below."""

from PySide6.QtWidgets import QVBoxLayout, QWidget

from rushlight.ui.desk.server_values import ServerFigures
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import FlowLayout, label
from rushlight.ui.words import text


class FiguresLine(QWidget):
    """line.show_figures(state.figures)"""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._flow = FlowLayout(self)
        self.values = {}
        for key, words in (
            ("n_generating", text("being answered")),
            ("n_waiting", text("waiting")),
            ("n_loading", text("models loading")),
            ("n_answered", text("answered")),
            ("n_refused", text("refused: too many")),
            ("n_failed", text("failed")),
            ("n_tokens_read", text("tokens read")),
            ("n_tokens_written", text("tokens written")),
        ):
            box = QWidget(self)
            column = QVBoxLayout(box)
            column.setContentsMargins(0, 0, 0, 0)
            column.setSpacing(0)
            value = label("0", "heading", parent=box)
            column.addWidget(value)
            column.addWidget(label(words, "small", parent=box))
            self._flow.addWidget(box)
            self.values[key] = (value, box, words)
        self._dress()
        theme.changed.connect(self._dress)

    def show_figures(self, figures: ServerFigures) -> None:
        for key, (value, box, words) in self.values.items():
            count = f"{getattr(figures, key):,}"
            if value.text() != count:
                value.setText(count)
            box.setAccessibleName(f"{words}: {count}")

    def _dress(self) -> None:
        self._flow.set_spacing(self._theme.px(28))
