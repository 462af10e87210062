"""`rushlight ask`: one question, one answer on stdout, nothing else there."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rushlight import Error, Stop
from rushlight.ui.cli.output import is_terminal, print_json, tell
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.assistant.engine.request import LoraUse

_PIPED_SEED = 1  # any fixed number: a script that asks twice gets the same answer twice
_MAX_STDIN_BYTES = 16 * 1024 * 1024

_EPILOG = text("""\b
A session:
  $ rushlight ask "What is the capital of France?"
  The capital of France is Paris.
  $ cat notes.txt | rushlight ask "Summarize this in one sentence" -o temperature 0.7
  $ rushlight ask "Invent a person" --schema "name, age int" --json
\b
Options for -o (all from the sampler, then the engine):
  temperature top_k top_p min_p typical_p top_n_sigma seed repeat_penalty
  frequency_penalty presence_penalty penalty_last_n xtc_probability
  xtc_threshold dry_multiplier dry_base dry_allowed_length
  dry_penalty_last_n dry_sequence_breakers mirostat mirostat_tau
  mirostat_eta temperature_range temperature_exponent min_keep logit_bias
  max_tokens reasoning cache_prompt
  context batch threads gpu_layers kv_type flash_attention""")


@click.command(
    epilog=_EPILOG,
    help=text(
        "Ask a model one question. Prints the answer, and only the answer, on standard output. What is piped in is put "
        "behind TEXT, or is the question where there is no TEXT."
    ),
)
@click.argument("question", metavar="[TEXT]", required=False)
@click.option("-m", "--model", default="", metavar="NAME", help=text("The model; see: rushlight models list"))
@click.option(
    "-s",
    "--system",
    default=None,
    metavar="TEXT",
    help=text('What the model is told first, in place of the setting chat.system_prompt; "" for nothing.'),
)
@click.option(
    "-o",
    "--option",
    "pairs",
    type=(str, str),
    multiple=True,
    metavar="NAME VALUE",
    help=text("Change the sampler or the engine for this answer; may be repeated."),
)
@click.option(
    "--max-tokens", type=click.IntRange(min=1), default=None, metavar="N", help=text("End the answer after N tokens.")
)
@click.option(
    "--stop",
    "stop_strings",
    multiple=True,
    metavar="TEXT",
    help=text("End the answer before this text; may be repeated."),
)
@click.option(
    "--schema",
    default=None,
    metavar="FILE|JSON|FIELDS",
    help=text('Answer in JSON that fits a JSON Schema, or fields such as "name, age int".'),
)
@click.option("--grammar", default=None, metavar="FILE", help=text("Answer by a grammar: FILE.gbnf or FILE.lark."))
@click.option("--regex", default=None, metavar="PATTERN", help=text("Answer by a regular expression."))
@click.option(
    "--lora", "lora", multiple=True, metavar="PATH[=SCALE]", help=text("Apply a LoRA adapter (GGUF); may be repeated.")
)
@click.option(
    "--reasoning",
    "show_reasoning",
    is_flag=True,
    help=text("Show on standard error what the model thinks before it answers."),
)
@click.option("--no-stream", is_flag=True, help=text("Print the answer when it is complete."))
@click.option("--stats", is_flag=True, help=text("Print tokens, speed and time to the first token on standard error."))
@click.option(
    "--logprobs",
    type=click.IntRange(0, 20),
    default=None,
    metavar="N",
    help=text("With --json: the probability of each token and of the N likeliest."),
)
@click.option("--json", "as_json", is_flag=True, help=text("Print one JSON object with text, usage and timings."))
def ask(
    question: str | None,
    model: str,
    system: str | None,
    pairs: tuple[tuple[str, str], ...],
    max_tokens: int | None,
    stop_strings: tuple[str, ...],
    schema: str | None,
    grammar: str | None,
    regex: str | None,
    lora: tuple[str, ...],
    show_reasoning: bool,
    no_stream: bool,
    stats: bool,
    logprobs: int | None,
    as_json: bool,
) -> int:
    if logprobs is not None and not as_json:
        raise click.UsageError(text("--logprobs needs --json: there is no place for them in the answer's text."))
    if any(not stop for stop in stop_strings):
        raise click.UsageError(text("--stop needs a text that is not empty."))
    prompt = _full_question(question)
    # After the usage checks: these take most of this verb's start.
    from rushlight.assistant.ask_options import parse_options
    from rushlight.ui.cli.answer import Answer
    from rushlight.ui.cli.early import take_app
    from rushlight.ui.cli.interrupt import InterruptStops

    constraint = None
    if schema is not None or grammar is not None or regex is not None:
        from rushlight.ui.cli.schema_input import grammar_from

        constraint = grammar_from(schema, grammar, regex)
    options = parse_options(pairs)
    adapters = tuple(_adapter(given) for given in lora)
    answer = Answer(stream=not no_stream, show=not as_json, show_reasoning=show_reasoning)
    with take_app() as app, InterruptStops(Stop()) as stop:
        chosen = app.model(model)
        start_s = time.monotonic()
        app.engine(chosen, options=options, stop=stop, on_progress=answer.on_progress)
        answer.load_s = time.monotonic() - start_s
        answer.take(
            app.ask(
                prompt,
                model=chosen,
                system=system,
                options=options,
                max_tokens=max_tokens,
                seed=None if is_terminal(sys.stdout) else _PIPED_SEED,
                grammar=constraint,
                stop_strings=stop_strings,
                logprobs=-1 if logprobs is None else logprobs,
                lora=adapters,
                stop=stop,
                on_progress=answer.on_progress,
            )
        )
    if as_json:
        print_json(answer.as_json(chosen.id, with_logprobs=logprobs is not None))
    if stats:
        tell(answer.stats_line())
    return 130 if answer.was_cancelled else 0


def _full_question(question: str | None) -> str:
    """TEXT, what is piped in, or both."""
    parts = [question or ""]
    if sys.stdin is not None and not is_terminal(sys.stdin):
        parts.append(_piped())
    prompt = "\n\n".join(part for part in parts if part.strip())
    if not prompt:
        raise click.UsageError(text("There is no question. Give it as TEXT, or pipe it in."))
    return prompt


def _piped() -> str:
    try:
        raw = sys.stdin.buffer.read(_MAX_STDIN_BYTES + 1)
    except (OSError, ValueError):  # closed by whoever started us
        return ""
    if len(raw) > _MAX_STDIN_BYTES:
        raise Error(
            f"More than {_MAX_STDIN_BYTES // 2**20} MiB were piped in.",
            hint="No context holds that much; pipe a part of it.",
            kind="too-long",
        )
    return raw.decode(errors="replace").strip("\n")


def _adapter(given: str) -> "LoraUse":
    """PATH or PATH=SCALE."""
    from rushlight.assistant.engine.request import LoraUse

    name, separator, scale_text = given.rpartition("=")
    scale = 1.0
    if separator:
        try:
            scale = float(scale_text)
        except ValueError:
            name = given  # the sign belongs to the file's name
    else:
        name = given
    path = Path(name)
    if not path.is_file():
        raise Error(
            f"The adapter {name} does not exist.", hint="--lora takes the path of a GGUF adapter.", kind="bad-option"
        )
    if not -100 <= scale <= 100:
        raise Error(f"The adapter's scale must be from -100 to 100, not {scale_text}.", kind="bad-option")
    return LoraUse(str(path.absolute()), scale)
