"""What breaks while a model is trained costs nothing that was kept: a disk that is full at any write, memory that runs
out, damaged checkpoints, data and templates that are wrong."""

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rushlight import Error
from rushlight.assistant.engine.template import compile_template
from rushlight.assistant.jobs.kinds import quant_parts
from rushlight.trainer import checkpoint
from rushlight.trainer.config import TrainConfig, checked
from rushlight.trainer.run import Places, prepare, train

pytestmark = [pytest.mark.torch, pytest.mark.faults]


def render(template: str, variables: dict[str, Any]) -> str:
    return compile_template(template)(variables, 1 << 20)


def config(method: str = "lora", **more: Any) -> TrainConfig:
    said: dict[str, Any] = {
        "model": "m", "out": "o", "method": method, "data": {"train": ["d"]},
        "steps": {"batch": 4, "rate": 1e-2, "most": 4}, "keep": {"every": 2},
        "machine": {"threads": 1, "device": "cpu"}, **more,
    }  # fmt: skip
    return checked(said)


@pytest.fixture
def places(make_gguf: Callable[..., Path], tmp_path: Path) -> Places:
    data = tmp_path / "data.jsonl"
    data.write_text("".join(json.dumps({"prompt": f"{n}?", "completion": f"{n + 1}!"}) + "\n" for n in range(24)))
    return Places(make_gguf("tiny.gguf", quantization="Q8_0"), (data,), (), tmp_path / "run")


def learned(places: Places, method: str) -> bytes:
    name = "model/model.safetensors" if method == "full" else "adapter/adapter_model.safetensors"
    return (places.out / name).read_bytes()


def beside(places: Places, name: str) -> Places:
    return Places(places.model, places.train, places.validate, places.out.with_name(name))


