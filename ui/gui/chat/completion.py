"""What the composer offers while somebody types `/`, `@` or `#`: found in plain text, answered with plain values.

Knows the actions, names of models and presets, and folders; knows no widget. Nothing here is taken by itself: a
candidate is what the user may choose.
"""

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.words import text

Kind: TypeAlias = Literal["action", "preset", "model", "database", "file", "folder", "note"]
MAX_CANDIDATES = 50
MAX_FOLDER_ENTRIES = 2000  # of a folder, looked at
_ARGUMENT = re.compile(r"/(model|preset) +(.*)", re.DOTALL)
_COMMAND = re.compile(r"\s?/([a-z][a-z-]*)\s*", re.IGNORECASE)
_WITH_TEXT = re.compile(r"/(system|title|rename|model|preset)\s+(\S.*)", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Trigger:
    """What is being completed: the sign, where it stands, and what was typed behind it."""

    sign: str
    start: int
    word: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """One thing to choose. A note is only to be read. `value` is an id, a name or a path."""

    kind: Kind
    value: str
    title: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Command:
    """A command with its text, as sent: "/system Be brief.\""""

    name: str
    argument: str


def trigger_at(written: str, cursor: int) -> Trigger | None:
    """The sign whose completion the cursor stands in. `/` only begins a message; `@` and `#` begin a word."""
    before = written[:cursor]
    if before.startswith("/") and "\n" not in before:
        if " " not in before or _ARGUMENT.match(before):
            return Trigger("/", 0, before[1:])
        return None
    quoted = re.search(r'(?:^|\s)@"([^"\n]*)$', before)
    if quoted:
        return Trigger("@", quoted.start(1) - 2, quoted.group(1))
    found = re.search(r"(?:^|(?<=\s))([@#])([^\s@#]*)$", before)
    return Trigger(found.group(1), found.start(1), found.group(2)) if found else None


def slash_candidates(
    word: str, commands: Sequence[tuple[str, str]], presets: Sequence[str], models: Sequence[tuple[str, str]]
) -> list[Candidate]:
    """For `/`: `commands` are (action id, title), `models` (id, detail). "model x" and "preset x" look only there."""
    chosen = _ARGUMENT.match("/" + word)
    if chosen:
        return (
            _model_candidates(chosen.group(2), models)
            if chosen.group(1) == "model"
            else _presets(chosen.group(2), presets)
        )
    actions = [Candidate("action", id_, "/" + command_name(id_), title) for id_, title in commands]
    return _best(word, [*actions, *_presets("", presets)])


def at_candidates(
    word: str,
    models: Sequence[tuple[str, str]],
    entries: Sequence[Candidate],
    databases: Sequence[tuple[str, str]] = (),
) -> list[Candidate]:
    """For `@`: databases (what is written behind the sign, title) and models whose name holds the word, then what the
    folder that the word names has (`folder_entries`)."""
    named = [] if _has_folder(word) else [*_database_candidates(word, databases), *_model_candidates(word, models)]
    leaf = re.split(r"[/\\]", word)[-1]
    shown = [one for one in entries if leaf.startswith(".") or not Path(one.value).name.startswith(".")]
    return [*named[:8], *_best(leaf, shown)][:MAX_CANDIDATES]


def library_candidates() -> list[Candidate]:
    """For `#`: there are no libraries yet, and that is said."""
    return [Candidate("note", "", text("No library yet"), text("Documents come in a later version of Rushlight."))]


def folder_of(word: str, home: Path) -> Path:
    """The folder in which the word's last part is looked for: absolute, from ~, or in the user's own folder."""
    head = word[: len(word) - len(re.split(r"[/\\]", word)[-1])]
    if head.startswith("~"):
        head = head[1:].lstrip("/\\")
    return home / head if head else home


def folder_entries(folder: Path) -> list[Candidate]:
    """Files and folders in `folder`, folders first; [] where it cannot be read."""
    found: list[tuple[bool, str, Candidate]] = []
    try:
        with os.scandir(folder) as entries:
            for number, entry in enumerate(entries):
                if number >= MAX_FOLDER_ENTRIES:
                    break
                is_folder = entry.is_dir()
                name = plain_line(entry.name)
                candidate = Candidate("folder" if is_folder else "file", entry.path, name + ("/" if is_folder else ""))
                found.append((not is_folder, name.casefold(), candidate))
    except (OSError, ValueError):
        return []
    return [candidate for _, _, candidate in sorted(found, key=lambda one: one[:2])]


def word_for_folder(path: str, home: Path) -> str:
    """How a chosen folder is written behind `@`, so that typing goes on in it."""
    folder = Path(path)
    written = folder.relative_to(home).as_posix() if folder.is_relative_to(home) else folder.as_posix()
    return f'"{written}/' if re.search(r"\s", written) else f"{written}/"


def command_name(action_id: str) -> str:
    """The part of an action's id that is typed behind the slash."""
    return action_id.rpartition(".")[2]


def lone_command(written: str) -> str | None:
    """The name, where the whole text is one word behind a slash; a path such as /etc/hosts is none."""
    found = _COMMAND.fullmatch(written)
    return found.group(1).lower() if found and not written.startswith((" ", "\n")) else None


def command_with_text(written: str) -> Command | None:
    """/system, /title, /model and /preset with what stands behind them."""
    found = _WITH_TEXT.fullmatch(written.rstrip())
    return Command(found.group(1).lower(), found.group(2).strip()) if found else None


def _has_folder(word: str) -> bool:
    return word.startswith(("~", "/")) or "\\" in word


def _presets(word: str, presets: Iterable[str]) -> list[Candidate]:
    return _best(word, [Candidate("preset", name, f"/preset {plain_line(name)}", text("preset")) for name in presets])


def _model_candidates(word: str, models: Iterable[tuple[str, str]]) -> list[Candidate]:
    return _best(word, [Candidate("model", id_, id_, detail or text("model")) for id_, detail in models])


def _database_candidates(word: str, databases: Iterable[tuple[str, str]]) -> list[Candidate]:
    found = [Candidate("database", written, plain_line(title), text("database")) for written, title in databases]
    return _best(word, found)[:4]


def _best(word: str, candidates: Iterable[Candidate]) -> list[Candidate]:
    """Those that hold the word: begun by it first, else in the given order."""
    wanted = word.casefold()
    ranked: list[tuple[int, int, Candidate]] = []
    for number, one in enumerate(candidates):
        name = one.title.removeprefix("/").removeprefix("preset ").casefold()
        if name.startswith(wanted) or one.title.casefold().startswith("/" + wanted):
            ranked.append((0, number, one))
        elif wanted in name or (one.kind in ("action", "model") and wanted in one.detail.casefold()):
            ranked.append((1, number, one))
    return [one for _, _, one in sorted(ranked, key=lambda item: item[:2])][:MAX_CANDIDATES]
