"""A model's config.json: its numbers under whichever of their names, and its rope settings old and new.

Hugging Face renamed keys over the years (`rope_scaling` became `rope_parameters`) and lays the language model of a
model that sees under `text_config`. Knows no architecture.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from rushlight import Error

_MAX_CONFIG_BYTES: Final = 16 << 20


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file; an `Error` where it is none."""
    try:
        if path.stat().st_size > _MAX_CONFIG_BYTES * 8:
            raise Error(f"Cannot use {path.name}: it is too large.", kind="bad-file")
        value = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise Error(
            f"Cannot read {path}: {error.strerror}.", "Is it a Hugging Face model folder?", kind="bad-file"
        ) from None
    except (ValueError, RecursionError):
        raise Error(
            f"Cannot use {path}: it is no JSON.", "The folder is damaged or incomplete.", kind="bad-file"
        ) from None
    if not isinstance(value, dict):
        raise Error(f"Cannot use {path}: it is no JSON object.", "The folder is damaged.", kind="bad-file")
    return value


class Config:
    """config.json, with defaults of the family behind it."""

    def __init__(self, values: Mapping[str, Any], defaults: Mapping[str, Any] | None = None) -> None:
        self.all = dict(values)
        text = self.all.get("text_config")
        self.values: dict[str, Any] = {**self.all, **text} if isinstance(text, dict) else dict(self.all)
        self._defaults = dict(defaults or {})

    @classmethod
    def read(cls, folder: Path) -> "Config":
        return cls(read_json(folder / "config.json"))

    def with_defaults(self, defaults: Mapping[str, Any]) -> "Config":
        return Config(self.all, defaults)

    @property
    def architecture(self) -> str:
        names = self.all.get("architectures")
        return str(names[0]) if isinstance(names, list) and names else ""

    def get(self, *names: str, default: Any = None) -> Any:
        """The first of these that is there and not null."""
        for name in names:
            value = self.values.get(name)
            if value is not None:
                return value
        for name in names:
            if self._defaults.get(name) is not None:
                return self._defaults[name]
        return default

    def whole(self, *names: str, default: int | None = None) -> int:
        value = self.get(*names, default=default)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise self._wrong(names[0], "a whole number", value)
        return value

    def number(self, *names: str, default: float | None = None) -> float:
        value = self.get(*names, default=default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._wrong(names[0], "a number", value)
        return float(value)

    def _wrong(self, name: str, expected: str, found: Any) -> Error:
        return Error(
            f"Cannot convert: config.json should hold {expected} as {name}, it holds {str(found)[:60]!r}.",
            "Is this the folder of a whole model?",
            kind="bad-file",
        )

    # ------------------------------------------------------------ numbers that follow from others
    @property
    def n_layers(self) -> int:
        return self.whole("num_hidden_layers", "n_layer", "n_layers")

    @property
    def n_heads(self) -> int:
        return self.whole("num_attention_heads", "n_head")

    @property
    def n_kv_heads(self) -> int:
        return self.whole("num_key_value_heads", default=self.n_heads)

    @property
    def head_size(self) -> int:
        return self.whole("head_dim", default=self.whole("hidden_size", "n_embd") // max(1, self.n_heads))

    @property
    def n_experts(self) -> int:
        return self.whole("num_local_experts", "num_experts", default=0)

    def rope(self, layers: str = "full_attention") -> dict[str, Any]:
        """rope_type, rope_theta, factor and so on, whether written the old or the new way. Some models have one set
        for their global layers and one for those with a window."""
        new = self.get("rope_parameters")
        if isinstance(new, dict):
            chosen = new.get(layers, new)
            found = dict(chosen) if isinstance(chosen, dict) else {}
        else:
            found = {}
            local = self.get("rope_local_base_freq") if layers == "sliding_attention" else None
            theta = local if local is not None else self.get("rope_theta")
            if theta is not None:
                found["rope_theta"] = theta
            scaling = self.get("rope_scaling")
            if isinstance(scaling, dict) and layers == "full_attention":
                found.update({key: value for key, value in scaling.items() if value is not None})
            found.setdefault("rope_type", found.pop("type", "default"))
        found.setdefault("rope_theta", self._defaults.get("rope_theta", 10_000.0))
        found.setdefault("rope_type", "default")
        return found
