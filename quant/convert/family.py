"""What a family of architectures is: its names, its rules for tensors, its metadata both ways; and the list of all.

A family is a value, made by a module in `families/`. Knows how to find the family of a model, not what is in one.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Final

from rushlight import Error
from rushlight.quant.convert.config import Config
from rushlight.quant.convert.rule import Rule
from rushlight.quant.gguf_values import GgufFile
from rushlight.quant.gguf_write import Value
from rushlight.quant.rows import Floats


@dataclass(frozen=True, slots=True)
class Key:
    """A number or word that stands in both config.json and the metadata (there under the architecture's prefix)."""

    gguf: str
    hf: str
    kind: type = int
    default: Any = None  # what config.json means when it does not say; None: it must say
    other_names: tuple[str, ...] = ()
    optional: bool = False  # not written where config.json lacks it


@dataclass(frozen=True, slots=True)
class Family:
    """One row of architectures that share their tensors' names."""

    gguf: str  # general.architecture
    architectures: tuple[str, ...]  # of config.json; the first is written when a GGUF is unpacked
    model_type: str
    keys: tuple[Key, ...]
    rules: tuple[Rule, ...]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    renames: tuple[tuple[str, str], ...] = ()  # (regular expression, replacement) over Hugging Face names
    ignored: tuple[str, ...] = ()  # regular expressions over Hugging Face names
    always_f32: tuple[str, ...] = ()  # endings of GGUF names
    more_metadata: Callable[[Config], dict[str, Value]] = lambda config: {}
    more_config: Callable[[GgufFile], dict[str, Any]] = lambda file: {}
    more_tensors: Callable[[Config], Iterable[tuple[str, Floats]]] = lambda config: ()
    fits: Callable[[GgufFile], bool] = lambda file: True  # among families of one GGUF architecture
    refuse: Callable[[Config], None] = lambda config: None  # raises Error for what llama.cpp has no form for
    tied_by_default: bool = False
    is_generator: bool = True  # writes text (has a head), rather than embeddings
    module_prefix: str = ""  # what modules of the model are called before the names of `rules`

    def metadata(self, config: Config) -> dict[str, Value]:
        """The architecture's own keys."""
        found: dict[str, Value] = {}
        for key in self.keys:
            names = (key.hf, *key.other_names)
            if key.optional and config.get(*names) is None:
                continue
            default = key.default(config) if callable(key.default) else key.default
            if key.kind is int:
                value: Value = config.whole(*names, default=default)
            elif key.kind is float:
                value = config.number(*names, default=default)
            else:
                value = key.kind(config.get(*names, default=default))
            found[f"{self.gguf}.{key.gguf}"] = value
        found.update({f"{self.gguf}.{name}": value for name, value in self.more_metadata(config).items()})
        return found

    def config(self, file: GgufFile) -> dict[str, Any]:
        """config.json of the model in a GGUF file."""
        found: dict[str, Any] = {"architectures": [self.architectures[0]], "model_type": self.model_type}
        for key in self.keys:
            value = file.metadata.get(f"{self.gguf}.{key.gguf}")
            if value is not None:
                found[key.hf] = shortest(value) if key.kind is float else value
        found.update(self.more_config(file))
        return found

    def renamed(self, name: str) -> str:
        for pattern, replacement in self.renames:
            name = re.sub(pattern, replacement, name)
        return name

    def is_ignored(self, name: str) -> bool:
        return any(re.search(pattern, name) for pattern in self.ignored)


def shortest(value: float) -> float:
    """A float32 as the short decimal that was meant: 1e-05 rather than 9.999999747378752e-06."""
    import numpy as np

    return float(str(np.float32(value)))


_BY_MODULE: Final = (
    "llama",
    "qwen",
    "gemma",
    "phi3",
    "gpt2",
    "mamba",
    "lfm2",
    "bert",
    "nomic",
)


def families() -> Sequence[Family]:
    """All that are known."""
    from importlib import import_module

    found: list[Family] = []
    for name in _BY_MODULE:
        found += import_module(f"rushlight.quant.convert.families.{name}").FAMILIES
    return found


def family_of_config(config: Config) -> Family:
    """The family whose architecture config.json names."""
    known = {name: family for family in families() for name in family.architectures}
    if config.architecture in known:
        return known[config.architecture]
    near = get_close_matches(config.architecture, known, n=1)
    raise Error(
        f"Cannot convert a model of the architecture {config.architecture[:60] or '(none named)'!r}.",
        f"The nearest that can be converted is {near[0]}." if near else f"Known: {', '.join(sorted(known))}.",
        kind="unsupported",
    )


def family_of_gguf(file: GgufFile) -> Family:
    """The family of the model in a GGUF file."""
    all_families = families()
    for family in all_families:
        if family.gguf == file.architecture and family.fits(file):
            return family
    known = sorted({family.gguf for family in all_families})
    raise Error(
        f"Cannot unpack {file.path.name}: there is no form in Hugging Face's library that we know for the "
        f"architecture {file.architecture[:60]!r}.",
        f"Known: {', '.join(known)}.",
        kind="unsupported",
    )
