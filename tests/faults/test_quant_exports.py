"""Exports that are killed at any moment, and disks that refuse at every write and every read: nothing under a final
name that is not whole, and an `Error` that says so."""

import errno
import io
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from rushlight import Error
from rushlight.quant import imatrix, quantize
from rushlight.quant.adapters import adapter_to_gguf, adapter_to_peft
from rushlight.quant.convert.to_gguf import convert
from rushlight.quant.imatrix import Entry, ImportanceMatrix
from rushlight.quant.plan import Plan
from rushlight.quant.plan_file import write_plan
from rushlight.quant.proof_file import Check, Proof, write_proof
from rushlight.quant.unpack import unpack
from rushlight.quant.whole_file import remove_leftovers

pytestmark = pytest.mark.faults

CODES = [errno.ENOSPC, errno.EIO]
MAX_CALLS = 400
KINDS = {"disk", "bad-file"}

# Everything is imported once; each order is done by a fork of it, so that fifty kills take seconds.
_NURSERY = """
import os, sys
from pathlib import Path
from rushlight.quant import quantize
from rushlight.quant.convert.to_gguf import convert
from rushlight.quant.unpack import unpack
source, folder, out = map(Path, sys.argv[1:])
types = quantize.types_of(source, "Q4_K_M")
WORK = {
    "make": lambda: quantize.make(source, out / "model.gguf", "Q4_K_M", types=types),
    "ggml": lambda: quantize.make(source, out / "model.gguf", "Q4_K_M", types=types, by="ggml"),
    "convert": lambda: convert(folder, out / "model.gguf", "Q8_0"),
    "unpack": lambda: unpack(source, out / "hf"),
}
print("ready", flush=True)
for order in sys.stdin:
    pid = os.fork()
    if pid == 0:
        WORK[order.strip()]()
        os._exit(0)
    print(pid, flush=True)
    _, status = os.waitpid(pid, 0)
    print(status, flush=True)
"""


