"""The folder of a run, from its config to its exports. Every stage is skipped when it is done: so a run goes on.

run.json              what was asked, of which model, with which versions, how it ended
report.json           what is masked, what is trained, ten samples
examples.safetensors  the examples as token ids and masks
start/                the adapter that is gone on from, where there is one
reference.safetensors what the untrained model thinks of answers, where the recipe asks for it
base/                 the model unpacked, where it was a GGUF file
plan.json             memory, time, and how it is run, where it was planned
checkpoints/          see `checkpoint`
metrics.jsonl         a line for each step; curves.svg is drawn from it
adapter/ or model/    the result, as PEFT and transformers read it; exports lie beside it
"""

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from rushlight import Error, Progress, Stop
from rushlight.quant.unpack import unpack
from rushlight.quant.whole_file import remove_leftovers, whole_file, whole_folder
from rushlight.trainer import checkpoint
from rushlight.trainer.config import TrainConfig
from rushlight.trainer.data.masks import read_tokenizer
from rushlight.trainer.data.template import ChatTemplate, Render
from rushlight.trainer.examples import Examples, load_examples, make_examples, most_tokens, save_examples
from rushlight.trainer.lessons import read_lessons
from rushlight.trainer.metrics import read_metrics
from rushlight.trainer.plan.kept import read_plan
from rushlight.trainer.preference_examples import make_preferences
from rushlight.trainer.preferences import read_labels, read_pairs
from rushlight.trainer.start import NAME as START
from rushlight.trainer.start import keep_start, take_start
from rushlight.trainer.tracking import need_trackers, tracking

if TYPE_CHECKING:
    from rushlight.trainer.crew import Crew
    from rushlight.trainer.spoken import HeldOutAnswers