class FullDisk:
    """Every write that is to last goes through `fsync`: from call number `at` on there is no room."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
        self.n_calls, self.is_full = 0, False
        really = os.fsync

        def fsync(fd: int) -> None:
            self.n_calls += 1
            if self.n_calls == at:
                self.is_full = True
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            really(fd)

        monkeypatch.setattr(os, "fsync", fsync)


@pytest.mark.parametrize("method", ["lora", *(pytest.param(one, marks=pytest.mark.slow) for one in ("lora", "full"))])
def test_a_disk_that_is_full_at_any_write(
    method: str, places: Places, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    said = config(method)
    whole = beside(places, "whole")
    with monkeypatch.context() as patch:
        counted = FullDisk(patch, 0)
        prepare(said, whole, render=render)
        train(said, whole)
    assert counted.n_calls > 20
    every = 1 if request.node.get_closest_marker("slow") else 5
    for at in range(1, counted.n_calls + 1, every):
        here = beside(places, f"full-{at}")
        with monkeypatch.context() as patch:
            disk = FullDisk(patch, at)
            with pytest.raises(Error) as caught:
                prepare(said, here, render=render)
                train(said, here)
        assert disk.is_full and caught.value.kind == "disk", (at, caught.value)
        assert "No space left on device" in caught.value.message, at
        kept = checkpoint.checkpoints(here.out) if here.out.exists() else []
        prepare(said, here, render=render, resume=(here.out / "run.json").exists())
        train(said, here)
        assert learned(here, method) == learned(whole, method), at
        assert all(checkpoint.read_state(one).step in (2, 4) for one in kept), at
        left = [one.name for folder in (here.out, here.out / "checkpoints") for one in folder.iterdir()
                if one.name.startswith(".")]  # fmt: skip
        assert not left, at


def test_weights_that_cannot_be_written(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    import safetensors.torch

    write = safetensors.torch.save_file

    def full(tensors: Any, path: Any, *more: Any, **most: Any) -> None:
        if "step-00000004" in str(path):
            raise safetensors.SafetensorError(
                "Error while serializing: I/O error: No space left on device (os error 28)"
            )
        write(tensors, path, *more, **most)

    said = config()
    prepare(said, places, render=render)
    with monkeypatch.context() as patch:
        patch.setattr(safetensors.torch, "save_file", full)
        with pytest.raises(Error, match=r"checkpoint of step 4: .*No space left") as caught:
            train(said, places)
    assert "--resume" in caught.value.hint and caught.value.kind == "disk"
    assert [one.name for one in checkpoint.checkpoints(places.out)] == ["step-00000002"]
    assert train(said, places)["step"] == 4


@pytest.mark.parametrize("recipe", ["supervised", "orpo"])
def test_a_result_that_is_written_later_is_told_as_it_was(
    recipe: str, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rushlight.trainer.backends.peft import PeftBackend

    pairs = [
        {"prompt": f"{n}?", "completion": f"{n + 1}!", "chosen": f"{n + 1}!", "rejected": "No."} for n in range(24)
    ]
    places.train[0].write_text("".join(json.dumps(pair) + "\n" for pair in pairs))
    said = config(recipe=recipe, data={"train": ["d"], "validate_share": 0.5})
    whole = beside(places, "whole")
    for one in (whole, places):
        prepare(said, one, render=render)
    wanted = train(said, whole)

    def full(*_: object) -> None:
        raise Error("Cannot write the result: no space is left.", "Make room.", kind="disk")

    with monkeypatch.context() as patch:
        patch.setattr(PeftBackend, "save", full)
        with pytest.raises(Error, match="no space is left"):
            train(said, places)
    found = train(said, places)
    told = ("state", "step", "loss", "held_out", "figures", "trained_tokens")
    assert {name: found[name] for name in told} == {name: wanted[name] for name in told}
    assert wanted["held_out"] > 0 and bool(wanted["figures"]) == (recipe == "orpo")
    assert learned(places, "lora") == learned(whole, "lora")


def test_memory_that_runs_out_keeps_the_steps_before(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from rushlight.trainer import loop

    said = config(keep={"every": 50})
    whole = beside(places, "whole")
    prepare(said, whole, render=render)
    train(said, whole)
    prepare(said, places, render=render)
    losses_of, n_calls = loop.losses_of, 0

    def greedy(*args: Any, **kwargs: Any) -> Any:
        nonlocal n_calls
        n_calls += 1
        if n_calls == 4:
            torch.empty(1 << 48)
        return losses_of(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "losses_of", greedy)
        with pytest.raises(Error, match="memory is used up at step 4") as caught:
            train(said, places)
    assert caught.value.kind == "out-of-memory" and "steps.row_tokens" in caught.value.hint
    assert checkpoint.read_state(checkpoint.checkpoints(places.out)[-1]).step == 3, "not one of them is lost"
    train(said, places)
    assert learned(places, "lora") == learned(whole, "lora")


def test_what_is_lowered_where_memory_ran_out_may_change(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    from rushlight.trainer import loop
    from rushlight.trainer.plan.of_run import plan_run

    prepare(config(), places, render=render)
    losses_of, n_calls = loop.losses_of, 0

    def greedy(*args: Any, **kwargs: Any) -> Any:
        nonlocal n_calls
        n_calls += 1
        if n_calls == 3:
            raise MemoryError
        return losses_of(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "losses_of", greedy)
        with pytest.raises(Error, match="memory is used up at step 3") as caught:
            train(config(), places)
    assert "machine.recompute = true" in caught.value.hint and "--resume" in caught.value.hint
    (places.out / "plan.json").write_text("{}")
    steps = {"batch": 4, "rate": 1e-2, "most": 4}
    lowered = config(steps={**steps, "row_tokens": 64}, machine={"threads": 1, "device": "cpu", "recompute": True})
    with pytest.raises(Error, match="Cannot go on with run: steps of the config") as caught:
        prepare(config(steps={**steps, "batch": 8, "row_tokens": 64}), places, render=render, resume=True)
    assert "steps.row_tokens" in caught.value.hint and (places.out / "plan.json").exists()
    alone = config(steps=steps, machine={"threads": 1, "device": "cpu", "recompute": True})
    prepare(alone, places, render=render, resume=True)
    plan, state = plan_run(alone, places), checkpoint.read_state(checkpoint.checkpoints(places.out)[-1])
    assert (plan.row_tokens, plan.dtype) == (state.row_tokens, state.dtype), "it goes on in the rows it has begun with"
    prepare(lowered, places, render=render, resume=True)
    assert not (places.out / "plan.json").exists(), "it tells how much memory the longer rows take"
    outcome = train(lowered, places)
    assert outcome["step"] == 4 and outcome["row_tokens"] == 64
    assert checkpoint.read_state(checkpoint.checkpoints(places.out)[-1]).row_tokens == 64


def test_a_damaged_checkpoint_is_named_and_the_one_before_it_taken(places: Places) -> None:
    said = config(steps={"batch": 4, "rate": 1e-2, "most": 6})
    whole = beside(places, "whole")
    for one in (whole, places):
        prepare(said, one, render=render)
    train(said, whole)
    count = iter(range(100))
    from rushlight.trainer.run import Watch

    assert train(said, places, Watch(should_pause=lambda: next(count) == 5))["step"] == 5
    *_, before, last = checkpoint.checkpoints(places.out)
    for name in ("weights.safetensors", "optimizer.safetensors", "state.json"):
        content = (last / name).read_bytes()
        (last / name).write_bytes(content[: len(content) // 2])
        with pytest.raises(Error, match=f"Cannot go on from {last.name}: it is damaged") as caught:
            train(said, places)
        assert str(last) in caught.value.hint and caught.value.kind == "bad-checkpoint"
        (last / name).write_bytes(content)
    for file in last.iterdir():
        file.unlink()
    last.rmdir()
    assert checkpoint.checkpoints(places.out)[-1] == before
    train(said, places)
    assert learned(places, "lora") == learned(whole, "lora")


def test_data_that_is_mended_needs_no_other_folder(places: Places) -> None:
    good = places.train[0].read_text()
    places.train[0].write_text(good.replace('"completion": "3!"', '"completion": 3') + "no json\n")
    with pytest.raises(Error, match=r"data.jsonl line 3: .*; data.jsonl line 25: it is no JSON"):
        prepare(config(), places, render=render)
    with pytest.raises(Error, match=r"data\.jsonl line 25"):
        prepare(config(), places, render=render)
    places.train[0].write_text(good)
    said = config(steps={"batch": 8, "rate": 1e-2, "most": 2})  # and other settings as well
    prepare(said, places, render=render)
    assert train(said, places)["step"] == 2
    with pytest.raises(Error, match="There is a run"):
        prepare(said, places, render=render)


def test_a_template_that_cannot_be_used(places: Places) -> None:
    with quant_parts.renderer() as renderer:
        if renderer is None:
            pytest.skip("templates cannot be rendered safely on this system")
        for template, words in (
            ("{% for x %}", "template"), ("{{ nothing.of.this() }}", "undefined"), ("the same for all", "answer"),
        ):  # fmt: skip
            with pytest.raises(Error) as caught:
                prepare(config(), places, render=renderer, template=template)
            assert words in caught.value.message, (template, caught.value)
        prepare(config(), places, render=renderer)
