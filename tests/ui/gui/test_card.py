"""A card's heading takes the lines that it needs, so that large text in a narrow window widens nothing."""

from typing import Any

from rushlight.ui.gui.widgets import Card


def test_a_long_heading_wraps(theme: Any, qtbot: Any) -> None:
    card = Card(theme, "What it would take on this machine, and what makes it smaller")
    qtbot.addWidget(card)
    on_one_line = card.title.fontMetrics().horizontalAdvance(card.title.text())
    assert card.minimumSizeHint().width() < on_one_line
    card.resize(on_one_line // 2, card.heightForWidth(on_one_line // 2))
    card.show()
    assert card.title.height() >= card.title.heightForWidth(card.title.width()) > card.title.fontMetrics().height()
