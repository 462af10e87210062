"""Plans of trainings against what is then measured: memory and time of six runs of different shape.

Each run is planned in one process and trained in another, as a job's would be, with the examples that bench_train.py
makes. Memory is the growth of the peak of resident memory over what the libraries take; time is that of the steps. On a
machine that does other work, time is as good as that work is even.

    python tests/bench/bench_train_plan.py [--only NAME,...] [--steps N] [--cpu]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from bench_train import examples
from measure import Row, machine, report
from rushlight_home import demo_model

WITHIN = 0.15
RUNS: Final[dict[str, dict[str, Any]]] = {
    "lora, rows of 512": {"steps": {"row_tokens": 512}},
    "lora of rank 64, rows of 2048, shared": {"steps": {"row_tokens": 2048, "batch": 10}, "adapter": {"rank": 64}},
    "lora, recomputed": {"steps": {"row_tokens": 1024}, "machine": {"recompute": True}},
    "dora, batches of 4": {"method": "dora", "steps": {"batch": 4}},
    "qlora": {"method": "qlora", "steps": {"batch": 5}},
    "full": {"method": "full", "steps": {"batch": 5, "rate": 1e-5}},
}


def config(name: str, n_steps: int, n_threads: int) -> dict[str, Any]:
    said: dict[str, Any] = {
        "model": "m", "out": "o", "data": {"train": ["d"]}, "steps": {"batch": 6, "most": n_steps, "epochs": 9},
        "machine": {"device": "cpu", "dtype": "float32", "threads": n_threads}, "keep": {"every": n_steps},
    }  # fmt: skip
    for key, value in RUNS[name].items():
        said[key] = {**said.get(key, {}), **value} if isinstance(value, dict) else value
    return said


def plan(said: dict[str, Any], model: Path, data: Path, out: Path) -> dict[str, Any]:
    """Prepare the run and plan it, in this process."""
    import msgspec
    import numpy as np

    from rushlight.trainer import checkpoint
    from rushlight.trainer.config import checked
    from rushlight.trainer.data.masks import Tokens
    from rushlight.trainer.examples import Examples, save_examples
    from rushlight.trainer.plan.of_run import plan_run
    from rushlight.trainer.run import Places

    out.mkdir()
    made = [Tokens(np.array(one["ids"], np.int64), np.array(one["labels"]) != -100)
            for one in json.loads(data.read_text())]  # fmt: skip
    checkpoint.write_json(out / "run.json", {"config": said})
    save_examples(out / "examples.safetensors", Examples(made, [], {}))
    found = plan_run(checked(said), Places(model, (), (), out))
    return {**msgspec.to_builtins(found), "growth": found.beside_program_bytes}


def train(said: dict[str, Any], model: Path, out: Path) -> dict[str, Any]:
    """Train it, in this process; the growth of its peak, and the seconds of its steps."""
    import peft  # noqa: F401 - what the libraries take is no growth
    import transformers  # noqa: F401

    from rushlight.trainer.config import checked
    from rushlight.trainer.metrics import read_metrics
    from rushlight.trainer.run import Places
    from rushlight.trainer.run import train as run

    before = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    run(checked(said), Places(model, (), (), out))
    (peak,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    spent = [line["seconds"] for line in read_metrics(out / "metrics.jsonl")]
    return {"growth": int(peak.split()[1]) * 1024 - before, "seconds": sum(spent), "steps": spent}


def touch() -> None:
    """Write once to most of the free memory. A virtual machine gets its memory from the host when it first uses
    it, at 1.6 ns a byte in place of 0.2 on ours; the first steps of the first run would pay for that."""
    import mmap

    import psutil

    n_bytes = int(0.8 * psutil.virtual_memory().available)
    with mmap.mmap(-1, n_bytes) as block:
        for at in range(0, n_bytes, mmap.PAGESIZE):
            block[at] = 1


def worker(what: str, said: str, *paths: str) -> None:
    told = sys.stdout
    sys.stdout = sys.stderr
    if "CPU_CLOCK" in os.environ:
        time.perf_counter = time.process_time
    places = [Path(one) for one in paths]
    found = plan(json.loads(said), *places) if what == "plan" else train(json.loads(said), places[0], places[2])
    told.write(json.dumps(found) + "\n")


def asked(what: str, said: dict[str, Any], *paths: Path) -> dict[str, Any]:
    command = [sys.executable, __file__, "--worker", what, json.dumps(said), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{what} failed:\n{done.stderr[-3000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    if sys.argv[1:2] == ["--worker"]:
        worker(*sys.argv[2:])
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="parts of names, separated by commas")
    parser.add_argument("--steps", type=int, default=12, help="the first two are slower (default 12)")
    parser.add_argument("--cpu", action="store_true", help="seconds of processors, one thread: for a busy machine")
    given = parser.parse_args()
    before = machine()
    if given.cpu:
        os.environ |= {"CPU_CLOCK": "1", "OMP_NUM_THREADS": "1"}
    rows, notes = [], []
    touch()
    with tempfile.TemporaryDirectory() as place:
        here = Path(place)
        from rushlight.quant.unpack import unpack

        unpack(demo_model(), here / "model")
        for kind in (False, True):
            made = examples(here / "model", 64, shared=kind)
            (here / f"{kind}.json").write_text(json.dumps(made))
        for number, name in enumerate(RUNS):
            if given.only and not any(part in name for part in given.only.split(",")):
                continue
            said, out = config(name, given.steps, 1 if given.cpu else 0), here / f"run-{number}"
            data = here / f"{'shared' in name}.json"
            planned = asked("plan", said, here / "model", data, out)
            measured = asked("train", said, here / "model", data, out)
            seconds = next(one["amount"] for one in planned["seconds"] if one["name"] == "steps")
            rows.append(Row(f"{name}: memory", planned["growth"] / 1e6, measured["growth"] / 1e6, "MB"))
            rows.append(Row(f"{name}: time", seconds, measured["seconds"], "s"))
            parts = ", ".join(f"{one['name']} {one['amount'] / 1e6:.0f}" for one in planned["memory"])
            notes.append(f"{name}: {parts} MB; trial {planned['trial_s']:.1f} s, {planned['n_threads']} threads, "
                         f"{planned['row_tokens']} tokens a row; steps {measured['steps']}")  # fmt: skip
            print(rows[-2], rows[-1], notes[-1], sep="\n", flush=True)
    n_within = sum(abs(row.ratio - 1) <= WITHIN for row in rows)
    notes.append(f"{n_within} of {len(rows)} within {WITHIN:.0%}; ours is what was planned, rival what was measured")
    report("Plans of trainings", rows, before, notes)


if __name__ == "__main__":
    main()
