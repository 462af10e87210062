"""The one way from other threads into the window: `deliver` runs a call on Qt's thread, soon and in order.

Knows Qt's queue of events; knows nothing of what is called.
"""

from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, Signal


class Crossing(QObject):
    """Made on the thread of the window; `deliver` may be called from any thread. Handed to `Background`."""

    _called = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._is_open = True
        self._called.connect(self._run, Qt.ConnectionType.QueuedConnection)

    def deliver(self, call: Callable[[], None]) -> None:
        """Run `call` on the window's thread. After `close` it is dropped: there is nobody to hear it."""
        if not self._is_open:
            return
        try:
            self._called.emit(call)
        except RuntimeError:  # Qt took its side of this object away while a thread was about to speak
            self._is_open = False

    def close(self) -> None:
        """Deliver nothing more, neither what comes nor what is on its way."""
        self._is_open = False

    def _run(self, call: Callable[[], None]) -> None:
        if self._is_open:
            call()
