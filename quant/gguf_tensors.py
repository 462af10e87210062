"""The tensors of a checked GGUF file as rows of float32, read and dequantized when asked for."""

import os
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np

from rushlight import Error
from rushlight.quant.encoding import decode, row_bytes
from rushlight.quant.gguf_check import check
from rushlight.quant.gguf_values import GgufFile, TensorInfo, open_regular, read_at
from rushlight.quant.rows import Floats


@dataclass(frozen=True, slots=True)
class GgufRows:
    """One tensor. Its shape is in numpy's order."""

    info: TensorInfo
    shape: tuple[int, ...]
    fd: int
    path: Path

    def rows(self, start: int, stop: int) -> Floats:
        size = row_bytes(self.shape[-1], self.info.type_name)
        count = max(0, stop - start)
        data = read_at(self.fd, self.info.offset + start * size, count * size, self.path)
        raw = np.frombuffer(data, np.uint8).reshape(count, size)
        return decode(raw, self.info.type_name).reshape(count, self.shape[-1])


class GgufTensors:
    """An open GGUF file, split or not: its metadata and its tensors by name. Checked before it is opened."""

    def __init__(self, path: Path) -> None:
        self._fds: list[int] = []
        self.file: GgufFile = check(path)
        self.tensors: dict[str, GgufRows] = {}
        try:
            for part in [self.file, *self._others()]:
                fd, _ = open_regular(part.path)
                self._fds.append(fd)
                for info in part.tensors:
                    shape = tuple(reversed(info.shape))
                    self.tensors[info.name] = GgufRows(info, shape, fd, part.path)
        except BaseException:
            self.close()
            raise

    def _others(self) -> list[GgufFile]:
        first, count = self.file, self.file.split_count
        if count == 1:
            return []
        ending = f"-00001-of-{count:05}.gguf"
        if not first.path.name.endswith(ending):
            raise Error(
                f"Cannot use {first.path.name}: it is part {first.split_index + 1} of {count}.",
                f"Give the first part, whose name ends with {ending}.",
                kind="bad-file",
            )
        base = first.path.name.removesuffix(ending)
        return [check(first.path.with_name(f"{base}-{index:05}-of-{count:05}.gguf")) for index in range(2, count + 1)]

    @property
    def n_parameters(self) -> int:
        return sum(prod(tensor.shape) for tensor in self.tensors.values())

    def close(self) -> None:
        for fd in self._fds:
            os.close(fd)
        self._fds.clear()

    def __enter__(self) -> "GgufTensors":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
