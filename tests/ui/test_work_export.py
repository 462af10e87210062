"""The job that hands an adapter out: every form of it, what is refused, and that weights are really added up."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rushlight import Error, Stop
from rushlight.assistant.app import App
from rushlight.assistant.jobs.kind import JobContext, JobResult
from rushlight.assistant.models.importing import import_model
from rushlight.assistant.paths import find_paths
from rushlight.assistant.registry.values import Adapter, NewAdapter
from rushlight.assistant.settings import load_settings
from rushlight.quant.adapters import gguf_products
from rushlight.quant.gguf_tensors import GgufTensors
from rushlight.quant.rows import whole
from rushlight.quant.safetensors_file import SafetensorsFile
from rushlight.ui.work.teach_export import KIND, ExportArguments, _Export


@pytest.fixture
def app(own_home: Path, tiny_gguf: Path) -> Iterator[App]:
    paths = find_paths()
    with App(paths, load_settings(paths)) as opened:
        import_model(opened.catalogue, tiny_gguf, how="in-place")
        yield opened


@pytest.fixture
def adapter(app: App, gguf_builder: Any, tmp_path: Path) -> Adapter:
    base = app.model()
    file = gguf_builder.tiny_lora_gguf(tmp_path / "lora.gguf")
    return app.registry.add_adapter(NewAdapter(file, "chat", base.sha256, base.id, name="mine"))


def run(app: App, tmp_path: Path, **given: Any) -> dict[str, Any]:
    context = JobContext(
        app, "job1", tmp_path / "job", Stop(), checkpoint=None, tell=lambda _event: None, save=lambda _said: None,
        further=lambda: None,
    )  # fmt: skip
    events = list(KIND.run(context, ExportArguments(**{"adapter": "mine", "prove": False, "n_threads": 1, **given})))
    assert not (tmp_path / "job" / "export").exists(), "what was in the way is gone"
    assert isinstance(events[-1], JobResult)
    return events[-1].value


def test_the_adapter_alone(app: App, adapter: Adapter, tmp_path: Path) -> None:
    target = tmp_path / "out.gguf"
    made = run(app, tmp_path, form="adapter", target=str(target))
    assert target.read_bytes() == adapter.path.read_bytes() and made["size_bytes"] == target.stat().st_size
    with pytest.raises(Error) as told:
        run(app, tmp_path, form="adapter", target=str(target))
    assert told.value.kind == "exists"
    run(app, tmp_path, form="adapter", target=str(target), replace=True)
    run(app, tmp_path, form="peft", target=str(tmp_path / "peft"))
    assert {one.name for one in (tmp_path / "peft").iterdir()} >= {"adapter_config.json", "adapter_model.safetensors"}


def test_merged_weights_are_the_sum(app: App, adapter: Adapter, tmp_path: Path) -> None:
    folder = tmp_path / "merged"
    made = run(app, tmp_path, form="folder", target=str(folder))
    assert made["type"] == "F16"
    products = gguf_products(adapter.path)
    name = next(one for one in products if "blk.1" in one)
    a, b, factor = products[name]
    with GgufTensors(app.model().path) as base:
        wanted = whole(base.tensors["blk.1.attn_q.weight"])
    with GgufTensors(_gguf(app, tmp_path)) as merged:
        found = whole(merged.tensors["blk.1.attn_q.weight"])
    assert np.abs(found - (wanted + factor * (b @ a))).max() < 2e-3 < np.abs(found - wanted).max()
    with SafetensorsFile(folder / "model.safetensors") as file:
        assert any("q_proj" in one for one in file.tensors)


def _gguf(app: App, tmp_path: Path) -> Path:
    target = tmp_path / "merged.gguf"
    run(app, tmp_path, form="gguf", target=str(target))
    return target


def test_a_merged_file_is_quantized_and_proven(app: App, adapter: Adapter, tmp_path: Path) -> None:
    made = run(app, tmp_path, form="gguf", type_name="q8_0", target=str(tmp_path / "small.gguf"), prove=True)
    assert made["type"] == "Q8_0" and made["proof"]["state"] == "passed"
    assert "serves" in {one["name"] for one in made["proof"]["checks"]}, "it answers as base and adapter do"
    made = run(app, tmp_path, form="folder", target=str(tmp_path / "whole"), prove=True)
    assert made["proof"]["state"] == "passed" and (tmp_path / "whole.proof.json").exists()


@pytest.mark.parametrize("form", ["peft", "gguf", "folder"])
def test_one_that_is_killed_while_it_is_proven_goes_on_with_the_proof(
    form: str, app: App, adapter: Adapter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[str] = []
    target = tmp_path / "out"

    def again() -> Any:
        context = JobContext(
            app, "job1", tmp_path / "job", Stop(), checkpoint=saved[-1] if saved else None,
            tell=lambda _event: None, save=saved.append, further=lambda: None,
        )  # fmt: skip
        asked = ExportArguments(adapter="mine", form=form, target=str(target), n_threads=1)  # type: ignore[arg-type]
        return list(KIND.run(context, asked))[-1]

    with monkeypatch.context() as broken:
        broken.setattr(_Export, f"_{form}_proof", lambda _self: (_ for _ in ()).throw(RuntimeError("the power")))
        with pytest.raises(RuntimeError, match="the power"):
            again()
    assert target.exists()
    if form == "gguf":
        shutil.rmtree(tmp_path / "job" / "export")  # and what it was made of is gone too
    made = again()
    assert isinstance(made, JobResult) and made.value["proof"]["state"] == "passed"
    assert not (tmp_path / "job" / "export").exists()


def test_what_is_refused(app: App, adapter: Adapter, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    for given, kind in (
        ({"form": "peft", "target": str(tmp_path / "there"), "replace": True}, "exists"),
        ({"form": "gguf", "target": str(tmp_path / "none" / "a.gguf")}, "bad-file"),
        ({"form": "folder", "target": str(tmp_path / "new"), "type_name": "Q8_0"}, "bad-arguments"),
        ({"form": "gguf", "target": str(tmp_path / "b.gguf"), "type_name": "Q9"}, "unknown-type"),
    ):
        with pytest.raises(Error) as told:
            run(app, tmp_path, **given)
        assert told.value.kind == kind, given
    app.store.execute("DELETE FROM models")
    with pytest.raises(Error) as told:
        run(app, tmp_path, form="gguf", target=str(tmp_path / "c.gguf"))
    assert told.value.kind == "model-not-found"
