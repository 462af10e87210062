"""Open WebUI's export, message by message."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from rushlight import Error
from rushlight.assistant.chat.import_openwebui import split_reasoning
from rushlight.assistant.chat.importing import read_file
from rushlight.assistant.chat.transfer import TransferAttachment, TransferFeedback, TransferUsage

Write = Callable[..., Path]


def test_the_tree_is_what_was_said(samples: ModuleType, write: Write) -> None:
    (found,) = read_file(write(samples.openwebui_export()))
    assert [(one.id, one.parent_id, one.role, one.content, one.reasoning, one.state) for one in found.messages] == [
        ("u1", None, "user", "Summarise my notes\n\n[file not imported: image]", "", "complete"),
        ("b1", "u1", "assistant", "Milk and eggs.", "", "complete"),
        ("b2", "u1", "assistant", "Buy milk, buy eggs.", "A list of two.\n\nFine & short.", "complete"),
        ("u2", "b2", "user", "And then?", "", "complete"),
        ("b3", "u2", "assistant", "Connection lost", "", "failed"),
    ]
    question, short, listed = found.messages[:3]
    assert question.attachments == (TransferAttachment("notes.txt", "milk\neggs\n"),)
    assert short.usage == TransferUsage(n_prompt_tokens=40, n_completion_tokens=5, decode_s=2.0)
    assert short.feedback == (TransferFeedback("down", note="too short"),)
    assert listed.feedback == (TransferFeedback("up"),)
    assert (question.model, short.model, listed.model) == ("", "llama3.2:3b", "qwen3:8b")
    assert (found.title, found.head_id, found.system, found.pinned) == ("Notes", "b3", "You list.", True)
    assert (found.source_id, found.created_at, found.n_missing_files) == ("0b2f", 1_741_000_000.0, 1)


def test_a_chat_alone_without_its_row(samples: ModuleType, write: Write) -> None:
    chat = samples.openwebui_export()[0]["chat"]
    (found,) = read_file(write(chat))
    assert len(found.messages) == 5 and found.title == "Notes" and found.created_at == 1_741_000_000.123


def test_a_list_of_messages_of_its_first_versions(write: Write) -> None:
    chat = {
        "id": "old",
        "title": "Old",
        "chat": {
            "messages": [
                {"role": "user", "content": "a", "timestamp": 1_700_000_000},
                {"role": "assistant", "content": "b"},
            ]
        },
    }
    (found,) = read_file(write([chat]))
    assert [(one.parent_id, one.content) for one in found.messages] == [(None, "a"), ("0", "b")]


@pytest.mark.parametrize(
    "moment",
    [
        1_741_000_000,
        1_741_000_000_000,
        1_741_000_000_000_000,
        1_741_000_000_000_000_000,
        "2025-03-03T11:06:40Z",
        "2025-03-03T12:06:40+01:00",
    ],
)
def test_seconds_and_their_parts(samples: ModuleType, write: Write, moment: Any) -> None:
    export = samples.openwebui_export()
    export[0]["created_at"] = export[0]["chat"]["history"]["messages"]["u1"]["timestamp"] = moment
    (found,) = read_file(write(export))
    assert found.created_at == found.messages[0].created_at == 1_741_000_000.0


@pytest.mark.parametrize("moment", [0, -1, 1e300, 10**400, None, ""])
def test_no_moment_is_unknown(samples: ModuleType, write: Write, moment: Any) -> None:
    export = samples.openwebui_export()
    export[0]["chat"]["history"]["messages"]["u1"]["timestamp"] = moment
    (found,) = read_file(write(export))
    assert found.messages[0].created_at is None


def test_reasoning_leaves_other_details_alone() -> None:
    tools = '<details type="tool_calls" done="true">\n<summary>Tool</summary>\n</details>\nDone.'
    assert split_reasoning(tools) == (tools, "")
    assert split_reasoning('<details type="reasoning" done="false">\n> half') == (
        '<details type="reasoning" done="false">\n> half',
        "",
    )


@pytest.mark.parametrize(("change", "words"), [
    (lambda chat: chat["history"]["messages"]["u1"].pop("role"), ['message "u1"', 'expected a member "role"']),
    (lambda chat: chat["history"]["messages"]["u2"].update(parentId="nobody"), ['its parent "nobody" is missing']),
    (lambda chat: chat["history"].update(currentId="nobody"), ["/chat/history/currentId"]),
    (lambda chat: chat["history"]["messages"]["b1"].update(content=5), ["/content", "the number 5"]),
    (lambda chat: chat.update(history=3), ["/chat/history", "expected an object"]),
])  # fmt: skip
def test_what_is_wrong_is_named_with_its_place(
    samples: ModuleType, write: Write, change: Callable[[dict[str, Any]], None], words: list[str]
) -> None:
    export = samples.openwebui_export()
    change(export[0]["chat"])
    with pytest.raises(Error) as caught:
        list(read_file(write(export)))
    for word in ['conversation 1 "Notes"', *words]:
        assert word in caught.value.message
