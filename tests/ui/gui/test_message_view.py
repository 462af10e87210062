"""The message view: what is shown, what stays in place, what is selected, found, walked and pressed."""

from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QEnterEvent, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QToolButton, QVBoxLayout, QWidget

from rushlight.ui.desk.turn import Statistics, Turn
from rushlight.ui.gui.message_view import MessageView
from rushlight.ui.gui.message_view.arrangement import MOST_LAYOUTS
from rushlight.ui.gui.message_view.code_view import CodeView
from rushlight.ui.gui.message_view.formulas import formulas
from rushlight.ui.gui.message_view.turn_widget import TurnWidget
from rushlight.ui.gui.theme import Theme

REPLY = """Some **bold** words and a [link](https://example.org/page).

- first
- second

```python
print("a very long line of code that does not fit into the column" + "and goes on and on and on and on and on and on")
```

| a | b |
|---|---|
| 1 | 2 |
"""


# ziamath asks for its font in a way that Python 3.11 and 3.12 call old.
pytestmark = pytest.mark.filterwarnings("ignore:(path|open_text) is deprecated:DeprecationWarning")


@pytest.fixture
def view(theme: Theme, qtbot: Any) -> MessageView:
    made = MessageView(theme)
    qtbot.addWidget(made)
    made.resize(1032, 690)
    with qtbot.waitExposed(made):
        made.show()
    return made


def many(n: int, paragraphs: int = 3) -> list[Turn]:
    """Questions and answers in turn."""
    turns = []
    for number in range(n):
        if number % 2 == 0:
            turns.append(Turn(f"t{number}", "user", f"Question {number}?"))
        else:
            text = "\n\n".join(f"Paragraph {one} of reply {number}. " * 6 for one in range(paragraphs))
            turns.append(Turn(f"t{number}", "assistant", text))
    return turns


def widgets(view: MessageView) -> dict[str, TurnWidget]:
    """The widgets in sight by the ids of their turns."""
    found = view.findChildren(TurnWidget)
    return {one.turn_id: one for one in found if one.isVisible() and one.turn_id}


def top_line(view: MessageView) -> tuple[str, int]:
    """Which message stands at the upper edge, and where in it the edge is."""
    shown = sorted(widgets(view).values(), key=lambda one: one.y())
    first = next(one for one in shown if one.y() + one.height() > 0)
    return first.turn_id, -first.y()


def test_a_thousand_turns_have_few_widgets_and_layouts(view: MessageView) -> None:
    view.show_turns(many(1000))
    assert 1 < len(widgets(view)) < 20
    bar = view.verticalScrollBar()
    assert bar.value() == bar.maximum() > 50_000, "the end is in sight"
    assert "t999" in widgets(view)
    for value in range(bar.maximum(), 0, -1777):
        bar.setValue(value)
    assert len(widgets(view)) < 20
    assert len(view.findChildren(TurnWidget)) < 40
    assert len(view._all.layouts) <= MOST_LAYOUTS


