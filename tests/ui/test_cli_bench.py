"""`rushlight bench`: combinations, medians, the table, JSON, the plot, and Ctrl+C in the middle."""

import json
import os
import signal
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from rushlight import Error, Stop
from rushlight.assistant.engine.request import LoadSettings
from rushlight.assistant.events import Finished, Usage
from rushlight.assistant.host.bench import Measured, Task, Variant, measure, variants
from rushlight.ui.cli import bench
from rushlight.ui.cli.bench_plot import draw


class FakeClient:
    """Reads at 100 and writes at 10 tokens a second; the second answer is an outlier."""

    ready = None

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.is_closed = False

    def tokenize(self, request: Any) -> tuple[int, ...]:
        if request.parse_special:
            return (2,) if request.text == "</s>" else (7, 8, 9)
        return tuple(range(10, 10 + len(request.text.split())))

    def generate(self, request: Any, stop: Stop) -> Any:
        self.requests.append(request)
        slow = 10 if len(self.requests) == 3 else 1
        n_prompt, n_tokens = len(request.token_ids), request.max_tokens
        yield Usage(n_prompt, 0, n_tokens, prompt_s=slow * n_prompt / 100, decode_s=slow * (n_tokens - 1) / 10)
        yield Finished("cancelled" if stop.is_set() else "length")

    def close(self) -> None:
        self.is_closed = True


def test_impossible_combinations_are_left_out() -> None:
    found = variants([1, 2], ["f16", "q8_0"], ["on", "off"], [0])
    assert [(one.kv_type, one.flash_attention, one.n_threads) for one in found] == [
        ("f16", "on", 1), ("f16", "on", 2), ("f16", "off", 1), ("f16", "off", 2), ("q8_0", "on", 1), ("q8_0", "on", 2),
    ]  # fmt: skip


def test_medians_of_answers_of_full_length() -> None:
    loads: list[LoadSettings] = []
    client = FakeClient()

    def open_engine(load: LoadSettings, stop: Stop) -> Any:
        loads.append(load)
        return client

    wanted = [Variant(2, "q8_0", "on", 5)]
    (one,) = measure(LoadSettings("/m.gguf", n_ctx=9999), wanted, Task(100, 20, 3), open_engine, Stop())
    assert (one.prompt_per_s, one.decode_per_s) == pytest.approx((100, 10))
    (load,) = loads
    assert (load.n_threads, load.kv_type, load.n_gpu_layers, load.n_slots, load.n_ctx) == (2, "q8_0", 5, 1, 256)
    assert len(client.requests) == 4 and client.is_closed, "one to warm up"
    asked = client.requests[1:]
    assert all(request.sampling.logit_bias == ((2, float("-inf")),) and not request.cache_prompt for request in asked)
    assert len({request.token_ids for request in asked}) == 3, "nothing can be reused"


def test_it_can_be_stopped() -> None:
    stop = Stop()
    stop.set()
    with pytest.raises(Error) as caught:
        list(measure(LoadSettings("/m.gguf"), [Variant(1, "f16", "on")], Task(), lambda load, stop: FakeClient(), stop))  # type: ignore[arg-type, return-value]
    assert caught.value.kind == "stopped"


def test_the_plot_is_an_svg_that_no_name_can_break() -> None:
    found = [
        Measured(Variant(n, kv, "on"), 100.0 * n, 10.0 * n, 0.1, "CPU", 0) for kv in ("f16", "q8_0") for n in (1, 2)
    ]
    svg = draw('</title><script>alert(1)</script>\x1b"', found, Task())
    root = ElementTree.fromstring(svg)
    assert not list(root.iter("{http://www.w3.org/2000/svg}script")) and "\x1b" not in svg
    bars = [one for one in root.iter("{http://www.w3.org/2000/svg}rect") if float(one.get("height", 0)) > 12]
    assert len(bars) == 8
    heights = [float(one.get("height", 0)) for one in bars[:2]]
    assert heights[1] == pytest.approx(2 * heights[0], abs=0.2)


def test_bench_measures_a_model(rushlight: Any, tiny_model: Any, stopped_host: None, tmp_path: Path) -> None:
    words = ("--prompt", "32", "--tokens", "8", "--repeat", "1", "--threads", "1", "--kv", "f16,q4_0", "--flash", "on")
    plot = tmp_path / "speed.svg"
    done = rushlight("bench", "tiny", *words, "--json", "--plot", str(plot))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["complete"] and [row["kv_type"] for row in found["rows"]] == ["f16", "q4_0"]
    first, second = found["rows"]
    assert first["tokens_per_s"] > 0 and first["prompt_tokens_per_s"] > 0 and not first["problem"]
    assert second["problem"], "heads of 16 numbers do not fit into blocks of 32; the others are measured all the same"
    assert plot.read_text().startswith("<svg")
    assert json.loads(rushlight("models", "ps", "--json").stdout) == [], "it leaves nothing loaded"


def test_a_plot_without_a_folder_is_refused_before_measuring(
    inside: Any, tiny_model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "_measure", lambda *_: pytest.fail("it was measured"))
    code, out, err = inside("bench", "tiny", "--plot", str(tmp_path / "none" / "speed.svg"))
    assert (code, out) == (1, "") and f"there is no folder {tmp_path / 'none'}" in err


def test_figures_are_shown_also_where_they_cannot_be_drawn(
    inside: Any, tiny_model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "plots"

    def measured(*_: Any) -> Any:
        folder.rmdir()  # meanwhile
        return [Measured(Variant(1, "f16", "on"), 100.0, 10.0, 0.1, "CPU", 0)], False

    monkeypatch.setattr(bench, "_measure", measured)
    for words in ([], ["--json"]):
        folder.mkdir()
        code, out, err = inside("bench", "tiny", "--plot", str(folder / "speed.svg"), *words)
        assert code == 1 and "speed.svg cannot be written" in err and "f16" in out
    assert json.loads(out)["rows"][0]["tokens_per_s"] == 10.0


def test_wrong_use_is_said(rushlight: Any, tiny_model: Any) -> None:
    assert rushlight("bench", "tiny", "--kv", "q9").returncode == 2
    assert rushlight("bench", "tiny", "--threads", "many").returncode == 2
    assert "--flash on" in rushlight("bench", "tiny", "--kv", "q8_0", "--flash", "off").stderr
    assert "2048 tokens at most" in rushlight("bench", "tiny", "--prompt", "4000").stderr


@pytest.mark.slow
def test_ctrl_c_keeps_what_was_measured(tiny_model: Any, stopped_host: None) -> None:
    command = [sys.executable, "-P", "-m", "rushlight", "bench", "tiny", "--threads", "1", "--json", "--repeat", "100"]
    process = subprocess.Popen(
        [*command, "--tokens", "512", "--prompt", "1024"], stdout=subprocess.PIPE, text=True, env=os.environ
    )
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(5)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert json.loads(out)["complete"] is False
