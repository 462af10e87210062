"""What a model will need, worked out beside the loop: the file may lie on a slow disk, and its head is a stranger's.

One short-lived thread per question. Knows the file check and `models.fit`; knows no engines.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from rushlight import Error
from rushlight.assistant.engine.request import LoadSettings
from rushlight.assistant.host.need import Need

# What a worker holds beside the model: Python, llama.cpp's own code, the vocabulary in both of their forms.
_WORKER_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Estimated:
    """Ways to load a model, the best first: the more of it on the graphics card, the better."""

    needs: tuple[Need, ...]
    card_free_bytes: int | None = None  # when they were worked out; None: no card is wanted, or there is none
    build: str = ""  # the kind of card that llama.cpp was built for, "" = the processor alone


Estimate: TypeAlias = Callable[[LoadSettings], Estimated]


@dataclass(frozen=True, slots=True)
class FileIdentity:
    """Tells whether the file is still the one that was loaded."""

    device: int
    inode: int
    size_bytes: int
    changed_ns: int


def identify(path: str) -> FileIdentity:
    """The file at `path`. Raises `Error(kind="model-not-found")`."""
    try:
        status = os.stat(path)  # noqa: PTH116
    except (OSError, ValueError) as err:
        raise Error(
            f"Cannot open the model file {path}: {getattr(err, 'strerror', None) or err}.",
            hint="List what is there with: rushlight models list",
            kind="model-not-found",
        ) from err
    return FileIdentity(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def needs_of(load: LoadSettings) -> Estimated:
    """The ways to load the model. Raises `Error(kind="bad-file")` for what is no model."""
    # Here, and not above: they cost more than the rest of the host together, and the worker starts meanwhile.
    from rushlight.assistant.host.cards import gpu_build, usable_cards
    from rushlight.assistant.models.fit import CARD_RESERVE_BYTES, choices, estimate
    from rushlight.assistant.models.split import all_parts
    from rushlight.quant.gguf_check import check

    files = [check(part) for part in all_parts(Path(load.path))]
    cards = usable_cards() if load.n_gpu_layers != 0 else ()
    is_shared = any(card.is_shared for card in cards)
    fits = choices(
        files,
        n_ctx=load.n_ctx,
        kv_type=load.kv_type,
        n_gpu_layers=load.n_gpu_layers if cards else 0,
        n_batch=load.n_batch,
        flash_attention=load.flash_attention,
    )
    extra_bytes = 0
    if load.draft_path:  # the model that guesses ahead has a context of its own
        parts = [check(part) for part in all_parts(Path(load.draft_path))]
        extra_bytes = estimate(
            parts, n_ctx=load.n_ctx, kv_type=load.kv_type, n_gpu_layers=0, n_batch=load.n_batch
        ).main_bytes
    needs = tuple(
        Need(
            # A card that shares the machine's memory takes from it.
            main_bytes=_WORKER_BYTES + extra_bytes + (fit.total_bytes if is_shared else fit.main_bytes),
            parked_bytes=0 if load.embeddings else load.kv_ram_bytes,
            card_bytes=fit.gpu_bytes,
            gpu_layers=fit.gpu_layers,
            n_layers=fit.n_layers + 1 if cards else 0,
            weights_bytes=fit.weights_bytes,
            context_bytes=fit.kv_bytes,
            compute_bytes=fit.compute_bytes,
            n_ctx=fit.n_ctx,
        )
        for fit in fits
    )
    free = sum(max(0, card.free_bytes - CARD_RESERVE_BYTES) for card in cards)
    return Estimated(needs, free if cards else None, gpu_build())


def in_background(work: Estimate, load: LoadSettings, done: Callable[[Estimated | Error], None]) -> None:
    """Call `done` with the needs or the error, from another thread."""
    import threading  # not needed before the first model

    def run() -> None:
        try:
            done(work(load))
        except Error as err:
            done(err)
        except Exception as err:
            done(
                Error(
                    f"Cannot tell what {Path(load.path).name} needs: {type(err).__name__}: {err}.",
                    hint="This is a fault of Rushlight; the log has the details.",
                    kind="bug",
                )
            )

    # A daemon: a disk that never answers must not keep the host from ending.
    threading.Thread(target=run, name="estimate", daemon=True).start()
