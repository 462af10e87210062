"""Writes a GGUF file's tokenizer as tokenizer.json with its companions, for Hugging Face's libraries.

The tokenizer does what llama.cpp does with the file, since that is what will serve the trained model: a normalization
that GGUF does not hold is not made up.
"""

import base64
import json
from pathlib import Path
from typing import Any, Final

from rushlight import Error
from rushlight.quant.convert import pre_tokenizers
from rushlight.quant.convert.vocabulary import CONTROL, UNKNOWN, UNUSED, USER_DEFINED, Vocabulary
from rushlight.quant.whole_file import whole_file

_BAR: Final = "\u2581"
_SPECIAL: Final = ("bos", "eos", "unk", "sep", "pad", "cls", "mask")


def write_tokenizer(folder: Path, vocabulary: Vocabulary, n_ctx: int) -> None:
    """tokenizer.json, tokenizer_config.json, special_tokens_map.json and the chat templates."""
    _write_json(folder / "tokenizer.json", tokenizer_json(vocabulary))
    tokens = vocabulary.tokens
    special = {f"{name}_token": tokens[vocabulary.special[name]] for name in _SPECIAL if name in vocabulary.special}
    if vocabulary.model == "bert":
        special.pop("bos_token", None)
        special.pop("eos_token", None)
    said: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
        "model_max_length": n_ctx,
        **special,
    }
    if (begins := _begins(vocabulary)) is not None:
        said["add_bos_token"] = begins
    if vocabulary.add_eos is not None:
        said["add_eos_token"] = vocabulary.add_eos
    _write_json(folder / "tokenizer_config.json", said)
    _write_json(folder / "special_tokens_map.json", special)
    for name, text in vocabulary.templates.items():
        path = folder / "chat_template.jinja"
        if name:
            path = folder / "additional_chat_templates" / f"{_file_name(name)}.jinja"
            path.parent.mkdir(exist_ok=True)
        with whole_file(path) as file:
            file.write(text.encode("utf-8", "replace"))


def _file_name(name: str) -> str:
    """A template's name from the file, as it may name one here."""
    return "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in name)[:60] or "template"


def _write_json(path: Path, value: Any) -> None:
    with whole_file(path) as file:
        file.write(json.dumps(value, ensure_ascii=False, indent=2).encode("utf-8", "replace"))


def tokenizer_json(vocabulary: Vocabulary) -> dict[str, Any]:
    """The tokenizer in the form of the library tokenizers."""
    match vocabulary.model:
        case "gpt2":
            parts = _byte_pairs(vocabulary)
        case "llama":
            parts = _bar_pairs(vocabulary)
        case "t5":
            parts = _unigrams(vocabulary)
        case "bert":
            parts = _word_pieces(vocabulary)
        case other:
            raise Error(
                f"Cannot unpack the tokenizer: its kind, {other[:40]!r}, is not known here.",
                "Known: gpt2, llama, t5, bert.",
                kind="unsupported",
            )
    parts.setdefault("post_processor", _around(vocabulary))
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": _added(vocabulary),
        **{part: parts.get(part) for part in ("normalizer", "pre_tokenizer", "post_processor", "decoder", "model")},
    }


def _added(vocabulary: Vocabulary) -> list[dict[str, Any]]:
    found = []
    for number, (token, kind) in enumerate(zip(vocabulary.tokens, vocabulary.types, strict=True)):
        # what SentencePiece calls user-defined holds bars, which texts do not
        stands_for_itself = kind == USER_DEFINED and not (vocabulary.model == "llama" and _BAR in token)
        if kind in (CONTROL, UNKNOWN) or stands_for_itself:
            found.append(
                {
                    "id": number,
                    "content": token,
                    "single_word": False,
                    "lstrip": False,
                    "rstrip": False,
                    "normalized": False,
                    "special": kind != USER_DEFINED,
                }
            )
    return found


def _begins(vocabulary: Vocabulary) -> bool | None:
    """Whether texts begin with the token for it. Where a file does not say, llama.cpp puts it before those of
    SentencePiece's vocabularies."""
    return True if vocabulary.add_bos is None and vocabulary.model == "llama" else vocabulary.add_bos


def _around(vocabulary: Vocabulary) -> dict[str, Any] | None:
    """What is put before and behind a text."""
    bos, eos = vocabulary.special.get("bos"), vocabulary.special.get("eos")
    before = [vocabulary.tokens[bos]] if _begins(vocabulary) and bos is not None else []
    behind = [vocabulary.tokens[eos]] if vocabulary.add_eos and eos is not None else []
    return _template(vocabulary, before, behind)


def _template(vocabulary: Vocabulary, before: list[str], behind: list[str]) -> dict[str, Any] | None:
    if not before and not behind:
        return None

    def special(token: str, segment: int) -> dict[str, Any]:
        return {"SpecialToken": {"id": token, "type_id": segment}}

    def part(name: str, segment: int) -> list[dict[str, Any]]:
        head = [special(token, segment) for token in (before if segment == 0 else [])]
        return [*head, {"Sequence": {"id": name, "type_id": segment}}, *(special(token, segment) for token in behind)]

    return {
        "type": "TemplateProcessing",
        "single": part("A", 0),
        "pair": [*part("A", 0), *part("B", 1)],
        "special_tokens": {
            token: {"id": token, "ids": [vocabulary.tokens.index(token)], "tokens": [token]}
            for token in {*before, *behind}
        },
    }


