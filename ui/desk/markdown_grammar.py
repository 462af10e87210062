"""Which Markdown is read: CommonMark with tables, strikethrough, task lists and formulas; no HTML, no references.

References are left out on purpose: an address stands where it is used, or it is no link. Knows markdown-it, which is
imported on first use; knows nothing of what is made of its tokens.
"""

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_block import StateBlock
    from markdown_it.rules_inline import StateInline

MAX_FORMULA = 1000  # characters
MAX_NESTING = 16  # of quotes and lists


@lru_cache(maxsize=1)
def grammar() -> "MarkdownIt":
    """The parser, made once. It holds no state between texts."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("js-default", {"html": False, "linkify": False, "typographer": False})
    parser.options["maxNesting"] = MAX_NESTING
    parser.disable(["reference", "html_block", "html_inline", "linkify"])
    parser.block.ruler.before(
        "fence", "formula", _formula_block, {"alt": ["paragraph", "reference", "blockquote", "list"]}
    )
    parser.inline.ruler.before("escape", "formula", _formula_inline)
    # Addresses are judged when spans are made of them, where they can be shown instead of dropped.
    parser.validateLink = _any_address  # type: ignore[method-assign, assignment]
    parser.normalizeLink = _as_written  # type: ignore[method-assign, assignment]
    parser.normalizeLinkText = _as_written  # type: ignore[method-assign, assignment]
    return parser


def _any_address(_address: str) -> bool:
    return True


def _as_written(address: str) -> str:
    return address


_CLOSERS = {"$$": "$$", "\\[": "\\]", "\\(": "\\)", "$": "$"}


def _formula_block(state: "StateBlock", start_line: int, end_line: int, silent: bool) -> bool:
    """`$$` or `\\[` at the start of a line, up to its closer at the end of one; an empty line in between forbids it.

    While the text still grows an opener without its closer is a formula that is not finished.
    """
    begin = state.bMarks[start_line] + state.tShift[start_line]
    end = state.eMarks[start_line]
    opener = state.src[begin : begin + 2]
    if opener not in ("$$", "\\[") or state.is_code_block(start_line):
        return False
    closer = _CLOSERS[opener]
    line, position, length = start_line, begin + 2, 0
    is_closed = False
    while True:
        found = state.src.find(closer, position, end)
        if found >= 0:
            if state.src[found + 2 : end].strip():
                return False
            is_closed = True
            break
        length += end - position + 1
        line += 1
        if length > MAX_FORMULA:
            return False
        if line >= end_line:
            break
        if state.isEmpty(line) or state.sCount[line] < state.blkIndent:
            return False
        position, end = state.bMarks[line] + state.tShift[line], state.eMarks[line]
    if silent:
        return True
    last = line + 1 if is_closed else line
    token = state.push("formula_block", "", 0)
    token.map = [start_line, last]
    token.content = state.getLines(start_line, last, state.blkIndent, False).strip()
    token.info = "closed" if is_closed else ""
    state.line = last
    return True


def _formula_inline(state: "StateInline", silent: bool) -> bool:
    """`$x$`, `$$x$$`, `\\(x\\)`, `\\[x\\]` in running text. Sums of money are no formulas (the rule is pandoc's)."""
    source, begin = state.src, state.pos
    if source[begin] == "$":
        opener = "$$" if source.startswith("$$", begin) else "$"
    elif source[begin] == "\\" and source[begin + 1 : begin + 2] in ("(", "["):
        opener = source[begin : begin + 2]
    else:
        return False
    inside = begin + len(opener)
    limit = min(state.posMax, inside + MAX_FORMULA)
    closer = _CLOSERS[opener]
    end = source.find(closer, inside, limit)
    if opener == "$":
        while end > 0 and source[end - 1] == "\\":
            end = source.find("$", end + 1, limit)
        if end < 0 or source[inside].isspace() or source[end - 1].isspace() or source[end + 1 : end + 2].isdigit():
            return False
    if end < 0 or not source[inside:end].strip():
        return False
    if not silent:
        token = state.push("formula", "", 0)
        token.content = source[inside:end].strip()
        token.markup = opener
        token.info = source[begin : end + len(closer)]
    state.pos = end + len(closer)
    return True
