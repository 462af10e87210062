"""The job that imports an export of conversations: all of it, or nothing.

The file is written by one transaction, in which it must not be halted: that would lock the store for everybody. So
it pauses by ending, and begins anew when it is resumed.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from rushlight import Error
from rushlight.assistant.chat.importing import ImportReport, import_file
from rushlight.assistant.events import Notice
from rushlight.assistant.jobs.kind import JobContext, JobEvent, JobResult, PauseBy

_MOST_NAMED = 1_000  # of an export of a hundred thousand: a result has a mebibyte


class ConversationImport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `rushlight conversations import` is told."""

    path: str  # absolute
    folder: str = ""
    again: bool = False
    skip_broken: bool = False


class ConversationImportKind:
    name = "conversation-import"
    arguments = ConversationImport
    pause: PauseBy = "exit"
    may_freeze = False

    def title(self, arguments: ConversationImport) -> str:
        return f"Import {Path(arguments.path).name}"

    def run(self, context: JobContext, arguments: ConversationImport) -> Iterator[JobEvent]:
        kept = context.checkpoint  # of one that was halted behind its transaction: nothing is imported twice
        if kept is None:
            kept = report_json(
                import_file(
                    context.app.conversations,
                    Path(arguments.path),
                    folder=arguments.folder,
                    again=arguments.again,
                    skip_broken=arguments.skip_broken,
                    stop=context.stop,
                    on_progress=context.tell,
                )
            )
            with contextlib.suppress(Error):  # it is done: neither a stop nor a full disk undoes it now
                context.save_checkpoint(kept)
        for one in kept["skipped"]:
            yield Notice("left-out", f"Left out: number {one['number']}, “{one['title']}”: {one['reason']}")
        yield JobResult(kept)

    def clean(self, context: JobContext, arguments: ConversationImport, *, for_good: bool) -> None:
        """The transaction was undone, and the file read so far had no name."""


def report_json(report: ImportReport) -> dict[str, Any]:
    """What an import came to, as the result of a job: all is counted, the first of it is named."""
    return {
        "formats": list(report.formats),
        "imported": report.n_conversations,
        "continued": report.n_continued,
        "messages": report.n_messages,
        "known": report.n_known,
        "empty": report.n_empty,
        "missing_files": report.n_missing_files,
        "n_skipped": len(report.skipped),
        "skipped": [
            {"number": one.number, "title": one.title, "reason": one.reason} for one in report.skipped[:_MOST_NAMED]
        ],
        "conversations": list(report.conversation_ids[:_MOST_NAMED]),
    }


KIND = ConversationImportKind()
