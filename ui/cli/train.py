"""`rushlight train`: a model learns from examples, as a config says."""

from pathlib import Path
from typing import Any

import click

from rushlight.assistant.paths import with_home
from rushlight.ui.cli.output import print_json, print_table, say, size_text
from rushlight.ui.cli.quant_jobs import as_json as _as_json
from rushlight.ui.cli.quant_jobs import background as _background
from rushlight.ui.cli.quant_jobs import made_line, model_path, run_job, shown
from rushlight.ui.cli.train_plan import show_plan
from rushlight.ui.words import text

_EPILOG = text("""\b
A session:
  $ cat poet.toml
  model = "~/models/SmolLM2-135M-Instruct.Q4_1.gguf"
  out = "runs/poet"
  [data]
  train = ["poems.jsonl"]
  $ rushlight train --plan poet.toml
  $ rushlight train poet.toml
  $ rushlight train poet.toml --set out=runs/slower --set steps.rate=5e-5 --background
  $ rushlight train poet.toml --resume""")


@click.command(
    epilog=_EPILOG,
    help=text("Train a model on examples or preferences as CONFIG says: LoRA, rsLoRA, DoRA, QLoRA, or all weights."),
)
@click.argument("config", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help=text("Change a setting of the file."))
@click.option("--resume", is_flag=True, help=text("Go on with the run in `out` from its last checkpoint."))
@click.option(
    "--plan",
    "only_plan",
    is_flag=True,
    help=text("Only say how much memory and time it will take; nothing is written."),
)
@_background
@_as_json
def train(
    config: Path, changes: tuple[str, ...], resume: bool, only_plan: bool, background: bool, as_json: bool
) -> int:
    arguments = _arguments(config, changes, resume=resume, only_plan=only_plan)
    if not only_plan:
        return run_job("train", arguments, _show, background=background, as_json=as_json)
    fits = True

    def show(made: dict[str, Any]) -> None:
        nonlocal fits
        fits = made["fits"]
        if as_json:
            print_json(made)
        else:
            show_plan(made)

    code = run_job("train", arguments, show, background=background, as_json=as_json and background)
    return code or int(not fits)


def _arguments(config: Path, changes: tuple[str, ...], *, resume: bool, only_plan: bool) -> dict[str, Any]:
    """What the job is told: the config with its names made absolute. All that is wrong is told at once."""
    import msgspec

    from rushlight.trainer.config import checked
    from rushlight.trainer.typed import read_toml
    from rushlight.ui.work.train_files import beside, file_problems

    here, read = with_home(config).absolute().parent, read_toml(config, changes)
    said = checked(read, config.name, file_problems(read, here, writes=not only_plan, resume=resume))
    model = beside(said.model, here)
    return {
        "config": msgspec.to_builtins(said),
        "model": str(model if model.exists() else model_path(said.model)),  # a path, or a name of the catalogue
        "train": [str(beside(name, here)) for name in said.data.train],
        "validate": [str(beside(name, here)) for name in said.data.validate],
        "out": str(beside(said.out, here)),
        "start": str(beside(said.adapter.start, here)) if said.adapter.start else "",
        "resume": resume,
        "only_plan": only_plan,
    }


def _show(made: dict[str, Any]) -> None:
    outcome = made["outcome"]
    rows = [
        [text("examples"), f"{made['examples']['examples']:,}"],
        [text("trained tokens"), f"{outcome['trained_tokens']:,}"],
        [text("steps"), f"{outcome['step']:,}"],
        [text("loss"), f"{outcome['loss']:.4f}"],
    ]
    if outcome["held_out"] is not None:
        rows.append([text("held-out loss"), f"{outcome['held_out']:.4f}"])
    figures, side = outcome.get("figures", {}), "" if outcome["held_out"] is None else "held_out_"
    if f"{side}margin" in figures:
        rows.append([text("margin of rewards"), f"{figures[f'{side}margin']:.3f}"])
        rows.append([text("told apart"), f"{figures[f'{side}accuracy']:.0%}"])
    rows.append([text("run"), shown(made["out"])])
    print_table([text("WHAT"), ""], rows)
    for one in made["made"]:
        say(made_line(one["path"], size_text(one["size_bytes"]), proof=one["proof"]))
