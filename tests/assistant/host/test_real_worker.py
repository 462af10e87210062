"""The host over the real worker and the demo model."""

from pathlib import Path

import pytest

from rushlight import Error, Stop
from rushlight.assistant.engine.request import GenerateRequest, LoadSettings
from rushlight.assistant.events import TextDelta
from rushlight.assistant.host.inprocess import InProcessHost
from rushlight.assistant.paths import find_paths
from rushlight.assistant.settings import load_settings

pytestmark = pytest.mark.model


def test_it_answers_and_refuses(demo_model: Path, tmp_path: Path) -> None:
    paths = find_paths()
    load = LoadSettings(str(demo_model), n_ctx=256)
    with InProcessHost(paths, load_settings(paths)) as host:
        engine = host.open_engine(load, Stop())
        events = list(engine.generate(GenerateRequest(prompt="The capital of France is", max_tokens=3), Stop()))
        assert "Paris" in "".join(event.text for event in events if isinstance(event, TextDelta))
        (status,) = host.status().engines
        assert status.state == "ready"
        assert status.resident_bytes > 50_000_000
        assert 100_000_000 < status.need_bytes < 1_000_000_000

        with pytest.raises(Error) as caught:
            host.open_engine(LoadSettings(str(demo_model), n_ctx=16_000_000))
        assert caught.value.kind == "out-of-memory"
        assert [one.state for one in host.status().engines][:1] == ["ready"], "nothing goes for what cannot fit anyway"

        damaged = tmp_path / "damaged.gguf"
        damaged.write_bytes(demo_model.read_bytes()[:1_000_000])
        with pytest.raises(Error) as caught:
            host.open_engine(LoadSettings(str(damaged), n_ctx=256))
        assert caught.value.kind == "bad-file"
        assert "damaged.gguf" in caught.value.message

        large = tmp_path / "large.gguf"
        large.symlink_to(demo_model)
        engine.close()
        host.unload()
        with pytest.raises(Error, match=r"GiB are free|MiB are free") as caught:
            host.open_engine(LoadSettings(str(large), n_ctx=16_000_000))
        assert caught.value.kind == "out-of-memory"
