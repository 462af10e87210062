"""The job that hands an adapter out: as its own file, for PEFT, or added into its model's weights, as GGUF or folder.

It writes beside its target and has no checkpoint before that is whole, and another once it is proven; it pauses by
waiting. Never into 4 bits: weights are added up in 16 bits and quantized afterwards.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from rushlight import Error, Progress
from rushlight.assistant.events import Notice
from rushlight.assistant.jobs.kind import JobContext, JobEvent, JobResult, PauseBy
from rushlight.assistant.jobs.kinds import quant_parts

if TYPE_CHECKING:
    from rushlight.assistant.models.model import Model
    from rushlight.assistant.registry.values import Adapter
    from rushlight.quant.proof_file import Check, Proof

FORMS: Final = ("adapter", "peft", "gguf", "folder")
TYPES: Final = ("F16", "Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q4_0", "Q3_K", "Q2_K")  # that faces offer
_PLAIN: Final = ("F16", "BF16")
_N_CTX: Final = 256


class ExportArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is handed out, and where to."""

    adapter: str  # its name in the registry
    form: Literal["adapter", "peft", "gguf", "folder"]
    target: str  # absolute: a file, or a folder that is not there yet
    type_name: str = ""  # of a merged GGUF file; "" = as the weights are added up, 16 bits
    replace: bool = False  # a file of that name
    prove: bool = True
    n_threads: int = 0


class ExportKind:
    name = "adapter-export"
    arguments = ExportArguments
    pause: PauseBy = "hold"
    may_freeze = True

    def title(self, arguments: ExportArguments) -> str:
        return f"Export {arguments.adapter} to {Path(arguments.target).name}"

    def run(self, context: JobContext, arguments: ExportArguments) -> Iterator[JobEvent]:
        work = _Export(context, arguments)
        state: dict[str, Any] = dict(context.checkpoint or {})
        if "path" not in state or not work.target.exists():
            work.check_target()
            yield from work.warnings()
            state = work.make()
            context.save_checkpoint(state)
        if "failed" not in state:
            state |= work.prove()
            context.save_checkpoint(state)
        shutil.rmtree(work.folder, ignore_errors=True)
        if state["failed"]:
            yield Notice("failed-proof", state["failed"])
        yield JobResult({name: value for name, value in state.items() if name != "failed"})

    def clean(self, context: JobContext, arguments: ExportArguments, *, for_good: bool) -> None:
        quant_parts.clean_beside(Path(arguments.target))
        shutil.rmtree(context.folder / "export", ignore_errors=True)


