"""Circular garbage of Qt's is destroyed on the window's thread, never on one that works beside it."""

import gc
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtCore import QObject

from rushlight.ui.gui.collecting import Collector, collect_due


class _Circle(QObject):
    """Points at itself through a name of Python, and says on which thread it went."""

    def __init__(self, went_on: list[int]) -> None:
        super().__init__()
        self.me = self
        weakref.finalize(self, lambda: went_on.append(threading.get_ident()))


def _allocate(n: int) -> list[list[int]]:
    """More than any threshold asks for, on a thread of its own; kept, for what is freed is not counted."""
    kept: list[list[int]] = []
    thread = threading.Thread(target=lambda: kept.extend([number] for number in range(n)))
    thread.start()
    thread.join()
    return kept


@pytest.fixture
def automatic(qapp: Any) -> Iterator[None]:
    """Python's own collecting, as it is before the window; the thresholds are small to make it sure."""
    thresholds = gc.get_threshold()
    gc.collect()
    gc.set_threshold(700, 1, 1)
    gc.enable()
    yield
    gc.set_threshold(*thresholds)


def test_without_it_another_thread_destroys(automatic: None) -> None:
    went_on: list[int] = []
    _Circle(went_on)
    _allocate(20_000)
    assert went_on and went_on[0] != threading.get_ident()


def test_with_it_only_the_thread_of_the_window_does(automatic: None, qtbot: Any) -> None:
    collector = Collector()
    collector._timer.setInterval(5)
    went_on: list[int] = []
    _Circle(went_on)
    kept = _allocate(20_000)
    assert kept and not went_on
    qtbot.waitUntil(lambda: bool(went_on))
    assert went_on == [threading.get_ident()]
    collector.close()
    assert gc.isenabled()


def test_who_had_it_off_before_has_it_off_after(qapp: Any) -> None:
    gc.disable()
    collector = Collector()
    collector.close()
    assert not gc.isenabled()


def test_nothing_is_collected_below_the_thresholds(automatic: None) -> None:
    gc.disable()
    gc.collect()
    seen: list[str] = []

    def look(phase: str, _info: dict[str, Any]) -> None:
        seen.append(phase)

    gc.callbacks.append(look)
    try:
        collect_due()
        assert not seen
        kept = [[number] for number in range(1000)]
        collect_due()
        assert seen == ["start", "stop"] and len(kept) == 1000
    finally:
        gc.callbacks.remove(look)


def test_an_application_holds_it_until_it_closes(qapp: Any, application: Any) -> None:
    gc.enable()
    from rushlight.assistant.paths import find_paths
    from rushlight.ui.gui.application import Application

    second = Application(find_paths(), theme_choice="light")
    assert not gc.isenabled()
    second.close()
    assert gc.isenabled()


def test_the_words_of_qt_end_with_the_application(qapp: Any, monkeypatch: pytest.MonkeyPatch, own_home: Any) -> None:
    from rushlight.assistant.paths import find_paths
    from rushlight.ui.gui import application as module

    monkeypatch.setattr(module, "language", lambda: "de")
    monkeypatch.setattr(module, "is_english", lambda: False)
    made = module.Application(find_paths(), theme_choice="light")
    assert qapp.translate("QLineEdit", "&Undo") != "&Undo"
    made.close()
    assert qapp.translate("QLineEdit", "&Undo") == "&Undo"
