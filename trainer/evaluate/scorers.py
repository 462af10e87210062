"""Scorers: how right an answer is, between 0 and 1. The built-in ones, then those that installed packages bring.

A plug-in is an entry point of the group "rushlight.scorers": an object with `opened(head)`, a context manager that
gives a function of (reference, answer). `sql-execution` is one; what it needs of a suite stands in the suite's head.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, Final, Protocol, TypeAlias

from rushlight import Error
from rushlight.trainer.evaluate.checks import followed, plain, refuses
from rushlight.trainer.evaluate.suite import Suite

GROUP: Final = "rushlight.scorers"
Score: TypeAlias = Callable[[Any, str], float]  # (reference, answer)


class Scorer(Protocol):
    """What an entry point brings."""

    def opened(self, head: Mapping[str, Any]) -> AbstractContextManager[Score]:
        """Ready for the items of a suite with this head."""


def _listed(reference: Any) -> list[str]:
    return [str(one) for one in reference] if isinstance(reference, list | tuple) else [str(reference)]


def _exact(reference: Any, answer: str) -> float:
    return float(plain(answer) in [plain(one) for one in _listed(reference)])


def _contains(reference: Any, answer: str) -> float:
    said = plain(answer)
    return float(any(plain(one) in said for one in _listed(reference)))


def _valid(reference: Any, answer: str) -> float:
    return float(followed(answer, {"json_schema": reference}))


BUILT_IN: Final[dict[str, Score]] = {
    "exact": _exact,
    "contains": _contains,
    "choice": lambda reference, answer: float(answer in _listed(reference)),  # one of the choices, letter by letter
    "checks": lambda reference, answer: float(followed(answer, reference)),
    "schema": _valid,
    "answers": lambda _reference, answer: float(not refuses(answer)),
    "refuses": lambda _reference, answer: float(refuses(answer)),
}


@contextmanager
def scorers_of(suite: Suite, given: Mapping[str, Score] | None = None) -> Iterator[dict[str, Score]]:
    """The scorers that the suite names, ready; `given` are those that the caller brings. Unknown names are an `Error`
    before anything is asked."""
    found: dict[str, Score] = {}
    with ExitStack() as stack:
        for name in sorted({one.scorer for one in suite.items}):
            if name == "judge":  # compares two answers: see `judge`
                continue
            if given and name in given:
                found[name] = given[name]
            elif name in BUILT_IN:
                found[name] = BUILT_IN[name]
            else:
                found[name] = stack.enter_context(_plug_in(name, suite.name).opened(suite.more))
        yield found


def _plug_in(name: str, suite: str) -> Scorer:
    from importlib.metadata import entry_points

    for one in entry_points(group=GROUP, name=name):
        loaded: Scorer = one.load()
        return loaded
    import difflib

    known = [*BUILT_IN, "judge", *(one.name for one in entry_points(group=GROUP))]
    near = difflib.get_close_matches(name, known, 1)
    raise Error(
        f"The suite {suite} names the scorer {name[:40]!r}, and there is none.",
        f"Did you mean {near[0]}?" if near else f"There are {', '.join(sorted(known))}.",
        kind="no-such-scorer",
    )
