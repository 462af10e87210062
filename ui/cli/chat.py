"""`rushlight chat`: a conversation in the terminal, kept as it happens."""

import click

from rushlight.ui.cli import chat_options
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
@chat_options.MODEL
@chat_options.SYSTEM
@chat_options.PRESET
@chat_options.continued(text("Go on with the last conversation, or with that one; see: rushlight conversations list"))
@chat_options.files(text("Give a text file with the first message; may be repeated."))
@chat_options.pairs(text("Change the sampler or the engine for this conversation; see: rushlight ask --help"))
@chat_options.REASONING
def chat(
    model: str,
    system: str | None,
    preset: str | None,
    continued: str | None,
    files: tuple[str, ...],
    pairs: tuple[tuple[str, str], ...],
    show_reasoning: bool,
) -> int:
    from rushlight.assistant.paths import with_home
    from rushlight.ui.cli.chat_loop import Wishes, run_chat

    return run_chat(
        Wishes(model, system, dict(pairs)),
        preset=preset,
        continued=continued,
        files=[with_home(name) for name in files],
        show_reasoning=show_reasoning,
    )
