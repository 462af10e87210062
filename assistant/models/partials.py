"""Unfinished downloads: each a folder below `paths.downloads` with its plan, its data so far and a lock.

downloads/<16 hex digits>/  download.json | lock | <file>.gguf.part while it grows, <file>.gguf once checked
"""

import hashlib
import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rushlight import Error
from rushlight.assistant.models import staging
from rushlight.assistant.models.hub import HubFile, HubName, safe_path
from rushlight.assistant.paths import Paths

_STATE = "download.json"
_MAX_STATE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Partial:
    """A download that was begun. `id` names it for `models downloads remove`."""

    id: str
    name: str  # as the user would ask for it again
    file: str
    done_bytes: int
    size_bytes: int
    started_at: float
    folder: Path
    running: bool  # another process works on it now


class DownloadFolder:
    """The folder of one download, locked by this process until `close`."""

    def __init__(self, paths: Paths, endpoint: str, name: HubName, files: Sequence[HubFile]) -> None:
        key = f"{endpoint}\n{name.repository}\n{name.revision}\n{files[0].path}"
        self.id = hashlib.sha256(key.encode()).hexdigest()[:16]
        self.path = paths.downloads / self.id
        self.name, self.files = name, tuple(files)
        staging.make_folder(self.path, paths.data)
        self._lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
        if not staging.lock(self._lock):
            os.close(self._lock)
            raise Error(
                f"{name.repository}/{files[0].path} is being downloaded by another process.",
                hint="Wait for it, or stop it first.",
                kind="download-running",
            )
        try:
            self.etags = self._read_etags()
            self.save()
        except BaseException:
            self.close()  # or this process could not try again
            raise

    def part(self, file: HubFile) -> Path:
        return self.path / f"{_base(file)}.part"

    def done(self, file: HubFile) -> Path:
        return self.path / _base(file)

    def done_bytes(self) -> int:
        """What is there already, of all files."""
        return sum(_size(self.done(file)) or _size(self.part(file)) for file in self.files)

    def save(self) -> None:
        """Write the plan; a kill leaves the old one or the new one."""
        state = {
            "org": self.name.org, "repo": self.name.repo, "revision": self.name.revision, "started_at": time.time(),
            "files": [{"path": file.path, "size_bytes": file.size_bytes, "sha256": file.sha256,
                       "etag": self.etags.get(file.path, "")} for file in self.files],
        }  # fmt: skip
        known = _read_state(self.path)
        if known:
            state["started_at"] = known["started_at"]
        temporary = self.path / f".{_STATE}.{os.getpid()}"
        try:
            temporary.write_text(json.dumps(state, indent=1))
            temporary.replace(self.path / _STATE)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise

    def forget_data(self, file: HubFile) -> None:
        """Begin this file anew."""
        self.part(file).unlink(missing_ok=True)
        self.done(file).unlink(missing_ok=True)
        self.etags.pop(file.path, None)

    def close(self, *, remove: bool = False) -> None:
        """Give the lock back; with `remove` the folder goes too."""
        if self._lock < 0:
            return
        if remove:
            _remove_folder(self.path)
        os.close(self._lock)
        self._lock = -1

    def _read_etags(self) -> dict[str, str]:
        """The tags of the last time, for files that are still the same; data of files that changed is dropped."""
        state = _read_state(self.path)
        known = {entry["path"]: entry for entry in state["files"]} if state else {}
        etags = {}
        for file in self.files:
            entry = known.get(file.path)
            if entry is None or entry["size_bytes"] != file.size_bytes or entry["sha256"] != file.sha256:
                self.part(file).unlink(missing_ok=True)
                self.done(file).unlink(missing_ok=True)
            else:
                etags[file.path] = entry["etag"]
        return etags


def list_partials(paths: Paths) -> tuple[Partial, ...]:
    """All unfinished downloads, oldest first; folders whose plan cannot be read are listed too, to be removable."""
    found = []
    try:
        folders = sorted(folder for folder in paths.downloads.iterdir() if folder.is_dir())
    except OSError:
        return ()
    for folder in folders:
        state = _read_state(folder)
        done_bytes = sum(_size(file) for file in folder.iterdir() if file.suffix in (".part", ".gguf"))
        if state is None:
            found.append(Partial(folder.name, "(unknown)", "", done_bytes, 0, 0.0, folder, _is_locked(folder)))
            continue
        files = state["files"]
        name = f"hf://{state['org']}/{state['repo']}"
        if state["revision"] != "main":
            name += f"@{state['revision']}"
        found.append(
            Partial(
                folder.name,
                f"{name}/{files[0]['path']}",
                files[0]["path"],
                done_bytes,
                sum(entry["size_bytes"] for entry in files),
                state["started_at"],
                folder,
                _is_locked(folder),
            )
        )
    return tuple(sorted(found, key=lambda partial: partial.started_at))


def remove_partial(paths: Paths, name: str) -> Partial:
    """Delete an unfinished download, named by its id or by what was asked for."""
    partials = list_partials(paths)
    hits = [partial for partial in partials if name in (partial.id, partial.name)]
    if not hits:
        raise Error(
            f"There is no unfinished download {name[:120]!r}.",
            hint="See: rushlight models downloads list",
            kind="download-not-found",
        )
    if hits[0].running:
        raise Error(f"The download {hits[0].name} is running.", hint="Stop it first.", kind="download-running")
    _remove_folder(hits[0].folder)
    return hits[0]


def _read_state(folder: Path) -> dict[str, Any] | None:
    """The plan, None where it is missing or not of the form that `save` writes."""
    try:
        with (folder / _STATE).open("rb") as file:
            state = json.loads(file.read(_MAX_STATE_BYTES))
        files = state["files"]
        fits = (
            files
            and all(
                safe_path(entry["path"])
                and isinstance(entry["size_bytes"], int)
                and isinstance(entry["sha256"], str)
                and isinstance(entry["etag"], str)
                for entry in files
            )
            and all(isinstance(state[key], str) for key in ("org", "repo", "revision"))
            and isinstance(state["started_at"], (int, float))
        )
    except (OSError, ValueError, RecursionError, KeyError, TypeError):
        return None
    return state if fits else None


def _is_locked(folder: Path) -> bool:
    try:
        descriptor = os.open(folder / "lock", os.O_RDWR)
    except OSError:
        return False
    try:
        return not staging.lock(descriptor)
    finally:
        os.close(descriptor)


def _remove_folder(folder: Path) -> None:
    """Our flat folder: its files, then itself. Links are removed, never followed."""
    try:
        for entry in folder.iterdir():
            entry.unlink()
        folder.rmdir()
    except OSError as failure:
        raise Error(
            f"The unfinished download {folder} could not be removed: {failure.strerror}.",
            hint="Remove the folder by hand.",
            kind="file-undeletable",
        ) from failure


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _base(file: HubFile) -> str:
    return file.path.rsplit("/", 1)[-1]
