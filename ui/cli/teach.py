"""`rushlight teach`: a model learns a database, your corrections, or a file of examples; proven before it serves."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rushlight import Error
from rushlight.ui.cli.output import is_terminal, print_json, say, tell
from rushlight.ui.cli.quant_jobs import as_json as _as_json
from rushlight.ui.cli.quant_jobs import background as _background
from rushlight.ui.cli.quant_jobs import run_job
from rushlight.ui.words import plural, text

if TYPE_CHECKING:
    from rushlight.assistant.app import App
    from rushlight.assistant.learn.example import Lesson
    from rushlight.assistant.learn.kinds.kind import LessonKind
    from rushlight.assistant.learn.lessons import LessonBook

_EPILOG = text("""\b
A session:
  $ rushlight teach database clinic.db --minutes 15 --promote
  clinic-1a2b3c4d-1 serves sql:clinic-1a2b3c4d from now on.
  $ rushlight sql ask clinic.db "Which doctor had the most visits?"
  $ rushlight registry rollback sql:clinic-1a2b3c4d""")

_MODEL = click.option("-m", "--model", default="", metavar="NAME", help=text("The model that learns."))
_MINUTES = click.option(
    "--minutes", type=click.FloatRange(1, 10_000), default=15.0, show_default=True, metavar="N",
    help=text("For all of it: making examples, training, export, evaluation.")
)  # fmt: skip
_EXAMPLES = click.option(
    "--examples", type=click.IntRange(0, 200_000), default=0, metavar="N",
    help=text("Train on so many examples, however long that takes.")
)  # fmt: skip
_PROMOTE = click.option(
    "--promote", is_flag=True, help=text("Let the adapter serve if the gate lets it through.")
)  # fmt: skip
_YES = click.option("--yes", is_flag=True, help=text("Do not show the lesson first and ask."))
_NAME = click.option("--name", default="", metavar="TEXT", help=text("What the lesson is called."))
_SEED = click.option("--seed", type=click.IntRange(0, 2**31), default=0, metavar="N", help=text("Of chance."))


@click.group(
    epilog=_EPILOG,
    help=text(
        "Teach a model on this machine: examples become a lesson, the lesson an adapter, and an evaluation on what was "
        "held out decides whether it may serve."
    ),
)
def teach() -> None:
    """The noun; its verbs follow."""


@teach.command(
    help=text("A model learns to answer questions to a database: from its tables and values, and what you accepted.")
)
@click.argument("file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--with", "others", metavar="FILE", multiple=True, type=click.Path(exists=True, path_type=Path),
              help=text("Open this file as well; its tables are NAME.table."))  # fmt: skip
@click.option("--suite", type=click.Path(exists=True, dir_okay=False, path_type=Path), default=None, metavar="FILE",
              help=text("Prove it on questions of your own: a JSON object a line with question and sql."))  # fmt: skip
@_MODEL
@_MINUTES
@_EXAMPLES
@_NAME
@_SEED
@_PROMOTE
@_YES
@_background
@_as_json
def database(
    file: Path, others: tuple[Path, ...], suite: Path | None, model: str, minutes: float, examples: int, name: str,
    seed: int, promote: bool, yes: bool, background: bool, as_json: bool,
) -> int:  # fmt: skip
    from rushlight.assistant.learn.answers import read_questions

    if suite is not None:
        read_questions(suite)  # what is wrong with it is told before an hour of work
    files = [str(one.expanduser().absolute()) for one in (file, *others)]
    arguments = {
        "kind": "database", "files": files, "minutes": minutes, "examples": examples, "seed": seed, "promote": promote,
        "name": name, "suite": "" if suite is None else str(suite.expanduser().absolute()),
    }  # fmt: skip

    @contextmanager
    def kind(app: "App") -> "Iterator[LessonKind]":
        from rushlight.assistant.learn.kinds.database import DatabaseLesson, examples_for
        from rushlight.assistant.sql.database import open_database
        from rushlight.assistant.sql.memory import SqlMemory

        with open_database(files, app.paths) as opened:
            yield DatabaseLesson(opened, SqlMemory(app.store), n=examples_for(minutes, examples), seed=seed)

    return _teach(arguments, kind, model, yes=yes, background=background, as_json=as_json)


@teach.command(help=text("A model learns from your judgements: corrections, thumbs, versions that you kept."))
@_MODEL
@_MINUTES
@_EXAMPLES
@_NAME
@_SEED
@_PROMOTE
@_YES
@_background
@_as_json
def feedback(
    model: str, minutes: float, examples: int, name: str, seed: int, promote: bool, yes: bool, background: bool,
    as_json: bool,
) -> int:  # fmt: skip
    @contextmanager
    def kind(app: "App") -> "Iterator[LessonKind]":
        from rushlight.assistant.learn.kinds.feedback import FeedbackLesson

        yield FeedbackLesson(app.conversations, app.feedback, system=app.settings.text("chat.system_prompt"))

    arguments = {
        "kind": "feedback",
        "minutes": minutes,
        "examples": examples,
        "seed": seed,
        "promote": promote,
        "name": name,
    }
    return _teach(arguments, kind, model, yes=yes, background=background, as_json=as_json)


@teach.command(
    "file",
    help=text(
        "A model learns from files: Alpaca, ShareGPT, OpenAI's messages, prompt and completion, preferences, ratings; "
        "as JSONL, JSON, CSV or TSV."
    ),
)
@click.argument("files", metavar="FILE...", nargs=-1, required=True,
                type=click.Path(exists=True, dir_okay=False, path_type=Path))  # fmt: skip
@click.option("--column", "columns", multiple=True, metavar="FIELD=NAME",
              help=text("What a field is called in the file: --column prompt=question."))  # fmt: skip
@_MODEL
@_MINUTES
@_EXAMPLES
@_NAME
@_SEED
@_PROMOTE
@_YES
@_background
@_as_json
def file_(
    files: tuple[Path, ...], columns: tuple[str, ...], model: str, minutes: float, examples: int, name: str, seed: int,
    promote: bool, yes: bool, background: bool, as_json: bool,
) -> int:  # fmt: skip
    from rushlight.assistant.learn.kinds.imported import ImportedLesson

    pairs = [one.partition("=") for one in columns]
    if any(not sign or not value for _, sign, value in pairs):
        raise click.UsageError(text("--column takes FIELD=NAME, such as prompt=question."))
    mapped = {field: value for field, _, value in pairs}
    paths = [one.expanduser().absolute() for one in files]
    lesson = ImportedLesson(paths, columns=mapped)
    arguments = {
        "kind": "imported", "files": [str(path) for path in paths], "columns": mapped, "minutes": minutes,
        "examples": examples, "seed": seed, "promote": promote, "name": name,
    }  # fmt: skip

    @contextmanager
    def kind(app: "App") -> "Iterator[LessonKind]":
        yield lesson

    return _teach(arguments, kind, model, yes=yes, background=background, as_json=as_json)


@teach.command(help=text("Teach a lesson that is there already, with what was changed in it."))
@click.argument("name", metavar="LESSON")
@_MODEL
@_MINUTES
@_EXAMPLES
@_SEED
@_PROMOTE
@_background
@_as_json
def again(
    name: str, model: str, minutes: float, examples: int, seed: int, promote: bool, background: bool, as_json: bool
) -> int:
    with _book() as book:
        lesson = book.find(name)
    arguments = {
        "kind": lesson.kind, "lesson": lesson.id, "minutes": minutes, "examples": examples, "seed": seed,
        "promote": promote,
    }  # fmt: skip
    return _teach(arguments, None, model, yes=True, background=background, as_json=as_json)


@teach.command("list", help=text("The lessons, the newest first."))
@_as_json
def list_(as_json: bool) -> int:
    from rushlight.ui.cli.teach_views import lesson_json, print_lessons

    with _book() as book:
        found = book.list()
    if as_json:
        print_json({"lessons": [lesson_json(one) for one in found]})
    elif found:
        print_lessons(found)
    else:
        say(text("There are no lessons yet. To make one: rushlight teach database FILE"))
    return 0


@teach.command(help=text("A lesson with some of its examples."))
@click.argument("name", metavar="LESSON")
@click.option("-n", "--limit", type=click.IntRange(0, 100_000), default=20, show_default=True, metavar="N",
              help=text("At most so many."))  # fmt: skip
@click.option("--held-out", is_flag=True, help=text("Only what is held out."))
@click.option("--version", type=click.IntRange(0), default=None, metavar="N", help=text("As it was in this version."))
@_as_json
def show(name: str, limit: int, held_out: bool, version: int | None, as_json: bool) -> int:
    from rushlight.ui.cli.teach_views import example_json, lesson_json, print_examples, print_lesson

    with _book() as book:
        lesson = book.find(name)
        examples = book.examples(lesson, version=version, part="held_out" if held_out else None, limit=limit)
    if as_json:
        print_json({**lesson_json(lesson), "shown": [example_json(one) for one in examples]})
        return 0
    print_lesson(lesson)
    say()
    print_examples(examples)
    return 0


@teach.command("leave-out", help=text("Leave examples out of a lesson, by the ids that `show` prints."))
@click.argument("name", metavar="LESSON")
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@click.option("--back", is_flag=True, help=text("Take them in again."))
def leave_out(name: str, ids: tuple[str, ...], back: bool) -> int:
    with _book() as book:
        lesson = book.leave_out(book.find(name), ids, left_out=not back)
    tell(text("{name} is version {version} now; {n} examples are left out.", name=lesson.name, version=lesson.version,
              n=lesson.n_left_out))  # fmt: skip
    return 0


@teach.command(help=text("Change the answer of an example; its earlier version is kept."))
@click.argument("name", metavar="LESSON")
@click.argument("example", metavar="ID")
@click.argument("answer", metavar="ANSWER")
def edit(name: str, example: str, answer: str) -> int:
    import msgspec

    with _book() as book:
        lesson = book.find(name)
        found = book.example(lesson, example)
        lesson = book.edit(lesson, found.id, msgspec.structs.replace(found.draft, answer=answer))
    tell(text("{name} is version {version} now.", name=lesson.name, version=lesson.version))
    return 0


@teach.command(help=text("Write a lesson to a file, a chat a line, as `rushlight train` and others read it."))
@click.argument("name", metavar="LESSON")
@click.argument("target", metavar="TARGET", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--held-out", is_flag=True, help=text("Only what is held out."))
@click.option("--replace", is_flag=True, help=text("Replace a file of this name."))
def export(name: str, target: Path, held_out: bool, replace: bool) -> int:
    from rushlight.assistant.learn.lessons import training_lines
    from rushlight.quant.whole_file import whole_file

    if target.exists() and not replace:
        raise Error(text("There is a file {path} already.", path=target), text("Name another, or add --replace."),
                    kind="exists")  # fmt: skip
    with _book() as book:
        lesson = book.find(name)
        lines = list(training_lines(book.examples(lesson, part="held_out" if held_out else None)))
    with whole_file(target) as file:
        for line in lines:
            file.write(line.encode("utf-8", "replace") + b"\n")
    tell(
        plural(
            "{count} example was written to {file}.",
            "{count} examples were written to {file}.",
            len(lines),
            file=target,
        )
    )
    return 0


@teach.command(help=text("Remove a lesson. Adapters that were trained on it stay."))
@click.argument("name", metavar="LESSON")
def remove(name: str) -> int:
    with _book() as book:
        lesson = book.find(name)
        book.remove(lesson)
    tell(text("{name} was removed.", name=lesson.name))
    return 0


@contextmanager
def _book() -> "Iterator[LessonBook]":
    from rushlight.assistant.app import open_app
    from rushlight.assistant.learn.lessons import LessonBook

    with open_app() as app:
        yield LessonBook(app.store)


def _teach(arguments: dict[str, Any], kind: Any, model: str, *, yes: bool, background: bool, as_json: bool) -> int:
    """Show the lesson and ask, where a person is there to answer; then the job."""
    import sys

    from rushlight.assistant.app import open_app
    from rushlight.ui.cli.teach_views import print_taught

    with open_app() as app:
        arguments["model"] = app.model(model).id
        asks = not yes and kind is not None and not as_json
        if asks and not is_terminal(sys.stdin):
            raise Error(
                text("Teaching begins after a look at the lesson, and nobody is there to look."),
                text("Add --yes to go on without it."), kind="not-confirmed",
            )  # fmt: skip
        if asks:
            lesson = _looked_at(app, kind, str(arguments["name"]))
            if lesson is None:
                return 1
            arguments["lesson"] = lesson.id
    passed: list[bool] = []

    def shown(made: dict[str, Any]) -> None:
        passed.append(bool(made["passed"]))
        if as_json:
            print_json(made)
        else:
            print_taught(made)

    code = run_job("teach", arguments, shown, background=background, as_json=as_json and background)
    return code or int(passed == [False])


def _looked_at(app: "App", kind: Any, name: str) -> "Lesson | None":
    """The lesson, made and shown; None where the user does not want it, and then it is not kept."""
    from rushlight.assistant.learn.kinds.kind import make_lesson
    from rushlight.assistant.learn.lessons import LessonBook
    from rushlight.ui.cli.teach_views import print_preview

    book = LessonBook(app.store)
    with kind(app) as made:
        lesson = make_lesson(book, made, name=name)
    print_preview(lesson, book.examples(lesson))
    if click.confirm(text("Teach it now?"), default=True, err=True):
        return lesson
    if click.confirm(text("Keep the lesson, to change it first?"), default=False, err=True):
        tell(text("Kept. To go on: rushlight teach again {name}", name=lesson.name))
    else:
        book.remove(lesson)
        tell(text("Nothing was kept."))
    return None
