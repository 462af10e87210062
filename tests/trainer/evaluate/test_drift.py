"""How far an adapter is from its base: nothing at strength 0, more with more strength; one model is loaded."""

from pathlib import Path
from types import ModuleType

import pytest

from rushlight import Error, Stop
from rushlight.trainer.evaluate.drift import drift

TEXT = "The ferry to the island left at seven in the morning, when the fog still lay on the water. " * 6


@pytest.fixture
def adapter(gguf_builder: ModuleType, tmp_path: Path) -> Path:
    path: Path = gguf_builder.tiny_lora_gguf(tmp_path / "adapter.gguf")
    return path


def test_more_strength_is_further_away(tiny_gguf: Path, adapter: Path) -> None:
    none, some, much = (drift(tiny_gguf, adapter, scale=scale, text=TEXT) for scale in (0.0, 1.0, 8.0))
    assert none.divergence == pytest.approx(0, abs=1e-6) and none.ratio == pytest.approx(1.0) and none.agreement == 1.0
    assert 1e-6 < some.divergence < much.divergence
    assert some.base_perplexity == pytest.approx(much.base_perplexity) and some.n_positions == much.n_positions > 200


def test_it_can_be_stopped_and_needs_some_text(tiny_gguf: Path, adapter: Path) -> None:
    stop = Stop()
    stop.set()
    with pytest.raises(Error):
        drift(tiny_gguf, adapter, text=TEXT, stop=stop)
    with pytest.raises(Error, match="too little text"):
        drift(tiny_gguf, adapter, text="short")
