"""Reading and changing settings.toml without losing a word of what its owner wrote there.

A change edits the one line it is about and keeps comments, order and entries we do not know. The new text is parsed
and compared with what was wanted before it replaces the old file by a rename; what cannot be edited so is refused.
"""

import os
import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rushlight import Error
from rushlight.assistant.paths import Paths
from rushlight.assistant.settings import Value, find_setting

_MAX_BYTES = 1024 * 1024
_ONE = r"""(?:[A-Za-z0-9_-]+|"[^"\\\n]*"|'[^'\n]*')"""
_NAME = rf"({_ONE}(?:\s*\.\s*{_ONE})*)"
_PART = re.compile(_ONE)
_KEY = re.compile(rf"\s*{_NAME}\s*=")
_TABLE = re.compile(rf"\s*\[\s*{_NAME}\s*\]")
# A value on one line, up to the comment behind it.
_SIMPLE_VALUE = re.compile(r"""\s*("(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[^\s#"'\[{][^#\n]*?)(\s*(?:#[^\n]*)?)$""")


@dataclass(frozen=True, slots=True)
class _Entry:
    """One `name = value` of the file; lines count from 0, `end` is the line after its last."""

    name: str  # with the table it stands in
    table: str
    start: int
    end: int


def parse(raw: bytes, path: Path) -> tuple[str, dict[str, Any]]:
    """The text of a settings file and what it says. Raises `Error` with file and line."""
    if len(raw) > _MAX_BYTES:
        raise Error(f"{path} is {len(raw)} bytes long; at most {_MAX_BYTES} are expected.", kind="bad-settings")
    try:
        text = raw.decode()
    except UnicodeDecodeError as err:
        line = raw[: err.start].count(b"\n") + 1
        raise Error(f"{path} line {line}: it is not UTF-8 text.", kind="bad-settings") from err
    try:
        # A mark at the start comes from Windows' editor; TOML does not know it.
        return text, tomllib.loads(text.removeprefix("\ufeff"))
    except (tomllib.TOMLDecodeError, RecursionError) as err:
        found = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", str(err))
        reason = str(err)[: found.start()] if found else "it is nested too deeply"
        line = int(found.group(1)) if found and found.group(1) else text.count("\n") + 1
        raise Error(
            f"{path} line {line}: {reason[:1].lower()}{reason[1:]}.",
            hint="Correct that line in an editor; your file was left as it is.",
            kind="bad-settings",
        ) from err


def key_lines(text: str) -> dict[str, int]:
    """Line number (from 1) of every entry, by full name."""
    return {entry.name: entry.start + 1 for entry in _entries(_split(text))}


def set_setting(paths: Paths, name: str, value: object) -> Value:
    """Write one value into settings.toml and return it as it was understood."""
    setting = find_setting(name)
    try:
        accepted = setting.accept(value)
    except ValueError:
        raise Error(
            f"{setting.name} must be {setting.expects}, not {str(value)[:80]!r}.",
            hint=setting.help,
            kind="bad-settings",
        ) from None
    section, _, key = setting.name.partition(".")

    def change(tables: dict[str, Any]) -> None:
        tables.setdefault(section, {})[key] = accepted

    _edit(paths, change, lambda text: _with_value(text, section, key, _toml(accepted)))
    return accepted


def unset_setting(paths: Paths, name: str) -> bool:
    """Take one value out of settings.toml; False if it was not there. Unknown names in the file can go too."""
    section, _, key = name.partition(".")
    found = False

    def change(tables: dict[str, Any]) -> None:
        nonlocal found
        table: Any = tables.get(section) if key else tables
        found = isinstance(table, dict) and (key or section) in table
        if found:
            del table[key or section]
        else:
            find_setting(name)  # an unknown name that is not in the file is a mistake

    _edit(paths, change, lambda text: _without_value(text, name) if found else text)
    return found


def _edit(paths: Paths, change: Callable[[dict[str, Any]], None], rewrite: Callable[[str], str]) -> None:
    """Read, change, prove, replace; one process at a time."""
    paths.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = paths.settings.resolve()  # a link into somebody's dotfiles stays a link
    lock = _lock_folder(paths.data)
    try:
        try:
            raw = path.read_bytes()
        except FileNotFoundError:
            raw = b""
        except OSError as err:
            raise Error(f"{path} cannot be read: {err.strerror or err}.", kind="bad-settings") from err
        text, wanted = parse(raw, paths.settings)
        change(wanted)
        new = rewrite(text)
        if new == text:
            return
        try:
            got = tomllib.loads(new.removeprefix("\ufeff"))
        except tomllib.TOMLDecodeError:
            got = None
        if _filled(got) != _filled(wanted):
            raise Error(
                f"{paths.settings} is written in a way that cannot be changed safely from here.",
                hint="Change it in an editor; your file was left as it is.",
                kind="bad-settings",
            )
        _replace(path, new.encode())
    finally:
        if lock is not None:
            os.close(lock)


