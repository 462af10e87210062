"""The plan of a run: ahead of it, from the files that its config names; or in its folder, where it is kept."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from rushlight import Error
from rushlight.quant.unpack import opened
from rushlight.trainer import checkpoint
from rushlight.trainer.config import TrainConfig
from rushlight.trainer.data.template import Render
from rushlight.trainer.examples import save_examples
from rushlight.trainer.plan.kept import NAME, Lower, Part, Plan, read_plan
from rushlight.trainer.run import Places, Watch, base_folder, examples_of, usable_threads


def plan_ahead(
    config: TrainConfig, places: Places, *, render: Render, template: str = "", watch: Watch | None = None
) -> tuple[Plan, dict[str, Any]]:
    """The plan of a training that has no folder yet, and the report of what it would learn. Writes nothing."""
    with tempfile.TemporaryDirectory(prefix="rushlight-plan-") as place:
        base = places.model
        if base.is_file():
            base = Path(place) / "base"
            base.mkdir()
            with opened(places.model) as source:
                (base / "config.json").write_text(json.dumps(source.settings))
                source.write_companions(base)
        made = examples_of(config, places, base, render, template, watch or Watch())
        kept = Path(place) / "examples.safetensors"
        save_examples(kept, made)
        return _plan(config, base, kept, places.out), made.report


def plan_run(config: TrainConfig, places: Places) -> Plan:
    """The plan of a run that is prepared; made once, and then kept in its folder."""
    found = read_plan(places.out)
    if found is None:
        found = _plan(
            _as_begun(config, places.out), base_folder(places), places.out / "examples.safetensors", places.out
        )
        checkpoint.write_json(places.out / NAME, msgspec.to_builtins(found))
    return found


def _as_begun(config: TrainConfig, out: Path) -> TrainConfig:
    """With the rows and the numbers of the checkpoint that it goes on from, where there is one: see `trainer.run`."""
    kept = checkpoint.checkpoints(out)
    if not kept:
        return config
    state = checkpoint.read_state(kept[-1])
    rows = min(state.row_tokens, config.steps.row_tokens or state.row_tokens)
    return msgspec.structs.replace(
        config,
        steps=msgspec.structs.replace(config.steps, row_tokens=rows),
        machine=msgspec.structs.replace(config.machine, dtype=state.dtype),
    )


def _plan(config: TrainConfig, base: Path, examples: Path, place: Path) -> Plan:
    from rushlight.trainer.backends.packages import need_packages

    need_packages("transformers", "peft", *(["bitsandbytes"] if config.method == "qlora" else []))
    import torch

    from rushlight.trainer.backends.choose import choose_device
    from rushlight.trainer.plan.plan import make_plan
    from rushlight.trainer.recipes.choose import choose_recipe

    device = choose_device(config)
    recipe, longest = choose_recipe(config, examples, base)
    torch.set_num_threads(config.machine.threads or usable_threads())
    try:
        return _of_all(make_plan(config, base, recipe, longest, device, place=place), config)
    except (RuntimeError, MemoryError) as error:
        if not isinstance(error, MemoryError | torch.OutOfMemoryError) and "allocate memory" not in str(error):
            raise
        raise Error("There is not even memory for a few layers of this model.", "Choose a smaller model, or close "
                    "other programs.", kind="out-of-memory") from None  # fmt: skip


def _of_all(plan: Plan, config: TrainConfig) -> Plan:
    """The plan of all workers on this machine: each holds a whole model, and they share its processors."""
    machine = config.machine
    elsewhere = machine.launch_file or (machine.launcher == "ray" and os.environ.get("RAY_ADDRESS"))
    if machine.workers == 1 or elsewhere:
        return plan
    n = machine.workers
    lower = tuple(Lower(one.setting, one.total_bytes * n) for one in plan.lower)
    return msgspec.structs.replace(
        plan, memory=tuple(Part(one.name, one.amount * n) for one in plan.memory),
        lower=(*lower, Lower("machine.workers = 1", plan.total_bytes)),
    )  # fmt: skip
