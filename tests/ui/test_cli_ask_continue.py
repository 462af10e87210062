"""`ask -c`, `ask --save` and `ask -a`: what is stored, what the engine is asked, and what is an id or a text."""

import json
from pathlib import Path
from typing import Any

import pytest

from rushlight.assistant.app import open_app
from rushlight.assistant.chat.conversation import Conversation
from rushlight.assistant.models.model import Model


def said(title: str | None = None) -> list[str]:
    with open_app() as app:
        found: Conversation | None = app.conversations.find(title) if title else app.conversations.latest()
        return [message.content for message in app.conversations.path(found.id)] if found else []


def test_a_plain_question_is_not_stored(answering: Any, inside: Any) -> None:
    answering(["ok"])
    inside("ask", "One")
    assert said() == []


def test_save_then_continue(answering: Any, inside: Any, tiny_model: Model) -> None:
    cast = answering(["ok"])
    code, out, err = inside("ask", "One", "--save", "-s", "Be brief.", "-o", "temperature", "0.5")
    assert (code, out, err) == (0, "ok\n", "")
    assert inside("ask", "-c", "Two") == (0, "ok\n", "")
    assert inside("ask", "Three", "-c") == (0, "ok\n", "")
    assert inside("ask", "-c", stdin=b"Four")[0] == 0
    assert said() == ["One", "ok", "Two", "ok", "Three", "ok", "Four", "ok"]
    last = cast.engine.requests[-1]
    assert [message.content for message in last.messages[:3]] == ["Be brief.", "One", "ok"]
    temperatures = [request.sampling.temperature for request in cast.engine.requests]
    assert temperatures == [0.5, 0.0, 0.0, 0.0], "-o is for one answer"
    assert all(request.sampling.seed >= 0 for request in cast.engine.requests), "a pipe gets a fixed seed"


def test_an_id_or_a_text_behind_c(answering: Any, inside: Any) -> None:
    answering(["ok"])
    first = json.loads(inside("ask", "First", "--save", "--json")[1])["conversation"]
    inside("ask", "Second", "--save")
    for args, stdin in (
        (["-c", first, "by id"], b""),
        (["by its end", "-c", first[-6:]], b""),
        (["-c", first], b"piped"),
        (["-c", "First", "by title"], b""),
    ):
        assert inside("ask", *args, stdin=stdin)[0] == 0
    assert said(first)[2::2] == ["by id", "by its end", "piped", "by title"]
    inside("ask", "Third", "--save")
    assert inside("ask", "-c", "First")[0] == 0, "alone, a title is the question"
    assert inside("ask", "-c", "summarize", stdin=b"text")[0] == 0
    assert said()[2::2] == ["First", "summarize\n\ntext"]


@pytest.mark.parametrize(
    ("args", "code"),
    [(["-c"], 2), (["-c", "last"], 2), (["-c", "nobody", "hi"], 1), (["-c", "hi", "--save"], 2), (["--save"], 2)],
)
def test_what_cannot_be_continued(answering: Any, inside: Any, args: list[str], code: int) -> None:
    cast = answering(["ok"])
    inside("ask", "First", "--save")
    found, out, err = inside("ask", *args)
    assert (found, out) == (code, "") and "Error: " in err
    assert len(cast.engine.requests) == 1 and len(said()) == 2


def test_an_id_alone_is_no_question(answering: Any, inside: Any) -> None:
    answering(["ok"])
    first = json.loads(inside("ask", "First", "--save", "--json")[1])["conversation"]
    assert inside("ask", "-c", first)[0] == 2
    assert len(said()) == 2


def test_without_any_conversation(answering: Any, inside: Any) -> None:
    answering(["ok"])
    code, _, err = inside("ask", "-c", "hi")
    assert code == 1 and "no conversation yet" in err


def test_the_options_of_ask_reach_a_stored_question(answering: Any, inside: Any) -> None:
    cast = answering(["ok"])
    code, out, _ = inside(
        "ask",
        "One",
        "--save",
        "--json",
        "--max-tokens",
        "5",
        "--stop",
        "x",
        "--regex",
        "a+",
        "--logprobs",
        "2",
        "-o",
        "context",
        "64",
    )
    assert code == 0 and json.loads(out)["text"] == "ok"
    (request,) = cast.engine.requests
    assert (request.max_tokens, request.stop, request.logprobs) == (5, ("x",), 2)
    assert request.grammar is not None and request.grammar.text == "a+"
    assert [load.n_ctx for load in cast.loads] == [64], "one load, under the options of the call"


def test_model_and_system_hold_from_then_on(answering: Any, inside: Any, tiny_model: Model) -> None:
    answering(["ok"])
    inside("ask", "One", "--save")
    inside("ask", "-c", "Two", "-s", "Be kind.", "-m", tiny_model.id)
    with open_app() as app:
        latest = app.conversations.latest()
    assert latest is not None and (latest.system, latest.model) == ("Be kind.", tiny_model.id)


def test_attached_files(answering: Any, inside: Any, tmp_path: Path) -> None:
    cast = answering(["ok"])
    file = tmp_path / "notes.txt"
    file.write_text("alpha beta")
    assert inside("ask", "Read", "-a", str(file))[0] == 0
    assert inside("ask", "-a", str(file), "-a", str(file))[0] == 0
    assert inside("ask", "Read", "-a", str(file), "--save")[0] == 0
    for request in cast.engine.requests:
        assert "notes.txt" in request.messages[-1].content and "alpha beta" in request.messages[-1].content
    with open_app() as app:
        latest = app.conversations.latest()
        assert latest is not None
        question = app.conversations.path(latest.id)[0]
    assert question.content == "Read" and [one.name for one in question.attachments] == ["notes.txt"]
    (tmp_path / "data.bin").write_bytes(bytes(range(256)) * 4)
    for wrong in ("missing.txt", "data.bin"):
        code, out, err = inside("ask", "Read", "-a", str(tmp_path / wrong))
        assert (code, out) == (1, "") and wrong in err


@pytest.mark.model
def test_the_model_is_given_what_was_said(rushlight: Any, real_model: Model) -> None:
    first = json.loads(rushlight("ask", "--save", "What is the capital of France?", "--json").stdout)
    done = rushlight("ask", "-c", "And of Italy?", "--json", "--max-tokens", "8")
    assert done.returncode == 0, done.stderr
    usage = json.loads(done.stdout)["usage"]
    assert usage["prompt_tokens"] > first["usage"]["prompt_tokens"] + first["usage"]["completion_tokens"]
    assert usage["cached_tokens"] >= first["usage"]["prompt_tokens"] - 1
    assert said()[:3] == ["What is the capital of France?", first["text"], "And of Italy?"]
