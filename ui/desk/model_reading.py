"""Reads what a models page shows: the catalogue, what is loaded, what fits into memory and how fast it answered.

Everything here runs on background threads, with an app of theirs. Starts no host: whoever looks, loads nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from rushlight import Error
from rushlight.assistant.safety.plain import plain, plain_line
from rushlight.ui.desk.figures import context_text, params_text, size_text
from rushlight.ui.desk.model_loading import Live, live_of
from rushlight.ui.desk.model_values import Fits, MemoryBar, MemoryPart, ModelCard, ModelRow
from rushlight.ui.desk.turns import label_of
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.assistant.app import App
    from rushlight.assistant.host.client import HostClient
    from rushlight.assistant.host.protocol import EngineStatus, HostStatus
    from rushlight.assistant.models.fit import Fit
    from rushlight.assistant.models.memory import Memory
    from rushlight.assistant.models.model import Model

_MIB = 1024 * 1024
_OVERHEAD = 1.15  # what a model takes beyond its file, roughly, where the file cannot be looked into yet
FitKey: TypeAlias = tuple[object, ...]
FitCache: TypeAlias = "dict[FitKey, Fit | Error]"


@dataclass(frozen=True, slots=True)
class Measured:
    """The slow half of what a page shows; `rows` by the model's id."""

    fits: dict[str, tuple[Fits, str, str]]  # (fits, text, detail)
    problems: dict[str, tuple[str, str]]  # (message, hint)
    speeds: dict[str, float]
    loaded: dict[str, Live]  # by file
    bars: tuple[MemoryBar, ...]


def running_host(app: "App") -> "HostClient | None":
    """The host if there is one. None is started."""
    from rushlight.assistant.host.client import connect

    try:
        return connect(app.paths, app.settings, start=False)
    except Error as err:
        if err.kind == "no-host":
            return None
        raise


def read_rows(app: "App") -> tuple[ModelRow, ...]:
    """The catalogue, without what takes time."""
    models = app.catalogue.list()
    try:
        default_id = app.model().id if models else ""
    except Error:
        default_id = ""  # the setting names a model that is gone, or there is none that can chat
    return tuple(row_of(model, model.id == default_id) for model in models)


def row_of(model: "Model", is_default: bool = False) -> ModelRow:
    return ModelRow(
        id=model.id,
        label=label_of(model.id, model.quantization),
        quantization=model.quantization,
        size_bytes=model.size_bytes,
        n_ctx=model.n_ctx_train,
        path=model.path,
        purpose=model.purpose,
        aliases=tuple(alias for alias in model.aliases if alias != "default"),
        owned=model.owned,
        is_default=is_default,
        is_remote=model.is_remote,
        url=model.remote.url if model.remote else "",
    )


def measure(app: "App", fits: FitCache) -> Measured:
    """Fits, speeds, loaded models and memory. `fits` keeps what was worked out of files that did not change."""
    from rushlight.assistant.chat.speeds import measured_speeds
    from rushlight.assistant.models import quick_check

    status = host_status(app)
    engines = status.engines if status is not None else ()
    memory = usable_memory(app)
    room = replace(memory, available_bytes=_room_bytes(app, status, memory))
    found: dict[str, tuple[Fits, str, str]] = {}
    problems: dict[str, tuple[str, str]] = {}
    for model in app.catalogue.list():
        if model.remote is not None:
            found[model.id] = remote_fit(app, model.remote.url)
            continue
        try:
            quick_check(model)
            found[model.id] = fit_of(app, model, room, fits)
        except Error as err:
            problems[model.id] = (err.message, err.hint or "")
    return Measured(
        fits=found,
        problems=problems,
        speeds=measured_speeds(app.store),
        loaded=live_of(engines),
        bars=memory_bars(app, engines, memory),
    )


def merged(
    rows: Sequence[ModelRow], measured: Measured | None, loading: dict[str, float | None], failures: dict[str, Error]
) -> tuple[ModelRow, ...]:
    """The rows with what is known of each."""
    out = []
    for row in rows:
        if measured is not None:
            fits, fit_text, fit_detail = measured.fits.get(row.id, ("unknown", "", ""))
            problem, hint = measured.problems.get(row.id, ("", ""))
            path = str(row.path.absolute())
            live = measured.loaded.get(path)
            is_loaded = live is not None
            row = replace(
                row,
                fits="yes" if is_loaded else fits,
                fit_text=text("loaded") if is_loaded else fit_text,
                fit_detail=fit_detail,
                speed=measured.speeds.get(row.id),
                is_loaded=is_loaded,
                in_use=live is not None and live.in_use,
                speed_now=live.speed if live is not None else 0.0,
                live_text=live.text if live is not None else "",
                problem=problem,
                hint=hint,
            )
        if row.id in failures:
            row = replace(row, problem=failures[row.id].message, hint=failures[row.id].hint or "")
        if row.id in loading:
            row = replace(row, is_loading=True, load_fraction=loading[row.id], problem="", hint="")
        out.append(row)
    return tuple(out)


