"""How texts are cut before pairs are merged: Hugging Face's steps against llama.cpp's name for them.

llama.cpp finds the name by hashing what the tokenizer makes of a text, so that one with a vocabulary of its own (ours)
is refused. Here the steps themselves are looked up; for steps that are written otherwise, what they do to a hard text
is compared, where the package tokenizers is at hand.
"""

import json
from collections.abc import Sequence
from typing import Any, Final

from rushlight import Error

_LETTER_CASE: Final = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_TAIL: Final = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_GPT2: Final = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
_LLAMA3: Final = _LETTER_CASE + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}" + _TAIL
_QWEN2: Final = _LETTER_CASE + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}" + _TAIL
_QWEN35: Final = (
    _LETTER_CASE + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_UPPER: Final = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
_LOWER: Final = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_CASED_TAIL: Final = r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_TEKKEN: Final = (
    rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+|[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*|\p{{N}}{_CASED_TAIL}"
)
_GPT4O: Final = (
    rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+{_LETTER_CASE}?|[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*{_LETTER_CASE}?"
    rf"|\p{{N}}{{1,3}}{_CASED_TAIL}"
)
_DEEPSEEK3: Final = (
    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_CJK: Final = "[一-龥぀-ゟ゠-ヿ]+"

Step = tuple[str, ...]
_BYTES: Final[Step] = ("bytes",)
_WORDS: Final[Step] = ("split", _GPT2)
_DIGIT: Final[Step] = ("split", r"\p{N}")

# llama.cpp's name -> the steps. Where two names share steps, the first is what we write, unless flags decide.
STEPS: Final[dict[str, tuple[Step, ...]]] = {
    "gpt-2": (_WORDS, _BYTES),
    "smollm": (_DIGIT, _WORDS, _BYTES),
    "llama-bpe": (("split", _LLAMA3), _BYTES),
    "dbrx": (("split", _LLAMA3), _BYTES),
    "qwen2": (("split", _QWEN2), _BYTES),
    "qwen35": (("split", _QWEN35), _BYTES),
    "tekken": (("split", _TEKKEN), _BYTES),
    "gpt-4o": (("split", _GPT4O), _BYTES),
    "default": (
        ("split", r"[\p{P}\$\+<=>\^~\|]+"),
        ("split", _GPT2),
        ("split", r"\p{N}+"),
        ("split", "[0-9][0-9][0-9]"),
        _BYTES,
    ),
    "deepseek-v3": (("split", r"\p{N}{1,3}"), ("split", _CJK), ("split", _DEEPSEEK3), _BYTES),
}
# Names that llama.cpp treats as one of those.
SAME_AS: Final = {
    "llama3": "llama-bpe",
    "llama-v3": "llama-bpe",
    "falcon3": "llama-bpe",
    "pixtral": "llama-bpe",
    "lfm2": "llama-bpe",
    "smaug-bpe": "dbrx",
    "glm4": "llama-bpe",
    "chatglm-bpe": "llama-bpe",
    "phi-2": "gpt-2",
    "roberta-bpe": "gpt-2",
    "olmo": "gpt-2",
    "mpt": "gpt-2",
    "starcoder": "smollm",
    "refact": "smollm",
    "command-r": "smollm",
    "codeshell": "smollm",
    "exaone": "smollm",
    "stablelm2": "qwen2",
    "deepseek-r1-qwen": "qwen2",
    "megrez": "qwen2",
    "hunyuan": "qwen2",
    "llama4": "gpt-4o",
    "minimax-m2": "gpt-4o",
}
# These take a piece that is a token at once, whatever the merges say.
IGNORES_MERGES: Final = frozenset({"llama-bpe", "tekken"})

# llama.cpp's own form of these cuts words before combining marks (as in Hindi), where the original does not.
LOSES_MARKS: Final = frozenset({"tekken", "gpt-4o"})

HARD_TEXT: Final = (
    "Hello WORLD's I'LL don'T we'Ve 1234567 12 3.14 3,000\n\n\n \n\t\t tabs\t and  two   three spaces \r\n\r\n"
    "übergrößeÉtéNAÏVE iPhone camelCaseWord XMLHttpRequest __init__(self): return x[0]//2 /* c */ <tag/>\n"
    "Привет МИР, кириллица; 你好，世界！こんにちは カタカナ 한국어 नमस्ते दुनिया สวัสดี العربية ١٢٣ עברית "
    "🚀🚀👩‍👩‍👧 ✅ ½ ² Ⅻ ﬁ e\u0301 a\u0308 …“quoted”—dash–dash $5.00 50% #tag @user "
    "https://x.org/a?b=c&d=e \u00a0nbsp   "
)


def steps_of(pre_tokenizer: Any) -> tuple[Step, ...] | None:
    """tokenizer.json's pre_tokenizer as plain steps; None where one of them is not understood."""
    found: list[Step] = []
    for step in _flat(pre_tokenizer):
        match step.get("type"):
            case "Split":
                pattern = step.get("pattern", {})
                regex = pattern.get("Regex") if isinstance(pattern, dict) else None
                keeps = step.get("behavior") == "Isolated" and not step.get("invert")
                removes = step.get("behavior") == "Removed" and step.get("invert")
                if regex is None or not (keeps or removes):
                    return None
                found.append(("split", regex))
            case "Digits" if step.get("individual_digits"):
                found.append(_DIGIT)
            case "ByteLevel":
                if step.get("use_regex", True):
                    found.append(_WORDS)
                found.append(_BYTES)
            case _:
                return None
    return tuple(found)


def _flat(pre_tokenizer: Any) -> list[dict[str, Any]]:
    if not isinstance(pre_tokenizer, dict):
        return []
    if pre_tokenizer.get("type") == "Sequence":
        return [inner for step in pre_tokenizer.get("pretokenizers", []) for inner in _flat(step)]
    return [pre_tokenizer]


def adds_space(pre_tokenizer: Any) -> bool:
    """Whether a space is put before the text."""
    return any(step.get("type") == "ByteLevel" and step.get("add_prefix_space") for step in _flat(pre_tokenizer))


def name_of(pre_tokenizer: Any, ignore_merges: bool) -> str:
    """llama.cpp's name of these steps; an `Error` where it has none."""
    steps = steps_of(pre_tokenizer)
    same = [name for name, known in STEPS.items() if known == steps] or _behaves_as(pre_tokenizer)
    if not same:
        raise Error(
            "Cannot convert the tokenizer: it cuts texts in a way that llama.cpp does not know.",
            f"Known ways: {', '.join(STEPS)}. Train a tokenizer with one of them.",
            kind="unsupported",
        )
    return next((name for name in same if (name in IGNORES_MERGES) == ignore_merges), same[0])


def _behaves_as(pre_tokenizer: Any) -> list[str]:
    """The names whose steps do the same to a hard text."""
    pieces = _pieces(pre_tokenizer)
    if pieces is None:
        return []
    return [name for name, steps in STEPS.items() if _pieces(pre_tokenizer_of(steps)) == pieces]


def _pieces(pre_tokenizer: Any) -> Sequence[Any] | None:
    try:
        from tokenizers import Tokenizer
    except ImportError:
        return None
    empty = {"version": "1.0", "added_tokens": [], "model": {"type": "BPE", "vocab": {}, "merges": []}}
    try:
        built = Tokenizer.from_str(json.dumps({**empty, "pre_tokenizer": pre_tokenizer}))
        return [text for text, _ in built.pre_tokenizer.pre_tokenize_str(HARD_TEXT)] if built.pre_tokenizer else None
    except Exception:  # tokenizers raises plain Exception for what it does not know
        return None


def pre_tokenizer_of(steps: Sequence[Step]) -> dict[str, Any]:
    """The steps as tokenizer.json's pre_tokenizer."""
    found: list[dict[str, Any]] = []
    for kind, *rest in steps:
        if kind == "split":
            if rest[0] == _GPT2:
                continue  # ByteLevel's own
            found.append({"type": "Split", "pattern": {"Regex": rest[0]}, "behavior": "Isolated", "invert": False})
        else:
            found.append(
                {
                    "type": "ByteLevel",
                    "add_prefix_space": False,
                    "trim_offsets": True,
                    "use_regex": _WORDS in steps,
                }
            )
    return found[0] if len(found) == 1 else {"type": "Sequence", "pretokenizers": found}


def steps_named(pre: str) -> tuple[Step, ...]:
    """The steps behind one of llama.cpp's names."""
    name = SAME_AS.get(pre, pre)
    if name in STEPS:
        return STEPS[name]
    raise Error(
        f"Cannot unpack the tokenizer: its way of cutting texts, {pre[:40]!r}, is not known here.",
        f"Known: {', '.join(sorted({*STEPS, *SAME_AS}))}.",
        kind="unsupported",
    )


def ignores_merges(pre: str) -> bool:
    return SAME_AS.get(pre, pre) in IGNORES_MERGES
