"""`rushlight feedback`: what the user thought of replies, which is what Rushlight can learn from."""

from typing import TYPE_CHECKING, Literal

import click

from rushlight import Error
from rushlight.ui.cli.output import print_json, print_table, say
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.assistant.app import App
    from rushlight.assistant.chat.conversation import Message
    from rushlight.assistant.chat.feedback import Kind

_EPILOG = text("""\b
A session:
  $ rushlight feedback add last --good --note "short and right"
  $ rushlight feedback list
  ID      DATE              KIND  REPLY                            NOTE
  8w2k5t  2026-11-24 10:21  up    The capital of France is Paris.  short and right
  $ rushlight feedback show 8w2k5t""")

_AS_JSON = click.option("--json", "as_json", is_flag=True, help=text("Print JSON."))
_KINDS = ("up", "down", "correction", "kept")


@click.group(
    epilog=_EPILOG,
    help=text(
        "What you thought of replies: thumbs, corrections, which of two versions was kept. It is "
        "collected for learning "
        "and leaves this machine never."
    ),
)
def feedback() -> None:
    """The noun; its verbs follow."""


@feedback.command("list", help=text("The newest first."))
@click.option("--kind", type=click.Choice(_KINDS), default=None, help=text("Only of one kind."))
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(1, 10_000),
    default=50,
    show_default=True,
    metavar="N",
    help=text("At most so many."),
)
@click.option("--withdrawn", is_flag=True, help=text("Also what is not meant any more."))
@_AS_JSON
def list_(kind: "Kind | None", limit: int, withdrawn: bool, as_json: bool) -> int:
    from rushlight.ui.cli.chat_views import beginning, feedback_json, moment, short_id

    with _app() as app:
        found = app.feedback.list(kind=kind, limit=limit, withdrawn=withdrawn)
        replies = [app.conversations.message(one.message_id) for one in found]
    if as_json:
        print_json([feedback_json(one) for one in found])
        return 0
    if not found:
        say(text("There is no feedback yet. In a conversation: /good, /bad, /correct, /keep"))
        return 0
    print_table(
        [text("ID"), text("DATE"), text("KIND"), text("REPLY"), text("NOTE")],
        [
            [short_id(one.id), moment(one.created_at), one.kind, beginning(reply.content, 50), beginning(one.note, 40)]
            for one, reply in zip(found, replies, strict=True)
        ],
    )
    return 0


@feedback.command(help=text("One judgement with the question and the replies it is about."))
@click.argument("name", metavar="ID")
@_AS_JSON
def show(name: str, as_json: bool) -> int:
    from rushlight.ui.cli.chat_views import feedback_json, message_json, moment, print_message

    with _app() as app:
        store = app.conversations
        one = app.feedback.find(name)
        path = store.path(one.conversation_id, one.message_id)
        rejected = store.message(one.rejected_id) if one.rejected_id else None
    if as_json:
        print_json(
            {
                **feedback_json(one),
                "path": [message_json(message) for message in path],
                "rejected_reply": message_json(rejected) if rejected else None,
            }
        )
        return 0
    say(
        f"{one.id} · {one.kind} · {moment(one.created_at)}"
        + (text(" · withdrawn") if one.withdrawn_at is not None else "")
    )
    if one.note:
        say(text("Note: {note}", note=one.note))
    for message in path[-2:]:
        say()
        print_message(message)
    if one.text:
        say()
        say(text("It should have been:"))
        say(one.text)
    if rejected is not None:
        say()
        say(text("It was kept instead of:"))
        say(rejected.content)
    return 0


@feedback.command(
    help=text(
        "Judge the last reply of a conversation: --good, --bad, or --correct TEXT. CONVERSATION is an id or `last`."
    )
)
@click.argument("name", metavar="CONVERSATION", default="last", required=False)
@click.option("--good", "kind", flag_value="up", help=text("The reply was good."))
@click.option("--bad", "kind", flag_value="down", help=text("The reply was bad."))
@click.option("--correct", "better", default=None, metavar="TEXT", help=text("How it should have been."))
@click.option("--note", default="", metavar="TEXT", help=text("Why."))
@click.option("--message", "message_id", default="", metavar="ID", help=text("Another reply than the last one."))
@_AS_JSON
def add(
    name: str, kind: Literal["up", "down"] | None, better: str | None, note: str, message_id: str, as_json: bool
) -> int:
    from rushlight.ui.cli.chat_views import feedback_json, short_id

    if (kind is None) == (better is None):
        raise click.UsageError(text("Give one of --good, --bad and --correct TEXT."))
    with _app() as app:
        reply = app.conversations.message(message_id) if message_id else _last_reply(app, name)
        if kind is not None:
            added = app.feedback.thumb(reply.id, kind, note)
        else:
            added = app.feedback.correct(reply.id, better or "", note)
    if as_json:
        print_json(feedback_json(added))
    else:
        say(text("Noted as {id}: {kind}.", id=short_id(added.id), kind=added.kind))
    return 0


@feedback.command(help=text("Take a judgement back; it stays in the history as withdrawn."))
@click.argument("name", metavar="ID")
@_AS_JSON
def withdraw(name: str, as_json: bool) -> int:
    from rushlight.ui.cli.chat_views import feedback_json, short_id

    with _app() as app:
        one = app.feedback.find(name)
        app.feedback.withdraw(one.id)
        now = app.feedback.find(one.id)
    if as_json:
        print_json(feedback_json(now))
    else:
        say(text("{id} is withdrawn.", id=short_id(one.id)))
    return 0


@feedback.command(help=text("The file that holds it, with the conversations."))
@_AS_JSON
def path(as_json: bool) -> int:
    from rushlight.ui.cli.store_path import tell_store_path

    return tell_store_path(as_json)


def _app() -> "App":
    from rushlight.assistant.app import open_app

    return open_app()


def _last_reply(app: "App", name: str) -> "Message":
    from rushlight.ui.cli.find_conversation import find_conversation

    conversation = find_conversation(app.conversations, name)
    for message in reversed(app.conversations.path(conversation.id)):
        if message.role == "assistant":
            return message
    raise Error(text("This conversation has no reply yet."), kind="empty-conversation")
