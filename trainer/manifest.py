"""The manifest of a run, written last: what was learned, from which very bytes, how it went, what came of it.

manifest.json names the base and every file of examples by sha256, so that a run can be repeated and traced when its
names mean nothing any more. An evaluation is added when there is one. Knows files only: no torch.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from rushlight import Error, Stop
from rushlight.quant.gguf_check import check
from rushlight.quant.proof_file import digest_of, read_proof
from rushlight.trainer import checkpoint
from rushlight.trainer.metrics import read_metrics
from rushlight.trainer.run import Places, read_manifest
from rushlight.trainer.start import NAME as START

NAME: Final = "manifest.json"
_VERSION: Final = 1
_KEPT_STEPS: Final = 50  # of the curves; all of them are in metrics.jsonl


def write_manifest(places: Places, made: Sequence[Path], stop: Stop | None = None) -> dict[str, Any]:
    """Write it into the run's folder; what it says. Evaluations that it had are kept."""
    run = read_manifest(places.out)
    licence = licence_of(places.model)
    manifest = {
        "version": _VERSION,
        "name": places.out.name,
        "began": run.get("began", ""),
        "base": {**_file(places.model, stop), "licence": licence},
        "data": [
            *({**_file(one, stop), "part": "train"} for one in places.train),
            *({**_file(one, stop), "part": "validate"} for one in places.validate),
        ],
        "start": _file(places.out / START, stop) if (places.out / START).exists() else None,
        "config": run.get("config", {}),
        "outcome": run.get("outcome", {}),
        "metrics": _thinned(read_metrics(places.out / "metrics.jsonl")),
        "made": [{**_file(one, stop), "proof": _proof(one)} for one in made],
        "versions": run.get("versions", {}),
        "licence": licence,  # what is made of a model keeps its licence
        "evaluations": _evaluations(places.out),
    }
    checkpoint.write_json(places.out / NAME, manifest)
    return manifest


def add_evaluation(folder: Path, evaluation: dict[str, Any]) -> None:
    """Note an evaluation in the manifest of a run. A folder without one is left alone."""
    said = _read(folder)
    if said:
        kept = [one for one in _evaluations(folder) if one != evaluation]
        checkpoint.write_json(folder / NAME, {**said, "evaluations": [*kept, evaluation]})


def licence_of(model: Path) -> str:
    """What the model says of its licence; "" where it says nothing."""
    if model.is_file():
        said = check(model).metadata.get("general.license", "")
        return said if isinstance(said, str) else ""
    card = model / "README.md"
    if card.is_file():
        head = card.read_text(encoding="utf-8", errors="replace")[:20_000].split("---")
        for line in head[1].splitlines() if len(head) > 2 else ():
            name, _, value = line.partition(":")
            if name.strip() == "license":
                return value.strip().strip("'\"")[:80]
    return ""


def _file(path: Path, stop: Stop | None) -> dict[str, Any]:
    try:
        size, digest = digest_of(path, stop)
    except OSError as failure:
        raise Error(f"Cannot read {path}: {failure.strerror}.", "Put it back where it was.", kind="bad-file") from None
    return {"name": path.name, "size_bytes": size, "sha256": digest}


def _proof(path: Path) -> str | None:
    proof = read_proof(path)
    return None if proof is None else proof.state


def _thinned(lines: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Some steps from all over the curve, the last one among them."""
    step = max(1, -(-len(lines) // _KEPT_STEPS))
    kept = list(lines[::step])
    return kept if not lines or kept[-1] is lines[-1] else [*kept, lines[-1]]


def _read(folder: Path) -> dict[str, Any]:
    try:
        said = json.loads((folder / NAME).read_bytes())
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def _evaluations(folder: Path) -> list[dict[str, Any]]:
    found = _read(folder).get("evaluations", [])
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
