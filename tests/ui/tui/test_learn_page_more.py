"""More of the page of learning in the terminal app: columns, settings, exports, the history; all by keys."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rushlight.ui.desk import learn_desk
from rushlight.ui.desk.learn_desk import LearnDesk
from rushlight.ui.desk.learn_forecast import Forecast
from rushlight.ui.desk.learn_reading import Found
from rushlight.ui.desk.learn_values import (
    AdapterRow,
    Choice,
    ColumnRow,
    ExportRow,
    FilesRow,
    LearnState,
    LearnWish,
    Proof,
    RunCurve,
    RunRow,
    RunStep,
)
from rushlight.ui.tui.learn_page_curve import overlay_lines
from rushlight.ui.tui.learn_page_more import column_rows, export_rows, forecast_rows, history_rows, setting_rows

Perform = Callable[..., None]
HOSTILE = "\x1b[31mred [bold]x[/] \u202e"
ADAPTER = AdapterRow("clinic-1", "chat", "candidate", "me/m@Q4", "88 %")
PROOF = Proof("s", 3, 0.1, 0.9, (0.0, 0.2), (0.8, 1.0), (0.5, 0.9), (), (), (), True)
STEPS = tuple(RunStep(n, 3.0 / n, 3.2 / n if n % 2 else None) for n in range(1, 30))
RUNS = (
    RunRow("r1", f"Teach {HOSTILE}", "2026-11-25 18:10", "done", "clinic-1", 29, 0.1, 0.11,
           LearnWish(settings=(("adapter.rank", "8"),)), is_chosen=True),
    RunRow("r2", "Teach clinic.db", "2026-11-25 17:00", "failed", "", 9, 0.3, None, None, may_go_on=True),
)  # fmt: skip
CURVES = (RunCurve("r1", "one", STEPS), RunCurve("r2", "two", STEPS[:9]))
LOOK = FilesRow((ColumnRow(f"q{HOSTILE}", (HOSTILE,), "prompt"), ColumnRow("b:c", (), "")), 3, 7,
                tuple(f"a.jsonl line {n}: it is no object {HOSTILE}" for n in range(7)))  # fmt: skip
FORECAST = Forecast(900, 80, 880, 110, 8, 1.25, (("weights", 5e8), ("gaps", 1e6)), (("steps", 137.0), ("proof", 9.0)),
                    2.1e9, 8e9, 300.0, (("adapter.rank = 8", 2e9),), True)  # fmt: skip


def said(rows: Any) -> str:
    return "\n".join("".join(word for word, _ in (*line.left, *line.right)) for one in rows for line in one.lines)


def keys(rows: Any) -> list[str]:
    return [one.key for one in rows if one.key]


def test_rows_of_columns() -> None:
    rows = column_rows(LOOK, 60)
    lines = said(rows)
    assert keys(rows) == [f"column:q{HOSTILE}", "column:b:c"] and "7 lines cannot be learned" in lines
    assert (
        "prompt: what is asked" in lines and "empty" in lines and "1 more" in lines and "\x1b[31m" not in said(rows[:7])
    )


def test_rows_of_settings_and_of_what_it_takes() -> None:
    state = LearnState(
        wish=LearnWish(settings=(("steps.rate", "0"),)), setting_problems=("steps.rate must lie between",)
    )
    lines = said(setting_rows(state, 70))
    assert "✗ steps.rate must lie between" in lines and "follows from the time" in lines and "LoRA" in lines
    lines = said(forecast_rows(FORECAST, 60))
    assert "5 min" in lines and "110 steps" in lines and "adapter.rank = 8" in lines and "weights of the model" in lines
    assert "does not fit" in said(forecast_rows(replace(FORECAST, fits=False), 60))
    pieces = ((("user\nHow \x1b[31mmany?\n", False), ("SELECT 1" + " + 1" * 40, True)),)
    rows = forecast_rows(replace(FORECAST, examples=pieces), 60)
    colors = {word.strip(): meaning for one in rows for line in one.lines for word, meaning in line.left}
    assert colors["How many?"] == "muted" and "\x1b" not in said(rows)
    learned = [word for word, meaning in colors.items() if meaning == "flame"]
    assert learned[0].startswith("SELECT 1 + 1") and len(learned) > 2 and all(len(one) <= 60 for one in learned)


def test_rows_of_exports_and_of_the_history() -> None:
    exports = (
        ExportRow("j1", "a.gguf", "/tmp/a.gguf", "gguf", "running", 0.5, "Merging"),
        ExportRow("j2", "b", "/tmp/b", "peft", "failed", None, "", "There is a folder already.", "Name another.", True),
        ExportRow("j3", "c", "/tmp/c", "adapter", "done", 1.0, "", is_over=True, proof="passed"),
    )
    rows = export_rows(LearnState(adapter=ADAPTER, exports=exports), 60)
    lines = said(rows)
    assert keys(rows) == ["export", "stop-export:0"] and "50 %" in lines and "Name another." in lines
    assert "written to /tmp/c · proven" in lines
    rows = history_rows(LearnState(runs=RUNS, curves=CURVES), 76)
    lines = said(rows)
    assert keys(rows) == ["curves", "run:r1", "run:r2"] and "Rank 8" in lines and "☐ Teach clinic.db" in lines
    assert "held-out 0.110" in lines
    assert "Nothing was taught" in said(history_rows(LearnState(), 76))
    colours = {meaning for line in overlay_lines(CURVES, 60, 8) for _, meaning in line.left}
    assert {"flame", "info"} <= colours


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> None:
    full = Found((("me/m@Q4", "me/m@Q4"),), (ADAPTER,), (), ())

    def look(_app: Any, choice: Choice, _n: int) -> Found:
        if choice.kind == "runs":
            chosen = choice.id.split(",")
            rows = tuple(replace(one, is_chosen=one.id in chosen) for one in RUNS)
            return replace(full, runs=rows, curves=tuple(one for one in CURVES if one.id in chosen))
        return replace(full, proof=PROOF, origin=(("Base", "m"),)) if choice.kind == "adapter" else full

    monkeypatch.setattr(learn_desk, "look", look)


def test_columns_and_settings_are_told_by_keys(perform: Perform, model: Any, found: None, tmp_path: Path) -> None:
    file = tmp_path / "faq.jsonl"
    file.write_text("".join(json.dumps({"q": f"What is {n}?", "text": f"It is {n}."}) + "\n" for n in range(5)))

    async def play(stage: Any) -> None:
        await stage.press("alt+v")
        await stage.shows("Teach something new")
        page = stage.app._pages["learn"]
        page.desk.want(kind="imported", files=(str(file),))
        page.look_at(Choice())
        await stage.shows("5 lines cannot be learned", "Map the columns")
        for column, field in (("q", "prompt"), ("text", "answer")):
            page._asking.take("column", column)
            await stage.shows(f"What is {column}?")
            await stage.press("down", *(["down", "down"] if field == "answer" else []), "enter")
            await stage.until(lambda field=field: field in dict(page.desk.state.wish.columns) and page.desk.state.look
                              and any(one.field == field for one in page.desk.state.look.columns))  # fmt: skip
        await stage.shows("5 examples found", "Teach it")
        page._asking.take("setting", "adapter.rank")
        await stage.shows("Twice the rank")
        await stage.press("0", "enter")
        await stage.until(lambda: page.desk.state.setting_problems)
        await stage.shows("Correct the settings first")
        page.desk.set("adapter.rank", "")
        await stage.until(lambda: page.desk.state.can_start)

    perform(play, size=(100, 40))


def test_the_history_and_an_export_by_keys(
    perform: Perform, model: Any, found: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    done: list[Any] = []
    monkeypatch.setattr(LearnDesk, "export", lambda _desk, *given, **more: done.append((given, more)))
    monkeypatch.setattr(LearnDesk, "retry", lambda _desk, run_id: done.append(run_id))

    async def play(stage: Any) -> None:
        await stage.press("alt+v")
        await stage.shows("Runs and their curves")
        page = stage.app._pages["learn"]
        await stage.press("h")
        await stage.shows("Choose two to four runs", "Teach clinic.db")
        page._detail.action_edge(1)
        await stage.press("space")
        await stage.until(lambda: page.desk.state.choice.id == "r2" and page.desk.state.curves)
        await stage.press("up", "space")
        await stage.until(lambda: len(page.desk.state.curves) == 2)
        await stage.press("enter")
        await stage.shows("Again with a change…")
        await stage.press("down", "enter")
        await stage.until(lambda: page.desk.state.choice == Choice())
        assert dict(page.desk.state.wish.settings) == {"adapter.rank": "8"}
        page.desk.choose(Choice("runs"))
        await stage.until(lambda: page.desk.state.runs)
        page.desk.go_on("r2")
        assert done == ["r2"]
        page.look_at(Choice("adapter", "clinic-1"))
        await stage.until(lambda: page.desk.state.proof is not None)
        await stage.press("e")
        await stage.shows("What is written?")
        await stage.press("down", "enter")
        await stage.shows("Which type?")
        await stage.press("down", "enter")
        await stage.shows("Which file?")
        stage.app._panel._input.value = str(tmp_path / "out.gguf")
        await stage.press("enter")
        await stage.until(lambda: len(done) == 2)
        assert done[1][0] == ("clinic-1", "gguf", tmp_path / "out.gguf", "Q8_0")

    perform(play, size=(100, 40))
