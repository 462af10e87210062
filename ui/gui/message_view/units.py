"""Positions in text as Qt counts them: in UTF-16 units, of which some letters take two."""


def length(text: str) -> int:
    """How long Qt finds this text."""
    if text.isascii():
        return len(text)
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def cut(text: str, begin: int, end: int) -> str:
    """The text between two of Qt's positions."""
    if text.isascii():
        return text[begin:end]
    units = text.encode("utf-16-le", "surrogatepass")
    return units[2 * begin : 2 * end].decode("utf-16-le", "replace")


def occurrences(text: str, needle: str, most: int = 1000) -> list[tuple[int, int]]:
    """Where `needle` stands in `text`, whatever the case, in Qt's positions."""
    if not needle:
        return []
    low, wanted = text.lower(), needle.lower()
    if len(low) != len(text):  # some letters grow when made small; then letters are compared as they are
        low, wanted = text, needle
    found: list[tuple[int, int]] = []
    at = low.find(wanted)
    while at >= 0 and len(found) < most:
        begin = length(text[:at])
        found.append((begin, begin + length(text[at : at + len(wanted)])))
        at = low.find(wanted, at + len(wanted))
    return found
