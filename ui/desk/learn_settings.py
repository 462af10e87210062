"""Every setting of a teaching's training as experts see it: what it does, and what it costs in memory and time.

Knows names of settings and words; what is wrong with a value says `ui/work/teach_settings.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from rushlight.ui.words import text


@dataclass(frozen=True, slots=True)
class Parameter:
    """One setting. `choices` are (value, words); without any it is typed."""

    key: str
    group: str
    title: str
    hint: str  # what it does and what it costs
    choices: tuple[tuple[str, str], ...] = ()


def parameters() -> tuple[Parameter, ...]:
    """All of them, group by group, those first that are changed most."""
    yes_no = (("true", text("yes")), ("false", text("no")))
    adapter, steps, examples, machine, kept = (
        text("Adapter"), text("Steps"), text("Examples"), text("Machine"), text("Checkpoints"),
    )  # fmt: skip
    return (
        Parameter("method", adapter, text("Method"), text(
            "LoRA is the usual one. rsLoRA is steadier at high ranks. QLoRA holds the model in 4 bits: least memory, "
            "but slower."), (("lora", "LoRA"), ("rslora", "rsLoRA"), ("qlora", "QLoRA"))),
        Parameter("adapter.rank", adapter, text("Rank"), text(
            "How much the adapter can hold. Twice the rank: twice the memory of adapter and optimizer, hardly more "
            "time.")),
        Parameter("adapter.alpha", adapter, text("Alpha"), text(
            "How strongly the adapter works, usually twice the rank. Costs nothing.")),
        Parameter("adapter.dropout", adapter, text("Dropout"), text(
            "The share of its inputs that is left out by chance: against learning few examples by heart. Costs "
            "nothing.")),
        Parameter("adapter.modules", adapter, text("Layers"), text(
            'Which layers learn, such as ["q_proj", "v_proj"]; all of them unless told. Fewer take less memory and '
            "time.")),
        Parameter("steps.rate", steps, text("Learning rate"), text(
            "How far a step goes. Too high and the loss jumps, too low and time runs out. Costs nothing.")),
        Parameter("steps.batch", steps, text("Batch"), text(
            "Examples in one step. Twice as many: steadier steps that take twice as long. Memory stays as it is.")),
        Parameter("steps.epochs", steps, text("Epochs"), text(
            "How often every example is seen. Where it is told, the time above does not count: twice as often takes "
            "twice as long.")),
        Parameter("steps.most", steps, text("Most steps"), text(
            "It ends after so many. Where it is told, the time above does not count.")),
        Parameter("steps.schedule", steps, text("Schedule"), text(
            "How the learning rate falls to the end. Costs nothing."),
            (("cosine", text("along a cosine")), ("linear", text("along a line")), ("constant", text("not at all")))),
        Parameter("steps.warmup", steps, text("Warm-up"), text(
            "The share of the steps in which the rate rises from nothing. Costs nothing.")),
        Parameter("steps.decay", steps, text("Weight decay"), text(
            "How strongly weights are drawn to nothing in each step: against learning by heart. Costs nothing.")),
        Parameter("steps.clip", steps, text("Longest gradient"), text(
            "A longer one is cut to it, so that one odd example does no harm; 0 cuts none. Costs nothing.")),
        Parameter("steps.betas", steps, text("Betas"), text(
            "How long the optimizer remembers gradients and their squares. Costs nothing.")),
        Parameter("steps.seed", steps, text("Seed"), text(
            "Of chance: the order of the examples, the beginning of the adapter. Costs nothing.")),
        Parameter("data.max_tokens", examples, text("Longest example"), text(
            "In tokens. Memory grows with the longest example that there is; what is cut is not learned.")),
        Parameter("data.too_long", examples, text("Longer ones"), text(
            "What becomes of examples that are longer."),
            (("cut", text("are cut")), ("leave-out", text("are left out")), ("refuse", text("end the training")))),
        Parameter("steps.row_tokens", examples, text("Row"), text(
            "Short examples are computed together in rows of so many tokens. Shorter rows: less memory, somewhat "
            "slower. 0 tries what is fastest.")),
        Parameter("steps.share", examples, text("Shared beginnings"), text(
            "What several examples begin with is computed once, which saves time."), yes_no),
        Parameter("steps.learn_beginning", examples, text("Learn from beginnings"), text(
            "Whether it is learned how a shared beginning is read; else it is only read, which saves a third of the "
            "time where the beginning is long."), yes_no),
        Parameter("machine.recompute", machine, text("Recompute"), text(
            "Activations are computed twice and not kept: much less memory, a third more time."), yes_no),
        Parameter("machine.dtype", machine, text("Numbers"), text(
            "16 bits halve the memory of the weights, and are fast only where the processor or the card knows them."),
            (("auto", text("what is fastest here")), ("float32", "float32"), ("bfloat16", "bfloat16"))),
        Parameter("machine.threads", machine, text("Threads"), text(
            "Processor threads; 0 takes as many as help. Fewer leave room for other programs and take longer.")),
        Parameter("machine.device", machine, text("Device"), text(
            "A CUDA card is many times faster than a processor, and has less memory."),
            (("auto", text("a card where there is one")), ("cpu", text("processor")), ("cuda", text("CUDA card")))),
        Parameter("machine.backend", machine, text("Backend"), text(
            "unsloth is faster and takes less memory; it needs a CUDA card and its package."),
            (("auto", text("what is there")), ("peft", "peft"), ("unsloth", "unsloth"))),
        Parameter("keep.validate_every", kept, text("Look at held-out loss"), text(
            "Every so many steps, on up to 16 held-out examples: the second curve, and the answers to two of them. 0 "
            "never looks. A look takes about as long as a few steps.")),
        Parameter("keep.answers", kept, text("Held-out answers"), text(
            "So many held-out examples are answered at each look, for you to see. A look takes at most 1.5 % of the "
            "time that was trained so far.")),
        Parameter("keep.every", kept, text("Steps between checkpoints"), text(
            "What a crash can cost at most. More often: somewhat more time for writing.")),
        Parameter("keep.last", kept, text("Checkpoints that are kept"), text(
            "Each takes three times the adapter on the disk.")),
    )  # fmt: skip


@lru_cache(maxsize=4)
def _usual(kind: Literal["database", "feedback", "imported"]) -> dict[str, Any]:
    from pathlib import Path

    import msgspec

    from rushlight.trainer.config import checked
    from rushlight.ui.work.teaching import BATCH, Plan, training_config

    plan = Plan(1, BATCH, 0.0, 0.0, 0.0, 0.0)
    scope = "sql:" if kind == "database" else "chat"
    config = checked(training_config("m", Path("o"), Path("t"), plan, 1, 0, scope))
    found: dict[str, Any] = msgspec.to_builtins(config)
    return found


def usual_text(kind: Literal["database", "feedback", "imported"], key: str) -> str:
    """What holds where nothing is told; "" where that follows from the time or from what is there."""
    if key in ("steps.epochs", "steps.most"):
        return ""
    if key == "keep.validate_every":
        return text("four times")
    if key == "adapter.modules":
        return text("all")
    place: Any = _usual(kind)
    for name in key.split("."):
        place = place[name]
    return value_text(place)


def value_text(value: Any) -> str:
    """A value as it is typed."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        import json

        return json.dumps(list(value)) if value else ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def problem_of(problems: tuple[str, ...], key: str) -> str:
    """What is wrong with that setting, "" for nothing."""
    return next((one for one in problems if one.startswith((f"{key} ", f"{key}:", f"{key}."))), "")


def said_text(settings: Mapping[str, str]) -> str:
    """What was told, in a line: rank 8 · learning rate 1e-4."""
    known = {one.key: one for one in parameters()}
    parts = []
    for key, value in settings.items():
        one = known.get(key)
        words = dict(one.choices).get(value, value) if one is not None else value
        parts.append(f"{one.title if one is not None else key} {words}")
    return " · ".join(parts)
