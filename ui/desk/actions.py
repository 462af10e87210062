"""Everything a face can be told to do: one table for menus, palette, shortcuts and help, of both faces.

Knows names and keys; who does what is bound by each face. Titles are made when asked, so that the language is right.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from rushlight import Error
from rushlight.ui.words import text

# Where the keys work. app: everywhere. chat, sql, learn, models, quantize, server, jobs: while that page is shown.
# list: while the list of conversations has the focus. empty-input: in the composer while nothing is typed (never for a
# window).
Scope: TypeAlias = Literal["app", "chat", "sql", "learn", "models", "quantize", "server", "jobs", "list", "empty-input"]


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do. Keys are written as Qt and as Textual write them; the first of several is the one shown."""

    id: str
    title: str
    group: str
    window_keys: tuple[str, ...] = ()
    terminal_keys: tuple[str, ...] = ()
    scope: Scope = "app"


def actions() -> tuple[Action, ...]:
    """All of them, group by group, in the order of menus."""
    return (
        *_chats(),
        *_message(),
        *_view(),
        *_go(),
        *_sql(),
        *_learn(),
        *_models(),
        *_quantize(),
        *_server(),
        *_jobs(),
        *_application(),
    )


def action(action_id: str) -> Action:
    """The action of that id. Raises `Error(kind="no-such-action")`."""
    for one in actions():
        if one.id == action_id:
            return one
    raise Error(text("There is no action {id}.", id=repr(action_id[:60])), kind="no-such-action")


def groups() -> tuple[tuple[str, tuple[Action, ...]], ...]:
    """(title, actions) of each group, in the order of menus."""
    found: dict[str, list[Action]] = {}
    for one in actions():
        found.setdefault(one.group, []).append(one)
    return tuple((title, tuple(members)) for title, members in found.items())


def _chats() -> tuple[Action, ...]:
    group = text("Chat")
    return (
        Action("chat.new", text("New chat"), group, ("Ctrl+N", "Ctrl+Shift+O"), ("ctrl+n",)),
        Action("chat.rename", text("Rename the chat"), group, ("F2",), ("alt+r",), "chat"),
        Action("chat.pin", text("Pin or unpin the chat"), group, ("Ctrl+Shift+P",), ("alt+p",), "chat"),
        Action("chat.move", text("Move the chat to a folder"), group, ("Ctrl+Shift+M",), ("alt+m",), "chat"),
        Action("chat.delete", text("Move the chat to the trash"), group, ("Ctrl+Shift+Backspace",), ("alt+delete",),
               "chat"),
        Action("chat.export", text("Export the chat"), group, ("Ctrl+Shift+E",), ("alt+e",), "chat"),
        Action("chat.find", text("Find in the chat"), group, ("Ctrl+F",), ("ctrl+f",), "chat"),
        Action("chat.attach", text("Attach text files"), group, ("Ctrl+Shift+A",), ("alt+a",), "chat"),
        Action("chat.model", text("Choose the model"), group, ("Ctrl+M",), ("ctrl+o",), "chat"),
        Action("chat.adapter", text("Choose the adapter and its strength"), group, ("Ctrl+Shift+L",), ("ctrl+l",),
               "chat"),
        Action("chat.blind", text("Compare blind"), group, ("Ctrl+Shift+D",), ("alt+h",), "chat"),
        Action("chat.sampler", text("Sampler settings"), group, ("Ctrl+.",), ("alt+s",), "chat"),
        Action("chat.system", text("System prompt"), group, ("Ctrl+Shift+I",), ("alt+i",), "chat"),
        Action("chat.left-out", text("See what was left out of the context"), group, (), ("alt+l",), "chat"),
        Action("folder.new", text("New folder"), group, ("Ctrl+Shift+N",), ("alt+n",)),
        Action("conversations.import", text("Import conversations from a file"), group),
        Action("conversations.trash", text("Show the trash"), group),
    )  # fmt: skip


