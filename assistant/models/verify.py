"""Is a model's file still the one that was imported? Quickly before each load, bit by bit on demand.

The quick look compares size, modification time and the first and last 64 KiB; the full one hashes every byte.
"""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from rushlight import Error, Progress, Stop
from rushlight.assistant.models.model import Model, ModelFile

PROOF_ENDING = ".proof.json"  # as quant.proof_file.proof_path has it
EDGE_BYTES = 64 * 1024
BLOCK_BYTES = 4 * 1024 * 1024

OK, CHANGED, TRUNCATED, MISSING = "ok", "changed", "truncated", "missing"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found. `state`: "ok", "changed", "truncated" or "missing"; `path` and `detail` name the first fault."""

    state: str
    path: Path
    detail: str = ""


def quick_check(model: Model) -> None:
    """Raise `Error` (kind "model-missing", "model-truncated", "model-changed") unless the files look as recorded, and
    (kind "failed-proof") where the export of the file was found to answer otherwise than its source."""
    verdict = look(model)
    if verdict.state != OK:
        raise explain(model, verdict)
    if model.path.with_name(model.path.name + PROOF_ENDING).exists():
        from rushlight.quant.proof_file import refuse_failed  # only where there is a proof: `ask` starts faster

        refuse_failed(model.path)


def look(model: Model) -> Verdict:
    """The quick look: a few file reads, whatever the size."""
    for file in model.files:
        verdict = _look_at(file)
        if verdict.state != OK:
            return verdict
    return Verdict(OK, model.path)


def hash_all(model: Model, stop: Stop | None = None, on_progress: Callable[[Progress], None] | None = None) -> Verdict:
    """Hash every byte and compare. A wrong modification time alone is no fault here: the content decides."""
    done = 0
    for file in model.files:
        try:
            size_bytes = file.path.stat().st_size
        except OSError as failure:
            return Verdict(MISSING, file.path, failure.strerror or "cannot be read")
        if size_bytes != file.size_bytes:
            return _wrong_size(file, size_bytes)
        try:
            digest = hash_file(file.path, stop, on_progress, done_bytes=done, total_bytes=model.size_bytes)
        except OSError as failure:
            return Verdict(MISSING, file.path, failure.strerror or "cannot be read")
        if digest != file.sha256:
            return Verdict(CHANGED, file.path, f"sha256 is {digest}, was {file.sha256}")
        done += size_bytes
    return Verdict(OK, model.path)


def refreshed(model: Model) -> tuple[ModelFile, ...]:
    """The files with their present modification times, for after a full check that found the content unchanged."""
    return tuple(replace(file, mtime_ns=file.path.stat().st_mtime_ns) for file in model.files)


def explain(model: Model, verdict: Verdict) -> Error:
    """The verdict as an error for people."""
    if verdict.state == MISSING:
        return Error(
            f"The file of {model.id} is gone: {verdict.path} ({verdict.detail}).",
            hint="Import it again, or forget the model: rushlight models remove " + model.id,
            kind="model-missing",
        )
    if verdict.state == TRUNCATED:
        return Error(
            f"The file of {model.id} is incomplete: {verdict.path} ({verdict.detail}).",
            hint="Import or download it again.",
            kind="model-truncated",
        )
    return Error(
        f"The file of {model.id} is not the one that was imported: {verdict.path} ({verdict.detail}).",
        hint=f"Compare every byte with: rushlight models verify {model.id}. If you changed it on purpose, "
        "remove the model and import the file again.",
        kind="model-changed",
    )


def fingerprint(path: Path, size_bytes: int) -> str:
    """sha256 over the first and the last 64 KiB of a file (over all of it where it is shorter than both)."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        if size_bytes <= 2 * EDGE_BYTES:
            digest.update(_read(file.fileno(), 0, size_bytes))
        else:
            digest.update(_read(file.fileno(), 0, EDGE_BYTES))
            digest.update(_read(file.fileno(), size_bytes - EDGE_BYTES, EDGE_BYTES))
    return digest.hexdigest()


def hash_file(
    path: Path,
    stop: Stop | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    *,
    done_bytes: int = 0,
    total_bytes: int | None = None,
) -> str:
    """sha256 of a file, with progress a block."""
    digest = hashlib.sha256()
    buffer = memoryview(bytearray(BLOCK_BYTES))
    with path.open("rb", buffering=0) as file:
        while n_read := file.readinto(buffer):
            if stop is not None:
                stop.check()
            digest.update(buffer[:n_read])
            done_bytes += n_read
            if on_progress is not None:
                on_progress(Progress("Reading", done_bytes, total_bytes, "bytes"))
    return digest.hexdigest()


def _look_at(file: ModelFile) -> Verdict:
    try:
        status = file.path.stat()
        if status.st_size != file.size_bytes:
            return _wrong_size(file, status.st_size)
        if fingerprint(file.path, file.size_bytes) != file.edges_sha256:
            return Verdict(CHANGED, file.path, "its first or last 64 KiB differ")
    except OSError as failure:
        return Verdict(MISSING, file.path, failure.strerror or "cannot be read")
    if status.st_mtime_ns != file.mtime_ns:
        return Verdict(CHANGED, file.path, "it was written to since")
    return Verdict(OK, file.path)


def _wrong_size(file: ModelFile, size_bytes: int) -> Verdict:
    state = TRUNCATED if size_bytes < file.size_bytes else CHANGED
    return Verdict(state, file.path, f"it has {size_bytes:,} bytes, had {file.size_bytes:,}")


def _read(descriptor: int, offset: int, n_bytes: int) -> bytes:
    """All of a range; `pread` may answer with less."""
    pieces = []
    while n_bytes > 0:
        piece = os.pread(descriptor, n_bytes, offset)
        if not piece:
            break
        pieces.append(piece)
        offset += len(piece)
        n_bytes -= len(piece)
    return b"".join(pieces)
