"""Importance matrices: how large the inputs of each weight's columns are over a text, and llama.cpp's files of them.

For each tensor the sums of squared inputs by column (and expert) and how many rows were seen. Collected in this
process while llama.cpp runs the text; read and written in llama.cpp's GGUF form, and read and written in its old one:

    n_entries i32 | entries: length i32, name, n_calls i32, n_values i32, values f32 ... | n_calls i32
    length i32, name of the text

(old values are means times n_calls). Knows nothing of how types use them.
"""

import os
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rushlight import Error, Progress, Stop
from rushlight.quant.activations import Activations, By, squares_of
from rushlight.quant.blocks.format import Floats
from rushlight.quant.ggml import RunningModel
from rushlight.quant.ggml_tensor import Product
from rushlight.quant.gguf_tensors import GgufTensors
from rushlight.quant.gguf_types import MAX_TENSOR_NAME_BYTES
from rushlight.quant.gguf_values import LongArray, open_regular
from rushlight.quant.gguf_write import NamedRows, Typed, Value, write_gguf
from rushlight.quant.rows import Array, whole
from rushlight.quant.whole_file import whole_file

SUMS, COUNTS = ".in_sum2", ".counts"
HEADS: Final = ("output.weight", "token_embd.weight")  # the last product; the second where the embedding serves twice
_MOST_OLD_BYTES: Final = 1 << 30
_MOST_OLD_ENTRIES: Final = 65_536


@dataclass(slots=True)
class Entry:
    """Of one tensor: sums of squares (experts, columns), and the rows each expert has seen (experts,)."""

    sums: NDArray[np.float64]
    counts: NDArray[np.int64]


@dataclass(slots=True)
class ImportanceMatrix:
    entries: dict[str, Entry] = field(default_factory=dict)
    datasets: tuple[str, ...] = ()
    n_chunks: int = 0
    chunk_size: int = 512

    def importance(self, name: str) -> Floats | None:
        """Mean squared inputs of a tensor: (experts, columns). An expert never reached counts all columns alike."""
        entry = self.entries.get(name)
        if entry is None or not entry.counts.any():
            return None
        counts = np.broadcast_to(entry.counts, len(entry.sums))
        means = entry.sums / np.maximum(counts, 1)[:, None]
        means[counts == 0] = 1.0
        return means.astype(np.float32)

    def all_importance(self) -> dict[str, Floats]:
        found = {name: self.importance(name) for name in self.entries}
        return {name: values for name, values in found.items() if values is not None}

    def see(self, product: Product) -> None:
        """Add what one product shows."""
        found = squares_of(product)
        self.add(product.weight, Entry(found.sums, found.counts))

    def add(self, name: str, entry: Entry) -> None:
        """Add the sums of more text."""
        known = self.entries.get(name)
        if known is None:
            self.entries[name] = entry
        else:
            known.sums += entry.sums
            known.counts += entry.counts


def windows(token_ids: Sequence[int], n_ctx: int, first_token: int | None) -> list[list[int]]:
    """The whole windows of a text, each beginning as the model wants it; one shorter window for a short text."""
    step = n_ctx if first_token is None else n_ctx - 1
    head = [] if first_token is None else [first_token]
    found = [[*head, *token_ids[i : i + step]] for i in range(0, len(token_ids) - step + 1, step)]
    return found or ([[*head, *token_ids]] if token_ids else [])


def calibration_windows(
    running: RunningModel, text: str, n_ctx: int, most_windows: int | None, stop: Stop | None,
    on_progress: Callable[[Progress], None] | None,
) -> Iterator[list[int]]:  # fmt: skip
    """The windows of a text one after the other, each told as done when the next is asked for. An `Error` where there
    is no text."""
    pieces = windows(running.tokenize(text), n_ctx, running.first_token)[:most_windows]
    if not pieces:
        raise Error("There is no text to calibrate on.", "Give a text of some pages at least.", kind="no-text")
    for done, piece in enumerate(pieces):
        if stop is not None:
            stop.check()
        yield piece
        if on_progress is not None:
            on_progress(Progress("Calibrating", done + 1, len(pieces), "windows"))


def collect(
    model: Path,
    text: str,
    *,
    dataset: str = "",
    n_ctx: int = 512,
    most_windows: int | None = None,
    n_threads: int = 1,
    with_head: bool = True,
    stop: Stop | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    by: By = "native",
) -> ImportanceMatrix:
    """The importance matrix of a model over a text. More than some 100,000 tokens bring little."""
    matrix = ImportanceMatrix(datasets=(dataset,) if dataset else (), chunk_size=n_ctx)
    with GgufTensors(model) as opened:
        names = [name for name in opened.tensors if name.startswith("blk.") or (with_head and name in HEADS)]
    activations = Activations(names, n_threads=n_threads, by=by)
    with RunningModel(model, n_ctx=n_ctx, n_threads=n_threads, activations=activations) as running:
        for piece in calibration_windows(running, text, n_ctx, most_windows, stop, on_progress):
            running.logits(piece, len(piece) if with_head else 1)
            matrix.n_chunks += 1
    for name, found in activations.squares().items():
        matrix.add(name, Entry(found.sums, found.counts))
    return matrix


# ---------------------------------------------------------------------------------------------------- files
def read(path: Path) -> ImportanceMatrix:
    """An importance matrix in either of llama.cpp's forms. Files are strangers: every number is checked."""
    try:
        with path.open("rb") as file:
            is_gguf = file.read(4) == b"GGUF"
    except OSError as error:
        raise Error(f"Cannot open {path}: {error.strerror}.", "Check the path.", kind="bad-file") from None
    matrix = _read_gguf(path) if is_gguf else _read_old(path)
    for name, entry in matrix.entries.items():
        if (entry.sums < 0).any() or (entry.counts < 0).any():
            raise _bad(path, f"the numbers of {name[:60]!r} are no sums of squares")
    return matrix


