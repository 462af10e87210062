"""A session with a real model: stopped and gone on with, named by it, cut where its context ends."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rushlight.assistant.app import App, open_app
from rushlight.assistant.events import Notice, TextDelta
from rushlight.assistant.models.importing import import_model

pytestmark = pytest.mark.model


@pytest.fixture
def app(demo_model: Path) -> Iterator[App]:
    with open_app(overrides={"engine.context": 256}, host="in-process") as opened:
        import_model(opened.catalogue, demo_model, how="in-place")
        yield opened


def test_a_conversation_with_the_demo_model(app: App) -> None:
    conversations = app.conversations
    made = conversations.create(options={"max_tokens": "10", "temperature": "0"})
    session = app.session(made.id)
    reply = "".join(
        event.text for event in session.send("What is the capital of France?") if isinstance(event, TextDelta)
    )
    assert "Paris" in reply
    stored = session.messages[-1]
    assert (stored.content, stored.state) == (reply, "complete")
    assert stored.n_prompt_tokens > 5 and stored.n_completion_tokens > 1 and stored.decode_s > 0
    assert session.context is not None and 0 < session.context.n_used <= session.context.n_total == 256

    n_cached = stored.n_cached_tokens
    title = session.make_title()
    assert 3 <= len(title) <= 60 and "\n" not in title
    assert session.conversation.title == title

    for event in session.send("Tell me a long story about a lighthouse."):
        if isinstance(event, TextDelta):
            session.stop()
    stopped = session.messages[-1]
    assert stopped.state == "stopped"
    assert stopped.n_cached_tokens > n_cached  # the title's request did not throw the prompt away
    for _ in session.continue_reply():
        pass
    continued = session.messages[-1]
    assert continued.id == stopped.id
    assert continued.content.startswith(stopped.content) and len(continued.content) > len(stopped.content)

    notices: list[Notice] = []
    while not notices:
        text = "Go on with the story, and mention the sea. " * 4
        notices = [event for event in session.send(text) if isinstance(event, Notice)]
        assert len(session.messages) < 60
    assert [one.kind for one in notices] == ["left-out"]
    last = session.messages[-1]
    assert last.state == "complete" and last.n_prompt_tokens + last.n_completion_tokens <= 256
