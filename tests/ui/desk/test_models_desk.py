"""The models page: rows, what fits, loading, removing with a second thought, imports and downloads as jobs."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from rushlight import Error, Progress
from rushlight.assistant.app import App
from rushlight.assistant.engine.request import LoadSettings
from rushlight.assistant.events import Usage
from rushlight.assistant.host.protocol import EngineStatus, Holder, HostStatus, LoadPlan
from rushlight.assistant.jobs.jobs import Jobs
from rushlight.assistant.models.hub import HubFile
from rushlight.assistant.models.importing import import_model
from rushlight.assistant.models.load_defaults import OPTIONS
from rushlight.assistant.models.memory import Gpu, Memory
from rushlight.assistant.models.model import Model
from rushlight.ui.desk import model_reading, models_desk
from rushlight.ui.desk.background import Background
from rushlight.ui.desk.model_finding import find_on_disk
from rushlight.ui.desk.model_loading import load_options, plan_row
from rushlight.ui.desk.models_desk import ModelRow, ModelsDesk, ModelsState
from rushlight.ui.desk.waiting import wait

_GB = 1000**3


class View:
    def __init__(self) -> None:
        self.states: list[ModelsState] = []

    def show(self, state: ModelsState) -> None:
        self.states.append(state)


@pytest.fixture(autouse=True)
def no_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody works on the jobs of these tests."""
    monkeypatch.setattr(Jobs, "_look", lambda _self: None)
    monkeypatch.setattr(Jobs, "_attend", lambda _self, *, at_once=False: None)


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """memory(free, total, gpus) is what this machine has."""

    def set_to(free: int = 20 * _GB, total: int = 32 * _GB, gpus: tuple[Gpu, ...] = ()) -> None:
        found = Memory(free, total, "memory", gpus)
        monkeypatch.setattr("rushlight.assistant.models.memory.available_memory", lambda **_more: found)
        monkeypatch.setattr(model_reading, "_can_use_card", lambda: True)

    set_to()
    return set_to


@pytest.fixture
def view() -> View:
    return View()


@pytest.fixture
def desk(background: Background, view: View, memory: Any) -> Iterator[ModelsDesk]:
    made = ModelsDesk(background, view)
    yield made
    made.close()


@pytest.fixture
def measured(desk: ModelsDesk, pump: Any) -> Callable[[], tuple[ModelRow, ...]]:
    """measured() looks again and waits for all of it."""

    def wait() -> tuple[ModelRow, ...]:
        desk.refresh()
        pump(lambda: not (desk._is_reading or desk._is_measuring or desk._wants_measure))
        return desk.state.rows

    return wait


def engine(path: Path, *, resident: int = _GB, in_use: bool = False) -> EngineStatus:
    return EngineStatus(1, 77, LoadSettings(str(path)), "ready", in_use, 1, resident, resident, 3.0, 300.0)


class FakeHost:
    """A host that runs already."""

    def __init__(self, engines: list[EngineStatus]) -> None:
        self.engines = engines
        self.unloaded: list[str] = []
        self.free_bytes: int | None = None

    def __enter__(self) -> "FakeHost":
        return self

    def __exit__(self, *_raised: object) -> None: ...

    def status(self) -> HostStatus:
        return HostStatus(1, "0", 1.0, 1, self.free_bytes, tuple(self.engines))

    def unload(self, path: str = "") -> int:
        if any(one.in_use for one in self.engines):
            raise Error("It answers somebody.", hint="Wait.", kind="engine-in-use")
        self.unloaded.append(path)
        self.engines.clear()
        return 1


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Callable[..., FakeHost]:
    def run(*engines: EngineStatus) -> FakeHost:
        fake = FakeHost(list(engines))
        monkeypatch.setattr(model_reading, "running_host", lambda _app: fake)
        monkeypatch.setattr(models_desk, "running_host", lambda _app: fake)
        return fake

    return run


def test_a_row_tells_what_is_known(desk: ModelsDesk, measured: Any, desk_model: Model) -> None:
    (row,) = measured()
    assert (row.id, row.size_bytes, row.n_ctx) == (desk_model.id, desk_model.size_bytes, desk_model.n_ctx_train)
    assert row.is_default and not row.is_loaded and not row.owned and row.speed is None and not row.problem
    assert (row.fits, row.fit_text) == ("yes", "fits") and row.fit_detail.startswith("It fits: it needs")


