"""The messages as one scrolled area: a thousand turns, text that grows, and a sight that stays where it is."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

import pytest
from textual.app import App, ComposeResult

from rushlight.ui.desk.tokens import DARK
from rushlight.ui.desk.turn import Turn
from rushlight.ui.tui.look import theme_of
from rushlight.ui.tui.message_list import MessageList

REPLY = "A candle is **wax** around a wick.\n\n- light it\n- watch it\n\n```python\nburn(wax)\n```\n" * 3


class Only(App[None]):
    """The message list alone."""

    def __init__(self) -> None:
        super().__init__()
        self.register_theme(theme_of(DARK))
        self.theme = "rushlight-dark"
        self.wanted: list[tuple[str, str]] = []

    def compose(self) -> ComposeResult:
        yield MessageList()

    def on_message_list_wanted(self, message: MessageList.Wanted) -> None:
        self.wanted.append((message.name, message.turn_id))


Play = Callable[[MessageList, Any], Awaitable[None]]


@pytest.fixture
def alone() -> Iterator[Callable[..., None]]:
    """alone(play): `async def play(messages, pilot)` with the list on a screen of 80 by 24."""

    def run(play: Play) -> None:
        async def main() -> None:
            app = Only()
            async with app.run_test(size=(80, 24)) as pilot:
                messages = app.query_one(MessageList)
                messages.focus()
                await play(messages, pilot)

        asyncio.run(main())

    yield run


def turns(count: int) -> Sequence[Turn]:
    made = []
    for number in range(count // 2):
        made.append(Turn(f"q{number}", "user", f"Question {number}, and what about candles?"))
        made.append(Turn(f"a{number}", "assistant", f"Answer {number}. " + REPLY))
    return made


def screen(messages: MessageList) -> list[str]:
    return [messages.render_line(y).text.rstrip() for y in range(messages.size.height)]


def test_a_thousand_turns_open_at_the_end(alone: Callable[[Play], None]) -> None:
    async def play(messages: MessageList, pilot: Any) -> None:
        long = turns(1000)
        messages.show_turns(turns(10))  # what is imported on first use
        await pilot.pause()
        began_s = time.perf_counter()
        messages.show_turns(long)
        await pilot.pause()
        seconds = time.perf_counter() - began_s
        assert "burn(wax)" in "\n".join(screen(messages)[-6:])
        assert messages.is_at_end
        assert seconds < 0.5, f"took {seconds:.3f} s"

    alone(play)


def test_a_token_costs_the_same_at_any_length(alone: Callable[[Play], None]) -> None:
    async def play(messages: MessageList, pilot: Any) -> None:
        cost = {}
        for count in (10, 1000):
            messages.show_turns([*turns(count), Turn("now", "assistant", "", is_being_written=True)])
            await pilot.pause()
            spent = []
            for number in range(300):
                began_s = time.perf_counter()
                messages.grow_turn("now", " word" if number % 40 else "\n\n", "")
                screen(messages)
                spent.append(time.perf_counter() - began_s)
            cost[count] = statistics.median(spent)
            assert messages.is_at_end
        assert cost[1000] < 1.5 * cost[10] + 0.0005, cost

    alone(play)


def test_the_sight_stays_while_text_comes_below(alone: Callable[[Play], None]) -> None:
    async def play(messages: MessageList, pilot: Any) -> None:
        messages.show_turns([*turns(40), Turn("now", "assistant", "", is_being_written=True)])
        await pilot.press("pageup", "pageup")
        before = screen(messages)
        for _ in range(50):
            messages.grow_turn("now", "more\n\n", "")
        await pilot.pause()
        assert screen(messages) == before
        await pilot.press("end")
        assert "more" in "\n".join(screen(messages)[-5:])

    alone(play)


def test_scrolling_up_shows_every_line_once(alone: Callable[[Play], None]) -> None:
    """Heights above are estimated until they are seen; a page up must neither skip nor repeat."""

    async def play(messages: MessageList, pilot: Any) -> None:
        messages.show_turns(turns(60))
        await pilot.pause()
        seen: list[str] = []
        for _ in range(400):
            now = screen(messages)
            shared = now[-2:]
            assert not seen or shared == seen[:2], "the pages do not meet"
            seen = now + seen[2:] if seen else now
            if messages.scroll_offset.y == 0:
                break
            height = messages.scroll_offset.y
            messages.action_page(-1)
            await pilot.pause()
            if height < messages.size.height - 2:
                return  # the last page overlaps more
        assert [line for line in seen if "Question" in line]

    alone(play)


def test_letters_act_on_the_chosen_message(alone: Callable[[Play], None]) -> None:
    async def play(messages: MessageList, pilot: Any) -> None:
        messages.show_turns(turns(4))
        await pilot.press("up", "u", "up", "e", "down", "c", "down")
        await pilot.pause()
        app = pilot.app
        assert app.wanted == [("rate-up", "a1"), ("edit", "q1"), ("correct", "a1"), ("leave", "")]
        assert messages.selected is None

    alone(play)


def test_finding_goes_from_place_to_place(alone: Callable[[Play], None]) -> None:
    async def play(messages: MessageList, pilot: Any) -> None:
        messages.show_turns(turns(20))
        await pilot.pause()
        assert messages.find("question", 1) == (10, 10)
        assert messages.find("question", -1) == (9, 10)
        await pilot.pause()
        assert any("Question 8" in line for line in screen(messages))
        assert messages.find("nowhere", 1) == (0, 0)

    alone(play)


def test_thoughts_are_folded(alone: Callable[[Play], None]) -> None:
    async def play(messages: MessageList, pilot: Any) -> None:
        messages.show_turns([Turn("a", "assistant", "So.", reasoning="first this then that")])
        await pilot.pause()
        assert "first this" not in "\n".join(screen(messages))
        await pilot.press("up", "t")
        assert "first this then that" in "\n".join(screen(messages))

    alone(play)


def test_what_was_left_out_is_said_before_the_last_question(alone: Callable[[Play], None]) -> None:
    async def play(messages: MessageList, pilot: Any) -> None:
        messages.show_turns(turns(2))
        messages.set_notice("14 earlier messages no longer fit.")
        await pilot.press("home")
        lines = screen(messages)
        notice = next(at for at, line in enumerate(lines) if "14 earlier" in line)
        question = next(at for at, line in enumerate(lines) if "Question 0" in line)
        assert notice < question

    alone(play)


def test_another_width_keeps_the_end_in_sight(alone: Callable[[Play], None]) -> None:
    async def play(messages: MessageList, pilot: Any) -> None:
        messages.show_turns(turns(40))
        await pilot.pause()
        await pilot.resize_terminal(44, 20)
        await pilot.pause()
        assert messages.is_at_end
        assert "burn(wax)" in "\n".join(screen(messages)[-6:])

    alone(play)