def _message() -> tuple[Action, ...]:
    group = text("Message")
    return (
        Action("chat.stop", text("Stop the reply"), group, ("Esc",), ("escape",), "chat"),
        Action("chat.regenerate", text("Answer again"), group, ("Ctrl+R",), ("ctrl+r",), "chat"),
        Action("chat.continue", text("Continue the reply"), group, ("Ctrl+Shift+Return",), ("alt+c",), "chat"),
        Action("chat.retry", text("Try again"), group, ("Ctrl+Shift+R",), ("alt+g",), "chat"),
        Action("chat.edit-last", text("Edit the last message"), group, ("Up",), ("up",), "empty-input"),
        Action("chat.copy-reply", text("Copy the last reply"), group, ("Ctrl+Shift+C",), ("ctrl+y",), "chat"),
        Action("chat.copy-code", text("Copy the last code block"), group, ("Ctrl+Shift+;",), ("alt+y",), "chat"),
        Action("chat.rate-up", text("Good reply"), group, ("Alt+Up",), ("alt+u",), "chat"),
        Action("chat.rate-down", text("Bad reply"), group, ("Alt+Down",), ("alt+d",), "chat"),
        Action("chat.correct", text("Correct the reply"), group, ("Ctrl+E",), ("ctrl+e",), "chat"),
        Action("chat.keep", text("Keep this version"), group, ("Alt+K",), ("alt+k",), "chat"),
        Action("chat.vote-a", text("Vote: A is better"), group, ("Alt+1",), (), "chat"),
        Action("chat.vote-b", text("Vote: B is better"), group, ("Alt+2",), (), "chat"),
        Action("chat.vote-tie", text("Vote: both are as good"), group, ("Alt+3",), (), "chat"),
        Action("chat.vote-bad", text("Vote: both are bad"), group, ("Alt+4",), (), "chat"),
        Action("chat.previous-version", text("Previous version"), group, ("Alt+Left",), ("alt+left",), "chat"),
        Action("chat.next-version", text("Next version"), group, ("Alt+Right",), ("alt+right",), "chat"),
        Action("chat.branch", text("Branch into a new chat"), group, ("Ctrl+Shift+B",), ("alt+o",), "chat"),
        Action("chat.unqueue", text("Take back the message that waits"), group, (), ("alt+q",), "chat"),
        Action("chat.undo", text("Undo"), group, ("Ctrl+Alt+Z",), ("alt+z",)),
    )


def _view() -> tuple[Action, ...]:
    group = text("View")
    return (
        Action("view.sidebar", text("Show or hide the side column"), group, ("Ctrl+B", "Ctrl+Shift+S"), ("ctrl+b",)),
        Action("view.larger", text("Larger text"), group, ("Ctrl++", "Ctrl+=")),
        Action("view.smaller", text("Smaller text"), group, ("Ctrl+-",)),
        Action("view.normal-size", text("Normal text size"), group, ("Ctrl+0",)),
        Action("view.theme", text("Light, dark, or as the system says"), group, ("Ctrl+Shift+T",), ("ctrl+t",)),
    )


def _go() -> tuple[Action, ...]:
    group = text("Go")
    return (
        Action("page.chat", text("Chat"), group, ("Ctrl+1",), ("f1",)),
        Action("page.sql", text("SQL"), group, ("Ctrl+6",), ("alt+j",)),
        Action("page.learn", text("Learn"), group, ("Ctrl+7",), ("alt+v",)),
        Action("page.models", text("Models"), group, ("Ctrl+2",), ("f2",)),
        Action("page.quantize", text("Quantize"), group, ("Ctrl+4",), ("alt+x",)),
        Action("page.server", text("Server"), group, ("Ctrl+5",), ("alt+w",)),
        Action("page.jobs", text("Jobs"), group, ("Ctrl+3",), ("f3",)),
        Action("page.settings", text("Settings"), group, ("Ctrl+,",), ("f4",)),
        Action("chat.next", text("Next chat"), group, ("Ctrl+Tab",), ("ctrl+tab", "alt+down")),
        Action("chat.previous", text("Previous chat"), group, ("Ctrl+Shift+Tab",), ("ctrl+shift+tab", "alt+up")),
        Action("app.focus-input", text("Go to the input"), group, ("Shift+Esc",), ("alt+enter",)),
    )


def _sql() -> tuple[Action, ...]:
    group = text("SQL")
    return (
        Action("sql.open", text("Open databases, spreadsheets or CSV files"), group, ("Ctrl+O",), ("o",), "sql"),
        Action("sql.add", text("Add files beside the open ones"), group, ("Ctrl+Alt+O",), ("p",), "sql"),
        Action("sql.reload", text("Read the open files again"), group, ("F5",), ("d",), "sql"),
        Action("sql.find", text("Find a table or column"), group, ("Ctrl+F",), ("f",), "sql"),
        Action("sql.run", text("Run the statement"), group, ("Ctrl+Return",), ("r",), "sql"),
        Action("sql.new", text("Begin a new thread of questions"), group, ("Ctrl+Alt+Q",), ("n",), "sql"),
        Action("sql.keep", text("Keep as example"), group, ("Alt+Up",), ("k",), "sql"),
        Action("sql.save", text("Save the question"), group, ("Ctrl+S",), ("s",), "sql"),
        Action("sql.saved", text("Saved questions and dashboards"), group, ("Ctrl+Alt+D",), ("v",), "sql"),
        Action("sql.export", text("Export the rows"), group, ("Ctrl+Shift+E",), ("e",), "sql"),
        Action("sql.advise", text("Try which index would help"), group, ("Ctrl+Alt+I",), ("i",), "sql"),
        Action("sql.model", text("Choose the model that writes queries"), group, ("Ctrl+M",), ("m",), "sql"),
        Action("sql.stop", text("Stop what runs"), group, ("Esc",), ("escape",), "sql"),
    )