def test_an_empty_catalogue_is_a_state(measured: Any, desk: ModelsDesk) -> None:
    assert measured() == () and not desk.state.is_loading
    (bar,) = desk.state.bars
    assert bar.total_bytes == 32 * _GB


def test_looking_starts_no_host(measured: Any, desk_model: Model, own_home: Path) -> None:
    measured()
    assert not (own_home / "host.json").exists()


def test_what_does_not_fit_says_what_it_needs(measured: Any, desk_model: Model, memory: Any) -> None:
    memory(free=1000)
    (row,) = measured()
    assert row.fits == "no" and row.fit_text.startswith("needs ") and row.fit_text.endswith("1.0 kB free")
    memory(free=300_000_000)  # less than the reserve
    (row,) = measured()
    assert row.fits == "no" and row.fit_text.startswith("too tight")


def test_layers_on_the_card(measured: Any, desk_model: Model, memory: Any, desk: ModelsDesk) -> None:
    memory(gpus=(Gpu("RTX 3060", 12 * _GB, 11 * _GB),))
    (row,) = measured()
    assert row.fit_text == "all layers on the card"
    assert [bar.name for bar in desk.state.bars] == ["Memory", "Graphics memory · RTX 3060"]


def test_bars_add_up(measured: Any, desk: ModelsDesk, desk_model: Model, host: Any) -> None:
    host(engine(desk_model.path.absolute(), resident=3 * _GB))
    (row,) = measured()
    assert row.is_loaded and row.fit_text == "loaded" and not row.in_use
    (bar,) = desk.state.bars
    assert sum(part.size_bytes for part in bar.parts) == bar.total_bytes
    assert [(part.kind, part.size_bytes) for part in bar.parts] == [
        ("model", 3 * _GB), ("other", 9 * _GB), ("free", 20 * _GB),
    ]  # fmt: skip
    assert bar.parts[0].label == row.label


def test_a_file_that_is_gone_is_said_in_its_row(
    measured: Any, desk_app: App, make_gguf: Any, desk_model: Model
) -> None:
    file = make_gguf("other.gguf", seed=5)
    other = import_model(desk_app.catalogue, file, how="in-place", model_id="other").model
    file.unlink()
    rows = {row.id: row for row in measured()}
    assert str(file) in rows[other.id].problem and rows[other.id].fits == "unknown"
    assert not rows[desk_model.id].problem


def test_speed_comes_from_the_newest_replies(measured: Any, desk_app: App, desk_model: Model) -> None:
    conversations = desk_app.conversations
    chat = conversations.create()
    last = conversations.append(chat.id, None, "user", "Hello")
    for n_tokens, decode_s in ((100, 10.0), (50, 1.0), (50, 1.0), (50, 1.0), (50, 1.0), (50, 1.0), (3, 0.001)):
        last = conversations.append(
            chat.id, last.id, "assistant", "Hi", model=desk_model.id, usage=Usage(1, 0, n_tokens, decode_s=decode_s)
        )
    (row,) = measured()
    assert row.speed == pytest.approx(50.0)


def test_loading_shows_how_far_it_is(
    desk: ModelsDesk, measured: Any, desk_model: Model, pump: Any, monkeypatch: pytest.MonkeyPatch, view: View
) -> None:
    measured()

    def open_slowly(self: App, _model: Any, *, on_progress: Any, **_more: Any) -> object:
        on_progress(Progress("load", 50, 100, "bytes"))
        return object()

    monkeypatch.setattr(App, "engine", open_slowly)
    desk.load(desk_model.id)
    desk.load(desk_model.id)  # once is enough
    assert desk.state.rows[0].is_loading and desk.state.rows[0].load_fraction is None
    pump(lambda: not desk.state.rows[0].is_loading)
    assert 0.5 in [row.load_fraction for state in view.states for row in state.rows]


