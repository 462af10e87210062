"""Fonts, colours and distances of the message view, taken from the theme once and kept until it changes.

Knows the theme and Qt's text formats; knows no message.
"""

from dataclasses import dataclass
from functools import cached_property

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QGuiApplication, QTextCharFormat

from rushlight.ui.desk.blocks import Span
from rushlight.ui.gui.theme import Theme

_HEADINGS_PX = {1: 20.0, 2: 18.0, 3: 16.0, 4: 14.5, 5: 14.0, 6: 14.0}
_TEXT_PX = 14.0


class Style:
    """What the parts of the view ask for. A new one is made when the theme changes."""

    def __init__(self, theme: Theme, *, is_bare: bool = False) -> None:
        """`is_bare`: nothing stands below messages, so no room is kept for it."""
        self.theme = theme
        self.is_bare = is_bare
        self.tokens = theme.tokens
        self.px = theme.px
        self.is_mirrored = QGuiApplication.layoutDirection() == Qt.LayoutDirection.RightToLeft
        self._formats: dict[tuple[object, ...], QTextCharFormat] = {}
        self._fonts: dict[tuple[object, ...], QFont] = {}
        self._colors: dict[str, QColor] = {}

    def color(self, token: str) -> QColor:
        color = self._colors.get(token)
        if color is None:
            color = self._colors[token] = self.theme.color(token)
        return color

    @cached_property
    def column(self) -> int:
        """The width of a reply."""
        return self.px(760)

    @cached_property
    def bubble(self) -> int:
        """The greatest width of what the user said."""
        return self.px(560)

    @cached_property
    def line_height(self) -> int:
        return self.px(22)

    @cached_property
    def code_line_height(self) -> int:
        return self.px(20)

    @cached_property
    def block_gap(self) -> int:
        return self.px(12)

    @cached_property
    def tight_gap(self) -> int:
        return self.px(4)

    @cached_property
    def code_advance(self) -> float:
        """The width of one letter of code."""
        return QFontMetricsF(self.font("code")).horizontalAdvance("0")

    def font(self, role: str, *, bold: bool = False, italic: bool = False, level: int = 0) -> QFont:
        key = (role, bold, italic, level)
        font = self._fonts.get(key)
        if font is None:
            font = QFont(self.theme.font(role, bold=bold or level > 0, italic=italic))
            if level:
                factor = _HEADINGS_PX[level] / _TEXT_PX
                font.setPointSizeF(self.theme.font("text").pointSizeF() * factor)
            if role == "code":
                font.setFeature(QFont.Tag("calt"), 0)  # letters of code stay what was written: -> is no arrow
            self._fonts[key] = font
        return font

    def format_of(self, span: Span, level: int, ink: str) -> QTextCharFormat | None:
        """How a span is drawn; None: as the text around it."""
        is_code = span.is_code or bool(span.formula)
        color = "accent" if span.link else "muted" if span.is_aside or span.image else ink
        key = (span.is_bold, span.is_italic, span.is_struck, is_code, bool(span.link), bool(span.image), color, level)
        if key == (False, False, False, False, False, False, ink, level):
            return None
        made = self._formats.get((*key, ink))
        if made is None:
            made = QTextCharFormat()
            if is_code:
                made.setFont(self._code_like(level, span))
            else:
                made.setFont(
                    self.font("text", bold=span.is_bold, italic=span.is_italic, level=level)
                    if not span.image
                    else self.font("small")
                )
            if span.is_struck:
                made.setFontStrikeOut(True)
            if span.link:
                made.setFontUnderline(True)
            made.setForeground(self.color(color))
            self._formats[(*key, ink)] = made
        return made

    def _code_like(self, level: int, span: Span) -> QFont:
        font = QFont(self.font("code", bold=span.is_bold or level > 0, italic=span.is_italic))
        if level:
            font.setPointSizeF(font.pointSizeF() * _HEADINGS_PX[level] / _TEXT_PX)
        return font

    @cached_property
    def code_colors(self) -> dict[str, tuple[QColor, bool]]:
        """Colour and slant of what the highlighter names."""
        return {
            "keyword": (self.color("accent"), False),
            "string": (self.color("good"), False),
            "number": (self.color("info"), False),
            "name": (self.color("info"), False),
            "comment": (self.color("muted"), True),
            "wrong": (self.color("bad"), False),
        }

    @cached_property
    def selection(self) -> QTextCharFormat:
        made = QTextCharFormat()
        made.setBackground(self.color("accent"))
        made.setForeground(self.color("on_accent"))
        return made

    @cached_property
    def found(self) -> QTextCharFormat:
        made = QTextCharFormat()
        made.setBackground(self.color("accent_soft"))
        made.setForeground(self.color("ink"))
        return made

    @cached_property
    def found_current(self) -> QTextCharFormat:
        made = QTextCharFormat()
        made.setBackground(self.color("flame"))
        made.setForeground(QColor("#221F1B"))
        return made


@dataclass(frozen=True, slots=True)
class Marks:
    """What of one block is marked: positions in its text, in UTF-16 units."""

    selected: tuple[int, int] | None = None
    found: tuple[tuple[int, int], ...] = ()
    current: tuple[int, int] | None = None
    focused: tuple[int, int] | None = None


NO_MARKS = Marks()


def direction_of(text: str) -> Qt.LayoutDirection:
    """The direction of the first letter that has one."""
    if text.isascii():
        return Qt.LayoutDirection.LeftToRight
    from unicodedata import bidirectional

    for letter in text[:400]:
        kind = bidirectional(letter)
        if kind == "L":
            return Qt.LayoutDirection.LeftToRight
        if kind in ("R", "AL"):
            return Qt.LayoutDirection.RightToLeft
    return Qt.LayoutDirection.LeftToRight
