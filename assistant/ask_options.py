"""What can be set for one answer: names and values as people give them, into typed sampler, request and load values.

Knows the fields of `Sampling`, of a request and of a load; knows no command line and no server.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rushlight import Error
from rushlight.assistant.engine.request import Sampling

# Of the engine, for this answer only: the option's name and the setting it stands for.
_LOAD_OPTIONS = {
    "context": "engine.context",
    "batch": "engine.batch",
    "threads": "engine.threads",
    "gpu_layers": "engine.gpu_layers",
    "kv_type": "engine.kv_type",
    "flash_attention": "engine.flash_attention",
    "draft_model": "engine.draft_model",
    "keep_alive_s": "engine.keep_alive_s",
    "slots": "engine.slots",
    "kv_ram_mib": "engine.kv_ram_mib",
}
_REQUEST_OPTIONS = ("max_tokens", "reasoning", "cache_prompt", "draft_tokens", "adapter", "adapter_strength")
_REASONING = ("auto", "off", "raw")
_MAX_STRENGTH = 2.0
_MAX_NAME_CHARS = 200
_OTHER_NAMES = {  # what neighbours call the same thing
    "max_completion_tokens": "max_tokens",
    "num_predict": "max_tokens",
    "n_predict": "max_tokens",
    "num_ctx": "context",
    "n_ctx": "context",
    "ctx_size": "context",
    "temp": "temperature",
    "repetition_penalty": "repeat_penalty",
    "typical": "typical_p",
    "n_gpu_layers": "gpu_layers",
    "keep_alive": "keep_alive_s",
    "ttl": "keep_alive_s",
}
_FORBID = float("-inf")  # the bias of a token that must not come
_TRUE = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


@dataclass(frozen=True, slots=True)
class AskOptions:
    """Options of one answer, checked. `settings` are overrides of settings, by their names."""

    sampling: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, object] = field(default_factory=dict)
    max_tokens: int | None = None
    reasoning: str | None = None
    cache_prompt: bool | None = None
    draft_tokens: int | None = None
    adapter: str | None = None  # the name of the one that answers in chats; None = the one that is promoted for them
    adapter_strength: float | None = None  # of that adapter; 0 = without it

    @property
    def strength(self) -> float:
        """How strongly the adapter of the chat is applied."""
        return 1.0 if self.adapter_strength is None else self.adapter_strength


def option_names() -> tuple[str, ...]:
    """Every name that `parse_options` takes, sorted."""
    return tuple(sorted([*Sampling.__struct_fields__, *_LOAD_OPTIONS, *_REQUEST_OPTIONS]))


def parse_options(pairs: Iterable[tuple[str, str]]) -> AskOptions:
    """Names and values as typed. All problems are reported at once, each with the nearest name."""
    sampling: dict[str, Any] = {}
    settings: dict[str, object] = {}
    other: dict[str, Any] = {}
    problems: list[str] = []
    names = option_names()
    for given, value in pairs:
        name = given.strip().lower().replace("-", "_")
        name = _OTHER_NAMES.get(name, name)
        try:
            if name in _LOAD_OPTIONS:
                settings[_LOAD_OPTIONS[name]] = value  # checked with the settings, by the same limits
            elif name == "max_tokens":
                other[name] = _whole(value, -1, 2**31 - 1)
            elif name == "draft_tokens":
                other[name] = _whole(value, -1, 64)
            elif name == "reasoning":
                other[name] = _choice(value, _REASONING)
            elif name == "cache_prompt":
                other[name] = _flag(value)
            elif name == "adapter":
                other[name] = _name(value)
            elif name == "adapter_strength":
                other[name] = _strength(value)
            elif name in names:
                sampling[name] = sampling_value(name, value)
            else:
                problems.append(_unknown(given, names))
        except ValueError as err:
            problems.append(f"The option {name} must be {err}, not {value[:80]!r}.")
    if problems:
        raise Error("\n".join(problems), hint="The options are listed by: rushlight ask --help", kind="bad-option")
    return AskOptions(sampling=sampling, settings=settings, **other)


def sampling_value(name: str, value: object) -> Any:
    """One field of `Sampling` from text or a plain value. Raises ValueError that says what it must be."""
    if name == "logit_bias":
        return _logit_bias(value)
    default = getattr(Sampling(), name)
    if isinstance(default, tuple):
        return _texts(value)
    if isinstance(default, int):
        return _whole(value, -(2**31), 2**63 - 1 if name == "seed" else 2**31 - 1)
    return _real(value)


def sampling_from(*layers: Mapping[str, Any]) -> Sampling:
    """Greedy decoding, changed by each layer in turn; a later layer wins. Unknown names are an `Error`."""
    merged: dict[str, Any] = {}
    known = set(Sampling.__struct_fields__)
    for layer in layers:
        for name, value in layer.items():
            if name not in known:
                raise Error(_unknown(name, sorted(known)), kind="bad-option")
            try:
                merged[name] = sampling_value(name, value)
            except ValueError as err:
                raise Error(
                    f"The sampler's {name} must be {err}, not {str(value)[:80]!r}.", kind="bad-option"
                ) from None
    return Sampling(**merged)


def _unknown(name: str, names: Iterable[str]) -> str:
    import difflib

    near = difflib.get_close_matches(name, list(names), n=1)
    return f"There is no option named {name[:80]!r}." + (f" Did you mean {near[0]}?" if near else "")


def _whole(value: object, least: int, most: int) -> int:
    try:
        number = int(value) if isinstance(value, str) else value
    except ValueError:
        number = None
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    if not isinstance(number, int) or isinstance(number, bool) or not least <= number <= most:
        raise ValueError(f"a whole number from {least} to {most}")
    return number


def _name(value: str) -> str:
    name = value.strip()
    if not name or len(name) > _MAX_NAME_CHARS:
        raise ValueError("the name of an adapter")
    return name


def _strength(value: object) -> float:
    number = _real(value)
    if not 0 <= number <= _MAX_STRENGTH:
        raise ValueError(f"a number from 0 to {_MAX_STRENGTH:g}")
    return number


def _real(value: object) -> float:
    try:
        number = float(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else None
    except (ValueError, OverflowError):
        number = None
    if number is None or number != number or abs(number) > 1e9:
        raise ValueError("a number")
    return number


def _choice(value: str, choices: tuple[str, ...]) -> str:
    if value not in choices:
        raise ValueError("one of " + ", ".join(choices))
    return value


def _flag(value: str) -> bool:
    if value.lower() not in _TRUE:
        raise ValueError("true or false")
    return _TRUE[value.lower()]


def _texts(value: object) -> tuple[str, ...]:
    """A JSON array of texts, or a text that is its only member."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        value = _json(value, "a JSON array of texts")
    elif isinstance(value, str):
        value = [value]
    if not isinstance(value, (list, tuple)) or not all(isinstance(part, str) for part in value):
        raise ValueError("a JSON array of texts")
    return tuple(value)


def _logit_bias(value: object) -> tuple[tuple[int, float], ...]:
    """{"token id": bias} as JSON or a mapping, or pairs."""
    wanted = 'a JSON object such as {"123": -5} of token ids and biases'
    if isinstance(value, str):
        value = _json(value, wanted)
    pairs = list(value.items()) if isinstance(value, Mapping) else value
    if not isinstance(pairs, (list, tuple)):
        raise ValueError(wanted)
    biases: list[tuple[int, float]] = []
    for pair in pairs:
        if not isinstance(pair, (list, tuple)) or len(pair) != 2:
            raise ValueError(wanted)
        token, bias = pair
        try:
            biases.append((_whole(token, 0, 2**31 - 1), _FORBID if bias in ("-inf", _FORBID) else _real(bias)))
        except ValueError:
            raise ValueError(wanted) from None
    return tuple(biases)


def _json(text: str, wanted: str) -> Any:
    import json

    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError(wanted) from None
