"""Whole merges: folders and GGUF files in, folders and GGUF files out, adapters, and what cannot be merged."""

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from rushlight import Error, Stop
from rushlight.quant.adapters import gguf_products, peft_products
from rushlight.quant.convert.to_gguf import open_weights
from rushlight.quant.gguf_check import check
from rushlight.quant.gguf_tensors import GgufTensors
from rushlight.quant.rows import whole
from rushlight.quant.unpack import unpack
from rushlight.trainer.merge.adapters import are_adapters, merge_adapters
from rushlight.trainer.merge.config import checked, read_config
from rushlight.trainer.merge.merge import merge, plan


@pytest.fixture
def models(make_gguf: Callable[..., Path], tmp_path: Path) -> dict[str, Path]:
    """base and b as folders, a as a GGUF file; same shape, other weights."""
    found = {"a": make_gguf("a.gguf", seed=5, quantization="F32")}
    for name, seed in (("base", 4), ("b", 6)):
        found[name] = tmp_path / name
        unpack(make_gguf(f"{name}.gguf", seed=seed, quantization="F32"), found[name])
    return found


def weights(path: Path) -> dict[str, np.ndarray]:
    with open_weights(path) as tensors:
        return {name: whole(rows).copy() for name, rows in tensors.items()}


def config(**more: Any) -> Any:
    values = {"method": "linear", "out": "x", "models": [{"model": "a"}, {"model": "b", "weight": 3.0}], **more}
    return checked(values)


def test_a_file_and_a_folder_become_a_folder(models: dict[str, Path], tmp_path: Path) -> None:
    reports: list[float] = []
    out = tmp_path / "merged"
    made = merge(config(dtype="F32"), models, out, on_progress=lambda one: reports.append(one.fraction or 0))
    unpack(models["a"], tmp_path / "a")
    a, b, found = weights(tmp_path / "a"), weights(models["b"]), weights(out)
    assert found.keys() == b.keys() and made.n_tensors == len(b)
    for name, values in found.items():
        assert np.allclose(values, (a[name] + 3 * b[name]) / 4, atol=1e-6), name
    assert json.loads((out / "config.json").read_text())["dtype"] == "float32"
    assert (out / "tokenizer.json").exists() and reports[-1] == 1.0
    assert json.loads((out / "merge.json").read_text())["config"]["method"] == "linear"


def test_several_shards_are_read_and_written(models: dict[str, Path], tmp_path: Path) -> None:
    out, again = tmp_path / "merged", tmp_path / "again"
    merge(config(dtype="F32"), models, out, shard_bytes=100_000)
    assert len(list(out.glob("model-*.safetensors"))) > 2
    same = checked({"method": "linear", "out": "x", "models": [{"model": "m"}]})
    merge(same, {"m": out}, again)
    assert all(np.array_equal(values, weights(again)[name]) for name, values in weights(out).items())


