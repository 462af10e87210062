"""The names that clients use: a model of the catalogue, `model@adapter`, and adapter files of the data folder.

A name is looked up, never used as a path; a path must lie inside the data folder, links followed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rushlight import Error
from rushlight.assistant.app import App
from rushlight.assistant.engine.request import LoraUse
from rushlight.assistant.models.model import ID_PATTERN, Model
from rushlight.assistant.paths import Paths
from rushlight.assistant.server.errors import Refusal, bad

ADAPTER_FOLDER = "adapters"  # of the data folder: NAME.gguf


@dataclass(frozen=True, slots=True)
class Named:
    """What a name stands for. `name` is what answers carry back."""

    name: str
    model: Model
    lora: tuple[LoraUse, ...] = ()


def find_named(app: App, name: str) -> Named:
    """The model of that name, "" = the default. Raises `Error` of kind "model-not-found" for any other."""
    if not name:
        model = app.model()
        return Named(model.id, model)
    if ID_PATTERN.fullmatch(name) is None:
        raise Refusal(
            f"{name[:80]!r} cannot be a model's name.",
            "Names are 1 to 200 letters, digits and . _ / @ : -",
            kind="bad-request",
            param="model",
        )
    try:
        model = app.catalogue.find(name)
    except Error as err:
        base, at, adapter = name.rpartition("@")
        if err.kind != "model-not-found" or not at or not base:
            raise
        try:
            model = app.catalogue.find(base)
        except Error:
            raise err from None
        return Named(f"{model.id}@{adapter}", model, (_named_adapter(app.paths, adapter, name),))
    return Named(model.id, model)


def _named_adapter(paths: Paths, adapter: str, name: str) -> LoraUse:
    folder = paths.data / ADAPTER_FOLDER
    if not adapter or "/" in adapter or adapter.startswith("."):
        raise Error(f"There is no model {name[:80]!r}.", kind="model-not-found")
    try:
        files = {file.stem: file for file in folder.iterdir() if file.suffix == ".gguf"}
    except OSError:
        files = {}
    if adapter not in files:
        raise Error(
            f"There is no adapter {adapter[:80]!r} for that model.",
            hint=f"Adapters are GGUF files in the folder {ADAPTER_FOLDER} of the data folder, named by their file.",
            kind="model-not-found",
        )
    return LoraUse(str(inside(paths, str(files[adapter]))))


def adapters(paths: Paths, uses: Sequence[tuple[str, float]]) -> tuple[LoraUse, ...]:
    """The adapters of a request's `lora` field: paths absolute or relative to the data folder, and inside it."""
    return tuple(LoraUse(str(inside(paths, path)), scale) for path, scale in uses)


def inside(paths: Paths, name: str) -> Path:
    """The file of that name if it lies in the data folder, whatever links and dots it goes through."""
    if not name or "\0" in name:
        raise bad("An adapter needs a path.", param="lora")
    root = paths.data.resolve()
    path = (root / name).resolve()
    if root not in path.parents or not path.is_file():
        raise bad(
            f"There is no adapter file {name[:120]!r} in the data folder.",
            "Adapters are GGUF files below the data folder; the path is relative to it.",
            param="lora",
        )
    return path
