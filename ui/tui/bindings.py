"""The keys of the table of actions, as bindings of the terminal app. Knows the table; knows no page."""

from textual.binding import Binding, BindingType

from rushlight.ui.desk.actions import actions
from rushlight.ui.tui.chat_page import OFFER_KEYS

_SCOPES = ("app", "chat", "models")  # those of other scopes belong to a page or to the composer


def bindings() -> list[BindingType]:
    """The keys of the table of actions. They go before a widget's own, so that a key means the same everywhere."""
    bound: list[BindingType] = []
    for one in actions():
        if one.scope in _SCOPES and one.terminal_keys:
            is_plain = one.terminal_keys == ("escape",)
            keys = ",".join(one.terminal_keys)
            bound.append(Binding(keys, f"perform('{one.id}')", show=False, priority=not is_plain))
    bound.append(Binding("alt+q", "perform('chat.unqueue')", show=False, priority=True))
    bound += [Binding(key, f"offered({number})", show=False, priority=True) for number, key in enumerate(OFFER_KEYS, 1)]
    return bound
