"""Peak memory of conversions and quantizations: below twice the largest tensor and 500 MB, whatever the model's size.

Measured as the resident memory of a process of its own; pages of the source that are mapped count, too.
"""

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from rushlight.quant.gguf_check import check
from rushlight.quant.unpack import unpack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

_PROGRAM = """
import sys
from pathlib import Path
work, source, target = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
kind, _, name = work.partition(" ")
if kind == "convert":
    from rushlight.quant.convert.to_gguf import convert
    convert(source, target, name)
elif kind == "unpack":
    from rushlight.quant.unpack import unpack
    unpack(source, target, name)
else:
    from rushlight.quant import quantize
    quantize.make(source, target, name, by="ggml" if kind == "ggml" else "rushlight", n_threads=2)
(peak,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
print(int(peak.split()[1]) * 1024)
"""


@pytest.fixture(scope="module")
def source(gguf_builder: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1.3 GB in one layer, its largest tensor 268 MB."""
    path: Path = gguf_builder.tiny_llama_gguf(
        tmp_path_factory.mktemp("large") / "m.gguf", n_embd=8192, n_ff=8192, n_layers=1, n_heads=16, n_kv_heads=1,
        n_vocab=320,
    )  # fmt: skip
    return path


@pytest.fixture(scope="module")
def folder(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpack(source, tmp_path_factory.mktemp("folder") / "hf").folder


@pytest.mark.parametrize(
    "work", ["convert F32", "convert Q8_0", "unpack F32", "unpack BF16", "search Q4_K_M", "search Q4_0", "ggml Q4_0"]
)
def test_peak(work: str, source: Path, folder: Path, tmp_path: Path) -> None:
    largest = max(tensor.size_bytes for tensor in check(source).tensors)
    given = folder if work.startswith("convert") else source
    target = tmp_path / ("hf" if work.startswith("unpack") else "out.gguf")
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, work, str(given), str(target)], capture_output=True, text=True, timeout=800
    )
    assert done.returncode == 0, done.stderr
    peak = int(done.stdout.split()[-1])
    print(f"{work}: largest tensor {largest / 1e6:.0f} MB, peak {peak / 1e6:.0f} MB")
    assert peak < 2 * largest + 500e6
    assert peak < largest + 200e6, "it should be slabs, not tensors"
