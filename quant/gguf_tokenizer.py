"""Refuses vocabularies that make llama.cpp abort: tokens twice, arrays of different lengths, tokens it needs and lacks.

The same rules hold for a model and for a file with nothing but a vocabulary.
"""

from typing import Final

from rushlight.quant.gguf_facts import Facts
from rushlight.quant.gguf_reader import TOKENS_KEY, shown
from rushlight.quant.gguf_values import LongArray

# Default (begin, end) ids of each vocabulary kind, as llama.cpp sets them before it reads the file's own.
_DEFAULT_IDS: Final[dict[str, tuple[int | None, int | None]]] = {
    "llama": (1, 2),
    "gpt2": (11, 11),
    "bert": (101, None),
    "t5": (None, 1),
    "plamo2": (1, 2),
    "gemma4": (None, None),
}
# Vocabularies that write these tokens unless the file says no.
_BEGINS: Final = frozenset({"llama", "bert", "gemma4"})
_ENDS: Final = frozenset({"t5"})
_PART: Final = 1 << 16
_BYTE: Final = 6  # the token type of <0x00> to <0xFF>
# Text splitters for which llama.cpp forgets the default begin token.
_NO_DEFAULT_BEGIN: Final = frozenset({"chatglm-bpe", "glm4", "glm5"})


def check_tokenizer(facts: Facts) -> None:
    """Raise an `Error` of kind "bad-file" for the first fault of the vocabulary."""
    # Without a tokenizer no text goes in or out, and every question about a token asserts.
    model = facts.name("tokenizer.ggml.model", required=True)
    if model in ("none", "no_vocab"):
        facts.bad("tokenizer.ggml.model", "a tokenizer", shown(model))
    facts.typed(TOKENS_KEY, "array of string")
    tokens = facts.contents.tokens
    if not tokens:
        facts.missing(TOKENS_KEY)
    _tokens_once(facts, tokens)
    _lengths(facts, len(tokens))
    for key, type_name in (("tokenizer.ggml.merges", "array of string"), ("tokenizer.ggml.pre", "string")):
        facts.typed(key, type_name)
    if model == "t5":
        _charsmap(facts)
    if model == "llama":
        _every_byte(facts, tokens)
    if model == "bert":
        _no_byte_tokens(facts)
    _begin_and_end(facts, model, len(tokens))


def _tokens_once(facts: Facts, tokens: list[bytes]) -> None:
    """llama.cpp asserts that no text stands twice in the vocabulary, after ending each text at its first zero byte
    and naming empty ones [EMPTY_0], [EMPTY_1] and so on."""
    unique = set(tokens)
    # joined in parts, so that a huge vocabulary does not need its size in memory once more
    parts = (b"".join(tokens[start : start + _PART]) for start in range(0, len(tokens), _PART))
    if len(unique) == len(tokens) and b"" not in unique and not any(b"\0" in part for part in parts):
        return
    seen: dict[bytes, int] = {}
    for index, token in enumerate(tokens):
        text = token.partition(b"\0")[0] or b"[EMPTY_%d]" % index
        if text in seen:
            facts.bad(TOKENS_KEY, "every token once", f"{shown(text)} as token {seen[text]:,} and {index:,}")
        seen[text] = index


def _every_byte(facts: Facts, tokens: list[bytes]) -> None:
    """Unknown characters are written byte by byte with these; the first missing one ends the process."""
    known = set(tokens)
    missing = [byte for byte in range(256) if b"<0x%02X>" % byte not in known and bytes([byte]) not in known]
    if missing:
        facts.bad(
            TOKENS_KEY,
            "byte tokens (<0x00> to <0xFF>), which the tokenizer 'llama' needs",
            f"none for {len(missing)} of them, such as <0x{missing[0]:02X}>",
        )


def _no_byte_tokens(facts: Facts) -> None:
    """Word pieces have no tokens that stand for a byte; llama.cpp aborts when it asks such a token for its text."""
    key = "tokenizer.ggml.token_type"
    kinds = facts.metadata.get(key, [])
    if _BYTE in (kinds.load() if isinstance(kinds, LongArray) else kinds):
        facts.bad(key, "no byte tokens in a vocabulary of word pieces", f"type {_BYTE}")


def _lengths(facts: Facts, n_tokens: int) -> None:
    for key, type_names in (
        ("tokenizer.ggml.scores", ("array of float32", "array of int32")),
        ("tokenizer.ggml.token_type", ("array of int32",)),
    ):
        if key not in facts.metadata:
            continue
        found = facts.contents.value_types[key]
        if found not in type_names:
            facts.bad(key, f"an {type_names[0]}", found)
        length = len(facts.metadata[key])
        if length < n_tokens:
            facts.bad(key, f"one value for each of {n_tokens:,} tokens", f"{length:,}")


def _charsmap(facts: Facts) -> None:
    key = "tokenizer.ggml.precompiled_charsmap"
    if key in facts.metadata and facts.contents.value_types[key] not in ("array of uint8", "array of int8"):
        facts.bad(key, "an array of uint8", facts.contents.value_types[key])


def _begin_and_end(facts: Facts, model: str, n_tokens: int) -> None:
    """Tokenizing asserts that the tokens exist which the vocabulary wants written at the begin and the end."""
    begin, end = _DEFAULT_IDS.get(model, (None, None))
    if model == "gpt2" and facts.metadata.get("tokenizer.ggml.pre") in _NO_DEFAULT_BEGIN:
        begin = None
    for word, default, writes in (("bos", begin, model in _BEGINS), ("eos", end, model in _ENDS)):
        wanted = facts.typed(f"tokenizer.ggml.add_{word}_token", "bool")
        token_id = facts.typed(f"tokenizer.ggml.{word}_token_id", "uint32")
        known = (token_id is not None and token_id < n_tokens) or (default is not None and default < n_tokens)
        if (writes if wanted is None else wanted) and not known:
            key = f"tokenizer.ggml.{word}_token_id"
            if key in facts.metadata:
                facts.bad(key, f"a token id below {n_tokens:,}", f"{token_id:,}")
            facts.missing(key)
