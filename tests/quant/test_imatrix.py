"""Importance matrices: collected as a numpy forward pass would, read and written in both forms, damage refused."""

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFReader

from rushlight import Error, Progress, Stop
from rushlight.quant import imatrix
from rushlight.quant.ggml_tensor import Product
from rushlight.quant.gguf_check import check
from rushlight.quant.gguf_tensors import GgufTensors
from rushlight.quant.rows import whole

TEXT = "the capital of France is Paris and the world is a user of words " * 30


@pytest.fixture(scope="module")
def matrix(tiny_gguf: Path) -> imatrix.ImportanceMatrix:
    return imatrix.collect(tiny_gguf, TEXT, dataset="words.txt", n_ctx=64, most_windows=4)


def test_every_weight_of_the_layers_is_seen(matrix: imatrix.ImportanceMatrix, tiny_gguf: Path) -> None:
    matrices = {tensor.name for tensor in check(tiny_gguf).tensors if len(tensor.shape) == 2}
    assert set(matrix.entries) == matrices - {"token_embd.weight"}
    assert matrix.n_chunks == 4
    assert {int(entry.counts[0]) for entry in matrix.entries.values()} == {4 * 64}


def test_every_part_of_a_split_model_is_seen(make_split: Callable[..., list[Path]]) -> None:
    parts = make_split(7)
    assert len(parts) == 3
    with GgufTensors(parts[0]) as opened:
        matrices = {name for name, tensor in opened.tensors.items() if len(tensor.shape) == 2}
    matrix = imatrix.collect(parts[0], TEXT, n_ctx=64, most_windows=1)
    assert len(matrices) == 16 and set(matrix.entries) == matrices - {"token_embd.weight"}


def test_first_layer_equals_numpy(tiny_gguf: Path) -> None:
    """The inputs of the first query matrix are the normalized embeddings of the tokens."""
    from rushlight.quant.ggml import RunningModel

    with RunningModel(tiny_gguf, n_ctx=64) as running:
        token_ids = running.tokenize(TEXT)[:64]
    with GgufTensors(tiny_gguf) as opened:
        embeddings = whole(opened.tensors["token_embd.weight"])[token_ids].astype(np.float64)
        norm = whole(opened.tensors["blk.0.attn_norm.weight"])
    normal = embeddings / np.sqrt((embeddings**2).mean(axis=1, keepdims=True) + 1e-5) * norm
    matrix = imatrix.collect(tiny_gguf, TEXT, n_ctx=64, most_windows=1)
    found = matrix.importance("blk.0.attn_q.weight")
    assert found is not None
    assert np.allclose(found[0], (normal**2).mean(axis=0), rtol=1e-4)


def test_experts_are_counted_apart() -> None:
    matrix = imatrix.ImportanceMatrix()
    inputs = np.arange(12, dtype=np.float32).reshape(4, 3)
    matrix.see(Product("e", 3, inputs, np.array([0, 2, 0, 2], np.int32), 1))
    assert matrix.entries["e"].counts.tolist() == [2, 0, 2]
    found = matrix.importance("e")
    assert found is not None
    assert np.allclose(found, [(inputs[[0, 2]] ** 2).mean(0), [1, 1, 1], (inputs[[1, 3]] ** 2).mean(0)])


def test_gguf_form_round_trip(matrix: imatrix.ImportanceMatrix, tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    imatrix.write(matrix, path)
    fields = GGUFReader(path).fields
    assert fields["general.type"].contents() == "imatrix"
    assert fields["imatrix.datasets"].contents() == ["words.txt"]
    again = imatrix.read(path)
    assert (again.datasets, again.n_chunks, again.chunk_size) == (("words.txt",), 4, 64)
    for name, entry in matrix.entries.items():
        assert np.allclose(again.entries[name].sums, entry.sums, rtol=1e-6)
        assert np.array_equal(again.entries[name].counts, entry.counts)


def test_old_form_round_trip(matrix: imatrix.ImportanceMatrix, tmp_path: Path) -> None:
    path = tmp_path / "m.dat"
    imatrix.write_old(matrix, path)
    again = imatrix.read(path)
    assert again.datasets == ("words.txt",) and again.n_chunks == 4
    for name in matrix.entries:
        ours, theirs = again.importance(name), matrix.importance(name)
        assert ours is not None and theirs is not None and np.allclose(ours, theirs, rtol=1e-5)


def test_damaged_files_are_refused(matrix: imatrix.ImportanceMatrix, tmp_path: Path) -> None:
    path = tmp_path / "m.dat"
    imatrix.write_old(matrix, path)
    good = path.read_bytes()
    random = np.random.default_rng(1)
    refused = 0
    for _ in range(300):
        data = bytearray(good[: int(random.integers(0, len(good)))] if random.random() < 0.5 else good)
        for _ in range(int(random.integers(1, 6))):
            if data:
                data[int(random.integers(0, min(len(data), 400)))] = int(random.integers(0, 256))
        path.write_bytes(data)
        try:
            imatrix.read(path)
        except Error as error:
            assert error.kind == "bad-file"
            refused += 1
    assert refused > 100
    path.write_bytes(struct.pack("<ii", 1, 2**31 - 1))
    with pytest.raises(Error, match="does not fit"):
        imatrix.read(path)


def test_a_model_is_no_matrix(tiny_gguf: Path) -> None:
    with pytest.raises(Error, match="no importance matrix"):
        imatrix.read(tiny_gguf)


def test_no_text_and_a_stop_are_errors(tiny_gguf: Path) -> None:
    with pytest.raises(Error, match="no text"):
        imatrix.collect(tiny_gguf, "")
    stop = Stop()
    seen: list[Progress] = []

    def report(progress: Progress) -> None:
        seen.append(progress)
        stop.set()

    with pytest.raises(Error) as stopped:
        imatrix.collect(tiny_gguf, TEXT, n_ctx=64, stop=stop, on_progress=report)
    assert stopped.value.kind == "stopped" and len(seen) == 1


def test_windows_begin_as_the_model_wants() -> None:
    assert imatrix.windows(list(range(10)), 4, None) == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert imatrix.windows(list(range(7)), 4, 99) == [[99, 0, 1, 2], [99, 3, 4, 5]]
    assert imatrix.windows([1, 2], 8, 99) == [[99, 1, 2]]
    assert imatrix.windows([], 8, 99) == []
