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

Estimate: TypeAlias = Callable[[LoadSettings], int]


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


def need_bytes(load: LoadSettings) -> int:
    """Main memory that the engine will need. Raises `Error(kind="bad-file")` for what is no model."""
    # Here, and not above: they cost more than the rest of the host together, and the worker starts meanwhile.
    from rushlight.assistant.models.fit import estimate
    from rushlight.assistant.models.memory import nvidia_gpus
    from rushlight.assistant.models.split import all_parts
    from rushlight.quant.gguf_check import check

    files = [check(part) for part in all_parts(Path(load.path))]
    n_gpu_layers, gpu_free_bytes = 0, 0
    if load.n_gpu_layers != 0 and _computes_on_gpus():
        n_gpu_layers, gpu_free_bytes = load.n_gpu_layers, sum(gpu.free_bytes for gpu in nvidia_gpus())
    return estimate(
        files,
        n_ctx=load.n_ctx,
        kv_type=load.kv_type,
        n_gpu_layers=n_gpu_layers,
        n_batch=load.n_batch,
        flash_attention=load.flash_attention,
        gpu_free_bytes=gpu_free_bytes,
    ).main_bytes


def _computes_on_gpus() -> bool:
    """Whether llama.cpp was built for NVIDIA cards: told by its files, since the host loads no native code."""
    from importlib.util import find_spec

    spec = find_spec("llama_cpp")
    if spec is None or spec.origin is None:
        return False
    return any((Path(spec.origin).parent / "lib").glob("*ggml-cuda*"))


def in_background(work: Estimate, load: LoadSettings, done: Callable[[int | Error], None]) -> None:
    """Call `done` with the bytes or the error, from another thread."""
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
