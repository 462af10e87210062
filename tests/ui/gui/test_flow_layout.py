"""Widgets one after another: words that wrap get the lines that they need."""

from typing import Any

from PySide6.QtWidgets import QWidget

from rushlight.ui.gui.widgets import FlowLayout, label


def test_words_wider_than_the_room_get_all_their_lines(qtbot: Any) -> None:
    box = QWidget()
    qtbot.addWidget(box)
    words = label("about fifteen minutes for all of it: examples, training, export, evaluation", wrap=True)
    flow = FlowLayout(box)
    flow.addWidget(words)
    narrow = words.sizeHint().width() // 3
    assert flow.heightForWidth(narrow) == words.heightForWidth(narrow) > words.sizeHint().height()
    box.resize(narrow, flow.heightForWidth(narrow))
    box.show()
    assert words.width() <= narrow and words.height() == words.heightForWidth(narrow)
