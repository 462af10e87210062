"""Breaks the texts of control tokens inside strings from strangers, so that they stay ordinary text.

A template glues its own control tokens and the conversation into one text, and the tokenizer cannot tell whose
`<|im_end|>` it reads. So a mark, a code point that no text may contain, is put inside each such text before the
template sees it; the rendered text is cut at the marks, and each piece is tokenized on its own. Knows nothing of
templates, messages or models.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

MARK = "\ufdd0"  # noncharacters: never assigned, reserved for a program's own use
END = "\ufdd1"  # where a final message goes on
ESCAPED_MARK = "\\ufdd0"  # what Python's or JSON's escaping in a template makes of a mark
_OURS = re.compile(f"[{MARK}{END}]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_SPACES = " \t\r\n\x0b\x0c"
_WEB_TAG = re.compile(
    r"</?(?:a|b|blockquote|br|caption|code|em|h[1-6]|hr|i|li|ol|p|pre|strong|sub|sup|table|tbody|td|tfoot|th|thead|tr|u|ul)>"
)

# Words that templates compare with: broken, they would no longer be recognised. None is a control token's whole text.
KNOWN_WORDS = frozenset({
    "system", "developer", "user", "assistant", "tool", "function", "type", "name", "description", "parameters",
    "properties", "required", "items", "enum", "arguments", "string", "number", "integer", "boolean", "array",
    "object", "null", "any", "format", "default", "anyOf", "oneOf", "allOf", "nullable", "return", "title", "id",
    "additionalProperties", "strict", "low", "medium", "high", "none", "auto", "true", "false",
})  # fmt: skip


def clean(text: str) -> str:
    """`text` without our own marks and with lone surrogates replaced: what no tokenizer could take."""
    text = _OURS.sub("", text)
    return _SURROGATES.sub("\ufffd", text) if _SURROGATES.search(text) else text


def unmark(text: str) -> str:
    """What the model's author would have seen: the text without marks."""
    return text.replace(MARK, "")


def is_markup(text: str) -> bool:
    """Whether a user-defined token reads as markup, such as `<tool_call>` or `[THINK]`, rather than as text.

    The tokenizer parses tokens of that kind everywhere; a document that holds one must not close a section. Others
    of that kind are runs of blanks, plain words and the tags of web pages (Gemma has `<table>`), which models read as
    ordinary text and which are better left whole.
    """
    if not (len(text) > 2 and text[0] in "<[◁" and text[-1] in ">]▷" and any(c.isalpha() for c in text)):
        return False
    return _WEB_TAG.fullmatch(text) is None


class ControlTexts:
    """The control tokens' texts of one vocabulary. Both ways of writing a space count: U+2581 and U+0020."""

    def __init__(self, texts: Iterable[str]) -> None:
        known: set[str] = set()
        for text in texts:
            known.update((text, text.replace("\u2581", " "), text.replace(" ", "\u2581")))
        known = {text for text in known if text.strip(_SPACES)}
        self.texts = frozenset(known)
        # One character cannot be broken. Printable ASCII ones are ordinary text in any vocabulary worth the name.
        self._single = {ord(t): "\ufffd" for t in known if len(t) == 1 and not (t.isascii() and t.isprintable())}
        long = sorted(text for text in known if len(text) > 1)
        self._found = re.compile(f"(?=({_trie_pattern(long)}))") if long else None
        first = {text[0] for text in long if not text[0].isalnum()}
        last = {text[-1] for text in long if not text[-1].isalnum()}
        self._first = re.compile(f"[{''.join(map(re.escape, sorted(first)))}]") if first else None
        self._last = re.compile(f"[{''.join(map(re.escape, sorted(last)))}]") if last else None
        self._folded = "\0".join(long).lower()  # templates lower and raise the case of names
        self._inner_words: dict[str, bool] = {}

    def spans(self, marked: str) -> list[tuple[int, int]]:
        """Where control texts stand in `marked`, in offsets of the unmarked text. Overlapping ones each count."""
        if self._found is None:
            return []
        found: list[tuple[int, int]] = []
        offset = 0
        for segment in marked.split(MARK):
            found += [(offset + m.start(1), offset + m.end(1)) for m in self._found.finditer(segment)]
            offset += len(segment)
        return found

    def break_whole(self, text: str) -> str:
        """Marks inside each control text that stands in `text` as a whole; other text stays as it is."""
        text = clean(text)
        if self._single:
            text = text.translate(self._single)
        if self._found is None:
            return text
        # After its first character, at each place where one begins: so overlapping and nested ones break too.
        return _insert(text, {m.start() + 1 for m in self._found.finditer(text)})

    def break_parts(self, text: str, *, keep_words: bool = False) -> str:
        """`break_whole`, and marks wherever a part of a control text could be completed by what comes beside it.

        Used to find out whether the template lets that happen; it cuts ordinary text, for instance at each `<`.
        `keep_words` leaves what templates compare with, such as the type of a parameter, as it is.
        """
        text = clean(text)
        if self._single:
            text = text.translate(self._single)
        places: set[int] = set()
        if self._found is not None:
            places |= {m.start() + 1 for m in self._found.finditer(text)}
        if self._first is not None:
            places |= {m.end() for m in self._first.finditer(text)}
        if self._last is not None:
            places |= {m.start() for m in self._last.finditer(text)}
        core = text.strip()
        if core and not (keep_words and core in KNOWN_WORDS) and self._is_inner(core):
            start = text.index(core)
            places |= {start, start + 1, start + len(core)}
        return _insert(text, places)

    def _is_inner(self, word: str) -> bool:
        known = self._inner_words.get(word)
        if known is None:
            known = len(word) < 64 and word.lower() in self._folded
            if len(self._inner_words) < 4096:
                self._inner_words[word] = known
        return known


def map_strings(value: Any, change: ControlTexts, parts: bool) -> Any:
    """A copy of plain JSON data with every string, keys included, broken; words that templates compare with stay."""
    if isinstance(value, str):
        return change.break_parts(value, keep_words=True) if parts else change.break_whole(value)
    if isinstance(value, Mapping):
        return {map_strings(str(key), change, parts): map_strings(item, change, parts) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [map_strings(item, change, parts) for item in value]
    return value


def _insert(text: str, places: set[int]) -> str:
    if not places:
        return text
    pieces, last = [], 0
    for place in sorted(places):
        pieces.append(text[last:place])
        last = place
    pieces.append(text[last:])
    return MARK.join(pieces)


def _trie_pattern(texts: list[str]) -> str:
    """A pattern that matches the longest of `texts` (sorted). Vocabularies reserve thousands of control tokens with
    common beginnings; as plain alternatives each place in a document would try them all.
    """
    return "|".join(_branch(group) for group in _groups(texts, 0))


def _groups(texts: list[str], depth: int) -> list[tuple[list[str], int]]:
    groups: dict[str, list[str]] = {}
    for text in texts:
        groups.setdefault(text[depth], []).append(text)
    return [(group, depth) for group in groups.values()]


def _branch(group: tuple[list[str], int]) -> str:
    texts, depth = group
    shared = len(_common(texts))
    head = re.escape(texts[0][depth:shared])
    longer = [text for text in texts if len(text) > shared]
    if not longer:
        return head
    inner = "|".join(_branch(part) for part in _groups(longer, shared))
    return f"{head}(?:{inner}){'?' if len(longer) < len(texts) else ''}"


def _common(texts: list[str]) -> str:
    low, high = min(texts), max(texts)
    length = 0
    while length < min(len(low), len(high)) and low[length] == high[length]:
        length += 1
    return low[:length]
