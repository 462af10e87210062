"""Models on a Vulkan device: layers fitted to its memory, right answers, and no silent fallback to the processor.

Mesa's lavapipe will do: it computes on the processor, so what is shown here is that the path works, not how fast.
Of a model that is split between the two only the split is asked, not what it says: on lavapipe it answers wrongly,
also in llama.cpp alone.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rushlight import Stop
from rushlight.assistant.engine.request import GenerateRequest, LoadSettings
from rushlight.assistant.events import Notice, TextDelta
from rushlight.assistant.host.cards import gpu_build, usable_cards
from rushlight.assistant.host.inprocess import InProcessHost
from rushlight.assistant.paths import find_paths
from rushlight.assistant.settings import load_settings

pytestmark = [pytest.mark.model, pytest.mark.vulkan]
MIB = 1024 * 1024
Ask = Callable[..., Any]


@pytest.fixture(autouse=True)
def first_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """llama.cpp leaves devices that are no cards aside unless they are named."""
    monkeypatch.setenv("GGML_VK_VISIBLE_DEVICES", "0")


@pytest.fixture
def ask(demo_model: Path) -> Ask:
    """ask(n_gpu_layers=-1) -> (what the engine is, its status, the answer, the notices)."""

    def call(n_gpu_layers: int, **overrides: int) -> Any:
        paths = find_paths()
        settings = load_settings(paths, {name.replace("__", "."): value for name, value in overrides.items()})
        with InProcessHost(paths, settings) as host:
            engine = host.open_engine(LoadSettings(str(demo_model), n_ctx=256, n_gpu_layers=n_gpu_layers))
            request = GenerateRequest(prompt="The capital of France is", max_tokens=2)
            events = list(engine.generate(request, Stop()))
            (status,) = host.status().engines
            answer = "".join(event.text for event in events if isinstance(event, TextDelta))
            notices = [event.text for event in events if isinstance(event, Notice)]
            return engine.ready, status, answer, notices

    return call


def test_the_device_is_listed_with_its_memory() -> None:
    assert gpu_build() == "vulkan"
    (card, *_more) = usable_cards()
    assert card.name.startswith("Vulkan0 (") and 0 < card.free_bytes <= card.total_bytes
    done = subprocess.run(
        [sys.executable, "-P", "-m", "rushlight", "doctor", "--json"], capture_output=True, text=True, check=False
    )
    (found,) = [check for check in json.loads(done.stdout)["checks"] if check["name"] == "engine gpu"]
    assert found["state"] == "ok" and "built for vulkan; Vulkan0" in found["found"]


def test_all_layers_know_the_city_that_the_processor_knows(ask: Ask) -> None:
    ready, status, answer, notices = ask(-1)
    assert ready.gpu_layers == ready.n_layers + 1 and ready.devices.startswith("Vulkan0") and not notices
    assert status.card_bytes > 50 * MIB
    on_processor, status, expected, notices = ask(0)
    assert on_processor.gpu_layers == 0 and on_processor.devices == "CPU" and not notices
    assert status.card_bytes == 0
    assert "Paris" in answer and "Paris" in expected


def test_some_layers_when_so_many_are_asked_for(ask: Ask) -> None:
    ready, status, answer, notices = ask(5)
    assert ready.gpu_layers == 5 and answer and not notices, "as many as were asked for"
    assert 0 < status.card_bytes < 200 * MIB


def test_what_does_not_fit_is_said(ask: Ask) -> None:
    ready, status, answer, notices = ask(-1, memory__card_budget_mib=120)
    assert 0 < ready.gpu_layers < ready.n_layers + 1 and status.card_bytes <= 120 * MIB
    assert answer
    assert len(notices) == 1 and "layers are on the graphics card, the others on the processor" in notices[0]


def test_without_a_card_it_says_that_it_computes_on_the_processor(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VK_DRIVER_FILES", "/nonexistent.json")
    monkeypatch.delenv("GGML_VK_VISIBLE_DEVICES")
    ready, _status, answer, notices = ask(-1)
    assert ready.gpu_layers == 0 and "Paris" in answer
    assert len(notices) == 1 and "finds no graphics card" in notices[0]
