"""A query that does not hold what its question names is written again, and the one that lacks least is taken."""

from collections.abc import Iterator
from typing import Any

import pytest

from rushlight.assistant.engine.request import Grammar
from rushlight.assistant.events import TextDelta
from rushlight.assistant.sql.writing import Writer

HELD = Grammar("lark", "held", must=(("patient.insurer",), ("GROUP BY",), ("Oslo",)))
PLAIN = Grammar("lark", "plain")
ALL = "SELECT patient.insurer FROM patient WHERE patient.city = 'Oslo' GROUP BY patient.insurer"
TWO = "SELECT patient.insurer, COUNT(*) FROM patient GROUP BY patient.insurer"
ONE = "SELECT doctor.name, COUNT(*) FROM doctor GROUP BY doctor.name"


class Says:
    """An app whose model says these one after the other; remembers the grammars and whether it was sampled."""

    def __init__(self, *said: str) -> None:
        self._said, self.asked = list(said), list[tuple[str, bool]]()

    def ask(self, _messages: Any, *, grammar: Grammar, options: Any, **_more: Any) -> Iterator[Any]:
        self.asked.append((grammar.text, "seed" in options.sampling))
        yield TextDelta(self._said.pop(0))


@pytest.mark.parametrize(
    ("said", "taken", "n"),
    [
        ((ALL,), ALL, 1),
        ((ONE, ALL), ALL, 2),
        ((TWO, ONE, ONE), TWO, 3),
        ((ONE, TWO, ONE), TWO, 3),
        ((TWO, TWO, TWO + " ORDER BY 1"), TWO + " ORDER BY 1", 3),  # nothing won by force: as the model would have it
    ],
)
def test_the_query_that_lacks_least_is_taken(said: tuple[str, ...], taken: str, n: int) -> None:
    app: Any = Says(*said)
    writer = Writer(app, "m", None, HELD, (), None, lambda _progress: None, PLAIN)
    assert writer.write(()) == taken
    assert app.asked == [("held", False), ("held", True), ("plain", False)][:n]
