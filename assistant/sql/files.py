"""Which files can be opened as databases, and the SQLite file behind each: the file itself, or one made from it.

Looks at heads and sizes and hashes bytes; what a file means is left to the worker.
"""

import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

from rushlight import Error, Stop
from rushlight.assistant.paths import private_folder, with_home
from rushlight.assistant.sql import limits
from rushlight.assistant.sql.addresses import address_source, is_address
from rushlight.assistant.sql.process import SqlProcess
from rushlight.assistant.sql.protocol import Import, Imported
from rushlight.assistant.sql.values import Source

IMPORTER = 3  # raise it when the importer makes other tables of the same file
_HASHED_WHOLE = 512 * 1024 * 1024
_MAX_IMPORT_BYTES = 2_000_000_000
_IMPORT_S = 300.0
_CACHE_BYTES = 10_000_000_000
_SQLITE, _PARQUET, _ZIP, _OLE = b"SQLite format 3\x00", b"PAR1", b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_DUCKDB = b"DUCK"  # after a checksum of eight bytes
_ALONE = ("duckdb", "postgresql")  # nothing can be opened beside them
_EXCEL = {".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"}
_DATABASE = {".db", ".sqlite", ".sqlite3", ".db3"}
_TEXT = {".csv", ".tsv", ".txt", ".tab"}


def find_sources(paths: Iterable[str | Path], cache: Path, stop: Stop | None = None) -> tuple[Source, ...]:
    """The sources for these files, imported where they are no databases. Errors name the file.

    A `stop` ends an import and leaves nothing of it.
    """
    found: list[Source] = []
    for given in paths:
        if is_address(str(given)):
            found.append(address_source(str(given)))
            continue
        path = with_home(given)
        source = _source(path.absolute(), str(given), cache, {one.name for one in found}, stop)
        found.append(source)
    if not found:
        raise Error("No file was named.", hint="Name a database, CSV, Parquet or Excel file.", kind="no-file")
    alone = next((one for one in found if one.kind in _ALONE), None)
    if alone is not None and len(found) > 1:
        raise Error(
            f"{alone.path} can only be opened alone.",
            hint="SQLite databases, CSV, Parquet and Excel files can be opened together.",
            kind="opened-alone",
        )
    if len(found) > limits.MAX_SOURCES:
        raise Error(f"{len(found)} files were named; {limits.MAX_SOURCES} can be open at once.", kind="too-many-files")
    return tuple(found)


def kind_of(path: Path) -> str:
    """sqlite, duckdb, csv, parquet or excel."""
    try:
        if not path.is_file():
            problem = "is a folder" if path.is_dir() else "does not exist" if not path.exists() else "is no plain file"
            raise Error(
                f"The file {path} {problem}.", hint="Name a database, CSV, Parquet or Excel file.", kind="no-file"
            )
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as err:
        raise Error(
            f"The file {path} cannot be read: {err.strerror}.", hint="Check its permissions.", kind="no-file"
        ) from err
    suffix = path.suffix.lower()
    if head[8:12] == _DUCKDB or suffix in (".duckdb", ".ddb"):
        return "duckdb"
    if head == _SQLITE or suffix in _DATABASE:
        return "sqlite"
    if head[:4] == _PARQUET or suffix in (".parquet", ".pq"):
        return "parquet"
    if suffix in _EXCEL or head[:4] == _OLE:
        return "excel"
    if not head:
        raise Error(
            f"The file {path} is empty.", hint="Name a database, CSV, Parquet or Excel file.", kind="file-empty"
        )
    if head[:4] == _ZIP or (suffix not in _TEXT and b"\x00" in head[:2] and head[:2] not in (b"\xff\xfe", b"\xfe\xff")):
        raise Error(
            f"The file {path} is of no kind that can be opened.",
            hint="Databases (SQLite), CSV, Parquet and Excel files can be opened.",
            kind="unknown-file",
        )
    return "csv"


def _source(path: Path, given: str, cache: Path, taken: set[str], stop: Stop | None) -> Source:
    kind = kind_of(path)
    try:
        sha256 = hash_of(path, stop)
        if kind == "duckdb":
            return Source(_name(path, taken), given, str(path), kind, sha256)
        if kind == "sqlite":
            beside = [path.with_name(path.name + end) for end in ("-wal", "-journal")]
            beside = [one for one in beside if one.is_file() and one.stat().st_size > 0]
            if not beside:
                return Source(_name(path, taken), given, str(path), kind, sha256)
            sha256 = hashlib.sha256("".join([sha256, *map(hash_of, beside)]).encode()).hexdigest()
            database, notes = _made(cache, sha256, path, kind, beside, stop)
        else:
            database, notes = _made(cache, sha256, path, kind, [], stop)
    except OSError as err:
        raise Error(f"The file {path} cannot be read: {err.strerror}.", kind="no-file") from err
    return Source(_name(path, taken), given, str(database), kind, sha256, notes)


