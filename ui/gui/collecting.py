"""Python's collector of circular garbage, held on the thread of the window.

By itself it runs on whichever thread allocates next, in the middle of anything. What it finds may be Qt's: a theme, a
crossing, a translator whose last names point at each other. Qt allows their destruction on their own thread only, and
not while it walks through the widgets; elsewhere it ends the process. So a timer of the window's loop collects, with
CPython's own thresholds (`gc.get_threshold`). Knows no widget.
"""

import gc

from PySide6.QtCore import QObject, Qt, QTimer

_LOOK_MS = 2000


class Collector(QObject):
    """Made on the thread of the window; from then to `close` nothing is collected elsewhere."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._was_on = gc.isenabled()
        gc.disable()
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.VeryCoarseTimer)
        self._timer.timeout.connect(collect_due)
        self._timer.start(_LOOK_MS)

    def close(self) -> None:
        """Leave it to Python again, if it was before."""
        self._timer.stop()
        if self._was_on:
            gc.enable()


def collect_due() -> None:
    """One collection of the oldest generation that is over its threshold, if there is one. A few microseconds else."""
    for generation in (2, 1, 0):
        if gc.get_count()[generation] > gc.get_threshold()[generation]:
            gc.collect(generation)
            return
