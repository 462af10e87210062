"""How fast models answered, as their stored replies tell."""

import pytest

from rushlight.assistant.chat.conversations import Conversations
from rushlight.assistant.chat.speeds import measured_speeds
from rushlight.assistant.events import Usage


def test_the_newest_replies_of_each_model_count(conversations: Conversations) -> None:
    chat = conversations.create()

    def answer(model: str, n_tokens: int, decode_s: float, role: str = "assistant") -> None:
        usage = Usage(1, 0, n_tokens, decode_s=decode_s)
        conversations.append(chat.id, None, role, "Hello", model=model, usage=usage)  # type: ignore[arg-type]

    assert measured_speeds(conversations.store) == {}
    answer("fast", 1000, 1000.0)  # too old: five came after it
    for _ in range(5):
        answer("fast", 100, 2.0)
    answer("slow", 30, 10.0)
    answer("slow", 3, 0.001)  # too short to tell
    answer("none", 0, 0.0)
    answer("", 50, 1.0)
    answer("imported", 50, 0.0)
    assert measured_speeds(conversations.store) == {"fast": pytest.approx(50.0), "slow": pytest.approx(3.0)}
