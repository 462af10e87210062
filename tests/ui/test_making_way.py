"""When a training waits: on battery, while others work, and never when it is to stop."""

import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from rushlight import Progress, Stop
from rushlight.assistant.app import open_app
from rushlight.ui.work.making_way import MakingWay, Others


class Context:
    """As much of a job's context as is asked for."""

    def __init__(self, app: Any) -> None:
        self.app, self.stop, self.told = app, Stop(), []

    def make_way(self) -> None:
        self.told.append("way")

    def tell(self, event: Progress) -> None:
        self.told.append(event.what)
        self.stop.check()


@pytest.fixture
def context() -> Iterator[Context]:
    with open_app(host="in-process") as app:
        yield Context(app)


def test_it_asks_the_host_each_time(context: Context) -> None:
    way = MakingWay(context, mains=lambda: False, others=lambda: 1.0, look_s=0.0)  # type: ignore[arg-type]
    way()
    way()
    assert context.told == ["way", "way"], "neither battery nor others count unless the settings say so"


@pytest.mark.parametrize(
    ("setting", "words"),
    [("ONLY_ON_MAINS", "Waiting for mains power"), ("ONLY_WHEN_IDLE", "Waiting for an idle machine")],
)
def test_it_waits_as_long_as_a_setting_says(
    setting: str, words: str, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"RUSHLIGHT_TRAIN_{setting}", "true")
    state = SimpleNamespace(looks=0)

    def bad() -> bool:
        state.looks += 1
        return state.looks <= 3

    way = MakingWay(context, mains=lambda: not bad() if "MAINS" in setting else True,
                    others=lambda: 0.9 if bad() else 0.0, look_s=0.01)  # type: ignore[arg-type]  # fmt: skip
    time.sleep(0.02)
    way()
    assert context.told == ["way", words, words, words]


def test_it_does_not_wait_when_the_job_is_to_stop(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUSHLIGHT_TRAIN_ONLY_ON_MAINS", "true")
    way = MakingWay(context, mains=lambda: False, look_s=0.0)  # type: ignore[arg-type]
    context.stop.set()
    way()
    assert context.told == ["way"]


def test_what_others_use_is_a_share() -> None:
    others = Others()
    time.sleep(0.2)
    assert 0.0 <= others.share() <= 1.0