def host_status(app: "App") -> "HostStatus | None":
    """What a running host holds; None where none runs or it does not answer."""
    try:
        host = running_host(app)
        if host is None:
            return None
        with host:
            return host.status()
    except Error:
        return None


def _room_bytes(app: "App", status: "HostStatus | None", memory: "Memory") -> int:
    """What one more model could have, as the host counts: without what is promised, with what idle ones give back."""
    if status is None or status.free_bytes is None:
        return memory.available_bytes
    idle_bytes = sum(one.need_bytes for one in status.engines if not one.in_use)
    return min(memory.total_bytes, status.free_bytes + _reserve_bytes(app) + idle_bytes)


def _reserve_bytes(app: "App") -> int:
    return app.settings.number("memory.reserve_mib") * _MIB


def usable_memory(app: "App") -> "Memory":
    """What is free. A card counts only where the engine was built for one, which is asked once."""
    from rushlight.assistant.models.memory import available_memory

    wants_card = app.settings.number("engine.gpu_layers") != 0
    memory = available_memory(gpus=wants_card)
    return replace(memory, gpus=()) if memory.gpus and not _can_use_card() else memory


def remote_fit(app: "App", url: str) -> tuple[Fits, str, str]:
    """Where the fit of others stands: that this one is not here, and what that means."""
    if app.settings.flag("engine.allow_remote"):
        return "yes", text("leaves this machine"), text("It runs at {url}. What is written to it goes there.", url=url)
    detail = text("It runs at {url}. Allow remote models with the setting engine.allow_remote.", url=url)
    return "no", text("remote models are off"), detail


