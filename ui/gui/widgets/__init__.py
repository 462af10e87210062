"""Small widgets that pages share: chips, icon buttons, meters, cards, empty and error panels.

Each has a name for screen readers, follows the theme by itself and shows what it is given as plain text.
"""

from rushlight.ui.gui.widgets.card import Card
from rushlight.ui.gui.widgets.chip import Chip
from rushlight.ui.gui.widgets.empty_state import EmptyState
from rushlight.ui.gui.widgets.error_panel import ErrorPanel
from rushlight.ui.gui.widgets.flow_layout import FlowLayout
from rushlight.ui.gui.widgets.icon_button import IconButton
from rushlight.ui.gui.widgets.labels import button, label, with_role
from rushlight.ui.gui.widgets.meter import Meter

__all__ = [
    "Card",
    "Chip",
    "EmptyState",
    "ErrorPanel",
    "FlowLayout",
    "IconButton",
    "Meter",
    "button",
    "label",
    "with_role",
]
