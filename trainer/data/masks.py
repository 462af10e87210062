"""Token ids with the mask of the loss: what the assistant says and the token that ends its turn are trained, no more.

Masks are found by the places of letters in the rendered text, so that a token is trained where it holds a letter of an
answer. An answer always ends with a token at which generation stops: without one the model would never learn to stop.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from rushlight import Error
from rushlight.quant.convert.config import read_json
from rushlight.quant.convert.special_tokens import chat_templates, content_of
from rushlight.trainer.data.template import Rendered

Ids = np.ndarray[tuple[int], np.dtype[np.int64]]
Flags = np.ndarray[tuple[int], np.dtype[np.bool_]]

_ENDS: Final = (
    "<|im_end|>", "<|eot_id|>", "<|eot|>", "<end_of_turn>", "<turn|>", "<|end|>", "<|return|>", "<|call|>",
    "<|END_OF_TURN_TOKEN|>", "<|end_of_text|>", "<|endoftext|>", "<|end_of_role|>", "<｜end▁of▁sentence｜>", "</s>",
    "<eos>",
)  # fmt: skip
_NO_END: Final = frozenset({"<|end_of_role|>"})
_NAMED: Final = ("bos", "eos", "unk", "sep", "pad", "cls", "mask")
_WEB_TAG: Final = re.compile(
    r"</?(?:a|b|blockquote|br|caption|code|em|h[1-6]|hr|i|li|ol|p|pre|strong|sub|sup|table|tbody|td|tfoot|th|thead|tr|u|ul)>"
)


@dataclass(frozen=True, slots=True)
class Tokens:
    """One example: its token ids, and which of them the loss is about."""

    ids: Ids
    trained: Flags

    @property
    def n_trained(self) -> int:
        return int(self.trained[1:].sum())  # nothing comes before the first, so nothing predicts it


@dataclass(frozen=True, slots=True)
class TextTokenizer:
    """A model's tokenizer and what it says of its special tokens."""

    model: Any  # tokenizers.Tokenizer
    end_ids: frozenset[int]  # tokens at which generation stops
    eos_id: int  # the one that is written where a template ends an answer with none
    control: tuple[str, ...]  # the texts of all control tokens
    template: str = ""  # the model's own chat template
    variables: dict[str, str] = field(default_factory=dict)
    markup: tuple[str, ...] = ()  # the texts of tokens that the model says and nobody else may write: <think>
    begin_id: int | None = None  # what a text begins with wherever it is served, if anything

    def encode(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        found = self.model.encode(text, add_special_tokens=False)
        return found.ids, found.offsets


def read_tokenizer(folder: Path) -> TextTokenizer:
    """The tokenizer in a Hugging Face folder."""
    from tokenizers import Tokenizer

    path = folder / "tokenizer.json"
    if not path.exists():
        raise Error(
            f"Cannot train {folder.name}: it has no tokenizer.json.",
            "Take a folder that holds one; unpacking a GGUF file makes one: rushlight quant unpack.",
            kind="bad-file",
        )
    try:
        model = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises plain Exception
        raise Error(f"Cannot read {path}: {str(error)[:200]}.", "The file is damaged.", kind="bad-file") from None
    model.no_truncation()
    model.no_padding()
    said, config, generation = (
        read_json(folder / name) if (folder / name).exists() else {}
        for name in ("tokenizer_config.json", "config.json", "generation_config.json")
    )
    begin, end = (content_of(said.get(f"{name}_token")) or "" for name in ("bos", "eos"))
    ends = [model.token_to_id(text) for text in (*_ENDS, end) if text and text not in _NO_END]
    for source in (generation, config):
        listed = source.get("eos_token_id")
        ends += listed if isinstance(listed, list) else [listed]
    end_ids = [one for one in ends if isinstance(one, int) and 0 <= one < model.get_vocab_size()]
    eos = model.token_to_id(end) if end else None
    if eos is None and end_ids:
        eos = end_ids[-1]
    if eos is None:
        raise Error(
            f"Cannot train {folder.name}: its tokenizer has no token that ends a text, so it could not learn to stop.",
            "Set eos_token in tokenizer_config.json.",
            kind="bad-file",
        )
    named = {content_of(said.get(f"{name}_token")) for name in _NAMED}
    control, markup = [], []
    for number, one in model.get_added_tokens_decoder().items():
        # As in the GGUF file that is served: what ends a turn or has such a name is a control token in any case.
        if one.special or number in end_ids or one.content in named:
            control.append(one.content)
        elif is_markup(one.content):
            markup.append(one.content)
    return TextTokenizer(
        model, frozenset(end_ids), eos, tuple(control), chat_templates(folder, said).get("", ""),
        {"bos_token": begin, "eos_token": end}, tuple(markup), _begin_id(model, begin, said),
    )  # fmt: skip


def is_markup(text: str) -> bool:
    """Whether an added token that is no control token reads as markup, such as `<tool_call>`, rather than as text: by
    the rule of the engine that serves the model (assistant/engine/control_text.py)."""
    if not (len(text) > 2 and text[0] in "<[◁" and text[-1] in ">]▷" and any(c.isalpha() for c in text)):
        return False
    return _WEB_TAG.fullmatch(text) is None


def _begin_id(model: Any, begin: str, said: dict[str, Any]) -> int | None:
    """The token that a text begins with, where the tokenizer puts one there: by what it adds to texts, else by its
    settings, as the GGUF file is made."""
    first: int | None = model.token_to_id(begin) if begin else None
    if first is None:
        return None
    adds = bool(model.num_special_tokens_to_add(False))
    # Of a text that is not empty: one token may be put behind it that also begins texts elsewhere.
    is_wanted = model.encode("a").ids[:1] == [first] if adds else said.get("add_bos_token") is True
    return first if is_wanted else None


def masked(rendered: Rendered, tokenizer: TextTokenizer) -> Tokens:
    """The tokens of a rendered chat; trained are the answers, each with the token that ends it."""
    ids, places = _encoded(rendered, tokenizer)
    trained = [False] * len(ids)
    for number, (start, stop) in enumerate(rendered.answers):
        inside = [i for i, place in enumerate(places) if _touches(place, start, stop)]
        if not inside:
            continue
        ends = [i for i in inside if ids[i] in tokenizer.end_ids]
        after = inside[-1] + 1
        if ends:
            inside = [i for i in inside if i <= ends[-1]]  # what the template writes after it is not said by the model
        elif after < len(ids) and ids[after] in tokenizer.end_ids:
            inside.append(after)
        elif number == len(rendered.answers) - 1 and after == len(ids):
            ids.append(tokenizer.eos_id)
            places.append((stop, stop))
            trained.append(True)
        for i in inside:
            trained[i] = True
    return Tokens(np.array(ids, np.int64), np.array(trained, np.bool_))


def masked_text(text: str, tokenizer: TextTokenizer) -> Tokens:
    """A plain text, all of it trained, with an end."""
    rendered = Rendered(text, (), _found(text, tokenizer.control))
    ids, _ = _encoded(rendered, tokenizer)
    ids.append(tokenizer.eos_id)
    trained = [True] * len(ids)
    trained[0] = ids[0] != tokenizer.begin_id
    return Tokens(np.array(ids, np.int64), np.array(trained, np.bool_))


def _touches(place: tuple[int, int], start: int, stop: int) -> bool:
    first, last = place
    return start <= first < stop if first == last else last > start and first < stop


def _encoded(rendered: Rendered, tokenizer: TextTokenizer) -> tuple[list[int], list[tuple[int, int]]]:
    text, at = rendered.text, 0
    ids: list[int] = []
    places: list[tuple[int, int]] = []
    cuts = [cut for start, stop in rendered.plain for cut in (start + 1, stop) if cut]
    for cut in [*cuts, len(text)]:
        if cut > at:
            found, offsets = tokenizer.encode(text[at:cut])
            ids += found
            places += [(first + at, last + at) for first, last in offsets]
            at = cut
    if tokenizer.begin_id is not None and ids[:1] != [tokenizer.begin_id]:  # most templates write it themselves
        ids.insert(0, tokenizer.begin_id)
        places.insert(0, (-1, -1))  # before the first letter: no answer's
    return ids, places


def _found(text: str, control: Iterable[str]) -> tuple[tuple[int, int], ...]:
    known = sorted((one for one in control if len(one) > 1), key=len, reverse=True)
    if not known:
        return ()
    return tuple(match.span() for match in re.finditer("|".join(map(re.escape, known)), text))


def shown(tokens: Tokens, tokenizer: TextTokenizer) -> str:
    """An example for people: what is trained stands between » and «."""
    return "".join(f"»{text}«" if is_trained else text for text, is_trained in pieces(tokens, tokenizer))


def pieces(tokens: Tokens, tokenizer: TextTokenizer) -> list[tuple[str, bool]]:
    """An example in pieces, each with whether it is trained; special tokens as their texts."""
    return [
        (tokenizer.model.decode([int(one) for one in tokens.ids[piece]], skip_special_tokens=False), flag)
        for flag, piece in _runs(tokens.trained)
    ]


def _runs(flags: Flags) -> list[tuple[bool, slice]]:
    found: list[tuple[bool, slice]] = []
    start = 0
    for i in range(1, len(flags) + 1):
        if i == len(flags) or flags[i] != flags[start]:
            found.append((bool(flags[start]), slice(start, i)))
            start = i
    return found


def count(examples: Sequence[Tokens]) -> tuple[int, int]:
    """(all tokens, trained tokens)."""
    return sum(len(one.ids) for one in examples), sum(one.n_trained for one in examples)
