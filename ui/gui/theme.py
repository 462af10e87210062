"""Colours, fonts and sizes of the window: light or dark as the system says or the user wants, text 100 to 300 %.

Knows the tokens, the shipped fonts and Qt's palette; the style sheet itself is in `sheet.py`. One for all windows.
"""

from pathlib import Path
from typing import Literal, TypeAlias

from PySide6.QtCore import QDir, QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication

from rushlight.ui.desk.tokens import DARK, LIGHT, Tokens
from rushlight.ui.gui.sheet import sheet

Choice: TypeAlias = Literal["system", "light", "dark"]
CHOICES: tuple[Choice, ...] = ("system", "light", "dark")

FONTS = Path(__file__).parent / "assets" / "fonts"
TEXT_FAMILY, CODE_FAMILY = "Inter", "JetBrains Mono"
_SIZES_PX = {"text": 14.0, "list": 13.0, "small": 12.0, "title": 20.0, "large": 28.0, "code": 12.5}
SCALE_LEAST, SCALE_MOST = 1.0, 3.0
STEPS = (1.0, 1.1, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0)

_are_fonts_loaded = False


def load_fonts() -> None:
    """Make the shipped fonts, and the drawings of the style sheet, known to Qt, once a process."""
    global _are_fonts_loaded
    if not _are_fonts_loaded:
        _are_fonts_loaded = True
        QDir.addSearchPath("sheet", str(FONTS.parent / "sheet"))
        for file in sorted(FONTS.glob("*.[ot]tf")):
            QFontDatabase.addApplicationFont(str(file))


