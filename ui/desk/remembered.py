"""What a face remembers between starts: places, sizes, the page that was shown. One JSON file.

Knows the file only. It is written at once and as a whole, so a kill at any moment leaves the old one or the new one;
a file that cannot be read is as good as none, and one that cannot be written never stops a face.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

_MAX_BYTES = 4 * 1024 * 1024
_MAX_WINDOWS = 32


class Remembered:
    """remembered = Remembered(paths.data / "window.json"); remembered.set("text_scale", 1.25)

    Keys that both faces use: page, conversation, text_scale, theme, sidebar_width, sidebar_shown. `window(0)` is a
    Remembered with keys of its own for the first window, `window(1)` for the second.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._values = _read(path)

    def get(self, key: str, default: T) -> T:
        """What was set; `default` where that is missing, or of another type than `default`."""
        return _fitting(self._values.get(key), default)

    def set(self, key: str, value: object) -> None:
        """Keep a value that JSON can hold. It is on the disk when this returns, if the disk allows it."""
        if key in self._values and self._values[key] == value:
            return
        self._values[key] = value
        _write(self._path, self._values)

    def forget(self, key: str) -> None:
        """As if it had never been set."""
        if self._values.pop(key, None) is not None:
            _write(self._path, self._values)

    def window(self, index: int) -> "WindowMemory":
        """What the window of that number remembers for itself."""
        return WindowMemory(self, index)

    @property
    def n_windows(self) -> int:
        """How many windows were open when the face ended, at least one."""
        return max(1, min(_MAX_WINDOWS, self.get("n_windows", 1)))

    def set_n_windows(self, count: int) -> None:
        """So many are open now; what further ones remembered is forgotten."""
        windows: dict[str, Any] = self.get("windows", {})
        kept = {index: values for index, values in windows.items() if index.isdecimal() and int(index) < count}
        if kept != windows:
            self._values["windows"] = kept
        if self._values.get("n_windows") != count or kept != windows:
            self._values["n_windows"] = count
            _write(self._path, self._values)


class WindowMemory:
    """The keys of one window: geometry, page, conversation. The same two methods as `Remembered`."""

    def __init__(self, remembered: Remembered, index: int) -> None:
        self._remembered = remembered
        self.index = index

    def get(self, key: str, default: T) -> T:
        return _fitting(self._mine().get(key), default)

    def set(self, key: str, value: object) -> None:
        mine = self._mine()
        if key in mine and mine[key] == value:
            return
        windows: dict[str, Any] = dict(self._remembered.get("windows", {}))
        windows[str(self.index)] = {**mine, key: value}
        self._remembered.set("windows", windows)

    def _mine(self) -> dict[str, Any]:
        windows: dict[str, Any] = self._remembered.get("windows", {})
        return _fitting(windows.get(str(self.index)), {})


def _fitting(value: Any, default: T) -> T:
    """`value` if it can stand where `default` stands. A whole number may stand for a real one, a flag for neither."""
    if default is None or value is None:
        return default if value is None else value
    if isinstance(default, bool) != isinstance(value, bool):
        return default
    if isinstance(default, float) and isinstance(value, int):
        return float(value)  # type: ignore[return-value]
    if isinstance(default, tuple) and isinstance(value, list):
        return tuple(value)  # type: ignore[return-value]
    return value if isinstance(value, type(default)) else default


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_BYTES + 1)
        found = json.loads(raw) if len(raw) <= _MAX_BYTES else {}
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(path: Path, values: dict[str, Any]) -> None:
    """Stage, fsync, rename, fsync the folder. A full disk or a read-only folder forgets, it does not fail."""
    staged = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        raw = json.dumps(values, ensure_ascii=True, indent=1).encode()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        staged.replace(path)
        _sync_folder(path.parent)
    except OSError:
        _quietly(lambda: staged.unlink(missing_ok=True))


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _quietly(work: Callable[[], object]) -> None:
    try:
        work()
    except OSError:
        pass
