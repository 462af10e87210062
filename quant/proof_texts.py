"""The texts of a proof: hard ones for tokenizers, plain ones for logits, and five prompts."""

import unicodedata
from collections.abc import Iterator
from typing import Final

from rushlight.quant.convert.pre_tokenizers import HARD_TEXT

# first and last letter of scripts, and of what stands between them
_SCRIPTS: Final = (
    (0x00A1, 0x017F),
    (0x0370, 0x03FF),
    (0x0400, 0x04FF),
    (0x0531, 0x0587),
    (0x05D0, 0x05EA),
    (0x0620, 0x06D3),
    (0x0905, 0x0939),
    (0x0E01, 0x0E2E),
    (0x10D0, 0x10FA),
    (0x3041, 0x30FE),
    (0x4E00, 0x4EFF),
    (0xAC00, 0xACFF),
    (0x2010, 0x2044),
    (0x2190, 0x22FF),
    (0x1F300, 0x1F3FF),
    (0x1F600, 0x1F64F),
)


def _words() -> Iterator[str]:
    """Words of each script in lengths from 1 to 7, with every kind of sign between them."""
    between = (" ", "  ", "\n", ", ", "-", "'s ", " 42", "\t", "? ", " (", ") ", "_", "/", "\n\n", "…", "1")
    for first, last in _SCRIPTS:
        letters = [chr(code) for code in range(first, last + 1) if unicodedata.category(chr(code)) != "Cn"]
        text, at, step = "", 0, 0
        while at < len(letters):
            length = step % 7 + 1
            text += "".join(letters[at : at + length]) + between[step % len(between)]
            at, step = at + length, step + 1
        yield text


HARD_TEXTS: Final = (
    HARD_TEXT,
    "",
    " ",
    "a",
    "\n",
    "   leading and trailing   ",
    "\t\tdef f(x, *args, **kw) -> None:\n\t\treturn {'a': [1, 2.5e-3], \"b\": x @ y ** 2}  # ok\n",
    "SELECT * FROM t WHERE a >= 10 AND b <> 'x''y'; -- comment\r\n/* c */",
    "1 12 123 1234 12345 123456 1234567 0x1F 1e10 ½ ¾ 3.14.15 1,000,000",
    "don't DON'T Don't won't we'll WE'LL I'm you've y'all 'tis rock'n'roll O'Neill's",
    "https://example.org/a/b?c=d&e=%20f#g user@example.org C:\\temp\\x.txt ~/.config",
    "ÀÉÎÕÜ àéîõü e\u0301 n\u0303 ﬁﬂ Ⅻ ① ﷺ \u200b zero\u200dwidth \ufeffbom \u00adsoft",
    "👩‍👩‍👧‍👦 🏳️‍🌈 🇩🇪🇫🇷 👍🏽 ☺️ ❤️",
    "a" * 300,
    " " * 40 + "x" + "\n" * 20,
    *_words(),
)
LOGIT_TEXTS: Final = (
    "A candle made at home from the pith of a rush, soaked in fat, burned for about half an hour. People who could "
    "not afford wax read and worked by such lights until well into the nineteenth century, and judged them by the "
    "steadiness of the flame.",
    "def greatest_common_divisor(a: int, b: int) -> int:\n    while b:\n        a, b = b, a % b\n    return abs(a)\n\n"
    "assert greatest_common_divisor(48, 36) == 12\n",
    "Die Fähre legt um Viertel nach sieben ab. Wer zu spät kommt, wartet zwei Stunden; im Winter fährt nur das Boot am "
    "Morgen. 请在七点前到码头。 Билеты продаются на пристани.",
    '{"name": "rushlight", "version": [0, 1, 0], "ratios": {"Q4_0": 0.82, "Q8_0": 1.0}, "notes": null}',
)
GOLDEN_PROMPTS: Final = (
    "The capital of France is",
    "1, 2, 3, 4, 5, 6,",
    "def add(a, b):\n    return",
    "Dear Sir or Madam,\n\nI am writing to",
    "Once upon a time there was a",
)
