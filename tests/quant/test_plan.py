"""Plans: never over the budget, as good as trying everything, and better than one type for all of the same size."""

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rushlight import Error
from rushlight.quant import plan, quantize
from rushlight.quant.gguf_check import check
from rushlight.quant.gguf_tensors import GgufTensors
from rushlight.quant.plan import Choice, choose

TEXT = "the capital of France is Paris and the world is a user of words " * 30


def _random_choices(random: np.random.Generator, n_tensors: int) -> dict[str, list[Choice]]:
    found = {}
    for i in range(n_tensors):
        sizes = np.cumsum(random.integers(1, 40, 4))
        losses = np.sort(random.exponential(1.0, 4))[::-1]
        found[str(i)] = [
            Choice(f"T{j}", int(size), float(loss)) for j, (size, loss) in enumerate(zip(sizes, losses, strict=True))
        ]
    return found


def test_choices_are_near_the_best_and_within_the_budget() -> None:
    random = np.random.default_rng(1)
    for _ in range(150):
        choices = _random_choices(random, 5)
        least = sum(options[0].size_bytes for options in choices.values())
        most = sum(options[-1].size_bytes for options in choices.values())
        budget = int(random.integers(least, most + 5))
        chosen = choose(choices, budget)
        assert sum(one.size_bytes for one in chosen.values()) <= budget
        best = min(
            sum(one.loss for one in some)
            for some in itertools.product(*choices.values())
            if sum(one.size_bytes for one in some) <= budget
        )
        # The greedy way along convex hulls misses at most what one step brings.
        largest = max(options[0].loss - options[-1].loss for options in choices.values())
        assert best <= sum(one.loss for one in chosen.values()) <= best + largest


def test_with_room_for_all_everything_is_the_best() -> None:
    choices = _random_choices(np.random.default_rng(2), 6)
    assert all(
        one == options[-1] for one, options in zip(choose(choices, 10**9).values(), choices.values(), strict=True)
    )


def test_too_small_a_budget_is_said() -> None:
    with pytest.raises(Error) as refused:
        choose({"a": [Choice("Q4_0", 100, 1.0)]}, 99)
    assert refused.value.kind == "too-small"


def test_a_larger_type_that_is_worse_is_never_taken() -> None:
    chosen = choose({"a": [Choice("Q4_0", 18, 2.0), Choice("IQ4_NL", 18, 1.0), Choice("Q4_1", 20, 1.5)]}, 100)
    assert chosen["a"].type_name == "IQ4_NL"


def test_groups() -> None:
    assert plan.group_of("blk.0.attn_q.weight", 30) == "attn_q 1/3"
    assert plan.group_of("blk.29.ffn_down.weight", 30) == "ffn_down 3/3"
    assert plan.group_of("token_embd.weight", 30) == "token_embd"


def test_a_plan_of_a_model_is_made_and_kept_to(gguf_builder: "object", tmp_path: Path) -> None:
    model: Path = gguf_builder.tiny_llama_gguf(  # type: ignore[attr-defined]
        tmp_path / "m.gguf", n_embd=256, n_ff=512, n_layers=3
    )
    budget = 1_500_000
    found = plan.make_plan(model, TEXT, budget, n_ctx=64, most_windows=2, folder=tmp_path)
    assert found.size_bytes <= budget
    assert set(found.types) == {t.name for t in check(model).tensors if len(t.shape) == 2}
    assert len(set(found.types.values())) > 1
    made = quantize.make(model, tmp_path / "planned.gguf", "Q4_K_M", types=found.types)
    assert made.size_bytes <= budget
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.gguf", "planned.gguf"]


def test_a_plan_of_a_split_model_is_for_all_its_parts(make_split: Callable[..., list[Path]], tmp_path: Path) -> None:
    parts = make_split(5, n_embd=256, n_ff=512, n_layers=1)
    assert len(parts) == 3
    with GgufTensors(parts[0]) as opened:
        matrices = {name for name, tensor in opened.tensors.items() if len(tensor.shape) == 2}
    found = plan.make_plan(parts[0], TEXT, 600_000, n_ctx=64, most_windows=1, folder=tmp_path)
    assert len(matrices) == 9 and set(found.types) == matrices
    made = quantize.make(parts[0], tmp_path / "planned.gguf", "Q4_K_M", types=found.types)
    assert made.size_bytes <= found.size_bytes <= 600_000
