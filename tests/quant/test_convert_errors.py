"""What conversion refuses, in words; and that nothing half-made is left."""

import json
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rushlight import Error, Stop
from rushlight.quant.convert.to_gguf import convert
from rushlight.quant.rows import Array
from rushlight.quant.safetensors_file import SafetensorsFile, write_safetensors
from rushlight.quant.unpack import unpack
from rushlight.quant.whole_file import remove_leftovers, whole_file, whole_folder, work_folder


@pytest.fixture
def folder(tmp_path: Path, tiny_gguf: Path) -> Path:
    """A whole Hugging Face folder."""
    return unpack(tiny_gguf, tmp_path / "hf").folder


def change(path: Path, **changes: Any) -> None:
    value = json.loads(path.read_text())
    value.update(changes)
    path.write_text(json.dumps(value))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"architectures": ["LlamaForCausalLn"]}, "The nearest that can be converted is LlamaForCausalLM"),
        ({"architectures": None}, "none named"),
        ({"hidden_size": "wide"}, "a whole number as hidden_size"),
        ({"rope_parameters": {"rope_type": "spiral"}}, "rope type 'spiral'"),
        ({"architectures": ["Qwen2ForCausalLM"], "num_hidden_layers": 1}, "have no place in GGUF's qwen2"),
    ],
)
def test_settings_that_cannot_be_are_refused(folder: Path, changes: dict[str, Any], said: str) -> None:
    change(folder / "config.json", **changes)
    with pytest.raises(Error) as caught:
        convert(folder, folder.parent / "out.gguf")
    assert said in str(caught.value)
    assert not list(folder.parent.glob("*out.gguf*"))


def test_a_folder_without_weights_says_so(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(Error, match="may run programs"):
        convert(folder, folder.parent / "out.gguf")


def test_a_head_that_is_missing_is_noticed(folder: Path) -> None:
    with SafetensorsFile(folder / "model.safetensors") as file:
        kept = [(name, rows) for name, rows in file.tensors.items() if name != "lm_head.weight"]
        write_safetensors(folder / "kept", kept)
    (folder / "kept").replace(folder / "model.safetensors")
    with pytest.raises(Error, match="has no head"):
        convert(folder, folder.parent / "out.gguf")


def test_stopping_leaves_nothing(folder: Path) -> None:
    stop = Stop()
    with pytest.raises(Error) as caught:
        convert(folder, folder.parent / "out.gguf", stop=stop, on_progress=lambda _: stop.set())
    assert caught.value.kind == "stopped"
    assert [path.name for path in folder.parent.iterdir()] == ["hf"]


def test_weights_too_large_for_f16_are_refused(folder: Path) -> None:
    with SafetensorsFile(folder / "model.safetensors") as file:
        tensors = list(file.tensors.items())
        name, rows = next(one for one in tensors if one[0].endswith("down_proj.weight"))
        tensors[[label for label, _ in tensors].index(name)] = (name, Array(np.full(rows.shape, 1e6, np.float32)))
        write_safetensors(folder / "kept", tensors)
    (folder / "kept").replace(folder / "model.safetensors")
    with pytest.raises(Error, match="larger than 65,504"):
        convert(folder, folder.parent / "out.gguf", "F16")
    convert(folder, folder.parent / "out.gguf", "BF16")


def raw_safetensors(header: Any, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\1\2\3",
        struct.pack("<Q", 1 << 60) + b"{}",
        raw_safetensors(b"{"),
        raw_safetensors([1]),
        raw_safetensors({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}, bytes(8)),
        raw_safetensors({"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}, bytes(8)),
        raw_safetensors({"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}, bytes(8)),
        raw_safetensors({"a": {"dtype": "F99", "shape": [1], "data_offsets": [0, 4]}}, bytes(8)),
        raw_safetensors({"a": {"shape": [1], "data_offsets": [0, 4]}}, bytes(8)),
        raw_safetensors({"a": {"dtype": [], "shape": 5, "data_offsets": "ab"}}, bytes(8)),
        raw_safetensors(b"[" * 100_000),
    ],
)
def test_damaged_safetensors_are_refused(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(data)
    with pytest.raises(Error):
        SafetensorsFile(path)


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match="no"), whole_file(path) as file:
        file.write(b"new")
        raise ValueError("no")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
    with whole_file(path) as file:
        file.write(b"new")
    assert path.read_bytes() == b"new"


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no"), whole_folder(tmp_path / "folder") as staged:
        (staged / "a").write_text("a")
        raise ValueError("no")
    assert list(tmp_path.iterdir()) == []
    with whole_folder(tmp_path / "folder") as staged:
        (staged / "a").write_text("a")
    assert (tmp_path / "folder" / "a").read_text() == "a"
    with pytest.raises(Error, match="exists already"), whole_folder(tmp_path / "folder"):
        pass


def test_leftovers_of_dead_processes_go(tmp_path: Path) -> None:
    gone = tmp_path / ".model.gguf.4194999-0123abcd.partial"  # above the largest process id
    ours = tmp_path / ".model.gguf.1-0123abcd.partial"
    gone.write_bytes(b"half")
    ours.write_bytes(b"half")
    assert remove_leftovers(tmp_path) == 1
    assert not gone.exists()
    assert ours.exists()


def test_a_work_folder_goes_and_those_of_dead_processes_with_it(tmp_path: Path) -> None:
    names = ("work.4194999", f"work.{os.getpid()}", "model.gguf.4194999")
    dead, living, other = (tmp_path / f".{name}-0123abcd.partial" for name in names)
    for one in (dead, living, other):
        one.mkdir()
        (one / "large").write_bytes(b"half")
    with work_folder(tmp_path, "work") as folder:
        assert folder.parent == tmp_path and not dead.exists()
        assert living.exists() and other.exists()
        assert remove_leftovers(tmp_path) == 1 and not other.exists()
        (folder / "file").write_bytes(b"new")
    assert list(tmp_path.iterdir()) == [living]
    with pytest.raises(ValueError, match="no"), work_folder(tmp_path, "work"):
        raise ValueError("no")
    assert list(tmp_path.iterdir()) == [living]
    with pytest.raises(Error, match="No such file"), work_folder(tmp_path / "nowhere", "work"):
        pass


def test_a_full_disk_is_told_in_words(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rushlight.quant import whole_file as module

    def refuse(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.os, "fsync", refuse)
    with pytest.raises(Error, match="No space left"):
        convert(folder, tmp_path / "out.gguf")
    assert not list(tmp_path.glob("*out.gguf*"))
