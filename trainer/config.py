"""What a training is told: a TOML file, read into typed values with every problem reported at once.

Knows which settings go together; opens no model and no data. Every setting is explained in docs/train.md.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from rushlight import Error
from rushlight.trainer.typed import converted, read_toml

Method = Literal["lora", "rslora", "dora", "qlora", "full"]
RecipeName = Literal["supervised", "dpo", "kto", "orpo"]
_RATES: Final = {"dpo": 2e-5, "kto": 2e-5, "orpo": 5e-5}  # of adapters; a tenth where all weights learn
QUANTIZED: Final = ("Q2_K", "Q3_K", "Q4_0", "Q4_1", "Q4_K", "Q4_K_S", "Q4_K_M", "Q5_0", "Q5_1", "Q5_K", "Q5_K_S",
                    "Q5_K_M", "Q6_K", "Q8_0", "IQ4_NL", "IQ4_XS", "F16", "BF16", "F32")  # fmt: skip


class Data(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is learned from."""

    train: list[str]  # JSONL files of chats: {"messages": [...]}, {"prompt", "completion"}, or {"text"}; of preferences
    validate: list[str] = []  # the same, never trained on
    validate_share: float = 0.0  # of the examples of `train`, set apart by their content
    max_tokens: int = 2048  # of one example
    too_long: Literal["cut", "leave-out", "refuse"] = "cut"
    template: str = ""  # a chat format by name or as text; the model's own


