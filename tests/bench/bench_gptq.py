"""KL divergence with error feedback against ggml's quantizer, on the model that small_llama.py trains, over its losses.

One type for all matrices of the blocks, the embedding in Q8_0 on both sides; one importance matrix. Calibrated on the
beginning of the text it was trained on, evaluated on the second half of the files kept from training: on the first half
choices of `quant/` were made. A ratio comes with where 95 of 100 repetitions with other windows would lie. Rows
"weights alone" leave out what both files lose alike, inputs rounded to 8 bits and the embedding: the same weights are
written as F32. FOLDER is small_llama.py's.

    python tests/bench/small_llama.py FOLDER; python tests/bench/bench_gptq.py FOLDER [--rounds N] [--types Q4_K,...]
"""

import argparse
import math
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from measure import Row, machine, report
from paired import ratio

from rushlight.quant import compare, ggml, gptq, imatrix, plan, quantize
from rushlight.quant.blocks.format import Bytes
from rushlight.quant.convert.to_gguf import convert
from rushlight.quant.gguf_tensors import GgufRows, GgufTensors
from rushlight.quant.moments import Moments, collect_moments
from rushlight.quant.scaling import ScaledEncoder

N_CONTEXT = 128
N_CALIBRATION = 512  # windows
HARD = 1.0
AIM = 0.35


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=64, help="windows of evaluation, 128 tokens each")
    parser.add_argument("--types", default="Q4_K,Q3_K,Q2_K,Q5_K,Q6_K")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--passes", type=int, default=0, help="of coordinate descent, as a row of its own; 0: none")
    every = "awq,smoothquant,fitted"
    parser.add_argument("--scaling", nargs="?", const=every, default="", help=f"also scales folded in: {every}")
    parser.add_argument("--calibration", type=int, default=N_CALIBRATION, help="windows, 128 tokens each")
    parser.add_argument("--models", default="", help="such as steps-300,steps-600; all, if not given")
    parser.add_argument("--plan", action="store_true", help="also a plan of Q4_K_M's size, for the longest training")
    return parser.parse_args()


@dataclass(frozen=True, slots=True)
class Run:
    """What all measurements of one model share."""

    given: argparse.Namespace
    calibration: str
    evaluation: str
    matrix: imatrix.ImportanceMatrix
    moments: Mapping[str, Moments]
    place: Path
    notes: list[str]

    def feedback(self, source: Path, types: Mapping[str, str], n_passes: int) -> gptq.ErrorFeedback:
        return gptq.ErrorFeedback(
            source, self.calibration, types, moments=self.moments, n_passes=n_passes, n_threads=self.given.threads
        )

    def compared(self, source: Path, files: Mapping[str, Path]) -> list[compare.Comparison]:
        return compare.compare(
            source,
            list(files.values()),
            self.evaluation,
            n_ctx=N_CONTEXT,
            most_windows=self.given.rounds,
            n_threads=self.given.threads,
        )


