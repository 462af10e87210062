"""`rushlight bench`: how fast a model reads and writes here, by threads, number formats of the context, and card."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rushlight import Error, Progress, Stop
from rushlight.ui.cli.models_use import AS_JSON, opened_app
from rushlight.ui.cli.output import ProgressLine, print_json, print_table, say, tell, tell_error
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.assistant.app import App
    from rushlight.assistant.host.bench import Measured, Variant
    from rushlight.assistant.models.model import Model

_KV_TYPES = ("f16", "q8_0", "q4_0")
_FLASH = ("on", "off")
_BUSY = 0.5  # of the processors, by others: then the figures are not what the machine can do
_STOPPED = 130

_EPILOG = text("""\b
A session:
  $ rushlight bench smol --threads 1,2
  THREADS  CONTEXT  FLASH  RUNS ON    READS (tokens/s)  WRITES (tokens/s)
        1  f16      on     processor               412                118
        2  f16      on     processor               781              207 *
  ...
  $ rushlight bench smol --kv q8_0 --plot smol.svg --json > smol.json""")


def _numbers(_ctx: click.Context, _param: click.Parameter, value: str) -> list[int]:
    """1,2,4"""
    try:
        return [int(part) for part in value.split(",") if part.strip()]
    except ValueError:
        raise click.BadParameter(
            text("{value!r} is not a list of whole numbers, such as 1,2,4.", value=value)
        ) from None


def _words(allowed: tuple[str, ...]) -> Any:
    def parse(_ctx: click.Context, _param: click.Parameter, value: str) -> list[str]:
        found = [part.strip().lower() for part in value.split(",") if part.strip()]
        wrong = [part for part in found if part not in allowed]
        if wrong or not found:
            raise click.BadParameter(
                text("{value!r} is not a list of {choices}.", value=value, choices=", ".join(allowed))
            )
        return found

    return parse


@click.command(
    epilog=_EPILOG,
    help=text(
        "Measure how fast a model reads a prompt and writes an answer on this machine: by threads, number formats of "
        "the context and flash attention. Each combination is loaded, asked a few times, and unloaded. Ctrl+C ends "
        "it with what has been measured."
    ),
)
@click.argument("name", metavar="[MODEL]", required=False, default="")
@click.option(
    "--threads",
    callback=_numbers,
    default="",
    metavar="1,2,...",
    help=text("Numbers of threads. Default: 1, 2, 4, ... up to one per physical core."),
)
@click.option(
    "--kv",
    "kv_types",
    callback=_words(_KV_TYPES),
    default=",".join(_KV_TYPES),
    show_default=True,
    help=text("Number formats of the context."),
)
@click.option(
    "--flash",
    callback=_words(_FLASH),
    default=",".join(_FLASH),
    show_default=True,
    help=text("With flash attention, without, or both. Quantized formats need it."),
)
@click.option(
    "--gpu-layers",
    callback=_numbers,
    default="",
    metavar="0,-1,...",
    help=text("Layers on the graphics card; -1: as many as fit. Default engine.gpu_layers."),
)
@click.option(
    "--prompt", "n_prompt", type=click.IntRange(8, 65536), default=256, show_default=True, help=text("Tokens to read.")
)
@click.option(
    "--tokens", "n_tokens", type=click.IntRange(2, 65536), default=64, show_default=True, help=text("Tokens to write.")
)
@click.option(
    "--repeat",
    "n_repeats",
    type=click.IntRange(1, 100),
    default=3,
    show_default=True,
    help=text("How often each is measured; the median is shown."),
)
@click.option(
    "--plot",
    "plot",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help=text("Draw the figures into this SVG file."),
)
@AS_JSON
def bench(
    name: str, threads: list[int], kv_types: list[str], flash: list[str], gpu_layers: list[int], n_prompt: int,
    n_tokens: int, n_repeats: int, plot: Path | None, as_json: bool,
) -> int:  # fmt: skip
    from rushlight.assistant.host.bench import Task, variants
    from rushlight.ui.cli.sql_chart import check_folder

    task = Task(n_prompt, n_tokens, n_repeats)
    if plot is not None:
        check_folder(plot)  # not after minutes of measuring
    with opened_app() as app:
        model = app.model(name)
        _refuse(model, task)
        settings = app.settings_for(model)
        wanted = variants(
            threads or _thread_counts(), kv_types, flash, gpu_layers or [settings.number("engine.gpu_layers")]
        )
        if not wanted:
            raise Error(
                text("Quantized formats of the context need flash attention."),
                hint=text("Use --flash on, or --kv f16."),
                kind="bad-option",
            )
        busy = _busy_text()
        if busy:
            tell(busy)
        found, stopped = _measure(app, model, wanted, task)
    if as_json:
        print_json(
            {
                "id": model.id,
                "prompt_tokens": n_prompt,
                "tokens": n_tokens,
                "repeats": n_repeats,
                "complete": not stopped,
                "busy": bool(busy),
                "rows": [_row_json(one) for one in found],
            }
        )
    else:
        _show(found)
    is_drawn = plot is None or not found or _draw(plot, model.id, found, task)
    return _STOPPED if stopped else int(not is_drawn)


def _measure(app: "App", model: "Model", wanted: "list[Variant]", task: Any) -> "tuple[list[Measured], bool]":
    """What was measured, and whether Ctrl+C ended it."""
    from rushlight.assistant.host.bench import measure
    from rushlight.ui.cli.interrupt import InterruptStops

    line, stop = ProgressLine(), Stop()
    found: list[Measured] = []

    def report(progress: Progress, variant: "Variant") -> None:
        line.show(text("Measuring: {variant}", variant=_variant_text(variant)), progress.fraction)

    load = app.load_settings(model)
    try:
        with InterruptStops(stop):
            for one in measure(
                load, wanted, task, lambda load, stop: app.host.open_engine(load, stop, keep_alive_s=0.0), stop, report
            ):
                found.append(one)
    except Error as err:
        if err.kind != "stopped":
            raise
        return found, True
    finally:
        line.clear()
    return found, False


def _draw(plot: Path, name: str, found: "list[Measured]", task: Any) -> bool:
    """Whether the plot could be written; why not is told only, as the figures are out already."""
    from rushlight.ui.cli.bench_plot import draw
    from rushlight.ui.cli.sql_chart import cannot_write

    try:
        plot.write_text(draw(name, found, task), encoding="utf-8")
    except OSError as err:
        tell_error(cannot_write(plot, err.strerror or str(err)))
        return False
    tell(text("Drawn: {path}", path=plot))
    return True


def _refuse(model: "Model", task: Any) -> None:
    if model.is_remote:
        raise Error(
            text("{id} runs on another machine; its speed is not this one's.", id=model.id), kind="remote-model"
        )
    if model.purpose != "chat":
        raise Error(text("{id} writes no text; there is nothing to measure.", id=model.id), kind="wrong-model")
    n_most = model.n_ctx_train
    if n_most and task.n_prompt + task.n_tokens > n_most:
        raise Error(
            text("{id} takes {count} tokens at most.", id=model.id, count=n_most),
            hint=text("Lower --prompt or --tokens."),
            kind="bad-option",
        )


def _thread_counts() -> list[int]:
    """1, 2, 4, ... and one per physical core."""
    from rushlight.assistant.engine.threads import n_physical_cores

    n_cores = n_physical_cores()
    counts = [1]
    while counts[-1] * 2 < n_cores:
        counts.append(counts[-1] * 2)
    return counts if n_cores in counts else [*counts, n_cores]


def _busy_text() -> str:
    """A warning where other programs take the processors now."""
    import os

    try:
        load = os.getloadavg()[0]
    except (OSError, AttributeError):
        return ""
    n_cores = os.cpu_count() or 1
    if load < _BUSY * n_cores:
        return ""
    return text(
        "Other programs are busy (load {load} on {count} processors): the figures are lower than they could be.",
        load=f"{load:.1f}",
        count=n_cores,
    )


def _show(found: "list[Measured]") -> None:
    if not found:
        say(text("Nothing was measured."))
        return
    best = max(found, key=lambda one: one.decode_per_s)
    print_table(
        [
            text("THREADS"), text("CONTEXT"), text("FLASH"), text("RUNS ON"), text("READS (tokens/s)"),
            text("WRITES (tokens/s)"),
        ],
        [
            [
                str(one.variant.n_threads),
                one.variant.kv_type,
                one.variant.flash_attention,
                "" if one.problem else _where(one),
                "-" if one.problem else f"{one.prompt_per_s:.0f}",
                "-  " if one.problem else f"{one.decode_per_s:.1f}" + (" *" if one is best else "  "),
            ]
            for one in found
        ],
        right=(0, 4, 5),
    )  # fmt: skip
    for problem in dict.fromkeys(one.problem for one in found if one.problem):
        tell(text("Not measured: {problem}", problem=problem))
    for notice in dict.fromkeys(one.notice for one in found if one.notice):
        tell(notice)
    sys.stdout.flush()


def _where(one: "Measured") -> str:
    if not one.gpu_layers:
        return text("processor")
    return text("{where}, {count} layers", where=one.runs_on, count=one.gpu_layers)


def _variant_text(variant: "Variant") -> str:
    return text(
        "{count} threads, {kv_type}, flash attention {flash}",
        count=variant.n_threads,
        kv_type=variant.kv_type,
        flash=variant.flash_attention,
    )


def _row_json(one: "Measured") -> dict[str, Any]:
    return {
        "threads": one.variant.n_threads,
        "kv_type": one.variant.kv_type,
        "flash_attention": one.variant.flash_attention,
        "gpu_layers": one.gpu_layers,
        "gpu_layers_asked": one.variant.n_gpu_layers,
        "runs_on": one.runs_on,
        "prompt_tokens_per_s": round(one.prompt_per_s, 1),
        "tokens_per_s": round(one.decode_per_s, 1),
        "load_s": round(one.load_s, 3),
        "notice": one.notice,
        "problem": one.problem,
    }
