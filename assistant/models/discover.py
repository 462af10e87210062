"""GGUF files that other programs keep on this machine, found read-only: LM Studio, Ollama, Jan, Hugging Face, GPT4All.

Reads folder listings, Ollama's small manifests and the first four bytes of each candidate. Nothing is written,
links never lead round in circles, and a manifest that lies names nothing outside Ollama's own folder.
"""

import os
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rushlight.assistant.models.split import split_name
from rushlight.assistant.paths import with_home

_MAX_DEPTH = 8
_MAX_ENTRIES = 200_000  # per program; more than any model folder holds
_MAX_MANIFEST_BYTES = 1024 * 1024
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_MODEL_LAYER = "application/vnd.ollama.image.model"
_OLLAMA_REGISTRY = "registry.ollama.ai"  # left out of names, and so is its folder "library"


@dataclass(frozen=True, slots=True)
class Found:
    """A model file of another program. `name` is what that program calls it; `path` the file or its first part."""

    app: str  # lmstudio, ollama, jan, huggingface, gpt4all, llama.cpp, folder, rushlight
    name: str
    path: Path
    size_bytes: int  # of all parts
    n_parts: int = 1
    complete: bool = True  # False: parts of a split model are missing

    @property
    def reference(self) -> str:
        """How it is named in `models import --from-app`: ollama:llama3:8b."""
        return f"{self.app}:{self.name}"


@dataclass(frozen=True, slots=True)
class Place:
    """A folder to look in."""

    app: str
    folder: Path


def known_places(search_folders: str = "") -> tuple[Place, ...]:
    """Where the other programs keep their models here, as their own documentation says; then the user's folders."""
    home, environment = Path.home(), os.environ
    data = Path(environment.get("XDG_DATA_HOME") or home / ".local/share")
    cache = Path(environment.get("XDG_CACHE_HOME") or home / ".cache")
    roaming = Path(environment.get("APPDATA") or home / "AppData/Roaming")
    local = Path(environment.get("LOCALAPPDATA") or home / "AppData/Local")
    support = home / "Library/Application Support"
    hub = environment.get("HF_HUB_CACHE") or (
        Path(environment["HF_HOME"]) / "hub" if environment.get("HF_HOME") else cache / "huggingface/hub"
    )
    places = [
        Place("lmstudio", home / ".lmstudio/models"),
        Place("lmstudio", home / ".cache/lm-studio/models"),
        Place("ollama", Path(environment.get("OLLAMA_MODELS") or home / ".ollama/models")),
        Place("ollama", Path("/usr/share/ollama/.ollama/models")),
        Place("ollama", Path("/var/lib/ollama/models")),
        Place("jan", data / "Jan/data/llamacpp/models"),
        Place("jan", home / "jan/models"),
        Place("huggingface", Path(hub)),
        Place("gpt4all", data / "nomic.ai/GPT4All"),
        Place("llama.cpp", Path(environment.get("LLAMA_CACHE") or cache / "llama.cpp")),
    ]
    if sys.platform == "darwin":
        places += [
            Place("jan", support / "Jan/data/llamacpp/models"),
            Place("gpt4all", support / "nomic.ai/GPT4All"),
            Place("llama.cpp", home / "Library/Caches/llama.cpp"),
        ]
    if sys.platform == "win32":
        places += [
            Place("jan", roaming / "Jan/data/llamacpp/models"),
            Place("gpt4all", local / "nomic.ai/GPT4All"),
            Place("llama.cpp", local / "llama.cpp"),
        ]
    places += [Place("folder", with_home(folder)) for folder in search_folders.split(os.pathsep) if folder.strip()]
    return tuple(places)


def find_models(places: Iterable[Place]) -> tuple[Found, ...]:
    """Everything found there, each file once, by program and name. Folders that cannot be read are passed over."""
    found: dict[Path, Found] = {}
    for place in places:
        search = _ollama if place.app == "ollama" else _folder
        for model in search(place):
            found.setdefault(model.path.resolve(), model)
    return tuple(sorted(found.values(), key=lambda model: (model.app, model.name.casefold())))


def find_reference(places: Iterable[Place], reference: str) -> Found:
    """The one that `reference` (app:name, or a name that only one has) means. Raises `Error(kind="not-found")`."""
    from rushlight import Error

    models = find_models(places)
    hits = [model for model in models if reference in (model.reference, model.name)]
    if len(hits) == 1:
        return hits[0]
    if hits:
        raise Error(
            f"The name {reference!r} fits {len(hits)} files.",
            hint=f"Name one of them: {', '.join(hit.reference for hit in hits)}",
            kind="model-ambiguous",
        )
    import difflib

    near = difflib.get_close_matches(reference, [model.reference for model in models], n=1, cutoff=0.4)
    raise Error(
        f"No other program has a model {reference[:80]!r}.",
        hint=f"Did you mean {near[0]}?" if near else "See: rushlight models find",
        kind="model-not-found",
    )


