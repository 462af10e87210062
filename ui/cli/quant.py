"""`rushlight quant`: convert Hugging Face folders to GGUF, unpack GGUF files, carry adapters over, prove, show.

What makes smaller files is in `quant_make`.
"""

from pathlib import Path
from typing import Any

import click

from rushlight import Error
from rushlight.assistant.paths import with_home
from rushlight.ui.cli.output import print_json, print_table, say, size_text
from rushlight.ui.cli.quant_jobs import as_json as _AS_JSON
from rushlight.ui.cli.quant_jobs import background as _BACKGROUND
from rushlight.ui.cli.quant_jobs import made_line, model_path, no_proof, proof_word, run_job, threads
from rushlight.ui.cli.quant_make import calibrate, compare, make, plan
from rushlight.ui.words import text

_EPILOG = text("""\b
A session:
  $ rushlight quant convert ~/runs/poet --type F16 --out poet.gguf
  $ rushlight quant calibrate smollm2.gguf --text docs --tokens 8k
  smollm2.imatrix.gguf  7,680 tokens of docs  211 tensors
  $ rushlight quant make smollm2.gguf --type IQ4_NL --imatrix smollm2.imatrix.gguf
  smollm2.IQ4_NL.gguf  IQ4_NL  91.7 MB  proven
  $ rushlight quant compare smollm2.gguf smollm2.IQ4_NL.gguf --chats
  $ rushlight models import smollm2.IQ4_NL.gguf
  $ rushlight quant unpack smollm2.gguf --out smol
  $ rushlight quant adapter ~/runs/poet/adapter --base smol --out poet-lora.gguf""")
_SOURCE = click.Path(exists=True, path_type=Path)


@click.group(epilog=_EPILOG, help=text("Model formats: into GGUF and back, smaller, and with proof."))
def quant() -> None:
    """The noun; its verbs follow."""


for _verb in (calibrate, make, plan, compare):
    quant.add_command(_verb)


@quant.command(help=text("Convert the model in a Hugging Face FOLDER to a GGUF file, and hold it against the folder."))
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
@no_proof
@threads
@_BACKGROUND
@_AS_JSON
def convert(
    folder: Path, target: Path | None, type_name: str, name: str, mmproj: bool, no_proof: bool, n_threads: int,
    background: bool, as_json: bool,
) -> int:  # fmt: skip
    folder = with_home(folder).absolute()
    beginning = "mmproj-" if mmproj else ""
    target = with_home(target or Path(f"{beginning}{folder.name}.{type_name}.gguf")).absolute()

    def show(made: dict[str, Any]) -> None:
        say(made_line(made["path"], made["architecture"], made["type"], size_bytes=made["size_bytes"],
                      proof=made["proof"]))  # fmt: skip

    arguments = {
        "source": str(folder), "target": str(target), "type_name": type_name, "name": name, "mmproj": mmproj,
        "prove": not no_proof, "n_threads": n_threads,
    }  # fmt: skip
    return run_job("quant-convert", arguments, show, background=background, as_json=as_json)


@quant.command(help=text("Unpack a GGUF FILE into a new Hugging Face folder, so that the model can be trained."))
@click.argument("file")
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
@no_proof
@threads
@_BACKGROUND
@_AS_JSON
def unpack(
    file: str, target: Path | None, dtype: str, no_proof: bool, n_threads: int, background: bool, as_json: bool
) -> int:
    path = model_path(file)
    target = with_home(target or Path(path.name.removesuffix(".gguf"))).absolute()

    def show(made: dict[str, Any]) -> None:
        count = text("{n} tensors", n=made["tensors"])
        say(made_line(made["path"], made["architecture"], count, proof=made["proof"]))

    arguments = {
        "source": str(path), "target": str(target), "dtype": dtype, "prove": not no_proof, "n_threads": n_threads
    }  # fmt: skip
    return run_job("quant-unpack", arguments, show, background=background, as_json=as_json)


