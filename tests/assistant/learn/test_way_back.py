"""The way back from queries to their questions, as lines of training."""

import json

from rushlight.assistant.learn.example import Draft, Example, Turn
from rushlight.assistant.learn.way_back import way_back


def _example(number: int) -> Example:
    draft = Draft(
        prompt=(Turn("system", "tables"), Turn("user", f"Question {number}?\nIn the question: a.b = 'c'")),
        answer=f"SELECT {number}",
        more={"question": f"Question\n{number}?"} if number % 2 else {},
    )
    return Example(id=f"e{number}", draft=draft, part="train")


def test_each_query_has_its_question() -> None:
    lines = [json.loads(line)["messages"] for line in way_back([_example(number) for number in range(4)])]
    assert [[turn["role"] for turn in turns] for turns in lines] == [["system", "user", "assistant"]] * 4
    assert [turns[1]["content"] for turns in lines] == [f"SELECT {number}" for number in range(4)]
    assert [turns[2]["content"] for turns in lines] == [f"Question {number}?" for number in range(4)], "as it is read"
