"""A process that promotes and rolls back is killed at random moments: there is always one state."""

import os
import random
import signal
import time
from collections.abc import Callable

import pytest

from rushlight.assistant.paths import Paths
from rushlight.assistant.registry.registry import Registry
from rushlight.assistant.registry.values import Adapter
from rushlight.assistant.store.database import Store, open_store


def change_for_ever(paths: Paths, names: list[str]) -> None:
    store = open_store(paths)
    registry = Registry(store, paths)
    while True:
        for name in names:
            registry.promote(name)
        registry.rollback("chat")


def is_one_state(store: Store, registry: Registry) -> bool:
    """At most one is promoted, and it is the one that the history says."""
    serving = [one.name for one in registry.adapters("chat", ["promoted"])]
    history = [one for one in registry.history("chat") if one.undone_at is None]
    return serving == ([history[0].adapter] if history else []) and store.rows("PRAGMA integrity_check") == [("ok",)]


def kill_while_changing(n: int, paths: Paths, names: list[str]) -> None:
    """Each in a process of its own; a store must not be open across fork, so it is opened after each."""
    numbers = random.Random(7)
    for _ in range(n):
        child = os.fork()
        if child == 0:
            try:
                change_for_ever(paths, names)
            finally:
                os._exit(1)
        time.sleep(numbers.uniform(0.02, 0.12))
        os.kill(child, signal.SIGKILL)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        store = open_store(paths)
        assert is_one_state(store, Registry(store, paths))
        store.close()


@pytest.mark.parametrize("n", [5, pytest.param(100, marks=pytest.mark.faults)])
def test_a_kill_leaves_one_state(n: int, paths: Paths, store: Store, proven: Callable[..., Adapter]) -> None:
    names = [proven(name).name for name in ("one", "two", "three")]
    store.close()
    kill_while_changing(n, paths, names)
