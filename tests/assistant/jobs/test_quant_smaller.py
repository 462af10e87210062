"""The job that makes a smaller model from start to end: its steps, going on after a break, and taking the file in."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest

from rushlight import Stop
from rushlight.assistant.app import App
from rushlight.assistant.events import Notice
from rushlight.assistant.jobs.kind import JobContext, JobEvent, JobResult
from rushlight.assistant.jobs.kinds import quant_calibrate, quant_make, quant_plan, quant_smaller
from rushlight.assistant.jobs.kinds.quant_smaller import QuantSmaller


@pytest.fixture
def context(app: App, tmp_path: Path) -> Callable[..., JobContext]:
    """context(checkpoint) of a job whose checkpoints are written down in `saved`."""

    def make(checkpoint: str | None = None) -> JobContext:
        folder = tmp_path / "job"
        folder.mkdir(exist_ok=True)
        return JobContext(
            app, "j", folder, Stop(), checkpoint=checkpoint, tell=lambda _event: None, save=saved.append,
            further=lambda: None,
        )  # fmt: skip

    saved: list[str] = []
    make.saved = saved  # type: ignore[attr-defined]
    return make


class Step:
    """A kind that writes down what it was told, saves a checkpoint, and ends as it should."""

    def __init__(self, result: dict[str, Any], told: list[Any], breaks: bool = False) -> None:
        self.result, self.told, self.breaks = result, told, breaks

    def run(self, context: JobContext, arguments: Any) -> Iterator[JobEvent]:
        self.told.append((arguments, context.checkpoint))
        yield Notice("sample", "No text was given.")
        context.save_checkpoint({"parts": 3})
        if self.breaks:
            self.breaks = False
            raise RuntimeError("killed")
        yield JobResult(self.result)

    def clean(self, context: JobContext, arguments: Any, *, for_good: bool) -> None:
        self.told.append(("clean", for_good))


def test_the_steps_and_going_on_after_a_break(context: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    failed = {"path": str(tmp_path / "t.gguf"), "proof": {"state": "failed"}}
    monkeypatch.setattr(quant_calibrate, "KIND", Step({"path": "m"}, told))
    monkeypatch.setattr(quant_plan, "KIND", Step({"expected_divergence": 0.25}, told))
    monkeypatch.setattr(quant_make, "KIND", Step(failed, told, breaks=True))
    wanted = QuantSmaller(source="/s.gguf", target=str(tmp_path / "t.gguf"), size_bytes=10**9, text="sample")
    with pytest.raises(RuntimeError):
        list(quant_smaller.KIND.run(context(), wanted))
    assert [type(one).__name__ for one, _ in told] == ["QuantCalibrate", "QuantPlan", "QuantMake"]
    assert told[1][0].imatrix == told[0][0].target and told[2][0].plan == told[1][0].target
    assert not told[2][0].for_my_use and not told[2][0].texts
    events = list(quant_smaller.KIND.run(context(context.saved[-1]), wanted))
    assert told[-1][1] == {"parts": 3} and len(told) == 4  # only the last step, from where it was
    (result,) = events
    assert isinstance(result, JobResult) and result.value["expected_divergence"] == 0.25
    assert "id" not in result.value  # what failed its proof is not taken in


@pytest.mark.parametrize(
    ("wanted", "calibrates", "own", "documents"),
    [
        ({"text": "none", "type_name": "Q8_0"}, False, False, []),
        ({"text": "chats", "type_name": "Q4_0"}, False, True, []),
        ({"text": "chats", "type_name": "Q4_0", "method": "ggml"}, True, False, []),
        ({"text": "files", "type_name": "Q4_0", "files": ["/a"], "method": "gptq"}, False, True, ["/a"]),
        ({"text": "files", "type_name": "Q4_0", "files": ["/a"]}, False, True, ["/a"]),
        ({"text": "files", "type_name": "Q4_0", "files": ["/a"], "method": "ggml"}, True, False, []),
    ],
)
def test_what_the_steps_are_told(context: Any, wanted: Any, calibrates: bool, own: bool, documents: list[str]) -> None:
    arguments = msgspec.convert({"source": "/s.gguf", "target": "/t.gguf", **wanted}, QuantSmaller)
    steps = quant_smaller._Steps(context(), arguments)
    making = steps.making()
    assert (steps.calibrates, making.for_my_use, making.documents) == (calibrates, own, documents)
    assert making.texts == [] and (not calibrates or steps.calibration().documents == wanted.get("files", []))
    assert bool(making.imatrix) == calibrates and making.plan == ""


def test_a_real_one_is_made_proven_and_taken_in(
    app: App, context: Any, gguf_builder: ModuleType, tmp_path: Path
) -> None:
    source = gguf_builder.tiny_llama_gguf(tmp_path / "m.gguf", n_embd=64, n_ff=128, n_layers=1)
    wanted = QuantSmaller(
        source=str(source), target=str(tmp_path / "t.gguf"), model_id="me/small@Q8_0", type_name="Q8_0", text="none",
        n_threads=1,
    )  # fmt: skip
    result = list(quant_smaller.KIND.run(context(), wanted))[-1]
    assert isinstance(result, JobResult)
    assert result.value["proof"]["state"] in ("passed", "partial") and result.value["id"] == "me/small@Q8_0"
    model = app.catalogue.find("me/small@Q8_0")
    assert model.owned and model.path.exists() and not (tmp_path / "t.gguf").exists()
    again = list(quant_smaller.KIND.run(context(context.saved[-1]), wanted))[-1]
    assert isinstance(again, JobResult) and again.value["id"] == "me/small@Q8_0"
