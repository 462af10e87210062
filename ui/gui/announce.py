"""Saying something to whoever listens with a screen reader, without moving the focus."""

from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent
from PySide6.QtWidgets import QWidget

from rushlight.assistant.safety.plain import plain_line


def announce(widget: QWidget, words: str) -> None:
    """Read `words` aloud, if anything listens."""
    if words and QAccessible.isActive():
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(widget, plain_line(words)))
