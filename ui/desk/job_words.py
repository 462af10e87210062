"""What a job does now, for people: a practice takes its steps twice, and says so before the second time."""

from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.words import text
from rushlight.ui.work.kept_steps import BACK_SAID


def what_text(what: str) -> str:
    """ "Training" and "Way back: Training", in the language of the user; "" where it says nothing."""
    said = plain_line(what)
    if said.startswith(BACK_SAID):
        return text("Way back: {what}", what=what_text(said.removeprefix(BACK_SAID)))
    return text(said) if said else ""
