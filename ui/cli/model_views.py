"""How `rushlight models` shows models: JSON shapes, pages and rows, for the commands in `models.py`."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rushlight.ui.cli.output import say, size_text
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.assistant.models.discover import Found
    from rushlight.assistant.models.fit import Fit, Verdict
    from rushlight.assistant.models.model import Model
    from rushlight.assistant.models.partials import Partial


def model_json(model: "Model") -> dict[str, Any]:
    """A model as programs read it; paths are strings."""
    return {
        "id": model.id, "path": str(model.path), "size_bytes": model.size_bytes, "sha256": model.sha256,
        "architecture": model.architecture, "n_params": model.n_params, "n_ctx_train": model.n_ctx_train,
        "quantization": model.quantization, "purpose": model.purpose, "license": model.license,
        "chat_template_sha256": model.chat_template_sha256, "aliases": list(model.aliases), "owned": model.owned,
        "added_at": time_text(model.added_at), "sampling": model.sampling,
        "files": [{"path": str(file.path), "size_bytes": file.size_bytes, "sha256": file.sha256}
                  for file in model.files],
        "is_remote": model.is_remote,  # what it is asked leaves this machine
        "url": model.remote.url if model.remote else None,
    }  # fmt: skip


def found_json(found: "Found", known: bool) -> dict[str, Any]:
    return {
        "reference": found.reference,
        "app": found.app,
        "name": found.name,
        "path": str(found.path),
        "size_bytes": found.size_bytes,
        "parts": found.n_parts,
        "complete": found.complete,
        "imported": known,
    }


def partial_json(partial: "Partial") -> dict[str, Any]:
    return {
        "id": partial.id,
        "name": partial.name,
        "done_bytes": partial.done_bytes,
        "size_bytes": partial.size_bytes,
        "running": partial.running,
        "path": str(partial.folder),
        "started_at": time_text(partial.started_at),
    }


def fit_json(model: "Model", fit: "Fit", verdict: "Verdict", largest: int) -> dict[str, Any]:
    return {
        "id": model.id,
        "state": verdict.state,
        "sentence": verdict.sentence,
        "hint": verdict.hint,
        "weights_bytes": fit.weights_bytes,
        "kv_bytes": fit.kv_bytes,
        "compute_bytes": fit.compute_bytes,
        "total_bytes": fit.total_bytes,
        "gpu_bytes": fit.gpu_bytes,
        "gpu_layers": fit.gpu_layers,
        "n_layers": fit.n_layers,
        "n_ctx": fit.n_ctx,
        "n_ctx_train": fit.n_ctx_train,
        "kv_type": fit.kv_type,
        "largest_context": largest,
    }


def model_row(model: "Model", default_id: str) -> list[str]:
    mark = " *" if model.id == default_id else ""
    return [
        model.id + mark,
        text("elsewhere") if model.is_remote else size_text(model.size_bytes),
        params_text(model.n_params) if model.n_params else "",
        model.quantization,
        str(model.n_ctx_train or ""),
        ", ".join(model.aliases),
    ]


def _show_rows(rows: list[tuple[str, str]]) -> None:
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        say(f"{name:<{width}}  {value}")


def _show_remote(model: "Model", sources: dict[str, str]) -> None:
    """The page of a model on another machine."""
    assert model.remote is not None
    context = text("{count} tokens", count=model.n_ctx_train) if model.n_ctx_train else text("not known here")
    _show_rows(
        [
            (text("id"), model.id),
            (text("aliases"), ", ".join(model.aliases) or text("none")),
            (text("purpose"), model.purpose),
            (text("runs at"), model.remote.url),
            (text("called there"), model.remote.model or text("the only one there is")),
            (text("attention"), text("what is written to it leaves this machine")),
            (text("context"), context),
            (text("sampler"), _sampling_text(model, sources)),
            (text("added"), time_text(model.added_at)),
        ]
    )


def show_model(model: "Model", sources: dict[str, str], template_bytes: int) -> None:
    """The page of one model."""
    if model.is_remote:
        _show_remote(model, sources)
        return
    template = text("none in the file")
    if model.chat_template_sha256:
        template = text(
            "{size}, sha256 {digest} (see it with --template)",
            size=size_text(template_bytes),
            digest=model.chat_template_sha256,
        )
    rows = [
        (text("id"), model.id),
        (text("aliases"), ", ".join(model.aliases) or text("none")),
        (text("purpose"), model.purpose),
        (text("architecture"), model.architecture),
        (text("parameters"), f"{params_text(model.n_params)} ({model.n_params:,})"),
        (text("size"), f"{size_text(model.size_bytes)} ({model.size_bytes:,} B)"),
        (text("quantization"), model.quantization),
        (text("context"), text("{count} tokens", count=model.n_ctx_train)),
        (text("template"), template),
        (text("licence"), model.license or text("not stated in the file")),
        (text("sampler"), _sampling_text(model, sources)),
        (text("sha256"), model.sha256),
        (text("file"), str(model.path)),
        (text("kept"), text("in Rushlight's models folder") if model.owned else text("in place, by another program")),
        (text("added"), time_text(model.added_at)),
    ]
    if len(model.files) > 1:
        rows.append((text("parts"), str(len(model.files))))
    _show_rows(rows)


def params_text(n_params: int) -> str:
    """134.5M, 7.2B."""
    for limit, unit in ((1e9, "B"), (1e6, "M"), (1e3, "K")):
        if n_params >= limit:
            return f"{n_params / limit:.1f}{unit}"
    return str(n_params)


def time_text(seconds: float) -> str:
    """UTC to the second, 2026-01-31T12:00:00Z."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _sampling_text(model: "Model", sources: dict[str, str]) -> str:
    """temperature=0.7 (file), top_k=40 (user)."""
    if not model.sampling:
        return text("none (greedy)")
    return ", ".join(f"{name}={value:g} ({sources.get(name, 'file')})" for name, value in model.sampling.items())
