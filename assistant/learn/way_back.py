"""The way back, learned beside the way there: which question a query answers.

It is what tells several queries apart afterwards (`sql.way_back`). Knows examples; keeps nothing.
"""

import json
from collections.abc import Iterable, Iterator

from rushlight.assistant.learn.example import Example
from rushlight.assistant.learn.kinds.database import question_of
from rushlight.assistant.sql.prompt import asked_text, back_messages


def way_back(examples: Iterable[Example]) -> Iterator[str]:
    """Lines of training as `lessons.training_lines` has them, from examples of databases."""
    for one in examples:
        turns = [{"role": turn.role, "content": turn.content} for turn in back_messages(one.draft.answer)]
        said = {"role": "assistant", "content": asked_text(question_of(one).question)}
        yield json.dumps({"messages": [*turns, said]}, ensure_ascii=False)