def fit_of(app: "App", model: "Model", memory: "Memory", cache: FitCache) -> tuple[Fits, str, str]:
    """(fits, in a few words, in a sentence) under the settings of now."""
    from rushlight.assistant.models.fit import FITS, TOO_LARGE, estimate, judge
    from rushlight.quant.gguf_check import check

    load = app.load_settings(model)
    card_bytes = memory.gpu_free_bytes
    key = (model.path, model.files[0].mtime_ns if model.files else 0, load, card_bytes // (64 * _MIB))
    if key not in cache:
        try:
            cache[key] = estimate(
                [check(file.path) for file in model.files] or [check(model.path)],
                n_ctx=load.n_ctx,
                kv_type=load.kv_type,
                n_gpu_layers=load.n_gpu_layers,
                n_batch=load.n_batch,
                flash_attention=load.flash_attention,
                gpu_free_bytes=card_bytes,
            )
        except Error as err:
            cache[key] = err
    fit = cache[key]
    if isinstance(fit, Error):
        raise fit
    verdict = judge(fit, memory, reserve_bytes=_reserve_bytes(app))
    detail = f"{verdict.sentence} {verdict.hint}".strip()
    if verdict.state == TOO_LARGE:
        return "no", needs_text(fit.main_bytes, memory.available_bytes), detail
    if verdict.state != FITS:
        return "no", text("too tight: needs {need}", need=size_text(fit.main_bytes)), detail
    if not fit.gpu_layers:
        return "yes", text("fits"), detail
    if fit.gpu_layers > fit.n_layers:
        return "yes", text("all layers on the card"), detail
    on_card = text("{some} of {all} layers on the card", some=fit.gpu_layers, all=fit.n_layers + 1)
    return "yes", on_card, detail


def fit_by_size(size_bytes: int, memory: "Memory", reserve_bytes: int) -> tuple[Fits, str]:
    """A guess from the size alone, for what is not here yet."""
    need = int(size_bytes * _OVERHEAD)
    free = max(memory.available_bytes - reserve_bytes, memory.gpu_free_bytes)
    if need <= free:
        return "yes", text("should fit")
    return "no", needs_text(need, memory.available_bytes)


def needs_text(need_bytes: int, free_bytes: int) -> str:
    return text("needs {need}, {free} free", need=size_text(need_bytes), free=size_text(free_bytes))


def memory_bars(app: "App", engines: "Sequence[EngineStatus]", memory: "Memory") -> tuple[MemoryBar, ...]:
    """Main memory, then each card that counts."""
    labels = {str(model.path.absolute()): label_of(model.id, model.quantization) for model in app.catalogue.list()}
    parts = [
        MemoryPart(labels.get(one.load.path, Path(one.load.path).stem), one.resident_bytes, "model") for one in engines
    ]
    free = min(memory.available_bytes, memory.total_bytes)
    # Mapped weights count as available to the system and as resident to the engine: held by the model, for people.
    free = max(0, min(free, memory.total_bytes - sum(part.size_bytes for part in parts)))
    other = max(0, memory.total_bytes - free - sum(part.size_bytes for part in parts))
    parts += [MemoryPart(text("other programs"), other, "other"), MemoryPart(text("free"), free, "free")]
    bars = [MemoryBar(text("Memory"), memory.total_bytes, tuple(parts))]
    for gpu in memory.gpus:
        taken_bytes = max(0, gpu.total_bytes - gpu.free_bytes)
        held = []
        # With several cards nobody says which of them a model lies on.
        for one in engines if len(memory.gpus) == 1 else ():
            size = min(one.card_bytes, taken_bytes)
            if size:
                held.append(MemoryPart(labels.get(one.load.path, Path(one.load.path).stem), size, "model"))
                taken_bytes -= size
        rest = MemoryPart(text("in use"), taken_bytes, "other")
        free_part = MemoryPart(text("free"), gpu.free_bytes, "free")
        name = text("Graphics memory · {name}", name=gpu.name)
        bars.append(MemoryBar(name, gpu.total_bytes, (*held, rest, free_part)))
    return tuple(bars)


def read_card(app: "App", model_id: str) -> ModelCard:
    """Everything about one model. Opens its file for the template."""
    from rushlight.assistant.models.facts import text as metadata_text
    from rushlight.quant.gguf_check import check

    model = app.catalogue.find(model_id)
    sources = app.catalogue.sampling_sources(model)
    seen = app.catalogue.templates_seen(model.id)
    template, problem = "", ""
    if model.remote is not None:
        return _remote_card(model, sources)
    try:
        template = metadata_text(check(model.path), "tokenizer.chat_template", limit=None)
    except (Error, OSError) as err:
        problem = err.message if isinstance(err, Error) else str(err)
    notices = [problem] if problem else []
    if len(seen) > 1:
        notices.append(text("Under this id, {count} different chat templates have been imported.", count=len(seen)))
    facts = (
        (text("Id"), model.id),
        (text("Aliases"), ", ".join(model.aliases)),
        (text("Architecture"), model.architecture),
        (text("Parameters"), params_text(model.n_params)),
        (text("Size"), size_text(model.size_bytes)),
        (text("Type"), model.quantization),
        (text("Context"), context_text(model.n_ctx_train)),
        (text("Licence"), model.license or text("not stated in the file")),
        (text("File"), str(model.path)),
        (text("Kept"), text("in Rushlight's models folder") if model.owned else text("in place, by another program")),
        (text("SHA-256"), model.sha256),
    )
    return ModelCard(
        row=row_of(model),
        facts=tuple((label, plain_line(value)) for label, value in facts if value),
        sampling=tuple((name, f"{value:g}", sources.get(name, "file")) for name, value in model.sampling.items()),
        template=plain(template),
        notices=tuple(plain_line(notice) for notice in notices),
        load=tuple((name, plain_line(value)) for name, value in model.load.items()),
    )


def _remote_card(model: "Model", sources: dict[str, str]) -> ModelCard:
    """Everything about a model on another machine."""
    assert model.remote is not None
    facts = (
        (text("Id"), model.id),
        (text("Aliases"), ", ".join(model.aliases)),
        (text("Runs at"), model.remote.url),
        (text("Called there"), model.remote.model),
        (text("Context"), context_text(model.n_ctx_train) if model.n_ctx_train else ""),
    )
    return ModelCard(
        row=row_of(model),
        facts=tuple((label, plain_line(value)) for label, value in facts if value),
        sampling=tuple((name, f"{value:g}", sources.get(name, "file")) for name, value in model.sampling.items()),
        template="",
        notices=(text("What is written to this model leaves this machine."),),
    )


_card_answer: list[bool] = []


def _can_use_card() -> bool:
    """Whether the engine can use a graphics card; asked in a process of its own, as native code may not run here."""
    if not _card_answer:
        import json
        import subprocess

        from rushlight.assistant.host.spawn import own_command

        try:
            done = subprocess.run(
                own_command("_engine-info"), stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False
            )
            answer = json.loads(done.stdout)
            _card_answer.append(isinstance(answer, dict) and answer.get("can_offload") is True)
        except (OSError, ValueError, subprocess.SubprocessError):
            _card_answer.append(False)
    return _card_answer[0]