def test_the_result_can_be_a_file(models: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "merged.gguf"
    merge(config(out="merged.gguf", method="ties", base="base", dtype="F32",
                 models=[{"model": "a", "density": 0.3}, {"model": "b", "density": 0.5}]), models, out)  # fmt: skip
    assert check(out).kind == "model"
    with GgufTensors(out) as merged, GgufTensors(models["a"]) as first:
        assert merged.tensors.keys() == first.tensors.keys()
    assert not [path for path in tmp_path.iterdir() if "merging" in path.name]


def test_settings_can_differ_from_layer_to_layer(models: dict[str, Path], tmp_path: Path) -> None:
    merge(config(method="slerp", t=[0.0, 1.0], dtype="F32", models=[{"model": "base"}, {"model": "b"}]), models,
          tmp_path / "merged")  # fmt: skip
    base, b, found = weights(models["base"]), weights(models["b"]), weights(tmp_path / "merged")
    first, last = "model.layers.0.mlp.up_proj.weight", "model.layers.1.mlp.up_proj.weight"
    assert np.allclose(found[first], base[first], atol=1e-6) and np.allclose(found[last], b[last], atol=1e-6)


def test_layers_are_stacked(models: dict[str, Path], tmp_path: Path) -> None:
    slices = [{"model": "base", "layers": [0, 2]}, {"model": "b", "layers": [1, 2]}]
    out = tmp_path / "tall"
    merge(checked({"method": "passthrough", "out": "tall", "slices": slices}), models, out)
    b, found = weights(models["b"]), weights(out)
    assert json.loads((out / "config.json").read_text())["num_hidden_layers"] == 3
    name = "self_attn.q_proj.weight"
    assert np.array_equal(found[f"model.layers.2.{name}"], b[f"model.layers.1.{name}"])
    too_many = checked({"method": "passthrough", "out": "y", "slices": [{"model": "b", "layers": [1, 7]}]})
    with pytest.raises(Error, match="2 layers, not 7"):
        merge(too_many, models, tmp_path / "y")


def test_layers_of_another_width_are_refused(
    make_gguf: Callable[..., Path], models: dict[str, Path], tmp_path: Path
) -> None:
    models["narrow"] = make_gguf("narrow.gguf", n_embd=32, n_ff=64, quantization="F32")
    narrow = {"model": "narrow", "layers": [0, 1]}
    cases: list[dict[str, Any]] = [
        {"slices": [{"model": "base", "layers": [0, 1]}, narrow]},
        {"slices": [narrow], "base": "base"},  # whose embedding is wider than those layers
    ]
    for said in cases:
        with pytest.raises(Error, match=r"32 in narrow, .*64 in base; .*more tensors differ") as caught:
            plan(checked({"method": "passthrough", "out": "x", **said}), models, tmp_path / "x")
        assert caught.value.kind == "unlike-models"
    merge(checked({"method": "passthrough", "out": "y", "slices": [narrow, narrow]}), models, tmp_path / "y")
    assert not (tmp_path / "x").exists() and (tmp_path / "y").exists()


def test_a_plan_says_what_will_be_and_makes_nothing(models: dict[str, Path], tmp_path: Path) -> None:
    made = plan(config(dtype="BF16"), models, tmp_path / "merged")
    assert made.n_parameters > 1000 and made.size_bytes == 2 * made.n_parameters and made.tokenizer == "a"
    assert not (tmp_path / "merged").exists()


def test_models_that_do_not_fit_are_refused_with_all_reasons(
    make_gguf: Callable[..., Path], models: dict[str, Path], tmp_path: Path
) -> None:
    models["b"] = make_gguf("wide.gguf", n_ff=192, n_vocab=340)
    with pytest.raises(Error, match="Cannot merge") as caught:
        merge(config(), models, tmp_path / "merged")
    assert "340" in str(caught.value) and "128" in str(caught.value) and "tokens" in str(caught.value)
    assert not (tmp_path / "merged").exists()


def test_a_stopped_merge_leaves_nothing(models: dict[str, Path], tmp_path: Path) -> None:
    stop = Stop()
    before = set(tmp_path.iterdir())
    with pytest.raises(Error, match="Stopped"):
        merge(config(), models, tmp_path / "merged", stop=stop, on_progress=lambda _: stop.set())
    assert set(tmp_path.iterdir()) == before


def test_every_problem_of_a_config_is_named_at_once(tmp_path: Path) -> None:
    path = tmp_path / "merge.toml"
    path.write_text('methd = "ties"\nseed = "x"\n[[models]]\nmodel = "a"\nwieght = 2\n')
    with pytest.raises(Error) as caught:
        read_config(path)
    for words in ("methd is no setting", "did you mean method?", "models.0.wieght", "did you mean weight?",
                  "method is missing", "out is missing", "seed:"):  # fmt: skip
        assert words in caught.value.message, words
    path.write_text('method = "ties"\nout = "o"\ndtype = "Q2"\n[[models]]\nmodel = "a"\ndensity = 3.0\n')
    with pytest.raises(Error) as caught:
        read_config(path, ["models.0.weight=1e9"])
    for words in ("Q2", "density", "weight"):
        assert words in caught.value.message, words


def test_a_setting_of_the_command_line_wins(tmp_path: Path) -> None:
    path = tmp_path / "merge.toml"
    path.write_text('method = "linear"\nout = "o"\n[[models]]\nmodel = "a"\n')
    found = read_config(path, ["models.0.weight=0.25", "dtype=BF16"])
    assert found.models[0].weight == 0.25 and found.dtype == "BF16"
    with pytest.raises(Error, match="Cannot set"):
        read_config(path, ["models.7.weight=1"])


def products_close(found: Any, expected: dict[str, np.ndarray], tolerance: float = 1e-4) -> None:
    assert found.keys() == expected.keys()
    for module, (a, b, factor) in found.items():
        assert np.allclose(factor * (b @ a), expected[module], atol=tolerance), module


def test_adapters_are_merged_exactly(gguf_builder: ModuleType, tmp_path: Path) -> None:
    one = gguf_builder.tiny_lora_gguf(tmp_path / "one.gguf", rank=4, seed=2)
    two = gguf_builder.tiny_lora_gguf(tmp_path / "two.gguf", rank=2, seed=3)
    assert are_adapters([one, two])
    said = checked({"method": "linear", "out": "o.gguf", "normalize": False,
                    "models": [{"model": "a", "weight": 0.5}, {"model": "b", "weight": -1.0}]})  # fmt: skip
    made = merge_adapters(said, {"a": one, "b": two}, tmp_path / "o.gguf")
    assert made.rank == 6 and made.lost == 0.0
    first, second = gguf_products(one), gguf_products(two)
    expected = {
        module: 0.5 * first[module][2] * (first[module][1] @ first[module][0])
        - second[module][2] * (second[module][1] @ second[module][0])
        for module in first
    }
    products_close(gguf_products(tmp_path / "o.gguf"), expected)


def test_pruned_adapters_come_back_to_a_rank(gguf_builder: ModuleType, tmp_path: Path) -> None:
    one = gguf_builder.tiny_lora_gguf(tmp_path / "one.gguf", rank=4, seed=2)
    said = {"method": "ties", "out": "o.gguf", "rank": 64, "models": [{"model": "a", "density": 0.3}]}
    made = merge_adapters(checked(said), {"a": one}, tmp_path / "o.gguf")
    assert made.lost < 1e-3  # the rank is as large as the matrices: nothing is lost but what was pruned
    first, found = gguf_products(one), gguf_products(tmp_path / "o.gguf")
    for module, (a, b, factor) in first.items():
        change = factor * (b @ a)
        cut = np.sort(np.abs(change).reshape(-1))[-int(0.3 * change.size)]
        expected = np.where(np.abs(change) >= cut, change, 0)
        assert np.allclose(found[module][2] * (found[module][1] @ found[module][0]), expected, atol=1e-4)
    low = merge_adapters(checked({**said, "rank": 2}), {"a": one}, tmp_path / "p.gguf")
    assert low.rank == 2 and 0.2 < low.lost < 1
    with pytest.raises(Error, match="base is named"):
        merge_adapters(checked({**said, "base": "x"}), {"a": one}, tmp_path / "q.gguf")


def test_a_base_is_asked_for_where_one_is_needed(models: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(Error, match="needs a 'base'"):
        merge(config(method="ties"), models, tmp_path / "merged")


def test_peft_folders_are_merged(tmp_path: Path) -> None:
    from rushlight.quant.rows import Array
    from rushlight.quant.safetensors_file import write_safetensors

    rng = np.random.default_rng(0)
    paths = {}
    for name, rank in (("a", 4), ("b", 8)):
        paths[name] = tmp_path / name
        paths[name].mkdir()
        pair = [
            (f"base_model.model.model.layers.0.self_attn.q_proj.lora_{side}.weight",
             Array(rng.standard_normal(shape).astype(np.float32)))
            for side, shape in (("A", (rank, 16)), ("B", (24, rank)))
        ]  # fmt: skip
        write_safetensors(paths[name] / "adapter_model.safetensors", pair, "F32")
        settings = {"peft_type": "LORA", "r": rank, "lora_alpha": 16, "target_modules": ["q_proj"]}
        (paths[name] / "adapter_config.json").write_text(json.dumps(settings))
    said = checked({"method": "linear", "out": "m", "models": [{"model": "a"}, {"model": "b"}]})
    merge_adapters(said, paths, tmp_path / "m")
    first, second = peft_products(paths["a"]), peft_products(paths["b"])
    expected = {
        module: (first[module][2] * first[module][1] @ first[module][0]
                 + second[module][2] * second[module][1] @ second[module][0]) / 2
        for module in first
    }  # fmt: skip
    products_close(peft_products(tmp_path / "m"), expected)
    small = checked({"method": "linear", "out": "n", "rank": 3, "models": [{"model": "a"}, {"model": "b"}]})
    made = merge_adapters(small, paths, tmp_path / "n")
    ((module, change),) = expected.items()
    u, s, vt = np.linalg.svd(change)
    products_close(peft_products(tmp_path / "n"), {module: (u[:, :3] * s[:3]) @ vt[:3]}, 1e-3)
    assert made.rank == 3 and made.lost == pytest.approx(np.sqrt(1 - (s[:3] ** 2).sum() / (s**2).sum()), abs=1e-4)
    with pytest.raises(Error, match="mixed"):
        merge_adapters(said, paths, tmp_path / "x.gguf")