# ---------------------------------------------------------------- the four kinds
def _is_filler(vocabulary: Vocabulary, number: int) -> bool:
    return vocabulary.types[number] == UNUSED and vocabulary.tokens[number].startswith(f"[PAD{number}]")


def _numbered(vocabulary: Vocabulary) -> dict[str, int]:
    """Tokens with their ids, without those that only fill rows of the model."""
    return {token: number for number, token in enumerate(vocabulary.tokens) if not _is_filler(vocabulary, number)}


def _byte_pairs(vocabulary: Vocabulary) -> dict[str, Any]:
    steps = pre_tokenizers.steps_named(vocabulary.pre)
    return {
        "pre_tokenizer": pre_tokenizers.pre_tokenizer_of(steps),
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": pre_tokenizers.ignores_merges(vocabulary.pre),
            "vocab": _numbered(vocabulary),
            "merges": [merge.split(" ", 1) for merge in vocabulary.merges or []],
        },
    }


def _bar_pairs(vocabulary: Vocabulary) -> dict[str, Any]:
    prefix = vocabulary.add_space_prefix is not False
    replace = {"type": "Replace", "pattern": {"String": " "}, "content": _BAR}
    back = {"type": "Replace", "pattern": {"String": _BAR}, "content": " "}
    strip = [{"type": "Strip", "content": " ", "start": 1, "stop": 0}] if prefix else []
    unknown = vocabulary.special.get("unk")
    if unknown is None and UNKNOWN in vocabulary.types:
        unknown = vocabulary.types.index(UNKNOWN)
    before = [{"type": "Prepend", "prepend": _BAR}] if prefix else []
    return {
        "normalizer": {"type": "Sequence", "normalizers": [*before, replace]},
        "decoder": {"type": "Sequence", "decoders": [back, {"type": "ByteFallback"}, {"type": "Fuse"}, *strip]},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None if unknown is None else vocabulary.tokens[unknown],
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": True,
            "byte_fallback": True,
            "ignore_merges": False,
            "vocab": _numbered(vocabulary),
            "merges": merges_of_scores(vocabulary),
        },
    }


def merges_of_scores(vocabulary: Vocabulary) -> list[list[str]]:
    """The list of merges that joins in the order of the scores: every way to make each token of two others."""
    scores = vocabulary.scores or [-float(number) for number in range(len(vocabulary.tokens))]
    joinable = {
        token: number
        for number, (token, kind) in enumerate(zip(vocabulary.tokens, vocabulary.types, strict=True))
        if kind not in (CONTROL, UNKNOWN)
    }
    ranked: list[tuple[float, int, int, int, list[str]]] = []
    for token, number in joinable.items():
        for cut in range(1, len(token)):
            left, right = joinable.get(token[:cut]), joinable.get(token[cut:])
            if left is not None and right is not None:
                ranked.append((-scores[number], number, left, right, [token[:cut], token[cut:]]))
    ranked.sort(key=lambda row: row[:4])
    return [pair for *_, pair in ranked]


def _unigrams(vocabulary: Vocabulary) -> dict[str, Any]:
    scores = vocabulary.scores or [0.0] * len(vocabulary.tokens)
    n_used = len(vocabulary.tokens)
    while n_used and _is_filler(vocabulary, n_used - 1):
        n_used -= 1
    unknown = vocabulary.special.get("unk", vocabulary.types.index(UNKNOWN) if UNKNOWN in vocabulary.types else 0)
    scheme = "always" if vocabulary.add_space_prefix is not False else "never"
    spaces = {"type": "Metaspace", "replacement": _BAR, "prepend_scheme": scheme, "split": True}
    before = [{"type": "WhitespaceSplit"}] if vocabulary.remove_extra_spaces else []
    normalizer = None
    if vocabulary.char_map:
        text = base64.b64encode(vocabulary.char_map).decode()
        normalizer = {"type": "Precompiled", "precompiled_charsmap": text}
    return {
        "normalizer": normalizer,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [*before, spaces]},
        "decoder": {"type": "Metaspace", "replacement": _BAR, "prepend_scheme": scheme, "split": True},
        "model": {
            "type": "Unigram",
            "unk_id": unknown,
            "vocab": [[token, score] for token, score in zip(vocabulary.tokens, scores, strict=True)][:n_used],
            "byte_fallback": False,
        },
    }


def _word_pieces(vocabulary: Vocabulary) -> dict[str, Any]:
    words = {}
    for number, (token, kind) in enumerate(zip(vocabulary.tokens, vocabulary.types, strict=True)):
        if _is_filler(vocabulary, number):
            continue
        if kind in (CONTROL, UNKNOWN) or vocabulary.special.get("unk") == number:
            words[token] = number
        else:
            words[token[1:] if token.startswith(_BAR) else "##" + token] = number
    unknown = vocabulary.special.get("unk", 0)
    first, last = vocabulary.special.get("cls", 0), vocabulary.special.get("sep", 0)
    return {
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": None,
            "lowercase": True,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "post_processor": _template(vocabulary, [vocabulary.tokens[first]], [vocabulary.tokens[last]]),
        "model": {
            "type": "WordPiece",
            "unk_token": vocabulary.tokens[unknown],
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": words,
        },
    }
