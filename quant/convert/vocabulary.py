"""A tokenizer as GGUF holds it: tokens with types and scores, merges, special ids, chat templates. Both ways.

Knows the keys of the metadata and no Hugging Face file.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from rushlight.quant.gguf_values import GgufFile, LongArray
from rushlight.quant.gguf_write import Typed, Value

NORMAL: Final = 1
UNKNOWN: Final = 2
CONTROL: Final = 3
USER_DEFINED: Final = 4
UNUSED: Final = 5
BYTE: Final = 6

# name here -> name in the key `tokenizer.ggml.NAME_token_id`
SPECIAL: Final = {
    "bos": "bos",
    "eos": "eos",
    "eot": "eot",
    "unk": "unknown",
    "sep": "seperator",  # so spelled in the format
    "pad": "padding",
    "cls": "cls",
    "mask": "mask",
}


@dataclass(slots=True)
class Vocabulary:
    """`model` is llama.cpp's name of the algorithm: gpt2 (pairs of bytes), llama (SentencePiece pairs), t5 (unigrams),
    bert (word pieces)."""

    model: str
    tokens: list[str]
    types: list[int]
    pre: str = "default"
    scores: list[float] | None = None
    merges: list[str] | None = None
    special: dict[str, int] = field(default_factory=dict)
    add_bos: bool | None = None
    add_eos: bool | None = None
    add_space_prefix: bool | None = None
    remove_extra_spaces: bool | None = None
    char_map: bytes = b""  # SentencePiece's compiled normalization
    templates: dict[str, str] = field(default_factory=dict)  # name ("" is the usual one) -> Jinja
    notices: list[str] = field(default_factory=list)  # what could not be carried over

    def fit(self, n_rows: int) -> None:
        """Make as many tokens as the model has rows: unused ones for rows without a token, fewer where a token has
        none (such a token cannot be fed to the model)."""
        if len(self.tokens) > n_rows:
            dropped = self.tokens[n_rows:]
            self.notices.append(
                f"{len(dropped)} tokens without a row in the model were left out, such as {dropped[0]!r}."
            )
            del self.tokens[n_rows:], self.types[n_rows:]
            if self.scores is not None:
                del self.scores[n_rows:]
            self.special = {name: number for name, number in self.special.items() if number < n_rows}
        known = set(self.tokens)
        while len(self.tokens) < n_rows:
            filler = f"[PAD{len(self.tokens)}]"
            while filler in known:
                filler += "_"
            self.tokens.append(filler)
            self.types.append(UNUSED)
            if self.scores is not None:
                self.scores.append(-10_000.0)

    def metadata(self) -> dict[str, Value]:
        found: dict[str, Value] = {
            "tokenizer.ggml.model": self.model,
            "tokenizer.ggml.pre": self.pre,
            "tokenizer.ggml.tokens": Typed("array of string", self.tokens),
            "tokenizer.ggml.token_type": Typed("array of int32", self.types),
        }
        if self.scores is not None:
            found["tokenizer.ggml.scores"] = Typed("array of float32", self.scores)
        if self.merges is not None:
            found["tokenizer.ggml.merges"] = Typed("array of string", self.merges)
        for name, key in SPECIAL.items():
            if name in self.special:
                found[f"tokenizer.ggml.{key}_token_id"] = self.special[name]
        for key, flag in (
            ("add_bos_token", self.add_bos),
            ("add_eos_token", self.add_eos),
            ("add_space_prefix", self.add_space_prefix),
            ("remove_extra_whitespaces", self.remove_extra_spaces),
        ):
            if flag is not None:
                found[f"tokenizer.ggml.{key}"] = flag
        if self.char_map:
            found["tokenizer.ggml.precompiled_charsmap"] = Typed("array of uint8", list(self.char_map))
        others = [name for name in self.templates if name]
        if "" in self.templates:
            found["tokenizer.chat_template"] = self.templates[""]
        if others:
            found["tokenizer.chat_templates"] = Typed("array of string", others)
            found.update({f"tokenizer.chat_template.{name}": self.templates[name] for name in others})
        return found


def read_vocabulary(file: GgufFile) -> Vocabulary | None:
    """The tokenizer of a GGUF file; None where it has none."""
    model = file.text("tokenizer.ggml.model", "none")
    tokens = _items(file.metadata, "tokenizer.ggml.tokens")
    if model in ("none", "no_vocab") or not tokens:
        return None
    found = Vocabulary(
        model=model,
        tokens=[str(token) for token in tokens],
        types=[int(kind) for kind in _items(file.metadata, "tokenizer.ggml.token_type")] or [NORMAL] * len(tokens),
        pre=file.text("tokenizer.ggml.pre", "default"),
        scores=[float(score) for score in _items(file.metadata, "tokenizer.ggml.scores")] or None,
        merges=[str(pair) for pair in _items(file.metadata, "tokenizer.ggml.merges")] or None,
        char_map=bytes(number & 255 for number in _items(file.metadata, "tokenizer.ggml.precompiled_charsmap")),
    )
    for name, key in SPECIAL.items():
        number = file.metadata.get(f"tokenizer.ggml.{key}_token_id")
        if isinstance(number, int) and 0 <= number < len(tokens):
            found.special[name] = number
    flags = {
        key: file.metadata.get(f"tokenizer.ggml.{key}")
        for key in ("add_bos_token", "add_eos_token", "add_space_prefix", "remove_extra_whitespaces")
    }
    found.add_bos, found.add_eos = flags["add_bos_token"], flags["add_eos_token"]
    found.add_space_prefix, found.remove_extra_spaces = flags["add_space_prefix"], flags["remove_extra_whitespaces"]
    usual = file.metadata.get("tokenizer.chat_template")
    if isinstance(usual, str):
        found.templates[""] = usual
    for name in _items(file.metadata, "tokenizer.chat_templates"):
        text = file.metadata.get(f"tokenizer.chat_template.{name}")
        if isinstance(text, str):
            found.templates[str(name)] = text
    return found


def _items(metadata: Mapping[str, Any], key: str) -> list[Any]:
    value = metadata.get(key)
    if isinstance(value, LongArray):
        return value.load()
    return list(value) if isinstance(value, list) else []
