"""Every sentence of every face goes through `text`: the English is the key, other languages are looked up by it.

English is complete by construction. A catalogue is opened only when the environment asks for another language and
`ui/locale/LANGUAGE/LC_MESSAGES/rushlight.mo` is there, so that English costs no import.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gettext import NullTranslations

LOCALE = Path(__file__).parent / "locale"
_ENGLISH = ("", "c", "posix", "en")


def text(sentence: str, /, **values: object) -> str:
    """`sentence` in the user's language, its {named} placeholders filled.

    >>> text("{count} models", count=3)
    '3 models'
    """
    catalogue = _catalogue()
    if catalogue is None or not sentence:  # gettext answers "" with the catalogue's head
        return sentence.format_map(values) if values else sentence
    return _filled(catalogue.gettext(sentence), sentence, values)


def plural(one: str, many: str, count: int, /, **values: object) -> str:
    """`one` or `many` by the language's own rule; both may use {count}."""
    values["count"] = count
    catalogue = _catalogue()
    english = one if count == 1 else many
    if catalogue is None:
        return english.format_map(values)
    return _filled(catalogue.ngettext(one, many, count), english, values)


def _filled(translated: str, english: str, values: dict[str, Any]) -> str:
    """A translation with a wrong placeholder must not break a program that works in English."""
    if not values:
        return translated
    try:
        return translated.format_map(values)
    except (KeyError, IndexError, ValueError, AttributeError):
        return english.format_map(values)


def language() -> str:
    """The language asked for, as gettext reads it: the first of LANGUAGE, LC_ALL, LC_MESSAGES and LANG that is set."""
    for variable in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(variable)
        if value:
            return value.partition(":")[0].partition(".")[0].partition("@")[0]
    return ""


def is_english() -> bool:
    """Whether the sentences stay as they are: that was asked for, or there is no catalogue of what was."""
    return _catalogue() is None


_opened: tuple[str, "NullTranslations | None"] | None = None


def _catalogue() -> "NullTranslations | None":
    global _opened
    wanted = language()
    if _opened is None or _opened[0] != wanted:
        _opened = (wanted, _open(wanted))
    return _opened[1]


def _open(wanted: str) -> "NullTranslations | None":
    if wanted.partition("_")[0].lower() in _ENGLISH or not wanted.replace("_", "").isalnum():
        return None
    for name in (wanted, wanted.partition("_")[0]):
        file = LOCALE / name / "LC_MESSAGES" / "rushlight.mo"
        if file.is_file():
            import gettext

            try:
                with file.open("rb") as stream:
                    catalogue = gettext.GNUTranslations(stream)
            except (OSError, ValueError, LookupError):  # a broken catalogue: English
                return None
            # click asks gettext for its own words (“Usage:”); the catalogue has those a user meets.
            gettext.bindtextdomain("rushlight", str(LOCALE))
            gettext.textdomain("rushlight")
            return catalogue
    return None
