"""KL divergence with error feedback against ggml's quantizer, on the model that small_llama.py trains, over its losses.

One type for all matrices of the blocks, the embedding in Q8_0 on both sides; one importance matrix. Calibrated on the
beginning of the text it was trained on, evaluated on files kept from training. FOLDER is small_llama.py's.

    python tests/bench/small_llama.py FOLDER; python tests/bench/bench_gptq.py FOLDER [--rounds N] [--types Q4_K,...]
"""

import argparse
import math
import tempfile
from pathlib import Path

from measure import Row, machine, report

from rushlight.quant import compare, ggml, gptq, imatrix, plan, quantize
from rushlight.quant.convert.to_gguf import convert

N_CONTEXT = 128
N_CALIBRATION = 256  # windows
HARD = 1.0
AIM = 0.35


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=64, help="windows of evaluation, 128 tokens each")
    parser.add_argument("--types", default="Q4_K,Q3_K,Q2_K,Q5_K,Q6_K")
    parser.add_argument("--plan", action="store_true", help="also a plan of Q4_K_M's size, for the longest training")
    return parser.parse_args()


def main() -> None:
    given, before = _parsed(), machine()
    calibration = (given.folder / "train.txt").read_text()
    evaluation = (given.folder / "held-out.txt").read_text()
    rows: list[Row] = []
    notes = [f"{N_CALIBRATION} windows of {N_CONTEXT} tokens calibrate, {given.rounds} evaluate"]
    models = sorted(given.folder.glob("steps-*"), key=lambda path: int(path.name.split("-")[1]))
    with tempfile.TemporaryDirectory() as place:
        for model in models:
            source = Path(place) / f"{model.name}.gguf"
            convert(model, source, "F32")
            matrix = imatrix.collect(source, calibration, n_ctx=N_CONTEXT, most_windows=N_CALIBRATION, n_threads=2)
            for type_name in given.types.split(","):
                rows += _one(source, type_name, calibration, evaluation, matrix, given.rounds, Path(place), notes)
            if given.plan and model == models[-1]:
                rows += _plan(source, calibration, evaluation, matrix, given.rounds, Path(place), notes)
    report("Error feedback in K-quants against ggml's quantizer", rows, before, notes)


def _one(
    source: Path, type_name: str, calibration: str, evaluation: str, matrix: imatrix.ImportanceMatrix, n_windows: int,
    place: Path, notes: list[str],
) -> list[Row]:  # fmt: skip
    types = {
        name: type_name if name.startswith("blk.") else "Q8_0"
        for name, kind in ggml.mixture_types(source, "Q8_0").items()
        if kind == "Q8_0"
    }
    files = {name: place / f"{type_name}-{name}.gguf" for name in ("ggml", "search", "feedback", "descent", "refed")}

    def feedback(n_passes: int, inputs_from: Path | None = None) -> gptq.ErrorFeedback:
        return gptq.ErrorFeedback(
            source, calibration, types, n_ctx=N_CONTEXT, most_windows=N_CALIBRATION, n_threads=2, n_passes=n_passes,
            inputs_from=inputs_from,
        )  # fmt: skip

    make = {"types": types, "importance": matrix, "n_threads": 2}
    quantize.make(source, files["ggml"], "Q4_K_S", by="ggml", **make)
    quantize.make(source, files["search"], "Q4_K_S", **make)
    quantize.make(source, files["feedback"], "Q4_K_S", encoder=feedback(0), **make)
    quantize.make(source, files["descent"], "Q4_K_S", encoder=feedback(2), **make)
    quantize.make(source, files["refed"], "Q4_K_S", encoder=feedback(0, files["feedback"]), **make)
    compared = compare.compare(
        source, list(files.values()), evaluation, n_ctx=N_CONTEXT, most_windows=n_windows, n_threads=2
    )
    found = dict(zip(files, compared, strict=True))
    loss = math.log(found["ggml"].reference_perplexity)
    theirs = found["ggml"].divergence
    label = f"{source.stem}, loss {loss:.2f}, {type_name}"
    notes += [f"{label}: ggml {theirs:.6f} +- {found['ggml'].divergence_error:.6f}"]
    aims = {"search": HARD, "feedback": AIM, "descent": AIM, "refed": AIM}
    return [Row(f"{label} {name}", found[name].divergence, theirs, "nats", aim) for name, aim in aims.items()]


def _plan(
    source: Path, calibration: str, evaluation: str, matrix: imatrix.ImportanceMatrix, n_windows: int, place: Path,
    notes: list[str],
) -> list[Row]:  # fmt: skip
    """A plan of the size of llama.cpp's Q4_K_M, made by our search and with error feedback."""
    files = {name: place / f"plan-{name}.gguf" for name in ("ggml", "search", "feedback")}
    theirs = quantize.make(source, files["ggml"], "Q4_K_M", importance=matrix, by="ggml", n_threads=2)
    found = plan.make_plan(
        source, calibration, theirs.size_bytes, importance=matrix, n_ctx=N_CONTEXT, most_windows=16, n_threads=2
    )
    feedback = gptq.ErrorFeedback(
        source, calibration, found.types, n_ctx=N_CONTEXT, most_windows=N_CALIBRATION, n_threads=2
    )
    made = quantize.make(source, files["search"], "Q4_K_M", types=found.types, importance=matrix, n_threads=2)
    quantize.make(source, files["feedback"], "Q4_K_M", types=found.types, importance=matrix, encoder=feedback)
    compared = compare.compare(
        source, list(files.values()), evaluation, n_ctx=N_CONTEXT, most_windows=n_windows, n_threads=2
    )
    base, search, fed = compared
    notes += [f"plan {made.size_bytes:,} bytes, Q4_K_M {theirs.size_bytes:,}; expected {found.expected_divergence:.6f}"]
    notes += [f"plan: {dict(sorted(found.types.items()))}"]
    return [
        Row("plan of Q4_K_M's size, search", search.divergence, base.divergence, "nats", HARD),
        Row("plan of Q4_K_M's size, feedback", fed.divergence, base.divergence, "nats", HARD),
    ]


if __name__ == "__main__":
    main()