@pytest.fixture(scope="module")
def source(gguf_builder: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of 30 MB, whose rows divide by 256."""
    path: Path = gguf_builder.tiny_llama_gguf(
        tmp_path_factory.mktemp("source") / "m.gguf", n_embd=512, n_ff=1024, n_layers=3, n_vocab=1200
    )
    return path


@pytest.fixture(scope="module")
def folder(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpack(source, tmp_path_factory.mktemp("folder") / "hf").folder


def content_of(path: Path) -> dict[str, bytes]:
    files = [path] if path.is_file() else sorted(one for one in path.rglob("*") if one.is_file())
    return {one.name: one.read_bytes() for one in files}


@pytest.mark.parametrize("n_kills", [20, pytest.param(50, marks=pytest.mark.slow)])
@pytest.mark.parametrize("work", ["make", "ggml", "convert", "unpack"])
def test_kill_9_at_any_moment(source: Path, folder: Path, tmp_path: Path, work: str, n_kills: int) -> None:
    out = tmp_path / "out"
    out.mkdir()
    target = out / ("hf" if work == "unpack" else "model.gguf")
    nursery = subprocess.Popen(
        [sys.executable, "-c", _NURSERY, str(source), str(folder), str(out)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert nursery.stdin is not None and nursery.stdout is not None
    try:
        assert nursery.stdout.readline() == "ready\n"

        def order() -> int:
            assert nursery.stdin is not None and nursery.stdout is not None
            nursery.stdin.write(work + "\n")
            nursery.stdin.flush()
            return int(nursery.stdout.readline())

        def remove() -> None:
            remove_leftovers(out)
            for path in out.rglob("*"):
                if path.is_file():
                    path.unlink()
            if target.is_dir():
                target.rmdir()
            assert list(out.iterdir()) == []

        started = time.monotonic()
        order()
        assert nursery.stdout.readline() == "0\n"
        took = time.monotonic() - started
        good = content_of(target)
        remove()
        dice = random.Random(work)
        n_killed = 0
        for _ in range(n_kills):
            pid = order()
            time.sleep(dice.uniform(0.0, took))
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            n_killed += nursery.stdout.readline() == f"{signal.SIGKILL.value}\n"
            if target.exists():
                assert content_of(target) == good, "incomplete under its final name"
            assert all(path == target or path.name.startswith(".") for path in out.iterdir())
            remove()
        assert n_killed > n_kills // 3
        print(f"{work}: {n_killed} of {n_kills} killed, each run {took:.2f} s")
    finally:
        nursery.stdin.close()
        nursery.wait(20)
        nursery.stdout.close()


# ---------------------------------------------------------------- refusing disks
@contextmanager
def refusing_writes(nth: int, code: int) -> Iterator[list[int]]:
    """The `nth` write to any file that is newly made fails, flushes included."""
    count, plain_open = [0], Path.open

    class Refusing(io.BufferedWriter):
        def write(self, data: Any) -> int:
            count[0] += 1
            if count[0] == nth:
                raise OSError(code, os.strerror(code))
            return super().write(data)

        def flush(self) -> None:
            if not self.closed:
                count[0] += 1
                if count[0] == nth:
                    raise OSError(code, os.strerror(code))
            super().flush()

    def opened(self: Path, mode: str = "r", *args: Any, **options: Any) -> Any:
        if "x" in mode or "w" in mode:
            return Refusing(io.FileIO(self, mode.replace("b", "")))
        return plain_open(self, mode, *args, **options)

    Path.open = opened  # type: ignore[assignment,method-assign]
    try:
        yield count
    finally:
        Path.open = plain_open  # type: ignore[method-assign]


@contextmanager
def refusing_reads(nth: int, code: int) -> Iterator[list[int]]:
    """The `nth` read at a place of a file fails."""
    count, plain = [0], os.pread

    def pread(*args: Any) -> bytes:
        count[0] += 1
        if count[0] == nth:
            raise OSError(code, os.strerror(code))
        return plain(*args)

    os.pread = pread  # type: ignore[assignment]
    try:
        yield count
    finally:
        os.pread = plain


Refusing = Callable[[int, int], Any]


def each_refused(work: Callable[[Path], object], place: Path, refusing: Refusing, code: int) -> int:
    """Run `work(target)` with call 1, 2, ... refused until it meets none. How many calls there were."""
    out = place / "out"
    for nth in range(1, MAX_CALLS):
        out.mkdir()
        with refusing(nth, code) as count:
            try:
                work(out / "target")
                failed = False
            except Error as err:
                failed = True
                assert err.kind in KINDS and os.strerror(code) in err.message, err
        names = [path.name for path in out.iterdir()]
        assert names == ([] if failed else ["target"]), (nth, names)
        for path in sorted(out.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        out.rmdir()
        if count[0] < nth:
            assert not failed
            return nth - 1
    raise AssertionError("it goes on without end")


@pytest.fixture
def works(tiny_gguf: Path, gguf_builder: ModuleType, tmp_path: Path) -> dict[str, Callable[[Path], object]]:
    """Everything that quant writes, small."""
    place = tmp_path / "given"
    place.mkdir()
    hf = unpack(tiny_gguf, place / "hf").folder
    lora = gguf_builder.tiny_lora_gguf(place / "lora.gguf")
    adapter_to_peft(lora, tiny_gguf, place / "peft")
    matrix = ImportanceMatrix({"a": Entry(np.ones((1, 64)), np.array([5]))}, ("x",), 1)
    proof = Proof("target", 0, "", "F32", "", (Check("tokens", True, "", {}),))
    types = quantize.types_of(tiny_gguf, "Q4_0")

    def proved(path: Path) -> None:
        write_proof(path, proof)
        path.with_name("target.proof.json").rename(path)

    return {
        "make": lambda path: quantize.make(tiny_gguf, path, "Q4_0", types=types),
        "convert": lambda path: convert(hf, path, "F16"),
        "unpack": lambda path: unpack(tiny_gguf, path),
        "adapter to GGUF": lambda path: adapter_to_gguf(place / "peft", tiny_gguf, path),
        "adapter to PEFT": lambda path: adapter_to_peft(lora, tiny_gguf, path),
        "matrix": lambda path: imatrix.write(matrix, path),
        "old matrix": lambda path: imatrix.write_old(matrix, path),
        "plan": lambda path: write_plan(Plan({"a": "Q4_0"}, 1, 0.1, {}), path),
        "proof": proved,
    }


_ALL = ["make", "convert", "unpack", "adapter to GGUF", "adapter to PEFT", "matrix", "old matrix", "plan", "proof"]


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("name", _ALL)
def test_a_disk_that_refuses_any_write(
    works: dict[str, Callable[[Path], object]], tmp_path: Path, name: str, code: int
) -> None:
    n_calls = each_refused(works[name], tmp_path, refusing_writes, code)
    assert n_calls >= 1
    print(f"{name}: each of {n_calls} writes refused")


@pytest.mark.parametrize("name", ["make", "convert", "unpack", "adapter to GGUF", "adapter to PEFT"])
def test_a_disk_that_refuses_any_read(works: dict[str, Callable[[Path], object]], tmp_path: Path, name: str) -> None:
    n_calls = each_refused(works[name], tmp_path, refusing_reads, errno.EIO)
    assert n_calls >= 2
    print(f"{name}: each of {n_calls} reads refused")
