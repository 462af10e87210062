"""`rushlight quant calibrate`, `make`, `plan` and `compare`: smaller files, and what they lose."""

from pathlib import Path
from typing import Any

import click

from rushlight.assistant.paths import with_home
from rushlight.ui.cli.output import print_table, say, size_text
from rushlight.ui.cli.quant_jobs import (
    Amount,
    absolute,
    as_json,
    background,
    chats,
    documents,
    made_line,
    model_path,
    no_proof,
    run_job,
    shown,
    texts,
    threads,
)
from rushlight.ui.words import text

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_OUT = click.Path(path_type=Path)

_CALIBRATE = text("""\b
A session:
  $ rushlight quant calibrate smollm2.gguf --text docs --tokens 8k
  smollm2.imatrix.gguf  7,680 tokens of docs  211 tensors""")
_MAKE = text("""\b
A session:
  $ rushlight quant make smollm2.gguf --type IQ4_NL --imatrix smollm2.imatrix.gguf
  smollm2.gguf is quantized itself (Q4_1); what that lost stays lost.
  smollm2.IQ4_NL.gguf  IQ4_NL  91.7 MB  proven
  $ rushlight quant make smollm2.gguf --type IQ4_NL --method gptq --text ~/notes --background
  $ rushlight quant make smollm2.gguf --type Q4_K_M --for-my-use
  $ rushlight quant make smollm2.gguf --type Q4_K_M --for-my-use --documents ~/notes""")
_PLAN = text("""\b
A session:
  $ rushlight quant plan poet.gguf --like Q4_K_M
  $ rushlight quant make poet.gguf --plan poet.plan.json
  $ rushlight quant plan qwen3-8b --card 8G --context 8k --out qwen.plan.json --background""")
_COMPARE = text("""\b
A session:
  $ rushlight quant compare smollm2.gguf smollm2.IQ4_NL.gguf smollm2.Q8_0.gguf --text README.md --no-speed
  MODEL                    SIZE  PERPLEXITY  MEAN KL  99 % KL  SAME TOP
  smollm2.gguf          98.4 MB       51.13        -        -         -
  smollm2.IQ4_NL.gguf   91.7 MB       53.52   0.0749   0.4252     83.9%
  smollm2.Q8_0.gguf    144.8 MB       51.40   0.0061   0.0277     93.2%
  Over 768 positions of README.md. KL is in nats, against smollm2.gguf.""")


@click.command(
    epilog=_CALIBRATE,
    help=text(
        "Collect an importance matrix of MODEL (a GGUF file or a model's name) over a text: how large the inputs of "
        "its weights are. Smaller types lose less with one."
    ),
)
@click.argument("model")
@texts
@chats
@documents
@click.option("--tokens", "n_tokens", type=Amount(), default="64k", show_default=True, metavar="N",
              help=text("At most so many tokens."))  # fmt: skip
@click.option("--out", "target", type=_OUT, help=text("The file to make; MODEL.imatrix.gguf if not given."))
@click.option("--old-form", is_flag=True, help=text("Write llama.cpp's form of before 2025."))
@threads
@background
@as_json
def calibrate(
    model: str, texts: tuple[Path, ...], chats: bool, documents: tuple[Path, ...], n_tokens: int, target: Path | None,
    old_form: bool, n_threads: int, background: bool, as_json: bool,
) -> int:  # fmt: skip
    path = model_path(model)
    target = target or Path(f"{path.name.removesuffix('.gguf')}.imatrix.{'dat' if old_form else 'gguf'}")

    def show(made: dict[str, Any]) -> None:
        say(text("{path}  {tokens} tokens of {text}  {n} tensors", path=shown(made["path"]),
                 tokens=f"{made['tokens']:,}", text=made["text"], n=made["tensors"]))  # fmt: skip

    arguments = {
        "model": str(path), "target": str(with_home(target).absolute()), "texts": absolute(texts), "chats": chats,
        "documents": absolute(documents),
        "n_tokens": n_tokens, "old_form": old_form, "n_threads": n_threads,
    }  # fmt: skip
    return run_job("quant-calibrate", arguments, show, background=background, as_json=as_json)


