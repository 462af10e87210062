"""Changed, cut and missing files are named: the quick look before each load, the full one bit by bit."""

import os
import random
from pathlib import Path

import pytest

from rushlight import Error
from rushlight.assistant.models import quick_check
from rushlight.assistant.models.catalogue import Catalogue
from rushlight.assistant.models.importing import import_model
from rushlight.assistant.models.model import Model
from rushlight.assistant.models.verify import hash_all, look, refreshed


@pytest.fixture
def model(catalogue: Catalogue, tiny_gguf: Path) -> Model:
    return import_model(catalogue, tiny_gguf).model


def keep_time(path: Path, model: Model) -> None:
    """As an attacker or a faulty disk would: the modification time tells nothing."""
    os.utime(path, ns=(model.files[0].mtime_ns, model.files[0].mtime_ns))


def test_an_untouched_file_passes(model: Model) -> None:
    quick_check(model)
    assert look(model).state == "ok" and hash_all(model).state == "ok"


def test_one_flipped_bit_anywhere_is_found_by_the_full_look(model: Model) -> None:
    content = model.path.read_bytes()
    rng = random.Random(11)
    positions = [0, len(content) - 1, *(rng.randrange(len(content)) for _ in range(48))]
    for position in positions:
        changed = bytearray(content)
        changed[position] ^= 1 << rng.randrange(8)
        model.path.write_bytes(changed)
        assert hash_all(model).state == "changed", position
        with pytest.raises(Error) as caught:
            quick_check(model)  # the time tells
        assert caught.value.kind == "model-changed"


def test_no_truncation_passes_the_quick_look(model: Model) -> None:
    content = model.path.read_bytes()
    rng = random.Random(12)
    for length in [0, len(content) - 1, *(rng.randrange(len(content)) for _ in range(18))]:
        model.path.write_bytes(content[:length])
        keep_time(model.path, model)
        with pytest.raises(Error) as caught:
            quick_check(model)
        assert caught.value.kind == "model-truncated"
        assert str(model.path) in caught.value.message and model.id in caught.value.message
        assert hash_all(model).state == "truncated"


def test_a_swap_at_the_edges_is_seen_though_size_and_time_agree(model: Model) -> None:
    content = bytearray(model.path.read_bytes())
    content[-1] ^= 1
    model.path.write_bytes(content)
    keep_time(model.path, model)
    assert look(model).state == "changed"


def test_a_longer_file_is_changed(model: Model) -> None:
    with model.path.open("ab") as file:
        file.write(b"x")
    assert look(model).state == "changed" and hash_all(model).state == "changed"


def test_a_missing_or_unreadable_file_is_missing(model: Model) -> None:
    model.path.unlink()
    assert look(model).state == hash_all(model).state == "missing"
    model.path.mkdir()
    assert hash_all(model).state != "ok"
    with pytest.raises(Error):
        quick_check(model)


def test_a_touched_file_passes_again_after_a_full_look(catalogue: Catalogue, model: Model) -> None:
    os.utime(model.path)
    with pytest.raises(Error) as caught:
        quick_check(model)
    assert "models verify" in caught.value.hint
    assert hash_all(model).state == "ok"
    quick_check(catalogue.relocate(model.id, refreshed(model), model.owned))
