"""How tokens of colour become themes and styles of a terminal.

Every colour comes from `ui/desk/tokens.py`. Styles are made once per theme: drawing a line only picks them.
Knows no widget.
"""

from dataclasses import dataclass
from functools import lru_cache

from rich.style import Style
from textual.theme import Theme

from rushlight.ui.desk.tokens import DARK, LIGHT, Tokens

THEME_NAMES = ("rushlight-dark", "rushlight-light")


def tokens_of(theme_name: str) -> Tokens:
    """The colours of one of our themes."""
    return LIGHT if theme_name == "rushlight-light" else DARK


def theme_of(tokens: Tokens) -> Theme:
    """A Textual theme. Our own style sheet uses its variables ($ink, $accent-soft ...) and nothing computed."""
    own = {
        name.replace("_", "-"): getattr(tokens, name)
        for name in Tokens.__slots__
        if name not in ("name", "background", "surface", "accent")
    }
    return Theme(
        name=f"rushlight-{tokens.name}",
        primary=tokens.accent,
        secondary=tokens.info,
        accent=tokens.accent,
        warning=tokens.flame,
        error=tokens.bad,
        success=tokens.good,
        foreground=tokens.ink,
        background=tokens.background,
        surface=tokens.surface,
        panel=tokens.raised,
        boost=tokens.raised,
        dark=tokens.name == "dark",
        variables={
            **own,
            "text": tokens.ink,
            "border": tokens.accent,
            "border-blurred": tokens.line,
            "scrollbar": tokens.line,
            "scrollbar-hover": tokens.muted,
            "scrollbar-active": tokens.accent,
            "scrollbar-background": tokens.background,
            "scrollbar-background-hover": tokens.background,
            "scrollbar-background-active": tokens.background,
            "scrollbar-corner-color": tokens.background,
            "block-cursor-background": tokens.accent,
            "block-cursor-foreground": tokens.on_accent,
            "block-cursor-text-style": "none",
            "block-cursor-blurred-background": tokens.accent_soft,
            "block-cursor-blurred-foreground": tokens.ink,
            "block-hover-background": tokens.raised,
            "input-cursor-background": tokens.ink,
            "input-cursor-foreground": tokens.background,
            "input-selection-background": tokens.accent_soft,
            "screen-selection-background": tokens.accent_soft,
            "screen-selection-foreground": tokens.ink,
        },
    )


@dataclass(frozen=True, slots=True)
class Look:
    """Styles by meaning, for lines that are drawn and not laid out."""

    tokens: Tokens
    page: Style
    muted: Style
    faint: Style
    accent: Style
    strong: Style
    good: Style
    bad: Style
    info: Style
    bubble: Style
    code: Style
    code_line: Style
    chip: Style
    chip_on: Style
    selected: Style
    found: Style
    found_now: Style
    flame: Style


@lru_cache(maxsize=2)
def look_of(theme_name: str) -> Look:
    """The styles of one of our themes."""
    one = tokens_of(theme_name)

    def on(ground: str, ink: str, bold: bool = False, underline: bool = False) -> Style:
        return Style(color=ink, bgcolor=ground, bold=bold or None, underline=underline or None)

    return Look(
        tokens=one,
        page=on(one.background, one.ink),
        muted=on(one.background, one.muted),
        faint=on(one.background, one.faint),
        accent=on(one.background, one.accent),
        strong=on(one.background, one.ink, bold=True),
        good=on(one.background, one.good),
        bad=on(one.background, one.bad),
        info=on(one.background, one.info),
        bubble=on(one.accent_soft, one.ink),
        code=on(one.code_background, one.ink),
        code_line=on(one.background, one.line),
        chip=on(one.raised, one.muted),
        chip_on=on(one.accent_soft, one.accent),
        selected=on(one.background, one.accent, bold=True),
        found=on(one.accent_soft, one.ink, underline=True),
        found_now=on(one.accent, one.on_accent),
        flame=on(one.background, one.flame),
    )
