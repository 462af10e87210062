"""A text field that can be drawn at any moment, also before the style sheet has reached it.

On a busy machine Textual may draw a field that was put on the screen just now; its own text area then raises KeyError
for the styles of its parts, which ends the app. Knows no page.
"""

from textual.geometry import Region
from textual.strip import Strip
from textual.widgets import TextArea


class Area(TextArea):
    """A field of several lines: blank until its styles are there."""

    def render_lines(self, crop: Region) -> list[Strip]:
        if not self._component_styles:
            return [Strip.blank(crop.width)] * crop.height
        return super().render_lines(crop)
