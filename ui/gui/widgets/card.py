"""A card: a quiet frame with a heading and whatever is put into it."""

from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets.labels import label


class Card(QFrame):
    """card = Card(theme, text("This machine")); card.body.addWidget(...). `role`: card, raised, notice, problem."""

    def __init__(self, theme: Theme, title: str = "", *, role: str = "card", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setProperty("role", role)
        self.body = QVBoxLayout(self)
        self.title = label(title, "heading", wrap=True)
        if title:
            self.setAccessibleName(title)
        else:
            self.title.hide()
        self.body.addWidget(self.title)
        self._dress()
        theme.changed.connect(self._dress)

    def set_title(self, title: str) -> None:
        self.title.setText(title)
        self.title.setVisible(bool(title))
        self.setAccessibleName(title)

    def _dress(self) -> None:
        edge = self._theme.px(16)
        self.body.setContentsMargins(edge, edge, edge, edge)
        self.body.setSpacing(self._theme.px(8))
