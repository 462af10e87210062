"""The same question as other people would type it: polite, short, in small letters, with a slip of the finger."""

import re
from collections.abc import Collection
from typing import Final

from rushlight.assistant.learn.database.chance import Chance

_POLITE: Final = (
    "Please {}",
    "Could you {}",
    "Can you {}",
    "I would like to know {}",
    "I want to see {}",
    "{}, please",
)
_ORDERS: Final = re.compile(r"^(list|show|give|find|count|tell|calculate|add|name)\b", re.IGNORECASE)
_ASKING: Final = re.compile(r" (do|does|did|has|had|have|is|are|was|were|there|come|came)\b")
_COMMA: Final = re.compile(r",\s*([?.]|$)")
_TWICE: Final = re.compile(r"\b(\w+) \1\b")
_WORD: Final = re.compile(r"[a-z]{5,}")


def polished(question: str, chance: Chance, values: Collection[str] = ()) -> str:
    """A variant of it. What stands in `values` keeps its letters, so that it is still found."""
    text = " ".join(question.split())
    if not any(_TWICE.search(value) for value in values):
        text = _TWICE.sub(r"\1", text)  # the room room 12
    text = _COMMA.sub(r"\1", text.replace(",,", ","))
    if text[0].islower():
        text = text[0].upper() + text[1:]
    if chance.coin(0.09):
        text = _politely(text, chance)
    elif chance.coin(0.07):
        text = _shorter(text)
    if chance.coin(0.035):
        text = _slip(text, chance, values)
    if chance.coin(0.03) and " the " in text and not any(" the " in value.lower() for value in values):
        text = text.replace(" the ", " ", 1)
    if chance.coin(0.16):
        text = text.rstrip("?.")
    if chance.coin(0.09):
        text = text[0].lower() + text[1:]
    if chance.coin(0.04):
        text = text.lower()
    return text


def _politely(text: str, chance: Chance) -> str:
    body = text.rstrip("?.")
    if _ORDERS.match(text):
        body = body[0].lower() + body[1:]
        return chance.pick(
            [f"Please {body}.", f"Could you {body}?", f"Can you {body}, please?", f"I need you to {body}."]
        )
    if text.startswith(("How many", "Which", "What", "Who", "When")):
        return chance.pick([f"{body}, please?", f"Hi, {body[0].lower()}{body[1:]}?",
                            f"Quick question: {body[0].lower()}{body[1:]}?",
                            f"Do you know: {body[0].lower()}{body[1:]}?"])  # fmt: skip
    return f"{body}, please"


def _shorter(text: str) -> str:
    """Without what can be left unsaid."""
    for start, instead in (
        ("What is the ", ""), ("What's the ", ""), ("Show me the ", ""), ("Show the ", ""), ("List all ", "all "),
        ("Give me a list of ", ""), ("Tell me the ", ""), ("How many ", "number of "), ("Which ", ""),
    ):  # fmt: skip
        if text.startswith(start):
            rest = re.sub(r" (are there|were there|do we have|exist)(?=\?)", "", text[len(start) :])
            if start == "How many " and _ASKING.search(f" {rest}"):
                return text
            if start == "Which " and rest == text[len(start) :]:
                return text
            return instead + rest.rstrip("?.") if len(rest.split()) > 2 else text
    return text


def _slip(text: str, chance: Chance, values: Collection[str]) -> str:
    """Two letters changed over, or one left out, in one longer word."""
    held = " ".join(values).lower()
    words = [match for match in _WORD.finditer(text) if match.group() not in held]
    if not words:
        return text
    match = chance.pick(words)
    at = match.start() + 1 + chance.below(len(match.group()) - 2)
    if chance.coin(0.5):
        return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    return text[:at] + text[at + 1 :]
