"""How likely the untrained model holds each answer: asked once before the first step, and kept in the run.

No second model is loaded: what is trained beside the model is switched off, or is not trained yet: an adapter that is
gone on from belongs to the model as it was. A run that is broken off here goes on where the file ends.
"""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from rushlight import Error, Progress
from rushlight.quant.whole_file import whole_file
from rushlight.trainer.crew import Alone, Crew
from rushlight.trainer.recipes.recipe import LogProbs, Recipe, Score, Units
from rushlight.trainer.run import Watch

NAME: Final = "reference.safetensors"
_PORTION: Final = 16  # units that are laid in rows together
_KEPT_EVERY_S: Final = 20.0


def refer(
    out: Path, recipe: Recipe, look: Score, *, row_tokens: int, alone: bool, share: bool, watch: Watch,
    crew: Crew | None = None,
) -> bool:  # fmt: skip
    """Tell the recipe what it asks of the untrained model; False where it was paused. `look` must be that model's.
    A crew shares the work and waits for all of it before anything is kept."""
    crew = crew or Alone()
    asked = {name: units for name, units in recipe.to_refer().items() if len(units)}
    if not asked:
        return True
    found = _kept(out / NAME, asked)
    n_all, kept_at = sum(len(units) for units in asked.values()), time.monotonic()
    for name, units in asked.items():
        for first in range(crew.rank * _PORTION, len(units), crew.size * _PORTION):
            numbers = range(first, min(first + _PORTION, len(units)))
            if not np.isnan(found[name][list(numbers)]).any():
                continue
            if watch.stop is not None:
                watch.stop.check()
            if crew.size == 1 and watch.should_pause():
                _keep(out / NAME, found)
                return False
            found[name][list(numbers)] = _asked(units, numbers, look, row_tokens, alone=alone, share=share)
            if watch.on_progress is not None:
                done = sum(int((~np.isnan(one)).all(axis=1).sum()) for one in found.values())
                watch.on_progress(Progress("Asking the untrained model", done, n_all, "examples"))
            if crew.size == 1 and time.monotonic() - kept_at > _KEPT_EVERY_S:
                _keep(out / NAME, found)
                kept_at = time.monotonic()
    for said in crew.told({name: one.tolist() for name, one in found.items()}) if crew.size > 1 else ():
        found = {name: np.where(np.isnan(one), np.array(said[name]), one) for name, one in found.items()}
    if crew.rank == 0:
        _keep(out / NAME, found)
    recipe.refer({name: one.reshape(-1) for name, one in found.items()})
    return True


def _asked(
    units: Units, numbers: range, look: Score, row_tokens: int, *, alone: bool, share: bool
) -> "np.ndarray[Any, Any]":
    from rushlight.trainer.recipes.answers import log_probs, rows_of

    said: dict[int, LogProbs] = {}
    for row in rows_of(units, numbers, row_tokens, alone=alone, share=share):
        sums = log_probs(row, look)[0].double().cpu().numpy()
        said |= zip(row.numbers, sums.reshape(len(row.numbers), -1), strict=True)
    found = np.stack([said[number] for number in numbers])
    if not np.isfinite(found).all():
        raise Error(
            "The untrained model gives an answer no probability: its loss is no number.",
            "Check the model: rushlight quant prove; or set machine.dtype = \"float32\".",
            kind="diverged",
        )  # fmt: skip
    return found


def _kept(path: Path, asked: Mapping[str, Units]) -> dict[str, "np.ndarray[Any, Any]"]:
    """What the file holds, with NaN for what was not asked yet; one that does not fit is made anew."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    empty = {name: np.full((len(units), len(units[0])), np.nan) for name, units in asked.items()}
    try:
        found = load_file(path)
    except (OSError, SafetensorError):
        return empty
    fits = found.keys() == empty.keys() and all(one.shape == empty[name].shape for name, one in found.items())
    return {name: np.array(one) for name, one in found.items()} if fits else empty


def _keep(path: Path, found: Mapping[str, "np.ndarray[Any, Any]"]) -> None:
    from safetensors.numpy import save

    with whole_file(path) as file:
        file.write(save(dict(found)))
