"""The page of quantizing in the terminal app: wishes by keys, what to expect, what was made."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from rushlight.assistant.models.memory import Memory
from rushlight.ui.desk import quant_desk
from rushlight.ui.desk.quant_reading import Found
from rushlight.ui.desk.quant_values import ComparedRow, MadeRow, QuantState, SourceRow, TypeRow, Wish
from rushlight.ui.tui.quantize_page import compared_rows, made_rows, wish_rows

GB = 10**9
SOURCE = SourceRow("me/m@F16", "m · F16", "/m.gguf", 14 * GB, "F16", speed=5.0)
TYPES = (TypeRow("Q8_0", 8 * GB, 8.5, "no loss that one notices"), TypeRow("Q4_K_M", 4 * GB, 4.9, "little loss"))
MADE = MadeRow("j1", "me/m@Q4_0", "me/m@Q4_0", "/q.gguf", "Q4_0", 4 * GB, "passed", "✓ tokens: the same", "")
FOUND = Found(
    (SOURCE,), (), Memory(total_bytes=32 * GB, available_bytes=9 * GB), 0, (MADE,),
    (ComparedRow("m", 14 * GB, True, 3.0), ComparedRow("q4", 4 * GB, False, 3.5, 0.05, 0.4, 0.93, 21.0)), "Over 512.",
)  # fmt: skip


def said(rows: Any) -> str:
    return "\n".join("".join(word for word, _ in (*line.left, *line.right)) for one in rows for line in one.lines)


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (Wish(), "Type  Q4_K_M · 4.0 GB · little loss"),
        (Wish(kind="size", size_bytes=5 * GB), "Size at most  5.0 GB"),
        (Wish(kind="card", card_bytes=8 * GB), "Beside the model  8k tokens of context"),
        (Wish(kind="speed", speed=17.5), "At least  17.5 tok/s"),
        (Wish(text="files", files=("/a/notes.txt",)), "Files  notes.txt"),
    ],
)
def test_rows_of_a_wish(wish: Wish, words: str) -> None:
    assert words in said(wish_rows(QuantState(sources=(SOURCE,), chosen=SOURCE.id, types=TYPES, wish=wish)))


def test_rows_of_what_was_made_and_compared() -> None:
    assert "proven" in said(made_rows((MADE,))) and "proof failed" in said(made_rows((replace(MADE, proof="failed"),)))
    lines = said(compared_rows(QuantState(compared=FOUND.compared, compared_text="Over 512.")))
    assert "0.0500 nats · 93.0% the same first choice · perplexity 3.50 · 21 tok/s" in lines and "█" in lines
    assert not made_rows(()) and not compared_rows(QuantState())


def test_a_wish_by_keys(perform: Callable[..., None], model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Any] = []
    monkeypatch.setattr(quant_desk, "look", lambda _app, _chosen: FOUND)
    monkeypatch.setattr(quant_desk, "types_of", lambda _path, _stop: TYPES)
    monkeypatch.setattr(quant_desk, "beside_of", lambda _path, _n_ctx: GB)
    monkeypatch.setattr(quant_desk.QuantDesk, "make", lambda self: started.append(self.state.wish))

    async def play(stage: Any) -> None:
        await stage.press("alt+x")
        await stage.shows("Q4_K_M · 4.0 GB · little loss", "Made of it", "How they compare")
        await stage.press("down", "enter")
        await stage.shows("What is it to fit?")
        await stage.press("down", "enter")
        await stage.shows("Say how large the file may be.")
        await stage.press("down", "enter")
        await stage.shows("How large may the file be")
        await stage.type("9,5")
        await stage.press("enter")
        await stage.shows("as good as Q8_0")
        await stage.press("m")
        await stage.until(lambda: started)
        assert (started[0].kind, started[0].size_bytes) == ("size", 9_500_000_000)
        page = stage.app._pages["quantize"]
        page._list.action_edge(1)
        page._list.action_step(-1)
        await stage.press("enter")
        await stage.shows("✓ tokens: the same", "/q.gguf")

    perform(play)
