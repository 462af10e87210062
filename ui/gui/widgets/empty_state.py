"""What an empty page shows: what it is for, and the first step."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from rushlight.ui.gui.icons import pixmap
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets.flow_layout import FlowLayout
from rushlight.ui.gui.widgets.labels import button, label


class EmptyState(QWidget):
    """EmptyState(theme, title, text, [(text("Import…"), self.import_model)], icon_name="box"); the first is primary."""

    def __init__(
        self,
        theme: Theme,
        title: str,
        text: str,
        actions: Sequence[tuple[str, Callable[[], None]]] = (),
        *,
        icon_name: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._theme = theme
        self._icon_name = icon_name
        self.setAccessibleName(title)
        self.setAccessibleDescription(text)
        self._picture = QLabel()
        if not icon_name:
            self._picture.hide()
        self._title = label(title, "title", wrap=True)
        self._text = label(text, "muted", wrap=True)
        for one in (self._picture, self._title, self._text):
            one.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.buttons: list[QPushButton] = [
            button(words, slot, "primary" if at == 0 else "") for at, (words, slot) in enumerate(actions)
        ]
        row = QWidget()
        flow = FlowLayout(row, spacing=12, centered=True)
        for made in self.buttons:
            flow.addWidget(made)
        self._column = QVBoxLayout(self)
        self._column.addStretch(1)
        for widget in (self._picture, self._title, self._text):
            self._column.addWidget(widget)
        self._column.addWidget(row)
        self._column.addStretch(1)
        self._dress()
        theme.changed.connect(self._dress)

    def set_words(self, title: str, text: str) -> None:
        self._title.setText(title)
        self._text.setText(text)
        self.setAccessibleName(title)
        self.setAccessibleDescription(text)

    def _dress(self) -> None:
        px = self._theme.px
        self._column.setContentsMargins(px(24), px(24), px(24), px(24))
        self._column.setSpacing(px(12))
        if self._icon_name:
            ratio = self.devicePixelRatioF()
            self._picture.setPixmap(pixmap(self._icon_name, self._theme.tokens.faint, px(36), ratio))
