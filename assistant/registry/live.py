"""Which adapter answers in a chat now: the one that was chosen there, else the one that is promoted for chats.

Looked up for each answer, so that a promotion or a roll-back by any process holds from the next answer on.
"""

from rushlight.assistant.models.model import Model
from rushlight.assistant.registry.registry import Registry
from rushlight.assistant.registry.scopes import CHAT
from rushlight.assistant.registry.values import Adapter


def chat_adapter(registry: Registry, model: Model, name: str = "") -> Adapter | None:
    """The adapter of that name, if it may answer with this model; else the promoted one, None where there is none.

    One that was put away, removed, or taught for another model answers nowhere, however it is called.
    """
    found = chat_adapters(registry, model)
    chosen = next((one for one in found if name and one.name == name), None)
    return chosen or next((one for one in found if one.state == "promoted"), None)


def chat_adapters(registry: Registry, model: Model) -> list[Adapter]:
    """All that may answer in chats with this model: the promoted one first, then candidates, the newest first."""
    if model.is_remote or not model.sha256:
        return []
    found = registry.adapters(CHAT, ("promoted", "candidate"))
    mine = [one for one in found if one.base_sha256 == model.sha256 and one.path.is_file()]
    return sorted(mine, key=lambda one: one.state != "promoted")
