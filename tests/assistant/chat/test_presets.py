"""Presets: saved, replaced, found by their names."""

import pytest

from rushlight import Error
from rushlight.assistant.chat.presets import Presets
from rushlight.assistant.store.database import Store


def test_saved_replaced_listed_and_deleted(store: Store) -> None:
    presets = Presets(store)
    first = presets.save(" Poet ", system="Rhyme.", options={"temperature": "1.1"})
    assert first == presets.get("Poet")
    assert (first.system, first.options) == ("Rhyme.", {"temperature": "1.1"})
    presets.save("Clerk")
    again = presets.save("Poet", options={"top_k": 5})
    assert (again.system, again.options, again.created_at) == (None, {"top_k": "5"}, first.created_at)
    assert [one.name for one in presets.list()] == ["Clerk", "Poet"]
    presets.delete("Poet")
    assert [one.name for one in presets.list()] == ["Clerk"]


def test_what_is_wrong_is_refused(store: Store) -> None:
    presets = Presets(store)
    presets.save("Clerk")
    for act, expected in (
        (lambda: presets.get("Clark"), "preset-not-found"),
        (lambda: presets.save(" "), "bad-preset"),
        (lambda: presets.save("x", options={"temprature": "1"}), "bad-option"),
        (lambda: presets.delete("nothing"), "preset-not-found"),
    ):
        with pytest.raises(Error) as caught:
            act()
        assert caught.value.kind == expected
    with pytest.raises(Error, match="Did you mean Clerk"):
        presets.get("Clark")
    assert [one.name for one in presets.list()] == ["Clerk"]
