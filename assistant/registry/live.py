"""Which adapter answers in a chat now: the one that is promoted for it over the model that answers.

Looked up for each answer, so that a promotion or a roll-back by any process holds from the next answer on.
"""

from rushlight.assistant.models.model import Model
from rushlight.assistant.registry.registry import Registry
from rushlight.assistant.registry.scopes import CHAT
from rushlight.assistant.registry.values import Adapter


def chat_adapter(registry: Registry, model: Model) -> Adapter | None:
    """None where nothing is promoted for chats with this model, or its file is gone."""
    if model.is_remote or not model.sha256:
        return None
    adapter = registry.promoted(CHAT, model.sha256)
    return adapter if adapter is not None and adapter.path.is_file() else None
