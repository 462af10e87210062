"""Export and import again gives the same tree, whatever the tree."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rushlight.assistant.chat.conversation import ROLES, STATES
from rushlight.assistant.chat.exporting import export_file
from rushlight.assistant.chat.import_chatgpt import SOURCE
from rushlight.assistant.chat.importing import import_file
from rushlight.assistant.chat.text_rules import one_line
from rushlight.assistant.chat.transfer import (
    FeedbackKind,
    TransferAttachment,
    TransferConversation,
    TransferFeedback,
    TransferMessage,
    TransferUsage,
    checked,
)
from rushlight.assistant.chat.transfer_store import TransferStore
from rushlight.assistant.store.database import Store

texts = st.text(max_size=40) | st.sampled_from(["", "```\nopen", "\0", "\r\n", "\u2028", "🍻", '[{"\\', "</details>"])
words = st.text(alphabet="abc déf", max_size=12)
moments = st.floats(1.0, 4e9)
seconds = st.floats(0, 1e6)
counts = st.integers(0, 1 << 40)
thumbs: st.SearchStrategy[FeedbackKind] = st.sampled_from(["up", "down"])
usages = st.builds(TransferUsage, counts, counts, counts, seconds, seconds, seconds, seconds)
attachments = st.builds(TransferAttachment, words.map(one_line), texts, st.sampled_from(["text/plain", "text/html"]))


@st.composite
def conversations(draw: st.DrawFn) -> TransferConversation:
    messages: list[TransferMessage] = []
    for number in range(draw(st.integers(0, 12))):
        feedback = draw(st.lists(st.builds(TransferFeedback, thumbs, note=texts, created_at=moments), max_size=2))
        feedback += draw(
            st.lists(
                st.builds(
                    TransferFeedback, st.just("correction"), text=texts.filter(bool), note=texts, created_at=moments
                ),
                max_size=1,
            )
        )
        if draw(st.booleans()) and messages:
            feedback.append(
                TransferFeedback("kept", rejected_id=draw(st.sampled_from(messages)).id, created_at=draw(moments))
            )
        messages.append(
            TransferMessage(
                f"m{number}",
                draw(st.sampled_from([None, *(message.id for message in messages)])),
                draw(st.sampled_from(ROLES)),
                draw(texts),
                reasoning=draw(texts),
                created_at=draw(moments),
                model=draw(words),
                adapter=draw(words),
                state=draw(st.sampled_from(STATES)),
                finish_reason=draw(words),
                usage=draw(usages),
                attachments=tuple(draw(st.lists(attachments, max_size=2))),
                feedback=tuple(feedback),
            )
        )
    return checked(
        TransferConversation(
            SOURCE,
            "x",
            draw(words),
            tuple(messages),
            head_id=draw(st.sampled_from([message.id for message in messages])) if messages else None,
            created_at=draw(moments),
            updated_at=draw(moments),
            folder=draw(st.sampled_from(["", "a", "a/b c"])),
            model=draw(words),
            system=draw(st.none() | texts),
            pinned=draw(st.booleans()),
            options=tuple(draw(st.dictionaries(words, words, max_size=2)).items()),
        )
    )


def without_ids(conversation: TransferConversation) -> Any:
    """The conversation with numbers for ids; ids are given anew by each store."""
    names: dict[str | None, str] = {message.id: str(number) for number, message in enumerate(conversation.messages)}
    messages = tuple(
        replace(
            message,
            id=names[message.id],
            parent_id=names.get(message.parent_id),
            feedback=tuple(replace(one, rejected_id=names.get(one.rejected_id)) for one in message.feedback),
        )
        for message in conversation.messages
    )
    return replace(
        conversation, source="", source_id="", sha256="", messages=messages, head_id=names.get(conversation.head_id)
    )


@pytest.mark.parametrize("n_examples", [50, pytest.param(500, marks=pytest.mark.slow)])
def test_the_same_tree_comes_back(tmp_path: Path, n_examples: int) -> None:
    first, second = (TransferStore(Store(tmp_path / name / "s.db")) for name in ("one", "two"))
    path = tmp_path / "out.json"

    @settings(max_examples=n_examples, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(conversations(), min_size=1, max_size=3))
    def check(given_conversations: list[TransferConversation]) -> None:
        ids = []
        with first.together():
            for conversation in given_conversations:
                folder = first.folders.at(conversation.folder, create=True).id if conversation.folder else None
                ids.append(first.insert(conversation, folder))
        stored = [first.read(one) for one in ids]
        assert [without_ids(one) for one in stored] == [without_ids(one) for one in given_conversations]
        export_file(first, path, ids, overwrite=True)
        report = import_file(second, path)
        assert report.n_conversations == len(ids)
        back = [second.read(one) for one in report.conversation_ids]
        assert [without_ids(one) for one in back] == [without_ids(one) for one in stored]
        assert import_file(second, path).n_known == len(ids)

    try:
        check()
    finally:
        first.store.close()
        second.store.close()
