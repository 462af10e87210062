"""Answers over hostile cells in the terminal app: what is drawn of them is letters, on lines of a bounded length."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from rushlight.assistant.models.model import Model


@pytest.mark.parametrize("count", [pytest.param(15), pytest.param(300, marks=pytest.mark.slow)])
def test_answers_are_letters(
    count: int, perform: Callable[..., None], model: Model, sql_answers: ModuleType, tmp_path: Path
) -> None:
    built = sql_answers.build(tmp_path / "hostile.db")

    async def play(stage: Any) -> None:
        await stage.press("alt+j")
        await stage.shows("Open databases")
        page = stage.app._pages["sql"]
        page.desk.open([str(built)])
        await stage.shows("SQL · hostile.db")
        charts = 0
        for sql in sql_answers.statements(count):
            page.desk.run(sql)
            await stage.until(lambda: not page.desk.state.busy)
            shown = page.desk.state.shown
            assert shown.result is not None and not shown.problem, sql
            charts += shown.chart is not None
            for one in page._list.rows:
                for line in one.lines:
                    drawn = "".join(word for word, _ in (*line.left, *line.right))
                    assert sql_answers.acts(drawn) == [] and len(drawn) <= 700
        assert charts > count / 5

    perform(play, size=(120, 44))
