"""How an embedding model makes one vector of many: sentence-transformers' files into GGUF's `pooling_type`."""

from pathlib import Path
from typing import Final

from rushlight import Error
from rushlight.quant.convert.config import read_json
from rushlight.quant.convert.family import Family
from rushlight.quant.gguf_write import Value

_MODES: Final = (
    ("pooling_mode_mean_tokens", 1),
    ("pooling_mode_cls_token", 2),
    ("pooling_mode_lasttoken", 3),
)
_NAMES: Final = {"mean": 1, "cls": 2, "lasttoken": 3}


def pooling_metadata(folder: Path, family: Family) -> dict[str, Value]:
    """Nothing where the folder does not say, or the family has its own."""
    path = next(
        (
            one
            for one in (folder / "1_Pooling" / "config.json", *sorted(folder.glob("*_Pooling/config.json")))
            if one.exists()
        ),
        None,
    )
    if path is None or not (folder / "modules.json").exists():
        return {}
    said = read_json(path)
    kind = next(
        (number for key, number in _MODES if said.get(key) is True), _NAMES.get(str(said.get("pooling_mode")), 0)
    )
    if kind == 0:
        raise Error(
            "Cannot convert: the way this model pools its vectors is not known to llama.cpp.",
            "Known: mean, first token, last token.",
            kind="unsupported",
        )
    return {f"{family.gguf}.pooling_type": kind}
