"""The files of adapters: taken into the folder of adapters with their proof, named, hashed and removed.

Whatever is in a file was written by strangers until `gguf_check` has seen it.
"""

import hashlib
import json
import re
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Final

from rushlight import Error
from rushlight.quant.proof_file import proof_path, refuse_failed
from rushlight.quant.whole_file import whole_file

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_RESERVED: Final = frozenset({"candidate", "promoted", "retired", "base"})
_BLOCK_BYTES: Final = 1 << 20


def check_name(name: str) -> str:
    """`name`, if an adapter may be called so: it becomes a file's name and a part of a model's."""
    if _NAME.fullmatch(name) is None or name in _RESERVED:
        raise Error(
            f"{name[:80]!r} cannot be an adapter's name.",
            "Use 1 to 80 letters, digits and . _ -, beginning with a letter or digit; not candidate, promoted, "
            "retired or base.",
            kind="bad-name",
        )
    return name


def free_name(folder: Path, scope: str, taken: Collection[str]) -> str:
    """A name made from the scope: chat-1, clinic-1a2b3c4d-2."""
    word = scope.partition(":")[2] or scope
    number = 1
    while f"{word}-{number}" in taken or (folder / f"{word}-{number}.gguf").exists():
        number += 1
    return f"{word}-{number}"


def digest_of(path: Path) -> str:
    """The sha256 of a file."""
    digest = hashlib.sha256()
    try:
        with path.open("rb", buffering=0) as file:
            while block := file.read(_BLOCK_BYTES):
                digest.update(block)
    except OSError as failure:
        raise Error(
            f"The adapter {path} cannot be read: {failure.strerror}.", "Check the path.", kind="bad-adapter"
        ) from None
    return digest.hexdigest()


def take_in(source: Path, folder: Path, name: str, sha256: str) -> Path:
    """Copy the adapter and its proof into the folder under that name. A file that is there already is only kept where
    it holds the same bytes."""
    check_name(name)
    _check_adapter(source)
    refuse_failed(source)
    target = folder / f"{name}.gguf"
    folder.mkdir(parents=True, exist_ok=True)
    if target.exists() and digest_of(target) != sha256:
        raise Error(
            f"There is a file {target} already, which the registry does not know.",
            "Choose another name, or move the file away.",
            kind="name-taken",
        )
    if proof_path(source).is_file() and source != target:
        said = json.loads(proof_path(source).read_bytes())
        with whole_file(proof_path(target)) as file:
            file.write(json.dumps({**said, "file": target.name}, indent=2).encode())
    if not target.exists():
        with whole_file(target) as file, source.open("rb") as original:
            shutil.copyfileobj(original, file, _BLOCK_BYTES)
    return target


def remove_file(path: Path) -> None:
    """Delete an adapter and its proof. One that is gone already is no fault."""
    try:
        path.unlink(missing_ok=True)
        proof_path(path).unlink(missing_ok=True)
    except OSError as failure:
        raise Error(
            f"The adapter was forgotten, but its file {path} could not be deleted: {failure.strerror}.",
            "Delete it by hand to get the space back.",
            kind="file-undeletable",
        ) from None


def _check_adapter(path: Path) -> None:
    from rushlight.quant.gguf_check import check

    said = check(path).metadata
    if said.get("general.type") != "adapter":
        raise Error(
            f"{path.name} is no adapter: it says {str(said.get('general.type', 'nothing'))[:40]!r} of itself.",
            "Give a GGUF file made by a training, or by `rushlight quant adapter`.",
            kind="bad-adapter",
        )
