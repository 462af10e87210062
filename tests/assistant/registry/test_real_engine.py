"""With the demo model loaded: a promoted adapter changes the next answer, a roll-back changes it back, nothing is
loaded anew."""

from pathlib import Path

import numpy as np
import pytest

from rushlight.assistant.app import open_app
from rushlight.assistant.models.importing import import_model
from rushlight.assistant.registry.values import NewAdapter

gguf = pytest.importorskip("gguf")
pytestmark = pytest.mark.model

N_EMBD = 576


def strong_adapter(path: Path) -> Path:
    """Strong enough to change what is said."""
    numbers = np.random.default_rng(1)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_string("general.type", "adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 8.0)
    for layer in range(10):
        writer.add_tensor(f"blk.{layer}.attn_q.weight.lora_a", numbers.normal(size=(4, N_EMBD)).astype(np.float32))
        weights = numbers.normal(size=(N_EMBD, 4)).astype(np.float32)
        writer.add_tensor(f"blk.{layer}.attn_q.weight.lora_b", weights * 0.2)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_the_base_stays_loaded(demo_model: Path, tmp_path: Path) -> None:
    with open_app(host="in-process", overrides={"engine.context": 512}) as app:
        model = import_model(app.catalogue, demo_model, how="in-place").model

        def said() -> str:
            chat = app.conversations.create("Lamps").id
            list(app.session(chat, options={"max_tokens": "12"}).send("What is a lamp?"))
            return app.conversations.path(chat)[-1].content

        alone = said()
        (loaded,) = app.host.status().engines
        file = strong_adapter(tmp_path / "strong.gguf")
        adapter = app.registry.add_adapter(NewAdapter(file, "chat", model.sha256, model.id, name="strong"))
        app.registry.record_evaluation(adapter, suite="s", suite_sha256="0" * 64, passed=True, report={})
        app.registry.promote("strong")
        assert said() != alone
        app.registry.rollback("chat")
        assert said() == alone
        (after,) = app.host.status().engines
        assert after.pid == loaded.pid
