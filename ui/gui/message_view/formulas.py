"""Drawings of formulas, made one after the other on a thread of their own and kept as pixmaps.

Asking never waits: a formula that is not drawn yet is shown as it is written, and `ready` says when that has changed.
Knows `ui.desk.formula` and Qt's pixmaps; one for the whole program.
"""

import queue
import threading
from collections import OrderedDict
from dataclasses import dataclass

from PySide6.QtCore import QByteArray, QObject, QRectF, Qt, Signal
from PySide6.QtGui import QPainter, QPixmap

from rushlight.ui.desk.formula import Drawing

MOST_KEPT = 400
MAX_PIXELS = 6_000_000  # of one pixmap


@dataclass(frozen=True, slots=True)
class Wanted:
    """A formula in one look."""

    source: str
    is_display: bool
    size_px: float
    color: str
    ratio: float  # device pixels of a pixel


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawn formula; sizes in logical pixels, `ascent` of them above the line of writing."""

    pixmap: QPixmap
    width: float
    height: float
    ascent: float


class Formulas(QObject):
    """`get` answers at once; `ready` is emitted on the face's thread with a source that has been tried."""

    ready = Signal(str)
    _drawn = Signal(object, object)

    def __init__(self) -> None:
        super().__init__()
        self._pictures: OrderedDict[Wanted, Picture | None] = OrderedDict()
        self._asked: set[Wanted] = set()
        self._queue: queue.SimpleQueue[Wanted | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._drawn.connect(self._keep, Qt.ConnectionType.QueuedConnection)

    def get(self, wanted: Wanted) -> Picture | None:
        """The picture, or None: not drawn yet, or not possible."""
        if wanted in self._pictures:
            self._pictures.move_to_end(wanted)
            return self._pictures[wanted]
        if wanted not in self._asked:
            self._asked.add(wanted)
            self._queue.put(wanted)
            if self._thread is None:
                self._thread = threading.Thread(target=self._draw_all, name="formulas", daemon=True)
                self._thread.start()
        return None

    @property
    def is_idle(self) -> bool:
        """Whether everything that was asked for has been tried."""
        return not self._asked

    def close(self) -> None:
        """End the thread."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join(timeout=5)
            self._thread = None

    def _draw_all(self) -> None:
        from rushlight.ui.desk.formula import draw

        while (wanted := self._queue.get()) is not None:
            drawing = draw(wanted.source, wanted.is_display, wanted.size_px, wanted.color)
            try:
                self._drawn.emit(wanted, drawing)
            except RuntimeError:  # the program is ending, Qt's half of this object is gone
                return

    def _keep(self, wanted: Wanted, drawing: Drawing | None) -> None:
        self._asked.discard(wanted)
        self._pictures[wanted] = None if drawing is None else _rendered(drawing, wanted.ratio)
        while len(self._pictures) > MOST_KEPT:
            self._pictures.popitem(last=False)
        self.ready.emit(wanted.source)


def _rendered(drawing: Drawing, ratio: float) -> Picture | None:
    width, height = round(drawing.width * ratio + 0.5), round(drawing.height * ratio + 0.5)
    if width * height > MAX_PIXELS:
        return None
    from PySide6.QtSvg import QSvgRenderer  # here: most conversations hold no formula

    renderer = QSvgRenderer(QByteArray(drawing.svg.encode()))
    if not renderer.isValid():
        return None
    pixmap = QPixmap(width, height)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    renderer.render(painter, QRectF(0, 0, drawing.width * ratio, drawing.height * ratio))
    painter.end()
    pixmap.setDevicePixelRatio(ratio)
    return Picture(pixmap, drawing.width, drawing.height, drawing.ascent)


_formulas: Formulas | None = None


def formulas() -> Formulas:
    """The one of this process."""
    global _formulas
    if _formulas is None:
        _formulas = Formulas()
    return _formulas
