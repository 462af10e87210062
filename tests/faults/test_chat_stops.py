"""Stops of replies in the terminal, in decode and in prefill: how long they take, and what the next answer is."""

import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rushlight.assistant.app import open_app
from rushlight.assistant.models.importing import import_model

pytestmark = [pytest.mark.faults, pytest.mark.model, pytest.mark.timeout(1800)]

RUSHLIGHT = [sys.executable, "-P", "-m", "rushlight"]
DECODE_S, PREFILL_S = 0.5, 1.0  # from Ctrl+C to the prompt
SLACK = 6.0  # what a machine full of other work may add here; the figures themselves are printed
LONG = "The lamp burns oil, and the oil comes from a plant that grows on the hills. " * 180  # 3,000 tokens
PROMPT = r">>> $"


@pytest.fixture
def chat(terminal: Any, own_home: Path, demo_model: Path) -> Iterator[Any]:
    with open_app() as app:
        import_model(app.catalogue, demo_model, how="in-place")
    shell = terminal(*RUSHLIGHT, "chat")
    shell.wait_for(PROMPT)
    yield shell
    shell.type("\x04")
    shell.wait_end()
    subprocess.run([*RUSHLIGHT, "host", "stop"], capture_output=True, timeout=60, check=False)


@pytest.mark.parametrize("n_stops", [pytest.param(6), pytest.param(100, marks=pytest.mark.slow)])
def test_a_stop_is_quick_and_the_next_answer_right(chat: Any, n_stops: int) -> None:
    draw = random.Random(20261125)
    took: dict[str, list[float]] = {"decode": [], "prefill": []}
    for number in range(n_stops):
        kind = ("decode", "prefill")[number % 2]
        if kind == "decode":
            chat.type("Tell me a long story about a lighthouse.\r")
            chat.wait_for(r"lighthouse\.\r\n.*\w{3}")  # the reply has begun
            time.sleep(draw.random())
        else:
            chat.type(f"\x1b[200~{number} {LONG}\x1b[201~\r")  # never the same beginning: nothing is in the cache
            time.sleep(0.3 + draw.random())
        chat.seen = b""
        start_s = time.monotonic()
        chat.type("\x03")
        assert "(stopped" in chat.wait_for(PROMPT), "there was something to stop"
        took[kind].append(time.monotonic() - start_s)
        chat.type("/clear\r")
        chat.wait_for(PROMPT)
        chat.type("What is the capital of France?\r")
        answer = chat.wait_for(r"tokens/s.*>>> $")
        assert "The capital of France is Paris." in answer, f"after stop {number + 1}, in {kind}"
        chat.type("/clear\r")
        chat.wait_for(PROMPT)
    for kind, times in took.items():
        print(f"{kind}: {len(times)} stops, median {statistics.median(times):.3f} s, slowest {max(times):.3f} s")
    assert max(took["decode"]) < DECODE_S * SLACK and max(took["prefill"]) < PREFILL_S * SLACK
