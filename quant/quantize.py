"""Makes a GGUF file out of another one, with other tensor types: streamed, and whole or not at all.

Knows tensors, types and importance matrices; how blocks are made is told by `block_encoding`. Memory: a few slabs of
rows, whatever the size of the tensors.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np

from rushlight import Error, Progress, Stop
from rushlight.quant import ggml
from rushlight.quant.block_encoding import By, encode_rows, fits
from rushlight.quant.blocks.format import Bytes, Floats
from rushlight.quant.gguf_copy import copied_head, head_size, padded, size_as
from rushlight.quant.gguf_tensors import GgufRows, GgufTensors
from rushlight.quant.gguf_values import TensorInfo, read_at
from rushlight.quant.gguf_write import Value
from rushlight.quant.imatrix import ImportanceMatrix
from rushlight.quant.rows import SLAB_BYTES
from rushlight.quant.whole_file import whole_file

_QUANTIZATION_VERSION: Final = 2  # of the block formats, what every reader expects since 2023
_COPY_BYTES: Final = 8 << 20

# Gives the bytes of a tensor's rows instead of the search; None: the search does it. See `gptq`.
Encoder = Callable[[GgufRows, str], Iterator[Bytes] | None]


@dataclass(frozen=True, slots=True)
class Made:
    """What was written: the file's size, and the type of every tensor."""

    path: Path
    size_bytes: int
    types: Mapping[str, str]

    @property
    def bits_per_weight(self) -> float:
        return 8 * self.size_bytes / max(1, self._n_weights)

    _n_weights: int = 0


# One type for every matrix, where llama.cpp has only mixtures or none: what rows that do not divide get instead, and
# llama.cpp's nearest mixture.
_PURE: Final[Mapping[str, tuple[str, str]]] = {
    "Q3_K": ("IQ4_NL", "Q3_K_S"),
    "Q4_K": ("Q5_0", "Q4_K_S"),
    "Q5_K": ("Q5_1", "Q5_K_S"),
    "MXFP4": ("F16", "MXFP4_MOE"),
}
TYPES: Final = (*ggml.MIXTURES, *_PURE)  # what a file can be made to


def file_type_of(mixture: str) -> int:
    """llama.cpp's number of a mixture, or of the one that is nearest to a single type."""
    if mixture not in TYPES:
        raise Error(f"There is no type {mixture[:20]!r}.", f"Known ones: {', '.join(TYPES)}.", kind="unknown-type")
    return ggml.MIXTURES[_PURE[mixture][1] if mixture in _PURE else mixture]


def types_of(source: Path, mixture: str, *, has_importance: bool = False) -> dict[str, str]:
    """The type that each tensor of a file gets in a mixture, or as a single type such as "MXFP4"."""
    file_type_of(mixture)
    if mixture not in _PURE:
        types = ggml.mixture_types(source, mixture, has_importance=has_importance)
    else:
        types = ggml.mixture_types(source, "Q8_0")
        with GgufTensors(source) as opened:
            for name, tensor in opened.tensors.items():
                if types[name] == "Q8_0":
                    wanted = (mixture, _PURE[mixture][0])
                    types[name] = next((one for one in wanted if fits(tensor.info.shape[0], one)), "F16")
    if not has_importance and ggml.NEED_IMPORTANCE & set(types.values()):
        raise Error(
            f"{mixture} needs an importance matrix.",
            "Make one with rushlight quant calibrate and give it with --imatrix, or choose Q2_K.",
            kind="no-matrix",
        )
    return types


def nearest_mixture(source: Path, types: Mapping[str, str]) -> str:
    """What a file of these types is said to be: the mixture of the type that most of its weights have."""
    with GgufTensors(source) as opened:
        counts: dict[str, int] = {}
        for tensor in opened.tensors.values():
            if len(tensor.shape) > 1:
                kind = types.get(tensor.info.name, tensor.info.type_name)
                counts[kind] = counts.get(kind, 0) + tensor.info.n_elements
    most = max(counts, key=lambda kind: counts[kind], default="F32")
    return next((one for one in (f"{most}_M", f"{most}_S", most) if one in ggml.MIXTURES), "Q4_0")


def size_of(source: Path, types: Mapping[str, str]) -> int:
    """Bytes of the file that `make` writes with these types, but for the keys it adds."""
    with GgufTensors(source) as opened:
        infos = [tensor.info for tensor in opened.tensors.values()]
        data = sum(padded(size_as(one, types.get(one.name, one.type_name))) for one in infos)
        return head_size(opened.file, infos) + data


