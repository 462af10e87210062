"""The hidden verb `_quant-forecast FILE`: a process that loads llama.cpp and says as JSON lines how large each type is.

Faces start it, because none of them loads native model code.
"""

import sys

# What is offered, the best first: one for each size that differs, of those that people run.
OFFERED = (
    "Q8_0", "Q6_K", "Q5_K_M", "Q5_K_S", "Q4_K_M", "Q4_K_S", "IQ4_NL", "IQ4_XS", "Q4_0", "Q3_K_L", "Q3_K_M", "Q3_K_S",
    "IQ3_M", "IQ3_XXS", "Q2_K", "IQ2_M", "IQ2_XXS",
)  # fmt: skip


def main(argv: list[str]) -> int:
    """Print {"source", "size_bytes", "n_weights"}, then {"type", "size_bytes", "needs_text"} a line; or {"error"}."""
    import json
    from pathlib import Path

    from rushlight import Error

    def say(value: object) -> None:
        sys.stdout.write(json.dumps(value) + "\n")
        sys.stdout.flush()

    try:
        from rushlight.quant.export_proof import mixture_of
        from rushlight.quant.gguf_check import check
        from rushlight.quant.quantize import size_of, types_of

        path = Path(argv[0])
        file = check(path)
        n_weights = sum(tensor.n_elements for tensor in file.tensors)
        say({"source": mixture_of(file), "size_bytes": path.stat().st_size, "n_weights": n_weights})
        for name in OFFERED:
            needs_text = False
            try:
                types = types_of(path, name)
            except Error as err:
                if err.kind != "no-matrix":
                    raise
                types, needs_text = types_of(path, name, has_importance=True), True
            say({"type": name, "size_bytes": size_of(path, types), "needs_text": needs_text})
    except (Error, OSError, IndexError) as err:
        hint = err.hint if isinstance(err, Error) else ""
        say({"error": str(err.message if isinstance(err, Error) else err), "hint": hint})
        return 1
    return 0
