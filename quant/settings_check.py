"""Whether a GGUF file says of its model what its source says: sizes, rope, norms, tokenizer.

A part of the proof of a file made of another one. Answers alone cannot tell: beside what a type of few bits loses, a
wrong base of the rope shows less than another choice of scales (measured by tests/bench/bench_proof.py).
"""

from collections.abc import Mapping
from typing import Final

from rushlight.quant.gguf_values import GgufFile, LongArray
from rushlight.quant.proof_file import Check

_TOKENIZER: Final = "tokenizer."
_ARCHITECTURE: Final = "general.architecture"


def check_settings(file: GgufFile, source: GgufFile) -> Check:
    """Every key of the architecture and of the tokenizer, in both."""
    mine, theirs = _told(file), _told(source)
    for name in sorted({*mine, *theirs}):
        if name not in mine or name not in theirs:
            return Check("settings", False, f"{name} is in one of the two only.", {})
        if _value(mine[name]) != _value(theirs[name]):
            return Check("settings", False, f"{name} is not what its source says.", {})
    return Check("settings", True, "The settings are those of the source.", {"keys": len(mine)})


def _told(file: GgufFile) -> Mapping[str, object]:
    wanted = (f"{file.architecture}.", _TOKENIZER, _ARCHITECTURE)
    return {name: value for name, value in file.metadata.items() if name.startswith(wanted)}


def _value(value: object) -> object:
    """Long arrays by what they hold."""
    return repr(value.load()) if isinstance(value, LongArray) else repr(value)
