"""The assistant itself: models, engines, conversations and the host that owns them. Knows no window and no terminal.

What the faces use; everything else may move freely. Loaded on first use, since the hidden verbs of our own processes
pass through here and must not pay for it.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rushlight.assistant.app import App, open_app
    from rushlight.assistant.chat.conversation import Conversation
    from rushlight.assistant.chat.conversations import Conversations
    from rushlight.assistant.chat.session import ChatSession
    from rushlight.assistant.engine.engine import Engine, FakeEngine
    from rushlight.assistant.engine.request import GenerateRequest, Grammar, LoraUse, Message, Sampling
    from rushlight.assistant.events import (
        Embeddings,
        Event,
        Failed,
        Finished,
        Notice,
        ReasoningDelta,
        TextDelta,
        Usage,
    )
    from rushlight.assistant.jobs.job import Job
    from rushlight.assistant.jobs.jobs import Jobs

__all__ = [
    "App",
    "ChatSession",
    "Conversation",
    "Conversations",
    "Embeddings",
    "Engine",
    "Event",
    "Failed",
    "FakeEngine",
    "Finished",
    "GenerateRequest",
    "Grammar",
    "Job",
    "Jobs",
    "LoraUse",
    "Message",
    "Notice",
    "ReasoningDelta",
    "Sampling",
    "TextDelta",
    "Usage",
    "open_app",
]

_HOMES = {
    "App": "app",
    "open_app": "app",
    "ChatSession": "chat.session",
    "Conversation": "chat.conversation",
    "Conversations": "chat.conversations",
    "Engine": "engine.engine",
    "FakeEngine": "engine.engine",
    "GenerateRequest": "engine.request",
    "Grammar": "engine.request",
    "Job": "jobs.job",
    "Jobs": "jobs.jobs",
    "LoraUse": "engine.request",
    "Message": "engine.request",
    "Sampling": "engine.request",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'events')}"), name)