@click.command(
    epilog=_MAKE,
    help=text(
        "Quantize MODEL (a GGUF file or a model's name) to a smaller type, and hold the result against it. Types are "
        "llama.cpp's, from F16 down to IQ1_S; --plan takes the types of `rushlight quant plan` instead."
    ),
)
@click.argument("model")
@click.option("--type", "type_name", default="", metavar="TYPE", help=text("Such as Q4_K_M, Q8_0, IQ4_NL, MXFP4."))
@click.option("--imatrix", type=_FILE, help=text("An importance matrix, made by calibrate or by llama.cpp."))
@click.option("--plan", type=_FILE, help=text("A plan that names the type of each tensor."))
@click.option(
    "--method",
    type=click.Choice(["search", "gptq", "smoothquant", "ggml"]),
    default="search",
    show_default=True,
    help=text(
        "How blocks are found: by search, with error feedback (gptq: slower, loses less), with scales folded in before "
        "it (smoothquant: slowest, loses least), or by ggml."
    ),
)
@texts
@chats
@documents
@click.option("--for-my-use", is_flag=True,
              help=text("Calibrate on your chats or --documents (or both), measure on others of them."))  # fmt: skip
@click.option("--out", "target", type=_OUT, help=text("The file to make; MODEL.TYPE.gguf if not given."))
@no_proof
@threads
@background
@as_json
def make(
    model: str, type_name: str, imatrix: Path | None, plan: Path | None, method: str, texts: tuple[Path, ...],
    chats: bool, documents: tuple[Path, ...], for_my_use: bool, target: Path | None, no_proof: bool, n_threads: int,
    background: bool, as_json: bool,
) -> int:  # fmt: skip
    from rushlight.assistant.jobs.kinds.quant_make import FEEDS_BACK  # brings msgspec: not for --help

    if not type_name and plan is None:
        raise click.UsageError(text("Name a type with --type, such as Q4_K_M, or a plan with --plan."))
    if for_my_use and (texts or imatrix is not None):
        raise click.UsageError(text("--for-my-use calibrates on your own text: leave --text and --imatrix out."))
    if (texts or chats or documents) and not for_my_use and method not in FEEDS_BACK:
        raise click.UsageError(
            text("--text, --chats and --documents need --method gptq, --method smoothquant or --for-my-use.")
        )
    path = model_path(model)
    type_name = type_name.upper()
    stem = path.name.removesuffix(".gguf")
    target = with_home(target or Path(f"{stem}.{type_name or 'plan'}.gguf")).absolute()
    if target == path:
        raise click.UsageError(text("The file to make is the model itself: give another one with --out."))

    def show(made: dict[str, Any]) -> None:
        say(made_line(made["path"], made["type"], size_bytes=made["size_bytes"], proof=made["proof"]))
        own = made.get("own_use")
        if own is not None:
            say(text("On your own text ({text}): {kl} nats from its source, {share} the same first choice.",
                     text=own["text"], kl=f"{own['divergence']:.4f}", share=f"{own['agreement']:.1%}"))  # fmt: skip

    arguments = {
        "source": str(path), "target": str(target), "type_name": type_name, "method": method,
        "imatrix": "" if imatrix is None else str(imatrix.absolute()),
        "plan": "" if plan is None else str(plan.absolute()), "texts": absolute(texts), "chats": chats,
        "documents": absolute(documents),
        "for_my_use": for_my_use, "prove": not no_proof, "n_threads": n_threads,
    }  # fmt: skip
    return run_job("quant-make", arguments, show, background=background, as_json=as_json)


@click.command(
    epilog=_PLAN,
    help=text(
        "Find the type of each tensor of MODEL, so that a file of a given size loses least. Each kind of tensor is "
        "quantized alone and what that costs is measured."
    ),
)
@click.argument("model")
@click.option("--size", "size_bytes", type=Amount(), metavar="SIZE", help=text("The largest file allowed, such as 5G."))
@click.option("--card", "card_bytes", type=Amount(), metavar="SIZE", help=text("The memory of a graphics card."))
@click.option("--context", "n_ctx", type=Amount(), default="8k", show_default=True, metavar="N",
              help=text("With --card: the tokens of context that must fit beside the model."))  # fmt: skip
@click.option("--kv-type", default="f16", show_default=True, help=text("With --card: how the context is stored."))
@click.option("--like", metavar="TYPE", default="", help=text("As large as llama.cpp's mixture, such as Q4_K_M."))
@click.option("--imatrix", type=_FILE, help=text("An importance matrix, made by calibrate or by llama.cpp."))
@texts
@chats
@documents
@click.option("--windows", "n_windows", type=click.IntRange(1, 64), default=4, show_default=True, metavar="N",
              help=text("Windows of 512 tokens that each trial is measured on."))  # fmt: skip
