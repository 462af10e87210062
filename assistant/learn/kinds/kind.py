"""The seam: what a kind of lesson is. It makes drafts of examples; it stores and trains nothing. The fake ships."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from rushlight import Error, Progress, Stop
from rushlight.assistant.learn.example import Draft, Lesson
from rushlight.assistant.learn.lessons import LessonBook


@dataclass(frozen=True, slots=True)
class Watch:
    """Who is told how far a lesson is, and who may end it."""

    stop: Stop | None = None
    on_progress: Callable[[Progress], None] | None = None

    def check(self) -> None:
        if self.stop is not None:
            self.stop.check()

    def tell(self, what: str, done: int, total: int | None = None, unit: str = "examples") -> None:
        if self.on_progress is not None:
            self.on_progress(Progress(what, done, total, unit))


class LessonKind(Protocol):
    """One kind of lesson, made for what it reads: chats, files, a database."""

    name: str
    scope: str  # where what it teaches holds
    form: str  # how its prompts are written; "" = as a chat
    hint: str  # what to do where there is nothing to learn

    @property
    def title(self) -> str:
        """What a lesson of it is called by itself."""

    @property
    def source(self) -> dict[str, Any]:
        """What it is made of, for people: JSON."""

    def drafts(self, watch: Watch) -> Iterator[Draft]:
        """The examples. Raises `Error` for what people can do something about."""


def make_lesson(book: LessonBook, kind: LessonKind, watch: Watch | None = None, *, name: str = "") -> Lesson:
    """A new lesson with all that the kind makes. Where it makes nothing, no lesson stays behind."""
    watch = watch or Watch()
    drafts = list(kind.drafts(watch))
    if not drafts:
        raise Error(f"There is nothing to learn from yet: {kind.title} has no examples.", kind.hint,
                    kind="nothing-to-learn")  # fmt: skip
    with book.together():
        lesson = book.create(
            name or book.free_name(kind.title), kind.name, scope=kind.scope, form=kind.form, source=kind.source
        )
        lesson, _ = book.add(lesson, drafts)
    return lesson


class FakeLesson:
    """Hands out what it was given; for tests and as an example."""

    name = "fake"
    title = "Fake"
    hint = "Give it drafts."

    def __init__(self, drafts: Iterable[Draft], *, scope: str = "chat", form: str = "") -> None:
        self.scope, self.form, self._drafts = scope, form, tuple(drafts)

    @property
    def source(self) -> dict[str, Any]:
        return {"what": "fake", "drafts": len(self._drafts)}

    def drafts(self, watch: Watch) -> Iterator[Draft]:
        for done, draft in enumerate(self._drafts, 1):
            watch.check()
            watch.tell("Making examples", done, len(self._drafts))
            yield draft
