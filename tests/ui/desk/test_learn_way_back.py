"""The page Learn tells of the way back: while it is learned, where it was learned alone, and what promoting it does."""

from types import SimpleNamespace
from typing import Any

import pytest

from rushlight import Error
from rushlight.assistant.registry.values import Change
from rushlight.assistant.sql.answer import SqlAnswer, Try
from rushlight.ui.cli.registry_views import change_text
from rushlight.ui.desk.learn_reading import teach_job
from rushlight.ui.desk.learn_values import AdapterRow, Choice, LearnState
from rushlight.ui.desk.learn_words import doing, listed, stage_of, what_then
from rushlight.ui.desk.sql_words import way_text

BASE = "me/m@Q4"


def job(**changed: Any) -> Any:
    usual = {
        "id": "job123456", "kind": "practise", "title": "Practise m", "state": "running", "what": "", "fraction": 0.5,
        "remaining_s": 9.0, "message": "", "hint": "", "is_over": False, "result": None, "unit": "", "total": None,
    }  # fmt: skip
    return SimpleNamespace(**(usual | changed))


@pytest.mark.parametrize(
    ("what", "stage"),
    [("Making examples", 0), ("Measuring this machine", 1), ("Training", 2), ("Evaluating", 3), ("Proving", 3)],
)
def test_it_takes_the_steps_once_more(what: str, stage: int) -> None:
    row = teach_job(job(what=f"Way back: {what}", unit="steps", total=60))
    assert row.stage == teach_job(job(what=what)).stage == stage
    assert doing(row) == f"Way back: {what}" and doing(teach_job(job(what=what))) == what
    assert row.n_steps == (60 if what == "Training" else 0)


def test_a_job_that_learned_it_alone_has_made_its_adapter() -> None:
    over = {"state": "done", "is_over": True}
    alone = teach_job(job(**over, result={"way_back": {"adapter": "way-back-1"}}))
    both = teach_job(job(**over, result={"adapter": "practice-1", "way_back": {"adapter": "way-back-1"}}))
    assert (alone.adapter, both.adapter) == ("way-back-1", "practice-1")
    state = LearnState(jobs=(alone,), adapters=(AdapterRow("way-back-1", "sql:way-back", "promoted", BASE, ""),))
    groups = dict(listed(state))
    assert "Ended without an adapter" not in groups and "Promoted" not in groups
    assert groups["Practice"] == (("way-back-1", "promoted", Choice("adapter", "way-back-1")),)
    assert stage_of(state, alone) == 5, "it serves"


def test_what_promoting_it_would_do() -> None:
    def said(adapter_state: str, before: str = "") -> str:
        row = AdapterRow("way-back-2", "sql:way-back", adapter_state, BASE, "")
        return what_then(LearnState(choice=Choice("adapter", row.name), adapters=(row,), adapter=row, before=before))

    assert said("promoted", BASE).endswith("After a roll back the likeliest query is taken again.")
    assert said("promoted", "way-back-1").endswith("Roll back brings way-back-1 into its place again.")
    assert said("candidate").endswith("It was not evaluated yet, so it cannot be promoted.")
    assert all(one.startswith("It says how likely a question is for a query") for one in (said("promoted"), said("")))


def test_how_an_answer_came_about_and_what_a_roll_back_did() -> None:
    adapter = SimpleNamespace(name="way-back-1", base=BASE)
    assert "likeliest query is taken again" in change_text(Change("sql:way-back", None, adapter))  # type: ignore[arg-type]
    assert f"{BASE} answers alone" in change_text(Change("sql:practice", None, adapter))  # type: ignore[arg-type]
    linked: Any = None
    answer = SqlAnswer("q", "SELECT 1", None, (Try("SELECT 1"),), linked, None, 1.24, n_told_apart=3)
    assert way_text(answer) == "first try · 1.2 s · chosen among 3 by the way back"
    problem = Error("The file\x1b[31m\nis damaged.")
    silent = SqlAnswer("q", "SELECT 1", None, (Try("SELECT 1"),), linked, None, 1.24, back_problem=problem)
    assert way_text(silent).endswith("the way back said nothing: The file is damaged.")
