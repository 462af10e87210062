"""Labels and buttons with a role of the style sheet. Text is never read as markup."""

from collections.abc import Callable
from typing import TypeVar

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QPushButton, QWidget

W = TypeVar("W", bound=QWidget)


def with_role(widget: W, role: str) -> W:
    """Give the widget another look, also one that is shown already."""
    if widget.property("role") != role:
        widget.setProperty("role", role)
        style = widget.style()
        style.unpolish(widget)
        style.polish(widget)
    return widget


def label(text: str, role: str = "", *, wrap: bool = False, parent: QWidget | None = None) -> QLabel:
    """Plain text; `wrap` over several lines."""
    made = QLabel(parent)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setText(text)
    made.setWordWrap(wrap)
    if role:
        made.setProperty("role", role)
    return made


def button(
    text: str, on_click: Callable[[], None] | None = None, role: str = "", *, parent: QWidget | None = None
) -> QPushButton:
    """A button with words. An ampersand in `text` is an ampersand."""
    made = QPushButton(parent)
    made.setText(text.replace("&", "&&"))
    made.setAccessibleName(text)
    if role:
        made.setProperty("role", role)
    if on_click is not None:
        slot = on_click
        made.clicked.connect(lambda _checked=False: slot())
    return made
