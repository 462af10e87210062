"""Data cut into pieces that can be worked on one by one, and what came of them put together again in order.

Only for steps that look at each record by itself. A piece is a run of lines, or a whole file of another kind.
"""

import json
import re
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from rushlight import Error
from rushlight.quant.whole_file import whole_file
from rushlight.trainer.data.read import data_files, read_records
from rushlight.trainer.data.reading import Watch
from rushlight.trainer.data.write import checked_out, writing

PIECE_BYTES: Final = 16 << 20


class Piece(msgspec.Struct, frozen=True):
    """Bytes `first` to `last` of a file; `n_before` lines come before them."""

    number: int
    path: str
    first: int
    last: int
    n_before: int
    folder: str  # where the piece is worked on: seen by all workers


def pieces_of(paths: Sequence[Path], folder: Path, piece_bytes: int = PIECE_BYTES) -> list[Piece]:
    """The files in pieces, in order."""
    found: list[Piece] = []

    def add(path: Path, first: int, last: int, n_before: int) -> None:
        number = len(found)
        found.append(Piece(number, str(path.absolute()), first, last, n_before, str(folder / f"{number:06}")))

    for path in data_files(paths):
        if path.suffix.lower() not in (".jsonl", ".ndjson"):
            add(path, 0, path.stat().st_size, 0)
            continue
        first = at = n_before = n_lines = 0
        with path.open("rb") as file:
            while block := file.read(min(1 << 20, piece_bytes)):
                rest = b"" if block.endswith(b"\n") else file.readline()  # a piece ends where a line does
                at += len(block) + len(rest)
                n_lines += block.count(b"\n") + rest.count(b"\n")
                if at - first >= piece_bytes:
                    add(path, first, at, n_before)
                    first, n_before = at, n_lines
        if at > first:
            add(path, first, at, n_before)
    return found


def work_on(piece: Piece, step: Callable[[Sequence[Path], Path, Watch], dict[str, Any]]) -> dict[str, Any]:
    """Do a step on a piece, in the piece's folder: its figures, or its error as plain values."""
    folder, source = Path(piece.folder), Path(piece.path)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        path = source
        if source.suffix.lower() in (".jsonl", ".ndjson"):
            path = folder / source.name
            with source.open("rb") as file, path.open("wb") as copy:
                file.seek(piece.first)
                left = piece.last - piece.first
                while left and (block := file.read(min(left, 1 << 20))):
                    copy.write(block)
                    left -= len(block)
        figures = step([path], folder / "out.jsonl", Watch())
        if path != source:
            path.unlink()
        return {"number": piece.number, "figures": json.dumps(figures), "error": ""}
    except Error as error:
        told = _placed(error.message, piece)
        return {"number": piece.number, "figures": "",
                "error": json.dumps({"message": told, "hint": error.hint, "kind": error.kind})}  # fmt: skip
    except OSError as error:
        said = {"message": f"Cannot work on {source.name}: {error.strerror}.", "hint": "Check the file and the disk.",
                "kind": "file-error"}  # fmt: skip
        return {"number": piece.number, "figures": "", "error": json.dumps(said)}


def _placed(message: str, piece: Piece) -> str:
    """Lines are counted from where the piece begins; people count from where the file does."""
    name = re.escape(Path(piece.path).name)
    return re.sub(rf"(?<={name}, line )\d+", lambda match: str(int(match[0]) + piece.n_before), message, count=1)


def together(results: Iterable[Mapping[str, Any]], pieces: Sequence[Piece], out: Path) -> dict[str, Any]:
    """The figures of all pieces added up; what they wrote lies in `out`, in the order of the pieces."""
    said: dict[int, dict[str, Any]] = {}
    for one in results:
        if one["error"]:
            raise Error(**json.loads(one["error"]))
        said[int(one["number"])] = json.loads(one["figures"])
    written = [Path(piece.folder) / "out.jsonl" for piece in pieces]
    checked_out(out)
    if out.suffix.lower() == ".parquet":
        with writing(out) as writer:
            for record, _ in (one for path in written for one in read_records([path])):
                writer.add(record.row)
    else:
        out.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(out) as target:
            for path in written:
                with path.open("rb") as file:
                    shutil.copyfileobj(file, target)
    total: dict[str, Any] = {}
    for number in sorted(said):
        _add(total, said[number])
    for name, value in total.items():
        if isinstance(value, dict):
            total[name] = dict(sorted(value.items(), key=lambda one: -one[1]))
    return {**total, "path": str(out)}


def _add(total: dict[str, Any], figures: Mapping[str, Any]) -> None:
    for name, value in figures.items():
        if isinstance(value, dict):
            _add(total.setdefault(name, {}), value)
        elif isinstance(value, int | float):
            total[name] = total.get(name, 0) + value