class Theme(QObject):
    """How everything looks now. `changed` is emitted after any of it has changed."""

    changed = Signal()

    def __init__(self, choice: str = "system", scale: float = 1.0, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._choice: Choice = _known(choice)
        self._scale = _within(scale)
        self.tokens: Tokens = self._find_tokens()
        hints = QGuiApplication.styleHints()
        hints.colorSchemeChanged.connect(self._follow_system)

    # --- what is asked of it ------------------------------------------------------------------------------------
    @property
    def choice(self) -> Choice:
        """What the user wants: system, light or dark."""
        return self._choice

    @property
    def scale(self) -> float:
        """1.0 to 3.0."""
        return self._scale

    @property
    def is_dark(self) -> bool:
        return self.tokens.name == "dark"

    def px(self, n: float) -> int:
        """`n` pixels of the drawings at the present scale."""
        return max(1, round(n * self._scale)) if n > 0 else round(n * self._scale)

    def font(self, role: str = "text", *, bold: bool = False, italic: bool = False) -> QFont:
        """A font by what it is for: text, list, small, title, large, code. Titles are semi-bold by themselves."""
        font = QFont(CODE_FAMILY if role == "code" else TEXT_FAMILY)
        font.setHintingPreference(QFont.HintingPreference.PreferNoHinting)  # letters stand where the font says
        font.setStyleHint(QFont.StyleHint.Monospace if role == "code" else QFont.StyleHint.SansSerif)
        screen = QGuiApplication.primaryScreen()
        dots_per_inch = screen.logicalDotsPerInchY() if screen is not None else 96.0
        # Points, since a font's size in pixels is a whole number and 12.5 is not.
        font.setPointSizeF(_SIZES_PX[role] * self._scale * 72.0 / dots_per_inch)
        if role in ("title", "large"):
            font.setWeight(QFont.Weight.DemiBold)
        if bold:
            font.setWeight(QFont.Weight.Bold if role == "code" else QFont.Weight.DemiBold)
        font.setItalic(italic)
        return font

    def color(self, name: str) -> QColor:
        """The token of that name as a colour."""
        return QColor(getattr(self.tokens, name))

    def stylesheet(self) -> str:
        """The style sheet of the whole program."""
        is_mirrored = QGuiApplication.layoutDirection() == Qt.LayoutDirection.RightToLeft
        return sheet(self.tokens, self.px, is_mirrored=is_mirrored)

    def palette(self) -> QPalette:
        """The same colours for what no style sheet reaches: painted views, native dialogs, disabled text."""
        tokens, palette = self.tokens, QPalette()
        role = QPalette.ColorRole
        for name, value in (
            (role.Window, tokens.background),
            (role.WindowText, tokens.ink),
            (role.Base, tokens.surface),
            (role.AlternateBase, tokens.side),
            (role.Text, tokens.ink),
            (role.Button, tokens.surface),
            (role.ButtonText, tokens.ink),
            (role.BrightText, tokens.on_accent),
            (role.Highlight, tokens.accent),
            (role.HighlightedText, tokens.on_accent),
            (role.PlaceholderText, tokens.muted),
            (role.ToolTipBase, tokens.raised),
            (role.ToolTipText, tokens.ink),
            (role.Link, tokens.accent),
            (role.LinkVisited, tokens.accent),
            (role.Light, tokens.raised),
            (role.Midlight, tokens.line),
            (role.Mid, tokens.line),
            (role.Dark, tokens.faint),
            (role.Shadow, tokens.line),
            (role.Accent, tokens.accent),
        ):
            palette.setColor(name, QColor(value))
        for name in (role.WindowText, role.Text, role.ButtonText, role.HighlightedText):
            palette.setColor(QPalette.ColorGroup.Disabled, name, QColor(tokens.faint))
        return palette

    # --- changes ------------------------------------------------------------------------------------------------
    def set_choice(self, choice: str) -> None:
        """Light, dark, or as the system says."""
        self._choice = _known(choice)
        self._ask_platform()
        self._look_again()

    def next_choice(self) -> None:
        """The one after the present one, in a circle."""
        self.set_choice(CHOICES[(CHOICES.index(self._choice) + 1) % len(CHOICES)])

    def set_scale(self, scale: float) -> None:
        """Text and everything around it this much larger than drawn."""
        scale = _within(scale)
        if scale != self._scale:
            self._scale = scale
            self._spread()

    def step_scale(self, direction: int) -> None:
        """The next larger (1) or smaller (-1) size."""
        if direction > 0:
            self.set_scale(next((step for step in STEPS if step > self._scale + 0.01), SCALE_MOST))
        else:
            self.set_scale(next((step for step in reversed(STEPS) if step < self._scale - 0.01), SCALE_LEAST))

    def apply(self) -> None:
        """Give it to the application: fonts, style, palette, style sheet. Once at the start; changes follow."""
        load_fonts()
        application = _application()
        application.setStyle("Fusion")
        self._ask_platform()
        self.tokens = self._find_tokens()
        self._dress(application)

    def _ask_platform(self) -> None:
        """Frames of windows and native dialogs go along, where the platform can."""
        schemes = {"system": Qt.ColorScheme.Unknown, "light": Qt.ColorScheme.Light, "dark": Qt.ColorScheme.Dark}
        QGuiApplication.styleHints().setColorScheme(schemes[self._choice])

    def _find_tokens(self) -> Tokens:
        if self._choice != "system":
            return DARK if self._choice == "dark" else LIGHT
        return DARK if QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark else LIGHT

    def _follow_system(self, _scheme: Qt.ColorScheme) -> None:
        self._look_again()

    def _look_again(self) -> None:
        tokens = self._find_tokens()
        if tokens is not self.tokens:
            self.tokens = tokens
            self._spread()

    def _spread(self) -> None:
        self._dress(_application())
        self.changed.emit()

    def _dress(self, application: QApplication) -> None:
        application.setPalette(self.palette())
        application.setFont(self.font("text"))
        application.setStyleSheet(self.stylesheet())


def _application() -> QApplication:
    application = QApplication.instance()
    assert isinstance(application, QApplication), "a theme is applied to a running application"
    return application


def _known(choice: str) -> Choice:
    return next((one for one in CHOICES if one == choice), "system")


def _within(scale: float) -> float:
    return min(SCALE_MOST, max(SCALE_LEAST, float(scale)))
