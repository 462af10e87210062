"""`rushlight chat`: a conversation in the terminal, kept as it happens."""

from pathlib import Path

import click

from rushlight.ui.words import text

_EPILOG = text("""\b
A session:
  $ rushlight chat
  HuggingFaceTB/SmolLM2-135M-Instruct@Q4_1 is ready. Ask anything; /? lists ...
  >>> What is the capital of France?
  The capital of France is Paris.
  46 of 8,192 tokens of context · 61.3 tokens/s
  >>> /edit
  edit> What is the capital of Italy?
  The capital of Italy is Rome.
  >>> /bye
  “Capital of Italy” is kept as 01k9q3v7m2x4w8r5t6. Go on with: rushlight chat -c x4r5t6
  $ rushlight chat -c
  $ rushlight chat -a report.md -o temperature 0.7""")


@click.command(
    epilog=_EPILOG,
    help=text(
        "Talk to a model. Everything is stored as it happens; /? inside lists the commands. Ctrl+C "
        "stops a reply, Ctrl+D "
        "leaves. Where no terminal is, each line that is piped in is a message."
    ),
)
@click.option("-m", "--model", default="", metavar="NAME", help=text("The model; see: rushlight models list"))
@click.option(
    "-s",
    "--system",
    default=None,
    metavar="TEXT",
    help=text('What the model is told first, in place of the setting chat.system_prompt; "" for nothing.'),
)
@click.option(
    "-c",
    "--continue",
    "continued",
    is_flag=False,
    flag_value="last",
    default=None,
    metavar="[ID]",
    help=text("Go on with the last conversation, or with that one; see: rushlight conversations list"),
)
@click.option(
    "-a",
    "--attach",
    "files",
    multiple=True,
    metavar="FILE",
    help=text("Give a text file with the first message; may be repeated."),
)
@click.option(
    "-o",
    "--option",
    "pairs",
    type=(str, str),
    multiple=True,
    metavar="NAME VALUE",
    help=text("Change the sampler or the engine for this conversation; see: rushlight ask --help"),
)
@click.option(
    "--reasoning",
    "show_reasoning",
    is_flag=True,
    help=text("Show on standard error what the model thinks before it answers."),
)
def chat(
    model: str,
    system: str | None,
    continued: str | None,
    files: tuple[str, ...],
    pairs: tuple[tuple[str, str], ...],
    show_reasoning: bool,
) -> int:
    from rushlight.ui.cli.chat_loop import Wishes, run_chat

    return run_chat(
        Wishes(model, system, dict(pairs)),
        continued=continued,
        files=[Path(name).expanduser() for name in files],
        show_reasoning=show_reasoning,
    )