def _folder(place: Place) -> Iterator[Found]:
    """GGUF files below a folder; the parts of a split model are one."""
    files = {Path(entry.path): size for entry, size in _walk(place.folder) if entry.name.lower().endswith(".gguf")}
    for path, size_bytes in sorted(files.items()):
        if path.name.lower().startswith("mmproj"):
            continue  # the vision half of a model
        split = split_name(path.name)
        if split is None:
            if _is_gguf(path):
                yield Found(place.app, _name(place, path), path, size_bytes)
            continue
        stem, part, count = split
        if part != 1 or not _is_gguf(path):
            continue
        sisters = [path.with_name(f"{stem}-{number:05d}-of-{count:05d}{path.suffix}") for number in range(1, count + 1)]
        there = [sister for sister in sisters if sister in files]
        yield Found(
            place.app,
            _name(place, path.with_name(f"{stem}{path.suffix}")),
            path,
            sum(files[sister] for sister in there),
            count,
            len(there) == count,
        )


def _name(place: Place, path: Path) -> str:
    """What people would call it there: path below the folder without .gguf; org/repo/file in the Hugging Face cache."""
    parts = list(path.relative_to(place.folder).with_suffix("").parts)
    if place.app == "huggingface" and parts and parts[0].startswith("models--"):
        # models--org--repo/snapshots/<revision>/file
        return "/".join([*parts[0].removeprefix("models--").split("--"), *parts[3:]])
    return "/".join(parts)


def _ollama(place: Place) -> Iterator[Found]:
    """Models by Ollama's manifests: manifests/<host>/<namespace>/<model>/<tag> names a blob by digest."""
    manifests = place.folder / "manifests"
    for entry, size_bytes in _walk(manifests):
        parts = Path(entry.path).relative_to(manifests).parts
        if len(parts) < 4 or size_bytes > _MAX_MANIFEST_BYTES:
            continue
        digest = _model_digest(Path(entry.path))
        if digest is None:
            continue
        blob = place.folder / "blobs" / f"sha256-{digest}"
        if not blob.exists():
            blob = place.folder / "blobs" / f"sha256:{digest}"  # before 0.1.33
        try:
            blob_bytes = blob.stat().st_size
        except OSError:
            continue
        if _is_gguf(blob):
            where, tag = parts[:-1], parts[-1]
            if where[0] == _OLLAMA_REGISTRY:
                where = where[2:] if where[1] == "library" else where[1:]
            yield Found("ollama", f"{'/'.join(where)}:{tag}", blob, blob_bytes)


def _model_digest(manifest: Path) -> str | None:
    """The digest of a manifest's model layer. The file is a stranger's: anything unexpected means none."""
    import json

    try:
        with manifest.open("rb") as file:
            content: Any = json.loads(file.read(_MAX_MANIFEST_BYTES + 1))
        layers = content["layers"]
        digest = next(layer["digest"] for layer in layers if layer.get("mediaType") == _MODEL_LAYER)
    except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError, StopIteration):
        return None
    match = _DIGEST.fullmatch(digest) if isinstance(digest, str) else None
    return match[1] if match else None


def _walk(folder: Path) -> Iterator[tuple["os.DirEntry[str]", int]]:
    """Regular files below a folder, links followed, with their sizes; each folder once, so a circle ends."""
    seen: set[tuple[int, int]] = set()
    waiting = [(str(folder), 0)]
    n_entries = 0
    while waiting:
        path, depth = waiting.pop()
        try:
            status = Path(path).stat()
            identity = (status.st_dev, status.st_ino)
            if identity in seen:
                continue
            seen.add(identity)
            with os.scandir(path) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except (OSError, ValueError):
            continue
        for entry in entries:
            n_entries += 1
            if n_entries > _MAX_ENTRIES:
                return
            try:
                if entry.is_dir():
                    if depth < _MAX_DEPTH:
                        waiting.append((entry.path, depth + 1))
                elif entry.is_file():
                    yield entry, entry.stat().st_size
            except OSError:
                continue


def _is_gguf(path: Path) -> bool:
    """Whether the file begins like one. Opened without waiting, in case it became a pipe."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    except OSError:
        return False
    try:
        return os.read(descriptor, 4) == b"GGUF"
    except OSError:
        return False
    finally:
        os.close(descriptor)