class _Export:
    """One export: `make` writes it whole, `prove` holds it against what it was made of."""

    def __init__(self, context: JobContext, arguments: ExportArguments) -> None:
        self.context, self.given, self.app = context, arguments, context.app
        self.target = Path(arguments.target)
        self.folder = context.folder / "export"
        self.adapter: Adapter = self.app.registry.find(arguments.adapter)
        self.n_threads = quant_parts.threads(self.app, arguments.n_threads)

    def check_target(self) -> None:
        """Nothing that is there is written over unless it was asked for; no folder ever."""
        target, given = self.target, self.given
        if given.type_name and given.form != "gguf":
            raise Error("Only a merged GGUF file has a type.", "Export as gguf, or leave the type out.",
                        kind="bad-arguments")  # fmt: skip
        if not target.parent.is_dir():
            raise Error(f"There is no folder {target.parent}.", "Name a file or folder in one that is there.",
                        kind="bad-file")  # fmt: skip
        if target.exists() and (target.is_dir() or given.form in ("peft", "folder") or not given.replace):
            what = "folder" if target.is_dir() else "file"
            raise Error(f"There is a {what} {target} already.", "Name another.", kind="exists")

    def warnings(self) -> Iterator[Notice]:
        if self.given.form not in ("gguf", "folder"):
            return
        from rushlight.quant.export_proof import mixture_of
        from rushlight.quant.gguf_check import check

        base = self._base()
        kind = mixture_of(check(base.path))
        if kind not in ("F32", *_PLAIN):
            yield Notice("requantized", f"{base.id} is quantized itself ({kind}); what that lost stays lost.")

    def make(self) -> dict[str, Any]:
        """The target, whole; what of it is known without a proof."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        forms = {"adapter": self._copy, "peft": self._peft, "gguf": self._gguf, "folder": self._merged}
        made = forms[self.given.form]()
        return {
            "path": str(self.target), "adapter": self.adapter.name, "form": self.given.form, **made,
            "size_bytes": _size(self.target), "licence": self.adapter.licence,
        }  # fmt: skip

    def prove(self) -> dict[str, Any]:
        """The proof of a target that is whole; what is needed for it beside that is made again where it is gone."""
        from rushlight.quant.proof_file import read_proof

        self.folder.mkdir(parents=True, exist_ok=True)
        proof: Proof | None = None
        if self.given.form == "adapter":
            proof = read_proof(self.adapter.path)
        elif self.given.prove:
            proofs = {"peft": self._peft_proof, "gguf": self._gguf_proof, "folder": self._folder_proof}
            proof = proofs[self.given.form]()
        notice = quant_parts.proof_notice(proof)
        return {"proof": quant_parts.proof_json(proof), "failed": "" if notice is None else notice.text}

    # --- forms --------------------------------------------------------------------------------------------------------
    def _copy(self) -> dict[str, Any]:
        """The adapter's own file, byte for byte, with the proof that lies beside it."""
        from rushlight.quant.proof_file import proof_path
        from rushlight.quant.whole_file import whole_file

        source = self.adapter.path
        data = source.read_bytes()
        with whole_file(self.target) as file:
            file.write(data)
        proof_path(self.target).unlink(missing_ok=True)  # of an earlier file of that name
        if proof_path(source).exists():
            shutil.copyfile(proof_path(source), proof_path(self.target))
        return {}

    def _peft(self) -> dict[str, Any]:
        from rushlight.quant.adapters import adapter_to_peft

        made = adapter_to_peft(self.adapter.path, self._base().path, self.target, stop=self.context.stop)
        return {"ranks": list(made.ranks)}

    def _peft_proof(self) -> "Proof":
        from rushlight.quant.adapter_proof import prove_adapter

        return prove_adapter(
            self.target, self.adapter.path, self._base().path, n_threads=self.n_threads, stop=self.context.stop,
            on_progress=self.context.tell,
        )  # fmt: skip

    def _merged(self) -> dict[str, Any]:
        return {"type": self._merge(self.target)}

    def _folder_proof(self) -> "Proof":
        """The file that llama.cpp makes of the folder is held against it, and against base and adapter."""
        from dataclasses import replace

        from rushlight.quant.convert.to_gguf import convert
        from rushlight.quant.proof_file import digest_of, write_proof

        dtype = self._sum_type()
        whole = self.folder / f"{self.target.name}-{dtype}.gguf"
        convert(self.target, whole, dtype, name=self.target.name, **self._more())
        proof = self._proven(whole, self.target, self._serves(whole))
        size, digest = digest_of(self.target, self.context.stop)
        proof = replace(proof, file=self.target.name, size_bytes=size, sha256=digest, source=self.adapter.name)
        write_proof(self.target, proof)
        return proof

    def _gguf(self) -> dict[str, Any]:
        from rushlight.quant import quantize
        from rushlight.quant.proof_file import proof_path

        wanted = self._wanted()
        if wanted not in _PLAIN:
            quantize.file_type_of(wanted)
        source = self._source()
        if wanted in _PLAIN:
            self._converted(self.target, wanted)
        else:
            quantize.make(source, self.target, wanted, n_threads=self.n_threads, **self._more())
        proof_path(self.target).unlink(missing_ok=True)
        return {"type": wanted}

    def _gguf_proof(self) -> "Proof":
        source = self._source()
        return self._proven(self.target, source, self._serves(self.target if source.is_dir() else source))

    def _wanted(self) -> str:
        return self.given.type_name.upper() or self._sum_type()

    def _source(self) -> Path:
        """What the file is made of: the merged folder, or the file of that in 16 bits where it is quantized."""
        merged, dtype = self.folder / "merged", self._sum_type()
        whole = self.folder / f"{self.target.stem}-{dtype}.gguf"
        if whole.exists():
            return whole
        if not merged.exists():
            self._merge(merged)
        if self._wanted() in _PLAIN:
            return merged
        self._converted(whole, dtype)
        shutil.rmtree(merged)  # both would lie beside the quantized file
        return whole

    def _converted(self, target: Path, dtype: str) -> None:
        from rushlight.quant.convert.to_gguf import convert

        convert(self.folder / "merged", target, dtype, name=self.target.stem, **self._more())

    # --- inside -------------------------------------------------------------------------------------------------------
    def _more(self) -> dict[str, Any]:
        return {"stop": self.context.stop, "on_progress": self.context.tell}

    def _proven(self, made: Path, source: Path, serves: "Check") -> "Proof":
        """The file against what it was made of, and whether that answers as the adapter serves."""
        from dataclasses import replace

        from rushlight.quant.export_proof import prove_file
        from rushlight.quant.proof_file import write_proof

        with quant_parts.renderer() as render:
            proof = prove_file(made, source, render=render, n_threads=self.n_threads, **self._more())
        proof = replace(proof, checks=(*proof.checks, serves))
        write_proof(made, proof)
        return proof

    def _serves(self, whole: Path) -> "Check":
        """llama.cpp with the sum in 16 bits against llama.cpp with base and adapter, as they serve here."""
        from dataclasses import replace

        from rushlight.quant.ggml import RunningModel
        from rushlight.quant.proof import compare_logits, limits_of
        from rushlight.quant.proof_texts import LOGIT_TEXTS

        self.context.tell(Progress("Proving", 0))
        base = self._base().path
        with (
            RunningModel(whole, n_ctx=_N_CTX, n_threads=self.n_threads) as made,
            RunningModel(base, n_ctx=_N_CTX, n_threads=self.n_threads) as serving,
        ):
            serving.apply_adapter(self.adapter.path)
            # Blocks of 4 to 8 bits are multiplied with inputs that are rounded to 8 bits, 16-bit weights are not.
            return replace(compare_logits(made, serving, LOGIT_TEXTS, limits_of("Q8_0")), name="serves")

    def _merge(self, target: Path) -> str:
        """The adapter added into its base's weights, as the new folder `target`; the type of these."""
        from rushlight.quant.adapters import adapter_to_peft
        from rushlight.quant.gguf_check import check
        from rushlight.quant.unpack import unpack
        from rushlight.trainer.merged_adapter import merge_adapter

        base = self._base().path
        file = check(base)
        dtype = self._sum_type()
        self._need_room(2 * sum(one.n_elements for one in file.tensors), target)
        unpacked, adapter = self.folder / "base", self.folder / "adapter"
        for left in (unpacked, adapter):  # by one that was killed
            shutil.rmtree(left, ignore_errors=True)
        unpack(base, unpacked, dtype, **self._more())
        adapter_to_peft(self.adapter.path, base, adapter, stop=self.context.stop)
        merge_adapter(unpacked, adapter, target, dtype, **self._more())
        shutil.rmtree(unpacked)
        return dtype

    def _sum_type(self) -> str:
        """The type of the weights that are added up."""
        from rushlight.quant.export_proof import mixture_of
        from rushlight.quant.gguf_check import check

        return "BF16" if mixture_of(check(self._base().path)) == "BF16" else "F16"

    def _need_room(self, model_bytes: int, target: Path) -> None:
        """The unpacked base, the merged folder, and a file of 16 bits lie beside each other for a while."""
        for place, n_copies in ((self.folder, 2), (target.parent, 1)):
            free, needed = shutil.disk_usage(place).free, n_copies * model_bytes
            if free < needed:
                raise Error(
                    f"Cannot export: it needs {needed / 1e9:.1f} GB on the disk of {place}, {free / 1e9:.1f} are free.",
                    "Make room, or export the adapter alone.", kind="disk-full",
                )  # fmt: skip

    def _base(self) -> "Model":
        found = self.app.catalogue.find_sha256(self.adapter.base_sha256)
        if found is None or not found.path.exists():
            raise Error(
                f"{self.adapter.base}, which {self.adapter.name} belongs to, is not among the models.",
                "Import it again: rushlight models import FILE", kind="model-not-found",
            )  # fmt: skip
        return found


def _size(path: Path) -> int:
    files = [one for one in path.rglob("*") if one.is_file()] if path.is_dir() else [path]
    return sum(one.stat().st_size for one in files)


KIND = ExportKind()
