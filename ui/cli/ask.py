"""`rushlight ask`: one question, one answer on stdout, nothing else there."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rushlight import Error, Stop
from rushlight.ui.cli import chat_options
from rushlight.ui.cli.output import is_terminal, print_json, tell
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.assistant.app import App
    from rushlight.assistant.ask_options import AskOptions
    from rushlight.assistant.chat.conversation import NewAttachment
    from rushlight.assistant.engine.request import LoraUse
    from rushlight.assistant.models.model import Model

_PIPED_SEED = 1  # any fixed number: a script that asks twice gets the same answer twice
_MAX_STDIN_BYTES = 16 * 1024 * 1024

_EPILOG = text("""\b
A session:
  $ rushlight ask "What is the capital of France?"
  The capital of France is Paris.
  $ cat notes.txt | rushlight ask "Summarize this in one sentence" -o temperature 0.7
  $ rushlight ask "Invent a person" --schema "name, age int" --json
  $ rushlight ask -a report.md "What does it say about costs?" --save
  $ rushlight ask -c "And about time?"
\b
Options for -o (all from the sampler, then the engine):
  temperature top_k top_p min_p typical_p top_n_sigma seed repeat_penalty
  frequency_penalty presence_penalty penalty_last_n xtc_probability
  xtc_threshold dry_multiplier dry_base dry_allowed_length
  dry_penalty_last_n dry_sequence_breakers mirostat mirostat_tau
  mirostat_eta temperature_range temperature_exponent min_keep logit_bias
  max_tokens reasoning cache_prompt adapter adapter_strength
  draft_tokens draft_model
  context batch threads gpu_layers kv_type flash_attention slots kv_ram_mib
  keep_alive_s""")


@click.command(
    epilog=_EPILOG,
    help=text(
        "Ask a model one question. Prints the answer, and only the answer, on standard output. What is piped in is put "
        "behind TEXT, or is the question where there is no TEXT. Nothing is stored, except with "
        "--save and with -c, which "
        "goes on with a stored conversation."
    ),
)
@click.argument("question", metavar="[TEXT]", required=False)
@chat_options.MODEL
@chat_options.SYSTEM
@chat_options.PRESET
@chat_options.continued(
    text(
        "Go on with the last conversation, or with that one, and store the exchange in it. -m, -s and -p "
        "hold for it from then on."
    )
)
@chat_options.files(text("Give a text file with the question; may be repeated."))
@click.option("--save", is_flag=True, help=text("Store question and answer as a new conversation."))
@chat_options.pairs(text("Change the sampler or the engine for this answer; may be repeated."))
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
@chat_options.REASONING
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
    preset: str | None,
    continued: str | None,
    files: tuple[str, ...],
    save: bool,
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
    if save and continued is not None:
        raise click.UsageError(text("-c stores the exchange already; --save makes a new conversation."))
    piped = "" if sys.stdin is None or is_terminal(sys.stdin) else _piped()
    may_be_text = continued is not None and continued != "last"  # see `told_apart`
    if not may_be_text:
        _need_question(question, piped, files)
    # After the usage checks: these take most of this verb's start.
    from rushlight.assistant.ask_options import parse_options
    from rushlight.ui.cli.answer import Answer
    from rushlight.ui.cli.early import take_app
    from rushlight.ui.cli.interrupt import InterruptStops

    constraint = None
    if schema is not None or grammar is not None or regex is not None:
        from rushlight.ui.cli.schema_input import grammar_from

        constraint = grammar_from(schema, grammar, regex)
    given = dict(pairs)
    options = parse_options(given.items())
    adapters = tuple(_adapter(given) for given in lora)
    attachments = _read_files(files)
    answer = Answer(stream=not no_stream, show=not as_json, show_reasoning=show_reasoning)
    seed = None if is_terminal(sys.stdout) else _PIPED_SEED
    n_logprobs = -1 if logprobs is None else logprobs
    conversation = None
    with take_app() as app, InterruptStops(Stop()) as stop:
        if continued is not None:
            from rushlight.ui.cli.ask_stored import told_apart

            continued, question = told_apart(app, continued, question)
            _need_question(question, piped, files)
        prompt = _joined(question, piped)
        if preset is not None:
            system, given = chat_options.with_preset(app.presets, preset, system, given)
            options = parse_options(given.items())
        if save or continued is not None:
            from rushlight.ui.cli.ask_stored import adjusted, opened

            conversation = opened(app, continued, model, system)
            model = conversation.model
            options = parse_options({**conversation.options, **given}.items())
        chosen = app.model(model)
        _check_adapter(app, chosen, parse_options(given.items()))
        start_s = time.monotonic()
        app.engine(chosen, options=options, stop=stop, on_progress=answer.on_progress)
        answer.load_s = time.monotonic() - start_s
        if conversation is not None:
            session = app.session(
                conversation.id,
                options=given,
                on_progress=answer.on_progress,
                adapter=" ".join(Path(one.path).name for one in adapters),
                adjust=adjusted(
                    seed=seed,
                    max_tokens=max_tokens,
                    grammar=constraint,
                    stop_strings=stop_strings,
                    logprobs=n_logprobs,
                    lora=adapters,
                ),
            )
            answer.take(session.send(prompt, attachments, stop))
        else:
            answer.take(
                app.ask(
                    _with_files(prompt, attachments),
                    model=chosen,
                    system=system,
                    options=options,
                    max_tokens=max_tokens,
                    seed=seed,
                    grammar=constraint,
                    stop_strings=stop_strings,
                    logprobs=n_logprobs,
                    lora=adapters or _live(app, chosen, options),
                    stop=stop,
                    on_progress=answer.on_progress,
                )
            )
    if as_json:
        shown = answer.as_json(chosen.id, with_logprobs=logprobs is not None)
        print_json({**shown, "conversation": conversation.id} if conversation is not None else shown)
    if stats:
        tell(answer.stats_line())
    if save and conversation is not None and is_terminal(sys.stderr):
        from rushlight.ui.cli.ask_stored import kept_line

        tell(kept_line(conversation))
    return 130 if answer.was_cancelled else 0


def _live(app: "App", model: "Model", options: "AskOptions") -> "tuple[LoraUse, ...]":
    """The adapter that was asked for, else the one that is promoted for chats with this model, as strong as asked."""
    adapter = app.chat_adapter(model, options.adapter or "") if options.strength else None
    return () if adapter is None else (adapter.use(options.strength),)


def _check_adapter(app: "App", model: "Model", given: "AskOptions") -> None:
    """What is asked for by name here must be able to answer; what a chat has kept may be gone by now."""
    names = [one.name for one in app.chat_adapters(model)]
    if given.adapter is None or given.adapter in names:
        return
    raise Error(
        text("No adapter {name} answers in chats with {model}.", name=repr(given.adapter[:60]), model=model.id),
        text("There are: {names}", names=", ".join(names)) if names else text("See: rushlight registry list"),
        kind="adapter-not-found",
    )


def _need_question(question: str | None, piped: str, files: tuple[str, ...]) -> None:
    if not (question or "").strip() and not piped.strip() and not files:
        raise click.UsageError(text("There is no question. Give it as TEXT, or pipe it in."))


def _joined(question: str | None, piped: str) -> str:
    """TEXT, what is piped in, or both."""
    return "\n\n".join(part for part in (question or "", piped) if part.strip())


def _read_files(files: tuple[str, ...]) -> "list[NewAttachment]":
    if not files:
        return []
    from rushlight.assistant.chat.attachments import read_attachments
    from rushlight.assistant.paths import with_home

    return read_attachments([with_home(name) for name in files])


def _with_files(prompt: str, attachments: "list[NewAttachment]") -> str:
    """The question as the model reads it."""
    if not attachments:
        return prompt
    from rushlight.assistant.chat.attachments import with_attachments

    return with_attachments(prompt, attachments)


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
