"""Data sets of ShareGPT's and OpenAI's shape, message by message."""

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from rushlight import Error
from rushlight.assistant.chat.importing import read_file

Write = Callable[..., Path]


@pytest.mark.parametrize("lines", [True, False])
def test_the_turns_are_what_was_said(samples: ModuleType, write: Write, lines: bool) -> None:
    rhyme, cat = read_file(write(samples.sharegpt_lines(), lines=lines))
    assert rhyme.system == "Answer in rhyme."
    assert [(one.role, one.content) for one in rhyme.path] == [
        ("user", "Hi"),
        ("assistant", "Hello, my\r\nfellow."),
        ("user", "More"),
        ("assistant", "Less is more."),
    ]
    assert [(one.role, one.reasoning) for one in cat.path] == [
        ("user", ""),
        ("assistant", ""),
        ("tool", ""),
        ("assistant", "The tool said so."),
    ]
    assert cat.path[0].content == "What is this?\n\n[file not imported: image_url]" and cat.n_missing_files == 1
    assert json.loads(cat.path[1].content.split("\n", 1)[1].removesuffix("```"))[0]["function"]["name"] == "look"


def test_equal_ids_of_different_sets_are_different_conversations(write: Write) -> None:
    first, second = (
        next(read_file(write([{"id": "0", "messages": [{"role": "user", "content": text}]}]))) for text in ("a", "b")
    )
    assert first.source_id != second.source_id


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("human", "user"),
        ("GPT", "assistant"),
        ("chatgpt", "assistant"),
        ("observation", "tool"),
        ("system", "system"),
        ("function_call", "assistant"),
        (" User ", "user"),
    ],
)
def test_names_of_roles(write: Write, name: str, role: str) -> None:
    (found,) = read_file(write({"conversations": [{"from": "human", "value": "x"}, {"from": name, "value": "y"}]}))
    assert found.messages[-1].role == role


@pytest.mark.parametrize(("turns", "words"), [
    ([{"from": "dog", "value": "wau"}], ["/conversations/0/from", '"dog"']),
    ([{"value": "wau"}], ["/conversations/0", 'expected a member "from" or "role"']),
    ([{"from": "human"}], ['expected a member "value" or "content"']),
    ([{"from": "human", "value": 3}], ["/conversations/0/value", "the number 3"]),
    ([{"from": "human", "value": "x"}, "y"], ["/conversations/1", "expected an object"]),
    ({"from": "human"}, ["/conversations", "expected a list"]),
])  # fmt: skip
def test_what_is_wrong_is_named_with_its_place(write: Write, turns: Any, words: list[str]) -> None:
    path = write(
        [{"conversations": [{"from": "human", "value": "fine"}]}, {"conversations": turns}], "set.jsonl", lines=True
    )
    with pytest.raises(Error) as caught:
        list(read_file(path))
    for word in ["set.jsonl", "conversation 2 (line 2)", *words]:
        assert word in caught.value.message
