"""Small pieces of Markdown that imports and exports write: fences no content can close, and lines for missing files.

Knows no format and no store.
"""

import re

_FENCES = re.compile(r"^[ \t>]*(`{3,}|~{3,})", re.MULTILINE)
_ANY_TICKS = re.compile(r"`+")
_LANGUAGE = re.compile(r"[A-Za-z0-9_+#.-]{1,40}")


def fenced(text: str, language: str = "") -> str:
    """`text` as a code block, its fence longer than any row of backticks inside."""
    ticks = "`" * max(3, 1 + max((len(row) for row in _ANY_TICKS.findall(text)), default=0))
    language = language if _LANGUAGE.fullmatch(language) else ""
    end = "" if text.endswith("\n") else "\n"
    return f"{ticks}{language}\n{text}{end}{ticks}"


def open_fence(text: str) -> str:
    """The fence that a text opens and does not close (a reply cut off inside code), or ""."""
    fence = ""
    for line in text.split("\n"):
        match = _FENCES.match(line)
        if match is None:
            continue
        mark, rest = match[1], line[match.end() :]
        if not fence:
            if not (mark[0] == "`" and "`" in rest):  # backticks later in the line: code within a sentence
                fence = mark
        elif mark[0] == fence[0] and len(mark) >= len(fence) and not rest.strip():
            fence = ""
    return fence


def missing_file(name: str, description: str = "") -> str:
    """The line that stands for a file which the export names and does not hold."""
    words = " ".join(f"{name}: {description}".split()) if description else " ".join(name.split())
    return f"[file not imported: {words[:300]}]"
