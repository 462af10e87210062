"""What the page of saved questions shows: their names, dashboards, and a card for each with what it gave now.

Plain values; knows no store and no widget.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from rushlight.assistant.sql.charts import ChartSpec
from rushlight.assistant.sql.values import Result
from rushlight.ui.desk.sql_values import ParameterRow

Phase: TypeAlias = Literal["", "waiting", "done"]


@dataclass(frozen=True, slots=True)
class SavedCard:
    """A saved question, and what it gave when it was run last."""

    id: str
    name: str
    question: str
    sql: str
    files: tuple[str, ...]
    given: tuple[tuple[str, str], ...] = ()  # on this dashboard
    parameters: tuple[ParameterRow, ...] = ()  # with their defaults
    phase: Phase = ""
    result: Result | None = None
    chart: ChartSpec | None = None
    sentence: str = ""
    way: str = ""  # 5 rows · 2 ms
    is_changed: bool = False  # against the last time
    problem: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class SavedState:
    """All of it."""

    cards: tuple[SavedCard, ...] = ()
    dashboards: tuple[str, ...] = ()
    dashboard: str = ""  # the one that is shown; "" = all that was saved
    parameters: tuple[ParameterRow, ...] = ()  # of all its cards; a value goes to every card that has such a one
    is_running: bool = False
    is_loading: bool = True
    problem: str = ""
    hint: str = ""
    notice: str = ""