def _name(path: Path, taken: set[str]) -> str:
    """A name for its tables that needs no quotes."""
    base = re.sub(r"\W+", "_", path.stem, flags=re.ASCII).strip("_").lower()[:40] or "database"
    if base[0].isdigit() or base in ("main", "temp"):
        base = f"db_{base}"
    name, n = base, 2
    while name in taken:
        name, n = f"{base}_{n}", n + 1
    return name


def hash_of(path: Path, stop: Stop | None = None) -> str:
    """The sha256 of the file; of very large ones that of size, time of change, and both ends."""
    status = path.stat()
    found = hashlib.sha256()
    with path.open("rb") as file:
        if status.st_size <= _HASHED_WHOLE:
            while block := file.read(1 << 20):
                if stop is not None:
                    stop.check()
                found.update(block)
        else:
            found.update(f"{status.st_size} {status.st_mtime_ns}".encode())
            found.update(file.read(1 << 22))
            file.seek(-(1 << 22), os.SEEK_END)
            found.update(file.read())
    return found.hexdigest()


def _made(
    cache: Path, sha256: str, path: Path, kind: str, beside: list[Path], stop: Stop | None
) -> tuple[Path, tuple[str, ...]]:
    """The SQLite file that was made from `path`, now or earlier, and what is to be said of it."""
    folder = private_folder(cache / "sql")
    stem = re.sub(r"\W+", "_", path.stem)[:40]
    # The name of the table comes from the file's: the same content under another name is another import.
    key = hashlib.sha256(f"{IMPORTER} {sha256} {kind} {stem}".encode()).hexdigest()[:32]
    final, told = folder / f"{key}.db", folder / f"{key}.json"
    try:
        if final.is_file():
            return final, tuple(str(note) for note in json.loads(told.read_text())["notes"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # half of an import that was broken off: it is made again
    if path.stat().st_size > _MAX_IMPORT_BYTES:
        raise Error(
            f"The file {path} is larger than {_MAX_IMPORT_BYTES // 10**9} GB, which is too much to import.",
            hint="Turn it into an SQLite database, which is read in place.",
            kind="file-too-large",
        )
    _make_room(folder)
    staged = folder / f".{key}.{os.getpid()}.making"
    try:
        notes = _import(path, kind, staged, stem, beside, stop)
        staged.rename(final)
        told.write_text(json.dumps({"notes": notes, "of": path.name}))
    finally:
        for end in ("", "-wal", "-journal", "-shm"):
            staged.with_name(staged.name + end).unlink(missing_ok=True)
    return final, notes


def _make_room(folder: Path) -> None:
    """Imports that were broken off go, and of the others those that were made first, while they are too many bytes."""
    files = []
    for file in folder.iterdir():
        try:
            status = file.stat()
        except OSError:
            continue  # another process makes room, too
        if file.name.startswith(".") and time.time() - status.st_mtime > 2 * _IMPORT_S:
            file.unlink(missing_ok=True)
        elif file.suffix == ".db" and not file.name.startswith("."):
            files.append((status.st_mtime, status.st_size, file))
    size = sum(one[1] for one in files)
    for _, bytes_, file in sorted(files):
        if size <= _CACHE_BYTES:
            break
        size -= bytes_
        file.unlink(missing_ok=True)  # who has it open goes on reading it
        file.with_suffix(".json").unlink(missing_ok=True)


def _import(path: Path, kind: str, staged: Path, table: str, beside: list[Path], stop: Stop | None) -> tuple[str, ...]:
    if kind == "sqlite":
        for original in (path, *beside):
            shutil.copyfile(original, staged.with_name(staged.name + original.name.removeprefix(path.name)))
    process = SqlProcess(str(path))
    forget = stop.on_set(process.close) if stop is not None else None
    try:
        made: Imported = process.ask(Import(str(path), kind, str(staged), table), _IMPORT_S, Imported)
        return made.notes[:20]
    except Error:
        if stop is not None:
            stop.check()  # its end is what the stop asked for, and no mishap
        raise
    finally:
        if forget is not None:
            forget()
        process.close()
