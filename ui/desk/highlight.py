"""Colours of code by Pygments, in slices of time: for a language that is named, never guessed, never by a plug-in.

The lexers are those that no hostile text stops (Matlab's took three minutes over empty lines); long texts and long
lines stay plain. Knows kinds, no colours and no toolkit; Pygments is imported on first use.
"""

import re
import time
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pygments.lexer import Lexer

MAX_TEXT = 100_000  # characters; more stays plain
MAX_LINE = 2_000  # a text with a longer line stays plain: patterns may be slow on it

Run = tuple[int, str]  # (characters, kind); kinds: "", keyword, string, comment, number, name, wrong
Lines = list[tuple[Run, ...]]

_NAMES = {
    "bash", "c", "cmake", "cpp", "csharp", "css", "dart", "diff", "docker", "elixir", "erlang", "go", "graphql",
    "haskell", "html", "http", "ini", "java", "javascript", "json", "json5", "julia", "kotlin", "latex", "lua",
    "make", "nginx", "nix", "objective-c", "ocaml", "perl", "php", "powershell", "proto", "python", "r",
    "ruby", "rust", "scala", "sql", "swift", "toml", "typescript", "typst", "verilog", "vhdl", "xml", "yaml", "zig",
}  # fmt: skip
_OTHER_NAMES = {
    "c++": "cpp", "c#": "csharp", "cs": "csharp", "cc": "cpp", "h": "c", "hpp": "cpp", "sh": "bash", "shell": "bash",
    "zsh": "bash", "console": "bash", "dockerfile": "docker", "golang": "go", "hs": "haskell", "htm": "html",
    "js": "javascript", "jsx": "javascript", "mjs": "javascript", "jsonc": "json5", "kt": "kotlin", "tex": "latex",
    "makefile": "make", "objc": "objective-c", "ml": "ocaml", "pl": "perl", "ps1": "powershell", "protobuf": "proto",
    "py": "python", "python3": "python", "rb": "ruby", "rs": "rust", "sqlite": "sql", "postgresql": "sql",
    "mysql": "sql", "ts": "typescript", "tsx": "typescript", "svg": "xml", "yml": "yaml", "patch": "diff",
    "ex": "elixir", "jl": "julia",
}  # fmt: skip
_KINDS = (
    ("Comment", "comment"), ("Keyword", "keyword"), ("Literal.String", "string"), ("Literal.Number", "number"),
    ("Name.Function", "name"), ("Name.Class", "name"), ("Name.Builtin", "name"), ("Name.Decorator", "name"),
    ("Name.Tag", "keyword"), ("Name.Attribute", "name"), ("Operator.Word", "keyword"), ("Generic.Deleted", "wrong"),
    ("Generic.Inserted", "string"), ("Generic.Heading", "keyword"), ("Generic.Subheading", "keyword"),
)  # fmt: skip
_LONG_LINE = re.compile(rf"[^\n]{{{MAX_LINE + 1}}}")


def can_highlight(text: str, language: str) -> bool:
    """Whether `highlight` would give more than plain text."""
    return bool(text) and len(text) <= MAX_TEXT and _name_of(language) != "" and _LONG_LINE.search(text) is None


def highlight(text: str, language: str, lines: Lines) -> Iterator[None]:
    """Append the runs of each line of `text` to `lines`; yields often, so that one can stop for now and go on later."""
    if not can_highlight(text, language):
        return
    lexer = _lexer(_name_of(language))
    if lexer is None:
        return
    line: list[Run] = []
    for number, (_position, token, piece) in enumerate(lexer.get_tokens_unprocessed(text)):
        kind = _kind(token)
        first, *others = piece.split("\n")
        if first:
            line.append((len(first), kind))
        for other in others:
            lines.append(tuple(line))
            line = [(len(other), kind)] if other else []
        if number % 8 == 7:
            yield
    lines.append(tuple(line))


def highlight_for(work: Iterator[None], milliseconds: float) -> bool:
    """Go on with the work for so long. True: it is finished."""
    end_s = time.perf_counter() + milliseconds / 1000
    return all(time.perf_counter() < end_s for _ in work)


def _name_of(language: str) -> str:
    name = language.lower()
    name = _OTHER_NAMES.get(name, name)
    return name if name in _NAMES else ""


@lru_cache(maxsize=64)
def _lexer(name: str) -> "Lexer | None":
    """Pygments' own lexer of that name. Its search by alias would load plug-ins, so the table is read here."""
    from pygments.lexers import find_lexer_class, get_all_lexers

    for full_name, aliases, _patterns, _types in get_all_lexers(plugins=False):
        if name in aliases:
            found: Any = find_lexer_class(full_name)
            return found() if found is not None else None
    return None


@lru_cache(maxsize=512)
def _kind(token: Any) -> str:
    name = ".".join(token)
    return next((kind for prefix, kind in _KINDS if name.startswith(prefix)), "")
