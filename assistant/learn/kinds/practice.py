"""What a model practises on before it learns a database: questions to databases that are made up.

From many different ones it learns how questions become queries, and no single one's names; a database is learned in
less time after it. Most are questions that were written by hand, as people word them; the rest are made by rules, as
those of a lesson about a database are. The same seed makes the same lesson. Keeps nothing of what it makes them from.
"""

import math
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rushlight import Error
from rushlight.assistant.learn.database.chance import Chance
from rushlight.assistant.learn.example import Draft, Origin
from rushlight.assistant.learn.kinds.database import MAX_EXAMPLES, DatabaseLesson, draft_of
from rushlight.assistant.learn.kinds.kind import Watch
from rushlight.assistant.learn.practice.drawing import draw_database
from rushlight.assistant.learn.practice.handwritten import pairs_of, spoken
from rushlight.assistant.registry.scopes import PRACTICE
from rushlight.assistant.sql.database import open_database
from rushlight.assistant.sql.memory import schema_hash
from rushlight.assistant.sql.prompt import TABLES_FORM

if TYPE_CHECKING:
    from rushlight.assistant.paths import Paths

_EACH: Final = 45  # questions to one database: more would be of its names
_HELD_OUT: Final = 3  # databases of their own, at the end
_HELD_OUT_EACH: Final = 6
PROVED: Final = 10  # databases, of their own too, and the same whatever the seed: so practices can be compared
PROVED_BACK: Final = 32  # for the way back, whose gain is smaller
_PROVED_EACH: Final = 8
_PROOF_SEED: Final = 500
_BY_HAND: Final = 0.85  # of the questions to one database, where so many can be asked of it
_LEFT: Final = 25  # one in so many of those by hand is for databases that are held out, and for no others
_A_MINUTE: Final = 300


def practice_for(minutes: float, wanted: int = 0) -> int:
    """How many examples to make for so many minutes of practice, or so that `wanted` can be trained on."""
    return min(MAX_EXAMPLES, wanted or max(_EACH, int(_A_MINUTE * minutes)))


class PracticeLesson:
    """`n` questions to as many databases as that takes; those that are held out are asked of others."""

    name = "practice"
    scope = PRACTICE
    form = TABLES_FORM
    title = "practice"
    hint = "Give more examples."

    def __init__(self, paths: "Paths", *, n: int, seed: int = 0) -> None:
        if not 1 <= n <= MAX_EXAMPLES:
            raise Error(f"Up to {MAX_EXAMPLES:,} examples can be made; {n:,} were asked for.", kind="bad-request")
        self._paths, self._n, self._seed = paths, n, seed

    @property
    def source(self) -> dict[str, Any]:
        return {"what": "practice", "seed": self._seed, "examples": self._n}

    def drafts(self, watch: Watch) -> Iterator[Draft]:
        """Those that are trained on, without any of the databases of `held_out`."""
        n_made = which = 0
        while n_made < self._n:
            for draft in self._drawn(which, min(_EACH, self._n - n_made), watch):
                n_made += 1
                if n_made % 30 == 0:
                    watch.tell("Making examples", n_made, self._n)
                yield draft
            which += 1

    def held_out(self, watch: Watch) -> Iterator[Draft]:
        """Questions to databases that nothing was learned of."""
        for which in range(_HELD_OUT):
            yield from self._drawn(-1 - which, _HELD_OUT_EACH, watch)

    def proof(self, folder: Path, watch: Watch, n: int = PROVED) -> Iterator[tuple[Path, Draft]]:
        """Questions to `n` databases that show what was learned, each with its own: they lie in `folder` afterwards."""
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(n):
            path = folder / f"made-up-{number + 1}.db"
            path.unlink(missing_ok=True)  # of a practice that was killed while it made it
            for draft in self._asked(path, _PROOF_SEED + number, _PROVED_EACH, watch, is_held_out=True):
                yield path, draft

    def _drawn(self, which: int, n: int, watch: Watch) -> Iterator[Draft]:
        seed = self._seed * 100_000 + which + 1_000  # below it lie those of `held_out` and `proof`
        with tempfile.TemporaryDirectory(prefix="rushlight-practice-") as folder:
            yield from self._asked(Path(folder) / "practice.db", seed, n, watch, is_held_out=which < 0)

    def _asked(self, path: Path, seed: int, n: int, watch: Watch, *, is_held_out: bool) -> Iterator[Draft]:
        """A database, drawn into `path`, and `n` questions to it."""
        watch.check()
        drawn = draw_database(path, seed)
        with open_database([path], self._paths) as database:
            origin = Origin("database", database.sources[0].name, schema_hash(database))
            pairs = [one for at, one in enumerate(pairs_of(drawn.world)) if (at % _LEFT == 0) == is_held_out]
            n_by_hand = 0
            for made in islice(spoken(pairs, drawn, database, Chance(seed)), math.ceil(_BY_HAND * n)):
                watch.check()
                n_by_hand += 1
                yield draft_of(database, made.question, made.sql, made.kind, origin)
            if n_by_hand < n:
                rest = DatabaseLesson(database, n=n - n_by_hand, seed=seed, borrows=False)
                yield from rest.drafts(Watch(watch.stop))
