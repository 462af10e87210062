"""How long a promotion and a roll-back take with the base loaded: from the order to the first word of the next answer.

The adapter is as large as a trained one (rank 16 on every projection of the demo model, random small weights). The base
stays loaded; the engine's process is the same before and after. Beside it, what loading the base anew would take.

    python tests/bench/bench_promote.py [--rounds N]
"""

import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from gguf import GGUFWriter
from measure import Row, machine, n_rounds, report
from rushlight_home import demo_model, own_home

from rushlight.assistant.app import App, open_app
from rushlight.assistant.events import TextDelta
from rushlight.assistant.registry.values import NewAdapter
from rushlight.quant.gguf_check import check

LIMIT_S = 1.0
RANK = 16


def adapter_file(path: Path, seed: int) -> Path:
    """A LoRA on every matrix of every layer."""
    numbers = np.random.default_rng(seed)
    writer = GGUFWriter(path, "llama")
    writer.add_string("general.type", "adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(RANK))
    for tensor in check(demo_model()).tensors:
        if tensor.name.startswith("blk.") and len(tensor.shape) == 2:
            width, height = tensor.shape
            for half, shape in (("a", (RANK, width)), ("b", (height, RANK))):
                values = numbers.normal(size=shape).astype(np.float32) * 0.01
                writer.add_tensor(f"{tensor.name}.lora_{half}", values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def first_word_s(app: App, began: float) -> float:
    """In a conversation of its own, so that every answer reads as much."""
    events = app.session(app.conversations.create("bench").id, options={"max_tokens": "4"}).send("Name a colour.")
    took = next(time.monotonic() - began for event in events if isinstance(event, TextDelta))
    for _ in events:
        pass
    return took


def pids(app: App) -> list[int]:
    return [one.pid for one in app.host.status().engines]


def main() -> None:
    rounds = n_rounds(5, __doc__)
    before = machine()
    with own_home(demo_model()), open_app() as app, tempfile.TemporaryDirectory() as folder:
        model = app.model()
        began = time.monotonic()
        app.engine(model)
        load_s = time.monotonic() - began
        first_word_s(app, time.monotonic())
        loaded = pids(app)
        promoted, rolled_back, orders = [], [], []
        for number in range(rounds):
            file = adapter_file(Path(folder, f"bench-{number}.gguf"), number)
            new = NewAdapter(file, "chat", model.sha256, model.id, name=f"bench-{number}")
            adapter = app.registry.add_adapter(new)
            app.registry.record_evaluation(adapter, suite="bench", suite_sha256="0" * 64, passed=True, report={})
            began = time.monotonic()
            app.registry.promote(adapter.name)
            orders.append(time.monotonic() - began)
            promoted.append(first_word_s(app, began))
            began = time.monotonic()
            app.registry.rollback("chat")
            rolled_back.append(first_word_s(app, began))
        if pids(app) != loaded:
            raise SystemExit("The base was loaded anew.")
        size = adapter.size_bytes / 1e6
    report(
        "promote",
        [
            Row("promote to next first word / limit", statistics.median(promoted), LIMIT_S, "s", 1.0),
            Row("roll back to next first word / limit", statistics.median(rolled_back), LIMIT_S, "s", 1.0),
            Row("slowest of all / limit", max(promoted + rolled_back), LIMIT_S, "s", 1.0),
        ],
        before,
        [f"an adapter of {size:.0f} MB; the order alone {statistics.median(orders) * 1000:.0f} ms; loading the base "
         f"took {load_s:.2f} s"],
    )  # fmt: skip


if __name__ == "__main__":
    main()
