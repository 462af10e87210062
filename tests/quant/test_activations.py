"""The native collector over real models: the same sums as ctypes and numpy; and what is known of ggml is looked at."""

import ctypes
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rushlight import Error
from rushlight.quant import activations, ggml, ggml_probe, imatrix
from rushlight.quant.activations import Activations, MomentKind
from rushlight.quant.ggml_tensor import Tensor
from rushlight.quant.gguf_check import check

TEXT = "the capital of France is Paris and the world is a user of words " * 30


def test_squares_equal_numpys_to_the_last_bit(tiny_gguf: Path) -> None:
    ours, plain = (imatrix.collect(tiny_gguf, TEXT, n_ctx=64, most_windows=3, by=by) for by in ("native", "numpy"))
    assert set(ours.entries) == set(plain.entries)
    for name, entry in plain.entries.items():
        assert np.array_equal(ours.entries[name].sums, entry.sums), name
        assert np.array_equal(ours.entries[name].counts, entry.counts)


def test_experts_of_a_model_are_counted_apart(make_gguf: Callable[..., Path]) -> None:
    path = make_gguf("experts.gguf", n_experts=4)
    ours, plain = (imatrix.collect(path, TEXT, n_ctx=64, most_windows=2, by=by) for by in ("native", "numpy"))
    assert set(ours.entries) == {one.name for one in check(path).tensors if len(one.shape) > 1} - {"token_embd.weight"}
    for name, entry in plain.entries.items():
        assert np.array_equal(ours.entries[name].sums, entry.sums), name
        assert np.array_equal(ours.entries[name].counts, entry.counts)
    routed = ours.entries["blk.0.ffn_up_exps.weight"]
    assert routed.sums.shape == (4, 64) and int(routed.counts.sum()) == 2 * 2 * 64, "two experts for each token"
    assert ours.entries["blk.0.ffn_down_exps.weight"].sums.shape == (4, 128)


def test_moments_of_both_agree_and_are_shared(tiny_gguf: Path) -> None:
    value = MomentKind(0.1, 1.0, 0.3)
    kinds = {
        "blk.0.attn_q.weight": MomentKind(), "blk.0.attn_k.weight": MomentKind(), "blk.0.attn_v.weight": value,
        "blk.1.ffn_down.weight": MomentKind(),
    }  # fmt: skip
    found = []
    for by in ("native", "numpy"):
        sums = Activations(moments=kinds, n_threads=2, by=by)  # type: ignore[arg-type]
        with ggml.RunningModel(tiny_gguf, n_ctx=64, activations=sums) as running:
            token_ids = running.tokenize(TEXT)
            for start in (0, 64):
                running.logits(token_ids[start : start + 64], 1)
        found.append(sums.take_moments())
    for moments in found:
        assert set(moments) == set(kinds)
        assert moments["blk.0.attn_q.weight"] is moments["blk.0.attn_k.weight"]
        assert moments["blk.0.attn_v.weight"] is not moments["blk.0.attn_q.weight"]
    for name in kinds:
        ours, plain = (moments[name] for moments in found)
        assert np.allclose(ours, plain, rtol=1e-4, atol=1e-3 * float(np.abs(plain).max()))


def test_a_model_that_answers_no_numbers_is_an_error(make_gguf: Callable[..., Path], raw: "object") -> None:
    for by in ("native", "numpy"):
        raw.tensor("blk.0.attn_norm.weight").data = np.full(64, np.nan, np.float32).tobytes()  # type: ignore[attr-defined]
        path = raw.write(make_gguf("nan.gguf"))  # type: ignore[attr-defined]
        with pytest.raises(Error, match=r"blk\.0\.attn_\w+\.weight are no finite numbers") as caught:
            imatrix.collect(path, TEXT, n_ctx=64, most_windows=1, by=by)  # type: ignore[arg-type]
        assert caught.value.kind == "bad-file"


def test_the_structure_of_this_ggml_is_as_expected() -> None:
    assert ggml._library().structure_problem == ""


class _Older:
    """ggml that says another version."""

    def __init__(self) -> None:
        self.ggml_version = lambda: b"0.9.4"


def test_another_ggml_is_not_read(monkeypatch: pytest.MonkeyPatch, tiny_gguf: Path) -> None:
    assert "0.9.4" in ggml_probe.structure_problem(_Older())  # type: ignore[arg-type]
    monkeypatch.setattr(ggml._library(), "structure_problem", "its ggml is 9")
    with pytest.raises(Error, match="its ggml is 9") as caught:
        imatrix.collect(tiny_gguf, TEXT, n_ctx=64)
    assert caught.value.kind == "no-engine"


def test_a_field_that_moved_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Moved(ctypes.Structure):
        _fields_ = (*Tensor._fields_[:5], ("new", ctypes.c_int64), *Tensor._fields_[5:])

    monkeypatch.setattr(ggml_probe, "Tensor", Moved)
    monkeypatch.setattr("rushlight.quant.ggml_tensor.Tensor", Moved)
    assert ggml_probe.structure_problem(ggml._library().ggml) != ""


def test_the_sums_are_those_of_numpy_without_a_compiler(monkeypatch: pytest.MonkeyPatch, tiny_gguf: Path) -> None:
    monkeypatch.setattr("rushlight.native.COMPILED", False)
    sums = activations.Activations(["blk.0.attn_q.weight"])
    with ggml.RunningModel(tiny_gguf, n_ctx=64, activations=sums) as running:
        running.logits(running.tokenize(TEXT)[:64], 1)
    assert sums.native is None
    assert int(sums.squares()["blk.0.attn_q.weight"].counts[0]) == 64
