"""Plans as files: the types of a model's tensors as JSON, to be read by people, changed by hand and made again.

{"version": 1, "source": "model.gguf", "size_bytes": 91000000, "expected_divergence": 0.11,
 "types": {"blk.0.attn_q.weight": "Q4_0", ...}, "group_divergences": {"attn_q 1/3": 0.002, ...}}
"""

import json
from pathlib import Path
from typing import Any, Final

from rushlight import Error
from rushlight.quant.gguf_types import TENSOR_TYPES
from rushlight.quant.plan import Plan
from rushlight.quant.whole_file import whole_file

_VERSION: Final = 1
_MOST_BYTES: Final = 16 << 20
_KNOWN: Final = frozenset(name for name, _, _ in TENSOR_TYPES.values())


def write_plan(plan: Plan, path: Path, source: str = "") -> None:
    said = {
        "version": _VERSION,
        "source": source,
        "size_bytes": plan.size_bytes,
        "expected_divergence": plan.expected_divergence,
        "types": dict(plan.types),
        "group_divergences": dict(plan.group_divergences),
    }
    with whole_file(path) as file:
        file.write(json.dumps(said, indent=1).encode())


def read_plan(path: Path) -> Plan:
    """The plan in a file; what is wrong with it is said."""
    try:
        with path.open("rb") as file:
            said: Any = json.loads(file.read(_MOST_BYTES))
    except OSError as failure:
        raise Error(f"Cannot open {path}: {failure.strerror}.", "Check the path.", kind="bad-file") from None
    except (ValueError, RecursionError):
        raise _bad(path, "it is no JSON") from None
    if not isinstance(said, dict) or said.get("version") != _VERSION or not isinstance(said.get("types"), dict):
        raise _bad(path, f"it has no types, or is not of version {_VERSION}")
    types: dict[str, str] = {}
    for name, kind in said["types"].items():
        if not isinstance(kind, str) or kind not in _KNOWN:
            raise _bad(path, f"{name[:60]!r} is to be {str(kind)[:20]!r}, which is no tensor type")
        types[name] = kind
    if not types:
        raise _bad(path, "it names no tensor")
    measured = said.get("group_divergences")
    groups = measured if isinstance(measured, dict) else {}
    return Plan(
        types,
        int(_number(said.get("size_bytes"))),
        _number(said.get("expected_divergence")),
        {str(name): _number(value) for name, value in groups.items()},
    )


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0


def _bad(path: Path, what: str) -> Error:
    return Error(f"Cannot use {path.name} as a plan: {what}.", "Make it again: rushlight quant plan", kind="bad-file")
