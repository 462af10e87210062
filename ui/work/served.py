"""What answers in an adapter's scope now, asked some of the same questions: who would take its place has to reach it.

Knows which one that is, and asks it; the guard itself knows figures only.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from rushlight import Error
from rushlight.assistant.jobs.kind import JobContext
from rushlight.assistant.registry.scopes import PRACTICE, WAY_BACK, kind_of
from rushlight.assistant.sql.prompt import TAUGHT_FORMS
from rushlight.assistant.sql.taught import way_back_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rushlight.assistant.app import App
    from rushlight.assistant.engine.request import LoraUse
    from rushlight.assistant.registry.values import Adapter
    from rushlight.trainer.evaluate.answerer import Answerer
    from rushlight.trainer.evaluate.measuring import Row
    from rushlight.trainer.evaluate.scorers import Score
    from rushlight.trainer.evaluate.suite import Item, Suite

_MOST_ITEMS: Final = 60  # from all over the suite: the candidate has answered all of them anyway


@dataclass(frozen=True, slots=True)
class Asking:
    """How a suite is asked: who answers with an adapter, or without one, and the scorers that the suite brings."""

    with_adapter: "Callable[[Adapter | None], Answerer]"
    given: "Mapping[str, Score] | None"


def serves_now(app: "App", scope: str, base_sha256: str, candidate: str = "") -> "Adapter | None":
    """The adapter that answers in this scope over this model; in a database's own, where nobody taught it, what was
    practised and promoted. None where the model answers alone, and for `candidate` itself. A practice is held against
    the one before it by its own questions."""
    if scope == PRACTICE:
        return None
    found = app.registry.promoted(scope, base_sha256)
    if found is None and kind_of(scope) == "sql" and scope != WAY_BACK:
        found = app.registry.promoted(PRACTICE, base_sha256)
    return found if found is not None and found.name != candidate and found.path.is_file() else None


def n_asked_of_it(app: "App", scope: str, base_sha256: str, n_items: int) -> int:
    """How many more questions an evaluation in this scope asks."""
    return min(_MOST_ITEMS, n_items) if serves_now(app, scope, base_sha256) is not None else 0


def answers_of(context: JobContext, served: "Adapter", suite: "Suite", asking: Asking, scope: str) -> "list[Row]":
    """What it answers to items from all over the suite; none where a model must judge, which compares two at a time."""
    from rushlight.trainer.evaluate.measuring import run_suite

    if any(one.scorer == "judge" for one in suite.items):
        return []
    return run_suite(
        replace(suite, items=spread(suite.items, _MOST_ITEMS)), asking.with_adapter(served), None,
        keep=context.folder / "evaluate-served.jsonl", sides=sides(context.app, served, scope),
        given=asking.given, stop=context.stop, on_progress=context.tell,
    )  # fmt: skip


def sides(app: "App", adapter: "Adapter", scope: str) -> str:
    """Who answers when this adapter is asked a suite of that scope: answers of others are not gone on with."""
    beside = None
    if scope == WAY_BACK:
        beside = answers_beside(app, adapter.base_sha256)
    elif back_beside(app, scope, adapter.base_sha256):
        beside = app.registry.promoted(WAY_BACK, adapter.base_sha256)
    said = (adapter.base_sha256, adapter.sha256, adapter.form, *(() if beside is None else (beside.sha256,)))
    return " ".join(said)


def back_beside(app: "App", scope: str, base_sha256: str) -> "tuple[LoraUse, ...]":
    """Who is asked the way back in a suite of that scope: whoever is when it serves. But a practice is proven alone, so
    that practices can be compared, whatever way back there was at their time."""
    return way_back_of(app, base_sha256) if kind_of(scope) == "sql" and scope != PRACTICE else ()


def answers_beside(app: "App", base_sha256: str) -> "Adapter":
    """Who answers while the way back is proven: what was practised and promoted, else what was practised last."""
    own = [
        one
        for one in app.registry.adapters(PRACTICE)
        if one.base_sha256 == base_sha256 and one.state != "retired" and one.form in TAUGHT_FORMS and one.path.is_file()
    ]
    found = max(own, key=lambda one: (one.state == "promoted", one.created_at), default=None)
    if found is None:
        raise Error(
            "The way back is proven beside what was practised, and nothing was.",
            "Practise first: rushlight teach practice",
            kind="nothing-practised",
        )
    return found


def spread(items: "Sequence[Item]", most: int) -> "tuple[Item, ...]":
    """So many of them at most, from the first to the last at even distances."""
    n = min(most, len(items))
    return tuple(items[at * len(items) // n] for at in range(n))
