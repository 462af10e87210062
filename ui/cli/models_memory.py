"""`rushlight models fit`, `load`, `unload` and `ps`: what fits into memory, what is in it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from rushlight import Error
from rushlight.ui.cli.models_use import AS_JSON, opened_app, progress
from rushlight.ui.cli.output import print_json, say, tell
from rushlight.ui.words import plural, text

if TYPE_CHECKING:
    from rushlight.assistant.app import App
    from rushlight.assistant.host.protocol import EngineStatus
    from rushlight.assistant.models.model import Model


@click.command(help=text("Whether a model fits into memory, before it is loaded. Exit code 1 if it does not."))
@click.argument("name", required=False, default="")
@click.option("--context", "n_ctx", type=click.IntRange(min=0), help=text("Tokens; default engine.context."))
@click.option("--kv", "kv_type", help=text("Number format of the context; default engine.kv_type."))
@click.option("--gpu-layers", "n_gpu_layers", type=click.IntRange(min=-1), help=text("Default engine.gpu_layers."))
@AS_JSON
def fit(name: str, n_ctx: int | None, kv_type: str | None, n_gpu_layers: int | None, as_json: bool) -> int:
    from rushlight.assistant.models import fit as fitting
    from rushlight.assistant.models.memory import available_memory
    from rushlight.quant.gguf_check import check
    from rushlight.ui.cli.model_views import fit_json

    with opened_app() as app:
        model = app.model(name)
        refuse_remote(model)
        settings = app.settings_for(model)
    if n_ctx is None:
        wanted = settings.number("engine.context")
        n_ctx = min(wanted, model.n_ctx_train) if wanted and model.n_ctx_train else wanted
    kv_type = kv_type or settings.text("engine.kv_type")
    n_gpu_layers = settings.number("engine.gpu_layers") if n_gpu_layers is None else n_gpu_layers
    n_batch, flash = settings.number("engine.batch"), settings.text("engine.flash_attention")
    reserve_bytes = settings.number("memory.reserve_mib") * 1024 * 1024
    files = [check(file.path) for file in model.files]
    memory = available_memory(gpus=n_gpu_layers != 0)
    found = fitting.estimate(
        files,
        n_ctx=n_ctx,
        kv_type=kv_type,
        n_gpu_layers=n_gpu_layers,
        n_batch=n_batch,
        flash_attention=flash,
        gpu_free_bytes=memory.gpu_free_bytes,
    )
    verdict = fitting.judge(found, memory, reserve_bytes=reserve_bytes)
    largest = fitting.largest_context(
        files,
        memory,
        kv_type=kv_type,
        n_gpu_layers=n_gpu_layers,
        n_batch=n_batch,
        flash_attention=flash,
        reserve_bytes=reserve_bytes,
    )
    if as_json:
        print_json(fit_json(model, found, verdict, largest))
    else:
        say(verdict.sentence)
        say(
            text(
                "Largest context that fits: {count} tokens; layers on the graphics card: {gpu} of {layers}.",
                count=largest,
                gpu=found.gpu_layers,
                layers=found.n_layers + 1,
            )
        )
        if verdict.hint:
            say(verdict.hint)
    return 1 if verdict.state == fitting.TOO_LARGE else 0


@click.command(
    epilog=text("""\b
    A session:
      $ rushlight models load smol --plan
      HuggingFaceTB/SmolLM2-135M-Instruct@Q4_1 fits: 404 MiB of memory (94 MiB weights, 180 MiB for 8,192 ...
      Up to 512 MiB more for resting conversations.
      12.4 GiB are free, beside a reserve of 512 MiB.
      $ rushlight models load smol -o kv_type q8_0 --keep-alive -1
      HuggingFaceTB/SmolLM2-135M-Instruct@Q4_1 is loaded (8192 tokens of context, processor)."""),
    help=text(
        "Load a model now, so that the first answer comes sooner. --plan only says what that would take, who holds "
        "memory, and which idle models would be unloaded for it. Exit code 1 if it does not fit."
    ),
)
@click.argument("name", required=False, default="")
@click.option(
    "-o",
    "--option",
    "options",
    type=(str, str),
    metavar="NAME VALUE",
    multiple=True,
    help=text("An option of the engine for this load: context, kv_type, gpu_layers, threads, slots, ..."),
)
@click.option(
    "--keep-alive",
    "keep_alive_s",
    type=click.IntRange(min=-1),
    metavar="SECONDS",
    help=text("Unload it this long after its last use; -1: when the host ends. Default engine.keep_alive_s."),
)
@click.option("--plan", "only_plan", is_flag=True, help=text("Only say what it would take."))
@AS_JSON
def load(
    name: str, options: Sequence[tuple[str, str]], keep_alive_s: int | None, only_plan: bool, as_json: bool
) -> int:
    from rushlight.assistant.ask_options import parse_options
    from rushlight.ui.cli.memory_views import loaded_json, plan_json, runs_on, show_plan

    pairs = list(options)
    if keep_alive_s is not None:
        pairs.append(("keep_alive_s", str(keep_alive_s)))
    parsed = parse_options(pairs)
    with opened_app() as app:
        model = app.model(name)
        refuse_remote(model)
        is_embedder = model.purpose != "chat"
        plan = app.host.plan(app.load_settings(model, parsed, embeddings=is_embedder))
        if only_plan:
            if as_json:
                print_json(plan_json(model.id, plan))
            else:
                show_plan(model.id, plan)
            return 1 if plan.state == "does-not-fit" else 0
        with progress() as (stop, on_progress):
            app.engine(model, options=parsed, embeddings=is_embedder, stop=stop, on_progress=on_progress)
        one = _loaded(app, model)
    unloaded = [holder.name for holder in plan.holders if holder.goes]
    if as_json:
        print_json({**loaded_json(one, model.id), "unloaded": unloaded})
        return 0
    if unloaded:
        tell(text("Unloaded for it: {names}.", names=", ".join(unloaded)))
    if one.ready is not None and one.ready.notice:
        tell(one.ready.notice)
    n_ctx = one.ready.n_ctx if one.ready is not None else one.load.n_ctx
    say(text("{id} is loaded ({count} tokens of context, {where}).", id=model.id, count=n_ctx, where=runs_on(one)))
    return 0


@click.command(help=text("Unload a model, or all; one that is answering is not unloaded."))
@click.argument("name", required=False, default="")
@click.option("--all", "every", is_flag=True, help=text("All models."))
@AS_JSON
def unload(name: str, every: bool, as_json: bool) -> int:
    from rushlight.ui.cli.host import running_host

    if bool(name) == every:
        raise click.UsageError(text("Name one model, or give --all."))
    path = ""
    if name:
        with opened_app() as app:
            path = str(app.catalogue.find(name).path.absolute())
    client = running_host()
    n_engines = 0
    if client is not None:
        with client:
            n_engines = client.unload(path)
    if as_json:
        print_json({"unloaded": n_engines})
    elif not n_engines:
        say(text("No model is loaded.") if every else text("{name} is not loaded.", name=name))
    else:
        say(plural("{count} model was unloaded.", "{count} models were unloaded.", n_engines))
    return 0


@click.command(
    epilog=text("""\b
    A session:
      $ rushlight models ps
      MODEL                                     MEMORY  CONTEXT  RUNS ON    USERS  TOKENS/S  IDLE  EXPIRES
      HuggingFaceTB/SmolLM2-135M-Instruct@Q4_1  405 MiB    8192  processor      0     182.4  14 s  in 4 min"""),
    help=text("The models that are loaded: memory, context, where they compute, who uses them, how fast they were."),
)
@AS_JSON
def ps(as_json: bool) -> int:
    from rushlight.ui.cli.host import running_host
    from rushlight.ui.cli.memory_views import file_name, loaded_json, show_loaded

    client = running_host()
    if client is None:
        if as_json:
            print_json([])
        else:
            say(text("No model is loaded."))
        return 0
    with client:
        found = client.status()
    with opened_app() as app:
        ids = {str(model.path.absolute()): model.id for model in app.models}
    if as_json:
        print_json([loaded_json(one, ids.get(one.path, file_name(one.path))) for one in found.engines])
    elif not found.engines:
        say(text("No model is loaded."))
    else:
        show_loaded(found, ids)
        for one in found.engines:
            if one.ready is not None and one.ready.notice:
                tell(f"{ids.get(one.path, file_name(one.path))}: {one.ready.notice}")
    return 0


def refuse_remote(model: "Model") -> None:
    """A model on another machine takes no memory here."""
    if model.is_remote:
        raise Error(text("{id} runs on another machine; it needs no memory here.", id=model.id), kind="remote-model")


def _loaded(app: "App", model: "Model") -> "EngineStatus":
    """The engine just opened."""
    path = str(model.path.absolute())
    for one in reversed(app.host.status().engines):
        if one.path == path and one.state == "ready":
            return one
    raise Error(text("{id} was unloaded again at once.", id=model.id), kind="unloaded")
