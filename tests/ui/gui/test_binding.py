"""What the installed PySide6 must not do: 6.12.0 loses a reference to None with every call that returns nothing."""

import sys
from typing import Any

from PySide6.QtGui import QPainter, QPixmap


def test_calls_that_return_nothing_cost_no_reference(qapp: Any) -> None:
    pixmap = QPixmap(8, 8)
    painter = QPainter(pixmap)
    before = sys.getrefcount(None)
    for _ in range(500):
        painter.save()
        painter.restore()
    lost = before - sys.getrefcount(None)
    painter.end()
    assert lost < 100, "this PySide6 ends the process after a while; see pyproject.toml"
