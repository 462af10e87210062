"""Every type that llama.cpp reads is made, loads, and answers near its source; by llama.cpp as others build it, too."""

import importlib.util
import json
import math
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from rushlight import Error
from rushlight.quant import compare, ggml, imatrix, quantize
from rushlight.quant.gguf_check import check

TEXT = "the capital of France is Paris and the world is a user of words " * 30
QUICK = [name for name in quantize.TYPES if not name.startswith(("IQ1", "IQ2", "IQ3", "MXFP4_MOE"))]
# what a type may cost on weights of chance, in nats; ternary types are for models that were trained so
LIMITS = {"F": 1e-4, "B": 1e-3, "Q8": 0.01, "Q6": 0.05, "Q5": 0.2, "Q4": 0.6, "IQ4": 0.6, "M": 1.0, "Q3": 1.5}
N_BYTES = 256  # the first tokens of the tiny vocabulary are single bytes
RIVALS = Path(__file__).resolve().parents[1] / "bench" / "rivals"


@pytest.fixture(scope="module")
def source(gguf_builder: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose rows divide by 256."""
    path: Path = gguf_builder.tiny_llama_gguf(
        tmp_path_factory.mktemp("types") / "source.gguf", n_embd=256, n_ff=256, n_layers=1, n_vocab=400
    )
    return path


@pytest.fixture(scope="module")
def matrix(source: Path) -> imatrix.ImportanceMatrix:
    return imatrix.collect(source, TEXT, n_ctx=64, most_windows=3)


def made_of(source: Path, names: list[str], matrix: imatrix.ImportanceMatrix, place: Path) -> list[Path]:
    files = []
    for name in names:
        files.append(place / f"{name}.gguf")
        quantize.make(source, files[-1], name, importance=matrix)
    return files


def limit_of(name: str) -> float:
    return next((limit for start, limit in LIMITS.items() if name.startswith(start)), 8.0)


@pytest.mark.parametrize("names", [QUICK, pytest.param(list(quantize.TYPES), marks=pytest.mark.slow)], ids=["q", "all"])
def test_every_type_loads_and_answers(
    source: Path, matrix: imatrix.ImportanceMatrix, tmp_path: Path, names: list[str]
) -> None:
    files = made_of(source, names, matrix, tmp_path)
    for start in range(0, len(files), 8):
        some = files[start : start + 8]
        for path, found in zip(some, compare.compare(source, some, TEXT, n_ctx=64, most_windows=2), strict=True):
            types = {one.type_name for one in check(path).tensors if len(one.shape) > 1}
            print(f"{path.stem:<10} {found.divergence:.5f}  {'+'.join(sorted(types))}")
            assert math.isfinite(found.divergence) and found.divergence < limit_of(path.stem), path.stem


@pytest.mark.parametrize("name", quantize.TYPES)
def test_types_that_need_a_matrix_say_so(source: Path, tmp_path: Path, name: str) -> None:
    types = ggml.mixture_types(source, name) if name in ggml.MIXTURES else {}
    if not ggml.NEED_IMPORTANCE & set(types.values()):
        return
    with pytest.raises(Error, match=f"{name} needs an importance matrix") as refused:
        quantize.make(source, tmp_path / "x.gguf", name)
    assert refused.value.kind == "no-matrix" and "rushlight quant calibrate" in (refused.value.hint or "")
    assert list(tmp_path.iterdir()) == []


_AS_OTHERS_BUILD_IT = """
import json, sys
import xllamacpp
prompt, n_bytes = json.loads(sys.argv[1])
# parts of letters are held back by the server until the letter is whole: they are not to be chosen
bias = [[token, False] for token in range(n_bytes)]
for path in sys.argv[2:]:
    params = xllamacpp.CommonParams()
    params.model.path = path
    params.n_ctx, params.n_parallel, params.n_gpu_layers, params.warmup = 256, 1, 0, False
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    server = xllamacpp.Server(params)
    said = server.handle_completions(
        {"prompt": prompt, "n_predict": 4, "temperature": 0, "logprobs": 5, "cache_prompt": False, "logit_bias": bias}
    )
    print("SAID " + json.dumps([path, said["choices"][0]["logprobs"]["content"]]), flush=True)
    del server
"""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_llama_cpp_as_others_build_it_runs_every_file(
    source: Path, matrix: imatrix.ImportanceMatrix, tmp_path: Path
) -> None:
    """xllamacpp from the index, in an environment of its own: its five likeliest tokens are as likely here."""
    python = _rivals().rival_python("xllamacpp", builds_llama=False)
    files = made_of(source, list(quantize.TYPES), matrix, tmp_path)
    with ggml.RunningModel(source, n_ctx=64) as running:
        prompt = running.tokenize(TEXT)[:24]
    done = subprocess.run(
        [python, "-c", _AS_OTHERS_BUILD_IT, json.dumps([prompt, N_BYTES]), *map(str, files)],
        capture_output=True,
        text=True,
        timeout=800,
    )
    said = dict(json.loads(line[5:]) for line in done.stdout.splitlines() if line.startswith("SAID "))
    assert len(said) == len(files), done.stderr[-3000:]
    print(f"\n{'type':<10} {'their first choices':<26} {'log p':>8} {'ours':>8} {'largest difference':>18}")
    for path in files:
        first = said[str(path)][0]["top_logprobs"]
        with ggml.RunningModel(path, n_ctx=64) as running:
            logits = running.logits(prompt, 1)[0].astype(np.float64)
        ours = logits - logits.max() - math.log(float(np.exp(logits - logits.max()).sum()))
        ids, theirs = [one["id"] for one in first], np.array([one["logprob"] for one in first])
        difference = float(np.abs(ours[ids] - theirs).max())
        print(f"{path.stem:<10} {ids!s:<26} {theirs[0]:>8.4f} {ours[ids[0]]:>8.4f} {difference:>18.5f}")
        assert len(ids) == 5 and difference < 0.05, path.stem


def _rivals() -> ModuleType:
    spec = importlib.util.spec_from_file_location("rivals_environment", RIVALS / "environment.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
