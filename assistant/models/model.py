"""A model in the catalogue, and the names by which people may call it."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from rushlight import Error

ID_PATTERN = re.compile(r"[A-Za-z0-9._/@:-]{1,200}")


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a model, with what it looked like when it was imported."""

    path: Path
    size_bytes: int
    mtime_ns: int
    sha256: str
    edges_sha256: str  # of the first and the last 64 KiB


@dataclass(frozen=True, slots=True)
class Remote:
    """Where a model runs that is not on this machine: an address that speaks OpenAI's interface."""

    url: str  # http://machine:8000/v1, without a slash at the end
    model: str = ""  # what it is called there; "" = the only one that there is


@dataclass(frozen=True, slots=True)
class Model:
    """A model of the catalogue. `path` is what the engine opens: the only file, or the first part of a split model.

    `sha256` is the file's own; for a split model it is the digest of its parts' digests, one a line. A remote model
    has no file: its `path` is a name that no file has, its sizes are 0 where its machine does not tell them.
    """

    id: str
    path: Path
    size_bytes: int
    sha256: str
    architecture: str
    n_params: int
    n_ctx_train: int
    quantization: str
    chat_template_sha256: str  # "" = the file brings none
    license: str
    aliases: tuple[str, ...]
    owned: bool  # False = used in place, where another program keeps it
    added_at: float  # seconds since 1970
    sampling: dict[str, float] = field(default_factory=dict)  # fields of Sampling: the file's own, then the user's
    purpose: str = "chat"  # chat, embedding or rerank
    files: tuple[ModelFile, ...] = ()
    remote: Remote | None = None
    load: dict[str, str] = field(default_factory=dict)  # the user's load options, see `load_defaults`

    @property
    def is_remote(self) -> bool:
        """Whether what it is asked leaves this machine."""
        return self.remote is not None


def check_id(name: str, *, what: str = "model id") -> str:
    """`name`, if it may be an id or alias: ids are typed in shells and sent over HTTP, and never become paths."""
    if ID_PATTERN.fullmatch(name) is None or name.startswith("-"):
        raise Error(
            f"{name[:80]!r} cannot be a {what}.",
            hint="Use 1 to 200 letters, digits and . _ / @ : - and do not begin with a dash.",
            kind="bad-id",
        )
    return name


def short_forms(model: Model) -> set[str]:
    """What may stand for a model as long as only one has it: its file's stem, and its id without publisher or @type."""
    name = model.id.rsplit("/", 1)[-1]
    forms = {name, model.id.split("@", 1)[0], name.split("@", 1)[0]}
    if not model.is_remote:
        forms.add(model.path.stem)
    return {form.casefold() for form in forms}
