"""What a text must be before it is stored: encodable, of bounded length, titles and names on one line."""

from rushlight import Error

MAX_TEXT_CHARS = 16 * 1024 * 1024  # no context holds more, and a frame to the engine takes 64 MiB
MAX_TITLE_CHARS = 200


def storable(text: str, what: str = "The message") -> str:
    """`text` with surrogate pairs joined and lone surrogates as U+FFFD. Raises `Error(kind="too-long")`."""
    if len(text) > MAX_TEXT_CHARS:
        raise Error(
            f"{what} is {len(text):,} characters long; {MAX_TEXT_CHARS:,} are allowed.",
            hint="No model reads that much at once; use a part of it.",
            kind="too-long",
        )
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def one_line(text: str, limit: int = MAX_TITLE_CHARS) -> str:
    """A title or name: blanks and line breaks become single spaces, too long a one ends in an ellipsis."""
    line = " ".join(storable(text[: 100 * limit]).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"
