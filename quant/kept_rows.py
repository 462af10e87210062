"""Encoded tensors that are kept until the whole file is made, so that a killed quantization does not begin anew.

For encoders that take long (error feedback): what the search makes in seconds is not kept. Costs the size of the
finished tensors on the disk meanwhile.
"""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np

from rushlight.quant.blocks.format import Bytes
from rushlight.quant.gguf_copy import size_as
from rushlight.quant.gguf_tensors import GgufRows
from rushlight.quant.quantize import Encoder
from rushlight.quant.whole_file import remove_leftovers, whole_file

_BLOCK_BYTES: Final = 8 << 20


class KeptRows:
    """An encoder that asks `encoder` once for each tensor and keeps the bytes in `folder`."""

    def __init__(self, encoder: Encoder, folder: Path, on_kept: Callable[[int], None] | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        remove_leftovers(folder)
        self._encoder, self._folder, self._on_kept = encoder, folder, on_kept
        self.n_kept = 0

    def __call__(self, tensor: GgufRows, type_name: str) -> Iterator[Bytes] | None:
        path = self._folder / hashlib.sha256(f"{tensor.info.name} {type_name}".encode()).hexdigest()[:32]
        if path.exists() and path.stat().st_size == size_as(tensor.info, type_name):
            return _read(path)
        pieces = self._encoder(tensor, type_name)
        return None if pieces is None else self._keep(path, pieces)

    def _keep(self, path: Path, pieces: Iterator[Bytes]) -> Iterator[Bytes]:
        with whole_file(path) as file:
            for piece in pieces:
                file.write(np.ascontiguousarray(piece).data.cast("B"))
                yield piece
        self.n_kept += 1
        if self._on_kept is not None:
            self._on_kept(self.n_kept)


def _read(path: Path) -> Iterator[Bytes]:
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            yield np.frombuffer(block, np.uint8)