@quant.command(
    help=text("Carry a LoRA adapter over: a PEFT folder into a GGUF file, or a GGUF file into a PEFT folder.")
)
@click.argument("source", type=_SOURCE)
@click.option("--base", required=True, help=text("The model it belongs to: its folder, its GGUF file or its name."))
@click.option("--out", "target", required=True, type=click.Path(path_type=Path), help=text("What to make."))
@no_proof
@threads
@_BACKGROUND
@_AS_JSON
def adapter(
    source: Path, base: str, target: Path, no_proof: bool, n_threads: int, background: bool, as_json: bool
) -> int:
    def show(made: dict[str, Any]) -> None:
        count = text("{n} matrices", n=made["matrices"])
        say(made_line(made["path"], made["architecture"], count, proof=made["proof"]))

    arguments = {
        "source": str(with_home(source).absolute()), "base": str(model_path(base)),
        "target": str(with_home(target).absolute()), "prove": not no_proof, "n_threads": n_threads,
    }  # fmt: skip
    return run_job("quant-adapter", arguments, show, background=background, as_json=as_json)


@quant.command(
    help=text(
        "Hold a FILE against what it was made of: weights, tokens, chat template, answers. Without --source, show what "
        "was found before. A file that fails is marked, and is not served."
    )
)
@click.argument("file")
@click.option("--source", help=text("What it was made of: a Hugging Face folder, a GGUF file or a model's name."))
@click.option("--base", help=text("For an adapter: the model it belongs to."))
@threads
@_BACKGROUND
@_AS_JSON
def proof(file: str, source: str | None, base: str | None, n_threads: int, background: bool, as_json: bool) -> int:
    path = model_path(file)
    if source is None:
        return _show_known_proof(path, as_json)
    arguments = {
        "path": str(path), "source": str(model_path(source)), "base": "" if base is None else str(model_path(base)),
        "n_threads": n_threads,
    }  # fmt: skip

    def show(made: dict[str, Any]) -> None:
        _show_proof(made["proof"])

    return run_job("quant-proof", arguments, show, background=background, as_json=as_json)


def _show_known_proof(path: Path, as_json: bool) -> int:
    from rushlight.assistant.jobs.kinds.quant_parts import proof_json
    from rushlight.quant.proof_file import read_proof

    found = proof_json(read_proof(path, with_digest=True))
    if found is None:
        raise Error(
            text("{name} was not proven as it is now.", name=path.name),
            text("Name what it was made of: rushlight quant proof FILE --source SOURCE"),
            kind="no-proof",
        )
    if as_json:
        print_json({"path": str(path), "proof": found})
    else:
        _show_proof(found)
    return 1 if found["state"] == "failed" else 0


def _show_proof(found: dict[str, Any]) -> None:
    say(text("{type} of {source}: {state}", type=found["type"], source=found["source"], state=proof_word(found)))
    words = {True: text("yes"), False: text("NO"), None: "-"}
    rows = [[one["name"], words[one["passed"]], one["detail"]] for one in found["checks"]]
    print_table([text("COMPARED"), text("ALIKE"), text("WHAT WAS FOUND")], rows)
    for one in found["checks"]:
        figures = ", ".join(f"{name.replace('_', ' ')} {value:.3g}" for name, value in one["figures"].items())
        if figures:
            say(f"{one['name']}: {figures}")


@quant.command(help=text("Show what is in a GGUF FILE: its settings, its tensors by type, its proof."))
@click.argument("name", metavar="FILE")
@_AS_JSON
def show(name: str, as_json: bool) -> int:
    from rushlight.quant.gguf_check import check
    from rushlight.quant.gguf_values import LongArray
    from rushlight.quant.proof_file import read_proof

    file = model_path(name)
    found = check(file)
    types: dict[str, list[int]] = {}
    for tensor in found.tensors:
        row = types.setdefault(tensor.type_name, [0, 0, 0])
        row[0] += 1
        row[1] += tensor.n_elements
        row[2] += tensor.size_bytes
    known = read_proof(file)
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
                "proof": None
                if known is None
                else {"state": known.state, "passed": known.passed, "failures": known.failures},
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
    if known is not None:
        say()
        say(
            text("Its proof failed: {why}", why="; ".join(known.failures))
            if known.failures
            else text("Its proof passed.")
            if known.passed
            else text("What could be compared of it was alike.")
        )
    return 0


def _cut(value: Any, limit: int = 100) -> str:
    from rushlight.assistant.safety.plain import plain_line

    line = plain_line(str(value))
    return line if len(line) <= limit else line[: limit - 1] + "…"
