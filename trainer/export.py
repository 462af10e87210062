"""What is made of a trained run: a GGUF adapter, merged weights, a quantized model; each held against its source.

Knows files only: no torch. Proofs need llama.cpp, which may abort, so all of it runs in a job's process.
"""

from pathlib import Path
from typing import Any

from rushlight import Progress
from rushlight.quant import quantize
from rushlight.quant.adapter_proof import prove_adapter
from rushlight.quant.adapters import adapter_to_gguf
from rushlight.quant.convert.config import Config
from rushlight.quant.convert.to_gguf import convert
from rushlight.quant.export_proof import RenderTemplate, prove_file
from rushlight.quant.proof_file import Proof
from rushlight.trainer.config import TrainConfig
from rushlight.trainer.merged_adapter import merge_adapter
from rushlight.trainer.run import Places, Watch, base_folder

Made = list[tuple[Path, Proof | None]]


def export(
    config: TrainConfig, places: Places, *, render: RenderTemplate | None, n_threads: int, watch: Watch | None = None
) -> Made:
    """All that `config.export` asks for, with proofs. What is there already is proven again and not made anew."""
    watch = watch or Watch()
    more: dict[str, Any] = {"stop": watch.stop, "on_progress": watch.on_progress}
    out, base, name = places.out, base_folder(places), places.out.name
    made: Made = []
    if config.export.gguf and config.method in ("lora", "rslora", "qlora"):
        target = out / f"{name}-adapter.gguf"
        source = places.model if places.model.is_file() else base
        if not target.exists():
            adapter_to_gguf(out / "adapter", source, target, name=name, stop=watch.stop)
        made.append((target, _adapter_proof(config, places, target, n_threads, watch)))
    if config.merges:
        dtype = _dtype(base)
        folder = out / "model" if config.method == "full" else out / "merged"
        if not folder.exists():
            merge_adapter(base, out / "adapter", folder, dtype, **more)
        whole = out / f"{name}-{dtype}.gguf"
        if not whole.exists():
            convert(folder, whole, dtype, name=name, **more)
        made.append((whole, _proof(config, whole, folder, render, n_threads, more)))
        wanted = config.export.quantize.upper()
        if wanted and wanted != dtype:
            target = out / f"{name}-{wanted}.gguf"
            if not target.exists():
                quantize.make(whole, target, wanted, n_threads=n_threads, **more)
            made.append((target, _proof(config, target, whole, render, n_threads, more)))
    return made


def _adapter_proof(config: TrainConfig, places: Places, target: Path, n_threads: int, watch: Watch) -> Proof | None:
    if not config.export.prove:
        return None
    base = places.model
    beside = places.out / ".base.gguf"
    try:
        if base.is_dir():  # the answers can only be held against each other with the base as a GGUF file
            beside.unlink(missing_ok=True)
            convert(base, beside, _dtype(base), stop=watch.stop, on_progress=watch.on_progress)
            base = beside
        if watch.on_progress is not None:
            watch.on_progress(Progress("Proving", 0, 2))
        return prove_adapter(
            target, places.out / "adapter", base, n_threads=n_threads, stop=watch.stop, on_progress=watch.on_progress
        )
    finally:
        beside.unlink(missing_ok=True)


def _proof(
    config: TrainConfig, path: Path, source: Path, render: RenderTemplate | None, n_threads: int, more: dict[str, Any]
) -> Proof | None:
    if not config.export.prove:
        return None
    return prove_file(path, source, render=render, n_threads=n_threads, **more)


def _dtype(folder: Path) -> str:
    """16-bit weights as the base has them; those of an unpacked or 32-bit model become F16."""
    stated = str(Config.read(folder).get("dtype", "torch_dtype", default="float32"))
    return "BF16" if stated == "bfloat16" else "F16"
