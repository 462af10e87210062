"""`rushlight presets`, and what -p and /preset make of them."""

import json
from typing import Any

import pytest

from rushlight import Error
from rushlight.assistant.app import open_app


@pytest.fixture
def brief(own_home: Any) -> None:
    with open_app() as app:
        app.presets.save("brief", system="Be brief.", options={"temperature": "0.5", "max_tokens": "9"})


def test_save_list_show_remove(inside: Any, own_home: Any) -> None:
    assert "no preset yet" in inside("presets", "list")[1]
    assert inside("presets", "save", "calm", "-s", "Stay calm.", "-o", "temperature", "0.2")[0] == 0
    assert inside("presets", "list")[1].splitlines()[1].split(maxsplit=2) == ["calm", "temperature=0.2", "Stay calm."]
    assert json.loads(inside("presets", "show", "calm", "--json")[1])["options"] == {"temperature": "0.2"}
    assert "System prompt: Stay calm." in inside("presets", "show", "calm")[1]
    assert inside("presets", "remove", "calm")[0] == 0
    assert json.loads(inside("presets", "list", "--json")[1]) == []
    assert json.loads(inside("presets", "path", "--json")[1])["path"].endswith(".db")


def test_wrong_use_is_told(inside: Any, brief: None) -> None:
    assert inside("presets", "save", "x")[0] == 2
    code, _, err = inside("presets", "save", "x", "-o", "temprature", "1")
    assert code == 1 and "temperature" in err
    code, _, err = inside("presets", "show", "brie")
    assert code == 1 and "Did you mean brief?" in err


def test_ask_takes_it_and_options_go_before(answering: Any, inside: Any, brief: None) -> None:
    cast = answering(["ok"])
    assert inside("ask", "-p", "brief", "-o", "temperature", "0.9", "Hello")[0] == 0
    (request,) = cast.engine.requests
    assert [message.content for message in request.messages] == ["Be brief.", "Hello"]
    assert request.sampling.temperature == 0.9 and request.max_tokens == 9
    assert inside("ask", "-p", "brief", "-s", "", "Hello")[0] == 0
    assert [message.content for message in cast.engine.requests[1].messages] == ["Hello"]


def test_chat_takes_it_for_the_conversation(answering: Any, inside: Any, brief: None) -> None:
    answering(["ok"])
    assert inside("chat", "-p", "brief", stdin=b"One\n")[0] == 0
    with open_app() as app:
        latest = app.conversations.latest()
    assert latest is not None and latest.system == "Be brief." and latest.options["temperature"] == "0.5"


def test_slash_preset(answering: Any, inside: Any, brief: None) -> None:
    cast = answering(["ok"])
    code, out, _ = inside("chat", stdin=b"/preset\n/preset brief\nOne\n")
    assert code == 0 and out.startswith("brief\n")
    assert cast.engine.requests[0].messages[0].content == "Be brief."
    assert inside("chat", stdin=b"/preset nothing\n")[0] == 1


def test_feedback_is_found_by_a_part_of_its_id(own_home: Any) -> None:
    with open_app() as app:
        made = app.conversations.create("Lamps")
        asked = app.conversations.append(made.id, None, "user", "How?")
        reply = app.conversations.append(made.id, asked.id, "assistant", "With oil.")
        one = app.feedback.thumb(reply.id, "up")
        assert app.feedback.find(one.id) == one == app.feedback.find(one.id[-8:])
        with pytest.raises(Error, match="There is no feedback"):
            app.feedback.find("zzzzzz")
