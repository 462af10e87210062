"""When a training waits: on battery, while others work, and never when it is to stop."""

import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rushlight import Error, Progress, Stop
from rushlight.assistant.app import open_app
from rushlight.assistant.jobs.kind import JobContext
from rushlight.ui.work.making_way import MakingWay, Others
from rushlight.ui.work.train import KIND, TrainArguments


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


def test_a_pause_that_is_taken_back_leads_to_no_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was to stop and wrote its checkpoint; then it was to go on, before it had ended."""
    said = SimpleNamespace(data=SimpleNamespace(template=""), model="m")
    for place, value in {
        "trainer.backends.packages.need_packages": lambda *_: None,
        "trainer.backends.choose.choose_backend": lambda *_: SimpleNamespace(name="torch"),
        "trainer.backends.choose.choose_device": lambda *_: "cpu",
        "trainer.config.checked": lambda _config: said,
        "trainer.run.prepare": lambda *_, **__: {},
        "trainer.run.is_trained": lambda *_: True,
        "trainer.run.train": lambda *_: {"state": "paused"},
        "ui.work.train.template_text": lambda *_: "",
        "ui.work.train._notices": lambda *_: [],
        "ui.work.train._exports": lambda *_: pytest.fail("nothing is there that could be exported"),
    }.items():
        monkeypatch.setattr(f"rushlight.{place}", value)
    arguments = TrainArguments({}, "/m", [], [], str(tmp_path / "out"))
    with open_app(host="in-process") as app:
        context = JobContext(
            app, "job123456", tmp_path, Stop(), checkpoint=None, tell=lambda _event: None, save=lambda _text: None,
            further=lambda: None,
        )  # fmt: skip
        with pytest.raises(Error) as ended:
            list(KIND.run(context, arguments))
    assert ended.value.kind == "stopped"
