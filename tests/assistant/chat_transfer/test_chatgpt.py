"""ChatGPT's export, message by message."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from rushlight import Error
from rushlight.assistant.chat.importing import read_file
from rushlight.assistant.chat.transfer import TransferConversation

Write = Callable[..., Path]


@pytest.fixture
def rye(samples: ModuleType, write: Write) -> TransferConversation:
    return next(read_file(write(samples.chatgpt_export())))


def test_the_tree_is_what_was_said(rye: TransferConversation) -> None:
    assert [(message.id, message.parent_id, message.role, message.content) for message in rye.messages] == [
        ("q1", None, "user", "How long does a rye sour take?"),
        ("a1", "q1", "assistant", "About 16 hours."),
        (
            "q1-edited",
            None,
            "user",
            "[file not imported: file_0000d9d8]\n\nIs this sour ready?\n\n```\npH 4.1\n```\n\n"
            "[file not imported: log.csv]",
        ),
        ("call", "q1-edited", "assistant", "````python\nprint('```')\nprint(4.1 < 4.2)\n````"),
        ("out", "call", "tool", "```\nTrue\n```"),
        ("a2", "out", "assistant", "Yes – bake now."),
        ("a2-again", "q1-edited", "assistant", "It is ready."),
        ("q2", "a2-again", "user", "Who says so?"),
        ("quote", "q2", "tool", "Rye https://example.org/rye\n\nRipe at pH 4."),
        ("a3", "quote", "assistant", "A baker."),
    ]


def test_what_belongs_to_the_conversation(rye: TransferConversation) -> None:
    assert (rye.title, rye.head_id, rye.model) == ("Rye sour", "a3", "gpt-5-2-thinking")
    assert rye.system == "I bake bread.\n\nBe short."
    assert (rye.source, rye.source_id) == ("chatgpt", "67a678d3-a274-8191-94ee-7ca817b25b36")
    assert (rye.created_at, rye.updated_at) == (1_760_486_728.607954, 1_760_486_740.607954)
    assert rye.n_missing_files == 2
    assert [message.id for message in rye.path] == ["q1-edited", "a2-again", "q2", "quote", "a3"]


def test_thoughts_are_the_reasoning_of_the_reply_they_led_to(rye: TransferConversation) -> None:
    reasoning = {message.id: message.reasoning for message in rye.messages if message.reasoning}
    assert reasoning == {"call": "**Reading the picture**\n\nBubbles all over.\n\npH fits."}


def test_models_times_and_states(rye: TransferConversation) -> None:
    by_id = {message.id: message for message in rye.messages}
    assert (by_id["a1"].model, by_id["a2"].model, by_id["q1"].model) == ("gpt-4o", "gpt-5-2-thinking", "")
    assert by_id["a1"].created_at == 1_760_486_730.607954
    assert {message.id for message in rye.messages if message.state == "stopped"} == {"a3"}


def test_the_others_of_the_file(samples: ModuleType, write: Write) -> None:
    _, second, empty = read_file(write(samples.chatgpt_export()))
    assert [message.content for message in second.messages] == ["Skål! 🍻", "Skål!"]
    assert second.system is None and second.title == "" and empty.messages == ()


def test_thoughts_that_no_answer_followed_are_kept(samples: ModuleType, write: Write) -> None:
    chat = samples.chatgpt_conversation()
    for node_id in ("call", "out", "a2"):
        del chat["mapping"][node_id]
    chat["mapping"]["recap"]["children"] = []
    chat["current_node"] = "recap"
    (found,) = read_file(write([chat]))
    head = next(message for message in found.messages if message.id == found.head_id)
    assert (head.role, head.content, head.state, head.parent_id) == ("assistant", "", "stopped", "q1-edited")
    assert head.reasoning.endswith("pH fits.")


@pytest.mark.parametrize(("content", "text"), [
    ({"content_type": "text", "parts": ["one", "two"]}, "one\ntwo"),
    ({"content_type": "text", "parts": [None, "two", {"content_type": "text", "text": "three"}]}, "\ntwo\nthree"),
    ({"content_type": "code", "language": "unknown", "text": "ls"}, "```\nls\n```"),
    ({"content_type": "code", "language": "evil`\nname", "text": "ls"}, "```\nls\n```"),
    ({"content_type": "tether_browsing_display", "result": "# found", "summary": None, "assets": []}, "# found"),
    ({"content_type": "system_error", "name": "E", "text": "boom"}, "```\nboom\n```"),
    ({"content_type": "something_new", "text": "still read"}, "still read"),
    ({"content_type": "multimodal_text", "parts": [
        {"content_type": "audio_transcription", "text": "spoken", "direction": "in"},
        {"content_type": "audio_asset_pointer", "asset_pointer": "sediment://file_a", "format": "wav"}]},
     "spoken\n\n[file not imported: file_a]"),
    ({"content_type": "multimodal_text", "parts": [
        {"content_type": "image_asset_pointer", "asset_pointer": "file-service://file-b",
         "metadata": {"dalle": {"prompt": "a\nlamp"}}}]}, "[file not imported: file-b: a lamp]"),
    ({"content_type": "multimodal_text", "parts": [
        {"content_type": "real_time_user_audio_video_asset_pointer",
         "audio_asset_pointer": {"asset_pointer": "sediment://file_c"}}]}, "[file not imported: file_c]"),
])  # fmt: skip
def test_kinds_of_content(samples: ModuleType, write: Write, content: dict[str, Any], text: str) -> None:
    chat = samples.chatgpt_export()[1]
    chat["mapping"]["n2"]["message"]["content"] = content
    (found,) = read_file(write([chat]))
    assert found.messages[-1].content == text


def test_what_is_hidden_stays_out(samples: ModuleType, write: Write) -> None:
    chat = samples.chatgpt_export()[1]
    chat["mapping"]["n1"]["message"]["metadata"]["is_visually_hidden_from_conversation"] = True
    (found,) = read_file(write([chat]))
    assert [(message.id, message.parent_id) for message in found.messages] == [("n2", None)]


def test_instructions_of_older_exports(samples: ModuleType, write: Write) -> None:
    chat = samples.chatgpt_export()[1]
    chat["mapping"]["n1"]["message"].update(
        author={"role": "system"},
        metadata={
            "is_user_system_message": True,
            "user_context_message_data": {"about_user_message": "A baker", "about_model_message": "Be kind"},
        },
    )
    (found,) = read_file(write([chat]))
    assert found.system == "A baker\n\nBe kind" and [message.id for message in found.messages] == ["n2"]


def test_an_object_around_the_list(samples: ModuleType, write: Write) -> None:
    assert [one.title for one in read_file(write({"conversations": samples.chatgpt_export()}))] == [
        "Rye sour",
        "",
        "New chat",
    ]


@pytest.mark.parametrize(("change", "words"), [
    (lambda chat: chat["mapping"]["a1"].update(parent="gone"), ['message "a1"', 'its parent "gone" is missing']),
    (lambda chat: chat["mapping"]["q1"]["children"].append("gone"), ['message "q1"', 'its child "gone" is missing']),
    (lambda chat: chat["mapping"]["q1"]["children"].append("q2"), ['its child "q2" names another parent']),
    (lambda chat: chat["mapping"]["q1"]["children"].append("a1"), ["lists a child twice"]),
    (lambda chat: chat["mapping"].update(x={"parent": "y"}, y={"parent": "x"}), ["run in a circle"]),
    (lambda chat: chat["mapping"].update(x={"parent": "x"}), ['message "x"', "run in a circle"]),
    (lambda chat: chat.update(current_node="gone"), ["/current_node", 'the node "gone" is not in the mapping']),
    (lambda chat: chat.update(mapping=[]), ["at \"/mapping\"", "expected an object, found a list"]),
    (lambda chat: chat.update(mapping=None), ['expected a member "mapping", found null']),
    (lambda chat: chat["mapping"]["a1"]["message"]["author"].update(role="robot"),
     ['/mapping/a1/message/author/role', 'one of the roles', '"robot"']),
    (lambda chat: chat["mapping"]["a1"]["message"].pop("author"), ['expected a member "author", found nothing']),
    (lambda chat: chat["mapping"]["a1"]["message"]["content"].update(parts=[7]), ["/parts/0", "the number 7"]),
    (lambda chat: chat["mapping"]["a1"]["message"]["content"].update(parts="x"), ["expected a list"]),
    (lambda chat: chat["mapping"]["a1"]["message"].update(create_time="soon"), ["expected a time", '"soon"']),
    (lambda chat: chat["mapping"]["a1"].update(message=[1]), ["/mapping/a1/message", "found a list"]),
])  # fmt: skip
def test_what_is_wrong_is_named_with_its_place(
    samples: ModuleType, write: Write, change: Callable[[dict[str, Any]], None], words: list[str]
) -> None:
    export = samples.chatgpt_export()
    change(export[0])
    with pytest.raises(Error) as caught:
        list(read_file(write(export, "chats.json")))
    assert caught.value.kind == "bad-import"
    for word in ["chats.json", 'conversation 1 "Rye sour" (line 1)', *words]:
        assert word in caught.value.message


def test_the_pointer_is_whole_with_ids_of_real_length(write: Write) -> None:
    node_id = "67a678d3-a274-8191-94ee-7ca817b25b36"
    with pytest.raises(Error) as caught:
        list(read_file(write([{"mapping": {node_id: {"message": {"author": {"role": "robot"}}}}}])))
    assert f'at "/mapping/{node_id}/message/author/role": expected' in caught.value.message


def test_a_chat_of_ten_thousand_turns_is_no_recursion(samples: ModuleType, write: Write) -> None:
    nodes = {
        f"n{number}": samples.node(
            f"n{number}",
            f"n{number - 1}" if number else None,
            *([f"n{number + 1}"] if number < 9_999 else []),
            message=samples.said(f"n{number}", "user" if number % 2 else "assistant", str(number)),
        )
        for number in range(10_000)
    }
    (found,) = read_file(write([{"title": "long", "mapping": nodes, "current_node": "n9999"}]))
    assert len(found.path) == 10_000
