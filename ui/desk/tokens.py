"""The colours of Rushlight by meaning, light and dark: candlelight on paper, one flame.

Both faces take every colour from here. Knows no toolkit: values are "#RRGGBB".
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tokens:
    """One theme. Text colours hold a contrast of 4.5 : 1 on the grounds they stand on; `faint` may be missed."""

    name: str  # light, dark
    background: str
    side: str
    surface: str
    raised: str
    ink: str
    muted: str
    faint: str
    line: str
    accent: str
    on_accent: str  # text on the accent
    accent_soft: str
    flame: str
    good: str
    good_soft: str
    bad: str
    bad_soft: str
    info: str
    code_background: str


LIGHT = Tokens(
    name="light",
    background="#FBF8F3",
    side="#F4EFE7",
    surface="#FFFFFF",
    raised="#FFFFFF",
    ink="#221F1B",
    muted="#6F665D",
    faint="#A69C90",
    line="#E6DFD4",
    accent="#A05518",
    on_accent="#FFFFFF",
    accent_soft="#F8E7D3",
    flame="#E08A2E",
    good="#387654",
    good_soft="#E1EFE6",
    bad="#B3423A",
    bad_soft="#F8E3E1",
    info="#34688C",
    code_background="#F6F1E9",
)
DARK = Tokens(
    name="dark",
    background="#161410",
    side="#1B1814",
    surface="#1F1C17",
    raised="#26221C",
    ink="#EEE8DE",
    muted="#A59C8F",
    faint="#776F64",
    line="#332E27",
    accent="#F0A24A",
    on_accent="#221F1B",
    accent_soft="#3A2A17",
    flame="#F0A24A",
    good="#7FBF9A",
    good_soft="#1D2E25",
    bad="#E58A82",
    bad_soft="#3A1F1D",
    info="#8DB8D6",
    code_background="#1A1713",
)
