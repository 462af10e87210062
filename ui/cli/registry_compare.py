"""`rushlight registry compare`: two answers to each question, one of them with the adapter; you vote, then you see."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import click

from rushlight.ui.cli.output import ProgressLine, is_terminal, print_json, say, tell
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.assistant.registry.blind import Ballot, BlindPair, BlindTrial

_Put: TypeAlias = Callable[[str], None]  # a line for people: say or tell

_BALLOTS: "dict[str, Ballot]" = {"a": "a", "b": "b", "t": "tie", "tie": "tie", "=": "tie", "n": "bad", "bad": "bad"}


@click.command(
    help=text(
        "Compare an adapter blindly with what answers without it. Each QUESTION is answered twice, in an order that is "
        "drawn by chance; which answer was whose is shown after your vote, and votes are stored. Without a QUESTION "
        "they are asked for, one after the other."
    )
)
@click.argument("name", metavar="NAME")
@click.argument("questions", metavar="[QUESTION]...", nargs=-1)
@click.option(
    "-c", "--conversation", default=None, metavar="ID", help=text("Ask in this conversation, or in the last.")
)
@click.option("--base", "with_base", is_flag=True, help=text("Compare with the model alone, whatever serves now."))
@click.option("--json", "as_json", is_flag=True, help=text("Print the votes on it as JSON at the end."))
def compare(name: str, questions: tuple[str, ...], conversation: str | None, with_base: bool, as_json: bool) -> int:
    from rushlight.assistant.app import open_app
    from rushlight.assistant.registry.blind import BlindTrial
    from rushlight.assistant.registry.votes import Votes
    from rushlight.ui.cli.find_conversation import find_conversation
    from rushlight.ui.cli.registry_views import tally_text, votes_json

    with open_app() as app:
        app.begin()
        adapter = app.registry.find(name)
        serving = None if with_base else app.registry.promoted(adapter.scope, adapter.base_sha256)
        against = None if serving is None or serving.id == adapter.id else serving
        chat = find_conversation(app.conversations, conversation).id if conversation is not None else ""
        trial = BlindTrial(app, adapter, against)
        put: _Put = tell if as_json else say  # with --json only the votes go to stdout
        if questions:
            for question in questions:
                if not _asked(trial, question, chat, put):
                    break
        else:
            while (question := _line(text("Question (nothing to end): "), put)).strip():
                if not _asked(trial, question, chat, put):
                    break
        tally = Votes(app.store).tally(adapter)
    if as_json:
        print_json(votes_json(tally))
    elif tally.n_votes:
        say(tally_text(tally))
    return 0


def _asked(trial: "BlindTrial", question: str, conversation: str, put: _Put) -> bool:
    """One question with its vote; False to end. Raises `Error(kind="stopped")` at Ctrl+C while both answer."""
    from rushlight import Stop
    from rushlight.ui.cli.interrupt import InterruptStops

    line = ProgressLine()
    with InterruptStops(Stop()) as stop:
        line.show(text("Both answer"))
        try:
            pair = trial.ask(question, conversation_id=conversation, stop=stop)
        finally:
            line.clear()
    _show(pair, put)
    if pair.is_same:
        tell(text("Both say the same; there is nothing to vote on."))
        return True
    while True:
        prompt = text("Which is better? a, b, t for a tie, n for neither is good, s to skip: ")
        said = _line(prompt, put).strip().casefold()
        if said in ("", "s", "skip"):
            tell(text("Skipped: nothing was stored."))
            return bool(said)
        if said in _BALLOTS:
            break
        tell(text("Write a, b, t, n or s."))
    shown = trial.vote(pair, _BALLOTS[said])
    put(text("A was {a}, B was {b}.", a=shown.a, b=shown.b))
    return True


def _show(pair: "BlindPair", put: _Put) -> None:
    for letter, answer in (("A", pair.a), ("B", pair.b)):
        put("")
        put(f"— {letter} —")
        put(answer or text("(nothing)"))
    put("")


def _line(prompt: str, put: _Put) -> str:
    """What is typed, or the next line that is piped in; "" at the end."""
    try:
        if not is_terminal(sys.stdin):
            return sys.stdin.readline().rstrip("\n")
        if put is say:
            return input(prompt)
        click.echo(prompt, nl=False, err=True)
        return input()
    except (EOFError, KeyboardInterrupt):
        put("")
        return ""
