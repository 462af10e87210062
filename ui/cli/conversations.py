"""`rushlight conversations`: list, show, search, export, import, and put away what was said."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from rushlight import Error, Progress, Stop
from rushlight.ui.cli.output import ProgressLine, is_terminal, print_json, say, size_text, tell
from rushlight.ui.words import plural, text

if TYPE_CHECKING:
    from rushlight.assistant.app import App
    from rushlight.assistant.chat.conversation import Conversation, Message
    from rushlight.assistant.chat.importing import ImportReport

_EPILOG = text("""\b
A session:
  $ rushlight conversations list
  ID      LAST USED         MESSAGES  TITLE
  etgx3m  2026-11-24 10:20         4  Capital of France
  $ rushlight conversations search paris
  ID      DATE              TITLE              WHO    FOUND
  etgx3m  2026-11-24 10:20  Capital of France  Model  The capital of France is Paris.
  $ rushlight conversations export last france.md
  france.md: 1 conversation, 512 B
  $ rushlight conversations import conversations.json
  42 conversations with 1,380 messages were imported (ChatGPT).""")

_AS_JSON = click.option("--json", "as_json", is_flag=True, help=text("Print JSON."))
_FORMATS = ("markdown", "json", "sharegpt")


@click.group(
    epilog=_EPILOG,
    help=text(
        "What was said, kept on this machine. ID is an id, a beginning or end of it that only one has, a title, or "
        "`last`."
    ),
)
def conversations() -> None:
    """The noun; its verbs follow."""


@conversations.command("list", help=text("The conversations used last; * marks pinned ones."))
@click.option("-f", "--folder", default="", metavar="PATH", help=text("Only those of a folder, such as Work/Clients."))
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(1, 10_000),
    default=50,
    show_default=True,
    metavar="N",
    help=text("At most so many."),
)
@click.option("--trash", is_flag=True, help=text("What was thrown away."))
@_AS_JSON
def list_(folder: str, limit: int, trash: bool, as_json: bool) -> int:
    from rushlight.ui.cli.chat_views import conversation_json, print_conversations

    with _app() as app:
        store = app.conversations
        paths = {one.id: one.path for one in store.folders.list()}
        if trash:
            found = store.trash(limit=limit + 1)
        else:
            folder_id = store.folders.at(folder).id if folder else None
            found = store.list(folder_id, limit=limit + 1, below=True)
    shown = found[:limit]
    if as_json:
        print_json([conversation_json(one, paths.get(one.folder_id or "", "")) for one in shown])
        return 0
    if not shown:
        say(text("The trash is empty.") if trash else text("There is no conversation yet. Begin one: rushlight chat"))
        return 0
    print_conversations(shown, paths)
    if len(found) > limit:
        tell(text("There are more; see them with: -n {count}", count=limit * 2))
    return 0


@conversations.command(help=text("Read one conversation: the line that is shown, or with --tree all its branches."))
@click.argument("name", metavar="ID", default="last", required=False)
@click.option("--tree", is_flag=True, help=text("Every branch, one line a message; * marks the line that is shown."))
@click.option("--reasoning", is_flag=True, help=text("Also what the model thought before it answered."))
@_AS_JSON
def show(name: str, tree: bool, reasoning: bool, as_json: bool) -> int:
    from rushlight.ui.cli import chat_views

    with _app() as app:
        store = app.conversations
        found = _find(app, name)
        messages = store.messages(found.id) if tree or as_json else store.path(found.id)
        path_ids = [one.id for one in store.path(found.id)]
        folder = store.folders.get(found.folder_id).path if found.folder_id else ""
    if as_json:
        listed = messages if tree else [one for one in messages if one.id in set(path_ids)]
        print_json(
            {
                **chat_views.conversation_json(found, folder),
                "path": path_ids,
                "messages": [chat_views.message_json(one) for one in listed],
            }
        )
        return 0
    _show_head(found, folder)
    if tree:
        _show_tree(messages, set(path_ids))
        return 0
    for message in messages:
        say()
        if reasoning and message.reasoning:
            say(text("Thought:"))
            say(message.reasoning)
        chat_views.print_message(message)
    return 0


@conversations.command(help=text("Look for words in all titles and messages."))
@click.argument("words", nargs=-1, required=True)
@click.option("-f", "--folder", default="", metavar="PATH", help=text("Only in a folder."))
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(1, 1000),
    default=20,
    show_default=True,
    metavar="N",
    help=text("At most so many."),
)
@_AS_JSON
def search(words: Sequence[str], folder: str, limit: int, as_json: bool) -> int:
    from rushlight.assistant.chat.search import search as look
    from rushlight.ui.cli.chat_views import print_hits

    with _app() as app:
        folder_id = app.conversations.folders.at(folder).id if folder else None
        hits = look(app.conversations, " ".join(words), folder_id=folder_id, limit=limit)
    if as_json:
        print_json(
            [
                {
                    "conversation": hit.conversation.id,
                    "title": hit.conversation.title,
                    "message": hit.message_id,
                    "role": hit.role,
                    "created_at": hit.created_at,
                    "snippet": hit.snippet,
                    "ranges": [list(one) for one in hit.ranges],
                    "rank": round(hit.rank, 4),
                }
                for hit in hits
            ]
        )
    elif hits:
        print_hits(hits)
    else:
        say(text("Nothing was found."))
    return 0


@conversations.command(
    help=text(
        "Write conversations to FILE, whose suffix tells the format: .md (Markdown), .json "
        "(everything, to import again), "
        '.jsonl (ShareGPT). FILE "-" is standard output. Name conversations, or give --all.'
    )
)
@click.argument("names", metavar="[ID]... FILE", nargs=-1, required=True)
@click.option("--all", "every", is_flag=True, help=text("All conversations."))
@click.option(
    "--format",
    "export_format",
    type=click.Choice(_FORMATS),
    default=None,
    help=text("The format, where the suffix does not tell it."),
)
@click.option("--branches", is_flag=True, help=text("Every branch, also in Markdown and ShareGPT."))
@click.option("--force", is_flag=True, help=text("Replace FILE if it is there."))
@_AS_JSON
def export(names: Sequence[str], every: bool, export_format: Any, branches: bool, force: bool, as_json: bool) -> int:
    from rushlight.assistant.chat.exporting import export_file, export_pieces
    from rushlight.assistant.paths import with_home
    from rushlight.assistant.safety.plain import plain_stream
    from rushlight.ui.cli.interrupt import InterruptStops

    *ids, file = names
    if bool(ids) == every:
        raise click.UsageError(text("Name conversations, or give --all."))
    with _app() as app:
        chosen = None if every else [_find(app, name).id for name in ids]
        line, stop = ProgressLine(), Stop()
        with InterruptStops(stop):
            try:
                if file == "-":
                    wanted = chosen if chosen is not None else _all_ids(app)
                    pieces = export_pieces(
                        app.conversations, wanted, export_format or "markdown", all_branches=branches, stop=stop
                    )
                    for piece in plain_stream(pieces) if is_terminal(sys.stdout) else pieces:
                        sys.stdout.write(piece)
                    return 0
                report = export_file(
                    app.conversations,
                    with_home(file).absolute(),
                    chosen,
                    export_format,
                    all_branches=branches,
                    overwrite=force,
                    stop=stop,
                    on_progress=_shown_on(line),
                )
            finally:
                line.clear()
    if as_json:
        print_json(
            {
                "path": str(report.path),
                "format": report.format,
                "conversations": report.n_conversations,
                "size_bytes": report.size_bytes,
            }
        )
    else:
        say(
            plural(
                "{file}: {count} conversation, {size}",
                "{file}: {count} conversations, {size}",
                report.n_conversations,
                file=file,
                size=size_text(report.size_bytes),
            )
        )
    return 0


@conversations.command(
    "import",
    help=text(
        "Import an export of ChatGPT (the zip file or conversations.json), Open WebUI, ShareGPT or "
        "Rushlight: all of it, "
        "or nothing. What was imported before is recognised, and continued where it has grown."
    ),
)
@click.argument("file")
@click.option("-f", "--folder", default="", metavar="PATH", help=text("Put them into this folder."))
@click.option("--again", is_flag=True, help=text("Also what was imported before, a second time."))
@click.option("--skip-broken", is_flag=True, help=text("Leave out, and report, conversations that cannot be read."))
@click.option(
    "--background", is_flag=True, help=text("Do it in the background, and print the id of the job; see: rushlight jobs")
)
@_AS_JSON
def import_(file: str, folder: str, again: bool, skip_broken: bool, background: bool, as_json: bool) -> int:
    from rushlight.assistant.chat.importing import import_file
    from rushlight.assistant.paths import with_home
    from rushlight.ui.cli.interrupt import InterruptStops

    path = with_home(file).absolute()
    with _app() as app:
        if background:
            from rushlight.ui.cli.job_views import print_started

            arguments = {"path": str(path), "folder": folder, "again": again, "skip_broken": skip_broken}
            return print_started(app.jobs.start("conversation-import", arguments), as_json)
        line, stop = ProgressLine(), Stop()
        with InterruptStops(stop):
            try:
                report = import_file(
                    app.conversations,
                    path,
                    folder=folder,
                    again=again,
                    skip_broken=skip_broken,
                    stop=stop,
                    on_progress=_shown_on(line),
                )
            finally:
                line.clear()
    if as_json:
        print_json(
            {
                "formats": list(report.formats),
                "imported": report.n_conversations,
                "continued": report.n_continued,
                "messages": report.n_messages,
                "known": report.n_known,
                "empty": report.n_empty,
                "missing_files": report.n_missing_files,
                "skipped": [{"number": one.number, "title": one.title, "reason": one.reason} for one in report.skipped],
                "conversations": list(report.conversation_ids),
            }
        )
    else:
        _say_import(report)
    return 0


@conversations.command(help=text("Give a conversation another title."))
@click.argument("name", metavar="ID")
@click.argument("title")
@_AS_JSON
def rename(name: str, title: str, as_json: bool) -> int:
    with _app() as app:
        found = _find(app, name)
        app.conversations.rename(found.id, title)
        return _report(app, found.id, as_json, text("It is now “{title}”."))


@conversations.command(help=text("Put a conversation into a folder, made if it is new; --out takes it out of any."))
@click.argument("name", metavar="ID")
@click.argument("folder", required=False, default="", metavar="[FOLDER]")
@click.option("--out", is_flag=True, help=text("Into no folder."))
@_AS_JSON
def move(name: str, folder: str, out: bool, as_json: bool) -> int:
    if bool(folder) == out:
        raise click.UsageError(text("Name a folder, such as Work/Clients, or give --out."))
    with _app() as app:
        store = app.conversations
        found = _find(app, name)
        with store.together():
            store.move(found.id, store.folders.at(folder, create=True).id if folder else None)
        return _report(
            app,
            found.id,
            as_json,
            text("“{title}” lies in {folder}.") if folder else text("“{title}” lies in no folder."),
        )


@conversations.command(
    help=text("Throw conversations away; `restore` brings them back. --forever removes what lies in the trash.")
)
@click.argument("names", metavar="ID...", nargs=-1, required=True)
@click.option("--forever", is_flag=True, help=text("Remove from the trash, with all messages and feedback."))
@click.option("--yes", is_flag=True, help=text("Do not ask."))
@_AS_JSON
def delete(names: Sequence[str], forever: bool, yes: bool, as_json: bool) -> int:
    from rushlight.ui.cli.chat_views import conversation_json, short_id, title_of
    from rushlight.ui.cli.find_conversation import find_in_trash

    with _app() as app:
        store = app.conversations
        found = [find_in_trash(store, name) if forever else _find(app, name) for name in names]
        if forever and not yes and not _confirmed(found):
            tell(text("Nothing was removed."))
            return 1
        with store.together():
            for one in found:
                if forever:
                    store.purge(one.id)
                else:
                    store.delete(one.id)
    if as_json:
        print_json([conversation_json(one) for one in found])
        return 0
    for one in found:
        if forever:
            say(text("“{title}” was removed for ever.", title=title_of(one)))
        else:
            say(
                text(
                    "“{title}” is in the trash. Bring it back with: rushlight conversations restore {id}",
                    title=title_of(one),
                    id=short_id(one.id),
                )
            )
    return 0


@conversations.command(help=text("Bring a conversation back from the trash; `last` is the one thrown away last."))
@click.argument("name", metavar="ID")
@_AS_JSON
def restore(name: str, as_json: bool) -> int:
    from rushlight.ui.cli.find_conversation import find_in_trash

    with _app() as app:
        found = find_in_trash(app.conversations, name)
        app.conversations.restore(found.id)
        return _report(app, found.id, as_json, text("“{title}” is back."))


@conversations.command(help=text("The file that holds all conversations."))
@_AS_JSON
def path(as_json: bool) -> int:
    from rushlight.ui.cli.store_path import tell_store_path

    return tell_store_path(as_json)


def _app() -> "App":
    from rushlight.assistant.app import open_app

    return open_app()


def _find(app: "App", name: str) -> "Conversation":
    from rushlight.ui.cli.find_conversation import find_conversation

    return find_conversation(app.conversations, name)


def _all_ids(app: "App") -> list[str]:
    from rushlight.assistant.chat.transfer_store import TransferStore

    return TransferStore(app.store).all_ids()


def _shown_on(line: ProgressLine) -> Any:
    def report(progress: Progress) -> None:
        line.show(text(progress.what), progress.fraction)

    return report


def _show_head(found: "Conversation", folder: str) -> None:
    from rushlight.ui.cli.chat_views import moment, title_of

    say(title_of(found))
    parts = [found.id, moment(found.updated_at), plural("{count} message", "{count} messages", found.n_messages)]
    if found.model:
        parts.append(found.model)
    if folder:
        parts.append(folder)
    say(" · ".join(parts))
    if found.system:
        say(text("System prompt: {system}", system=found.system))


def _show_tree(messages: "Sequence[Message]", path_ids: set[str]) -> None:
    """Branches are indented; what goes straight on is not, so that a long conversation stays readable."""
    from rushlight.ui.cli.chat_views import beginning, role_name, state_remark

    below: dict[str | None, list[Message]] = {}
    for message in messages:
        below.setdefault(message.parent_id, []).append(message)
    waiting = [(message, 0) for message in reversed(below.get(None, []))]
    while waiting:
        message, depth = waiting.pop()
        remark = state_remark(message)
        say(
            f"{'  ' * min(depth, 20)}{'*' if message.id in path_ids else '-'} {role_name(message.role)}: "
            f"{beginning(message.content)}{f' ({remark})' if remark else ''}"
        )
        children = below.get(message.id, [])
        waiting += [(child, depth + (len(children) > 1)) for child in reversed(children)]


def _report(app: "App", conversation_id: str, as_json: bool, sentence: str) -> int:
    """The conversation as it is now; `sentence` may use {title} and {folder}."""
    from rushlight.ui.cli.chat_views import conversation_json, title_of

    now = app.conversations.get(conversation_id)
    folder = app.conversations.folders.get(now.folder_id).path if now.folder_id else ""
    if as_json:
        print_json(conversation_json(now, folder))
    else:
        say(sentence.replace("{folder}", folder).replace("{title}", title_of(now)))
    return 0


def _confirmed(found: "Sequence[Conversation]") -> bool:
    from rushlight.assistant.safety.plain import plain_line
    from rushlight.ui.cli.chat_views import title_of

    if not is_terminal(sys.stdin):
        raise Error(text("Removing conversations for ever needs a yes."), hint=text("Add --yes."), kind="needs-yes")
    titles = ", ".join(f"“{plain_line(title_of(one))}”" for one in found)
    return click.confirm(text("Remove {titles} for ever?", titles=titles), default=False, err=True)


def _say_import(report: "ImportReport") -> None:
    say(
        plural(
            "{count} conversation was imported ({messages} messages; {formats}).",
            "{count} conversations were imported ({messages} messages; {formats}).",
            report.n_conversations,
            messages=f"{report.n_messages:,}",
            formats=", ".join(report.formats) or text("nothing in the file"),
        )
    )
    for count, sentence in (
        (report.n_continued, text("{count} known before were continued.", count=report.n_continued)),
        (report.n_known, text("{count} were here already.", count=report.n_known)),
        (report.n_empty, text("{count} were empty.", count=report.n_empty)),
        (
            report.n_missing_files,
            text("{count} pictures and other files are named in it and not part of it.", count=report.n_missing_files),
        ),
    ):
        if count:
            say(sentence)
    for one in report.skipped:
        tell(
            text(
                "Left out: number {number}, “{title}”: {reason}", number=one.number, title=one.title, reason=one.reason
            )
        )
