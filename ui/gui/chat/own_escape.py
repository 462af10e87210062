"""Fields that are left with Esc: the key stays theirs, and does not first become what Esc means in the window.

Knows Qt's events only.
"""

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QWidget


class _Keeps(QObject):
    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if (
            event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and event.key() == Qt.Key.Key_Escape
            and not event.modifiers()
        ):
            event.accept()
            return True
        return False


def own_escape(widget: QWidget) -> None:
    """`widget` gets Esc as a key press while it has the focus."""
    widget.installEventFilter(_Keeps(widget))
