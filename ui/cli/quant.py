"""`rushlight quant`: convert Hugging Face folders to GGUF, unpack GGUF files, carry adapters over, show files."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from rushlight import Progress, Stop
from rushlight.ui.cli.output import ProgressLine, print_json, print_table, say, size_text, tell
from rushlight.ui.words import text

_EPILOG = text("""\b
A session:
  $ rushlight quant convert ~/runs/poet --type Q8_0 --out poet.gguf
  poet.gguf  llama  Q8_0  143.1 MB
  $ rushlight models import poet.gguf
  $ rushlight quant unpack SmolLM2-135M-Instruct.Q4_1.gguf --out smol
  smol  LlamaForCausalLM  272 tensors
  $ rushlight quant adapter ~/runs/poet/adapter --base smol --out poet-lora.gguf""")
_AS_JSON = click.option("--json", "as_json", is_flag=True, help=text("Print JSON."))
_BACKGROUND = click.option(
    "--background", is_flag=True, help=text("Do it in the background, and print the id of the job; see: rushlight jobs")
)
_SOURCE = click.Path(exists=True, path_type=Path)


@click.group(epilog=_EPILOG, help=text("Model formats: into GGUF and back, with nothing lost on the way."))
def quant() -> None:
    """The noun; its verbs follow."""


@quant.command(help=text("Convert the model in a Hugging Face FOLDER to a GGUF file."))
@click.argument("folder", type=_SOURCE)
@click.option(
    "--out", "target", type=click.Path(path_type=Path), help=text("The file to make; FOLDER.TYPE.gguf if not given.")
)
@click.option(
    "--type",
    "type_name",
    type=click.Choice(["F32", "F16", "BF16", "Q8_0"], case_sensitive=False),
    default="F16",
    show_default=True,
    help=text("How its matrices are stored."),
)
@click.option("--name", default="", help=text("What the model is called in the file."))
@click.option("--mmproj", is_flag=True, help=text("Convert the eyes of a model that sees, instead of the model."))
@_BACKGROUND
@_AS_JSON
def convert(
    folder: Path, target: Path | None, type_name: str, name: str, mmproj: bool, background: bool, as_json: bool
) -> int:
    from rushlight.quant.convert.to_gguf import convert as run

    folder = folder.expanduser().absolute()
    beginning = "mmproj-" if mmproj else ""
    target = (target or Path(f"{beginning}{folder.name}.{type_name}.gguf")).expanduser().absolute()
    if mmproj and background:
        raise click.UsageError(text("The eyes are small: convert them without --background."))
    if background:
        arguments = {"source": str(folder), "target": str(target), "type_name": type_name, "name": name}
        return _start_job("quant-convert", arguments, as_json)
    with _progress() as (stop, report):
        if mmproj:
            from rushlight.quant.convert.to_mmproj import convert_mmproj

            made = convert_mmproj(folder, target, type_name, stop=stop, on_progress=report)
        else:
            made = run(folder, target, type_name, name=name, stop=stop, on_progress=report)
    _tell_all(made.notices)
    if as_json:
        print_json(
            {
                "path": str(made.path),
                "architecture": made.architecture,
                "type": made.type_name,
                "tensors": made.n_tensors,
                "parameters": made.n_parameters,
                "size_bytes": made.size_bytes,
                "notices": list(made.notices),
            }
        )
        return 0
    say(f"{made.path}  {made.architecture}  {made.type_name}  {size_text(made.size_bytes)}")
    return 0


@quant.command(help=text("Unpack a GGUF FILE into a new Hugging Face folder, so that the model can be trained."))
@click.argument("file", type=_SOURCE)
@click.option(
    "--out",
    "target",
    type=click.Path(path_type=Path),
    help=text("The folder to make; FILE without .gguf if not given."),
)
@click.option(
    "--type",
    "dtype",
    type=click.Choice(["F32", "F16", "BF16"], case_sensitive=False),
    default="F32",
    show_default=True,
    help=text("How its weights are stored; F32 is exact."),
)
@_BACKGROUND
@_AS_JSON
def unpack(file: Path, target: Path | None, dtype: str, background: bool, as_json: bool) -> int:
    from rushlight.quant.unpack import unpack as run

    file = file.expanduser().absolute()
    target = (target or Path(file.name.removesuffix(".gguf"))).expanduser().absolute()
    if background:
        return _start_job("quant-unpack", {"source": str(file), "target": str(target), "dtype": dtype}, as_json)
    with _progress() as (stop, report):
        made = run(file, target, dtype, stop=stop, on_progress=report)
    _tell_all(made.notices)
    if as_json:
        print_json(
            {
                "path": str(made.folder),
                "architecture": made.architecture,
                "tensors": made.n_tensors,
                "parameters": made.n_parameters,
                "notices": list(made.notices),
            }
        )
        return 0
    say(text("{folder}  {architecture}  {n} tensors", folder=made.folder, architecture=made.architecture,
             n=made.n_tensors))  # fmt: skip
    return 0


@quant.command(
    help=text("Carry a LoRA adapter over: a PEFT folder into a GGUF file, or a GGUF file into a PEFT folder.")
)
@click.argument("source", type=_SOURCE)
@click.option("--base", required=True, type=_SOURCE, help=text("The model it belongs to: its folder or its GGUF file."))
@click.option("--out", "target", required=True, type=click.Path(path_type=Path), help=text("What to make."))
@_AS_JSON
def adapter(source: Path, base: Path, target: Path, as_json: bool) -> int:
    from rushlight.quant.adapters import adapter_to_gguf, adapter_to_peft

    with _progress() as (stop, _):
        if source.is_dir():
            made = adapter_to_gguf(source, base, target, stop=stop)
        else:
            made = adapter_to_peft(source, base, target, stop=stop)
    if as_json:
        print_json(
            {
                "path": str(made.path),
                "architecture": made.architecture,
                "matrices": made.n_matrices,
                "ranks": list(made.ranks),
                "alpha": made.alpha,
            }
        )
        return 0
    say(text("{path}  {architecture}  {n} matrices", path=made.path, architecture=made.architecture,
             n=made.n_matrices))  # fmt: skip
    return 0


@quant.command(help=text("Show what is in a GGUF FILE: its settings, its tensors by type, its proof."))
@click.argument("file", type=_SOURCE)
@_AS_JSON
def show(file: Path, as_json: bool) -> int:
    from rushlight.quant.gguf_check import check
    from rushlight.quant.gguf_values import LongArray
    from rushlight.quant.proof_file import read_proof

    found = check(file)
    types: dict[str, list[int]] = {}
    for tensor in found.tensors:
        row = types.setdefault(tensor.type_name, [0, 0, 0])
        row[0] += 1
        row[1] += tensor.n_elements
        row[2] += tensor.size_bytes
    proof = read_proof(file)
    if as_json:
        values: dict[str, Any] = {
            key: f"{len(value)} values" if isinstance(value, LongArray) else value
            for key, value in found.metadata.items()
        }
        print_json(
            {
                "path": str(file),
                "kind": found.kind,
                "architecture": found.architecture,
                "metadata": values,
                "types": {
                    name: {"tensors": row[0], "parameters": row[1], "size_bytes": row[2]} for name, row in types.items()
                },
                "proof": None if proof is None else {"passed": proof.passed, "failures": proof.failures},
            }
        )
        return 0
    for key, value in found.metadata.items():
        shown = text("{n} values", n=len(value)) if isinstance(value, LongArray) else _cut(value)
        say(f"{_cut(key)}  {shown}")
    say()
    print_table(
        [text("TYPE"), text("TENSORS"), text("PARAMETERS"), text("SIZE")],
        [[name, str(row[0]), f"{row[1]:,}", size_text(row[2])] for name, row in types.items()],
        right=(1, 2, 3),
    )
    if proof is not None:
        say()
        say(
            text("Its proof passed.")
            if proof.passed
            else text("Its proof failed: {why}", why="; ".join(proof.failures))
        )
    return 0


def _cut(value: Any, limit: int = 100) -> str:
    from rushlight.assistant.safety.plain import plain_line

    line = plain_line(str(value))
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _tell_all(notices: tuple[str, ...]) -> None:
    for sentence in notices:
        tell(text(sentence))


def _start_job(kind: str, arguments: dict[str, str], as_json: bool) -> int:
    from rushlight.assistant.app import open_app
    from rushlight.ui.cli.job_views import print_started

    with open_app() as app:
        return print_started(app.jobs.start(kind, arguments), as_json)


@contextmanager
def _progress() -> Iterator[tuple[Stop, Callable[[Progress], None]]]:
    """A line of progress, and Ctrl+C as a stop that cleans up."""
    from rushlight.ui.cli.interrupt import InterruptStops

    line, stop = ProgressLine(), Stop()

    def report(progress: Progress) -> None:
        line.show(text(progress.what), progress.fraction)

    try:
        with InterruptStops(stop):
            yield stop, report
    finally:
        line.clear()
