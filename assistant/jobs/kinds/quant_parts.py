"""What the jobs of quantization share: their texts, their threads, and the proof after each export.

The user's own texts are read from the store here and go nowhere else: only sums of numbers come of them.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rushlight import Error
from rushlight.assistant.events import Notice
from rushlight.assistant.jobs.kind import JobContext

if TYPE_CHECKING:
    from rushlight.assistant.app import App
    from rushlight.quant.export_proof import RenderTemplate
    from rushlight.quant.proof_file import Proof
    from rushlight.quant.texts import Part

LEAST_CHARS = 4_000  # of the user's own text: less says nothing about them
_MOST_CONVERSATIONS = 10_000


def threads(app: "App", asked: int) -> int:
    """How many processor threads: as many as asked for, else the engine's, else those of this machine."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(asked or int(app.settings.number("engine.threads")) or usable, 64)


def own_pieces(app: "App") -> list[str]:
    """What the user wrote and was answered, one piece for each conversation, oldest first. Not what is in the trash."""
    pieces = []
    for conversation in reversed(app.conversations.list(limit=_MOST_CONVERSATIONS)):
        turns = [one.content for one in app.conversations.path(conversation.id) if one.role in ("user", "assistant")]
        text = "\n\n".join(turn for turn in turns if turn.strip())
        if text:
            pieces.append(text)
    return pieces


def text_for(
    app: "App", texts: Sequence[str], chats: bool, part: "Part", documents: Sequence[str] = ()
) -> tuple[str, str]:
    """(the text, what it is called): files, the user's own chats and documents, or else a sample. Where the user's own
    text is both calibrated and looked at, the two never share a piece; `texts` are taken whole."""
    from rushlight.quant.texts import document_pieces, read_texts, sample_text, small_pieces, split_text

    if texts:
        return read_texts([Path(path) for path in texts]), _names(texts)
    if not chats and not documents:
        return sample_text(part), "sample"
    pieces = own_pieces(app) if chats else []
    pieces += document_pieces([Path(path) for path in documents])
    if len(pieces) < 8:
        pieces = small_pieces("\n\n".join(pieces))
    n_chars = sum(map(len, pieces))
    calibration, evaluation = split_text(pieces)
    if n_chars < LEAST_CHARS or not evaluation:
        yours = "chats" if not documents else "documents" if not chats else "chats and documents"
        raise Error(
            f"Your {yours} hold {n_chars:,} letters, and {LEAST_CHARS:,} are needed to tell what you use a model for.",
            "Chat more, or name documents that are like your work: --documents FILE.",
            kind="no-text",
        )
    name = ", ".join([*(["chats"] if chats else []), *([_names(documents)] if documents else [])])
    return (calibration if part == "calibrate" else evaluation), name


def _names(paths: Sequence[str]) -> str:
    return ", ".join(Path(path).name for path in paths)


def given_text(texts: Sequence[str], chats: bool, documents: Sequence[str] = ()) -> Notice | None:
    """A word of warning where neither files nor chats were named."""
    if texts or chats or documents:
        return None
    return Notice("sample", "No text was given: a sample of English and Python was used. Yours says more: --text FILE.")


@contextmanager
def renderer() -> "Iterator[RenderTemplate | None]":
    """Chat templates are a stranger's programs: they are rendered in a process with limits, or not at all."""
    from rushlight.assistant.engine.template_process import TemplateProcess

    try:
        process = TemplateProcess.start()
    except Error as error:
        if error.kind != "unsupported":
            raise
        yield None
        return
    try:
        yield process.render
    finally:
        process.close()


def prove_export(context: JobContext, path: Path, source: Path, n_threads: int) -> "Proof":
    """The proof of what was just made; the result lies beside it."""
    from rushlight.quant.export_proof import prove_file

    with renderer() as render:
        return prove_file(path, source, render=render, n_threads=n_threads, stop=context.stop, on_progress=context.tell)


def proof_json(proof: "Proof | None") -> dict[str, Any] | None:
    """A proof as part of a job's result and under --json."""
    from rushlight.quant.proof_file import proof_summary

    return None if proof is None else proof_summary(proof)


def proof_notice(proof: "Proof | None") -> Notice | None:
    """What people must hear of a proof that failed."""
    if proof is None or proof.state != "failed":
        return None
    return Notice("failed-proof", f"{proof.file} is not to be used: {proof.failures[0]}")


def clean_beside(target: Path) -> None:
    """Take away what a run that was broken off has left beside `target`."""
    from rushlight.quant.whole_file import remove_leftovers

    if target.parent.is_dir():
        remove_leftovers(target.parent)