_MAY_CHANGE: Final = ("out", "keep", "export", "track")
_MAY_CHANGE_IN: Final = {"steps": ("row_tokens",), "machine": ("recompute",)}  # memory and time, not what is learned
_DEFAULT_ROW: Final = 1024  # tokens
_READERS: Final[dict[str, Callable[..., list[Any]]]] = {
    "supervised": read_lessons, "dpo": read_pairs, "orpo": read_pairs, "kto": read_labels,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Places:
    """What the names of a config stand for, absolute."""

    model: Path
    train: tuple[Path, ...]
    validate: tuple[Path, ...]
    out: Path
    start: Path | None = None  # an adapter to go on from


@dataclass(frozen=True, slots=True)
class Watch:
    """Who is told how far a run is, and who may end or pause it."""

    stop: Stop | None = None
    on_progress: Callable[[Progress], None] | None = None
    on_checkpoint: Callable[[int], None] | None = None
    should_pause: Callable[[], bool] = lambda: False
    make_way: Callable[[], None] = lambda: None  # called before every row; may wait


def prepare(
    config: TrainConfig, places: Places, *, render: Render, template: str = "", resume: bool = False,
    owner: str = "", watch: Watch | None = None,
) -> dict[str, Any]:  # fmt: skip
    """The run's folder with its base model and its examples; the report of what will be trained. `template` is the
    text of a chat template that takes the place of the model's own; `owner` is whoever may go on without `resume`."""
    watch = watch or Watch()
    need_trackers(config)
    _begin(config, places, resume=resume, owner=owner)
    out = places.out
    remove_leftovers(out)
    base = base_folder(places)
    if places.model.is_file() and not base.exists():
        unpack(places.model, base, stop=watch.stop, on_progress=watch.on_progress)
    if places.start is not None:
        keep_start(places.start, base, out, watch.stop)
    if not (out / "examples.safetensors").exists():
        examples = examples_of(config, places, base, render, template, watch)
        checkpoint.write_json(out / "report.json", examples.report)
        save_examples(out / "examples.safetensors", examples)
    report: dict[str, Any] = json.loads((out / "report.json").read_text())
    return report


def base_folder(places: Places) -> Path:
    """The Hugging Face folder that is trained."""
    return places.out / "base" if places.model.is_file() else places.model


def is_trained(config: TrainConfig, places: Places) -> bool:
    """Whether only exports are left to do."""
    return (places.out / _result_name(config)).exists()


def _result_name(config: TrainConfig) -> str:
    return "model" if config.method == "full" else "adapter"


def train(
    config: TrainConfig, places: Places, watch: Watch | None = None, *, crew: "Crew | None" = None
) -> dict[str, Any]:
    """Train what was prepared, from its last checkpoint on; how it ended, as `run.json` keeps it. What was trained
    lies in `adapter/` or `model/` afterwards, unless it was paused."""
    watch = watch or Watch()
    out = places.out
    name = _result_name(config)
    if is_trained(config, places):
        return read_manifest(out)["outcome"]  # type: ignore[no-any-return]
    if crew is None and config.machine.workers > 1:
        from rushlight.trainer.together import train_together

        return train_together(config, places, watch)
    from rushlight.trainer.backends.choose import choose_backend, choose_device
    from rushlight.trainer.loop import Training
    from rushlight.trainer.recipes.choose import choose_recipe
    from rushlight.trainer.reference import refer

    found = checkpoint.checkpoints(out)
    state = checkpoint.read_state(found[-1]) if found else None
    recipe, longest = choose_recipe(config, out / "examples.safetensors", base_folder(places))
    device = choose_device(config)
    chosen = state or read_plan(out)
    n_threads = (
        state.n_threads
        if state
        else config.machine.threads
        or ((chosen.n_threads if chosen else usable_threads()) // config.machine.workers or 1)
    )
    dtype = chosen.dtype if chosen else _dtype(config, device)
    row_tokens = chosen.row_tokens if chosen else config.steps.row_tokens or max(_DEFAULT_ROW, longest)
    if config.steps.row_tokens:  # lowered since the checkpoint, where memory ran out
        row_tokens = min(row_tokens, config.steps.row_tokens)
    backend = choose_backend(config, device)
    _tell(watch, "Loading")
    import torch

    from rushlight.trainer import heap, products

    heap.keep_freed_memory()
    torch.set_num_threads(n_threads)
    products.use(products.best())  # what is tried while it is loaded is held against exact figures
    loaded = backend.load(base_folder(places), config, device, dtype)
    has_start = (out / START).exists()
    if has_start:  # also where a checkpoint has them, trained further: the reference is what they were
        take_start(loaded.model, out / START, config)
    training = Training(loaded, recipe, config, out, row_tokens=row_tokens, n_threads=n_threads, crew=crew)
    lines = [line for line in read_metrics(out / "metrics.jsonl") if state and line.get("step", 0) <= state.step]
    is_first = crew is None or crew.rank == 0
    used = chosen.products if chosen else ""
    with tracking(config, out, lines) if is_first else nullcontext() as tracker, products.using(used):
        is_ready = refer(
            out, recipe, training.look if has_start else training.look_at_base, row_tokens=row_tokens,
            alone=loaded.packing == "alone", share=config.steps.share, watch=watch, crew=crew,
        )  # fmt: skip
        if found:
            training.go_on(found[-1], lines)
        outcome = training.run(
            should_pause=watch.should_pause if is_ready else lambda: True, stop=watch.stop,
            on_progress=watch.on_progress, on_checkpoint=watch.on_checkpoint,
            on_metrics=tracker.tell if tracker else None, make_way=watch.make_way,
            answers=_answers(config, places) if crew is None else None,
        )  # fmt: skip
        if tracker:
            tracker.state = outcome.state
    if not is_first:
        return asdict(outcome)
    draw_curves(out)
    trained, everything = loaded.n_parameters()
    made = {
        **asdict(outcome), "trained_parameters": trained, "parameters": everything, "device": device, "dtype": dtype,
        "threads": n_threads, "row_tokens": row_tokens, "packing": loaded.packing, "backend": backend.name,
        "products": used or products.best(), "not_tracked": tracker.failed if tracker else {},
    }  # fmt: skip
    _note(out, outcome=made)
    if outcome.state == "done":
        with _spoken_of(out / name), whole_folder(out / name) as staged:
            backend.save(loaded, staged)
            _complete(staged, base_folder(places), is_model=config.method == "full")
    return made


def _answers(config: TrainConfig, places: Places) -> "HeldOutAnswers | None":
    """The held-out examples that are asked now and then, where that is wanted."""
    if not config.keep.answers or config.recipe != "supervised":
        return None
    from rushlight.trainer.spoken import HeldOutAnswers

    held_out = load_examples(places.out / "examples.safetensors")[1]
    every = max(1, len(held_out) // config.keep.answers)
    return HeldOutAnswers(held_out[::every][: config.keep.answers], read_tokenizer(base_folder(places)))


@contextmanager
def _spoken_of(path: Path) -> Iterator[None]:
    """What safetensors could not write, as an error for people."""
    from safetensors import SafetensorError

    try:
        yield
    except SafetensorError as error:
        raise Error(
            f"Cannot write {path}: {str(error)[:300]}",
            "Make room on the disk, then go on with: rushlight train CONFIG --resume. What was trained is in the last "
            "checkpoint.",
            kind="disk",
        ) from None


def draw_curves(out: Path) -> None:
    from rushlight.trainer.curves import draw

    with whole_file(out / "curves.svg") as file:
        file.write(draw(read_metrics(out / "metrics.jsonl"), out.name).encode())


def read_manifest(out: Path) -> dict[str, Any]:
    try:
        said = json.loads((out / "run.json").read_bytes())
    except (OSError, ValueError) as error:
        raise Error(f"Cannot read {out / 'run.json'}: {error}.", "Begin a new run under another name.",
                    kind="bad-file") from None  # fmt: skip
    if not isinstance(said, dict):
        raise Error(f"{out / 'run.json'} is no run's.", "Begin a new run under another name.", kind="bad-file")
    return said


def usable_threads() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _begin(config: TrainConfig, places: Places, *, resume: bool, owner: str) -> None:
    out, asked = places.out, json.loads(msgspec.json.encode(config))
    if (out / "run.json").exists():
        is_own = bool(owner) and read_manifest(out).get("owner") == owner
        has_begun = (out / "examples.safetensors").exists()
        if has_begun and not resume and not is_own:
            raise Error(
                f"There is a run in {out} already.",
                "Go on with it: rushlight train CONFIG --resume; or set another `out`.",
                kind="exists",
            )
        before = read_manifest(out).get("config", {})
        if not has_begun:
            _begin_anew(places, asked, owner)
            return
        then = {**asked, **before}
        changed = [key for key in asked if key not in _MAY_CHANGE and _kept(key, asked) != _kept(key, then)]
        if changed:
            raise Error(
                f"Cannot go on with {out.name}: {', '.join(changed)} of the config was changed since it began.",
                "Only [keep], [export], [track], steps.row_tokens and machine.recompute may change; begin a new run "
                "under another `out`.",
                kind="bad-config",
            )
        if any(asked[key] != then[key] for key in _MAY_CHANGE_IN):
            (out / "plan.json").unlink(missing_ok=True)  # it tells the memory of other rows
        _note(out, config=asked, owner=owner)
        return
    if out.exists() and any(not one.name.startswith(".") for one in out.iterdir()):
        raise Error(f"{out} is not empty and is no run.", "Set another `out`.", kind="exists")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Error(f"Cannot make {out}: {error.strerror}.", "Set another `out`.", kind="bad-file") from None
    began = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    checkpoint.write_json(out / "run.json", {
        "config": asked, "model": str(places.model), "train": [str(one) for one in places.train],
        "start": "" if places.start is None else str(places.start), "began": began, "owner": owner,
        "versions": _versions(),
    })  # fmt: skip


def _kept(key: str, said: dict[str, Any]) -> Any:
    """What of a section of the config must stay as it is while a run lasts."""
    section, free = said[key], _MAY_CHANGE_IN.get(key, ())
    return {name: one for name, one in section.items() if name not in free} if isinstance(section, dict) else section


def _begin_anew(places: Places, asked: dict[str, Any], owner: str) -> None:
    """Nothing was learned yet, since something was wrong with the data or the template: all may be another now."""
    said = read_manifest(places.out)
    if said.get("model") != str(places.model):
        shutil.rmtree(places.out / "base", ignore_errors=True)
    shutil.rmtree(places.out / START, ignore_errors=True)
    (places.out / "plan.json").unlink(missing_ok=True)
    _note(places.out, config=asked, model=str(places.model), train=[str(one) for one in places.train],
          start="" if places.start is None else str(places.start), owner=owner)  # fmt: skip


def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in ("rushlight", "torch", "transformers", "peft", "bitsandbytes", "unsloth"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _note(out: Path, **more: Any) -> None:
    checkpoint.write_json(out / "run.json", {**read_manifest(out), **more})


def examples_of(
    config: TrainConfig, places: Places, base: Path, render: Render, template: str, watch: Watch
) -> Examples:
    """The examples of the files that a config names, as `base` reads them."""
    tokenizer = read_tokenizer(base)
    read = _READERS[config.recipe]
    lessons = read(places.train, watch.stop)
    held_out = read(places.validate, watch.stop) if places.validate else []
    share = config.data.validate_share
    if share:
        held_out = [one for one in lessons if one.share < share]
        lessons = [one for one in lessons if one.share >= share]
        if not lessons or not held_out:
            raise Error(
                f"data.validate_share = {share:g} leaves one side without an example: {len(lessons)} to train on, "
                f"{len(held_out)} to look at.",
                "Give more examples, or name files under data.validate.",
                kind="bad-data",
            )
    text = template or tokenizer.template
    chat = ChatTemplate(text, render, tokenizer.variables, tokenizer.control, tokenizer.markup) if text else None
    make: Callable[..., Examples] = make_examples if config.recipe == "supervised" else make_preferences
    made = make(
        lessons, held_out, tokenizer, chat, max_tokens=most_tokens(config, base), too_long=config.data.too_long,
        stop=watch.stop, on_progress=watch.on_progress,
    )  # fmt: skip
    return replace(made, report={**made.report, "template": "given" if template else "of the model" if text else ""})


def _complete(folder: Path, base: Path, *, is_model: bool) -> None:
    """What else the result needs: a model is only whole with its tokenizer."""
    for one in sorted(base.iterdir()) if is_model else ():
        is_text = one.suffix in (".json", ".jinja", ".txt", ".model") and "safetensors" not in one.name
        if is_text and not (folder / one.name).exists():
            shutil.copyfile(one, folder / one.name)
    if not is_model:  # PEFT writes the path of the machine it was trained on
        path = folder / "adapter_config.json"
        said = json.loads(path.read_text())
        said["base_model_name_or_path"] = base.name if base.name != "base" else ""
        path.write_text(json.dumps(said, indent=2, sort_keys=True))


def _dtype(config: TrainConfig, device: str) -> str:
    if config.machine.dtype != "auto":
        return config.machine.dtype
    return "bfloat16" if device == "cuda" else "float32"


def _tell(watch: Watch, what: str) -> None:
    if watch.on_progress is not None:
        watch.on_progress(Progress(what, 0))
