"""Text files given with a message: read with care, and written into the message as the model sees it.

Only text: the encoding is found by its mark, else UTF-8, else a Western one; what is no text is refused.
Hidden text in a file stays as it is (the model sees what the file says); faces sanitize what they show.
"""

import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path

from rushlight import Error
from rushlight.assistant.chat.conversation import Attachment, NewAttachment

MAX_FILE_BYTES = 4 * 1024 * 1024
MAX_FILES = 20
_MARKS = (      # longest first: UTF-32's little-endian mark begins with UTF-16's
    (b"\xff\xfe\x00\x00", "utf-32"), (b"\x00\x00\xfe\xff", "utf-32"), (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"),
)  # fmt: skip
# Of the 32 control characters those that text files hold: tab, newline, form feed, return, escape (terminal logs).
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")
_CONTROL_TEXT = re.compile("[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")
_UNPRINTABLE_SHARE = 0.003  # more of the bytes than this: no text in an old encoding, but data
_MEDIA_TYPES = {
    "md": "text/markdown", "markdown": "text/markdown", "csv": "text/csv", "tsv": "text/tab-separated-values",
    "json": "application/json", "jsonl": "application/jsonl", "html": "text/html", "htm": "text/html",
    "xml": "application/xml", "yaml": "application/yaml", "yml": "application/yaml", "toml": "application/toml",
    "py": "text/x-python", "sql": "application/sql", "css": "text/css", "js": "text/javascript",
}  # fmt: skip


def read_attachment(path: Path) -> NewAttachment:
    """The text file at `path`. Raises `Error` naming it when it is missing, too large or no text."""
    raw = _read(path)
    suffix = path.suffix.lower().removeprefix(".")
    return NewAttachment(path.name, decode(raw, path.name), _MEDIA_TYPES.get(suffix, "text/plain"))


def read_attachments(paths: Sequence[Path]) -> list[NewAttachment]:
    """All of them; one that cannot be read refuses all."""
    if len(paths) > MAX_FILES:
        raise Error(
            f"{len(paths)} files are attached; {MAX_FILES} are allowed with one message.",
            hint="Send them with several messages.",
            kind="too-long",
        )
    return [read_attachment(path) for path in paths]


def decode(raw: bytes, name: str) -> str:
    """The text of a file's bytes, lines ended by newlines. Raises `Error(kind="not-text")`."""
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            try:
                text = raw.decode(encoding)
            except UnicodeDecodeError as err:
                raise Error(
                    f"The file {name} says that it is {encoding.removesuffix('-sig').upper()} text, but byte "
                    f"{err.start:,} does not fit that.",
                    hint="Save it as UTF-8 and try again.",
                    kind="not-text",
                ) from None
            if len(_CONTROL_TEXT.findall(text)) > len(text) * _UNPRINTABLE_SHARE:
                raise _no_text(name)
            return _with_newlines(text)
    if b"\0" in raw:
        raise _no_text(name)
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = ""
    if not text and raw:
        # Windows' Western code page is Latin-1 with quotes and dashes where that has control characters.
        text = raw.decode("cp1252", errors="replace")
        if "\ufffd" in text:
            text = raw.decode("latin-1")
            if any("\x80" <= char <= "\x9f" for char in text):
                raise _no_text(name)
    if len(_CONTROL.findall(raw)) > len(raw) * _UNPRINTABLE_SHARE:
        raise _no_text(name)
    return _with_newlines(text)


def with_attachments(content: str, attachments: Sequence[Attachment | NewAttachment]) -> str:
    """A message as the model reads it: what was written, then each file as a fenced block under its name."""
    parts = [content] if content.strip() else []
    for one in attachments:
        longest = max((len(run) for run in re.findall("`+", one.text)), default=0)
        fence = "`" * max(3, longest + 1)  # no line of the file can end the block
        end = "" if one.text.endswith("\n") or not one.text else "\n"
        parts.append(f"File {one.name}:\n{fence}{_language(one.name)}\n{one.text}{end}{fence}")
    return "\n\n".join(parts)


def _language(name: str) -> str:
    suffix = name.rpartition(".")[2] if "." in name else ""
    return suffix.lower() if suffix.isascii() and suffix.isalnum() and len(suffix) <= 12 else ""


def _with_newlines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _no_text(name: str) -> Error:
    return Error(
        f"The file {name} is no text file.",
        hint="Attach text (such as .txt, .md, .csv or source code), saved as UTF-8.",
        kind="not-text",
    )


def _read(path: Path) -> bytes:
    try:
        # Not blocking: a named pipe would wait for somebody to write.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise Error(
                f"{path} is no file that can be attached.", hint="Give the path of a text file.", kind="not-text"
            )
        with os.fdopen(descriptor, "rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as err:  # ValueError: a zero byte in the name
        reason = err.strerror if isinstance(err, OSError) and err.strerror else str(err)
        raise Error(
            f"The file {path} cannot be attached: {reason}.", hint="Check the path.", kind="file-unreadable"
        ) from None
    if len(raw) > MAX_FILE_BYTES:
        raise Error(
            f"The file {path.name} is larger than {MAX_FILE_BYTES // 2**20} MiB.",
            hint="Attach a part of it.",
            kind="too-long",
        )
    return raw
