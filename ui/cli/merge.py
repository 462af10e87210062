"""`rushlight merge`: several models or adapters into one, without training."""

from pathlib import Path
from typing import Any

import click

from rushlight.assistant.paths import with_home
from rushlight.ui.cli.output import print_json, print_table, say, size_text, tell
from rushlight.ui.cli.quant_jobs import as_json as _as_json
from rushlight.ui.cli.quant_jobs import background as _background
from rushlight.ui.cli.quant_jobs import model_path, run_job
from rushlight.ui.words import text

_EPILOG = text("""\b
A session:
  $ cat poet.toml
  method = "ties"
  base = "~/models/SmolLM2-135M"
  out = "poet-coder"
  [[models]]
  model = "~/runs/poet"
  density = 0.4
  [[models]]
  model = "~/runs/coder.gguf"
  density = 0.4
  $ rushlight merge poet.toml --plan
  $ rushlight merge poet.toml --set models.0.weight=0.7
  $ rushlight quant convert poet-coder --type Q8_0""")


@click.command(
    epilog=_EPILOG,
    help=text(
        "Merge models or adapters as CONFIG says: linear, slerp, task_arithmetic, ties, dare_linear, dare_ties, "
        "della_linear, della, model_stock or passthrough."
    ),
)
@click.argument("config", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help=text("Change a setting of the file."))
@click.option(
    "--plan", "only_plan", is_flag=True, help=text("Check everything, show what would be made, make nothing.")
)
@_background
@_as_json
def merge(config: Path, changes: tuple[str, ...], only_plan: bool, background: bool, as_json: bool) -> int:
    import msgspec

    from rushlight.trainer.merge.config import read_config

    said = read_config(config, changes)
    here = with_home(config).absolute().parent
    paths = {name: _path(name, here) for name in said.names()}
    out = with_home(said.out)
    out = out if out.is_absolute() else here / out
    if only_plan:
        return _show_plan(said, paths, out, as_json)
    arguments = {
        "config": msgspec.to_builtins(said),
        "paths": {name: str(path) for name, path in paths.items()},
        "out": str(out),
    }
    return run_job("merge", arguments, _show, background=background, as_json=as_json)


def _path(name: str, here: Path) -> Path:
    """A path beside the config file, or any other, or a model of the catalogue."""
    beside = here / with_home(name)
    return beside if beside.exists() else model_path(name)


def _show(made: dict[str, Any]) -> None:
    if made["kind"] == "adapter":
        say(text("{path}  adapter of rank {rank}  {n} modules", path=made["path"], rank=made["rank"],
                 n=made["modules"]))  # fmt: skip
        return
    say(f"{made['path']}  {made['architecture']}  {made['dtype']}  {size_text(made['size_bytes'])}")


def _show_plan(said: Any, paths: dict[str, Path], out: Path, as_json: bool) -> int:
    from dataclasses import asdict

    from rushlight.trainer.merge.adapters import are_adapters
    from rushlight.trainer.merge.merge import plan

    places = {"out": str(out), "models": {name: str(path) for name, path in paths.items()}}
    if are_adapters([paths[one.model] for one in said.models]):
        if as_json:
            print_json({"kind": "adapter", "method": said.method, **places})
        else:
            say(text("Adapters: {n} go in, by {method}, to {path}.", n=len(said.models), method=said.method, path=out))
        return 0
    made = plan(said, paths, out)
    if as_json:
        print_json({"kind": "model", **asdict(made), **places})
        return 0
    for notice in made.notices:
        tell(text(notice))
    print_table(
        [text("WHAT"), ""],
        [
            [text("method"), said.method],
            [text("models"), ", ".join(paths)],
            [text("architecture"), made.architecture],
            [text("tensors"), f"{made.n_tensors:,}"],
            [text("parameters"), f"{made.n_parameters:,}"],
            [text("type"), made.dtype],
            [text("tokenizer of"), made.tokenizer],
            [text("result"), str(out)],
            [text("needs"), text("{size} of {free} free", size=size_text(made.size_bytes),
                                 free=size_text(made.free_bytes))],
        ],
    )  # fmt: skip
    return 0
