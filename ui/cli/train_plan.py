"""The plan of a training as tables: memory by part, time by part, and what to lower where it does not fit."""

from typing import Any

from rushlight.ui.cli.output import print_table, say, size_text, tell
from rushlight.ui.words import text

_PARTS = {
    "program": text("Python, torch and other libraries"),
    "weights": text("weights of the model"),
    "adapter": text("adapter"),
    "gradients": text("gradients"),
    "optimizer": text("moments of the optimizer"),
    "activations": text("activations of a row, at most"),
    "gaps": text("gaps between them, and buffers of libraries"),
    "loading": text("more while it is loaded"),
    "steps": text("steps"),
    "start": text("memory that is written to for the first time"),
    "evaluation": text("looking at held-out examples"),
    "reference": text("asking the untrained model"),
    "checkpoints": text("writing checkpoints"),
}


def show_plan(plan: dict[str, Any]) -> None:
    train = plan["report"]["train"]
    print_table([text("WHAT"), ""], [
        [text("examples"), f"{train['examples']:,}"],
        [text("steps"), f"{plan['n_steps']:,}"],
        [text("tokens computed"), f"{plan['computed_tokens']:,}"],
        [text("tokens trained"), f"{plan['trained_tokens']:,}"],
        [text("runs as"), text("{dtype}, {threads} threads, {tokens} tokens a row", dtype=plan["dtype"],
                               threads=plan["n_threads"], tokens=f"{plan['row_tokens']:,}")],
    ])  # fmt: skip
    say("")
    memory = [[_PARTS[one["name"]], size_text(one["amount"])] for one in plan["memory"]]
    print_table([text("MEMORY"), ""], [*memory, [text("together"), size_text(plan["total_bytes"])]])
    say("")
    spent = [[_PARTS[one["name"]], _time(one["amount"])] for one in plan["seconds"]]
    print_table([text("TIME"), ""], [*spent, [text("together"), _time(plan["total_s"])]])
    if not plan["fits"]:
        tell(text("It does not fit: {free} of memory are free.", free=size_text(plan["available_bytes"])))
    if plan["lower"]:
        say("")
        rows = [[one["setting"], size_text(one["total_bytes"])] for one in plan["lower"]]
        print_table([text("SMALLER WITH"), text("TOGETHER")], rows)


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