def _filled(tables: dict[str, Any] | None) -> dict[str, Any] | None:
    """Without empty tables: a section may lose its last entry and keep its header."""
    return None if tables is None else {k: v for k, v in tables.items() if v != {}}


def _lock_folder(folder: Path) -> int | None:
    """Two changes at the same time wait for each other; None where the system has no such locks."""
    try:
        import fcntl
    except ImportError:
        return None
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def _replace(path: Path, content: bytes) -> None:
    """Stage, fsync, rename, fsync the folder: after a power cut there is the old file or the new one."""
    staged = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        try:
            mode = path.stat().st_mode & 0o777
        except FileNotFoundError:
            mode = 0o600  # a proxy may carry a password
        descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        staged.replace(path)
        if os.name == "posix":
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
    except OSError as err:
        staged.unlink(missing_ok=True)
        raise Error(
            f"{path} could not be written: {err.strerror or err}.",
            hint="Your settings are unchanged.",
            kind="cannot-write",
        ) from err


def _split(text: str) -> list[str]:
    """Lines as TOML counts them, without their ends."""
    return [line.rstrip("\r") for line in text.split("\n")]


def _entries(lines: list[str]) -> Iterator[_Entry]:
    """Every entry of a file that parses. Brackets and quotes over several lines are skipped as part of their entry."""
    section = ""
    number = 0
    while number < len(lines):
        line = lines[number].removeprefix("\ufeff")
        table = _TABLE.match(line)
        key = _KEY.match(line)
        if key is None:
            if table is not None:
                section = _joined(table.group(1)) + "."
            elif line.lstrip().startswith("[["):
                section = line.strip() + "."  # an array of tables: none of ours
            number += 1
            continue
        end = number + 1
        while end < len(lines) and not _complete("\n".join(lines[number:end])):
            end += 1
        yield _Entry(section + _joined(key.group(1)), section, number, end)
        number = end


def _joined(key: str) -> str:
    return ".".join(part.strip("\"'") for part in _PART.findall(key))


def _complete(entry: str) -> bool:
    try:
        tomllib.loads(entry.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError:
        return False
    return True


def _with_value(text: str, section: str, key: str, value: str) -> str:
    lines = _split(text)
    entries = list(_entries(lines))
    for entry in entries:
        if entry.name == f"{section}.{key}":
            head = lines[entry.start][: _value_start(lines[entry.start])]
            rest = _SIMPLE_VALUE.match(lines[entry.start][len(head) :]) if entry.end == entry.start + 1 else None
            comment = rest.group(2) if rest else ""
            lines[entry.start : entry.end] = [f"{head} {value}{comment}"]
            return _join(lines, text)
    headers = [
        number
        for number, line in enumerate(lines)
        if (table := _TABLE.match(line)) is not None and _KEY.match(line) is None and _joined(table.group(1)) == section
    ]
    dotted = [entry for entry in entries if not entry.table and entry.name.startswith(f"{section}.")]
    if headers:  # behind the section's last entry
        at = max([headers[0] + 1, *(entry.end for entry in entries if entry.table == f"{section}.")])
        lines.insert(at, f"{key} = {value}")
    elif dotted:  # written as section.key at the top of the file
        lines.insert(dotted[-1].end, f"{section}.{key} = {value}")
    else:
        while lines and not lines[-1].strip():
            lines.pop()
        lines += [*([""] if lines else []), f"[{section}]", f"{key} = {value}", ""]
    return _join(lines, text)


def _join(lines: list[str], before: str) -> str:
    """Text with the line ends that the file had."""
    return ("\r\n" if "\r\n" in before else "\n").join(lines)


def _value_start(line: str) -> int:
    key = _KEY.match(line.removeprefix("\ufeff"))
    assert key is not None
    return key.end() + len(line) - len(line.removeprefix("\ufeff"))


def _without_value(text: str, name: str) -> str:
    lines = _split(text)
    for entry in _entries(lines):
        if entry.name == name:
            del lines[entry.start : entry.end]
            break
    return _join(lines, text)


def _toml(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return '"' + re.sub("[\x00-\x1f\x7f-\x9f\u2028\u2029]", lambda m: f"\\u{ord(m.group()):04x}", escaped) + '"'
