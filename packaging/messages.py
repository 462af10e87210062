"""The catalogues of other languages: `messages.py --write` takes new sentences in and compiles, without it checks.

English is the key and needs no file. Sentences are found as the first argument of `text` and the first two of
`plural` in ui/, and as the help of the settings; those that reach `text` as a variable are listed in `_LATER`.
The compiled files are kept in the repository, so that a build needs no tool for them.
"""

import ast
import io
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from rushlight import __version__

ROOT = Path(__file__).resolve().parents[1]
LOCALE = ROOT / "ui" / "locale"

Message = str | tuple[str, str]

# What other parts say in a word or two and a face shows through `text`: kinds of progress, units.
_LATER = (
    "Checking", "Copying", "Downloading", "Exporting", "Importing", "Indexing", "Reading", "Waiting", "load", "prompt",
    "bytes", "conversations", "messages", "tokens", "files",
    "Calibrating", "Comparing", "Converting", "Looking at weights", "Measuring", "Proving", "Quantizing", "Timing",
    "Loading", "Merging", "Reading examples", "Training", "Writing", "examples", "groups", "steps",
    "Planning", "Waiting for an idle machine", "Waiting for mains power",
    "modules", "tensors", "windows", "Evaluating", "Comparing with the base", "items",
    "Asking the untrained model", "Working", "pieces", "Making examples", "Measuring this machine", "Reading feedback",
    "questions",
    "Reading good texts", "Making a model of them",
    "There is no time to learn the way back too: give more minutes.",
)  # fmt: skip
# What click says itself, where a user meets it: it asks gettext, which ui/words.py points to our catalogue.
CLICK: tuple[Message, ...] = (
    "Usage:", "Options", "Commands", "Show this message and exit.", "required", "default: {default}",
    "Error: {message}", "Try '{command} {option}' for help.", "Aborted!",
    "Missing argument", "Missing option", "Missing parameter", "Missing command.", "Choose from:\n\t{choices}",
    "No such option {name!r}.", "No such command {name!r}.",
    ("Did you mean {possibility}?", "(Did you mean one of: {possibilities}?)"),
    "Option {name!r} does not take a value.",
    ("Option {name!r} requires an argument.", "Option {name!r} requires {nargs} arguments."),
    ("Got unexpected extra argument ({args})", "Got unexpected extra arguments ({args})"),
    "Argument {name!r} takes {nargs} values.",
    "Invalid value: {message}", "Invalid value for {param_hint}: {message}",
    "{value!r} is not a valid {number_type}.", "{value} is not in the range {range}.",
    ("{value!r} is not {choice}.", "{value!r} is not one of {choices}."),
    "path", "file", "directory", "{name} {filename!r} does not exist.", "{name} {filename!r} is a file.",
    "{name} {filename!r} is a directory.", "{name} {filename!r} is not readable.",
    "{name} {filename!r} is not writable.", "Could not open file {filename!r}: {message}", "unknown error",
    "Error: invalid input",
)  # fmt: skip
_DATE = datetime(2026, 11, 25, tzinfo=UTC)  # always the same, so that a catalogue changes only with its sentences
_PLACEHOLDER = re.compile(r"\{(\w*)[^}]*\}")


def sentences() -> dict[Message, None]:
    """Every sentence of the faces, in the order of files."""
    found: dict[Message, None] = {}
    for path in sorted((ROOT / "ui").rglob("*.py")):
        for message in _in_file(path):
            found.setdefault(message)
    for message in (*_settings_help(), *_LATER, *CLICK):
        found.setdefault(message)
    # gettext finds the singular of a pair too.
    pairs = {message[0] for message in found if isinstance(message, tuple)}
    return {message: None for message in found if message not in pairs}


def _in_file(path: Path) -> Iterator[Message]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    called = _imported(tree)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        name = called.get(node.func.id)
        if name == "text" and node.args:
            yield from _constant(node.args[0])
        elif name == "plural" and len(node.args) >= 2:
            one, many = _constant(node.args[0]), _constant(node.args[1])
            yield from zip(one, many, strict=False)


