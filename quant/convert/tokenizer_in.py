"""Reads the tokenizer of a Hugging Face folder: tokenizer.json, or the older files that it grew out of.

Knows the files, and what of them GGUF can hold. Needs no library: the files are JSON, text and one message format.
"""

import base64
import binascii
from pathlib import Path
from typing import Any, Final

from rushlight import Error
from rushlight.quant.convert import pre_tokenizers
from rushlight.quant.convert.config import Config, read_json
from rushlight.quant.convert.sentencepiece import SentencePieceModel, read_sentencepiece
from rushlight.quant.convert.special_tokens import add_special
from rushlight.quant.convert.vocabulary import BYTE, CONTROL, NORMAL, UNKNOWN, UNUSED, USER_DEFINED, Vocabulary

_BYTE_TOKENS: Final = frozenset(f"<0x{number:02X}>" for number in range(256))
_MAX_TOKENS: Final = 1 << 22
_NORMALIZERS: Final = frozenset({"NFC", "NFD", "NFKC", "NFKD", "Nmt", "Lowercase", "StripAccents"})
_BAR: Final = "\u2581"
# Older folders (vocab.json and merges.txt) do not say how texts are cut: their model's own way.
_PRE_OF_MODEL: Final = {"gpt2": "gpt-2", "qwen2": "qwen2", "qwen3": "qwen2", "qwen2_moe": "qwen2", "llama": "llama-bpe"}


def read_tokenizer(folder: Path, config: Config) -> Vocabulary:
    """The tokenizer of the model in `folder`; an `Error` for one that llama.cpp has no form for."""
    said = read_json(folder / "tokenizer_config.json") if (folder / "tokenizer_config.json").exists() else {}
    pieces = next(
        (folder / name for name in ("tokenizer.model", "sentencepiece.bpe.model") if (folder / name).exists()), None
    )
    written: dict[str, Any] = {}
    if (folder / "tokenizer.json").exists():
        written = read_json(folder / "tokenizer.json")
        found = _from_json(written, read_sentencepiece(pieces) if pieces else None)
    elif pieces is not None:
        found = _from_pieces(read_sentencepiece(pieces), said)
    elif (folder / "vocab.txt").exists():
        found = _from_vocab_txt(folder / "vocab.txt")
    elif (folder / "vocab.json").exists() and (folder / "merges.txt").exists():
        found = _from_merges_txt(folder, config)
    else:
        raise Error(
            f"Cannot convert: there is no tokenizer in {folder}.",
            "Expected tokenizer.json, tokenizer.model, vocab.txt, or vocab.json with merges.txt.",
            kind="bad-file",
        )
    _add_old_added_tokens(found, folder, said)
    add_special(found, folder, config, said, written)
    return found


# ---------------------------------------------------------------- tokenizer.json
def _from_json(written: dict[str, Any], pieces: SentencePieceModel | None) -> Vocabulary:
    model = written.get("model")
    if not isinstance(model, dict):
        raise damaged("it has no model")
    kind = model.get("type") or (
        "BPE" if "merges" in model else "Unigram" if isinstance(model.get("vocab"), list) else ""
    )
    match kind:
        case "BPE":
            found = _pairs(written, model, pieces)
        case "Unigram":
            found = _unigrams(written, model)
        case "WordPiece":
            found = _word_pieces(written, model)
        case _:
            raise Error(
                f"Cannot convert a tokenizer of the kind {str(kind)[:40]!r}.",
                "Known: BPE, Unigram, WordPiece.",
                kind="unsupported",
            )
    for added in written.get("added_tokens") or []:
        _add(found, int(added["id"]), str(added["content"]), bool(added.get("special")))
    unknown = model.get("unk_token")
    if isinstance(unknown, str) and unknown in found.tokens and found.model in ("llama", "t5"):
        found.types[found.tokens.index(unknown)] = UNKNOWN
    return found


def damaged(what: str) -> Error:
    return Error(f"Cannot use tokenizer.json: {what}.", "The folder is damaged.", kind="bad-file")


def _listed(vocab: Any) -> tuple[list[str], list[int]]:
    """Tokens by their ids, from {token: id}, with types. Ids that are missing get a filler."""
    if not isinstance(vocab, dict) or not all(
        isinstance(one, int) and 0 <= one < _MAX_TOKENS for one in vocab.values()
    ):
        raise damaged("its vocabulary is not understood")
    n_tokens = max(vocab.values(), default=-1) + 1
    tokens, types = [f"[PAD{number}]" for number in range(n_tokens)], [UNUSED] * n_tokens
    for token, number in vocab.items():
        tokens[number], types[number] = token, NORMAL
    return tokens, types


