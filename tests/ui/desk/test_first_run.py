"""The first start: what is found, taking one in, and what goes wrong on the way."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rushlight import Error
from rushlight.assistant.app import App
from rushlight.assistant.jobs.job import Job
from rushlight.assistant.jobs.jobs import Jobs
from rushlight.assistant.jobs.records import JobRecords
from rushlight.assistant.models.model import Model
from rushlight.ui.desk import model_finding
from rushlight.ui.desk.background import Background
from rushlight.ui.desk.first_run import FirstRun, FirstRunState, _recommended
from rushlight.ui.desk.model_values import OnDisk


class View:
    def __init__(self) -> None:
        self.states: list[FirstRunState] = []

    def show(self, state: FirstRunState) -> None:
        self.states.append(state)


@pytest.fixture
def no_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Jobs, "_look", lambda _self: None)
    monkeypatch.setattr(Jobs, "_attend", lambda _self, *, at_once=False: None)


@pytest.fixture
def records(desk_app: App, no_host: None) -> JobRecords:
    return JobRecords(desk_app.store)


@pytest.fixture
def first_run(background: Background) -> Iterator[FirstRun]:
    made = FirstRun(background, View())
    yield made
    made.close()


def on_disk(path: Path, origin: str = "lmstudio", size: int = 5, **more: Any) -> OnDisk:
    return OnDisk(f"{origin}:{path.stem}", origin, path.stem, path, size, **{"fits": "yes", **more})


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> list[OnDisk]:
    """What lies on the disk: to be filled by the test."""
    found: list[OnDisk] = []
    monkeypatch.setattr(model_finding, "find_on_disk", lambda _app, _stop: tuple(found))
    return found


def begin(first_run: FirstRun, pump: Any) -> None:
    first_run.look()
    assert first_run.state.step == "looking"
    pump(lambda: first_run.state.step != "looking")


def test_it_is_needed_until_there_is_a_model(first_run: FirstRun, pump: Any, desk_app: App, request: Any) -> None:
    answers: list[bool] = []
    first_run.is_needed(answers.append)
    pump(lambda: answers)
    request.getfixturevalue("desk_model")
    first_run.is_needed(answers.append)
    pump(lambda: len(answers) == 2)
    assert answers == [True, False]


def test_what_is_found_is_shown_with_the_machine(first_run: FirstRun, pump: Any, disk: list[OnDisk]) -> None:
    disk += [on_disk(Path("/a/big.gguf")), on_disk(Path("/a/known.gguf"), is_known=True)]
    begin(first_run, pump)
    state = first_run.state
    assert state.step == "found" and [one.name for one in state.found] == ["big"] and state.recommended == 0
    assert " core" in state.machine and "GB" in state.machine


def test_nothing_found_says_what_to_do(first_run: FirstRun, pump: Any, disk: list[OnDisk]) -> None:
    begin(first_run, pump)
    assert first_run.state.step == "none" and "GGUF" in first_run.state.advice and first_run.state.recommended == -1


def test_the_recommended_one_leaves_room() -> None:
    rows = tuple(on_disk(Path(f"/a/{size}"), size=size) for size in (900, 400, 100))
    assert _recommended(rows, 1000) == 1 and _recommended(rows, 100) == 2 and _recommended((), 100) == -1
    assert _recommended((on_disk(Path("/a/b"), fits="no"), on_disk(Path("/a/c"), is_complete=False)), 100) == -1


@pytest.mark.parametrize(
    ("origin", "how", "alias"), [("lmstudio", "in-place", ""), ("included", "copy", "demo"), ("", "copy", "")]
)
def test_choosing_starts_a_job_and_follows_it(
    first_run: FirstRun, pump: Any, disk: list[OnDisk], records: JobRecords, origin: str, how: str, alias: str
) -> None:
    path = Path("/a/big.gguf")
    if origin:
        disk.append(on_disk(path, origin))
    begin(first_run, pump)
    done: list[str] = []
    first_run.on_done = done.append
    first_run.choose(path)
    assert first_run.state.step == "importing"
    pump(lambda: first_run.state.job_id)
    job = records.get(first_run.state.job_id)
    assert (job.kind, job.arguments["how"], job.arguments["alias"]) == ("model-import", how, alias)
    records.change(job.id, {"state": "running", "what": "Copying", "done": 5.0, "total": 10.0, "unit": "bytes"})
    pump(lambda: first_run.state.job_fraction == 0.5)
    assert first_run.state.job_text == "Copying · 5 B of 10 B" and first_run.state.job_title == "Import big.gguf"
    records.change(job.id, {"state": "done", "result": '{"id": "org/big@Q4"}', "ended_at": time.time()})
    pump(lambda: first_run.state.step == "done")
    assert first_run.state.model_id == "org/big@Q4" and done == ["org/big@Q4"]


def test_what_fails_leads_back_to_the_choice(
    first_run: FirstRun, pump: Any, disk: list[OnDisk], records: JobRecords
) -> None:
    disk.append(on_disk(Path("/a/big.gguf")))
    begin(first_run, pump)
    first_run.choose(Path("/a/big.gguf"))
    pump(lambda: first_run.state.job_id)
    failure = {"state": "failed", "message": "The disk is full.", "hint": "Free some space.", "ended_at": time.time()}
    records.change(first_run.state.job_id, failure)
    pump(lambda: first_run.state.step == "found")
    assert (first_run.state.problem, first_run.state.hint) == ("The disk is full.", "Free some space.")
    assert not first_run.state.job_id


def test_a_job_that_cannot_be_started_leads_back_too(
    first_run: FirstRun, pump: Any, disk: list[OnDisk], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **_more: Any) -> Job:
        raise Error("No host can be started.", hint="Look at its log.", kind="host-unreachable")

    monkeypatch.setattr(Jobs, "start", refuse)
    begin(first_run, pump)
    first_run.choose(Path("/a/big.gguf"))
    pump(lambda: first_run.state.step == "none")
    assert first_run.state.problem == "No host can be started."


def test_cancelling(first_run: FirstRun, pump: Any, disk: list[OnDisk], records: JobRecords) -> None:
    begin(first_run, pump)
    first_run.download("org/repo")
    pump(lambda: first_run.state.step == "importing")
    job = records.get(first_run.state.job_id)
    assert job.kind == "model-download" and first_run.state.job_text == "Waiting"
    first_run.cancel()
    pump(lambda: first_run.state.step == "none")
    assert records.get(job.id).state == "cancelled" and not first_run.state.problem


@pytest.mark.model
def test_the_demo_model_is_offered(demo_model: Path) -> None:
    assert model_finding.demo_file() == demo_model


def test_without_its_package_there_is_no_demo_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_finding, "_DEMO_PACKAGE", "no_such_package_here")
    assert model_finding.demo_file() is None


def test_a_real_host_takes_the_model_in(
    tiny_gguf: Path, mailbox: Any, pump: Any, stopped_host: None, disk: list[OnDisk]
) -> None:
    """From the first start to a loaded model and back, with the processes that a user has."""
    from rushlight.assistant.paths import find_paths
    from rushlight.ui.desk.background import open_face_app
    from rushlight.ui.desk.models_desk import ModelsDesk

    background = Background(lambda: open_face_app(find_paths()), mailbox.deliver)
    errors: list[Error] = []
    background.on_error = errors.append
    try:
        first_run = FirstRun(background, View())
        first_run.look()
        pump(lambda: first_run.state.step == "none")
        first_run.choose(tiny_gguf, "in-place")
        pump(lambda: first_run.state.step == "done", timeout_s=60)
        first_run.close()
        desk = ModelsDesk(background, View())
        desk.refresh()
        pump(lambda: desk.state.rows and desk.state.rows[0].fits == "yes")
        model_id = desk.state.rows[0].id
        assert model_id == first_run.state.model_id
        desk.load(model_id)
        pump(lambda: desk.state.rows[0].is_loaded, timeout_s=60)
        assert any(part.kind == "model" and part.size_bytes > 0 for part in desk.state.bars[0].parts)
        desk.unload(model_id)
        pump(lambda: not desk.state.rows[0].is_loaded, timeout_s=30)
        desk.close()
    finally:
        background.close()
    assert errors == []


def test_known_models_are_not_offered_again(desk_app: App, desk_model: Model, own_home: Path) -> None:
    from rushlight import Stop

    (own_home / "settings.toml").write_text(f'[models]\nsearch_folders = "{desk_model.path.parent}"\n')
    from rushlight.assistant.settings import read_settings

    desk_app.settings = read_settings(desk_app.paths)[0]
    found = {one.path: one for one in model_finding.find_on_disk(desk_app, Stop())}
    assert found[desk_model.path].is_known
