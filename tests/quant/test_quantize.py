"""Quantized files: llama.cpp loads and runs them, metadata is kept, nothing half-made is left."""

import errno
import io
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rushlight import Error, Stop
from rushlight.quant import ggml, gptq, imatrix, quantize
from rushlight.quant.gguf_check import check
from rushlight.quant.gguf_tensors import GgufTensors
from rushlight.quant.gguf_values import LongArray
from rushlight.quant.rows import whole

TEXT = "the capital of France is Paris and the world is a user of words " * 30
Maker = Callable[..., Path]


@pytest.fixture(scope="module")
def wide(gguf_builder: "object", tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose rows divide by 256."""
    path: Path = gguf_builder.tiny_llama_gguf(  # type: ignore[attr-defined]
        tmp_path_factory.mktemp("wide") / "wide.gguf", n_embd=256, n_ff=512, n_vocab=1200
    )
    return path


@pytest.fixture(scope="module")
def matrix(wide: Path) -> imatrix.ImportanceMatrix:
    return imatrix.collect(wide, TEXT, n_ctx=64, most_windows=3)


_MIXTURES = ["Q2_K", "Q3_K_M", "Q4_0", "Q4_K_M", "Q5_K_S", "Q6_K", "Q8_0", "IQ4_NL", "IQ4_XS", "IQ2_XS", "F16"]


@pytest.mark.parametrize("mixture", _MIXTURES)
def test_same_types_size_and_keys_as_llama_cpps_own(
    mixture: str, wide: Path, matrix: imatrix.ImportanceMatrix, tmp_path: Path
) -> None:
    ours, theirs = tmp_path / "ours.gguf", tmp_path / "theirs.gguf"
    made = quantize.make(wide, ours, mixture, importance=matrix, n_threads=2)
    ggml.quantize_file(wide, theirs, mixture, matrix.all_importance())
    one, other = check(ours), check(theirs)
    assert {t.name: (t.type_name, t.shape) for t in one.tensors} == {
        t.name: (t.type_name, t.shape) for t in other.tensors
    }
    plain = {key: value for key, value in one.metadata.items() if not isinstance(value, LongArray)}
    assert plain == {key: value for key, value in other.metadata.items() if key in plain}
    assert set(one.metadata) == set(other.metadata)
    tokens = one.metadata["tokenizer.ggml.tokens"]
    assert isinstance(tokens, LongArray) and tokens.load() == check(wide).metadata["tokenizer.ggml.tokens"].load()
    assert made.size_bytes == ours.stat().st_size
    with ggml.RunningModel(ours, n_ctx=64) as running:
        assert np.isfinite(running.logits(running.tokenize(TEXT)[:64])).all()


@pytest.mark.parametrize("mixture", ["Q4_0", "Q4_K_S", "Q3_K_S", "Q6_K"])
def test_by_ggml_it_is_llama_cpps_file(
    mixture: str, wide: Path, matrix: imatrix.ImportanceMatrix, tmp_path: Path
) -> None:
    ours, theirs = tmp_path / "ours.gguf", tmp_path / "theirs.gguf"
    quantize.make(wide, ours, mixture, importance=matrix, by="ggml", n_threads=3)
    ggml.quantize_file(wide, theirs, mixture, matrix.all_importance())
    with GgufTensors(ours) as one, GgufTensors(theirs) as other:
        for name, tensor in one.tensors.items():
            assert np.array_equal(whole(tensor), whole(other.tensors[name])), name


def test_all_parts_of_a_split_model_are_quantized(make_split: Callable[..., list[Path]], tmp_path: Path) -> None:
    parts = make_split(7, n_embd=256, n_ff=512)
    assert len(parts) == 3
    with GgufTensors(parts[0]) as opened:
        names = set(opened.tensors)
        matrices = {name for name, tensor in opened.tensors.items() if len(tensor.shape) == 2}
    assert len(names) == 21 and len(matrices) == 16
    for mixture in ("Q8_0", "Q4_K"):
        types = quantize.types_of(parts[0], mixture)
        assert set(types) == names and {types[name] for name in matrices} == {mixture}
    made = quantize.make(parts[0], tmp_path / "out.gguf", "Q8_0")
    found = {tensor.name: tensor.type_name for tensor in check(made.path).tensors}
    assert set(found) == names and {found[name] for name in matrices} == {"Q8_0"}
    assert abs(quantize.size_of(parts[0], made.types) - made.size_bytes) <= 256  # a key more, those of the split less
    with ggml.RunningModel(made.path, n_ctx=64) as running:
        assert np.isfinite(running.logits(running.tokenize(TEXT)[:64])).all()


def test_error_feedback_makes_a_file_that_runs(wide: Path, tmp_path: Path) -> None:
    target = tmp_path / "fed.gguf"
    types = ggml.mixture_types(wide, "Q4_K_M")
    feedback = gptq.ErrorFeedback(wide, TEXT, types, n_ctx=64, most_windows=3, memory_bytes=1_000_000)
    quantize.make(wide, target, "Q4_K_M", types=types, encoder=feedback)
    with ggml.RunningModel(target, n_ctx=64) as running:
        assert np.isfinite(running.logits(running.tokenize(TEXT)[:64])).all()


def test_a_plan_of_its_own_and_copied_tensors(wide: Path, tmp_path: Path) -> None:
    target = tmp_path / "plan.gguf"
    quantize.make(wide, target, "Q4_K_M", types={"blk.0.ffn_up.weight": "Q3_K", "output.weight": "Q8_0"})
    with GgufTensors(wide) as before, GgufTensors(target) as after:
        changed = {name for name, one in after.tensors.items() if one.info.type_name != "F32"}
        assert changed == {"blk.0.ffn_up.weight", "output.weight"}
        same = "blk.1.ffn_down.weight"
        assert np.array_equal(whole(before.tensors[same]), whole(after.tensors[same]))


def test_what_cannot_be_is_said_before_anything_is_written(
    wide: Path, tiny_gguf: Path, matrix: imatrix.ImportanceMatrix, tmp_path: Path
) -> None:
    target = tmp_path / "no.gguf"
    cases = [
        (lambda: quantize.make(wide, target, "Q4_KM"), "unknown-type"),
        (lambda: quantize.make(wide, target, "Q2_K", types={"output.weight": "IQ2_XXS"}), "no-matrix"),
        (lambda: quantize.make(tiny_gguf, target, "Q4_K_M", types={"blk.0.attn_q.weight": "Q4_K"}), "unsupported"),
        (lambda: quantize.make(tiny_gguf, target, "Q4_0", importance=matrix), "bad-file"),
    ]
    for attempt, kind in cases:
        with pytest.raises(Error) as refused:
            attempt()
        assert refused.value.kind == kind
    assert list(tmp_path.iterdir()) == []


def test_a_stop_leaves_nothing(wide: Path, tmp_path: Path) -> None:
    stop = Stop()
    with pytest.raises(Error) as stopped:
        quantize.make(wide, tmp_path / "x.gguf", "Q4_0", stop=stop, on_progress=lambda _: stop.set())
    assert stopped.value.kind == "stopped"
    assert list(tmp_path.iterdir()) == []


def test_damaged_weights_are_refused(wide: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(wide.read_bytes())
    place = next(t for t in check(wide).tensors if t.name == "blk.0.ffn_up.weight")
    with bad.open("r+b") as file:
        file.seek(place.offset + 40)
        file.write(np.array([np.nan], "<f4").tobytes())
    with pytest.raises(Error) as refused:
        quantize.make(bad, tmp_path / "x.gguf", "Q4_0", types={place.name: "Q4_0"})
    assert refused.value.kind in ("range", "bad-file")
    assert [path.name for path in tmp_path.iterdir()] == ["bad.gguf"]


_MEMORY_PROGRAM = """
import sys
from pathlib import Path
from rushlight.quant import quantize
quantize.make(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], n_threads=2)
(peak,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
print(int(peak.split()[1]) * 1024)
"""


def _run(program: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=250)


def test_memory_does_not_grow_with_the_model(gguf_builder: "object", tmp_path: Path) -> None:
    """A file of 1 GB, its largest tensor 226 MB: far less memory than twice that is used."""
    model: Path = gguf_builder.tiny_llama_gguf(  # type: ignore[attr-defined]
        tmp_path / "large.gguf", n_embd=7168, n_ff=7936, n_layers=1, n_heads=16, n_kv_heads=1, n_vocab=320
    )
    assert max(tensor.size_bytes for tensor in check(model).tensors) > 220e6
    done = _run(_MEMORY_PROGRAM, str(model), str(tmp_path / "out.gguf"), "Q4_0")
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 330e6


@pytest.mark.faults
def test_killed_at_any_moment_there_is_no_half_file(wide: Path, tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    target = tmp_path / "out.gguf"
    started = time.monotonic()
    assert _run(_MEMORY_PROGRAM, str(wide), str(target), "Q4_K_M").returncode == 0
    whole_run = time.monotonic() - started
    good = target.read_bytes()
    target.unlink()
    for _ in range(15):
        child = subprocess.Popen([sys.executable, "-c", _MEMORY_PROGRAM, str(wide), str(target), "Q4_K_M"],
                                 stdout=subprocess.DEVNULL)  # fmt: skip
        try:
            child.wait(random.uniform(0.3, 1.0) * whole_run)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        assert not target.exists() or target.read_bytes() == good
        target.unlink(missing_ok=True)


def test_a_full_disk_leaves_nothing(wide: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk refuses at the n-th write, for each n."""
    real = Path.open
    for n_good in (0, 1, 2, 5):
        left = [n_good]

        class Refusing(io.BufferedWriter):
            def write(self, data: Any, left: list[int] = left) -> int:
                if left[0] == 0:
                    raise OSError(errno.ENOSPC, "No space left on device")
                left[0] -= 1
                return super().write(data)

        def opened(self: Path, mode: str = "r", *args: Any, **options: Any) -> Any:
            if "x" in mode:
                return Refusing(io.FileIO(self, "xb"))
            return real(self, mode, *args, **options)

        with monkeypatch.context() as patched:
            patched.setattr(Path, "open", opened)
            with pytest.raises(Error) as refused:
                quantize.make(wide, tmp_path / "x.gguf", "Q4_0")
        assert refused.value.kind == "disk"
        assert list(tmp_path.iterdir()) == []
