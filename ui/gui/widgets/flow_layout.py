"""A layout that puts widgets beside each other and goes on in the next line where the room ends."""

from PySide6.QtCore import QMargins, QPoint, QRect, QSize, Qt
from PySide6.QtWidgets import QLayout, QLayoutItem, QWidget


class FlowLayout(QLayout):
    """For chips and buttons whose number nobody knows. Mirrored in languages that are written from the right."""

    def __init__(self, parent: QWidget | None = None, *, spacing: int = 8, centered: bool = False) -> None:
        super().__init__()
        self._items: list[QLayoutItem] = []
        self._gap = spacing
        self._is_centered = centered
        self.setContentsMargins(QMargins(0, 0, 0, 0))
        if parent is not None:
            parent.setLayout(self)

    def set_spacing(self, spacing: int) -> None:
        """Pixels between widgets and between lines."""
        self._gap = spacing
        self.invalidate()

    def addItem(self, item: QLayoutItem) -> None:
        self._items.append(item)

    def count(self) -> int:
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def expandingDirections(self) -> Qt.Orientation:
        return Qt.Orientation(0)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return self._place(QRect(0, 0, width, 0), really=False)

    def setGeometry(self, rect: QRect) -> None:
        super().setGeometry(rect)
        self._place(rect, really=True)

    def sizeHint(self) -> QSize:
        return self.minimumSize()

    def minimumSize(self) -> QSize:
        least = QSize()
        for item in self._items:
            if not item.isEmpty():
                least = least.expandedTo(item.minimumSize())
        return least

    def _place(self, rect: QRect, *, really: bool) -> int:
        """The height of all lines. What is lower than its line stands in the middle of it."""
        room = max(1, rect.width())
        lines: list[list[tuple[QLayoutItem, QSize]]] = []
        x = 0
        for item in self._items:
            if item.isEmpty():
                continue
            hint = item.sizeHint()
            is_tight = hint.width() > room and item.hasHeightForWidth()  # words that wrap need more lines then
            size = QSize(min(hint.width(), room), item.heightForWidth(room) if is_tight else hint.height())
            if not lines or x + size.width() > room:
                lines.append([])
                x = 0
            lines[-1].append((item, size))
            x += size.width() + self._gap
        parent = self.parentWidget()
        is_mirrored = parent is not None and parent.layoutDirection() == Qt.LayoutDirection.RightToLeft
        y = rect.y()
        for line in lines:
            height = max(size.height() for _, size in line)
            x = rect.x()
            if self._is_centered:
                x += (room - sum(size.width() for _, size in line) - self._gap * (len(line) - 1)) // 2
            for item, size in line:
                if really:
                    left = rect.x() + rect.right() + 1 - x - size.width() if is_mirrored else x
                    item.setGeometry(QRect(QPoint(left, y + (height - size.height()) // 2), size))
                x += size.width() + self._gap
            y += height + self._gap
        return y - rect.y() - (self._gap if lines else 0)
