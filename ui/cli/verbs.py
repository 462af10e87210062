"""The list of verbs; each is imported only when it is used, so that help and short verbs stay fast."""

from importlib import import_module

import click

from rushlight import __version__
from rushlight.ui.words import text

# Verb: module, attribute of the module, one line of help (kept here so that `--help` imports no verb).
_VERBS: dict[str, tuple[str, str, str]] = {
    "ask": ("rushlight.ui.cli.ask", "ask", text("Ask a model one question.")),
    "chat": ("rushlight.ui.cli.chat", "chat", text("Talk to a model; the conversation is kept.")),
    "tui": ("rushlight.ui.cli.faces", "tui", text("Open the terminal app.")),
    "gui": ("rushlight.ui.cli.faces", "gui", text("Open the window.")),
    "conversations": ("rushlight.ui.cli.conversations", "conversations",
                      text("List, read, search, export, import and remove conversations.")),
    "feedback": ("rushlight.ui.cli.feedback", "feedback", text("What you thought of replies: list, show, add.")),
    "presets": ("rushlight.ui.cli.presets", "presets", text("System prompts and options under a name.")),
    "models": ("rushlight.ui.cli.models", "models", text("Import, list, show, verify and remove model files.")),
    "bench": ("rushlight.ui.cli.bench", "bench", text("Measure how fast a model is on this machine.")),
    "quant": ("rushlight.ui.cli.quant", "quant", text("Convert models to GGUF, unpack them, carry adapters over.")),
    "data": ("rushlight.ui.cli.data", "data", text("Data for training: inspect, clean, redact, deduplicate, split.")),
    "train": ("rushlight.ui.cli.train", "train", text("Train a model on examples: LoRA, QLoRA, DoRA, or all weights.")),
    "evaluate": ("rushlight.ui.cli.evaluate", "evaluate",
                 text("Hold an adapter against its base: its suite, and what must not be lost.")),
    "registry": ("rushlight.ui.cli.registry", "registry",
                 text("Adapters: what they learned from, promote, roll back, compare blindly.")),
    "teach": ("rushlight.ui.cli.teach", "teach",
              text("A model learns a database, your corrections or a file, and is proven.")),
    "merge": ("rushlight.ui.cli.merge", "merge", text("Merge models or adapters without training.")),
    "sql": ("rushlight.ui.cli.sql", "sql", text("Read databases, CSV, Parquet and Excel files.")),
    "jobs": ("rushlight.ui.cli.jobs", "jobs", text("Background work: list, follow, pause, resume, cancel.")),
    "serve": ("rushlight.ui.cli.serve", "serve", text("Serve the models to other programs (OpenAI's interface).")),
    "settings": ("rushlight.ui.cli.settings", "settings", text("Show and change settings, and where each came from.")),
    "doctor": ("rushlight.ui.cli.doctor", "doctor", text("Check what Rushlight needs on this machine.")),
    "host": ("rushlight.ui.cli.host", "host", text("Look at or stop the background process that holds models.")),
}  # fmt: skip

_EXAMPLE = text("""\b
A session:
  $ rushlight models import ~/Downloads/SmolLM2-135M-Instruct.Q4_1.gguf
  $ rushlight ask "What is the capital of France?"
  The capital of France is Paris.
  $ git diff | rushlight ask "Write a commit message for this change"
Without a verb, in a terminal, the terminal app opens, as with `rushlight tui`.""")


class LazyGroup(click.Group):
    """A group that knows its verbs by name and imports one when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _VERBS:
            return None
        module, attribute, _ = _VERBS[cmd_name]
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of verbs without importing them."""
        with formatter.section(text("Verbs")):
            formatter.write_dl([(name, short) for name, (_, _, short) in _VERBS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """An unknown verb is answered with the nearest one."""
        if args and args[0] not in _VERBS and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0], list(_VERBS), n=1)
            hint = text("Did you mean {name}?", name=near[0]) if near else text('To ask a question: rushlight ask "…"')
            ctx.fail(text("There is no verb {name!r}. {hint}", name=args[0][:80], hint=hint))
        return super().resolve_command(ctx, args)


def _show_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        click.echo(f"rushlight {__version__}")
        ctx.exit()


@click.group(
    cls=LazyGroup,
    subcommand_metavar="VERB [ARGS]...",
    epilog=_EXAMPLE,
    context_settings={"help_option_names": ["-h", "--help"]},
    help=text("Rushlight: an offline assistant that runs language models on your machine and learns its job there."),
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help=text("Show the version and exit."),
)
def cli() -> None:
    """The root of all verbs."""
