"""The result of a proof, as JSON beside what was proved: who reads it, and which files it forbids to serve.

Knows no model and no numpy: it is asked before every load. A proof belongs to the very bytes it was made of.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

from rushlight import Error, Stop

State = Literal["passed", "failed", "partial"]

ADAPTER: Final = "LoRA"  # the `type_name` of an adapter's proof

_VERSION: Final = 1
_MOST_BYTES: Final = 1 << 20  # of the JSON; real ones have 2 kB
_BLOCK_BYTES: Final = 4 << 20


@dataclass(frozen=True, slots=True)
class Check:
    """One part of a proof. `passed` None: it could not be made, `detail` says why."""

    name: str  # weights, tokens, template, logits, prompts
    passed: bool | None
    detail: str
    figures: dict[str, float]


@dataclass(frozen=True, slots=True)
class Proof:
    """The result. It belongs to the file's very bytes: `sha256`."""

    file: str
    size_bytes: int
    sha256: str
    type_name: str
    source: str
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing failed and at least tokens and logits were compared; an adapter has no tokens."""
        made = {check.name for check in self.checks if check.passed}
        needed = {"weights", "logits"} if self.type_name == ADAPTER else {"tokens", "logits"}
        return all(check.passed is not False for check in self.checks) and needed <= made

    @property
    def failures(self) -> list[str]:
        return [check.detail for check in self.checks if check.passed is False]

    @property
    def state(self) -> State:
        """ "partial": nothing failed, but not all could be compared."""
        return "failed" if self.failures else "passed" if self.passed else "partial"


def proof_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.proof.json")


def write_proof(path: Path, proof: Proof) -> None:
    """Put the result beside the file or folder in `path`."""
    from rushlight.quant.whole_file import whole_file

    with whole_file(proof_path(path)) as out:
        out.write(json.dumps({"version": _VERSION, "passed": proof.passed, **asdict(proof)}, indent=2).encode())


def read_proof(path: Path, *, with_digest: bool = False) -> Proof | None:
    """The proof of what lies in `path`; None where there is none, or it belongs to other bytes. The size is always
    compared, the digest when asked for (it reads the whole file)."""
    try:
        with proof_path(path).open("rb") as file:
            said = json.loads(file.read(_MOST_BYTES))
        proof = _proof(said)
        if proof is None or size_of(path) != proof.size_bytes:
            return None
    except (OSError, ValueError, RecursionError):
        return None
    if with_digest and digest_of(path)[1] != proof.sha256:
        return None
    return proof


def proof_summary(proof: Proof) -> dict[str, Any]:
    """A proof for those who show it: as JSON, without the digest."""
    return {
        "state": proof.state,
        "type": proof.type_name,
        "source": proof.source,
        "failures": proof.failures,
        "checks": [
            {"name": one.name, "passed": one.passed, "detail": one.detail, "figures": one.figures}
            for one in proof.checks
        ],
    }


def _proof(said: Any) -> Proof | None:
    try:
        if said["version"] != _VERSION:
            return None
        checks = tuple(
            Check(str(one["name"]), _tri(one["passed"]), str(one["detail"]), dict(one["figures"]))
            for one in said["checks"]
        )
        return Proof(
            str(said["file"]), int(said["size_bytes"]), str(said["sha256"]), str(said["type_name"]),
            str(said["source"]), checks)  # fmt: skip
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _tri(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def refusal_of(path: Path) -> Error | None:
    """Why the file must not be served; None where its proof passed, or nobody asked for one.

    A file that was written after its proof is another one, unless its bytes say that it is the same (a copy).
    """
    proof = read_proof(path)
    if proof is None or not proof.failures:
        return None
    try:
        is_newer = path.stat().st_mtime_ns > proof_path(path).stat().st_mtime_ns
        if is_newer and digest_of(path)[1] != proof.sha256:
            return None
    except OSError:
        return None  # it is gone: whoever opens it will say so
    return Error(
        f"{path.name} is not to be used: it does not answer as its source does. {proof.failures[0]}",
        f"Make it anew, or as a larger type. What was compared: rushlight quant proof {path}",
        kind="failed-proof",
    )


def refuse_failed(path: Path) -> None:
    """Raise `Error(kind="failed-proof")` for a file whose proof failed."""
    refusal = refusal_of(path)
    if refusal is not None:
        raise refusal


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    return sum(file.stat().st_size for file in _files(path))


def digest_of(path: Path, stop: Stop | None = None) -> tuple[int, str]:
    """Size and sha256 of a file; of a folder, that of its files' names and digests, one a line."""
    if not path.is_dir():
        return path.stat().st_size, _file_digest(path, stop)
    listed = [(file.relative_to(path).as_posix(), _file_digest(file, stop)) for file in _files(path)]
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(listed))
    return size_of(path), hashlib.sha256(lines.encode()).hexdigest()


def _files(path: Path) -> list[Path]:
    return [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]


def _file_digest(path: Path, stop: Stop | None) -> str:
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while block := file.read(_BLOCK_BYTES):
            if stop is not None:
                stop.check()
            digest.update(block)
    return digest.hexdigest()
