"""One LaTeX formula into a drawing (SVG) of plain outlines, by ziamath; whatever does not work gives None.

The drawing holds paths, lines and boxes only: anything else in it is refused, so that nothing can be referred to from
it. Ziamath is imported on first use and takes tens of milliseconds at times: call this beside the face's thread.
"""

import re
from dataclasses import dataclass
from xml.etree import ElementTree

MAX_SOURCE = 1_000
MAX_NESTING = 40
MAX_DRAWING = 400_000  # characters
MAX_SIDE = 4_000.0  # pixels
_ELEMENTS = {"svg", "g", "path", "rect", "line", "polyline", "polygon"}
_ATTRIBUTES = re.compile(
    r"(?:d|fill|stroke|stroke-width|stroke-dasharray|transform|x|y|x1|x2|y1|y2|width|height|rx|ry|points|viewBox|"
    r"stroke-linecap|stroke-linejoin|class|id|fill-opacity)\Z"
)
_PAINT = re.compile(r"#?[0-9A-Za-z]+\Z")
_COLOR = re.compile(r"#[0-9a-fA-F]{6}\Z")


@dataclass(frozen=True, slots=True)
class Drawing:
    """A formula as SVG; sizes in pixels, `ascent` of them above the line of writing."""

    svg: str
    width: float
    height: float
    ascent: float


def draw(source: str, is_display: bool, size_px: float, color: str) -> Drawing | None:
    """The drawing, or None: too long, too deep, not understood, too large."""
    if len(source) > MAX_SOURCE or _depth(source) > MAX_NESTING or not _COLOR.match(color):
        return None
    # The formula passes through XML inside, where these two would be read as marks.
    safe = source.replace("<", r"\lt ").replace(">", r"\gt ")
    try:
        from ziamath.config import config
        from ziamath.zmath import Latex

        config.svg2 = False  # plain paths: nothing in the drawing refers to anything
        svg: str = Latex(safe, size=size_px, color=color, inline=not is_display).svg()
        return _checked(svg)
    except Exception:  # it raises whatever its parsers raise; the source is shown instead
        return None


def _depth(source: str) -> int:
    depth = most = 0
    for letter in source:
        if letter == "{":
            depth += 1
            most = max(most, depth)
        elif letter == "}":
            depth -= 1
    return most


def _checked(svg: str) -> Drawing | None:
    if len(svg) > MAX_DRAWING or "<!" in svg or "<?" in svg:
        return None
    root = ElementTree.fromstring(svg)
    for element in root.iter():
        if element.tag.rpartition("}")[2] not in _ELEMENTS or (element.text or "").strip():
            return None
        for name, value in element.attrib.items():
            if not _ATTRIBUTES.match(name) or (name in ("fill", "stroke") and not _PAINT.match(value)):
                return None
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    _left, top, _width, _height = (float(part) for part in root.attrib["viewBox"].split())
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        return None
    return Drawing(svg, width, height, min(height, max(0.0, -top)))
