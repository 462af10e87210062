"""The names that clients use: a model of the catalogue, `model@adapter`, and adapter files of the data folder.

`model@promoted` and `model@candidate` are the chat's adapters, `sql:clinic-1a2b3c4d@promoted` that of another scope.

A name is looked up, never used as a path; a path must lie inside the data folder, links followed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rushlight import Error
from rushlight.assistant.app import App
from rushlight.assistant.engine.request import LoraUse
from rushlight.assistant.models.model import ID_PATTERN, Model
from rushlight.assistant.paths import Paths
from rushlight.assistant.registry.scopes import CHAT
from rushlight.assistant.registry.values import AdapterState
from rushlight.assistant.server.errors import Refusal, bad

_STATES: tuple[AdapterState, ...] = ("promoted", "candidate")


@dataclass(frozen=True, slots=True)
class Named:
    """What a name stands for. `name` is what answers carry back."""

    name: str
    model: Model
    lora: tuple[LoraUse, ...] = ()
    n_slots: int = 1  # how many answers its engine writes at the same time


def find_named(app: App, name: str) -> Named:
    """The model of that name, "" = the default. Raises `Error` of kind "model-not-found" for any other."""
    named = _named(app, name)
    return replace(named, n_slots=app.load_settings(named.model).n_slots)


def _named(app: App, name: str) -> Named:
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
        if adapter in _STATES:
            return _named_by_state(app, base, adapter, err)
        try:
            model = app.catalogue.find(base)
        except Error:
            raise err from None
        return Named(f"{model.id}@{adapter}", model, (_named_adapter(app.paths, adapter, name),))
    return Named(model.id, model)


def names_by_state(app: App) -> tuple[Named, ...]:
    """`MODEL@promoted` and `MODEL@candidate` of chats, `SCOPE@...` of other scopes, as far as there are any."""
    registry, models = app.registry, {model.sha256: model for model in app.models}
    found: dict[str, Named] = {}
    for adapter in registry.adapters(states=_STATES):  # the newest first: that is what the name stands for
        model = models.get(adapter.base_sha256)
        if model is not None:
            name = f"{model.id if adapter.scope == CHAT else adapter.scope}@{adapter.state}"
            found.setdefault(name, Named(name, model, (adapter.use(),)))
    return tuple(found[name] for name in sorted(found))


def _named_by_state(app: App, name: str, state: str, unknown: Error) -> Named:
    """`NAME@promoted` and `NAME@candidate`, where the name is a model's (in the chat's scope) or a scope's. A model
    serves alone as `@promoted` while nothing is promoted; there is no candidate where there is none."""
    registry = app.registry
    find = registry.promoted if state == "promoted" else registry.candidate
    try:
        model: Model | None = app.catalogue.find(name)
    except Error:
        model = None
    found = find(CHAT, model.sha256) if model is not None else find(name)
    if model is not None and found is None and state == "promoted":
        return Named(f"{model.id}@{state}", model)
    base = model or (app.catalogue.find_sha256(found.base_sha256) if found is not None else None)
    if found is None or base is None:
        raise Error(
            f"There is no {state} adapter for {name[:80]!r}.",
            hint="See: rushlight registry list",
            kind="model-not-found",
        ) from unknown
    return Named(f"{name}@{state}" if model is None else f"{model.id}@{state}", base, (found.use(),))


def _named_adapter(paths: Paths, adapter: str, name: str) -> LoraUse:
    if not adapter or "/" in adapter or adapter.startswith("."):
        raise Error(f"There is no model {name[:80]!r}.", kind="model-not-found")
    try:
        files = {file.stem: file for file in paths.adapters.iterdir() if file.suffix == ".gguf"}
    except OSError:
        files = {}
    if adapter not in files:
        raise Error(
            f"There is no adapter {adapter[:80]!r} for that model.",
            hint=f"Adapters are GGUF files in the folder {paths.adapters.name} of the data folder.",
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
    try:
        path = (root / name).resolve()
        is_there = root in path.parents and path.is_file()
    except (OSError, RuntimeError):  # too long a name, links in a circle
        is_there = False
    if not is_there:
        raise bad(
            f"There is no adapter file {name[:120]!r} in the data folder.",
            "Adapters are GGUF files below the data folder; the path is relative to it.",
            param="lora",
        )
    return path