def _pairs(written: dict[str, Any], model: dict[str, Any], pieces: SentencePieceModel | None) -> Vocabulary:
    tokens, types = _listed(model.get("vocab"))
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in model.get("merges") or []]
    if not model.get("byte_fallback") and not _uses_bars(written):
        pre_tokenizer = written.get("pre_tokenizer")
        ignores = bool(model.get("ignore_merges"))
        found = Vocabulary("gpt2", tokens, types, merges=merges)
        found.pre = pre_tokenizers.name_of(pre_tokenizer, ignores)
        if pre_tokenizers.ignores_merges(found.pre) != ignores:
            found.notices.append("Whether whole tokens go before merges differs between the tokenizer and llama.cpp.")
        if found.pre in pre_tokenizers.LOSES_MARKS:
            found.notices.append(
                "llama.cpp cuts words with combining marks (as in Hindi) otherwise than this tokenizer."
            )
        if pre_tokenizers.adds_space(pre_tokenizer):
            found.notices.append("The tokenizer puts a space before each text, which llama.cpp does not do for it.")
        return found
    types = [BYTE if token in _BYTE_TOKENS else kind for token, kind in zip(tokens, types, strict=True)]
    found = Vocabulary("llama", tokens, types)
    found.scores = (
        _scores_of_pieces(tokens, pieces) if pieces else _scores_of_merges(tokens, merges, model.get("merges"))
    )
    found.add_space_prefix = _prepends_bar(written)
    return found


def _uses_bars(written: dict[str, Any]) -> bool:
    """Whether spaces become bars before merging, as SentencePiece does."""
    return _BAR in str(written.get("normalizer")) or "Metaspace" in str(written.get("pre_tokenizer"))


def _prepends_bar(written: dict[str, Any]) -> bool:
    for step in (*_steps(written.get("normalizer")), *_steps(written.get("pre_tokenizer"))):
        if step.get("type") == "Prepend" and step.get("prepend") == _BAR:
            return True
        if step.get("type") == "Metaspace":
            return bool(
                step.get("prepend_scheme", "always" if step.get("add_prefix_space", True) else "never") != "never"
            )
    return False


def _steps(part: Any) -> list[dict[str, Any]]:
    if not isinstance(part, dict):
        return []
    inner = next((part[key] for key in ("normalizers", "pretokenizers", "processors") if key in part), None)
    return [step for one in inner for step in _steps(one)] if isinstance(inner, list) else [part]


def _scores_of_merges(tokens: list[str], merges: list[str], raw: Any) -> list[float]:
    """Scores under which joining the best pair first does what the list of merges does: the earlier, the higher."""
    rank: dict[str, int] = {}
    for index, merge in enumerate(raw or merges):
        left, right = merge.split(" ", 1) if isinstance(merge, str) else merge
        rank.setdefault(left + right, index)
    last = float(len(merges) + 1)
    return [-float(rank[token]) if token in rank else -last for token in tokens]


def _scores_of_pieces(tokens: list[str], pieces: SentencePieceModel) -> list[float]:
    scores = {text: score for text, score, _ in pieces.pieces}
    return [scores.get(token, -1000.0) for token in tokens]


def _unigrams(written: dict[str, Any], model: dict[str, Any]) -> Vocabulary:
    vocab = model.get("vocab")
    if not isinstance(vocab, list):
        raise damaged("its vocabulary is not understood")
    tokens = [str(token) for token, _ in vocab]
    found = Vocabulary(
        "t5",
        tokens,
        [BYTE if token in _BYTE_TOKENS else NORMAL for token in tokens],
        scores=[float(score) for _, score in vocab],
    )
    unknown = model.get("unk_id")
    if isinstance(unknown, int) and 0 <= unknown < len(tokens):
        found.types[unknown] = UNKNOWN
        found.special["unk"] = unknown
    found.add_space_prefix = _prepends_bar(written)
    before = (*_steps(written.get("normalizer")), *_steps(written.get("pre_tokenizer")))
    found.remove_extra_spaces = any(step.get("type") in ("WhitespaceSplit", "Replace", "Strip") for step in before)
    others = {str(step.get("type")) for step in before} & _NORMALIZERS
    if others:
        found.notices.append(f"The tokenizer normalizes by {', '.join(sorted(others))}, which GGUF cannot hold.")
    for step in before:
        if step.get("type") == "Precompiled" and step.get("precompiled_charsmap"):
            try:
                found.char_map = base64.b64decode(step["precompiled_charsmap"], validate=True)
            except (binascii.Error, TypeError, ValueError):
                raise damaged("its compiled normalization is not understood") from None
    return found


