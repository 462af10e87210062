"""Files whose proof failed are marked and not served; what was proved goes with a copy."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from rushlight import Error
from rushlight.assistant.app import App
from rushlight.assistant.engine.engine import FakeEngine
from rushlight.assistant.engine.request import LoraUse
from rushlight.assistant.models import quick_check
from rushlight.assistant.models.catalogue import Catalogue
from rushlight.assistant.models.importing import import_model
from rushlight.assistant.paths import Paths
from rushlight.assistant.settings import Settings, load_settings
from rushlight.quant.proof_file import Check, Proof, digest_of, proof_path, read_proof, refusal_of, write_proof

Maker = Callable[..., Path]


@pytest.fixture
def file(make_gguf: Maker) -> Path:
    return make_gguf("made.gguf")


def mark(path: Path, passed: bool) -> None:
    size, digest = digest_of(path)
    checks = tuple(Check(name, passed, f"The {name} differ.", {}) for name in ("tokens", "logits"))
    write_proof(path, Proof(path.name, size, digest, "F32", "source", checks))


def test_a_failed_file_is_not_taken_in(file: Path, catalogue: Catalogue) -> None:
    mark(file, passed=False)
    with pytest.raises(Error, match=r"The tokens differ") as refused:
        import_model(catalogue, file)
    assert refused.value.kind == "failed-proof"
    assert catalogue.list() == ()


@pytest.mark.parametrize("how", ["copy", "move", "in-place"])
def test_a_passed_proof_goes_with_the_model_and_goes_with_it(file: Path, catalogue: Catalogue, how: str) -> None:
    mark(file, passed=True)
    model = import_model(catalogue, file, how=how).model  # type: ignore[arg-type]
    found = read_proof(model.path, with_digest=True)
    assert found is not None and found.passed and found.file == model.path.name
    assert proof_path(file).exists() == (how != "move")
    catalogue.remove(model.id)
    assert proof_path(model.path).exists() == (how == "in-place")
    assert how == "in-place" or list(catalogue.paths.models.rglob("*")) == []


def test_a_model_that_failed_later_is_not_served(file: Path, catalogue: Catalogue, paths: Paths) -> None:
    model = import_model(catalogue, file).model
    quick_check(model)
    mark(model.path, passed=False)
    with pytest.raises(Error) as refused:
        quick_check(model)
    assert refused.value.kind == "failed-proof" and "rushlight quant proof" in (refused.value.hint or "")

    def engine(*_: object) -> FakeEngine:
        raise AssertionError("it was loaded")

    with App(paths, load_settings(paths), catalogue=catalogue, open_engine=engine) as app:
        with pytest.raises(Error) as refused:
            list(app.ask("Hello", model=model))
        assert refused.value.kind == "failed-proof"
    mark(model.path, passed=True)
    quick_check(model)


def test_a_marked_adapter_is_not_applied(file: Path, catalogue: Catalogue, paths: Paths, tmp_path: Path) -> None:
    model = import_model(catalogue, file).model
    adapter = tmp_path / "adapter.gguf"
    adapter.write_bytes(b"lora")
    mark(adapter, passed=False)
    settings: Settings = load_settings(paths)
    with App(paths, settings, catalogue=catalogue, open_engine=lambda *_: FakeEngine(["Hi"])) as app:
        with pytest.raises(Error) as refused:
            list(app.ask("Hello", model=model, lora=[LoraUse(str(adapter))]))
        assert refused.value.kind == "failed-proof"


def test_a_file_made_anew_is_another_one_and_a_copy_is_the_same(file: Path, tmp_path: Path) -> None:
    mark(file, passed=False)
    assert refusal_of(file) is not None
    later = proof_path(file).stat().st_mtime_ns + 10**9
    data = bytearray(file.read_bytes())
    os.utime(file, ns=(later, later))
    assert refusal_of(file) is not None, "touched, the same bytes"
    data[-1] ^= 1
    file.write_bytes(data)
    os.utime(file, ns=(later, later))
    assert refusal_of(file) is None
    shutil.rmtree(tmp_path)
    assert refusal_of(file) is None


def test_a_folder_has_a_proof_too(tmp_path: Path) -> None:
    folder = tmp_path / "hf"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    mark(folder, passed=True)
    assert read_proof(folder, with_digest=True) is not None
    (folder / "config.json").write_text("[]")
    assert read_proof(folder, with_digest=True) is None
    (folder / "more").write_text("x")
    assert read_proof(folder) is None