def _imported(tree: ast.AST) -> dict[str, str]:
    """`text` and `plural` of ui/words.py by the names they have in a file: a view often calls `text` `words`."""
    return {
        one.asname or one.name: one.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "rushlight.ui.words"
        for one in node.names
    }


def _constant(node: ast.expr) -> list[str]:
    """The sentences of an argument: one, or those of both sides of a condition."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value] if node.value else []
    if isinstance(node, ast.IfExp):
        return [*_constant(node.body), *_constant(node.orelse)]
    return []


def _settings_help() -> Iterator[str]:
    """The third value of each `Setting(...)` of assistant/settings.py."""
    tree = ast.parse((ROOT / "assistant" / "settings.py").read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Setting":
            yield from _constant(node.args[2])


def updated(po: Path) -> Catalog:
    """The catalogue with today's sentences: translations that still have their sentence stay."""
    with po.open("rb") as stream:
        old = read_po(stream, locale=po.parents[1].name)
    new = Catalog(
        locale=old.locale,
        project="Rushlight",
        version=__version__,
        charset="utf-8",
        header_comment="# Rushlight's sentences; see packaging/messages.py",
        fuzzy=False,
        last_translator="Rushlight",
        language_team="German",
        copyright_holder="",
        msgid_bugs_address="-",
        creation_date=_DATE,
        revision_date=_DATE,
    )
    for message in sentences():
        known = old.get(message if isinstance(message, str) else message[0])
        same = known is not None and known.id == message
        new.add(message, known.string if known is not None and same else "")
    return new


def problems(po: Path) -> list[str]:
    """What is wrong with the catalogue as it lies there."""
    with po.open("rb") as stream:
        catalogue = read_po(stream, locale=po.parents[1].name)
    found = []
    for message in sentences():
        key = message if isinstance(message, str) else message[0]
        known = catalogue.get(key)
        strings = [] if known is None else [known.string] if isinstance(known.string, str) else list(known.string)
        if known is None or known.id != message or not all(strings) or not strings:
            found.append(f"not translated: {key!r}")
            continue
        wanted = {name for one in ([message] if isinstance(message, str) else message) for name in _names(one)}
        for string in strings:
            if unknown := _names(string) - wanted:
                found.append(f"unknown placeholder {sorted(unknown)} in {string!r}")
            if isinstance(message, str) and (lost := wanted - _names(string)):
                found.append(f"placeholder {sorted(lost)} is missing in {string!r}")
    if compiled(catalogue) != po.with_suffix(".mo").read_bytes():
        found.append(f"{po.with_suffix('.mo').name} is not what {po.name} says; run: make format")
    return found


def _names(sentence: str) -> set[str]:
    return set(_PLACEHOLDER.findall(sentence.replace("{{", "").replace("}}", "")))


def compiled(catalogue: Catalog) -> bytes:
    """What gettext reads."""
    stream = io.BytesIO()
    write_mo(stream, catalogue)
    return stream.getvalue()


def catalogues() -> list[Path]:
    return sorted(LOCALE.glob("*/LC_MESSAGES/rushlight.po"))


def main(arguments: list[str]) -> int:
    n_wrong = 0
    for po in catalogues():
        if arguments == ["--write"]:
            catalogue = updated(po)
            with po.open("wb") as stream:
                write_po(stream, catalogue, width=120, omit_header=False)
            po.with_suffix(".mo").write_bytes(compiled(catalogue))
            n_open = sum(
                1
                for one in catalogue
                if one.id and not (one.string if isinstance(one.string, str) else all(one.string))
            )
            print(f"{po.parents[1].name}: {len(catalogue)} sentences, {n_open} not translated")
            continue
        for problem in problems(po):
            print(f"{po.parents[1].name}: {problem}")
            n_wrong += 1
    return 1 if n_wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
