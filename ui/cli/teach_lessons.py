"""The verbs of `rushlight teach` that look at lessons and change them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rushlight import Error
from rushlight.ui.cli.output import print_json, say, tell
from rushlight.ui.cli.quant_jobs import as_json as _as_json
from rushlight.ui.words import plural, text

if TYPE_CHECKING:
    from rushlight.assistant.learn.lessons import LessonBook


@contextmanager
def lesson_book() -> "Iterator[LessonBook]":
    """The lessons of this user."""
    from rushlight.assistant.app import open_app
    from rushlight.assistant.learn.lessons import LessonBook

    with open_app() as app:
        yield LessonBook(app.store)


@click.command("list", help=text("The lessons, the newest first."))
@_as_json
def list_(as_json: bool) -> int:
    from rushlight.ui.cli.teach_views import lesson_json, print_lessons

    with lesson_book() as book:
        found = book.list()
    if as_json:
        print_json({"lessons": [lesson_json(one) for one in found]})
    elif found:
        print_lessons(found)
    else:
        say(text("There are no lessons yet. To make one: rushlight teach database FILE"))
    return 0


@click.command(help=text("A lesson with some of its examples."))
@click.argument("name", metavar="LESSON")
@click.option("-n", "--limit", type=click.IntRange(0, 100_000), default=20, show_default=True, metavar="N",
              help=text("At most so many."))  # fmt: skip
@click.option("--held-out", is_flag=True, help=text("Only what is held out."))
@click.option("--version", type=click.IntRange(0), default=None, metavar="N", help=text("As it was in this version."))
@_as_json
def show(name: str, limit: int, held_out: bool, version: int | None, as_json: bool) -> int:
    from rushlight.ui.cli.teach_views import example_json, lesson_json, print_examples, print_lesson

    with lesson_book() as book:
        lesson = book.find(name)
        examples = book.examples(lesson, version=version, part="held_out" if held_out else None, limit=limit)
    if as_json:
        print_json({**lesson_json(lesson), "shown": [example_json(one) for one in examples]})
        return 0
    print_lesson(lesson)
    say()
    print_examples(examples)
    return 0


@click.command("leave-out", help=text("Leave examples out of a lesson, by the ids that `show` prints."))
@click.argument("name", metavar="LESSON")
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@click.option("--back", is_flag=True, help=text("Take them in again."))
def leave_out(name: str, ids: tuple[str, ...], back: bool) -> int:
    with lesson_book() as book:
        lesson = book.leave_out(book.find(name), ids, left_out=not back)
    tell(text("{name} is version {version} now; {n} examples are left out.", name=lesson.name, version=lesson.version,
              n=lesson.n_left_out))  # fmt: skip
    return 0


@click.command(help=text("Change the answer of an example; its earlier version is kept."))
@click.argument("name", metavar="LESSON")
@click.argument("example", metavar="ID")
@click.argument("answer", metavar="ANSWER")
def edit(name: str, example: str, answer: str) -> int:
    import msgspec

    with lesson_book() as book:
        lesson = book.find(name)
        found = book.example(lesson, example)
        lesson = book.edit(lesson, found.id, msgspec.structs.replace(found.draft, answer=answer))
    tell(text("{name} is version {version} now.", name=lesson.name, version=lesson.version))
    return 0


@click.command(help=text("Write a lesson to a file, a chat a line, as `rushlight train` and others read it."))
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
    with lesson_book() as book:
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


@click.command(help=text("Remove a lesson. Adapters that were trained on it stay."))
@click.argument("name", metavar="LESSON")
def remove(name: str) -> int:
    with lesson_book() as book:
        lesson = book.find(name)
        book.remove(lesson)
    tell(text("{name} was removed.", name=lesson.name))
    return 0


LESSON_VERBS = (list_, show, leave_out, edit, export, remove)
