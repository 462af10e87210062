"""Columns of texts as Arrow keeps them: bytes in one row, and where each text begins. What the kernels are given."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Column:
    """Texts as Arrow keeps them: `offsets` (int32 or int64) into `data`, and a bit for each that is not null."""

    offsets: npt.NDArray[Any]
    data: npt.NDArray[np.uint8]
    validity: npt.NDArray[np.uint8] | None
    first: int
    n: int

    def text(self, i: int) -> bytes | None:
        at = self.first + i
        if self.validity is not None and not self.validity[at // 8] >> (at % 8) & 1:
            return None
        return self.data[self.offsets[at] : self.offsets[at + 1]].tobytes()

    def parts(self, size_bytes: int) -> list["Column"]:
        """The same in pieces of about that many bytes."""
        cuts, first, last = [], self.first, self.first + self.n
        while first < last:
            until = int(self.offsets[first]) + size_bytes
            next_ = min(last, max(first + 1, int(np.searchsorted(self.offsets[: last + 1], until, "right")) - 1))
            cuts.append(Column(self.offsets, self.data, self.validity, first, next_ - first))
            first = next_
        return cuts

    def sizes(self) -> npt.NDArray[np.int64]:
        """The length of each text in bytes."""
        return np.diff(self.offsets[self.first : self.first + self.n + 1]).astype(np.int64)


def text_column(texts: Sequence[str | bytes | None]) -> Column:
    """A column of texts that are already here."""
    raw = [b"" if text is None else text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
           for text in texts]  # fmt: skip
    offsets = np.zeros(len(raw) + 1, np.int64)
    np.cumsum([len(one) for one in raw], out=offsets[1:])
    bits = np.packbits([text is not None for text in texts], bitorder="little") if texts else np.empty(0, np.uint8)
    return Column(offsets, np.frombuffer(b"".join(raw), np.uint8), bits, 0, len(raw))
