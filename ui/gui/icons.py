"""Line icons of one family (Lucide), in any colour and sharp at any size, and the program's own sign.

Knows the folder of drawings and how Qt renders them; knows no widget. Pixmaps are kept by name, colour and size.
"""

from functools import lru_cache
from pathlib import Path

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QGuiApplication, QIcon, QPainter, QPixmap

FOLDER = Path(__file__).parent / "assets" / "icons"
_OWN = FOLDER.parent


def ratios() -> tuple[float, ...]:
    """What the screens here multiply pixels by, the least first."""
    most = max((screen.devicePixelRatio() for screen in QGuiApplication.screens()), default=1.0)
    return (1.0,) if most <= 1.0 else (1.0, most)


def names() -> tuple[str, ...]:
    """The icons there are."""
    return tuple(sorted(file.stem for file in FOLDER.glob("*.svg")))


@lru_cache(maxsize=512)
def icon(name: str, color: str, size: int = 20) -> QIcon:
    """The line icon `name` in `color` ("#RRGGBB"), drawn for `size` logical pixels."""
    found = QIcon()
    for ratio in ratios():
        found.addPixmap(pixmap(name, color, size, ratio))
    return found


@lru_cache(maxsize=1024)
def pixmap(name: str, color: str, size: int = 20, ratio: float = 1.0) -> QPixmap:
    """The same as a pixmap of `size` logical pixels on a screen of that ratio."""
    drawing = (FOLDER / f"{name}.svg").read_text(encoding="ascii").replace("currentColor", color)
    return _render(drawing.encode("ascii"), size, ratio)


@lru_cache(maxsize=32)
def sign(ink: str, flame: str, size: int = 32, ratio: float = 1.0) -> QPixmap:
    """The rushlight itself: a flame on its stem."""
    drawing = (_OWN / "rushlight.svg").read_text(encoding="ascii")
    return _render(drawing.replace("#221F1B", ink).replace("#E08A2E", flame).encode("ascii"), size, ratio)


def app_icon() -> QIcon:
    """What stands for the program in task bars and trays."""
    found = QIcon()
    drawing = (_OWN / "app.svg").read_bytes()
    for size in (16, 24, 32, 48, 64, 128, 256):
        found.addPixmap(_render(drawing, size, 1.0))
    return found


def _render(drawing: bytes, size: int, ratio: float) -> QPixmap:
    from PySide6.QtSvg import QSvgRenderer  # here, since a program that shows no icon yet need not load it

    side = max(1, round(size * ratio))
    made = QPixmap(side, side)
    made.fill(Qt.GlobalColor.transparent)
    painter = QPainter(made)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    renderer = QSvgRenderer(QByteArray(drawing))
    renderer.render(painter, QRectF(0, 0, side, side))
    painter.end()
    made.setDevicePixelRatio(ratio)
    return made
