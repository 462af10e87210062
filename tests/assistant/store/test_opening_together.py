"""Several faces and threads may open a store that is not there yet, all in the same moment."""

import threading
from pathlib import Path

from rushlight.assistant.paths import Paths
from rushlight.assistant.store.database import open_store


def test_a_new_store_is_opened_by_many_at_once(tmp_path: Path) -> None:
    """The id and the tables are looked at one after the other; a commit between the two is no foreign file."""
    failures: list[BaseException] = []

    def open_one(paths: Paths, start: threading.Barrier) -> None:
        start.wait()
        try:
            open_store(paths).close()
        except BaseException as err:
            failures.append(err)

    for number in range(30):
        folder = tmp_path / str(number)
        paths = Paths(data=folder, cache=folder / "cache", runtime=folder / "run")
        start = threading.Barrier(4)
        threads = [threading.Thread(target=open_one, args=(paths, start)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failures == []
