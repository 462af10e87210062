"""What the commands of a conversation do, one function each; `act` picks it by name.

Knows the loop and the app; reads and prints through the loop's reader and `output`.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from rushlight import Error, Stop
from rushlight.assistant.paths import with_home
from rushlight.ui.cli import chat_views
from rushlight.ui.cli.chat_commands import COMMANDS, Command, number_of
from rushlight.ui.cli.chat_input import QUOTES
from rushlight.ui.cli.chat_loop import Wishes
from rushlight.ui.cli.chat_settings import set_value, show, unset_value
from rushlight.ui.cli.find_conversation import LAST, find_conversation
from rushlight.ui.cli.interrupt import InterruptStops
from rushlight.ui.cli.output import print_table, say
from rushlight.ui.words import plural, text

if TYPE_CHECKING:
    from rushlight.assistant.chat.conversation import Message
    from rushlight.ui.cli.chat_loop import ChatLoop

_MAX_HITS = 20
_MAX_RECENT = 10


def act(loop: "ChatLoop", command: Command) -> None:
    """Do what was typed. What cannot be done raises `Error`, which ends the command only."""
    _ACTIONS[command.name](loop, command.argument)


def _help(loop: "ChatLoop", argument: str) -> None:
    rows = [(f"/{info.name} {info.arguments}".rstrip(), info.meaning) for info in COMMANDS]
    rows += [
        (QUOTES, text("begin and end a message of several lines; a paste is one message")),
        ("Ctrl+C", text("stop the reply")),
    ]
    print_table([text("COMMAND"), text("WHAT IT DOES")], rows)


# --- replies --------------------------------------------------------------------------------------------------------


def _regenerate(loop: "ChatLoop", argument: str) -> None:
    session = loop.started
    with InterruptStops(Stop()) as stop:
        loop.answer(session.regenerate(stop=stop))
    n_versions = len(session.conversations.siblings(session.messages[-1].id))
    if n_versions > 1:
        chat_views.say_faint(text("(version {count}; /keep if it is the best, /versions to go back)", count=n_versions))


def _edit(loop: "ChatLoop", argument: str) -> None:
    session = loop.started
    message = _numbered(loop, number_of(argument, "/edit"), role="user")
    new = loop.reader.read_prefilled(text("edit> "), message.content)
    if not new.strip() or new == message.content:
        say(text("Nothing was changed."))
        return
    with InterruptStops(Stop()) as stop:
        loop.answer(session.edit(message.id, new, stop=stop))


def _continue(loop: "ChatLoop", argument: str) -> None:
    session = loop.started
    with InterruptStops(Stop()) as stop:
        loop.answer(session.continue_reply(stop))


def _branch(loop: "ChatLoop", argument: str) -> None:
    session = loop.started
    message = _numbered(loop, number_of(argument, "/branch"))
    old = session.conversation
    new = loop.app.conversations.branch(message.id)
    loop.open(new)
    say(
        text(
            "This is a new conversation, {id}; the old one stays as {old}.",
            id=chat_views.short_id(new.id),
            old=chat_views.short_id(old.id),
        )
    )
    chat_views.print_last_exchange(loop.path)


def _versions(loop: "ChatLoop", argument: str) -> None:
    session = loop.started
    wanted = number_of(argument, "/versions")
    everything = session.conversations.messages(session.conversation_id)
    parents = {message.parent_id for message in everything}
    leaves = [message for message in everything if message.id not in parents]
    head_id = session.conversation.head_id
    if wanted is None:
        by_id = {message.id: message for message in everything}
        rows = []
        for number, leaf in enumerate(leaves, start=1):
            asked = by_id.get(leaf.parent_id or "") if leaf.role == "assistant" else leaf
            rows.append(
                [
                    f"{number}{' *' if leaf.id == head_id else ''}",
                    chat_views.beginning(asked.content, 40) if asked else "",
                    chat_views.beginning(leaf.content, 60) if leaf.role == "assistant" else "",
                ]
            )
        print_table([text("LINE"), text("LAST MESSAGE"), text("REPLY")], rows)
        return
    if wanted > len(leaves):
        raise Error(
            plural("There is {count} line.", "There are {count} lines.", len(leaves)),
            hint=text("/versions lists them."),
            kind="bad-command",
        )
    session.conversations.set_head(session.conversation_id, leaves[wanted - 1].id)
    chat_views.print_last_exchange(loop.path)


# --- feedback -------------------------------------------------------------------------------------------------------


def _good(loop: "ChatLoop", argument: str) -> None:
    loop.app.feedback.thumb(_last_reply(loop).id, "up", argument)
    say(text("Noted as good."))


def _bad(loop: "ChatLoop", argument: str) -> None:
    loop.app.feedback.thumb(_last_reply(loop).id, "down", argument)
    say(text("Noted as bad. /correct says how it should have been."))


def _correct(loop: "ChatLoop", argument: str) -> None:
    reply = _last_reply(loop)
    if argument:
        better = loop.reader.read_block(argument)
    else:
        better = loop.reader.read_prefilled(text("correct> "), reply.content)
    if better == reply.content:
        say(text("Nothing was changed."))
        return
    loop.app.feedback.correct(reply.id, better)
    say(text("Noted as the better reply. The conversation itself stays as it was."))


def _keep(loop: "ChatLoop", argument: str) -> None:
    kept = loop.app.feedback.keep(_last_reply(loop).id)
    say(
        plural("Noted as better than {count} other version.", "Noted as better than {count} other versions.", len(kept))
    )


# --- conversations --------------------------------------------------------------------------------------------------


def _attach(loop: "ChatLoop", argument: str) -> None:
    if not argument:
        show(loop, "files")
        return
    if len(argument) > 1 and argument[0] == argument[-1] and argument[0] in "'\"":
        argument = argument[1:-1]  # as terminals paste a file that is dropped on them
    loop.attach([with_home(argument)])
    one = loop.files[-1]
    say(text("{name} goes with the next message ({count} characters).", name=one.name, count=f"{len(one.text):,}"))


def _model(loop: "ChatLoop", argument: str) -> None:
    if argument:
        set_value(loop, "model", argument)
        return
    current = loop.app.model(loop.now.model).id
    for model in loop.app.models:
        if model.purpose == "chat":
            say(f"{'*' if model.id == current else ' '} {model.id}")


def _preset(loop: "ChatLoop", argument: str) -> None:
    presets = loop.app.presets
    if not argument:
        for one in presets.list():
            say(one.name)
        say(text("/preset NAME takes one; make them with: rushlight presets save"))
        return
    preset, now = presets.get(argument), loop.now
    system = now.system if preset.system is None else preset.system
    loop.change(replace(now, system=system, options={**now.options, **preset.options}))
    say(text("{name} holds from the next message on.", name=preset.name))


def _title(loop: "ChatLoop", argument: str) -> None:
    if argument:
        loop.change(replace(loop.now, title=argument))
    say(loop.now.title or text("(no title)"))


def _save(loop: "ChatLoop", argument: str) -> None:
    if argument:
        loop.change(replace(loop.now, title=argument))
    if loop.session is None:
        say(text("Nothing was said yet; what is said is kept as it happens."))
        return
    conversation = loop.session.conversation
    say(text("“{title}” is kept as {id}, as it happens.", title=chat_views.title_of(conversation), id=conversation.id))


def _load(loop: "ChatLoop", argument: str) -> None:
    conversations = loop.app.conversations
    if not argument:
        recent = conversations.list(limit=_MAX_RECENT)
        if not recent:
            say(text("There is no conversation yet."))
            return
        chat_views.print_conversations(recent)
        say(text("/load ID opens one."))
        return
    try:
        found = find_conversation(conversations, argument)
    except Error as err:
        if err.kind != "conversation-not-found" or argument == LAST:
            raise
        from rushlight.assistant.chat.search import search

        matches = {hit.conversation.id: hit.conversation for hit in search(conversations, argument, limit=_MAX_HITS)}
        if not matches:
            raise Error(
                text("There is no conversation {name!r}, and none holds these words.", name=argument[:60]),
                hint=text("/load lists the latest."),
                kind=err.kind,
            ) from None
        if len(matches) > 1:
            chat_views.print_conversations(list(matches.values()))
            say(text("/load ID opens one."))
            return
        (found,) = matches.values()
    loop.open(found)
    loop.show_opened()


def _search(loop: "ChatLoop", argument: str) -> None:
    from rushlight.assistant.chat.search import search

    if not argument:
        raise Error(text("/search needs words to look for."), kind="bad-command")
    hits = search(loop.app.conversations, argument, limit=_MAX_HITS)
    if not hits:
        say(text("Nothing was found."))
        return
    chat_views.print_hits(hits)
    say(text("/load ID opens a conversation."))


def _new(loop: "ChatLoop", argument: str) -> None:
    loop.begin_new(loop.first_wishes)
    say(text("A new conversation."))


def _clear(loop: "ChatLoop", argument: str) -> None:
    now = loop.now
    loop.begin_new(Wishes(now.model, now.system, now.options))
    say(text("A new conversation, with the same model and options. The old one is kept."))


def _bye(loop: "ChatLoop", argument: str) -> None:
    loop.is_leaving = True


# --- inside ---------------------------------------------------------------------------------------------------------


def _numbered(loop: "ChatLoop", number: int | None, role: str = "") -> "Message":
    """Message `number` of the line that is shown; without a number, the last one (of that role)."""
    path = loop.path
    if number is None:
        found = [message for message in path if not role or message.role == role]
        if not found:
            raise Error(text("Nothing was said yet."), kind="empty-conversation")
        return found[-1]
    if number > len(path):
        raise Error(
            plural("There is {count} message.", "There are {count} messages.", len(path)),
            hint=text("/show messages lists them."),
            kind="bad-command",
        )
    message = path[number - 1]
    if role and message.role != role:
        raise Error(
            text("Message {number} is a reply of the model.", number=number),
            hint=text("/edit changes messages of yours; /correct says how the last reply should have been."),
            kind="bad-command",
        )
    return message


def _last_reply(loop: "ChatLoop") -> "Message":
    return _numbered_reply(loop.started.messages)


def _numbered_reply(path: "list[Message]") -> "Message":
    for message in reversed(path):
        if message.role == "assistant":
            return message
    raise Error(text("There is no reply yet."), kind="empty-conversation")


_ACTIONS: dict[str, Callable[["ChatLoop", str], None]] = {
    "?": _help, "regenerate": _regenerate, "edit": _edit, "continue": _continue, "branch": _branch,
    "versions": _versions, "attach": _attach, "model": _model, "preset": _preset, "set": set_value,
    "unset": unset_value,
    "show": show, "good": _good, "bad": _bad, "correct": _correct, "keep": _keep, "title": _title, "save": _save,
    "load": _load, "search": _search, "new": _new, "clear": _clear, "bye": _bye,
}  # fmt: skip