def test_loading_can_be_stopped(
    desk: ModelsDesk, measured: Any, desk_model: Model, pump: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured()

    def open_forever(self: App, _model: Any, *, stop: Any, **_more: Any) -> object:
        wait(stop, 30.0)
        stop.check()
        return object()

    monkeypatch.setattr(App, "engine", open_forever)
    desk.load(desk_model.id)
    desk.stop_loading(desk_model.id)
    pump(lambda: not desk.state.rows[0].is_loading)
    assert not desk.state.rows[0].problem  # it was wanted so


def test_idle_models_make_room(
    desk: ModelsDesk, measured: Any, desk_app: App, desk_model: Model, make_gguf: Any, host: Any, memory: Any
) -> None:
    import_model(desk_app.catalogue, make_gguf("o.gguf", seed=6), how="in-place", model_id="other")
    running = host(engine(desk_model.path.absolute(), resident=4 * _GB, in_use=True))
    running.free_bytes = 0  # the reserve is all that is left
    assert {row.id: row.fits for row in measured()} == {desk_model.id: "yes", "other": "no"}
    running.engines[:] = [engine(desk_model.path.absolute(), resident=4 * _GB)]
    assert {row.id: row.fits for row in measured()} == {desk_model.id: "yes", "other": "yes"}


def test_why_a_model_cannot_be_loaded_stands_in_its_row(
    desk: ModelsDesk, measured: Any, desk_model: Model, pump: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured()

    def refuse(self: App, _model: Any, **_more: Any) -> object:
        raise Error("It does not fit.", hint="Take a smaller one.", kind="out-of-memory")

    with monkeypatch.context() as patch:
        patch.setattr(App, "engine", refuse)
        desk.load(desk_model.id)
        pump(lambda: desk.state.rows[0].problem)
    assert (desk.state.rows[0].problem, desk.state.rows[0].hint) == ("It does not fit.", "Take a smaller one.")
    desk.load(desk_model.id)
    pump(lambda: not desk.state.rows[0].problem and not desk.state.rows[0].is_loading)


def test_unloading(desk: ModelsDesk, measured: Any, desk_model: Model, host: Any, pump: Any) -> None:
    running = host(engine(desk_model.path.absolute()))
    measured()
    desk.unload(desk_model.id)
    pump(lambda: not desk.state.rows[0].is_loaded)
    assert running.unloaded == [str(desk_model.path.absolute())]


def test_what_answers_somebody_is_not_unloaded(
    desk: ModelsDesk, measured: Any, desk_model: Model, host: Any, pump: Any, background: Background,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    errors: list[Error] = []
    monkeypatch.setattr(background, "on_error", errors.append)
    host(engine(desk_model.path.absolute(), in_use=True))
    assert measured()[0].in_use
    desk.unload(desk_model.id)
    pump(lambda: errors)
    assert errors[0].kind == "engine-in-use"


def test_the_default_can_be_chosen(
    desk: ModelsDesk, measured: Any, desk_app: App, desk_model: Model, make_gguf: Any, pump: Any, own_home: Path
) -> None:
    other = import_model(desk_app.catalogue, make_gguf("o.gguf", seed=6), how="in-place", model_id="other").model
    assert {row.id: row.is_default for row in measured()} == {desk_model.id: False, other.id: True}
    desk.set_default(desk_model.id)
    pump(lambda: {row.id: row.is_default for row in desk.state.rows}[desk_model.id])
    assert not (own_home / "settings.toml").exists()
    (own_home / "settings.toml").write_text(f'[chat]\nmodel = "{desk_model.id}"\n')
    desk.set_default(other.id)
    pump(lambda: {row.id: row.is_default for row in desk.state.rows}[other.id])
    assert f'model = "{other.id}"' in (own_home / "settings.toml").read_text()


def test_a_removed_model_can_be_brought_back(
    desk: ModelsDesk, measured: Any, desk_app: App, desk_model: Model, mailbox: Any
) -> None:
    (row,) = measured()
    desk.remove(desk_model.id)
    assert desk.state.rows == () and desk.state.undo == f"“{row.label}” will be removed."
    desk.undo()
    assert [one.id for one in desk.state.rows] == [desk_model.id] and not desk.state.undo
    assert desk_app.catalogue.find(desk_model.id)


def test_a_removed_model_is_gone_after_a_while(
    desk: ModelsDesk, measured: Any, desk_app: App, make_gguf: Any, pump: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models_desk, "UNDO_S", 0.05)
    mine = import_model(desk_app.catalogue, make_gguf("mine.gguf"), how="copy").model
    changes: list[int] = []
    desk.on_changed = lambda: changes.append(1)
    measured()
    desk.remove(mine.id)
    pump(lambda: not desk_app.catalogue.list())
    assert not mine.path.exists()
    pump(lambda: changes and not desk.state.undo)


def test_a_removal_is_done_when_the_page_ends(
    background: Background, view: View, memory: Any, desk_app: App, desk_model: Model, pump: Any
) -> None:
    desk = ModelsDesk(background, view)
    desk.refresh()
    pump(lambda: desk.state.rows)
    desk.remove(desk_model.id)
    desk.close()
    pump(lambda: not desk_app.catalogue.list())
    assert desk_model.path.exists()  # it was used in place


def test_imports_and_downloads_are_jobs(desk: ModelsDesk, pump: Any, tmp_path: Path) -> None:
    seen: list[Any] = []
    started: list[Any] = []
    desk.on_job = seen.append
    desk.import_file(tmp_path / "a.gguf", started.append)
    pump(lambda: len(seen) == 1)
    desk.download("org/repo:Q4_K_M", started.append)
    pump(lambda: len(seen) == 2)
    assert started == seen and [job.kind for job in seen] == ["model-import", "model-download"]
    assert seen[0].arguments["path"] == str(tmp_path / "a.gguf") and seen[0].arguments["how"] == "copy"
    assert seen[1].arguments["endpoint"] == "https://huggingface.co" and "org/repo" in seen[1].title


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> None:
    """A repository, without a network."""
    files = (
        HubFile("big-Q8_0.gguf", 60 * _GB),
        HubFile("mmproj-big.gguf", _GB),
        HubFile("small-Q4_K_M.gguf", 2 * _GB),
        HubFile("split/huge-Q6_K-00001-of-00002.gguf", 30 * _GB),
        HubFile("split/huge-Q6_K-00002-of-00002.gguf", 30 * _GB),
    )
    monkeypatch.setattr("rushlight.assistant.models.download.Hub.files", lambda _self, _name: files)


def test_a_download_is_told_before_it_begins(desk: ModelsDesk, pump: Any, hub: None) -> None:
    plans: list[Any] = []
    desk.download_plan("org/repo", plans.append)
    pump(lambda: plans)
    plan = plans[0]
    assert (plan.repository, plan.origin, plan.problem) == ("org/repo", "huggingface.co", "")
    assert [(one.name, one.size_bytes, one.fits) for one in plan.choices] == [
        ("small-Q4_K_M.gguf", 2 * _GB, "yes"),
        ("big-Q8_0.gguf", 60 * _GB, "no"),
        ("huge-Q6_K-00001-of-00002.gguf", 60 * _GB, "no"),
    ]
    assert plan.chosen == 0 and plan.choices[0].reference == "hf://org/repo/small-Q4_K_M.gguf"
    assert plan.choices[1].fit_text == "needs 69.0 GB, 20.0 GB free"


def test_a_name_that_means_nothing_there_leaves_the_choice(desk: ModelsDesk, pump: Any, hub: None) -> None:
    plans: list[Any] = []
    desk.download_plan("org/repo:Q2_K", plans.append)
    pump(lambda: plans)
    assert plans[0].chosen == -1 and plans[0].problem and len(plans[0].choices) == 3


def test_a_name_that_is_none_is_an_error_for_its_caller(desk: ModelsDesk, pump: Any) -> None:
    errors: list[Error] = []
    desk.download_plan("nonsense", lambda _plan: None, errors.append)
    pump(lambda: errors)
    assert errors[0].kind == "bad-hub-name"


def test_the_card_and_its_options(
    desk: ModelsDesk, measured: Any, desk_model: Model, pump: Any, background: Background,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    measured()
    cards: list[Any] = []

    def card() -> Any:
        cards.clear()
        desk.card(desk_model.id, cards.append)
        pump(lambda: cards)
        return cards[0]

    first = card()
    assert dict(first.facts)["Id"] == desk_model.id and first.row.fits == "yes"
    desk.set_card_options(desk_model.id, {"temperature": "0.7", "top_k": "40"})
    pump(lambda: ("temperature", "0.7", "user") in card().sampling)
    desk.set_card_options(desk_model.id, {"temperature": None, "top_k": ""})
    pump(lambda: not [one for one in card().sampling if one[2] == "user"])
    errors: list[Error] = []
    monkeypatch.setattr(background, "on_error", errors.append)
    desk.set_card_options(desk_model.id, {"temperature": "hot"})
    pump(lambda: errors)
    assert errors[0].kind == "bad-sampling"


def test_models_of_other_programs_are_found(
    desk_app: App, desk_model: Model, tmp_path: Path, make_gguf: Any, monkeypatch: pytest.MonkeyPatch, memory: Any
) -> None:
    from rushlight import Stop

    home = tmp_path / "somebody"
    for place in (".lmstudio/models/org/model", "Downloads"):
        (home / place).mkdir(parents=True)
        make_gguf().rename(home / place / "it.gguf")
    monkeypatch.setattr(Path, "home", lambda: home)
    for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME", "HF_HOME", "HF_HUB_CACHE", "OLLAMA_MODELS", "LLAMA_CACHE"):
        monkeypatch.delenv(name, raising=False)
    found = [one for one in find_on_disk(desk_app, Stop()) if home in one.path.parents]
    assert {(one.origin, one.name) for one in found} == {("LM Studio", "it"), ("Downloads", "it")}
    assert all(one.fits == "yes" and not one.is_known for one in found)


def test_it_follows_the_catalogue(desk: ModelsDesk, measured: Any, desk_app: App, make_gguf: Any, pump: Any) -> None:
    measured()
    changes: list[float] = []
    desk.on_changed = lambda: changes.append(time.time())
    import_model(desk_app.catalogue, make_gguf("new.gguf"), how="in-place")
    pump(lambda: desk.state.rows and desk.state.rows[0].fits == "yes")
    assert changes


# --- what loading takes ---------------------------------------------------------------------------------------------
def load_plan(state: str, **values: Any) -> LoadPlan:
    given: dict[str, Any] = {
        "main_bytes": 3 * _GB, "parked_bytes": 0, "card_bytes": 0, "weights_bytes": 2 * _GB, "context_bytes": _GB,
        "compute_bytes": 0, "n_ctx": 4096, "gpu_layers": 0, "n_layers": 0, "free_bytes": 4 * _GB,
        "free_card_bytes": 0, "reserve_bytes": 0, "budget_bytes": 0,
    }  # fmt: skip
    return LoadPlan("tiny", state, **{**given, **values})


@pytest.mark.parametrize("state", ["fits", "unloads", "does-not-fit"])
def test_loading_that_costs_something_is_asked_first(
    desk: ModelsDesk, measured: Any, desk_model: Model, pump: Any, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    holders = (Holder("other <model>", _GB, 0, False, 5.0, state == "unloads"),)
    found = load_plan(state, holders=holders, message="It needs 3 GB.", hint="Lower the context.")
    loaded: list[str] = []
    monkeypatch.setattr(models_desk, "plan_of", lambda _app, model_id, label: plan_row(found, model_id, label))
    monkeypatch.setattr(desk, "load", loaded.append)
    measured()
    desk.wish_to_load(desk_model.id)
    if state == "fits":
        pump(lambda: loaded)
        assert loaded == [desk_model.id] and desk.state.plan is None
        return
    pump(lambda: desk.state.plan is not None)
    plan = desk.state.plan
    assert plan is not None and plan.state == state and not loaded
    wanted = "other <model> is unloaded" if state == "unloads" else "It needs 3 GB. Lower the context."
    assert wanted in plan.sentence and "4,096 tokens of context" in plan.lines[0]
    desk.leave_plan()
    assert desk.state.plan is None


def test_how_a_loaded_model_runs(measured: Any, desk_model: Model, host: Any) -> None:
    host(msgspec.structs.replace(engine(desk_model.path.absolute(), in_use=True), decode_per_s=52.4))
    (row,) = measured()
    assert row.speed_now == pytest.approx(52.4) and "last answer 52 tok/s" in row.live_text
    assert "answers 1 user" in row.live_text


def test_load_options_are_checked_and_taken_back(
    desk: ModelsDesk, measured: Any, desk_app: App, desk_model: Model, pump: Any, background: Background
) -> None:
    measured()
    desk.set_load_options(desk_model.id, {"context": "2048", "kv_type": "q8_0"})
    pump(lambda: dict(desk_app.catalogue.find(desk_model.id).load) == {"context": "2048", "kv_type": "q8_0"})
    desk.set_load_options(desk_model.id, {"kv_type": None})
    pump(lambda: dict(desk_app.catalogue.find(desk_model.id).load) == {"context": "2048"})
    cards: list[Any] = []
    desk.card(desk_model.id, cards.append)
    pump(lambda: cards)
    assert cards[0].load == (("context", "2048"),)
    assert {one.name for one in load_options()} == set(OPTIONS)