def write(matrix: ImportanceMatrix, path: Path) -> None:
    """Write the GGUF form, which llama-quantize and ours read."""
    tensors = []
    for name, entry in sorted(matrix.entries.items()):
        sums, counts = entry.sums.astype(np.float32), entry.counts.astype(np.float32).reshape(-1, 1)
        tensors += [NamedRows(name + SUMS, Array(sums), "F32"), NamedRows(name + COUNTS, Array(counts), "F32")]
    metadata: dict[str, Value] = {
        "general.type": "imatrix",
        "imatrix.datasets": Typed("array of string", list(matrix.datasets)),
        "imatrix.chunk_count": matrix.n_chunks,
        "imatrix.chunk_size": matrix.chunk_size,
    }
    write_gguf(path, metadata, tensors)


def write_old(matrix: ImportanceMatrix, path: Path) -> None:
    """Write the form of before 2025, for older tools."""
    with whole_file(path) as file:
        file.write(struct.pack("<i", len(matrix.entries)))
        for name, entry in sorted(matrix.entries.items()):
            n_calls = max(1, -(-int(entry.counts.max(initial=0)) // matrix.chunk_size))
            values = matrix.importance(name)
            assert values is not None
            raw = name.encode()
            data = (values.reshape(-1) * np.float32(n_calls)).astype("<f4")
            file.write(struct.pack("<i", len(raw)) + raw + struct.pack("<ii", n_calls, data.size) + data.tobytes())
        dataset = (matrix.datasets[-1] if matrix.datasets else "").encode()
        file.write(struct.pack("<ii", matrix.n_chunks, len(dataset)) + dataset)


def _read_gguf(path: Path) -> ImportanceMatrix:
    with GgufTensors(path) as file:
        metadata: Mapping[str, object] = file.file.metadata
        if file.file.kind != "imatrix":
            raise _bad(path, f"it is {file.file.kind!r} and no importance matrix")
        matrix = ImportanceMatrix(
            n_chunks=file.file.number("imatrix.chunk_count", 0), chunk_size=file.file.number("imatrix.chunk_size", 512)
        )
        datasets = metadata.get("imatrix.datasets", [])
        datasets = datasets.load() if isinstance(datasets, LongArray) else datasets
        if isinstance(datasets, list):
            matrix.datasets = tuple(str(one) for one in datasets)
        for key, tensor in file.tensors.items():
            if not key.endswith(SUMS):
                continue
            name = key.removesuffix(SUMS)
            counts = file.tensors.get(name + COUNTS)
            if counts is None:
                raise _bad(path, f"{name[:60]!r} has no counts")
            seen, numbers = whole(counts).reshape(-1), whole(tensor)
            if not np.isfinite(numbers).all():
                raise _bad(path, f"the numbers of {name[:60]!r} are none")
            sums = numbers.astype(np.float64)
            sums = sums.reshape(-1, sums.shape[-1])
            if len(seen) not in (1, len(sums)) or not np.isfinite(seen).all() or np.abs(seen).max(initial=0) > 1e15:
                raise _bad(path, f"the counts of {name[:60]!r} do not fit")
            matrix.entries[name] = Entry(sums, np.broadcast_to(seen, len(sums)).astype(np.int64))
        return matrix


def _read_old(path: Path) -> ImportanceMatrix:
    fd, size_bytes = open_regular(path)
    with os.fdopen(fd, "rb") as file:
        if size_bytes > _MOST_OLD_BYTES:
            raise _bad(path, "it is larger than any importance matrix")
        data = file.read(_MOST_OLD_BYTES)
    matrix, position = ImportanceMatrix(), 4

    def number() -> int:
        nonlocal position
        position += 4
        return int(struct.unpack_from("<i", data, position - 4)[0])

    def taken(n_bytes: int, most: int) -> bytes:
        nonlocal position
        if not 0 <= n_bytes <= most or position + n_bytes > len(data):
            raise _bad(path, f"at byte {position:,} a length of {n_bytes:,} does not fit")
        position += n_bytes
        return data[position - n_bytes : position]

    try:
        (n_entries,) = struct.unpack_from("<i", data)
        if not 0 < n_entries <= _MOST_OLD_ENTRIES:
            raise _bad(path, f"{n_entries:,} entries")
        for _ in range(n_entries):
            name = taken(number(), MAX_TENSOR_NAME_BYTES).decode("utf-8", "replace")
            n_calls, n_values = number(), number()
            values = np.frombuffer(taken(n_values * 4, len(data)), "<f4")
            if n_calls <= 0 or n_values <= 0 or not np.isfinite(values).all():
                raise _bad(path, f"{name[:60]!r} holds no values, or what is no number")
            matrix.entries[name] = Entry(
                values.astype(np.float64).reshape(1, -1) * matrix.chunk_size, np.array([n_calls * 512], np.int64)
            )
        if position + 4 <= len(data):
            matrix.n_chunks = max(0, number())
        if position + 4 <= len(data):
            matrix.datasets = (taken(number(), 65_536).decode("utf-8", "replace"),)
    except struct.error:
        raise _bad(path, "it ends in the middle") from None
    return matrix


def _bad(path: Path, what: str) -> Error:
    return Error(f"Cannot use {path.name} as an importance matrix: {what}.", "Make it again.", kind="bad-file")
