"""An SVG of ours as a PNG, drawn by Qt with our own font; a process without a window gets Qt's offscreen platform."""

from rushlight import Error
from rushlight.ui.words import text

_MAX_SIDE = 8_000  # pixels
_application: object = None  # Qt wants it for as long as the process lives


def png_of(svg: str, *, scale: float = 2.0) -> bytes:
    """The picture, `scale` pixels for each unit of the SVG."""
    from PySide6.QtCore import QBuffer, QByteArray, QIODevice, Qt
    from PySide6.QtGui import QImage, QPainter
    from PySide6.QtSvg import QSvgRenderer

    _prepare()
    drawn = QSvgRenderer(QByteArray(svg.replace('font-family="sans-serif"', 'font-family="Inter"', 1).encode()))
    size = drawn.defaultSize() * scale
    if not drawn.isValid() or size.isEmpty() or max(size.width(), size.height()) > _MAX_SIDE:
        raise Error(text("The chart cannot be drawn as a PNG."), hint=text("Write it as .svg."), kind="bad-chart")
    image = QImage(size, QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.white)
    painter = QPainter(image)
    painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.TextAntialiasing)
    drawn.render(painter)
    painter.end()
    written = QBuffer()
    written.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(written, "PNG")  # type: ignore[call-overload]  # the stub knows file names only
    return bytes(written.data().data())


def _prepare() -> None:
    """An application for Qt, where there is none, and our font."""
    global _application
    from PySide6.QtGui import QGuiApplication

    from rushlight.ui.gui.theme import load_fonts

    if QGuiApplication.instance() is None:
        _application = QGuiApplication(["rushlight", "-platform", "offscreen"])
        load_fonts()
