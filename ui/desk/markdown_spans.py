"""Running text of a block into spans: emphasis, code, links, images as words, formulas.

Only http, https and mailto become links; another address is written out beside its text. Images are never links to
follow: what is kept is their description and their address.
"""

import re
from dataclasses import dataclass, replace

from rushlight.ui.desk.blocks import Span, Spans
from rushlight.ui.desk.markdown_grammar import grammar

MAX_PARSED = 10_000  # characters of one paragraph; a longer one is shown as it is written
MAX_ADDRESS = 2_000
_OFFERED = re.compile(r"(?:https?://|mailto:)[^\s\x00-\x1f]+\Z", re.IGNORECASE)
_BARE = re.compile(r"https?://[^\s<>\"'`]+", re.IGNORECASE)
_BREAK = re.compile(r"<br\s{0,4}/?>", re.IGNORECASE)
_BARE_END = ".,;:!?)]}*_~|'\""


def is_offered(address: str) -> bool:
    """Whether the address may be offered for opening in a browser or mail program."""
    return len(address) <= MAX_ADDRESS and _OFFERED.match(address) is not None


def literal(text: str) -> Spans:
    """Text as it is, with nothing read into it."""
    return (Span(text),) if text else ()


@dataclass
class _Look:
    bold: int = 0
    italic: int = 0
    struck: int = 0
    link: str = ""
    hidden: str = ""  # an address that is written out since it is not offered


def spans_of(content: str) -> Spans:
    """The spans of one paragraph, heading or cell."""
    if len(content) > MAX_PARSED:
        return literal(content)
    parser = grammar()
    tokens: list = []  # type: ignore[type-arg]
    parser.inline.parse(content, parser, {}, tokens)
    made: list[Span] = []
    look = _Look()
    for token in tokens:
        match token.type:
            case "text" | "text_special":
                _add(made, look, token.content)
            case "softbreak" | "hardbreak":
                _add(made, look, "\n")
            case "code_inline":
                _add(made, look, token.content, is_code=True)
            case "strong_open":
                look.bold += 1
            case "strong_close":
                look.bold -= 1
            case "em_open":
                look.italic += 1
            case "em_close":
                look.italic -= 1
            case "s_open":
                look.struck += 1
            case "s_close":
                look.struck -= 1
            case "link_open":
                address = str(token.attrs.get("href", ""))
                look.link, look.hidden = (address, "") if is_offered(address) else ("", address)
            case "link_close":
                if look.hidden:
                    made.append(Span(f" ({look.hidden[:MAX_ADDRESS]})", is_aside=True))
                look.link = look.hidden = ""
            case "image":
                made.append(Span(token.content.strip(), image=str(token.attrs.get("src", ""))[:MAX_ADDRESS] or "-"))
            case "formula":
                made.append(Span(token.info, formula=token.content, is_display=token.markup in ("$$", "\\[")))
            case _:
                _add(made, look, token.content)
    return _joined(made)


def _add(made: list[Span], look: _Look, text: str, is_code: bool = False) -> None:
    if not text:
        return
    span = Span(
        text,
        is_bold=look.bold > 0,
        is_italic=look.italic > 0,
        is_struck=look.struck > 0,
        is_code=is_code,
        link=look.link,
    )
    if is_code or "<" not in text:
        made.append(span)
    else:
        made.append(replace(span, text=_BREAK.sub("\n", text)))


def _joined(spans: list[Span]) -> Spans:
    """Neighbours of one look as one span, then bare addresses as links."""
    joined: list[Span] = []
    for span in spans:
        last = joined[-1] if joined else None
        if last is not None and not span.image and not span.formula and replace(last, text=span.text) == span:
            joined[-1] = replace(last, text=last.text + span.text)
        else:
            joined.append(span)
    found: list[Span] = []
    for span in joined:
        if span.link or span.is_code or span.image or span.formula or span.is_aside or "://" not in span.text:
            found.append(span)
        else:
            _linked(found, span)
    return tuple(found)


def _linked(found: list[Span], span: Span) -> None:
    position = 0
    for match in _BARE.finditer(span.text):
        address = match.group().rstrip(_BARE_END)
        if "(" in address and match.group()[len(address) :].startswith(")"):
            address += ")"  # as in addresses of encyclopedias
        if len(address) < 12 or not is_offered(address):
            continue
        if match.start() > position:
            found.append(replace(span, text=span.text[position : match.start()]))
        found.append(replace(span, text=address, link=address))
        position = match.start() + len(address)
    if position < len(span.text):
        found.append(replace(span, text=span.text[position:]))
