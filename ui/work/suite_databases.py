"""The databases that a suite's questions are asked of: those that its head names, together, or one that an item names.

    {"suite": "practice", "answerer": "sql"}
    {"id": "p1", "prompt": "How many goats are there?", "scorer": "sql-execution",
     "reference": {"sql": "SELECT COUNT(*) FROM goat", "database": "/data/farm.db"}}

Opens files for reading and asks nobody.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rushlight import Error, Stop
from rushlight.assistant.engine.request import LoraUse
from rushlight.trainer.evaluate.answerer import Answer
from rushlight.trainer.evaluate.suite import Item, Suite
from rushlight.ui.work.answerers import SqlAnswerer

if TYPE_CHECKING:
    from rushlight.assistant.app import App
    from rushlight.assistant.models.model import Model
    from rushlight.assistant.sql.database import Database
    from rushlight.assistant.sql.writing import LikelyQueries
    from rushlight.trainer.evaluate.scorers import Score


class SuiteDatabases:
    """One of them is open at a time: items of one database stand together."""

    def __init__(self, suite: Suite, app: "App") -> None:
        named = suite.more.get("databases")
        self._suite, self._app = suite.name, app
        self._together = tuple(named) if isinstance(named, list) and all(isinstance(one, str) for one in named) else ()
        self._opened: tuple[tuple[str, ...], Database] | None = None

    def __enter__(self) -> "SuiteDatabases":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def of(self, reference: Any) -> "Database":
        """What the item with this reference is asked of. Raises `Error(kind="bad-suite")` where nothing names it."""
        from rushlight.assistant.sql.database import open_database

        own = reference.get("database") if isinstance(reference, Mapping) else None
        files = self._together if own is None else (own,)
        if not files or not all(isinstance(one, str) and one for one in files):
            raise Error(
                f"The suite {self._suite} asks a database and does not say which.",
                'Its first line needs "databases": ["/path/to/file.db"], or each reference "database".',
                kind="bad-suite",
            )
        if self._opened is None or self._opened[0] != files:
            self.close()
            self._opened = files, open_database(files, self._app.paths)
        return self._opened[1]

    def close(self) -> None:
        if self._opened is not None:
            self._opened[1].close()
            self._opened = None


class SuiteSqlAnswerer:
    """A model, with or without an adapter, asked of each item's database as `SqlAnswerer` asks."""

    def __init__(
        self, app: "App", model: "Model", databases: SuiteDatabases, lora: Sequence[LoraUse] = (), form: str = "",
        back: Sequence[LoraUse] = (), likely: "LikelyQueries | None" = None,
    ) -> None:  # fmt: skip
        self._app, self._model, self._databases = app, model, databases
        self._lora, self._form, self._back, self._likely = tuple(lora), form, tuple(back), likely

    def answer(self, item: Item, stop: Stop) -> Answer:
        database = self._databases.of(item.reference)
        asked = SqlAnswerer(
            self._app, self._model, database, self._lora, self._form, back=self._back, likely=self._likely
        )  # fmt: skip
        return asked.answer(item, stop)

    def likelihoods(self, item: Item, stop: Stop) -> list[float]:
        raise Error("Questions to a database have no choices.", "Use the scorer sql-execution.", kind="bad-suite")


def execution_scorer(databases: SuiteDatabases) -> "Mapping[str, Score]":
    """`sql-execution`: the same rows as those of the right query."""
    from rushlight.assistant.sql.scoring import is_right

    def score(reference: Any, answer: str) -> float:
        if not isinstance(reference, Mapping) or not isinstance(reference.get("sql"), str):
            raise Error('An item of sql-execution needs a reference {"sql": ...}.', kind="bad-suite")
        return float(
            bool(answer.strip())
            and is_right(
                databases.of(reference), reference["sql"], answer, ordered=bool(reference.get("ordered", False))
            )
        )

    return {"sql-execution": score}
