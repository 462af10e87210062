"""Colours that can be read, light and dark, sizes from 100 to 300 %, fonts and icons that are really there."""

import re
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFontDatabase, QFontInfo, QGuiApplication
from PySide6.QtWidgets import QApplication

from rushlight.ui.desk.tokens import DARK, LIGHT, Tokens
from rushlight.ui.gui import icons
from rushlight.ui.gui.sheet import sheet
from rushlight.ui.gui.theme import CODE_FAMILY, FONTS, STEPS, TEXT_FAMILY, Theme, load_fonts

# What is written on what. `faint` is not among them: it may be missed, nothing is said by it alone.
PAIRS = [
    *[("ink", ground) for ground in ("background", "side", "surface", "raised", "accent_soft", "good_soft", "bad_soft",
                                     "code_background")],
    *[("muted", ground) for ground in ("background", "side", "surface", "raised", "accent_soft", "bad_soft",
                                       "code_background")],
    *[("accent", ground) for ground in ("background", "side", "surface", "raised", "accent_soft", "code_background")],
    *[("good", ground) for ground in ("background", "surface", "raised", "good_soft")],
    *[("bad", ground) for ground in ("background", "surface", "raised", "bad_soft")],
    *[("info", ground) for ground in ("background", "surface", "raised", "code_background")],
    ("on_accent", "accent"),
]  # fmt: skip


def luminance(color: str) -> float:
    """Relative luminance, WCAG 2.2."""
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_text_can_be_read(tokens: Tokens, text: str, ground: str) -> None:
    assert contrast(getattr(tokens, text), getattr(tokens, ground)) >= 4.5


@pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("ground", ["background", "side", "surface", "raised"])
def test_the_ring_of_the_focus_can_be_seen(tokens: Tokens, ground: str) -> None:
    assert contrast(tokens.accent, getattr(tokens, ground)) >= 3.0


def test_the_sheet_uses_the_tokens_only() -> None:
    for tokens in (LIGHT, DARK):
        known = {value.upper() for value in vars_of(tokens)}
        used = set(re.findall(r"#[0-9A-Fa-f]{6}", sheet(tokens, round)))
        mixed = {color for color in used if color.upper() not in known}
        assert len(mixed) <= 2  # the two grounds of a pressed primary button, made from tokens
        for color in mixed:
            assert contrast(tokens.on_accent, color) >= 4.5


def vars_of(tokens: Tokens) -> list[str]:
    return [getattr(tokens, name) for name in tokens.__dataclass_fields__ if name != "name"]


def test_light_and_dark_follow_the_choice(qapp: QApplication, theme: Theme) -> None:
    heard: list[str] = []
    theme.changed.connect(lambda: heard.append(theme.tokens.name))
    theme.set_choice("dark")
    assert theme.is_dark
    assert heard == ["dark"]
    assert qapp.palette().window().color() == QColor(DARK.background)
    theme.set_choice("dark")
    assert heard == ["dark"]
    theme.next_choice()
    assert theme.choice == "system"
    theme.set_choice("light")
    assert not theme.is_dark
    assert Theme("nonsense").choice == "system"


def test_the_system_is_followed(theme: Theme, monkeypatch: pytest.MonkeyPatch) -> None:
    theme.set_choice("system")
    hints = QGuiApplication.styleHints()
    assert theme.is_dark == (hints.colorScheme() == Qt.ColorScheme.Dark)
    hints.setColorScheme(Qt.ColorScheme.Dark)
    assert theme.is_dark == (hints.colorScheme() == Qt.ColorScheme.Dark)
    theme.set_choice("light")
    hints.setColorScheme(Qt.ColorScheme.Dark)
    assert not theme.is_dark


def test_sizes(theme: Theme) -> None:
    assert theme.px(16) == 16
    text = theme.font("text").pointSizeF()
    theme.set_scale(2.0)
    assert theme.px(16) == 32
    assert theme.font("text").pointSizeF() == pytest.approx(2 * text)
    theme.set_scale(99)
    assert theme.scale == 3.0
    theme.set_scale(0.1)
    assert theme.scale == 1.0
    seen = [theme.scale]
    for _ in STEPS:
        theme.step_scale(1)
        seen.append(theme.scale)
    assert seen == [*STEPS, STEPS[-1]]
    theme.step_scale(-1)
    assert theme.scale == STEPS[-2]


@pytest.mark.parametrize("role", ["text", "list", "small", "title", "large", "code"])
def test_the_shipped_fonts_are_used(theme: Theme, role: str) -> None:
    info = QFontInfo(theme.font(role))
    assert info.family() == (CODE_FAMILY if role == "code" else TEXT_FAMILY)
    assert QFontInfo(theme.font(role, bold=True)).weight() >= 600
    assert QFontInfo(theme.font(role, italic=True)).italic()


def test_fonts_are_small_and_licensed(qapp: QApplication) -> None:
    load_fonts()
    assert {TEXT_FAMILY, CODE_FAMILY} <= set(QFontDatabase.families())
    files = list(FONTS.glob("*.[ot]tf"))
    assert len(files) == 7
    assert sum(file.stat().st_size for file in files) < 2_500_000
    for name in ("Inter", "JetBrainsMono"):
        assert "SIL OPEN FONT LICENSE" in (FONTS / f"OFL-{name}.txt").read_text()


@pytest.mark.parametrize("name", icons.names())
def test_icons_take_the_colour(theme: Theme, name: str) -> None:
    image = icons.pixmap(name, "#FF0000", 24).toImage()
    colors = {
        image.pixelColor(x, y).name() for x in range(24) for y in range(24) if image.pixelColor(x, y).alpha() > 250
    }
    assert colors == {"#ff0000"}


def test_icons_are_sharp_on_dense_screens(theme: Theme) -> None:
    assert icons.pixmap("copy", "#000000", 20, 2.0).width() == 40
    assert icons.sign("#000000", "#E08A2E", 32).width() == 32
    assert not icons.app_icon().isNull()
    assert "ISC License" in (icons.FOLDER / "LICENSE").read_text()


def test_every_icon_that_the_window_names_is_shipped() -> None:
    """Names are found by looking for them in the calls that take one."""
    import rushlight.ui.gui as package

    shipped = set(icons.names())
    call = re.compile(r"(?:IconButton\(\s*[\w.]+,\s*|\bicon\(|pixmap\(|icon_name=|set_icon\()\"([a-z0-9-]+)\"")
    for file in Path(package.__path__[0]).rglob("*.py"):
        for name in call.findall(file.read_text()):
            assert name in shipped, f"{file.name} wants the icon {name}"


def test_widgets_follow_a_change(theme: Theme, qtbot: Any) -> None:
    from rushlight.ui.gui.widgets import Chip, EmptyState, ErrorPanel, IconButton, Meter

    widgets = [
        Chip(theme, "a" * 100, opens=True),
        IconButton(theme, "copy", "Copy", keys="Ctrl+C"),
        Meter(theme, "Context"),
        EmptyState(theme, "Nothing", "yet", [("Do", lambda: None)], icon_name="box"),
        ErrorPanel(theme),
    ]
    for widget in widgets:
        qtbot.addWidget(widget)
        before = widget.sizeHint().height()
        theme.set_scale(2.0)
        widget.ensurePolished()
        assert widget.sizeHint().height() > before
        theme.set_scale(1.0)
