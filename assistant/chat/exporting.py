"""Exporting conversations to a file: Markdown to read, JSON to keep, ShareGPT lines to train on.

The file gets its name when it is complete and on the disk; a kill leaves at most a hidden leftover beside it.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from rushlight import Error, Progress, Stop
from rushlight.assistant.chat import export_json
from rushlight.assistant.chat.conversations import Conversations
from rushlight.assistant.chat.disk_failure import disk_failure
from rushlight.assistant.chat.export_markdown import markdown
from rushlight.assistant.chat.export_sharegpt import sharegpt_lines
from rushlight.assistant.chat.transfer_reading import OnProgress
from rushlight.assistant.chat.transfer_store import TransferStore
from rushlight.assistant.models.staging import lock, sync_folder
from rushlight.assistant.paths import with_home

ExportFormat: TypeAlias = Literal["markdown", "json", "sharegpt"]
EXPORT_FORMATS: tuple[ExportFormat, ...] = ("markdown", "json", "sharegpt")
SUFFIXES: dict[str, ExportFormat] = {".md": "markdown", ".markdown": "markdown", ".json": "json", ".jsonl": "sharegpt"}


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What an export wrote."""

    path: Path
    format: ExportFormat
    n_conversations: int
    size_bytes: int


def export_pieces(
    conversations: Conversations,
    conversation_ids: Sequence[str],
    export_format: ExportFormat,
    *,
    all_branches: bool = False,
    stop: Stop | None = None,
    on_progress: OnProgress | None = None,
) -> Iterator[str]:
    """The text of the export in pieces, for a file or a terminal. JSON always holds the whole trees."""
    source, stop = TransferStore(conversations.store), stop or Stop()
    for number, conversation_id in enumerate(conversation_ids):
        stop.check()
        if on_progress is not None:
            on_progress(Progress("Exporting", number, len(conversation_ids), "conversations"))
        conversation = source.read(conversation_id)
        if export_format == "json":
            yield (export_json.BETWEEN if number else export_json.BEGIN) + export_json.json_of(conversation)
        elif export_format == "sharegpt":
            for line in sharegpt_lines(conversation, all_branches=all_branches):
                yield line + "\n"
        else:
            yield "\n\n" if number else ""
            yield from markdown(conversation, all_branches=all_branches)
    if export_format == "json":
        yield export_json.END if conversation_ids else "[]\n"
    if on_progress is not None:
        on_progress(Progress("Exporting", len(conversation_ids), len(conversation_ids), "conversations"))


def export_file(
    conversations: Conversations,
    path: Path,
    conversation_ids: Sequence[str] | None = None,
    export_format: ExportFormat | None = None,
    *,
    all_branches: bool = False,
    overwrite: bool = False,
    stop: Stop | None = None,
    on_progress: OnProgress | None = None,
) -> ExportReport:
    """Write conversations (None: all that are not in the trash) to a new file; its suffix tells the format.

    Raises `Error`, and has then written nothing under that name. `overwrite` replaces a file that is there.
    """
    path = with_home(path).absolute()
    export_format = export_format or format_of(path)
    source = TransferStore(conversations.store)
    ids = source.all_ids() if conversation_ids is None else list(conversation_ids)
    if path.is_dir() or (path.exists() and not overwrite):
        what = "is a folder" if path.is_dir() else "is there already"
        raise Error(f"{path} {what}.", hint="Choose another name.", kind="file-exists")
    pieces = export_pieces(source, ids, export_format, all_branches=all_branches, stop=stop, on_progress=on_progress)
    try:
        size_bytes = _write_whole(path, pieces, overwrite)
    except OSError as failure:
        raise disk_failure(
            failure, f"{path} cannot be written", "Check that the folder is there and yours to write."
        ) from failure
    return ExportReport(path, export_format, len(ids), size_bytes)


def format_of(path: Path) -> ExportFormat:
    """The format that a file's suffix asks for."""
    found = SUFFIXES.get(path.suffix.lower())
    if found is None:
        raise Error(
            f"The name {path.name} does not say in which format to export.",
            hint="Use .md (Markdown), .json (everything, to import again) or .jsonl (ShareGPT), or name the format.",
            kind="unknown-format",
        )
    return found


def _write_whole(path: Path, pieces: Iterator[str], overwrite: bool) -> int:
    """Write, sync, name, sync the folder. Private like the store: chats are for their owner's eyes."""
    beginning, end = f".{path.name[:200]}.", ".exporting"
    _remove_leftovers(path.parent, beginning, end)
    staged = path.with_name(f"{beginning}{os.getpid()}{end}")
    descriptor = os.open(
        staged,
        os.O_WRONLY
        | os.O_CREAT
        | os.O_TRUNC
        | getattr(os, "O_CLOEXEC", 0)
        | getattr(os, "O_NOFOLLOW", 0)
        | getattr(os, "O_BINARY", 0),
        0o600,
    )
    try:
        lock(descriptor)
        with os.fdopen(descriptor, "wb") as file:
            for piece in pieces:
                file.write(piece.encode())
            file.flush()
            os.fsync(file.fileno())
            size_bytes = file.tell()
        _name(staged, path, overwrite)
    finally:
        staged.unlink(missing_ok=True)
    sync_folder(path.parent)
    return size_bytes


def _remove_leftovers(folder: Path, beginning: str, end: str) -> None:
    """Delete what killed exports to this name left behind. A running one holds its file's lock."""
    for entry in folder.iterdir():
        if entry.name.startswith(beginning) and entry.name.endswith(end):
            try:
                descriptor = os.open(entry, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
            except OSError:
                continue
            try:
                if lock(descriptor):
                    entry.unlink(missing_ok=True)
            finally:
                os.close(descriptor)


def _name(staged: Path, path: Path, overwrite: bool) -> None:
    if overwrite:
        staged.replace(path)
        return
    try:
        os.link(staged, path)  # unlike rename, never replaces what another program put there meanwhile
    except FileExistsError:
        raise
    except OSError:
        if path.exists():  # file systems without hard links
            raise
        staged.rename(path)