class Adapter(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The matrices that are trained beside the model."""

    rank: int = 16
    alpha: float = 32.0
    dropout: float = 0.0
    modules: list[str] = []  # names of linear layers such as "q_proj"; all of them but the head
    start: str = ""  # an adapter to go on from, a PEFT folder or a GGUF file; "" begins with fresh matrices


class Steps(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How it is learned."""

    epochs: float = 1.0
    most: int = 0  # steps; 0 sets no limit
    seconds: float = 0.0  # as many steps as fit into it, seen after 30 of them; 0 does not look at the clock
    batch: int = 16  # examples of one step
    rate: float = 2e-4
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    warmup: float = 0.03  # of all steps
    decay: float = 0.0  # of weights, decoupled (AdamW)
    clip: float = 1.0  # of the length of the gradient; 0 does not clip
    betas: tuple[float, float] = (0.9, 0.999)
    seed: int = 0
    row_tokens: int = 0  # of one packed row; 0: 1024, or the longest example
    share: bool = True  # compute a beginning that examples share once
    learn_beginning: bool = True  # with what is learned from how it is read; else it is read only, which is quicker


class Preference(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How strongly answers are preferred, in the recipes dpo, kto and orpo."""

    beta: float = 0.1  # dpo, kto: how tightly the model is held to what it was; orpo: the share of the odds
    form: Literal["sigmoid", "hinge", "ipo", "robust"] = "sigmoid"  # of dpo
    smoothing: float = 0.0  # of dpo's form robust: the share of pairs that may be the wrong way round
    chosen_weight: float = 0.0  # of dpo: how much the chosen answers are learned beside
    good_weight: float = 1.0  # of kto: how much answers count that are liked
    bad_weight: float = 1.0  # and those that are not
    whole_text: bool = False  # of orpo: learn the prompts of chosen answers too


class Machine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where it is learned. "auto" takes a CUDA card where there is one, and unsloth there where it is installed."""

    backend: Literal["auto", "peft", "unsloth"] = "auto"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"  # float32 on a processor, bfloat16 on a card
    threads: int = 0  # 0: as many as this process may use
    recompute: bool = False  # activations in the backward pass: less memory, a third slower
    workers: int = 1  # processes that share the rows of a step, each with a model of its own
    launcher: Literal["local", "accelerate", "ray"] = "local"  # who starts them; the last two on other machines too
    launch_file: str = ""  # of `accelerate config`: what accelerate starts where


class Keep(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Checkpoints."""

    every: int = 50  # steps
    last: int = 2
    validate_every: int = 0  # steps; 0: at the end only
    answers: int = 0  # held-out examples that are answered then, for people to see; of the recipe supervised


class Track(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Programs that keep the figures of runs, on this machine."""

    to: list[Literal["mlflow", "trackio"]] = []
    project: str = "rushlight"
    folder: str = "tracked"  # beside `out`


class Export(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is made of the result."""

    gguf: bool = True  # the adapter, or the whole model where there is none, as a GGUF file
    merge: bool = False  # the adapter into 16-bit weights, as a model of its own
    quantize: str = ""  # the type of the merged or fully trained model
    prove: bool = True


class TrainConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A training."""

    model: str  # a Hugging Face folder, a GGUF file, or a model of the catalogue
    out: str  # the folder of the run
    data: Data
    recipe: RecipeName = "supervised"
    method: Method = "lora"
    adapter: Adapter = msgspec.field(default_factory=Adapter)
    preference: Preference = msgspec.field(default_factory=Preference)
    steps: Steps = msgspec.field(default_factory=Steps)
    machine: Machine = msgspec.field(default_factory=Machine)
    keep: Keep = msgspec.field(default_factory=Keep)
    track: Track = msgspec.field(default_factory=Track)
    export: Export = msgspec.field(default_factory=Export)

    @property
    def merges(self) -> bool:
        """Whether a whole model comes out: GGUF's adapters cannot hold what DoRA learns."""
        return self.export.merge or self.method in ("full", "dora") or bool(self.export.quantize)


def read_config(path: Path, changes: Sequence[str] = ()) -> TrainConfig:
    """The file's training, with `changes` such as "steps.batch=8" applied first. Paths stay as they are written."""
    return checked(read_toml(path, changes), path.name)


def checked(said: Mapping[str, Any], where: str = "the training", others: Sequence[str] = ()) -> TrainConfig:
    """`said` as a training; an `Error` that lists everything that is wrong with it, `others` too."""
    problems: list[str] = []
    config = converted(said, TrainConfig, problems)
    if config is not None:
        config = _with_rate(config, said)
        problems += _problems(config)
    problems += others
    if config is not None and not problems:
        return config
    raise Error(f"Cannot use {where}: " + "; ".join(problems) + ".", "See docs/train.md.", kind="bad-config")


def _with_rate(config: TrainConfig, said: Mapping[str, Any]) -> TrainConfig:
    """Preferences are learned in smaller steps than answers; whoever names a rate gets it."""
    steps = said.get("steps", {})
    if config.recipe not in _RATES or (isinstance(steps, Mapping) and "rate" in steps):
        return config
    rate = _RATES[config.recipe] * (0.1 if config.method == "full" else 1.0)
    return msgspec.structs.replace(config, steps=msgspec.structs.replace(config.steps, rate=rate))


def _problems(config: TrainConfig) -> list[str]:
    found: list[str] = []

    def between(name: str, value: float, low: float, high: float) -> None:
        if not low <= value <= high:
            found.append(f"{name} must lie between {low:g} and {high:g}, found {value:g}")

    data, steps, adapter, machine, keep = config.data, config.steps, config.adapter, config.machine, config.keep
    if not config.model:
        found.append("model is empty")
    if not config.out:
        found.append("out is empty")
    if not data.train:
        found.append("data.train names no file")
    if data.validate and data.validate_share:
        found.append("data.validate and data.validate_share exclude each other")
    between("data.validate_share", data.validate_share, 0.0, 0.5)
    between("data.max_tokens", data.max_tokens, 8, 1 << 20)
    between("adapter.rank", adapter.rank, 1, 4096)
    between("adapter.alpha", adapter.alpha, 1e-3, 1e5)
    between("adapter.dropout", adapter.dropout, 0.0, 0.9)
    between("steps.epochs", steps.epochs, 0.001, 10_000)
    between("steps.most", steps.most, 0, 10_000_000)
    between("steps.seconds", steps.seconds, 0.0, 1e8)
    between("steps.batch", steps.batch, 1, 65_536)
    between("steps.rate", steps.rate, 1e-9, 10.0)
    between("steps.warmup", steps.warmup, 0.0, 1.0)
    between("steps.decay", steps.decay, 0.0, 1.0)
    between("steps.clip", steps.clip, 0.0, 1e6)
    for number, beta in enumerate(steps.betas):
        between(f"steps.betas.{number}", beta, 0.0, 0.999999)
    between("steps.seed", steps.seed, 0, 2**62)
    between("machine.threads", machine.threads, 0, 1024)
    between("machine.workers", machine.workers, 1, 1024)
    if machine.workers > 1 and machine.backend == "unsloth":
        found.append("machine.workers above 1 needs the backend peft, machine.backend is unsloth")
    if machine.workers == 1 and machine.launcher != "local":
        found.append(f"machine.launcher {machine.launcher} starts workers, and machine.workers is 1")
    if machine.launch_file and machine.launcher != "accelerate":
        found.append(f"machine.launch_file is of accelerate, and machine.launcher is {machine.launcher}")
    between("keep.every", keep.every, 1, 1_000_000)
    between("keep.last", keep.last, 1, 1000)
    between("keep.validate_every", keep.validate_every, 0, 1_000_000)
    between("keep.answers", keep.answers, 0, 100)
    if steps.row_tokens:
        between("steps.row_tokens", steps.row_tokens, 16, 1 << 20)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,79}", config.track.project):
        found.append(
            f"track.project must be made of letters, digits, spaces, . _ and -, found {config.track.project[:40]!r}"
        )
    found += _preference_problems(config)
    if config.method == "full" and (adapter != Adapter()):
        found.append("method full trains all weights and has no [adapter]")
    if adapter.start and config.method == "dora":
        found.append("adapter.start goes on from the matrices of LoRA alone, and method is dora")
    if machine.backend == "unsloth" and machine.device == "cpu":
        found.append("machine.backend unsloth needs a CUDA device, machine.device is cpu")
    if config.method == "qlora" and machine.dtype == "float32" and machine.device == "cuda":
        found.append("qlora on a CUDA device computes in bfloat16, machine.dtype is float32")
    if config.export.quantize and config.export.quantize.upper() not in QUANTIZED:
        import difflib

        near = difflib.get_close_matches(config.export.quantize.upper(), QUANTIZED, 1)
        found.append(f"export.quantize {config.export.quantize[:20]!r} is no type" + (
            f" (did you mean {near[0]}?)" if near else f"; there are {', '.join(QUANTIZED)}"))  # fmt: skip
    return found


def _preference_problems(config: TrainConfig) -> list[str]:
    said, plain, recipe = config.preference, Preference(), config.recipe
    found = []
    if recipe == "supervised":
        return [] if said == plain else ["[preference] is of the recipes dpo, kto and orpo, and recipe is supervised"]
    owners = {"form": "dpo", "smoothing": "dpo", "chosen_weight": "dpo", "good_weight": "kto", "bad_weight": "kto",
              "whole_text": "orpo"}  # fmt: skip
    for name, owner in owners.items():
        if recipe != owner and getattr(said, name) != getattr(plain, name):
            found.append(f"preference.{name} is of the recipe {owner}, and recipe is {recipe}")
    for name, low, high in (("beta", 1e-4, 100.0), ("smoothing", 0.0, 0.49), ("chosen_weight", 0.0, 1e3),
                            ("good_weight", 0.0, 1e3), ("bad_weight", 0.0, 1e3)):  # fmt: skip
        value = getattr(said, name)
        if not low <= value <= high:
            found.append(f"preference.{name} must lie between {low:g} and {high:g}, found {value:g}")
    if said.smoothing and said.form != "robust":
        found.append(f"preference.smoothing is of the form robust, and preference.form is {said.form}")
    if recipe == "kto" and config.steps.batch < 2:
        found.append("recipe kto compares the examples of a step: steps.batch must be at least 2")
    return found
