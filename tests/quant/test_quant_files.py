"""Texts, plans, kept tensors, kept comparisons and matrices in parts: what lies in files between two processes."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rushlight import Error, Stop
from rushlight.quant import calibrating, compare, ggml, imatrix, quantize, texts
from rushlight.quant.gptq import ErrorFeedback
from rushlight.quant.kept_rows import KeptRows
from rushlight.quant.plan import Plan
from rushlight.quant.plan_file import read_plan, write_plan

TEXT = "the capital of France is Paris and the world is a user of words " * 60


# ---------------------------------------------------------------- texts
def test_texts_of_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("one")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.py").write_text("two")
    (tmp_path / "sub" / "c.bin").write_bytes(b"\0\1")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "d.txt").write_text("three")
    assert texts.read_texts([tmp_path]) == "one\ntwo"
    assert texts.read_texts([tmp_path / "sub" / "b.py", tmp_path / "a.md"]) == "two\none"
    for path in (tmp_path / "sub" / "c.bin", tmp_path / "none.txt"):
        with pytest.raises(Error):
            texts.read_texts([path])
    (tmp_path / "empty").mkdir()
    with pytest.raises(Error, match="There is no text in"):
        texts.read_texts([tmp_path / "empty"])


def test_the_sample_keeps_calibration_and_evaluation_apart() -> None:
    one, other = texts.sample_text("calibrate"), texts.sample_text("evaluate")
    assert len(one) > 2 * len(other) > 100_000
    lines = {line for line in one.splitlines() if len(line) > 60}
    assert len([line for line in other.splitlines() if len(line) > 60 and line in lines]) < 20


def test_pieces_lose_nothing() -> None:
    text = "\n\n".join(f"paragraph {i} " * 40 for i in range(50))
    pieces = texts.pieces_of(text)
    assert "\n\n".join(pieces) == text and len(pieces) > 4
    kept = texts.split_text(pieces)
    assert sum(map(len, kept)) >= len(text) - 2 * len(pieces)


# ---------------------------------------------------------------- plans
def test_plans_are_kept(tmp_path: Path) -> None:
    plan = Plan({"a": "Q4_0", "b": "Q6_K"}, 1234, 0.25, {"a 1/3": 0.1})
    write_plan(plan, tmp_path / "p.json", "model.gguf")
    assert read_plan(tmp_path / "p.json") == plan


@pytest.mark.parametrize(
    "said", ["", "[]", "{}", '{"version": 1, "types": {}}', '{"version": 2, "types": {"a": "Q4_0"}}',
             '{"version": 1, "types": {"a": "Q4_9"}}', '{"version": 1, "types": {"a": ["Q4_0"]}}', "[" * 100_000]
)  # fmt: skip
def test_bad_plans_are_refused(tmp_path: Path, said: str) -> None:
    (tmp_path / "p.json").write_text(said)
    with pytest.raises(Error) as refused:
        read_plan(tmp_path / "p.json")
    assert refused.value.kind == "bad-file"


# ---------------------------------------------------------------- what can go on
def test_a_matrix_in_parts_is_the_matrix_of_all_and_goes_on(tiny_gguf: Path, tmp_path: Path) -> None:
    given: dict[str, Any] = {"n_ctx": 32, "part_chars": 900}
    saved: list[int] = []
    whole = calibrating.collect_in_parts(tiny_gguf, TEXT, tmp_path, on_part=saved.append, **given)
    assert saved == [1, 2, 3, 4, 5]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["part-5.gguf"]
    parts = [imatrix.collect(tiny_gguf, TEXT[i : i + 900], n_ctx=32) for i in range(0, len(TEXT), 900)]
    expected = imatrix.ImportanceMatrix()
    for one in parts:
        calibrating.add(expected, one)
    for name, entry in expected.entries.items():
        np.testing.assert_allclose(whole.entries[name].sums, entry.sums, rtol=1e-5)
        assert (whole.entries[name].counts == entry.counts).all()

    def end(n_parts: int) -> None:
        if n_parts == 2:
            raise Error("killed", kind="killed")

    with pytest.raises(Error, match="killed"):
        calibrating.collect_in_parts(tiny_gguf, TEXT, tmp_path / "x", on_part=end, **given)
    gone_on = calibrating.collect_in_parts(tiny_gguf, TEXT, tmp_path / "x", done_parts=2, **given)
    assert gone_on.n_chunks == whole.n_chunks
    np.testing.assert_allclose(gone_on.entries["output.weight"].sums, whole.entries["output.weight"].sums, rtol=1e-5)
    few = calibrating.collect_in_parts(tiny_gguf, TEXT, tmp_path / "y", most_windows=3, **given)
    assert few.n_chunks == 3


def test_no_text_is_said(tiny_gguf: Path, tmp_path: Path) -> None:
    with pytest.raises(Error, match="no text"):
        calibrating.collect_in_parts(tiny_gguf, "", tmp_path)


def test_kept_tensors_are_not_made_again(tiny_gguf: Path, tmp_path: Path) -> None:
    types = ggml.mixture_types(tiny_gguf, "Q4_0")
    given: dict[str, Any] = {"n_ctx": 32, "most_windows": 2}
    feedback = ErrorFeedback(tiny_gguf, TEXT, types, **given)
    quantize.make(tiny_gguf, tmp_path / "plain.gguf", "Q4_0", types=types, encoder=feedback)

    def end(n_kept: int) -> None:
        if n_kept == 3:
            raise Error("killed", kind="killed")

    kept = tmp_path / "kept"
    with pytest.raises(Error, match="killed"):
        encoder = KeptRows(ErrorFeedback(tiny_gguf, TEXT, types, **given), kept, end)
        quantize.make(tiny_gguf, tmp_path / "out.gguf", "Q4_0", types=types, encoder=encoder)
    assert len(list(kept.iterdir())) == 3 and not (tmp_path / "out.gguf").exists()
    encoder = KeptRows(ErrorFeedback(tiny_gguf, TEXT, types, **given), kept)
    quantize.make(tiny_gguf, tmp_path / "out.gguf", "Q4_0", types=types, encoder=encoder)
    assert encoder.n_kept == len(list(kept.iterdir())) - 3
    assert (tmp_path / "out.gguf").read_bytes() == (tmp_path / "plain.gguf").read_bytes()


def test_a_comparison_goes_on(tiny_gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rushlight.quant.compare_kept._EVERY_S", 0.0)
    four = tmp_path / "four.gguf"
    quantize.make(tiny_gguf, four, "Q4_0")
    given: dict[str, Any] = {"n_ctx": 64, "most_windows": 5}
    expected = compare.compare(tiny_gguf, [four], TEXT, **given)
    keep, stop, seen = tmp_path / "scores.npz", Stop(), []

    def on_progress(progress: Any) -> None:
        seen.append(progress.done)
        if progress.done == 3:
            stop.set()

    with pytest.raises(Error):
        compare.compare(tiny_gguf, [four], TEXT, keep=keep, stop=stop, on_progress=on_progress, **given)
    seen.clear()
    assert compare.compare(tiny_gguf, [four], TEXT, keep=keep, on_progress=on_progress, **given) == expected
    assert seen == [4, 5]
    keep.write_bytes(keep.read_bytes()[:-100])
    assert compare.compare(tiny_gguf, [four], TEXT, keep=keep, **given) == expected
    assert json.dumps(seen)