def _word_pieces(written: dict[str, Any], model: dict[str, Any]) -> Vocabulary:
    tokens, types = _listed(model.get("vocab"))
    prefix = str(model.get("continuing_subword_prefix") or "##")
    special = {str(added["content"]) for added in written.get("added_tokens") or []}
    found = _as_word_pieces(tokens, types, special, prefix)
    normalizer = written.get("normalizer") or {}
    if isinstance(normalizer, dict) and normalizer.get("lowercase") is False:
        found.notices.append("The tokenizer keeps capital letters, llama.cpp makes them small for such models.")
    return found


def _as_word_pieces(tokens: list[str], types: list[int], special: set[str], prefix: str = "##") -> Vocabulary:
    """llama.cpp marks where words begin, with a bar; BERT marks where they go on."""
    ours, kinds = [], []
    for token, kind in zip(tokens, types, strict=True):
        if token in special or kind == UNUSED:
            ours.append(token)
            kinds.append(CONTROL if token in special else kind)
        else:
            ours.append(token[len(prefix) :] if token.startswith(prefix) else _BAR + token)
            kinds.append(NORMAL)
    return Vocabulary("bert", ours, kinds)


def _add(found: Vocabulary, number: int, text: str, special: bool) -> None:
    """An added token: a control token if special, else one that stands for itself wherever its text is."""
    while len(found.tokens) <= number:
        found.tokens.append(f"[PAD{len(found.tokens)}]")
        found.types.append(UNUSED)
        if found.scores is not None:
            found.scores.append(-1000.0)
    if found.types[number] in (BYTE, UNKNOWN) and found.tokens[number] == text:
        return
    found.tokens[number] = text
    found.types[number] = CONTROL if special else USER_DEFINED


# ---------------------------------------------------------------- older files
def _from_pieces(model: SentencePieceModel, said: dict[str, Any]) -> Vocabulary:
    pieces = list(model.pieces)
    if said.get("tokenizer_class") in ("XLMRobertaTokenizer", "XLMRobertaTokenizerFast", "CamembertTokenizer"):
        # fairseq's order: four tokens of its own before all but SentencePiece's first three, and a mask at the end
        head = [("<s>", 0.0, CONTROL), ("<pad>", 0.0, CONTROL), ("</s>", 0.0, CONTROL), ("<unk>", 0.0, UNKNOWN)]
        pieces = [*head, *pieces[3:], ("<mask>", 0.0, CONTROL)]
    found = Vocabulary(
        "t5" if model.is_unigram else "llama",
        [text for text, _, _ in pieces],
        [kind for _, _, kind in pieces],
        scores=[score for _, score, _ in pieces],
        add_space_prefix=model.add_dummy_prefix,
    )
    if model.is_unigram:
        found.char_map = model.char_map
        found.remove_extra_spaces = model.remove_extra_spaces
    return found


def _from_vocab_txt(path: Path) -> Vocabulary:
    tokens = path.read_text("utf-8").split("\n")
    while tokens and not tokens[-1]:
        tokens.pop()
    return _as_word_pieces(tokens, [NORMAL] * len(tokens), {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"})


def _from_merges_txt(folder: Path, config: Config) -> Vocabulary:
    lines = (folder / "merges.txt").read_text("utf-8").split("\n")
    merges = [line for line in lines if line and not line.startswith("#version")]
    tokens, types = _listed(read_json(folder / "vocab.json"))
    pre = _PRE_OF_MODEL.get(str(config.get("model_type", default="gpt2")), "gpt-2")
    return Vocabulary("gpt2", tokens, types, pre=pre, merges=merges)


def _add_old_added_tokens(found: Vocabulary, folder: Path, said: dict[str, Any]) -> None:
    """Tokens that only added_tokens.json or tokenizer_config.json know."""
    known = set(found.tokens)
    if (folder / "added_tokens.json").exists():
        for text, number in read_json(folder / "added_tokens.json").items():
            if text not in known and isinstance(number, int) and number < _MAX_TOKENS:
                _add(found, number, str(text), special=False)
                known.add(str(text))
    listed = said.get("added_tokens_decoder")
    for number, entry in listed.items() if isinstance(listed, dict) else ():
        if isinstance(entry, dict) and str(number).isdecimal() and int(number) < _MAX_TOKENS:
            text = str(entry.get("content", ""))
            if text not in known or entry.get("special"):
                _add(found, int(number), text, bool(entry.get("special")))
                known.add(text)
