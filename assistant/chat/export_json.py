"""A conversation as Rushlight's own JSON: the whole tree with reasoning, figures, attachments and feedback.

A file is a list of such objects, one a line. What is empty or unknown is left out. Knows neither files nor the store.
"""

import json
from dataclasses import asdict
from typing import Any

from rushlight.assistant.chat.transfer import TransferConversation, TransferFeedback, TransferMessage

FORMAT = "rushlight.conversation"
VERSION = 1

BEGIN, BETWEEN, END = "[\n", ",\n", "\n]\n"  # around and between the objects of a file


def json_of(conversation: TransferConversation) -> str:
    """One line of JSON."""
    return json.dumps(
        {
            "format": FORMAT,
            "version": VERSION,
            "id": conversation.source_id,
            "title": conversation.title,
            **_present(
                created_at=conversation.created_at,
                updated_at=conversation.updated_at,
                folder=conversation.folder,
                model=conversation.model,
                options=dict(conversation.options),
                pinned=conversation.pinned,
                head=conversation.head_id,
            ),
            # An empty system prompt is not the same as none.
            **({} if conversation.system is None else {"system": conversation.system}),
            "messages": [_message(message) for message in conversation.messages],
        },
        ensure_ascii=False,
    )


def _message(message: TransferMessage) -> dict[str, Any]:
    return {
        "id": message.id,
        "parent": message.parent_id,
        "role": message.role,
        "content": message.content,
        **_present(
            reasoning=message.reasoning,
            created_at=message.created_at,
            model=message.model,
            adapter=message.adapter,
            state="" if message.state == "complete" else message.state,
            finish_reason=message.finish_reason,
            usage=_present(**asdict(message.usage)),
            attachments=[asdict(attachment) for attachment in message.attachments],
            feedback=[_feedback(feedback) for feedback in message.feedback],
        ),
    }


def _feedback(feedback: TransferFeedback) -> dict[str, Any]:
    return {
        "kind": feedback.kind,
        **_present(
            text=feedback.text, note=feedback.note, rejected=feedback.rejected_id, created_at=feedback.created_at
        ),
    }


def _present(**values: Any) -> dict[str, Any]:
    """What is neither empty nor zero nor unknown."""
    return {name: value for name, value in values.items() if value}
