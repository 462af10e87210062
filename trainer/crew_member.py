"""`python -m rushlight.trainer.crew_member RUN`: one of the processes that train the run in this folder together.

Knows nothing of who started it. What it has to say to them lies in RUN/.crew: how far it is, its error, and the wish to
pause, which they leave there.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any, Final

from rushlight import Error, Progress

FOLDER: Final = ".crew"
_TOLD_EVERY_S: Final = 0.2


def member(run: str) -> None:
    """Train as a member of the crew that torch's variables tell of."""
    out = Path(run)
    folder = out / FOLDER
    rank = -1
    try:
        from rushlight.trainer.config import checked
        from rushlight.trainer.crew import Joined
        from rushlight.trainer.run import Places, Watch, read_manifest, train

        said = read_manifest(out)
        crew = Joined()
        rank = crew.rank
        places = Places(Path(said["model"]), tuple(map(Path, said["train"])), (), out)
        pause = folder / "pause"
        watch = Watch(on_progress=_Teller(folder) if rank == 0 else None, should_pause=pause.exists)
        train(checked(said["config"]), places, watch, crew=crew)
    except Error as error:
        told = {"message": error.message, "hint": error.hint, "kind": error.kind}
        (folder / f"error-{rank}.json").write_text(json.dumps(told))
        raise


class _Teller:
    """Progress, left where the one who waits for it looks."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "progress.json"
        self._told_at = 0.0

    def __call__(self, event: Progress) -> None:
        if time.monotonic() - self._told_at < _TOLD_EVERY_S and event.done != event.total:
            return
        self._told_at = time.monotonic()
        said: dict[str, Any] = {"what": event.what, "done": event.done, "total": event.total, "unit": event.unit}
        beside = self._path.with_suffix(".next")
        beside.write_text(json.dumps(said))
        beside.replace(self._path)


if __name__ == "__main__":
    from rushlight.trainer.tied import tie

    tie()
    try:
        member(sys.argv[1])
    except Error as problem:
        sys.exit(problem.message)
