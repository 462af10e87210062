"""`rushlight teach`: a model learns a database, your corrections, or a file of examples; proven before it serves."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rushlight import Error
from rushlight.assistant.paths import with_home
from rushlight.ui.cli.output import is_terminal, print_json, tell
from rushlight.ui.cli.quant_jobs import as_json as _as_json
from rushlight.ui.cli.quant_jobs import background as _background
from rushlight.ui.cli.quant_jobs import run_job
from rushlight.ui.cli.teach_lessons import LESSON_VERBS, lesson_book
from rushlight.ui.cli.teach_options import (
    EXAMPLES,
    FROM_SCRATCH,
    GO_ON,
    MINUTES,
    MODEL,
    NAME,
    PLAN,
    PROMOTE,
    REHEARSE,
    SEED,
    SET,
    YES,
    settings_of,
)
from rushlight.ui.cli.teach_practice import practice
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.assistant.app import App
    from rushlight.assistant.learn.example import Lesson
    from rushlight.assistant.learn.kinds.kind import LessonKind

_EPILOG = text("""\b
A session:
  $ rushlight teach database clinic.db --minutes 15 --promote
  clinic-1a2b3c4d-1 serves sql:clinic-1a2b3c4d from now on.
  $ rushlight sql ask clinic.db "Which doctor had the most visits?"
  $ rushlight registry rollback sql:clinic-1a2b3c4d""")


@click.group(
    epilog=_EPILOG,
    help=text(
        "Teach a model on this machine: examples become a lesson, the lesson an adapter, and an evaluation on what was "
        "held out decides whether it may serve."
    ),
)
def teach() -> None:
    """The noun; its verbs follow."""


for _verb in (*LESSON_VERBS, practice):
    teach.add_command(_verb)


@teach.command(
    help=text("A model learns to answer questions to a database: from its tables and values, and what you accepted.")
)
@click.argument("file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--with", "others", metavar="FILE", multiple=True, type=click.Path(exists=True, path_type=Path),
              help=text("Open this file as well; its tables are NAME.table."))  # fmt: skip
@click.option("--suite", type=click.Path(exists=True, dir_okay=False, path_type=Path), default=None, metavar="FILE",
              help=text("Prove it on questions of your own: a JSON object a line with question and sql."))  # fmt: skip
@MODEL
@MINUTES
@EXAMPLES
@NAME
@SEED
@SET
@FROM_SCRATCH
@PROMOTE
@PLAN
@YES
@_background
@_as_json
def database(
    file: Path, others: tuple[Path, ...], suite: Path | None, model: str, minutes: float, examples: int, name: str,
    seed: int, changes: tuple[str, ...], practised: bool, promote: bool, only_plan: bool, yes: bool, background: bool,
    as_json: bool,
) -> int:  # fmt: skip
    from rushlight.assistant.learn.answers import read_questions

    if suite is not None:
        read_questions(suite)  # what is wrong with it is told before an hour of work
    files = [str(with_home(one).absolute()) for one in (file, *others)]
    arguments = {
        "kind": "database", "files": files, "minutes": minutes, "examples": examples, "seed": seed, "promote": promote,
        "name": name, "suite": "" if suite is None else str(with_home(suite).absolute()),
        "practised": practised, "settings": settings_of(changes),
    }  # fmt: skip

    @contextmanager
    def kind(app: "App") -> "Iterator[LessonKind]":
        from rushlight.assistant.learn.kinds.database import DatabaseLesson, examples_for
        from rushlight.assistant.sql.database import open_database
        from rushlight.assistant.sql.memory import SqlMemory

        with open_database(files, app.paths) as opened:
            yield DatabaseLesson(opened, SqlMemory(app.store), n=examples_for(minutes, examples), seed=seed)

    if only_plan:
        return _plan(arguments, model, background=background, as_json=as_json)
    return _teach(arguments, kind, model, yes=yes, background=background, as_json=as_json)


@teach.command(help=text("A model learns from your judgements: corrections, thumbs, versions that you kept."))
@MODEL
@MINUTES
@EXAMPLES
@NAME
@SEED
@SET
@REHEARSE
@PROMOTE
@PLAN
@YES
@_background
@_as_json
def feedback(
    model: str, minutes: float, examples: int, name: str, seed: int, changes: tuple[str, ...], rehearse: bool,
    promote: bool, only_plan: bool, yes: bool, background: bool, as_json: bool,
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
        "rehearse": rehearse,
        "name": name,
        "settings": settings_of(changes),
    }
    if only_plan:
        return _plan(arguments, model, background=background, as_json=as_json)
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
              help=text("What a field is called in the file: --column prompt=question; nothing for none."))  # fmt: skip
@MODEL
@MINUTES
@EXAMPLES
@NAME
@SEED
@SET
@REHEARSE
@PROMOTE
@PLAN
@YES
@_background
@_as_json
def file_(
    files: tuple[Path, ...], columns: tuple[str, ...], model: str, minutes: float, examples: int, name: str, seed: int,
    changes: tuple[str, ...], rehearse: bool, promote: bool, only_plan: bool, yes: bool, background: bool,
    as_json: bool,
) -> int:  # fmt: skip
    from rushlight.assistant.learn.kinds.imported import ImportedLesson

    pairs = [one.partition("=") for one in columns]
    if any(not sign for _, sign, _ in pairs):
        raise click.UsageError(text("--column takes FIELD=NAME, such as prompt=question."))
    mapped = {field: value for field, _, value in pairs}
    paths = [with_home(one).absolute() for one in files]
    lesson = ImportedLesson(paths, columns=mapped)
    arguments = {
        "kind": "imported", "files": [str(path) for path in paths], "columns": mapped, "minutes": minutes,
        "examples": examples, "seed": seed, "promote": promote, "rehearse": rehearse, "name": name,
        "settings": settings_of(changes),
    }  # fmt: skip

    @contextmanager
    def kind(app: "App") -> "Iterator[LessonKind]":
        yield lesson

    if only_plan:
        return _plan(arguments, model, background=background, as_json=as_json)
    return _teach(arguments, kind, model, yes=yes, background=background, as_json=as_json)


@teach.command(help=text("Teach a lesson that is there already, with what was changed in it."))
@click.argument("name", metavar="LESSON")
@GO_ON
@MODEL
@MINUTES
@EXAMPLES
@SEED
@SET
@FROM_SCRATCH
@REHEARSE
@PROMOTE
@PLAN
@_background
@_as_json
def again(
    name: str, go_on: bool, model: str, minutes: float, examples: int, seed: int, changes: tuple[str, ...],
    practised: bool, rehearse: bool, promote: bool, only_plan: bool, background: bool, as_json: bool,
) -> int:  # fmt: skip
    if go_on and not practised:
        raise click.UsageError(text("--go-on begins with an adapter, --from-scratch with none: give one of them."))
    with lesson_book() as book:
        lesson = book.find(name)
    arguments = {
        "kind": lesson.kind, "lesson": lesson.id, "name": lesson.name, "minutes": minutes,
        "examples": examples, "seed": seed, "promote": promote, "rehearse": rehearse, "go_on": go_on,
        "practised": practised,
        "settings": settings_of(changes),
    }  # fmt: skip
    if only_plan:
        return _plan(arguments, model, background=background, as_json=as_json)
    if go_on:
        _check_go_on(lesson, model)
    return _teach(arguments, None, model, yes=True, background=background, as_json=as_json)


def _check_go_on(lesson: "Lesson", model: str) -> None:
    """An `Error` at once where there is nothing to go on from."""
    from rushlight.assistant.app import open_app
    from rushlight.ui.work.teach_start import adapter_to_go_on

    with open_app() as app:
        start = adapter_to_go_on(app, lesson, app.model(model))
        tell(text("Going on from {adapter}.", adapter=start.name))


def _plan(arguments: dict[str, Any], model: str, *, background: bool, as_json: bool) -> int:
    """What it would take; 1 where there is not room for it."""
    from rushlight.assistant.app import open_app
    from rushlight.ui.cli.teach_views import print_teach_plan

    with open_app() as app:
        arguments["model"] = app.model(model).id
    fits: list[bool] = []

    def shown(made: dict[str, Any]) -> None:
        fits.append(bool(made["fits"]))
        if as_json:
            print_json(made)
        else:
            print_teach_plan(made)

    code = run_job("teach-plan", arguments, shown, background=background, as_json=as_json and background)
    return code or int(fits == [False])


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
    try:
        print_preview(lesson, book.examples(lesson))
        if click.confirm(text("Teach it now?"), default=True, err=True):
            return lesson
        keeps = click.confirm(text("Keep the lesson, to change it first?"), default=False, err=True)
    except (click.Abort, KeyboardInterrupt):  # Ctrl+C or Ctrl+D: nobody said that it is wanted
        book.remove(lesson)
        raise
    if keeps:
        tell(text("Kept. To go on: rushlight teach again {name}", name=lesson.name))
    else:
        book.remove(lesson)
        tell(text("Nothing was kept."))
    return None