def test_nothing_jumps_while_heights_become_known(view: MessageView) -> None:
    """Scrolling up by small steps moves what is in sight by exactly these steps."""
    view.show_turns(many(300, paragraphs=5))
    bar = view.verticalScrollBar()
    bar.setValue(bar.maximum() // 2)
    for step in (-37,) * 120 + (53,) * 60:
        before = {turn_id: one.y() for turn_id, one in widgets(view).items()}
        bar.setValue(bar.value() + step)
        after = {turn_id: one.y() for turn_id, one in widgets(view).items()}
        moved = {after[turn_id] - before[turn_id] for turn_id in before.keys() & after.keys()}
        assert moved == {-step}


def test_the_place_is_kept_when_the_width_changes(view: MessageView, qtbot: Any) -> None:
    view.show_turns(many(200, paragraphs=6))
    view.verticalScrollBar().setValue(view.verticalScrollBar().maximum() // 3)
    turn_id, _ = top_line(view)
    anchor = view._all.anchor
    view.resize(600, 690)
    qtbot.waitUntil(lambda: view.viewport().width() <= 600)
    assert top_line(view)[0] == turn_id
    assert view._all.anchor is not None and anchor is not None
    assert (view._all.anchor.turn_id, view._all.anchor.item) == (anchor.turn_id, anchor.item)


def test_a_growing_reply_is_followed_only_from_the_end(view: MessageView) -> None:
    view.show_turns([*many(20), Turn("w", "assistant", "", is_being_written=True)])
    bar = view.verticalScrollBar()
    for _ in range(30):
        view.grow_turn("w", "More words of the reply.\n\n")
        assert bar.value() == bar.maximum()
    bar.setValue(bar.maximum() - 300)
    here = top_line(view)
    assert not view.is_at_end
    below = next(one for one in view.findChildren(QToolButton) if one.accessibleName() == "New text below")
    assert below.isHidden()
    for _ in range(30):
        view.grow_turn("w", "Still more words.\n\n")
    assert top_line(view) == here
    assert below.isVisible()
    below.click()
    assert bar.value() == bar.maximum() and below.isHidden() and view.is_at_end


def test_pieces_are_shown_like_the_whole(view: MessageView, theme: Theme, qtbot: Any) -> None:
    view.show_turns([Turn("a", "assistant", "", is_being_written=True)])
    for at in range(0, len(REPLY), 3):
        view.grow_turn("a", REPLY[at : at + 3])
    view.change_turn(Turn("a", "assistant", REPLY))
    other = MessageView(theme)
    qtbot.addWidget(other)
    other.resize(view.size())
    other.show()
    other.show_turns([Turn("a", "assistant", REPLY)])
    qtbot.waitUntil(lambda: view._slices.is_idle and other._slices.is_idle)
    assert view.grab().toImage() == other.grab().toImage()
    assert widgets(view)["a"].height() == widgets(other)["a"].height()


def test_what_the_user_says_brings_the_end_into_sight(view: MessageView) -> None:
    view.show_turns(many(40))
    view.verticalScrollBar().setValue(0)
    view.add_turn(Turn("x", "assistant", "An answer from elsewhere."))
    assert view.verticalScrollBar().value() == 0
    view.add_turn(Turn("y", "user", "Something new"))
    assert view.is_at_end and "y" in widgets(view)


def test_another_version_of_the_path_keeps_the_place(view: MessageView) -> None:
    turns = many(60)
    view.show_turns(turns)
    view.verticalScrollBar().setValue(1500)
    here = top_line(view)
    view.show_turns([*turns[:-1], Turn("other", "assistant", "Another answer")])
    assert top_line(view) == here
    view.show_turns(many(3))
    assert [turn.id for turn in view.turns] == ["t0", "t1", "t2"]
    view.show_turns([])
    assert not widgets(view)


def test_scroll_to_a_message(view: MessageView) -> None:
    view.show_turns(many(500))
    view.scroll_to("t251")
    assert 0 <= widgets(view)["t251"].y() <= 60
    view.scroll_to("not there")


# --- what is pressed ------------------------------------------------------------------------------------------------
def button(widget: QWidget, name: str) -> QToolButton:
    return next(one for one in widget.findChildren(QToolButton) if one.accessibleName() == name and not one.isHidden())


def test_buttons_say_what_was_pressed(view: MessageView) -> None:
    said: list[tuple[str, str]] = []
    view.action.connect(lambda name, turn_id: said.append((name, turn_id)))
    reply = Turn("a", "assistant", "Yes.", version=2, n_versions=3, state="stopped", thumb="up")
    view.show_turns([Turn("u", "user", "Well?"), reply])
    shown = widgets(view)["a"]
    for name in (
        "Good reply", "Bad reply", "Correct this reply", "Answer again", "Copy this reply", "Version before",
        "Version after", "Keep this version rather than the others", "New conversation from here",
    ):  # fmt: skip
        button(shown, name).click()
    shown.state_row.go_on.click()
    assert said == [
        (name, "a")
        for name in ("rate-up", "rate-down", "correct", "regenerate", "copy", "previous", "next", "keep", "branch",
                     "continue")
    ]  # fmt: skip
    assert shown.footer.up.isChecked() and not shown.footer.down.isChecked(), "what is stored, not what was pressed"
    said.clear()
    user = widgets(view)["u"]
    for name in ("Edit this message and ask again", "Copy this message", "New conversation from here"):
        button(user, name).click()
    assert said == [("edit", "u"), ("copy", "u"), ("branch", "u")]


def test_a_version_at_the_end_has_no_next(view: MessageView) -> None:
    view.show_turns([Turn("a", "assistant", "Yes.", version=1, n_versions=2)])
    footer = widgets(view)["a"].footer
    assert not footer.previous.isEnabled() and footer.next.isEnabled()
    assert footer.version.text() == "1 / 2"
    view.change_turn(Turn("a", "assistant", "No.", version=2, n_versions=2, is_kept=True))
    assert footer.previous.isEnabled() and not footer.next.isEnabled() and footer.keep.isChecked()


def test_buttons_stand_under_the_last_reply_and_under_the_mouse(view: MessageView) -> None:
    view.show_turns(many(4, paragraphs=1))
    shown = widgets(view)
    assert shown["t3"].footer.isVisible()
    assert not shown["t1"].footer.isVisible() and not shown["t0"].footer.isVisible()
    here = QPointF(5, 5)
    QApplication.sendEvent(shown["t1"], QEnterEvent(here, here, here))
    assert shown["t1"].footer.isVisible()
    QApplication.sendEvent(shown["t1"], QEvent(QEvent.Type.Leave))
    assert not shown["t1"].footer.isVisible()
    view.add_turn(Turn("w", "assistant", "", is_being_written=True))
    assert not widgets(view)["t3"].footer.isVisible()
    assert not widgets(view)["w"].footer.isVisible(), "not while it is being written"


@pytest.mark.parametrize(
    ("turn", "said"),
    [
        (Turn("a", "assistant", "x", state="stopped"), "You stopped this reply."),
        (Turn("a", "assistant", "x", state="failed"), "This reply failed."),
        (Turn("a", "assistant", "x", state="partial"), "This reply was cut off when the program ended."),
        (Turn("a", "assistant", "x", finish_reason="length"), "This reply reached its greatest length."),
        (Turn("a", "assistant", "x", finish_reason="stop"), ""),
    ],
)
def test_replies_that_are_not_whole_say_why(view: MessageView, turn: Turn, said: str) -> None:
    view.show_turns([turn])
    row = widgets(view)["a"].state_row
    assert row.isVisible() == bool(said)
    assert not said or (row._text.text() == said and row.go_on.isVisible())
    view.add_turn(Turn("u", "user", "And?"))
    view.add_turn(Turn("b", "assistant", "So."))
    assert not row.go_on.isVisible(), "only the last reply can be continued"


def test_figures_of_a_reply(view: MessageView) -> None:
    statistics = Statistics(tokens_per_s=41.2, first_token_s=0.18, n_tokens=212, n_prompt_tokens=90, n_cached_tokens=40)
    view.show_turns([Turn("a", "assistant", "x", statistics=statistics, model="<b>m</b>", adapter="letters")])
    footer = widgets(view)["a"].footer
    assert footer.figures.text() == "41 tok/s · first word 0.18 s · 212 tokens"
    assert "90" in footer.figures.toolTip() and "<" not in footer.figures.toolTip()


def test_the_notice_stands_before_the_last_question(view: MessageView) -> None:
    said: list[str] = []
    view.action.connect(lambda name, _turn_id: said.append(name))
    view.show_turns(many(5, paragraphs=1))
    view.set_notice(14)
    notice = widgets(view)["t4"].notice
    assert notice is not None and notice.isVisible()
    assert notice.text.text() == "14 earlier messages no longer fit and were left out of the last answer."
    notice.see.click()
    assert said == ["see-left-out"]
    view.add_turn(Turn("x", "user", "Next"))
    shown = widgets(view)
    assert not notice.isVisible() and shown["x"].notice is not None and shown["x"].notice.isVisible()
    view.set_notice(0)
    assert not shown["x"].notice.isVisible()


def test_the_notice_is_as_high_as_its_words(theme: Theme, view: MessageView, qtbot: Any) -> None:
    view.show_turns(many(5, paragraphs=1))
    view.set_notice(14)
    for scale, width in ((1.0, 1032), (1.0, 420), (2.0, 900), (3.0, 800)):
        theme.set_scale(scale)
        view.resize(width, 900)
        qtbot.waitUntil(lambda width=width: view.viewport().width() <= width)
        notice = widgets(view)["t4"].notice
        assert notice is not None and notice.isVisible()
        assert notice.text.heightForWidth(notice.text.width()) <= notice.text.height() + 2, (scale, width)
    theme.set_scale(1.0)


def test_reasoning_is_open_while_the_model_thinks(view: MessageView) -> None:
    view.show_turns([Turn("a", "assistant", "", is_being_written=True)])
    view.grow_turn("a", "", "I think about it.")
    shown = widgets(view)["a"]
    assert shown.layout_ is not None and shown.layout_.shows_reasoning and shown.toggle.isVisible()
    view.grow_turn("a", "The answer.", "")
    assert not shown.layout_.shows_reasoning
    height = shown.height()
    shown.toggle.click()
    assert shown.layout_.shows_reasoning and shown.height() > height
    assert shown.toggle.accessibleName() == "Hide the reasoning"


def test_copying_code_takes_that_code(view: MessageView) -> None:
    told: list[str] = []
    view.code_copied.connect(told.append)
    view.show_turns([Turn("a", "assistant", "```\none\n```\n\n```py\ntwo = 2\n```")])
    buttons = [
        one for one in widgets(view)["a"].findChildren(QToolButton)
        if one.accessibleName() == "Copy this code" and one.isVisible()
    ]  # fmt: skip
    assert len(buttons) == 2
    buttons[1].click()
    assert QGuiApplication.clipboard().text() == "two = 2" and told == ["a"]
    buttons[0].click()
    assert QGuiApplication.clipboard().text() == "one"


# --- links ----------------------------------------------------------------------------------------------------------
def at_link(widget: TurnWidget, number: int = 0) -> QPoint:
    return widget.stop_rect(widget, number).center().toPoint()


def test_a_link_is_offered_never_opened(view: MessageView) -> None:
    asked: list[str] = []
    view.link.connect(asked.append)
    view.show_turns([Turn("a", "assistant", "See [this](https://example.org/a?b=<i>) and [that](javascript:x).")])
    widget = widgets(view)["a"]
    QTest.mouseClick(widget, Qt.MouseButton.LeftButton, pos=at_link(widget))
    assert asked == ["https://example.org/a?b=<i>"]
    assert len(widget._links()) == 1


def test_a_selection_over_a_link_does_not_open_it(view: MessageView) -> None:
    asked: list[str] = []
    view.link.connect(asked.append)
    view.show_turns([Turn("a", "assistant", "See [this long link](https://example.org) there.")])
    widget = widgets(view)["a"]
    start = at_link(widget)
    QTest.mousePress(widget, Qt.MouseButton.LeftButton, pos=start)
    QTest.mouseMove(widget, start + QPoint(20, 0))
    QTest.mouseRelease(widget, Qt.MouseButton.LeftButton, pos=start + QPoint(20, 0))
    assert asked == []


# --- selecting ------------------------------------------------------------------------------------------------------
def drag(widget: QWidget, start: QPoint, end: QPoint) -> None:
    from PySide6.QtGui import QMouseEvent

    QTest.mousePress(widget, Qt.MouseButton.LeftButton, pos=start)
    for pos in (start + QPoint(3, 1), end):
        left = Qt.MouseButton.LeftButton
        moved = QMouseEvent(
            QEvent.Type.MouseMove, QPointF(pos), QPointF(widget.mapToGlobal(pos)), left, left,
            Qt.KeyboardModifier.NoModifier,
        )  # fmt: skip
        QApplication.sendEvent(widget, moved)
    QTest.mouseRelease(widget, Qt.MouseButton.LeftButton, pos=end)


def test_a_selection_goes_across_blocks_and_is_copied_as_text(view: MessageView) -> None:
    view.show_turns([Turn("a", "assistant", REPLY)])
    widget = widgets(view)["a"]
    drag(widget, QPoint(56, 5), QPoint(widget.width() - 2, widget.height() - 60))
    text = view.selected_text()
    assert text.startswith("bold words and a link.\n\n• first\n• second\n\nprint(")
    assert text.endswith("a\tb\n1\t2")
    view.setFocus()
    QTest.keyClick(view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == text


def test_all_of_a_message_is_copied_as_it_was_written(view: MessageView) -> None:
    view.show_turns([Turn("u", "user", "Ask"), Turn("a", "assistant", REPLY)])
    widget = widgets(view)["a"]
    widget.setFocus()
    QTest.keyClick(widget, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClick(widget, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == REPLY
    view.grab()  # the selection is painted


def test_selecting_beyond_the_edge_scrolls(view: MessageView) -> None:
    view.show_turns([Turn("a", "assistant", "\n\n".join(f"Paragraph {number}" for number in range(200)))])
    bar = view.verticalScrollBar()
    bar.setValue(1000)
    widget = widgets(view)["a"]
    drag(widget, QPoint(40, 1100), QPoint(40, 900))
    assert bar.value() < 1000
    value = bar.value()
    drag(widget, QPoint(40, value + 100), QPoint(40, value + 900))
    assert bar.value() > value
    assert "Paragraph" in view.selected_text()


def test_a_double_click_selects_a_word(view: MessageView) -> None:
    view.show_turns([Turn("a", "assistant", "One wonderful 🎉 word")])
    widget = widgets(view)["a"]
    QTest.mouseDClick(widget, Qt.MouseButton.LeftButton, pos=QPoint(70, 12))
    assert view.selected_text() == "wonderful"


def test_formulas_are_drawn_and_copied_as_they_were_written(view: MessageView, qtbot: Any) -> None:
    view.show_turns([Turn("a", "assistant", "Einstein: $E = mc^2$, 🎉 and\n\n$$\\frac{a}{b}$$\n\nthe end")])
    qtbot.waitUntil(lambda: formulas().is_idle)
    layout = widgets(view)["a"].layout_
    assert layout is not None
    qtbot.waitUntil(lambda: not any(item.view.has_open_formula for item in layout.text.flow.items))
    widget = widgets(view)["a"]
    drag(widget, QPoint(12, 5), QPoint(widget.width() - 2, widget.height() - 50))
    assert "$E = mc^2$" in view.selected_text() and "\\frac{a}{b}" in view.selected_text()
    view.grab()


def test_a_formula_that_cannot_be_drawn_stays_as_it_was_written(view: MessageView, qtbot: Any) -> None:
    view.show_turns([Turn("a", "assistant", "$$\\frac{a$$ and $\\left( x$")])
    qtbot.waitUntil(lambda: formulas().is_idle)
    layout = widgets(view)["a"].layout_
    assert layout is not None
    assert "\\frac{a" in layout.text.flow.items[0].view.text


# --- finding --------------------------------------------------------------------------------------------------------
def test_find_walks_through_all_and_around(view: MessageView) -> None:
    turns = many(100, paragraphs=1)
    for number in (3, 41, 97):
        turns[number] = Turn(f"t{number}", "assistant", "Here is the **nee**dle. And a Needle again.")
    view.show_turns(turns)
    view.scroll_to("t0")
    found = [view.find("needle", step) for step in (0, 1, 1, 1, 1, 1, 1, -1)]
    assert found == [(1, 6), (2, 6), (3, 6), (4, 6), (5, 6), (6, 6), (1, 6), (6, 6)]
    assert "t97" in widgets(view)
    assert view.find("nowhere", 1) == (0, 0)
    assert view.find("", 1) == (0, 0)


def test_find_marks_what_it_found(view: MessageView) -> None:
    view.show_turns([Turn("a", "assistant", "needle\n\n```\nneedle\n```\n\n| needle |\n|---|\n| x |")])
    before = view.grab().toImage()
    assert view.find("needle", 1) == (1, 3)
    first = view.grab().toImage()
    assert first != before
    assert view.find("needle", 1) == (2, 3)
    assert view.grab().toImage() != first
    view.find("", 0)
    assert view.grab().toImage() == before


def test_words_in_addresses_are_no_finds(view: MessageView) -> None:
    view.show_turns([Turn("a", "assistant", "[here](https://needle.example)"), Turn("b", "assistant", "needle")])
    assert view.find("needle", 1) == (1, 1)


# --- keys -----------------------------------------------------------------------------------------------------------
def test_keys_scroll(view: MessageView) -> None:
    view.show_turns(many(100))
    bar = view.verticalScrollBar()
    view.setFocus()
    QTest.keyClick(view, Qt.Key.Key_Home)
    assert bar.value() == 0
    QTest.keyClick(view, Qt.Key.Key_Down)
    assert bar.value() == 44
    QTest.keyClick(view, Qt.Key.Key_PageDown)
    assert bar.value() > 500
    QTest.keyClick(view, Qt.Key.Key_PageUp)
    QTest.keyClick(view, Qt.Key.Key_Up)
    assert bar.value() == 0
    QTest.keyClick(view, Qt.Key.Key_End)
    assert bar.value() == bar.maximum()


@pytest.fixture
def between(theme: Theme, qtbot: Any) -> Iterator[tuple[QLineEdit, MessageView, QLineEdit]]:
    """A view between two fields."""
    window = QWidget()
    qtbot.addWidget(window)
    layout = QVBoxLayout(window)
    before, view, after = QLineEdit(), MessageView(theme), QLineEdit()
    for one in (before, view, after):
        layout.addWidget(one)
    window.resize(1032, 690)
    with qtbot.waitExposed(window):
        window.show()
    window.activateWindow()
    before.setFocus()
    qtbot.waitUntil(before.hasFocus)
    yield before, view, after


def walk(n: int, key: Qt.Key = Qt.Key.Key_Tab) -> list[str]:
    """Names of what has the focus after each press of the key."""
    names = []
    for _ in range(n):
        here = QApplication.focusWidget()
        assert here is not None
        QTest.keyClick(here, key)
        now = QApplication.focusWidget()
        assert now is not None
        link = f" link {now.focused_link}" if isinstance(now, TurnWidget) and now.focused_link >= 0 else ""
        names.append((now.accessibleName() or now.text()) + link)  # type: ignore[attr-defined]
    return names


def test_tab_walks_through_the_messages_and_leaves(between: tuple[QLineEdit, MessageView, QLineEdit]) -> None:
    before, view, after = between
    after.setAccessibleName("after")
    before.setAccessibleName("before")
    view.show_turns([Turn("u", "user", "Well?"), Turn("a", "assistant", REPLY, state="stopped", reasoning="Hm.")])
    expected = [
        "Conversation", "You said", "Edit this message and ask again", "Copy this message",
        "New conversation from here", "Reply", "Show the reasoning", "Reply link 0", "Copy this code", "Continue",
        "Good reply", "Bad reply",
        "Correct this reply", "Answer again", "Copy this reply", "New conversation from here", "after",
    ]  # fmt: skip
    assert walk(len(expected)) == expected
    assert walk(3, Qt.Key.Key_Backtab) == ["New conversation from here", "Copy this reply", "Answer again"]
    assert walk(len(expected) - 3, Qt.Key.Key_Backtab)[-2:] == ["Conversation", "before"]


def test_enter_on_a_link_asks_for_it(between: tuple[QLineEdit, MessageView, QLineEdit]) -> None:
    _before, view, _after = between
    asked: list[str] = []
    view.link.connect(asked.append)
    view.show_turns([Turn("a", "assistant", "One [two](https://two.example) [three](https://three.example).")])
    assert walk(4)[-1] == "Reply link 1"
    view.grab()  # with the ring around the link
    here = QApplication.focusWidget()
    assert here is not None
    QTest.keyClick(here, Qt.Key.Key_Return)
    assert asked == ["https://three.example"]


def test_left_and_right_scroll_code(between: tuple[QLineEdit, MessageView, QLineEdit]) -> None:
    _before, view, _after = between
    view.show_turns([Turn("a", "assistant", REPLY)])
    code = next(one for _x, _y, one in widgets(view)["a"].views() if isinstance(one, CodeView))
    assert code.can_scroll and code.scroll_x == 0
    assert walk(4)[-1] == "Copy this code"
    here = QApplication.focusWidget()
    assert here is not None
    QTest.keyClick(here, Qt.Key.Key_Right)
    assert code.scroll_x == 40
    QTest.keyClick(here, Qt.Key.Key_Left)
    assert code.scroll_x == 0


def test_the_focus_is_not_lost_by_scrolling(between: tuple[QLineEdit, MessageView, QLineEdit]) -> None:
    _before, view, _after = between
    view.show_turns(many(200))
    assert walk(2)[-1] in ("Reply", "You said")
    focused = QApplication.focusWidget()
    view.verticalScrollBar().setValue(0)
    assert QApplication.focusWidget() is focused
    assert isinstance(focused, TurnWidget) and focused.turn_id not in [turn.id for turn in view.turns[:5]]


def test_what_a_screen_reader_hears(view: MessageView) -> None:
    view.show_turns([Turn("u", "user", "Well?"), Turn("a", "assistant", "**Yes**.")])
    assert view.accessibleName() and view.accessibleDescription()
    shown = widgets(view)
    assert (shown["u"].accessibleName(), shown["u"].accessibleDescription()) == ("You said", "Well?")
    assert (shown["a"].accessibleName(), shown["a"].accessibleDescription()) == ("Reply", "Yes.")
    for one in view.findChildren(QToolButton):
        assert one.accessibleName()


# --- looks ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("scale", [1.0, 1.5, 2.0, 3.0])
@pytest.mark.parametrize("width", [1032, 560, 260])
def test_buttons_stay_inside_at_every_size(theme: Theme, qtbot: Any, scale: float, width: int) -> None:
    theme.set_scale(scale)
    view = MessageView(theme)
    qtbot.addWidget(view)
    view.resize(width, 700)
    view.show()
    turn = Turn("a", "assistant", REPLY, version=1, n_versions=2, statistics=Statistics(41, 0.18, 212))
    view.show_turns([Turn("u", "user", "A question that is long enough for two lines or three. " * 3), turn])
    view.grab()
    for widget in widgets(view).values():
        for one in widget.footer.stops():
            right = one.mapTo(widget, QPoint(one.width(), 0)).x()
            assert right <= widget.width() + 1 or width < 500, one.accessibleName()


def test_another_theme_is_another_picture_at_the_same_place(view: MessageView, theme: Theme) -> None:
    view.show_turns(many(100))
    view.verticalScrollBar().setValue(2000)
    here = top_line(view)[0]
    light = view.grab().toImage()
    theme.set_choice("dark")
    assert view.grab().toImage() != light
    assert top_line(view)[0] == here
    theme.set_scale(2.0)
    assert top_line(view)[0] == here
    theme.set_scale(1.0)
    theme.set_choice("light")


def test_text_from_the_right_stands_at_the_right(view: MessageView) -> None:
    view.show_turns([Turn("a", "assistant", "مرحبا بالعالم\n\n- عنصر\n\nplain text")])
    layout = widgets(view)["a"].layout_
    assert layout is not None
    arabic, item, plain = (one.view for one in layout.text.flow.items)
    assert arabic.rects(0, 3)[0].right() > 700 and item.rects(0, 3)[0].right() > 600
    assert plain.rects(0, 3)[0].left() == 0


def test_a_mirrored_window_has_the_user_at_the_left(qapp: Any, theme: Theme, qtbot: Any) -> None:
    qapp.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
    try:
        view = MessageView(theme)
        qtbot.addWidget(view)
        view.resize(1032, 690)
        view.show()
        view.show_turns([Turn("u", "user", "Well?")])
        layout = widgets(view)["u"].layout_
        assert layout is not None and layout.bubble.left() == 0 and layout.footer.left() > layout.bubble.right()
        view.grab()
    finally:
        qapp.setLayoutDirection(Qt.LayoutDirection.LeftToRight)


@pytest.mark.parametrize("role", ["system", "tool"])
def test_other_roles_are_shown(view: MessageView, role: Any) -> None:
    view.show_turns([Turn("s", role, "You are **brief**.")])
    footer = widgets(view)["s"].footer
    assert footer.up.isHidden() and footer.correct.isHidden()
    view.grab()


def test_attachments_are_chips(view: MessageView) -> None:
    files = (("notes.txt", 12), ("a <b> & very long name" * 9, 4_000), ("big.bin", 9_000_000))
    view.show_turns([Turn("u", "user", "", attachments=files), Turn("v", "user", "With text", attachments=files)])
    layout = widgets(view)["u"].layout_
    assert layout is not None
    assert [text.partition(" · ")[2] for _rect, text in layout._chips] == ["12 B", "4 KB", "8.6 MB"]
    assert all(rect.right() <= layout.bubble.right() for rect, _text in layout._chips)
    view.grab()


def test_a_reply_of_a_megabyte_opens_at_once(view: MessageView, qtbot: Any) -> None:
    """Only what is in sight is laid out."""
    text = REPLY * 4000
    view.show_turns([Turn("a", "assistant", text)])
    layout = widgets(view)["a"].layout_
    assert layout is not None
    assert sum(item.is_laid_out for item in layout.text.flow.items) < 60 < len(layout.text.flow.items)
    view.verticalScrollBar().setValue(view.verticalScrollBar().maximum() // 2)
    view.grab()
    assert sum(item.is_laid_out for item in layout.text.flow.items) < 120


def test_views_come_and_go(theme: Theme, qtbot: Any, view: MessageView) -> None:
    """One that is gone is not told of formulas, themes and focus any more."""
    from shiboken6 import delete

    other = MessageView(theme)
    other.show_turns([Turn("a", "assistant", "A formula: $x_9^2$")])
    other.show()
    delete(other)
    qtbot.waitUntil(lambda: formulas().is_idle)
    theme.set_scale(1.5)
    theme.set_scale(1.0)
    view.setFocus()
