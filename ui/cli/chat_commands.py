"""The commands of a conversation in the terminal: their list, and how a typed line is told from a message.

Knows words only; what a command does is the business of `chat_actions`.
"""

import re
from dataclasses import dataclass

from rushlight import Error
from rushlight.ui.words import text


@dataclass(frozen=True, slots=True)
class CommandInfo:
    """One command for the list of `/?`. `aliases` are typed in its place."""

    name: str
    arguments: str
    meaning: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Command:
    """A command as typed: its name from the list, and what stood behind it, stripped."""

    name: str
    argument: str = ""


COMMANDS = (
    CommandInfo("?", "", text("this list"), ("help", "h")),
    CommandInfo("regenerate", "", text("another reply to the last message"), ("retry", "redo")),
    CommandInfo("edit", text("[N]"), text("change message N (the last one) and get a new reply"), ()),
    CommandInfo("continue", "", text("go on with a reply that ended early"), ("more",)),
    CommandInfo("branch", text("[N]"), text("a new conversation with everything up to message N (all)"), ("fork",)),
    CommandInfo("versions", text("[N]"), text("list the other lines of this conversation; with N, go to one"),
                ("version",)),
    CommandInfo("attach", text("FILE"), text("give a text file with the next message"), ("file",)),
    CommandInfo("model", text("[NAME]"), text("go on with another model"), ()),
    CommandInfo("preset", text("[NAME]"), text("take a system prompt and options under a name; alone, list them"), ()),
    CommandInfo("set", text("NAME VALUE"), text("an option, “system” or “model”, for this conversation"), ()),
    CommandInfo("unset", text("NAME"), text("take an option or the system prompt back"), ()),
    CommandInfo("show", text("[WHAT]"), text("settings, model, context, left-out, messages, stats, files, path"), ()),
    CommandInfo("good", text("[NOTE]"), text("the last reply was good: kept for learning"), ("up",)),
    CommandInfo("bad", text("[NOTE]"), text("the last reply was bad"), ("down",)),
    CommandInfo("correct", text("[TEXT]"), text("how the last reply should have been"), ()),
    CommandInfo("keep", "", text("this version of the reply is better than its others"), ()),
    CommandInfo("title", text("[TITLE]"), text("show or give the conversation's title"), ()),
    CommandInfo("save", text("[TITLE]"), text("say where it is kept (it always is), and give it a title"), ()),
    CommandInfo("load", text("[ID|WORDS]"), text("go on with another conversation"), ("open",)),
    CommandInfo("search", text("WORDS"), text("look through all conversations"), ("find",)),
    CommandInfo("new", "", text("begin another conversation"), ()),
    CommandInfo("clear", "", text("begin another one, with the same model and options"), ("reset",)),
    CommandInfo("bye", "", text("leave (also Ctrl+D)"), ("exit", "quit", "q")),
)  # fmt: skip

_NAMES = {name: info for info in COMMANDS for name in (info.name, *info.aliases)}
# A path such as /etc/hosts is no command, nor is a lonely slash.
_WORD = re.compile(r"/(\?|[A-Za-z][A-Za-z_-]*)(?:\s|$)")


def parse(line: str) -> Command | None:
    """The command that was typed, or None where it is a message. Raises `Error` with the nearest name."""
    stripped = line.strip()
    found = _WORD.match(stripped)
    if found is None:
        return None
    typed = found.group(1).lower()
    info = _NAMES.get(typed)
    if info is None:
        raise Error(
            text("There is no command /{name}.", name=found.group(1)[:40]), hint=_nearest(typed), kind="unknown-command"
        )
    return Command(info.name, stripped[found.end() :].strip())


def _nearest(typed: str) -> str:
    import difflib

    beginnings = [name for name in _NAMES if name.startswith(typed)]
    near = beginnings[:1] or difflib.get_close_matches(typed, list(_NAMES), n=1)
    if near:
        return text(
            "Did you mean /{name}? /? lists all; a message that begins with a slash is sent with a blank before it.",
            name=_NAMES[near[0]].name,
        )
    return text("/? lists all; a message that begins with a slash is sent with a blank before it.")


def completions(beginning: str) -> list[str]:
    """Commands that begin so, with their slash."""
    return [f"/{info.name}" for info in COMMANDS if f"/{info.name}".startswith(beginning)]


def number_of(argument: str, what: str) -> int | None:
    """The number behind a command, None where there is none. Raises `Error` for anything else."""
    if not argument:
        return None
    if not argument.isascii() or not argument.isdigit() or int(argument[:9]) == 0:
        raise Error(
            text("{what} takes a number, not {found!r}.", what=what, found=argument[:40]),
            hint=text("/show messages lists the messages with their numbers."),
            kind="bad-command",
        )
    return int(argument[:9])
