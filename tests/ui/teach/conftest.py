"""A scripted model and trainer for the jobs behind `rushlight teach`, and a small shop to teach them."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import apsw
import pytest

from rushlight import Stop
from rushlight.assistant.app import App
from rushlight.assistant.engine.engine import FakeEngine
from rushlight.assistant.events import Finished, TextDelta, Usage
from rushlight.assistant.jobs.kind import JobContext, JobEvent, JobResult
from rushlight.assistant.models.importing import import_model
from rushlight.assistant.paths import find_paths
from rushlight.assistant.registry.values import NewRun
from rushlight.assistant.settings import load_settings
from rushlight.quant.proof_file import ADAPTER, Check, Proof, digest_of, write_proof
from rushlight.ui.work import kept_steps, practise, teach_start, teaching
from rushlight.ui.work import teach as teach_work
from rushlight.ui.work import train as train_work

Values = Callable[..., dict[str, Any]]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    path = tmp_path / "shop.db"
    db = apsw.Connection(str(path))
    db.execute("""
        CREATE TABLE customer (customer_id INTEGER PRIMARY KEY, name TEXT, city TEXT, joined_on TEXT);
        CREATE TABLE purchase (
            purchase_id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customer, total_eur REAL
        );
    """)
    for i in range(40):
        row = (i, f"Name {i}", ("Oslo", "Graz", "Bern")[i % 3], f"20{20 + i % 4}-0{1 + i % 9}-11")
        db.execute("INSERT INTO customer VALUES (?, ?, ?, ?)", row)
        db.execute("INSERT INTO purchase VALUES (?, ?, ?)", (i, i % 20, 10.5 * i))
    db.close()
    return path


class Pupil(FakeEngine):
    """Without an adapter it says nothing useful; with one it says what the suite holds to be right."""

    def __init__(self) -> None:
        super().__init__([])
        self.right: dict[str, str] = {}

    def generate(self, request: Any, stop: Stop) -> Iterator[Any]:
        asked = request.messages[-1].content.split("\n")[0]
        yield TextDelta(self.right.get(asked, "SELECT 1") if request.lora else "SELECT customer.name FROM customer")
        yield Usage(5, 0, 9)
        yield Finished("stop")


@pytest.fixture
def pupil() -> Pupil:
    return Pupil()


@pytest.fixture
def app(own_home: Path, tiny_gguf: Path, pupil: Pupil) -> Iterator[App]:
    paths = find_paths()
    with App(paths, load_settings(paths), open_engine=lambda _load, _stop, _progress: pupil) as opened:
        import_model(opened.catalogue, tiny_gguf, how="in-place")
        yield opened


class Kept:
    """A job's context that remembers its checkpoints."""

    def __init__(self, app: App, folder: Path, job_id: str) -> None:
        self.app, self.folder, self.saved, self.job_id = app, folder, None, job_id
        self.told: list[JobEvent] = []
        folder.mkdir(exist_ok=True)

    def context(self) -> JobContext:
        def save(text: str) -> None:
            self.saved = text  # type: ignore[assignment]

        return JobContext(
            self.app, self.job_id, self.folder, Stop(), checkpoint=self.saved, tell=self.told.append, save=save,
            further=lambda: None,
        )  # fmt: skip


@pytest.fixture
def begun(app: App, tmp_path: Path) -> Callable[..., Kept]:
    """begun("one", "job222222"): the context of a job with a folder of that name."""

    def begin(name: str, job_id: str = "job123456") -> Kept:
        return Kept(app, tmp_path / name, job_id)

    return begin


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch, gguf_builder: ModuleType, pupil: Pupil) -> list[Any]:
    """A trainer that makes a small adapter at once, and remembers what it was told."""
    monkeypatch.setattr(teaching, "need_trainer", lambda: None)
    told: list[Any] = []
    clock = [0.0]
    for module in (teach_work, kept_steps):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: clock[0]))

    def run(context: JobContext, arguments: Any) -> Iterator[Any]:
        told.append(arguments)
        out = Path(arguments.out)
        out.mkdir(parents=True, exist_ok=True)
        file = gguf_builder.tiny_lora_gguf(out / "taught-adapter.gguf")
        checks = (Check("weights", True, "", {}), Check("logits", True, "", {}))
        write_proof(file, Proof(file.name, *digest_of(file), ADAPTER, "adapter", checks))
        suite = context.folder / "suite.jsonl"
        for line in suite.read_text().splitlines()[1:] if suite.exists() else ():
            item = json.loads(line)
            if item["scorer"] == "sql-execution":
                pupil.right[item["prompt"]] = item["reference"]["sql"]
        clock[0] += 100.0
        context.save_checkpoint({"step": 5})
        base = context.app.model()
        context.app.registry.add_run(NewRun(context.job_id, out.name, base.sha256, base.id, folder=out, manifest={}))
        yield JobResult({"made": [{"path": str(file), "size_bytes": 1, "proof": None}], "proof": None,
                         "outcome": {"loss": 0.1, "held_out": None, "step": 9, "trained_tokens": 99}})  # fmt: skip

    monkeypatch.setattr(train_work.KIND, "run", run)
    monkeypatch.setattr(teaching, "step_seconds", lambda *_: (1.0, 0.0))
    return told


@pytest.fixture
def taught() -> Values:
    """taught(context, kind="database", ...): what the job of a teaching says at its end."""

    def teach(context: JobContext, **given: Any) -> dict[str, Any]:
        return _end(teach_work.KIND, context, teach_work.TeachArguments(model=context.app.model().id, **given))

    return teach


@pytest.fixture
def brought(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The adapters that teachings begin with, of rank 4."""
    found: list[Path] = []

    def bring(adapter: Any, _model: Any, folder: Path) -> None:
        found.append(adapter.path)
        folder.mkdir(exist_ok=True)
        settings = {"r": 4, "lora_alpha": 8, "target_modules": ["model.layers.0.self_attn.q_proj"]}
        (folder / "adapter_config.json").write_text(json.dumps(settings))

    monkeypatch.setattr(teach_start, "bring", bring)
    monkeypatch.setattr(practise, "bring", bring)
    return found


@pytest.fixture
def practised() -> Values:
    """practised(begun("practice"), examples=96): what the job of a practice says at its end. Without the way back."""

    def practice(kept: Kept, **given: Any) -> dict[str, Any]:
        given.setdefault("way_back", "without")
        return _end(practise.KIND, kept.context(), practise.PractiseArguments(model=kept.app.model().id, **given))

    return practice


def _end(kind: Any, context: JobContext, arguments: Any) -> dict[str, Any]:
    *_, last = kind.run(context, arguments)
    assert isinstance(last, JobResult)
    return last.value
