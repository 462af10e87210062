"""The settings of training that a teaching can be told, as `rushlight train` names them; all that is wrong at once.

What a lesson and its proof need stays as it is: the examples, the recipe, the prompt form, an adapter as the result.
"""

import copy
import difflib
from collections.abc import Mapping
from typing import Any, Final

from rushlight import Error

METHODS: Final = ("lora", "rslora", "qlora")
KEYS: Final = (
    "method", "adapter.rank", "adapter.alpha", "adapter.dropout", "adapter.modules", "steps.batch", "steps.rate",
    "steps.epochs", "steps.most", "steps.schedule", "steps.warmup", "steps.decay", "steps.clip", "steps.betas",
    "steps.seed", "steps.row_tokens", "steps.share", "steps.learn_beginning", "data.max_tokens", "data.too_long",
    "machine.backend", "machine.device", "machine.dtype", "machine.threads", "machine.recompute", "keep.every",
    "keep.last", "keep.validate_every", "keep.answers",
)  # fmt: skip
_PLANNED: Final = ("steps.batch", "steps.epochs", "steps.most")  # the plan has them
_SAID: Final = "Cannot use these settings: "
_GROUPS: Final = ("adapter", "steps", "data", "machine", "keep", "track", "export", "preference")


def read_settings(changes: Mapping[str, str]) -> dict[str, Any]:
    """What was typed, as values: of KEY=VALUE the pairs. A value that is no TOML is a word."""
    from rushlight.trainer.typed import change

    found: dict[str, Any] = {}
    for key, value in changes.items():
        one: dict[str, Any] = {}
        change(one, f"value={value}")
        found[key.strip()] = one["value"]
    return found


def problems_of(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """All that is wrong with these settings, each with its key first."""
    try:
        check_settings(settings)
    except Error as error:
        return tuple(error.message.removeprefix(_SAID).removesuffix(".").split("; "))
    return ()


def check_settings(settings: Mapping[str, Any]) -> None:
    """Raises `Error(kind="bad-config")` that lists everything."""
    problems = [said for key, value in settings.items() for said in _alone(key, value)]
    if not problems:
        problems = _problems(settings)  # what does not go together
    if problems:
        raise Error(f"{_SAID}{'; '.join(problems)}.", "See docs/train.md.", kind="bad-config")


def _alone(key: str, value: Any) -> list[str]:
    refusal = _refusal(key, value)
    return [refusal] if refusal else _problems({key: value})


def _problems(settings: Mapping[str, Any]) -> list[str]:
    from rushlight.trainer.config import checked

    try:
        checked(with_settings({"model": "m", "out": "o", "data": {"train": ["t"]}}, settings, planned=True), "")
    except Error as error:
        return error.message.partition(": ")[2].removesuffix(".").split("; ")
    return []


def with_settings(config: Mapping[str, Any], settings: Mapping[str, Any], *, planned: bool = False) -> dict[str, Any]:
    """The config with what was told; what the plan worked out already is left as it is there, unless `planned`."""
    made = copy.deepcopy(dict(config))
    for key, value in settings.items():
        if key in _PLANNED and not planned:
            continue
        group, _, name = key.rpartition(".")
        (made.setdefault(group, {}) if group else made)[name] = value
    return made


def _refusal(key: str, value: Any) -> str:
    if key == "method" and value in ("dora", "full"):
        return f"method {value} makes a whole model, and a teaching makes an adapter: see rushlight train"
    if key in KEYS:
        return ""
    if key.partition(".")[0] in _GROUPS or key in ("model", "out", "recipe"):
        near = difflib.get_close_matches(key, KEYS, 1, cutoff=0.8)
        return f"{key[:40]} is not set in a teaching" + (f" (did you mean {near[0]}?)" if near else "")
    near = difflib.get_close_matches(key, KEYS, 1) or [one for one in KEYS if one.rpartition(".")[2] == key]
    return f"{key[:40]} is no setting" + (f" (did you mean {near[0]}?)" if near else "")