def main() -> None:
    given, before = _parsed(), machine()
    calibration = (given.folder / "train.txt").read_text()
    held_out = (given.folder / "held-out.txt").read_text()
    evaluation = held_out[len(held_out) // 2 :]
    rows: list[Row] = []
    notes = [f"{given.calibration} windows of {N_CONTEXT} tokens calibrate, {given.rounds} evaluate"]
    models = sorted(given.folder.glob("steps-*"), key=lambda path: int(path.name.split("-")[1]))
    wanted = [one for one in given.models.split(",") if one]
    models = [model for model in models if not wanted or model.name in wanted]
    with tempfile.TemporaryDirectory() as place:
        for model in models:
            source = Path(place) / f"{model.name}.gguf"
            convert(model, source, "F32")
            seen = {"n_ctx": N_CONTEXT, "most_windows": given.calibration, "n_threads": given.threads}
            matrix = imatrix.collect(source, calibration, **seen)
            names = [
                name for name in ggml.mixture_types(source, "Q8_0") if name.startswith("blk.") and "norm" not in name
            ]
            moments = collect_moments(source, calibration, names, **seen)
            run = Run(given, calibration, evaluation, matrix, moments, Path(place), notes)
            for type_name in given.types.split(","):
                rows += _one(source, type_name, run)
            if given.plan and model == models[-1]:
                rows += _plan(source, run)
    report("Error feedback in K-quants against ggml's quantizer", rows, before, notes)


def _one(source: Path, type_name: str, run: Run) -> list[Row]:
    types = {
        name: type_name if name.startswith("blk.") else "Q8_0"
        for name, kind in ggml.mixture_types(source, "Q8_0").items()
        if kind == "Q8_0"
    }
    labels = ("ggml", "search", "feedback", *(["descent"] if run.given.passes else []))
    files = {name: run.place / f"{type_name}-{name}.gguf" for name in labels}
    make = {"types": types, "importance": run.matrix, "n_threads": run.given.threads}
    quantize.make(source, files["ggml"], "Q4_K_S", by="ggml", **make)
    quantize.make(source, files["search"], "Q4_K_S", **make)
    quantize.make(source, files["feedback"], "Q4_K_S", encoder=run.feedback(source, types, 0), **make)
    if run.given.passes:
        fed = run.feedback(source, types, run.given.passes)
        quantize.make(source, files["descent"], "Q4_K_S", encoder=fed, **make)
    scaled = _scaled(source, types, run, files, make) if run.given.scaling else ()
    for name in labels:
        alone = files[f"{name}, weights alone"] = run.place / f"{type_name}-{name}-alone.gguf"
        quantize.make(source, alone, "F32", types=dict.fromkeys(types, "F32"), encoder=_Written(files[name]))
    found = dict(zip(files, run.compared(source, files), strict=True))
    loss = math.log(found["ggml"].reference_perplexity)
    theirs = found["ggml"].divergence
    label = f"{source.stem}, loss {loss:.2f}, {type_name}"
    run.notes.append(f"{label}: ggml {theirs:.6f} +- {found['ggml'].divergence_error:.6f}")
    aims = {"search": HARD, "feedback": AIM, "descent": AIM, **dict.fromkeys(scaled, AIM)}
    rows = [
        Row(f"{label} {name}", found[name].divergence, theirs, "nats", aim)
        for name, aim in aims.items()
        if name in found
    ]
    for name in labels[1:]:
        ours, base = found[f"{name}, weights alone"], found["ggml, weights alone"]
        rows.append(Row(f"{label} {name}, weights alone", ours.divergence, base.divergence, "nats"))
        with_inputs = ratio(found[name], found["ggml"])
        run.notes.append(f"{label} {name} / ggml: {with_inputs}; weights alone {ratio(ours, base)}")
        print(f"  {run.notes[-1]}", flush=True)
    for name in scaled:
        run.notes.append(f"{label} {name} / ggml: {ratio(found[name], found['ggml'])}")
        print(f"  {run.notes[-1]}", flush=True)
    for file in files.values():
        file.unlink()
    return rows


def _scaled(source: Path, types: Mapping[str, str], run: Run, files: dict[str, Path], make: Any) -> tuple[str, ...]:
    """Files with scales folded in, with feedback and without, into `files`; their names."""
    from rushlight.quant import awq, fitted_scaling, smoothquant

    seen = {"n_ctx": N_CONTEXT, "most_windows": min(64, run.given.calibration), "n_threads": run.given.threads}
    scalings = {
        "awq": lambda: awq.find_scaling(source, run.calibration, types, moments=run.moments, **seen),
        "smoothquant": lambda: smoothquant.find_scaling(source, run.calibration, **seen),
        "fitted": lambda: fitted_scaling.find_scaling(source, run.calibration, types, feeds_back=True, **seen),
    }
    names = []
    for name in run.given.scaling.split(","):
        scaling = scalings[name]()
        inner = gptq.ErrorFeedback(
            source, run.calibration, types, moments=run.moments, scaling=scaling, n_threads=run.given.threads
        )
        for label, within in ((name, None), (f"{name} + feedback", inner)):
            files[label] = run.place / f"{label.replace(' ', '')}.gguf"
            encoder = ScaledEncoder(scaling, run.matrix, inner=within, n_threads=run.given.threads)
            quantize.make(source, files[label], "Q4_K_S", encoder=encoder, **make)
            names.append(label)
    return tuple(names)


class _Written:
    """The encoder that takes a tensor's weights as another file holds them."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, tensor: GgufRows, type_name: str) -> Iterator[Bytes] | None:
        with GgufTensors(self._path) as opened:
            found = opened.tensors[tensor.info.name]
            if found.info.type_name == type_name or not tensor.info.name.startswith("blk."):
                return None
            n_rows = found.info.n_elements // found.info.shape[0]
            return iter([np.ascontiguousarray(found.rows(0, n_rows), np.float32).view(np.uint8)])


def _plan(source: Path, run: Run) -> list[Row]:
    """A plan of the size of llama.cpp's Q4_K_M, made by our search and with error feedback."""
    files = {name: run.place / f"plan-{name}.gguf" for name in ("ggml", "search", "feedback")}
    make = {"importance": run.matrix, "n_threads": run.given.threads}
    theirs = quantize.make(source, files["ggml"], "Q4_K_M", by="ggml", **make)
    found = plan.make_plan(
        source, run.calibration, theirs.size_bytes, n_ctx=N_CONTEXT, most_windows=16, folder=run.place, **make
    )
    made = quantize.make(source, files["search"], "Q4_K_M", types=found.types, **make)
    encoder = run.feedback(source, found.types, 0)
    quantize.make(source, files["feedback"], "Q4_K_M", types=found.types, encoder=encoder, **make)
    base, search, fed = run.compared(source, files)
    run.notes.append(
        f"plan {made.size_bytes:,} bytes, Q4_K_M {theirs.size_bytes:,}; expected {found.expected_divergence:.6f}"
    )
    run.notes.append(f"plan: {dict(sorted(found.types.items()))}")
    return [
        Row("plan of Q4_K_M's size, search", search.divergence, base.divergence, "nats", HARD),
        Row("plan of Q4_K_M's size, feedback", fed.divergence, base.divergence, "nats", HARD),
    ]


if __name__ == "__main__":
    main()
