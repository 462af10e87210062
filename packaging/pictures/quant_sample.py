"""What quantizing the demo model might have come to: made up for pictures. Measured figures are in docs/log.md."""

import json
from typing import Any

from rushlight.assistant.app import App
from rushlight.assistant.jobs.records import JobRecords

_CHECKS = [
    {"name": "weights", "passed": True, "detail": "The weights are those of the source.", "figures": {}},
    {"name": "tokens", "passed": True, "detail": "All texts are cut alike.", "figures": {}},
    {"name": "template", "passed": True, "detail": "All chats are rendered alike.", "figures": {}},
    {"name": "logits", "passed": True, "detail": "The answers agree.", "figures": {}},
]
# type, bytes, mean divergence, 99 %, same first choice, perplexity, tokens a second written and read
_MADE = (
    ("Q4_K_M", 105_454_144, 0.061, 0.44, 0.873, 22.91, 118.0, 410.0),
    ("IQ4_NL", 92_058_688, 0.158, 0.98, 0.792, 24.63, 124.0, 452.0),
    ("Q3_K_M", 93_510_208, 0.236, 1.31, 0.741, 26.02, 112.0, 398.0),
    ("Q2_K", 88_201_792, 0.512, 2.64, 0.633, 34.10, 121.0, 405.0),
)


def quantized(app: App) -> None:
    """The default model was made smaller four times, and the four were compared with it."""
    source = app.model()
    path = str(source.path.absolute())
    records = JobRecords(app.store)
    rows: list[dict[str, Any]] = [_row(path, source.size_bytes, 21.86, 96.0, 371.0)]
    base = source.id.rpartition("@")[0]
    for name, size, divergence, divergence_99, agreement, perplexity, decode, prefill in _MADE:
        made = f"/models/{base}/{name}.gguf"
        rows.append({
            **_row(made, size, perplexity, decode, prefill),
            "divergence": divergence, "divergence_99": divergence_99, "agreement": agreement,
        })  # fmt: skip
        _over(records, "quant-smaller", f"Make it smaller: {name}", {"source": path, "target": made}, {
            "source": path, "path": made, "id": f"{base}@{name}", "type": name, "size_bytes": size,
            "proof": {"state": "passed", "checks": _CHECKS},
        })  # fmt: skip
    compared = {"reference": path, "others": [row["path"] for row in rows[1:]]}
    _over(records, "quant-compare", "Compare 4 files", compared, {
        "text": "sample", "positions": 8176, "models": rows, "plot": "",
    })  # fmt: skip


def _row(path: str, size: int, perplexity: float, decode: float, prefill: float) -> dict[str, Any]:
    return {
        "path": path, "size_bytes": size, "perplexity": perplexity, "decode_tokens_s": decode,
        "prefill_tokens_s": prefill, "load_s": size / 1.1e9, "memory_bytes": size + 88_000_000,
    }  # fmt: skip


def _over(records: JobRecords, kind: str, title: str, arguments: dict[str, Any], result: dict[str, Any]) -> None:
    job = records.insert(kind, title, arguments, 0)
    done = {
        "state": "done",
        "result": json.dumps(result),
        "started_at": job.created_at,
        "ended_at": job.created_at + 60,
    }
    records.change(job.id, done)
