"""`rushlight registry export`: an adapter for other programs, alone or added into its model's weights."""

from pathlib import Path
from typing import Any

import click

from rushlight import Error
from rushlight.assistant.paths import with_home
from rushlight.ui.cli.output import size_text
from rushlight.ui.cli.quant_jobs import as_json as _as_json
from rushlight.ui.cli.quant_jobs import background as _background
from rushlight.ui.cli.quant_jobs import made_line, no_proof, run_job, threads
from rushlight.ui.words import text

_FORMS = ("adapter", "peft", "gguf", "folder")


@click.command(
    help=text(
        "Write an adapter for other programs: its own GGUF file (adapter), a folder for PEFT (peft), or added into its "
        "model's weights, as one GGUF file (gguf; --type quantizes it) or as a Hugging Face folder (folder)."
    )
)
@click.argument("name", metavar="NAME")
@click.argument("target", metavar="TARGET", type=click.Path(path_type=Path))
@click.option("--as", "form", type=click.Choice(_FORMS), default="adapter", show_default=True,
              help=text("What is written."))  # fmt: skip
@click.option("--type", "type_name", default="", metavar="TYPE",
              help=text("Of a merged GGUF file: Q4_K_M, Q8_0, …; 16 bits without it."))  # fmt: skip
@click.option("--replace", is_flag=True, help=text("Replace a file of this name."))
@no_proof
@threads
@_background
@_as_json
def export(
    name: str, target: Path, form: str, type_name: str, replace: bool, no_proof: bool, n_threads: int,
    background: bool, as_json: bool,
) -> int:  # fmt: skip
    from rushlight.assistant.app import open_app
    from rushlight.trainer.config import QUANTIZED

    if type_name and form != "gguf":
        raise click.UsageError(text("--type is of a merged GGUF file: --as gguf."))
    if type_name and type_name.upper() not in QUANTIZED:
        raise Error(text("There is no type {name!r}.", name=type_name[:20]), ", ".join(QUANTIZED), kind="unknown-type")
    with open_app() as app:
        name = app.registry.find(name).name
    arguments = {
        "adapter": name, "form": form, "target": str(with_home(target).absolute()), "type_name": type_name.upper(),
        "replace": replace, "prove": not no_proof, "n_threads": n_threads,
    }  # fmt: skip
    return run_job("adapter-export", arguments, _show, background=background, as_json=as_json)


def _show(made: dict[str, Any]) -> None:
    from rushlight.ui.cli.output import say

    parts = [made["type"]] if made.get("type") else []
    say(made_line(made["path"], *parts, size_text(made["size_bytes"]), proof=made["proof"]))
