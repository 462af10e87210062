"""Which recipe a config names, with the examples of the run."""

from pathlib import Path

from rushlight import Error
from rushlight.trainer.config import TrainConfig
from rushlight.trainer.examples import load_examples, load_labels, most_tokens
from rushlight.trainer.recipes.recipe import Recipe


def choose_recipe(config: TrainConfig, examples: Path, base: Path | None = None) -> tuple[Recipe, int]:
    """The recipe, and how many tokens its longest example has. `base`: the folder of the model, which may take fewer
    tokens than the config."""
    train, held_out = load_examples(examples)
    longest = max(len(one.ids) for one in train)
    said, share = config.preference, config.steps.share
    if config.recipe == "supervised":
        from rushlight.trainer.recipes.supervised import Supervised

        return Supervised(train, held_out, share=share), longest
    if config.recipe == "kto":
        from rushlight.trainer.recipes.kto import Kto

        if len(train) < 2:
            raise Error("The recipe kto needs two examples at least, found one.", "Give more examples.",
                        kind="bad-data")  # fmt: skip
        good, good_held_out = load_labels(examples)
        return Kto(
            train, good, held_out, good_held_out, beta=said.beta, good_weight=said.good_weight,
            bad_weight=said.bad_weight, circle=min(config.steps.batch, len(train)), seed=config.steps.seed,
            max_tokens=most_tokens(config, base) if base else config.data.max_tokens, share=share,
        ), longest  # fmt: skip
    pairs, pairs_held_out = ([(side[i], side[i + 1]) for i in range(0, len(side), 2)] for side in (train, held_out))
    if config.recipe == "orpo":
        from rushlight.trainer.recipes.orpo import Orpo

        return Orpo(pairs, pairs_held_out, beta=said.beta, whole_text=said.whole_text, share=share), longest
    from rushlight.trainer.recipes.dpo import Dpo

    return Dpo(
        pairs, pairs_held_out, beta=said.beta, form=said.form, smoothing=said.smoothing,
        chosen_weight=said.chosen_weight, share=share,
    ), longest  # fmt: skip