@click.option("--out", "target", type=_OUT, help=text("The plan to write; MODEL.plan.json if not given."))
@threads
@background
@as_json
def plan(
    model: str, size_bytes: int | None, card_bytes: int | None, n_ctx: int, kv_type: str, like: str,
    imatrix: Path | None, texts: tuple[Path, ...], chats: bool, documents: tuple[Path, ...], n_windows: int,
    target: Path | None, n_threads: int, background: bool, as_json: bool,
) -> int:  # fmt: skip
    if sum(bool(one) for one in (size_bytes, card_bytes, like)) != 1:
        raise click.UsageError(text("Give one of --size, --card and --like."))
    path = model_path(model)
    target = with_home(target or Path(f"{path.name.removesuffix('.gguf')}.plan.json")).absolute()

    def show(made: dict[str, Any]) -> None:
        say(text("{path}  {size} of {allowed} allowed, expected divergence {kl}", path=shown(made["path"]),
                 size=size_text(made["size_bytes"]), allowed=size_text(made["budget_bytes"]),
                 kl=f"{made['expected_divergence']:.3g}"))  # fmt: skip
        rows = [[name, str(count)] for name, count in sorted(made["types"].items())]
        print_table([text("TYPE"), text("TENSORS")], rows, right=(1,))

    arguments = {
        "model": str(path), "target": str(target), "size_bytes": size_bytes or 0, "card_bytes": card_bytes or 0,
        "n_ctx": n_ctx, "kv_type": kv_type, "like": like.upper(),
        "imatrix": "" if imatrix is None else str(imatrix.absolute()), "texts": absolute(texts), "chats": chats,
        "documents": absolute(documents),
        "n_windows": n_windows, "n_threads": n_threads,
    }  # fmt: skip
    return run_job("quant-plan", arguments, show, background=background, as_json=as_json)


@click.command(
    epilog=_COMPARE,
    help=text(
        "Compare quantized FILES with the MODEL they were made of: what they lose over a text, and their size, speed "
        "and memory on this machine."
    ),
)
@click.argument("model")
@click.argument("files", nargs=-1, required=True)
@texts
@chats
@documents
@click.option("--tokens", "n_tokens", type=Amount(), default="8192", show_default=True, metavar="N",
              help=text("At most so many tokens."))  # fmt: skip
@click.option("--no-speed", is_flag=True, help=text("Leave the times out."))
@click.option("--llama", "with_llama", is_flag=True,
              help=text("Also what llama.cpp's own quantizer loses with the same types and size."))  # fmt: skip
@click.option("--plot", type=_OUT, metavar="FILE.svg", help=text("Draw quality against size and speed."))
@threads
@background
@as_json
def compare(
    model: str, files: tuple[str, ...], texts: tuple[Path, ...], chats: bool, documents: tuple[Path, ...],
    n_tokens: int, no_speed: bool, with_llama: bool, plot: Path | None, n_threads: int, background: bool, as_json: bool,
) -> int:  # fmt: skip
    arguments = {
        "reference": str(model_path(model)), "others": [str(model_path(file)) for file in files],
        "texts": absolute(texts), "chats": chats, "documents": absolute(documents), "n_tokens": n_tokens,
        "speed": not no_speed, "with_llama": with_llama,
        "plot": "" if plot is None else str(with_home(plot).absolute()), "n_threads": n_threads,
    }  # fmt: skip
    return run_job("quant-compare", arguments, _show_comparison, background=background, as_json=as_json)


def _show_comparison(made: dict[str, Any]) -> None:
    headers = [text("MODEL"), text("SIZE"), text("PERPLEXITY"), text("MEAN KL"), text("99 % KL"), text("SAME TOP")]
    rows = [
        [
            Path(one["path"]).name if not one.get("by_llama") else text("{type} by llama.cpp", type=one["type"]),
            size_text(one["size_bytes"]),
            f"{one['perplexity']:.2f}",
            _figure(one, "divergence", "{:.4f}"),
            _figure(one, "divergence_99", "{:.4f}"),
            _figure(one, "agreement", "{:.1%}"),
        ]
        for one in made["models"]
    ]
    if any("load_s" in one for one in made["models"]):
        headers += [text("LOAD"), text("PROMPT"), text("DECODE"), text("MEMORY")]
        for row, one in zip(rows, made["models"], strict=True):
            row += [
                _figure(one, "load_s", "{:.2f} s"),
                _figure(one, "prefill_tokens_s", "{:,.0f} t/s"),
                _figure(one, "decode_tokens_s", "{:.1f} t/s"),
                size_text(one["memory_bytes"]) if "memory_bytes" in one else "-",
            ]
    print_table(headers, rows, right=tuple(range(1, len(headers))))
    say(text("Over {n} positions of {text}. KL is in nats, against {model}.", n=f"{made['positions']:,}",
             text=made["text"], model=rows[0][0]))  # fmt: skip
    if made["plot"]:
        say(text("Drawn: {path}", path=shown(made["plot"])))


def _figure(row: dict[str, Any], name: str, form: str) -> str:
    return form.format(row[name]) if name in row else "-"
