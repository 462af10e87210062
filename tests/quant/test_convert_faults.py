"""Conversions that are killed at any moment, and disks that refuse at every write: nothing under the final name that
is not whole."""

import errno
import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from rushlight import Error
from rushlight.quant.convert.to_gguf import convert
from rushlight.quant.gguf_check import check
from rushlight.quant.unpack import unpack
from rushlight.quant.whole_file import remove_leftovers

pytestmark = pytest.mark.faults

N_KILLS = 12
CONVERT = (
    "import sys; from pathlib import Path; from rushlight.quant.convert.to_gguf import convert; "
    "print('ready', flush=True); convert(Path(sys.argv[1]), Path(sys.argv[2]), 'F16')"
)


@pytest.fixture
def large_folder(tmp_path: Path, tiny_gguf: Path) -> Path:
    """A model whose middle is some hundred megabytes, nearly all of it a hole."""
    folder = unpack(tiny_gguf, tmp_path / "hf").folder
    config = json.loads((folder / "config.json").read_text())
    width, middle = config["hidden_size"], 400_000
    config["intermediate_size"] = middle
    (folder / "config.json").write_text(json.dumps(config))
    raw = (folder / "model.safetensors").read_bytes()
    length = int.from_bytes(raw[:8], "little")
    header: dict[str, Any] = json.loads(raw[8 : 8 + length])
    offset = 0
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        if ".mlp." in name:
            entry["shape"] = [width, middle] if "down_proj" in name else [middle, width]
        size = 4
        for number in entry["shape"]:
            size *= number
        entry["data_offsets"] = [offset, offset + size]
        offset += size
    text = json.dumps(header).encode()
    with (folder / "model.safetensors").open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + offset)
    return folder


def test_a_killed_conversion_leaves_no_half_file(large_folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "out" / "model.gguf"
    target.parent.mkdir()
    started = time.monotonic()
    convert(large_folder, target, "F16")
    whole_s = time.monotonic() - started
    size = target.stat().st_size
    target.unlink()
    dice = random.Random(1)
    n_killed = 0
    for _ in range(N_KILLS):
        process = subprocess.Popen(
            [sys.executable, "-c", CONVERT, str(large_folder), str(target)], stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        process.stdout.readline()
        try:
            process.wait(dice.uniform(0.0, whole_s))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            n_killed += 1
        process.wait()
        process.stdout.close()
        if target.exists():
            check(target)
            assert target.stat().st_size == size
            target.unlink()
        remove_leftovers(target.parent)
        assert list(target.parent.iterdir()) == []
    assert n_killed > 0


@pytest.mark.parametrize("failing", range(0, 60, 4))
def test_a_disk_that_refuses_a_write_leaves_nothing(
    failing: int, tmp_path: Path, tiny_gguf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rushlight.quant import whole_file as module

    folder = unpack(tiny_gguf, tmp_path / "hf").folder
    target = tmp_path / "out.gguf"
    n_writes = 0

    class Full:
        """The file, until its `failing`-th write."""

        def __init__(self, file: Any) -> None:
            self._file = file

        def write(self, data: Any) -> Any:
            nonlocal n_writes
            if n_writes == failing:
                raise OSError(errno.ENOSPC, "No space left on device")
            n_writes += 1
            return self._file.write(data)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._file, name)

        def __enter__(self) -> "Full":
            return self

        def __exit__(self, *rest: Any) -> None:
            self._file.close()

    plain_open = Path.open
    monkeypatch.setattr(
        module.Path,
        "open",
        lambda path, mode="r", *rest, **more: (
            Full(plain_open(path, mode, *rest, **more)) if mode == "xb" else plain_open(path, mode, *rest, **more)
        ),
    )
    try:
        convert(folder, target, "F32")
    except Error as error:
        assert error.kind == "disk"
        assert "No space left" in error.message
        assert sorted(path.name for path in tmp_path.iterdir()) == ["hf"]
    else:
        assert n_writes < failing + 1
        monkeypatch.undo()
        check(target)
