"""Rows on their way out of the worker: gathered into messages of bounded size, long cells cut, values made plain."""

import json
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from rushlight.assistant.sql import limits
from rushlight.assistant.sql.protocol import Begun, Rows, Run
from rushlight.assistant.sql.values import Cell

_INT64 = 2**63


def plain_cell(value: Any) -> Cell:
    """What another engine than SQLite gave, as a cell: dates are ISO texts, decimals numbers, nested values JSON."""
    if value is None or isinstance(value, (float, str, bytes)):
        return value
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return value if -_INT64 <= value < _INT64 else str(value)
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() and abs(value) < _INT64 else float(value)
    if isinstance(value, datetime):
        return value.isoformat(" ", "seconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    if isinstance(value, (list, tuple, dict)):
        return json.dumps(value, default=str, ensure_ascii=False)
    return str(value)


class Sender:
    """Gathers rows into messages of bounded size and cuts long cells."""

    def __init__(self, run: Run, send: Callable[[object], None]) -> None:
        self._run = run
        self._send = send
        self._batch: list[tuple[Cell, ...]] = []
        self._bytes = 0
        self._n = 0
        self.more = False
        self.n_cut = 0

    def begin(self, columns: tuple[str, ...]) -> None:
        self._send(Begun(columns))

    def add(self, row: tuple[Any, ...]) -> bool:
        """False when enough rows were sent."""
        if self._n >= self._run.max_rows:
            self.more = True
            return False
        self._n += 1
        cells = tuple(self._cell(cell) for cell in row)
        self._batch.append(cells)
        self._bytes += sum(len(cell) if isinstance(cell, (str, bytes)) else 9 for cell in cells)
        if self._bytes >= limits.BATCH_BYTES:
            self.flush()
        return True

    def _cell(self, cell: Cell) -> Cell:
        most = self._run.cell_bytes
        if isinstance(cell, str) and len(cell) > most:
            self.n_cut += 1
            return f"{cell[:most]}… ({len(cell):,} characters)"
        if isinstance(cell, bytes) and len(cell) > most:
            self.n_cut += 1
            return cell[:most]
        return cell

    def flush(self) -> None:
        if self._batch:
            self._send(Rows(tuple(self._batch)))
            self._batch, self._bytes = [], 0
