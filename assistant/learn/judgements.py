"""A lesson of judgements as they stand now: what the user no longer means is left out of it.

Nothing is taken from a lesson that was reviewed but what the user took back; what was left out for that comes in again
when the same is meant again. What the user decided about an example afterwards stays decided.
"""

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from rushlight import Error
from rushlight.assistant.chat.feedback import FeedbackBook
from rushlight.assistant.learn.example import Draft, Example, Lesson
from rushlight.assistant.learn.lessons import LessonBook, as_stored

_TAKEN_BACK: Final = "taken_back"  # in what is known of an example: left out because of that


def follow_judgements(book: LessonBook, feedback: FeedbackBook, lesson: Lesson, drafts: Sequence[Draft]) -> Lesson:
    """`lesson` after the judgements of which `drafts` are made now."""
    meant = {as_stored(one).key for one in drafts}
    changed = [now for one in book.examples(lesson) if (now := _as_meant(one, feedback, meant)) is not None]
    return book.note(lesson, changed) if changed else lesson


def _as_meant(example: Example, feedback: FeedbackBook, meant: set[str]) -> Example | None:
    """The example as it should stand; None where it stands so."""
    more, is_meant = example.draft.more, example.draft.key in meant
    was_taken_back = bool(more.get(_TAKEN_BACK))
    if is_meant and was_taken_back:
        kept = {name: value for name, value in more.items() if name != _TAKEN_BACK}
        return replace(example, draft=replace(example.draft, more=kept), left_out=False)
    if is_meant or was_taken_back or example.left_out or not _is_withdrawn(feedback, more.get("feedback")):
        return None
    return replace(example, draft=replace(example.draft, more={**more, _TAKEN_BACK: True}), left_out=True)


def _is_withdrawn(feedback: FeedbackBook, judgement: object) -> bool:
    """Whether the user took it back, and has not said the same again. One that went with its conversation was not
    taken back."""
    if not isinstance(judgement, str):
        return False
    try:
        found = feedback.find(judgement)
    except Error:
        return False
    said = (found.kind, found.rejected_id, found.text)
    standing = [(one.kind, one.rejected_id, one.text) for one in feedback.of(found.message_id)]
    return found.withdrawn_at is not None and said not in standing
