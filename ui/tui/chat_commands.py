"""The `/` commands of the composer: their names, what they mean, and which action each stands for.

Most are actions of the one table; a few take words behind them. Knows no widget.
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rushlight.ui.desk.actions import action
from rushlight.ui.desk.sql_mention import Asked, asked_of
from rushlight.ui.desk.sql_recent import Recent
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.ui.desk.remembered import Remembered

# name: action. The names are those of `rushlight chat`, where it has one.
_ACTIONS = {
    "new": "chat.new",
    "model": "chat.model",
    "adapter": "chat.adapter",
    "blind": "chat.blind",
    "set": "chat.sampler",
    "system": "chat.system",
    "stop": "chat.stop",
    "regenerate": "chat.regenerate",
    "continue": "chat.continue",
    "edit": "chat.edit-last",
    "branch": "chat.branch",
    "good": "chat.rate-up",
    "bad": "chat.rate-down",
    "correct": "chat.correct",
    "keep": "chat.keep",
    "copy": "chat.copy-reply",
    "code": "chat.copy-code",
    "attach": "chat.attach",
    "title": "chat.rename",
    "export": "chat.export",
    "find": "chat.find",
    "search": "app.search",
    "undo": "chat.undo",
    "left-out": "chat.left-out",
    "move": "chat.move",
    "pin": "chat.pin",
    "delete": "chat.delete",
    "sql": "page.sql",
    "learn": "page.learn",
    "models": "page.models",
    "jobs": "page.jobs",
    "settings": "page.settings",
    "theme": "view.theme",
    "help": "app.shortcuts",
    "bye": "app.quit",
}
_ALIASES = {
    "again": "regenerate", "retry": "regenerate", "redo": "regenerate", "more": "continue", "fork": "branch",
    "up": "good", "down": "bad", "rename": "title", "file": "attach", "h": "help", "quit": "bye", "exit": "bye",
    "session.export": "export", "sampler": "set",
}  # fmt: skip
# Some take words: sql QUESTION, title NAME, find WORDS, set NAME VALUE, system TEXT, preset NAME, export FILE.
_TYPED = re.compile(r"/([A-Za-z][A-Za-z.-]*)(?:\s+(.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Typed:
    """A command as it was typed. `action` is "" for one that only takes words."""

    name: str
    action: str
    argument: str


def commands() -> tuple[tuple[str, str], ...]:
    """(name, meaning) of all, in the order in which they are offered."""
    listed = [(name, action(action_id).title) for name, action_id in _ACTIONS.items()]
    listed.insert(4, ("preset", text("Use a preset: a system prompt and options under a name")))
    listed.insert(5, ("save-preset", text("Keep system prompt and options as a preset")))
    return tuple(listed)


def asked_database(written: str, remembered: "Remembered") -> Asked | None:
    """The question, where it is one to a database: /sql with words behind it, or one that names a database by @."""
    return asked_of(written, Recent(remembered).rows(()))


def parse(written: str) -> Typed | None:
    """The command, or None where it is a message: a path such as /etc/hosts, a blank before the slash."""
    found = _TYPED.fullmatch(written.rstrip())
    if found is None:
        return None
    name = found.group(1).lower()
    name = _ALIASES.get(name, name)
    if name not in _ACTIONS and name not in ("preset", "save-preset"):
        return None
    return Typed(name, _ACTIONS.get(name, ""), (found.group(2) or "").strip())


def looks_like_command(written: str) -> bool:
    """A slash and one word that is no command: probably mistyped, so it is not sent to the model unasked."""
    return bool(re.fullmatch(r"/[A-Za-z-]+", written.strip())) and parse(written) is None