def _learn() -> tuple[Action, ...]:
    group = text("Learn")
    return (
        Action("learn.new", text("Teach something new"), group, ("Ctrl+Alt+A",), ("n",), "learn"),
        Action("learn.start", text("Teach it"), group, ("Ctrl+Alt+L",), ("t",), "learn"),
        Action("learn.promote", text("Promote the adapter"), group, ("Ctrl+Alt+P",), ("p",), "learn"),
        Action("learn.blind", text("Try it blind in a chat"), group, ("Ctrl+Alt+Y",), ("y",), "learn"),
        Action("learn.roll-back", text("Roll the adapter back"), group, ("Ctrl+Alt+U",), ("b",), "learn"),
    )


def _models() -> tuple[Action, ...]:
    group = text("Models")
    return (
        Action("models.import", text("Import a model file"), group, ("Ctrl+I",), ("ctrl+a",), "models"),
        Action("models.get", text("Get a model"), group, ("Ctrl+G",), ("ctrl+g",), "models"),
        Action("models.find", text("Find models of other programs"), group, ("Ctrl+D",), ("ctrl+d",), "models"),
        Action(
            "models.bench", text("Measure how fast the model is here"), group, ("Ctrl+Alt+B",), ("alt+t",), "models"
        ),
        Action("models.unload-all", text("Unload all models"), group, scope="models"),
    )


def _quantize() -> tuple[Action, ...]:
    group = text("Quantize")
    return (
        Action("quantize.make", text("Make the smaller model"), group, ("Ctrl+Alt+M",), ("m",), "quantize"),
        Action("quantize.compare", text("Compare what was made"), group, ("Ctrl+Alt+V",), ("v",), "quantize"),
    )


def _server() -> tuple[Action, ...]:
    group = text("Server")
    return (
        Action("server.toggle", text("Start or stop the server"), group, ("Ctrl+Alt+S",), ("s",), "server"),
        Action("server.restart", text("Begin the server again"), group, ("Ctrl+Alt+R",), ("r",), "server"),
        Action("server.copy-address", text("Copy the server's address"), group, ("Ctrl+Alt+C",), ("y",), "server"),
        Action("server.copy-example", text("Copy an example for the shell"), group, ("Ctrl+Alt+E",), ("e",), "server"),
        Action("server.token", text("Show or hide the server's token"), group, ("Ctrl+Alt+T",), ("t",), "server"),
        Action("server.copy-token", text("Copy the server's token"), group, ("Ctrl+Alt+K",), ("k",), "server"),
        Action("server.renew-token", text("Make a new token for the server"), group, (), ("n",), "server"),
    )


def _jobs() -> tuple[Action, ...]:
    group = text("Jobs")
    return (
        Action("jobs.pause", text("Pause the job"), group, (), ("p",), "jobs"),
        Action("jobs.resume", text("Let the job go on"), group, (), ("r",), "jobs"),
        Action("jobs.cancel", text("Cancel the job"), group, (), ("c",), "jobs"),
        Action("jobs.retry", text("Try the job again"), group, (), ("t",), "jobs"),
        Action("jobs.remove", text("Remove the job from the list"), group, ("Delete",), ("delete",), "jobs"),
        Action("jobs.log", text("Show the log of the job"), group, (), ("l",), "jobs"),
    )


def _application() -> tuple[Action, ...]:
    group = text("Application")
    return (
        Action("app.palette", text("Search everything"), group, ("Ctrl+K",), ("ctrl+p",)),
        Action("app.search", text("Search the chats"), group, ("Ctrl+Shift+F",), ("ctrl+s",)),
        Action("app.shortcuts", text("Keyboard shortcuts"), group, ("Ctrl+/",), ("f5",)),
        Action("app.new-window", text("New window"), group, ("Ctrl+Alt+N",)),
        Action("app.quit", text("Quit"), group, ("Ctrl+Q",), ("ctrl+q",)),
    )
