"""A lesson that is taught again, with what came since: new judgements, queries that were accepted.

Knows lessons and what they are made of; trains nothing.
"""

from typing import TYPE_CHECKING

from rushlight import Error
from rushlight.assistant.learn.example import Draft, Lesson
from rushlight.assistant.learn.judgements import follow_judgements
from rushlight.assistant.learn.kinds.feedback import FeedbackLesson
from rushlight.assistant.learn.kinds.kind import Watch
from rushlight.assistant.learn.lessons import LessonBook

if TYPE_CHECKING:
    from rushlight.assistant.app import App
    from rushlight.assistant.sql.database import Database


def feedback_lesson(app: "App") -> FeedbackLesson:
    """All judgements of the store."""
    return FeedbackLesson(app.conversations, app.feedback, system=app.settings.text("chat.system_prompt"))


def with_news(app: "App", lesson: Lesson, watch: Watch) -> Lesson:
    """With what was accepted or judged since the lesson was made, and without what was taken back."""
    book = LessonBook(app.store)
    if lesson.kind == "feedback":
        drafts = list(feedback_lesson(app).drafts(watch))
        known = {_judgement(one.draft) for one in book.examples(lesson)}
        lesson, _ = book.add(lesson, [one for one in drafts if _judgement(one) not in known])
        return follow_judgements(book, app.feedback, lesson, drafts)
    if lesson.kind == "database":
        from rushlight.assistant.learn.kinds.database import DatabaseLesson
        from rushlight.assistant.sql.database import open_database
        from rushlight.assistant.sql.memory import SqlMemory

        with open_database(lesson.source["databases"], app.paths) as database:
            check_tables(lesson, database)
            accepted = DatabaseLesson(database, SqlMemory(app.store), n=0, form=lesson.form)
            return book.add(lesson, accepted.drafts(watch))[0]
    return lesson


def _judgement(draft: Draft) -> object:
    """What it was made of. One judgement is one example, also where the system prompt is another one since."""
    return draft.more.get("feedback") or tuple(sorted(origin.place for origin in draft.origins))


def check_tables(lesson: Lesson, database: "Database") -> None:
    """An `Error` where the tables are not those that the lesson is about: nobody would load what learns it."""
    from rushlight.assistant.sql.taught import scope_of

    if scope_of(database) != lesson.scope:
        raise Error(
            f"The tables of {database.sources[0].name} have changed since the lesson {lesson.name} was made: its "
            f"questions are about {lesson.scope}, and the database is {scope_of(database)} now.",
            "Make a new lesson of it: rushlight teach database FILE",
            kind="schema-changed",
        )
