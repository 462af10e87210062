"""The table of actions: complete, in any language, no key twice."""

import itertools

import pytest

from rushlight import Error
from rushlight.ui.desk.actions import action, actions, groups

# What the other parts of both faces bind. An id that goes is a change of theirs too.
BOUND = """chat.new chat.stop chat.regenerate chat.continue chat.edit-last chat.copy-reply chat.copy-code chat.find
chat.export chat.rename chat.branch chat.rate-up chat.rate-down chat.correct chat.keep chat.previous-version
chat.next-version chat.attach chat.model chat.sampler chat.system chat.left-out chat.next chat.previous chat.undo
chat.pin chat.move chat.delete folder.new view.sidebar view.larger view.smaller view.normal-size view.theme page.chat
page.models page.jobs page.settings app.palette app.search app.shortcuts app.new-window app.focus-input app.quit
models.import models.get jobs.pause jobs.resume jobs.cancel jobs.log conversations.import conversations.trash"""

# What users of such programs have in their fingers.
WINDOW = {
    "Ctrl+N": "chat.new", "Ctrl+Shift+O": "chat.new", "Ctrl+K": "app.palette", "Ctrl+,": "page.settings",
    "Ctrl+/": "app.shortcuts", "Ctrl+B": "view.sidebar", "Ctrl+Shift+S": "view.sidebar", "Ctrl+Shift+N": "folder.new",
    "Esc": "chat.stop", "Shift+Esc": "app.focus-input", "Ctrl+R": "chat.regenerate", "Ctrl+Shift+C": "chat.copy-reply",
    "Ctrl+Shift+;": "chat.copy-code", "Ctrl+F": "chat.find", "Ctrl+Tab": "chat.next", "Ctrl+Shift+Tab": "chat.previous",
    "Ctrl++": "view.larger", "Ctrl+-": "view.smaller", "Ctrl+0": "view.normal-size", "Up": "chat.edit-last",
}  # fmt: skip
TERMINAL = {
    "ctrl+p": "app.palette", "ctrl+n": "chat.new", "ctrl+q": "app.quit", "escape": "chat.stop", "ctrl+tab": "chat.next",
    "f1": "page.chat", "f2": "page.models", "f3": "page.jobs", "f4": "page.settings",
}  # fmt: skip


def test_every_action_that_is_bound_is_there_once() -> None:
    ids = [one.id for one in actions()]
    assert len(ids) == len(set(ids)) and set(BOUND.split()) <= set(ids)
    assert all(one.title and one.group for one in actions())


@pytest.mark.parametrize("face", ["window_keys", "terminal_keys"])
def test_no_key_does_two_things_at_the_same_time(face: str) -> None:
    for one, other in itertools.combinations(actions(), 2):
        if one.scope == other.scope or "app" in (one.scope, other.scope):
            shared = {key.lower() for key in getattr(one, face)} & {key.lower() for key in getattr(other, face)}
            assert not shared, (one.id, other.id, shared)


def test_the_keys_are_those_that_people_know() -> None:
    window = {(key, one.id) for one in actions() for key in one.window_keys}
    terminal = {(key, one.id) for one in actions() for key in one.terminal_keys}
    assert window >= set(WINDOW.items()) and terminal >= set(TERMINAL.items())


def test_no_terminal_key_is_one_that_terminals_cannot_tell_from_another() -> None:
    same = {"ctrl+i", "ctrl+m", "ctrl+j", "ctrl+h", "ctrl+c", "ctrl+z", "ctrl+[", "ctrl+@"}
    assert not same & {key for one in actions() for key in one.terminal_keys}


def test_single_letters_work_only_where_nobody_types() -> None:
    for one in actions():
        for key in (*one.window_keys, *one.terminal_keys):
            assert len(key) > 1 or one.scope in ("jobs", "models", "server", "quantize", "sql", "learn"), one.id


def test_titles_follow_the_language_of_the_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    from rushlight.ui.desk import actions as module

    monkeypatch.setattr(module, "text", lambda sentence, **_values: f"<{sentence}>")
    assert action("chat.new").title == "<New chat>" and action("chat.new").group == "<Chat>"


def test_groups_hold_all_actions_in_the_order_of_menus() -> None:
    assert [title for title, _ in groups()] == [
        "Chat",
        "Message",
        "View",
        "Go",
        "SQL",
        "Learn",
        "Models",
        "Quantize",
        "Server",
        "Jobs",
        "Application",
    ]
    assert [one for _, members in groups() for one in members] == list(actions())


def test_an_unknown_action_is_an_error_for_people() -> None:
    with pytest.raises(Error, match=r"no action 'chat\.sing'"):
        action("chat.sing")
