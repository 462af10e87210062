"""The jobs of quantization, run here without a host: what they come to, and how they go on after they were killed."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import pytest

from rushlight import Error, Stop
from rushlight.assistant.app import App, open_app
from rushlight.assistant.events import Notice
from rushlight.assistant.jobs.kind import JobContext, JobResult, checked_arguments
from rushlight.assistant.jobs.kinds import quant_parts, quant_plan
from rushlight.assistant.jobs.registry import find_kind
from rushlight.quant import calibrating, imatrix
from rushlight.quant.gguf_check import check
from rushlight.quant.proof_file import read_proof

TEXT = "the capital of France is Paris and the world is a user of words "


class Killed(Exception):
    """The process of the job died here."""


class Bench:
    """Runs jobs as their process does, with the checkpoint that the last run has left."""

    def __init__(self, app: App, folder: Path) -> None:
        self.app, self.folder = app, folder
        self.saved: str | None = None
        self.n_saved = 0
        self.notices: list[str] = []
        folder.mkdir()

    def run(self, kind: str, *, die_at: int = 0, **arguments: Any) -> dict[str, Any]:
        self.n_saved, self.notices = 0, []

        def save(checkpoint: str) -> None:
            self.saved = checkpoint
            self.n_saved += 1
            if self.n_saved == die_at:
                raise Killed

        found = find_kind(kind)
        context = JobContext(
            self.app, "id", self.folder, Stop(), checkpoint=self.saved, tell=lambda _: None, save=save,
            further=lambda: None,
        )  # fmt: skip
        checked = checked_arguments(found, {"n_threads": 1, **arguments})
        assert found.title(checked)
        for event in found.run(context, checked):
            if isinstance(event, Notice):
                self.notices.append(event.text)
            if isinstance(event, JobResult):
                json.dumps(event.value)
                return event.value
        raise AssertionError("no result")


@pytest.fixture
def bench(own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    kwdefaults: Any = calibrating.collect_in_parts.__kwdefaults__
    monkeypatch.setitem(kwdefaults, "part_chars", 4000)
    with open_app(host="in-process") as app:
        yield Bench(app, tmp_path / "job")


@pytest.fixture
def wide(gguf_builder: ModuleType, tmp_path: Path) -> Path:
    path: Path = gguf_builder.tiny_llama_gguf(tmp_path / "m.gguf", n_embd=256, n_ff=256, n_layers=1)
    return path


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    path = tmp_path / "notes.txt"
    path.write_text(TEXT * 300)
    return path


PARTS: tuple[Literal["calibrate"], Literal["evaluate"]] = ("calibrate", "evaluate")


def chat(app: App, n: int) -> None:
    for number in range(n):
        made = app.conversations.create(f"Chat {number}")
        first = app.conversations.append(made.id, None, "user", f"{number} {TEXT * 10}")
        app.conversations.append(made.id, first.id, "assistant", f"{TEXT * 12} {number}")


def test_a_killed_calibration_goes_on(bench: Bench, tiny_gguf: Path, notes: Path, tmp_path: Path) -> None:
    given = {"model": str(tiny_gguf), "target": str(tmp_path / "i.gguf"), "texts": [str(notes)], "n_tokens": 8192}
    with pytest.raises(Killed):
        bench.run("quant-calibrate", die_at=2, **given)
    assert not (tmp_path / "i.gguf").exists()
    gone_on = bench.run("quant-calibrate", **given)
    assert bench.n_saved == 3, "the first two of five parts were not done again"
    bench.saved = None
    whole = bench.run("quant-calibrate", **{**given, "target": str(tmp_path / "whole.gguf"), "old_form": True})
    assert gone_on["windows"] == whole["windows"] >= 5
    one, other = imatrix.read(tmp_path / "i.gguf"), imatrix.read(tmp_path / "whole.gguf")
    assert set(one.entries) == set(other.entries)
    assert one.datasets == ("notes.txt",)


def test_a_killed_quantization_goes_on_and_so_does_its_proof(
    bench: Bench, tiny_gguf: Path, notes: Path, tmp_path: Path
) -> None:
    given = {
        "source": str(tiny_gguf), "target": str(tmp_path / "q.gguf"), "type_name": "Q4_0", "method": "gptq",
        "texts": [str(notes)],
    }  # fmt: skip
    with pytest.raises(Killed):
        bench.run("quant-make", die_at=4, **given)
    kept = sorted((bench.folder / "tensors").iterdir())
    assert len(kept) == 4 and not (tmp_path / "q.gguf").exists()
    with pytest.raises(Killed):  # the next ten tensors, then the file: it dies before the proof
        bench.run("quant-make", die_at=11, **given)
    assert (tmp_path / "q.gguf").exists() and read_proof(tmp_path / "q.gguf") is None
    made = (tmp_path / "q.gguf").stat().st_mtime_ns
    result = bench.run("quant-make", **given)
    assert (tmp_path / "q.gguf").stat().st_mtime_ns == made
    assert result["proof"]["state"] == "passed" and result["types"]["Q4_0"] > 10
    assert read_proof(tmp_path / "q.gguf", with_digest=True) is not None
    assert not (bench.folder / "tensors").exists()


def test_scales_are_folded_in_once_and_the_proof_knows_them(
    bench: Bench, tiny_gguf: Path, notes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)  # it is found without
    given = {
        "source": str(tiny_gguf), "target": str(tmp_path / "q.gguf"), "type_name": "Q4_0", "method": "smoothquant",
        "texts": [str(notes)],
    }  # fmt: skip
    with pytest.raises(Killed):
        bench.run("quant-make", die_at=4, **given)
    scales = (bench.folder / "scales.npz").read_bytes()
    result = bench.run("quant-make", **given)
    assert (bench.folder / "scales.npz").read_bytes() == scales
    assert result["proof"]["state"] == "passed" and result["types"]["Q4_0"] > 10
    keys = [key for key in check(tmp_path / "q.gguf").metadata if key.startswith("rushlight.scale.blk.")]
    assert keys
    bench.saved = None
    again = bench.run("quant-make", **{**given, "source": given["target"], "target": str(tmp_path / "again.gguf"),
                                       "type_name": "Q8_0", "method": "search"})  # fmt: skip
    assert again["proof"]["state"] == "passed", "the scales of its source are not its own"
    assert not [key for key in check(tmp_path / "again.gguf").metadata if key.startswith("rushlight.scale.")]


def test_where_no_scale_passes_nothing_is_calibrated_first(
    bench: Bench, gguf_builder: ModuleType, notes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibrating, "collect_in_parts", lambda *_, **__: pytest.fail("calibrated"))
    source = gguf_builder.tiny_bert_gguf(tmp_path / "bert.gguf")
    with pytest.raises(Error) as refused:
        bench.run("quant-make", source=str(source), target=str(tmp_path / "q.gguf"), type_name="Q4_0",
                  method="smoothquant", texts=[str(notes)])  # fmt: skip
    assert refused.value.kind == "unsupported"


def test_for_my_use(bench: Bench, wide: Path, tmp_path: Path) -> None:
    given = {"source": str(wide), "target": str(tmp_path / "q.gguf"), "type_name": "Q4_K_S", "for_my_use": True}
    with pytest.raises(Error, match="are needed to tell what you use a model for"):
        bench.run("quant-make", **given)
    chat(bench.app, 12)
    result = bench.run("quant-make", **given)
    assert 0 < result["own_use"]["divergence"] < 1 and result["own_use"]["positions"] > 100
    compared = bench.run("quant-compare", reference=str(wide), others=[given["target"]], chats=True, speed=False)
    assert compared["text"] == "chats"
    assert compared["models"][1]["divergence"] == pytest.approx(result["own_use"]["divergence"])


def test_for_my_use_of_documents(bench: Bench, wide: Path, tmp_path: Path) -> None:
    papers = tmp_path / "papers"
    papers.mkdir()
    for number in range(9):
        (papers / f"{number}.md").write_text(f"Paper {number}. {TEXT * 20}")
    (papers / "scan.png").write_bytes(b"\0PNG")
    given = {"source": str(wide), "target": str(tmp_path / "q.gguf"), "type_name": "Q4_K_S", "for_my_use": True}
    with pytest.raises(Error, match="Name files by --documents"):
        bench.run("quant-make", texts=[str(papers)], **given)
    result = bench.run("quant-make", documents=[str(papers)], **given)
    assert result["own_use"]["text"] == "papers" and 0 < result["own_use"]["divergence"] < 1
    chat(bench.app, 12)
    both = quant_parts.text_for(bench.app, [], True, "calibrate", [str(papers)])
    assert both[1] == "chats, papers" and "Paper" in both[0] and "Chat" not in both[1]
    looked_at = quant_parts.text_for(bench.app, [], True, "evaluate", [str(papers)])[0]
    assert not {one for one in both[0].split("\n") if len(one) > 40} & set(looked_at.split("\n"))


@pytest.mark.parametrize("break_", ["\n\n", " "])
def test_one_short_document_is_dealt_out_too(bench: Bench, tmp_path: Path, break_: str) -> None:
    paper = tmp_path / "paper.md"
    paper.write_text(break_.join(f"Sentence {number} of a short paper that says little." for number in range(120)))
    one, other = (quant_parts.text_for(bench.app, [], False, part, [str(paper)])[0] for part in PARTS)
    assert len(one) > 2 * len(other) > 1000
    paper.write_text("Too little.")
    with pytest.raises(Error, match="Your documents hold 11 letters"):
        quant_parts.text_for(bench.app, [], False, "calibrate", [str(paper)])


def test_llama_cpps_own_stands_beside_it(bench: Bench, wide: Path, notes: Path, tmp_path: Path) -> None:
    made = bench.run("quant-make", source=str(wide), target=str(tmp_path / "q.gguf"), type_name="Q4_K_S", prove=False)
    given = {"reference": str(wide), "others": [made["path"]], "texts": [str(notes)], "speed": False}
    compared = bench.run("quant-compare", with_llama=True, plot=str(tmp_path / "p.svg"), **given)
    _, ours, theirs = compared["models"]
    assert theirs["by_llama"] and not ours["by_llama"]
    assert theirs["size_bytes"] == ours["size_bytes"] and theirs["type"] == ours["type"]
    assert theirs["divergence"] != ours["divergence"]
    assert "llama.cpp at the same size" in (tmp_path / "p.svg").read_text()
    assert not list(bench.folder.glob("llama-*.gguf"))


def test_calibration_and_evaluation_share_no_chat(bench: Bench) -> None:
    chat(bench.app, 12)
    one, _ = quant_parts.text_for(bench.app, [], True, "calibrate")
    other, _ = quant_parts.text_for(bench.app, [], True, "evaluate")
    pieces = set(one.split("\n\n")) & set(other.split("\n\n"))
    assert not pieces and len(one) > 2 * len(other)


def test_a_killed_plan_goes_on(
    bench: Bench, wide: Path, notes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rushlight.quant.plan._AT_ONCE", 3)
    given = {
        "model": str(wide), "target": str(tmp_path / "p.json"), "like": "Q4_K_M", "texts": [str(notes)], "n_windows": 1
    }  # fmt: skip
    with pytest.raises(Killed):
        bench.run("quant-plan", die_at=1, **given)
    assert len(json.loads(bench.saved or "")) == 3
    result = bench.run("quant-plan", **given)
    assert len(result["groups"]) == 9 and bench.n_saved == 2
    assert result["size_bytes"] <= result["budget_bytes"]
    assert list((bench.folder / "trials").iterdir()) == []


def test_budgets(tiny_gguf: Path) -> None:
    def budget(**more: Any) -> int:
        return quant_plan.budget_of(quant_plan.QuantPlan(str(tiny_gguf), "p.json", **more))

    assert budget(size_bytes=5_000_000) == 5_000_000
    small, large = budget(card_bytes=8_000_000_000, n_ctx=512), budget(card_bytes=8_000_000_000, n_ctx=2048)
    assert large < small < 8_000_000_000 - quant_plan.CARD_RESERVE_BYTES
    assert budget(like="Q4_0") < budget(like="Q8_0")
    for wrong in ({}, {"card_bytes": 1000}):
        with pytest.raises(Error):
            budget(**wrong)


def test_a_conversion_that_fails_its_proof_says_so(bench: Bench, tiny_gguf: Path, tmp_path: Path) -> None:
    pytest.importorskip("tokenizers")
    unpacked = bench.run("quant-unpack", source=str(tiny_gguf), target=str(tmp_path / "hf"))
    assert unpacked["proof"]["state"] == "passed"
    bench.saved = None
    given = {"source": str(tmp_path / "hf"), "target": str(tmp_path / "c.gguf"), "type_name": "Q8_0"}
    with pytest.raises(Killed):
        bench.run("quant-convert", die_at=1, **given)
    data = bytearray((tmp_path / "c.gguf").read_bytes())
    data[-20_000:-10_000] = bytes(10_000)  # a disk that loses a page
    (tmp_path / "c.gguf").write_bytes(data)
    result = bench.run("quant-convert", **given)
    assert result["proof"]["state"] == "failed"
    assert any("is not to be used" in notice for notice in bench.notices)