def make(
    source: Path,
    target: Path,
    mixture: str,
    *,
    types: Mapping[str, str] | None = None,
    importance: ImportanceMatrix | None = None,
    n_threads: int = 1,
    by: By = "best",
    encoder: Encoder | None = None,
    keys: Mapping[str, Value] | None = None,
    stop: Stop | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Made:
    """Quantize `source` to a mixture such as "Q4_K_M": every tensor gets the type that llama.cpp would give it.

    `types` names the tensors' types instead (a plan); what it leaves out stays as it is. Tensors that have their type
    already are copied. With `by="ggml"` ggml's own quantizer makes the blocks, with "rushlight" our search wherever it
    knows the type, with "best" our search but for the types it is not better at. `keys` are written beside those of the
    source.
    """
    number = file_type_of(mixture)
    if types is None:
        types = types_of(source, mixture, has_importance=importance is not None)
    with GgufTensors(source) as opened:
        infos = [tensor.info for tensor in opened.tensors.values()]
        types = {info.name: types.get(info.name, info.type_name) for info in infos}
        _check(infos, types, importance)
        changed: dict[str, Value] = {
            "general.file_type": number, "general.quantization_version": _QUANTIZATION_VERSION, **(keys or {}),
        }  # fmt: skip
        head = copied_head(opened.file, infos, types, changed)
        total = sum(padded(size_as(info, types[info.name])) for info in infos)
        done = 0
        with whole_file(target) as file:
            file.write(head)
            for name, tensor in opened.tensors.items():
                found = importance.importance(name) if importance is not None else None
                pieces = encoder(tensor, types[name]) if encoder is not None else None
                if pieces is None:
                    pieces = _pieces(tensor, types[name], found, n_threads, by)
                expected = size_as(tensor.info, types[name])
                written = _write(file, pieces, stop, partial(_report, on_progress, done, total))
                if written != expected:
                    raise RuntimeError(f"{name}: {written} bytes instead of {expected}")
                file.write(bytes(padded(expected) - expected))
                done += padded(expected)
            size_bytes = file.tell()
        return Made(target, size_bytes, types, opened.n_parameters)


def _report(on_progress: Callable[[Progress], None] | None, done: int, total: int, n_more: int) -> None:
    if on_progress is not None:
        on_progress(Progress("Quantizing", done + n_more, total, "bytes"))


def _write(file: BinaryIO, pieces: Iterator[Bytes], stop: Stop | None, report: Callable[[int], None]) -> int:
    n_bytes = 0
    for piece in pieces:
        if stop is not None:
            stop.check()
        file.write(np.ascontiguousarray(piece).data.cast("B"))
        n_bytes += piece.nbytes
        report(n_bytes)
    return n_bytes


def _check(infos: list[TensorInfo], types: Mapping[str, str], importance: ImportanceMatrix | None) -> None:
    """All that would go wrong half-way, said before the first byte."""
    for info in infos:
        type_name = types[info.name]
        if type_name != info.type_name and not fits(info.shape[0], type_name):
            raise Error(
                f"{info.name} cannot be {type_name}: its rows of {info.shape[0]} do not divide into blocks.",
                "Choose Q4_0, Q5_0, Q8_0 or IQ4_NL for it.",
                kind="unsupported",
            )
        known = None if importance is None else importance.importance(info.name)
        if type_name in ggml.NEED_IMPORTANCE and type_name != info.type_name and known is None:
            raise Error(
                f"{info.name} cannot be {type_name} without an importance matrix.",
                "Collect one first, or choose a larger type.",
                kind="no-matrix",
            )
        if known is not None and known.size != info.shape[0] * experts_of(info):
            raise Error(
                f"The importance matrix is of another model: {info.name} has {info.shape[0]} columns, not "
                f"{known.size // experts_of(info)}.",
                "Collect one with this model.",
                kind="bad-file",
            )


def experts_of(info: TensorInfo) -> int:
    """How many matrices a tensor holds."""
    return info.n_elements // (info.shape[0] * (info.shape[1] if len(info.shape) > 1 else 1))


def importance_of_expert(importance: Floats | None, expert: int, n_experts: int, columns: int) -> Floats | None:
    """One weight per column; files of old importance matrices hold all experts in one row."""
    if importance is None:
        return None
    by_expert = importance.reshape(-1, columns)
    chosen: Floats = by_expert[expert] if len(by_expert) == n_experts else by_expert.mean(axis=0)
    return chosen


def _pieces(tensor: GgufRows, type_name: str, importance: Floats | None, n_threads: int, by: By) -> Iterator[Bytes]:
    """The bytes of a tensor in a type, slab by slab; no slab reaches over two experts."""
    if type_name == tensor.info.type_name:
        yield from copied_bytes(tensor)
        return
    columns, n_experts = tensor.info.shape[0], experts_of(tensor.info)
    n_rows = tensor.info.n_elements // columns // n_experts
    step = max(1, SLAB_BYTES // (4 * columns))
    for expert in range(n_experts):
        weights = importance_of_expert(importance, expert, n_experts, columns)
        for start in range(0, n_rows, step):
            first = expert * n_rows + start
            values = tensor.rows(first, first + min(step, n_rows - start))
            yield encode_rows(values, type_name, weights, n_threads=n_threads, by=by)


def copied_bytes(tensor: GgufRows) -> Iterator[Bytes]:
    """A tensor's bytes as they lie in the file."""
    for start in range(0, tensor.info.size_bytes, _COPY_BYTES):
        wanted = min(_COPY_BYTES, tensor.info.size_bytes - start)
        data = read_at(tensor.fd, tensor.info.offset + start, wanted, tensor.path)
        yield np.frombuffer(data, np.uint8)
