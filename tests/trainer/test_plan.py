"""Plans: what a training takes, part by part, and how it is then run."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rushlight import Error
from rushlight.assistant.engine.template import compile_template
from rushlight.trainer.config import TrainConfig, checked
from rushlight.trainer.run import Places, prepare, train

pytestmark = pytest.mark.torch


def render(template: str, variables: dict[str, Any]) -> str:
    return compile_template(template)(variables, 1 << 20)


def config(method: str = "lora", **more: Any) -> TrainConfig:
    said: dict[str, Any] = {
        "model": "m", "out": "o", "method": method, "data": {"train": ["d"], "validate_share": 0.2},
        "steps": {"batch": 4, "epochs": 2}, "machine": {"threads": 1, "device": "cpu"},
    }  # fmt: skip
    for key, value in more.items():
        said[key] = {**said.get(key, {}), **value} if isinstance(value, dict) else value
    return checked(said)


@pytest.fixture
def places(make_gguf: Callable[..., Path], tmp_path: Path) -> Places:
    data = tmp_path / "data.jsonl"
    data.write_text("".join(json.dumps({"prompt": f"{n}?", "completion": f"{n + 1}!"}) + "\n" for n in range(24)))
    return Places(make_gguf("tiny.gguf", quantization="Q8_0"), (data,), (), tmp_path / "run")


def parts(plan: Any) -> dict[str, float]:
    return {one.name: one.amount for one in plan.memory}


def test_a_plan_is_made_ahead_and_leaves_nothing(places: Places) -> None:
    from rushlight.trainer.plan.of_run import plan_ahead

    plan, report = plan_ahead(config(), places, render=render)
    assert not places.out.exists()
    assert report["train"]["examples"] + report["held_out"]["examples"] == 24
    assert plan.n_steps == -(-report["train"]["examples"] * 2 // 4)
    assert plan.trained_tokens == pytest.approx(2 * report["train"]["trained_tokens"], rel=0.2)
    assert (plan.n_threads, plan.dtype, plan.device) == (1, "float32", "cpu")
    assert {one.name for one in plan.seconds} == {"steps", "start", "evaluation", "checkpoints"}
    assert all(one.amount > 0 for one in (*plan.memory, *plan.seconds)) and plan.total_bytes > plan.beside_program_bytes
    assert [one.total_bytes for one in plan.lower] == sorted((one.total_bytes for one in plan.lower), reverse=True)


def test_methods_are_planned_as_they_are(places: Places) -> None:
    from rushlight.trainer.plan.of_run import plan_ahead

    lora, full = (parts(plan_ahead(config(method), places, render=render)[0]) for method in ("lora", "full"))
    assert full["weights"] == lora["weights"] and "adapter" not in full
    assert full["gradients"] == full["weights"] and full["optimizer"] == 2 * full["weights"]
    assert lora["optimizer"] == 2 * lora["adapter"] == 2 * lora["gradients"]
    less = plan_ahead(config(adapter={"rank": 8}), places, render=render)[0]
    assert parts(less)["adapter"] == lora["adapter"] / 2


def test_a_run_keeps_its_plan_and_is_run_so(places: Places) -> None:
    from rushlight.trainer.plan.of_run import plan_run

    said = config(steps={"batch": 4, "most": 2, "epochs": 1, "row_tokens": 64})
    prepare(said, places, render=render)
    plan = plan_run(said, places)
    assert plan.row_tokens == 64 and plan_run(said, places) == plan
    kept = json.loads((places.out / "plan.json").read_text())
    (places.out / "plan.json").write_text(json.dumps({**kept, "row_tokens": 48}))
    assert train(said, places)["row_tokens"] == 48


def test_a_count_of_trained_weights_is_what_is_then_trained(places: Places) -> None:
    from rushlight.trainer.plan.of_run import plan_run

    for method in ("lora", "dora", "full"):
        here = Places(places.model, places.train, (), places.out.with_name(method))
        said = config(method, steps={"batch": 4, "most": 1})
        prepare(said, here, render=render)
        plan, made = plan_run(said, here), train(said, here)
        assert parts(plan)["gradients"] == 4 * made["trained_parameters"], method


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("method", ["lora", "qlora", "dora", "full"])
def test_what_is_tried_is_built_as_what_is_trained(method: str, places: Places) -> None:
    from rushlight.trainer.backends.peft import BACKEND
    from rushlight.trainer.plan.shape import read_settings
    from rushlight.trainer.plan.small_model import small_model

    said = config(method)
    prepare(said, places, render=render)
    base = places.out / "base"
    trained = BACKEND.load(base, said, "cpu", "float32")
    tried = small_model(read_settings(base), 1, said, "cpu", "float32")

    def kinds(model: Any) -> dict[str, tuple[type, str]]:
        return {name: (type(one), getattr(one.forward, "__qualname__", "")) for name, one in model.named_modules()
                if "layers." not in name or "layers.0." in name}  # fmt: skip

    assert kinds(tried.model) == kinds(trained.model)


def test_what_cannot_be_loaded_is_said_before_it_is_tried(places: Places) -> None:
    from rushlight.trainer.plan.of_run import plan_ahead

    bad = places.out.with_name("folder")
    bad.mkdir()
    (bad / "config.json").write_text('{"model_type": "no-such-model"}')
    with pytest.raises(Error):
        plan_ahead(config(), Places(bad, places.train, (), places.out), render=render)


def test_allocations_are_seen() -> None:
    import torch

    from rushlight.trainer.plan.allocations import held_by

    held = held_by(lambda: torch.ones(1000, 256) + 1, lambda one: one.exp().add_(1), "cpu")
    assert held.kept == pytest.approx(1_024_000, abs=1000)
    assert held.peak == pytest.approx(2_048_000, abs=2000)


def test_threads_are_halved_only_where_they_may_share_a_core(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    from rushlight.trainer.plan.cores import cores_are_shared

    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2}, raising=False)
    assert cores_are_shared(tmp_path), "nobody tells"
    for cpu, siblings in ((0, "0,4"), (1, "1,5"), (2, "2,6"), (3, "0-3")):
        topology = tmp_path / f"cpu{cpu}" / "topology"
        topology.mkdir(parents=True)
        (topology / "thread_siblings_list").write_text(siblings + "\n")
    assert not cores_are_shared(tmp_path), "the other halves are not ours to use"
    (tmp_path / "cpu2" / "topology" / "thread_siblings_list").write_text("1,5\n")
    assert cores_are_shared(tmp_path)
