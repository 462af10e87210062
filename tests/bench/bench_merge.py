"""TIES of three models of the shape of SmolLM2-135M against mergekit, turn by turn: seconds, memory, and the numbers.

Each side runs in a process of its own and reads and writes the same files in float32; the largest difference between
what they wrote is shown, ties at the cut included (mergekit sorts to find what stays, we count).

    python tests/bench/bench_merge.py [--rounds N]
"""

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from measure import Row, alternate, machine, n_rounds, report
from rivals.environment import RivalMissing, rival_python

from rushlight.quant.convert.to_gguf import open_weights
from rushlight.quant.rows import Array, whole
from rushlight.quant.safetensors_file import write_shards

HERE = Path(__file__).resolve().parent
N_LAYERS, N_EMBD, N_FF, N_KV, N_VOCAB = 30, 576, 1536, 192, 49152


def shapes() -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (N_VOCAB, N_EMBD)}
    for layer in range(N_LAYERS):
        for name, shape in (
            ("self_attn.q_proj", (N_EMBD, N_EMBD)), ("self_attn.k_proj", (N_KV, N_EMBD)),
            ("self_attn.v_proj", (N_KV, N_EMBD)), ("self_attn.o_proj", (N_EMBD, N_EMBD)),
            ("mlp.gate_proj", (N_FF, N_EMBD)), ("mlp.up_proj", (N_FF, N_EMBD)), ("mlp.down_proj", (N_EMBD, N_FF)),
            ("input_layernorm", (N_EMBD,)), ("post_attention_layernorm", (N_EMBD,)),
        ):  # fmt: skip
            found[f"model.layers.{layer}.{name}.weight"] = shape
    return {**found, "model.norm.weight": (N_EMBD,)}


def make_model(folder: Path, seed: int, base: dict[str, np.ndarray] | None) -> dict[str, np.ndarray]:
    """A base with random weights, or a model a little away from it. Weights are bfloat16, as checkpoints are."""
    random = np.random.default_rng(seed)
    folder.mkdir()
    tensors = {}
    for name, shape in shapes().items():
        values = random.normal(0, 0.02 if base is None else 0.002, shape).astype(np.float32)
        if base is not None:
            values += base[name]
        tensors[name] = (values.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)
    write_shards(folder, [(name, Array(values)) for name, values in tensors.items()], "BF16")
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "num_hidden_layers": N_LAYERS,
        "dtype": "bfloat16",
        "hidden_size": N_EMBD, "intermediate_size": N_FF, "num_attention_heads": 9, "num_key_value_heads": 3,
        "vocab_size": N_VOCAB, "tie_word_embeddings": True, "rms_norm_eps": 1e-5, "max_position_embeddings": 2048,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    return tensors


def ours(config: Path, out: Path) -> tuple[float, float]:
    program = (
        "import json,sys,time\nfrom pathlib import Path\n"
        "from rushlight.trainer.merge.config import read_config\nfrom rushlight.trainer.merge.merge import merge\n"
        "c=read_config(Path(sys.argv[1]))\nt=time.monotonic()\n"
        "merge(c,{n:Path(n) for n in c.names()},Path(sys.argv[2]))\nspent=time.monotonic()-t\n"
        "(peak,)=(l for l in Path('/proc/self/status').read_text().splitlines() if l.startswith('VmHWM'))\n"
        "print(json.dumps({'spent_s':spent,'peak_kib':int(peak.split()[1])}))"
    )
    return run([sys.executable, "-c", program, str(config), str(out)])


def run(command: list[str]) -> tuple[float, float]:
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    said = json.loads(done.stdout.strip().splitlines()[-1])
    return said["spent_s"], said["peak_kib"] / 1024


def main() -> None:
    rounds = n_rounds(3, __doc__)
    before = machine()
    try:
        python = rival_python("mergekit", builds_llama=False)
    except RivalMissing as missing:
        print(f"mergekit is not here: {missing}")
        return
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        base = make_model(here / "base", 0, None)
        for index in (1, 2, 3):
            make_model(here / f"m{index}", index, base)
        del base
        toml = [f'method = "ties"\nbase = "{here}/base"\nout = "x"\ndtype = "F32"']
        toml += [f'[[models]]\nmodel = "{here}/m{index}"\nweight = {weight}\ndensity = 0.3'
                 for index, weight in ((1, 1.0), (2, 0.5), (3, 0.75))]  # fmt: skip
        (here / "ours.toml").write_text("\n".join(toml))
        models = [{"model": f"{here}/m{index}", "parameters": {"weight": weight, "density": 0.3}}
                  for index, weight in ((1, 1.0), (2, 0.5), (3, 0.75))]  # fmt: skip
        (here / "rival.yaml").write_text(json.dumps({
            "merge_method": "ties", "base_model": f"{here}/base", "models": models, "dtype": "float32",
            "parameters": {"normalize": True},
        }))  # fmt: skip
        peaks: dict[str, list[float]] = {"ours": [], "mergekit": []}

        def side(name: str) -> float:
            out = here / f"out-{name}"
            shutil.rmtree(out, ignore_errors=True)
            if name == "ours":
                spent, peak = ours(here / "ours.toml", out)
            else:
                script = str(HERE / "rivals" / "mergekit_ties.py")
                spent, peak = run([str(python), script, str(here / "rival.yaml"), str(out)])
            peaks[name].append(peak)
            return spent

        results = alternate(rounds, {"ours": lambda: side("ours"), "mergekit": lambda: side("mergekit")})
        # torch's quicksort keeps any of equally large changes, we the first: compared with those sorted by place
        shutil.rmtree(here / "out-mergekit")
        run([str(python), str(HERE / "rivals" / "mergekit_ties.py"), str(here / "rival.yaml"),
             str(here / "out-mergekit"), "stable"])  # fmt: skip
        largest, n_different, n_all = 0.0, 0, 0
        with open_weights(here / "out-ours") as mine, open_weights(here / "out-mergekit") as theirs:
            for name, rows in mine.items():
                difference = np.abs(whole(rows) - whole(theirs[name]))
                largest = max(largest, float(difference.max()))
                n_different += int((difference > 1e-6).sum())
                n_all += difference.size
        speed = {name: n_all / statistics.median(spent) / 1e6 for name, spent in results.items()}
        rows_ = [
            Row("TIES of 3 models", speed["ours"], speed["mergekit"], "Mweights/s", 5.0, at_least=True),
            Row("peak memory", max(peaks["ours"]), max(peaks["mergekit"]), "MiB"),
        ]
        notes = [
            f"{n_all:,} weights; largest difference {largest:.2g}, {n_different:,} weights differ by more than 1e-6"
        ]
        report("Merging against mergekit", rows_, before, notes)


if __name__ == "__main__":
    main()
